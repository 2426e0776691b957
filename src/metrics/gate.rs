//! What the gate counts: decisions, operations, approvals, the audit log.

use std::time::Duration;

use prometheus::{Histogram, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec};

use crate::domains::State;

use super::signal::Signal;
use super::{LONG, MetricsError, PATIENT, Registry, SHORT};

/// The gate's metrics.
pub struct Gate {
    registry: Registry,
    decisions: IntCounterVec,
    policy_duration: Histogram,
    shadow: IntCounterVec,
    operations: IntCounterVec,
    operation_duration: HistogramVec,
    sandbox_runs: IntCounterVec,
    sandbox_start: HistogramVec,
    approvals: IntCounterVec,
    approval_wait: Histogram,
    /// Approvals that wait for people now.
    pub approvals_pending: IntGauge,
    /// 1 while messages reach the approval channel.
    pub approval_channel_up: IntGauge,
    /// Approvers that can be asked now.
    pub approvers_reachable: IntGauge,
    /// Records in the audit log since the gate began.
    pub audit_records: IntCounter,
    audit_append: Histogram,
    /// Records that could not be written; what they were to permit did not happen.
    pub audit_errors: IntCounter,
    preflight_checks: IntGaugeVec,
    /// Without a sample until somebody has looked: nothing found is not nothing there.
    sudoers_risky: IntGaugeVec,
    list_entries: IntGaugeVec,
    list_skipped: IntGaugeVec,
    list_written: IntGaugeVec,
    list_good: IntGaugeVec,
    screened: IntCounterVec,
    shielded: IntCounterVec,
    shield_unsure: IntCounterVec,
    shield_pieces: IntCounterVec,
    shield_duration: HistogramVec,
    alarms_raised: IntCounterVec,
    alarms_ended: IntCounterVec,
    alarm_tries: IntCounterVec,
    spans: IntCounterVec,
    /// Alarms that were not delivered yet.
    pub alarms_waiting: IntGauge,
    secret_fetched: IntGaugeVec,
    drill_answers: IntCounterVec,
    /// Of the channel to people.
    pub signal: Signal,
}

impl Gate {
    /// All at zero.
    ///
    /// # Errors
    /// Only when two of them have one name.
    pub fn new() -> Result<Self, MetricsError> {
        let mut r = Registry::new();
        Ok(Self {
            decisions: r.counters(
                "reeve_decisions_total",
                "What was decided about operations",
                &["kind", "op", "verdict"],
            )?,
            policy_duration: r.histogram(
                "reeve_policy_duration_seconds",
                "Time that one evaluation of the policy took",
                SHORT,
            )?,
            shadow: r.counters(
                "reeve_policy_shadow_total",
                "Decisions that the policy on trial was asked beside the live one, by what came of it",
                &["outcome"],
            )?,
            operations: r.counters(
                "reeve_operations_total",
                "Operations that came into a state",
                &["kind", "op", "state"],
            )?,
            operation_duration: r.histograms(
                (
                    "reeve_operation_duration_seconds",
                    "Time from the start of an operation's first step to its end",
                ),
                &["kind", "op"],
                LONG,
            )?,
            sandbox_runs: r.counters(
                "reeve_sandbox_runs_total",
                "Runs of declared tools, by how they ended",
                &["tier", "outcome"],
            )?,
            sandbox_start: r.histograms(
                (
                    "reeve_sandbox_start_seconds",
                    "Time from making a tool's first process until what confines the tool was in force",
                ),
                &["tier"],
                SHORT,
            )?,
            approvals: r.counters("reeve_approvals_total", "How approvals ended", &["outcome"])?,
            approval_wait: r.histogram(
                "reeve_approval_wait_seconds",
                "Time from asking people to the end of an approval",
                PATIENT,
            )?,
            approvals_pending: r.gauge("reeve_approvals_pending", "Approvals that wait for people")?,
            approval_channel_up: r
                .gauge("reeve_approval_channel_up", "Whether messages reach the approval channel")?,
            approvers_reachable: r.gauge("reeve_approvers_reachable", "Approvers that can be asked now")?,
            audit_records: r.counter("reeve_audit_records_total", "Records written to the audit log")?,
            audit_append: r.histogram(
                "reeve_audit_append_seconds",
                "Time until a record was durable in the audit log",
                SHORT,
            )?,
            audit_errors: r
                .counter("reeve_audit_errors_total", "Records that could not be written to the audit log")?,
            preflight_checks: r.gauges(
                "reeve_preflight_checks",
                "How each check of the last `reeve doctor` came out",
                &["check", "status"],
            )?,
            sudoers_risky: r.gauges(
                "reeve_sudoers_risky_entries",
                "Lines of sudo's configuration that let somebody do more than a reader expects",
                &[],
            )?,
            screened: r.counters(
                "reeve_screened_total",
                "Texts that were looked at, by what they looked like",
                &["stage", "rating"],
            )?,
            shielded: r.counters(
                "reeve_shielded_total",
                "Texts that Prompt Shields were asked about, by what they said",
                &["stage", "verdict"],
            )?,
            shield_unsure: r.counters(
                "reeve_shield_unsure_total",
                "Texts of which Prompt Shields could not say it, by why",
                &["why"],
            )?,
            shield_pieces: r.counters(
                "reeve_shield_pieces_total",
                "Pieces of these texts, by whether the answer was known from before",
                &["from"],
            )?,
            shield_duration: r.histograms(
                ("reeve_shield_duration_seconds", "Time until Prompt Shields had said it, or could not"),
                &["stage"],
                LONG,
            )?,
            alarms_raised: r.counters(
                "reeve_alarms_raised_total",
                "Alarms for people, by what they are about and whether they wait to be delivered",
                &["what", "outcome"],
            )?,
            alarms_ended: r.counters(
                "reeve_alarms_ended_total",
                "Alarms that were delivered, or whose time was over before, by way",
                &["by", "outcome"],
            )?,
            alarm_tries: r.counters(
                "reeve_alarm_tries_total",
                "Attempts to deliver the alarms that have ended, by way",
                &["by"],
            )?,
            spans: r.counters(
                "reeve_gate_spans_total",
                "Spans that the gate made, by what became of them",
                &["outcome"],
            )?,
            alarms_waiting: r.gauge("reeve_alarms_waiting", "Alarms that were not delivered yet")?,
            secret_fetched: r.gauges(
                "reeve_secret_fetched_timestamp_seconds",
                "When the value of a vault's secret that is in force was fetched",
                &["secret"],
            )?,
            drill_answers: r.counters(
                "reeve_drill_answers_total",
                "What people answered in drills: `right`, `wrong` where they confirmed a seeded wrong target, or `none`",
                &["outcome"],
            )?,
            list_entries: r.gauges(
                "reeve_domain_list_entries",
                "Entries of a list that are in force",
                &["list"],
            )?,
            list_skipped: r.gauges(
                "reeve_domain_list_skipped_lines",
                "Lines of a list that are none and were skipped",
                &["list"],
            )?,
            list_written: r.gauges(
                "reeve_domain_list_written_timestamp_seconds",
                "When what is in force of a list was written",
                &["list"],
            )?,
            list_good: r.gauges(
                "reeve_domain_list_good",
                "Whether the latest of a list is in force, and not the last good one",
                &["list"],
            )?,
            signal: Signal::new(&mut r)?,
            registry: r,
        })
    }

