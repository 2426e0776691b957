//! What the gate counts of the channel to people: what was sent and what came of it, and how the daemon is.

use std::collections::BTreeMap;

use prometheus::{IntCounter, IntCounterVec, IntGauge, IntGaugeVec};

use super::{MetricsError, Registry};

/// The channel's metrics.
pub struct Signal {
    sends: IntCounterVec,
    dropped: IntCounterVec,
    given_up: IntCounterVec,
    /// Messages that wait to be sent.
    pub queue: IntGauge,
    /// For how many seconds the server still wants nothing.
    pub held: IntGauge,
    /// Whether it wants a captcha solved.
    pub captcha: IntGauge,
    last_heard: IntGaugeVec,
    identity_ok: IntGaugeVec,
    prompts: IntCounterVec,
    daemon: IntGaugeVec,
    daemon_age: IntGaugeVec,
    canary: IntCounterVec,
    canary_at: IntGaugeVec,
}

impl Signal {
    pub(super) fn new(r: &mut Registry) -> Result<Self, MetricsError> {
        Ok(Self {
            sends: r.counters(
                "reeve_signal_sends_total",
                "Attempts to send a message, by how they came out",
                &["result"],
            )?,
            dropped: r.counters(
                "reeve_signal_dropped_total",
                "Notifications of the daemon that are no message of a person, by why",
                &["reason"],
            )?,
            given_up: r.counters(
                "reeve_signal_queue_dropped_total",
                "Messages that were given up because too many waited, by what they were",
                &["worth"],
            )?,
            queue: r.gauge("reeve_signal_queue_length", "Messages that wait to be sent")?,
            held: r.gauge("reeve_signal_held_seconds", "For how long the server still takes no message")?,
            captcha: r.gauge(
                "reeve_signal_captcha_wanted",
                "Whether the server takes no message before a captcha is solved",
            )?,
            last_heard: r.gauges(
                "reeve_signal_last_heard_timestamp_seconds",
                "When the daemon was last heard",
                &[],
            )?,
            identity_ok: r.gauges(
                "reeve_approver_identity_ok",
                "Whether an approver's newest identity key is the enrolled one",
                &["approver"],
            )?,
            prompts: r.counters(
                "reeve_prompts_total",
                "Questions to people: `delivered` and `read` by each phone, `undelivered` where none had one in time",
                &["state"],
            )?,
            daemon: r.gauges("reeve_signal_daemon_info", "The daemon's version", &["version"])?,
            daemon_age: r.gauges(
                "reeve_signal_daemon_age_seconds",
                "How old the daemon's version is at least; Signal refuses those of about three months",
                &[],
            )?,
            canary: r.counters(
                "reeve_signal_canary_total",
                "Notes of the account to itself, by what came of them",
                &["outcome"],
            )?,
            canary_at: r.gauges(
                "reeve_signal_canary_timestamp_seconds",
                "When the server last took a note of the account to itself",
                &[],
            )?,
        })
    }

    /// How many attempts came out how, since the link began.
    pub fn sends_are(&self, results: &BTreeMap<&'static str, u64>) {
        for (result, count) in results {
            reach(&self.sends.with_label_values(&[*result]), *count);
        }
    }

    /// How many notifications were dropped why.
    pub fn dropped_are<'a>(&self, reasons: impl Iterator<Item = (&'a str, u64)>) {
        for (reason, count) in reasons {
            reach(&self.dropped.with_label_values(&[reason]), count);
        }
    }

    /// How many messages were given up.
    pub fn given_up_are<'a>(&self, worths: impl Iterator<Item = (&'a str, u64)>) {
        for (worth, count) in worths {
            reach(&self.given_up.with_label_values(&[worth]), count);
        }
    }

    /// When the daemon was last heard, in seconds since 1970.
    pub fn heard_at(&self, at: i64) {
        self.last_heard.with_label_values::<&str>(&[]).set(at);
    }

    /// Whose key is the enrolled one.
    pub fn identities_are(&self, keys: &BTreeMap<String, bool>) {
        self.identity_ok.reset();
        for (approver, holds) in keys {
            self.identity_ok.with_label_values(&[approver]).set(i64::from(*holds));
        }
    }

    /// A question is `delivered` or `read` on a phone, or `undelivered`.
    pub fn prompt_is(&self, state: &str) {
        self.prompts.with_label_values(&[state]).inc();
    }

    /// Which version the daemon is of, and how many seconds old that is at least.
    pub fn daemon_is(&self, version: &str, age: i64) {
        self.daemon.reset();
        self.daemon.with_label_values(&[version]).set(1);
        self.daemon_age.with_label_values::<&str>(&[]).set(age);
    }

    /// What came of a note to ourselves: `taken`, `came_back`, `lost` or `skipped`.
    pub fn canary_is(&self, outcome: &str) {
        self.canary.with_label_values(&[outcome]).inc();
    }

    /// When the server last took one, in seconds since 1970.
    pub fn canary_at(&self, at: i64) {
        self.canary_at.with_label_values::<&str>(&[]).set(at);
    }
}

/// Brings a counter to what was counted elsewhere.
fn reach(counter: &IntCounter, count: u64) {
    counter.inc_by(count.saturating_sub(counter.get()));
}