    /// A decision was made. `kind` and `op` are those of the catalogue, or `tool` and `other` for what Reeve does not run.
    pub fn decided(&self, kind: &str, op: &str, verdict: &str) {
        self.decisions.with_label_values(&[kind, op, verdict]).inc();
    }

    /// The policy was evaluated.
    pub fn policy_took(&self, time: Duration) {
        self.policy_duration.observe(time.as_secs_f64());
    }

    /// The policy on trial was asked: `same`, `other_rule`, `other_verdict`, `failed` or `skipped`.
    pub fn shadowed(&self, outcome: &str) {
        self.shadow.with_label_values(&[outcome]).inc();
    }

    /// An operation came into a state.
    pub fn operation_is(&self, kind: &str, op: &str, state: &str) {
        self.operations.with_label_values(&[kind, op, state]).inc();
    }

    /// An operation ended, so long after its first step began.
    pub fn operation_took(&self, kind: &str, op: &str, time: Duration) {
        self.operation_duration.with_label_values(&[kind, op]).observe(time.as_secs_f64());
    }

    /// A declared tool ran, and ended so: `itself`, `signal`, `limit`, `trap`, `unseen`, or `refused` when it did not begin.
    pub fn sandbox_ran(&self, tier: &str, outcome: &str, start: Option<Duration>) {
        self.sandbox_runs.with_label_values(&[tier, outcome]).inc();
        if let Some(start) = start {
            self.sandbox_start.with_label_values(&[tier]).observe(start.as_secs_f64());
        }
    }

    /// An approval ended: `approved`, `refused`, `expired`, `cancelled` or `superseded`.
    pub fn approval_ended(&self, outcome: &str, waited: Duration) {
        self.approvals.with_label_values(&[outcome]).inc();
        self.approval_wait.observe(waited.as_secs_f64());
    }

    /// Records became durable, so long after they were handed over.
    pub fn audit_took(&self, records: u64, time: Duration) {
        self.audit_records.inc_by(records);
        self.audit_append.observe(time.as_secs_f64());
    }

    /// What the last examination of the host found: each check, and how it came out.
    pub fn preflight<'a>(&self, checks: impl Iterator<Item = (&'a str, &'a str)>) {
        self.preflight_checks.reset();
        for (check, status) in checks {
            self.preflight_checks.with_label_values(&[check, status]).set(1);
        }
    }

    /// How many risky lines sudo's configuration has, if somebody could look.
    pub fn sudoers(&self, risky: Option<i64>) {
        self.sudoers_risky.reset();
        if let Some(risky) = risky {
            self.sudoers_risky.with_label_values::<&str>(&[]).set(risky);
        }
    }

    /// Something was looked at, and rated so.
    pub fn screened(&self, stage: &str, rating: &str) {
        self.screened.with_label_values(&[stage, rating]).inc();
    }

    /// Prompt Shields were asked about something, in pieces of which so many were asked about and so many were known.
    pub fn shielded(&self, stage: &str, verdict: &str, (asked, kept): (usize, usize), took: Duration) {
        self.shielded.with_label_values(&[stage, verdict]).inc();
        for (from, pieces) in [("azure", asked), ("cache", kept)] {
            self.shield_pieces.with_label_values(&[from]).inc_by(u64::try_from(pieces).unwrap_or(u64::MAX));
        }
        self.shield_duration.with_label_values(&[stage]).observe(took.as_secs_f64());
    }

    /// They could not say it.
    pub fn shield_unsure(&self, why: &str) {
        self.shield_unsure.with_label_values(&[why]).inc();
    }

    /// An alarm was raised: it `waits`, is `quiet` because the same was raised a moment ago, or was `dropped`.
    pub fn alarm_raised(&self, what: &str, outcome: &str) {
        self.alarms_raised.with_label_values(&[what, outcome]).inc();
    }

    /// An alarm ended on one way, `told` or `expired`, after so many attempts.
    pub fn alarm_ended(&self, by: &str, outcome: &str, tries: u32) {
        self.alarms_ended.with_label_values(&[by, outcome]).inc();
        self.alarm_tries.with_label_values(&[by]).inc_by(u64::from(tries));
    }

    /// How the secrets from vaults are: all that there are.
    pub fn secrets_are(&self, state: &crate::secret::State) {
        self.secret_fetched.reset();
        for fetched in &state.secrets {
            if let Some(good_at) = fetched.good_at {
                self.secret_fetched.with_label_values(&[fetched.reference.as_str()]).set(good_at);
            }
        }
    }

    /// What counts what became of spans: `exported`, `rejected`, `dropped` or `lost`.
    pub fn spans(&self) -> impl Fn(&'static str, u64) + Send + Sync + use<> {
        let spans = self.spans.clone();
        move |outcome, count| spans.with_label_values(&[outcome]).inc_by(count)
    }

    /// Somebody was asked in a drill: `right`, `wrong`, or `none` in time.
    pub fn drill_answered(&self, outcome: &str) {
        self.drill_answers.with_label_values(&[outcome]).inc();
    }

    /// How the lists of domains are: all that there are.
    pub fn lists_are(&self, states: &[State]) {
        for family in [&self.list_entries, &self.list_skipped, &self.list_written, &self.list_good] {
            family.reset();
        }
        let number = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        for state in states {
            let of_list = [state.name.as_str()];
            self.list_entries.with_label_values(&of_list).set(number(state.entries.unwrap_or_default()));
            self.list_skipped.with_label_values(&of_list).set(number(state.bad_count));
            self.list_good.with_label_values(&of_list).set(i64::from(state.problem.is_none()));
            if let Some(written) = state.written {
                self.list_written.with_label_values(&of_list).set(written);
            }
        }
    }

    /// A line about each, for the golden file.
    #[must_use]
    pub fn described(&self) -> &[String] {
        &self.registry.described
    }

    /// All of them in Prometheus' text form.
    ///
    /// # Errors
    /// Only when a metric contradicts itself.
    pub fn text(&self) -> Result<String, MetricsError> {
        self.registry.text()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_happened_is_in_the_text() {
        let gate = Gate::new().unwrap();
        gate.decided("zfs", "destroy", "review");
        gate.operation_is("zfs", "destroy", "pending");
        gate.operation_took("zfs", "destroy", Duration::from_secs(2));
        gate.sandbox_ran("c", "limit", Some(Duration::from_millis(8)));
        gate.sandbox_ran("b", "refused", None);
        gate.approval_ended("refused", Duration::from_secs(90));
        gate.audit_took(3, Duration::from_millis(2));
        gate.policy_took(Duration::from_micros(700));
        gate.shadowed("other_verdict");
        gate.approvals_pending.set(4);
        let text = gate.text().unwrap();
        for line in [
            "reeve_decisions_total{kind=\"zfs\",op=\"destroy\",verdict=\"review\"} 1",
            "reeve_operations_total{kind=\"zfs\",op=\"destroy\",state=\"pending\"} 1",
            "reeve_operation_duration_seconds_bucket{kind=\"zfs\",op=\"destroy\",le=\"5\"} 1",
            "reeve_sandbox_runs_total{outcome=\"limit\",tier=\"c\"} 1",
            "reeve_sandbox_runs_total{outcome=\"refused\",tier=\"b\"} 1",
            "reeve_sandbox_start_seconds_count{tier=\"c\"} 1",
            "reeve_approvals_total{outcome=\"refused\"} 1",
            "reeve_approval_wait_seconds_sum 90",
            "reeve_audit_records_total 3",
            "reeve_policy_duration_seconds_count 1",
            "reeve_policy_shadow_total{outcome=\"other_verdict\"} 1",
            "reeve_approvals_pending 4",
            "reeve_audit_errors_total 0",
        ] {
            assert!(text.lines().any(|there| there == line), "{line} is not in\n{text}");
        }
    }
}
