//! What `reeve doctor` found, as the gate goes by it: for admins to read, in metrics, and, while something that nothing
//! may be built on is wrong, as a lockdown in which there are reads and approvals only.

mod report;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

pub use report::{Check, Report, Status, SudoRisk};

use super::config::PreflightSettings;
use super::protocol::{Answer, Problem, ProblemKind};
use super::{Gate, causes, from_millis};
use crate::audit::{Event, EventKind};
use crate::policy::PolicyDecision;
use crate::principal::{PrincipalName, Role};
use crate::sys::trusted_file;

/// How often it is looked whether root has written another one.
const LOOK: Duration = Duration::from_secs(2);
/// No report comes near this.
const MOST_BYTES: usize = 4 << 20;
/// The most checks that are shown as metrics, which must stay a bounded set.
const MOST_CHECKS: usize = 64;

/// What was read last.
#[derive(Default)]
pub(super) struct Preflight {
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    report: Option<Arc<Report>>,
    /// Why there is none.
    problem: Option<String>,
    /// The lockdown that was recorded last.
    recorded: Option<String>,
}

impl Preflight {
    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The report, if one was read.
    pub(super) fn report(&self) -> Option<Arc<Report>> {
        self.held().report.clone()
    }

    fn read(&self, settings: &PreflightSettings) {
        let read = trusted_file::read(&settings.report, MOST_BYTES);
        let mut held = self.held();
        let parsed = match read {
            Ok(bytes) => serde_json::from_slice::<Report>(&bytes).map_err(|error| causes(&error)),
            Err(error) if error.is_not_found() => Err("`reeve doctor` was never run".to_owned()),
            Err(error) => Err(causes(&error)),
        };
        match parsed {
            Ok(report) => {
                if held.report.as_deref() != Some(&report) {
                    held.report = Some(Arc::new(report));
                }
                held.problem = None;
            }
            Err(problem) => {
                if held.problem.as_ref() != Some(&problem) {
                    tracing::warn!(problem, "there is no report of `reeve doctor` to go by");
                }
                *held = Held { problem: Some(problem), recorded: held.recorded.take(), report: None };
            }
        }
    }
}

/// Why nothing may be changed now, if so: in words for callers, without what an attacker would look for.
fn lockdown(settings: &PreflightSettings, report: Option<&Report>, now: u64) -> Option<String> {
    let because = |checks: Vec<&str>| format!("lockdown: {} of this host", checks.join(", "));
    let Some(report) = report else {
        return settings.needed.then(|| "lockdown: this host was not examined".to_owned());
    };
    let failed: Vec<&str> = report.required(Status::Fail).collect();
    if !failed.is_empty() {
        return Some(because(failed) + " failed an examination");
    }
    if !settings.needed {
        return None;
    }
    let unseen: Vec<&str> = report.required(Status::CouldNotCheck).collect();
    if !unseen.is_empty() {
        return Some(because(unseen) + " could not be examined");
    }
    is_stale(settings, report, now).then(|| "lockdown: this host was not examined lately".to_owned())
}

fn is_stale(settings: &PreflightSettings, report: &Report, now: u64) -> bool {
    let most = u64::try_from(settings.max_age.as_millis()).unwrap_or(u64::MAX);
    // One from the future says nothing about now, either.
    now.abs_diff(report.at_ms) > most
}

impl Gate {
    /// The refusal of whatever changes something, while the host is in lockdown.
    pub(super) fn locked_down(&self, principal: &PrincipalName) -> Option<PolicyDecision> {
        let report = self.preflight.report();
        let reason = lockdown(&self.preflight_settings, report.as_deref(), self.now_ms())?;
        let rules = self.rules.load();
        let contract = rules.contracts.get(principal).map(|contract| contract.digest().clone());
        Some(PolicyDecision { contract, ..PolicyDecision::deny("lockdown", &reason, rules.revision.clone()) })
    }

    /// Reads the report for the first time, before anybody is answered.
    pub(super) async fn begin_preflight(self: &Arc<Self>) {
        // A lockdown holds whether it is recorded or not, and what could not be recorded is at the next look.
        drop(self.look_at_preflight().await);
        let gate = Arc::clone(self);
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(LOOK).await;
                drop(gate.look_at_preflight().await);
            }
        });
    }

    /// Whether what was decided earlier may be done now.
    pub(super) fn may_act(&self, principal: &PrincipalName) -> bool {
        self.frozen(principal).is_none() && self.locked_down(principal).is_none()
    }

    async fn look_at_preflight(self: &Arc<Self>) -> Result<(), Problem> {
        let gate = Arc::clone(self);
        let read = tokio::task::spawn_blocking(move || gate.preflight.read(&gate.preflight_settings)).await;
        if read.is_err() {
            return Err(Problem::new(ProblemKind::Unavailable, "the report could not be read"));
        }
        let report = self.preflight.report();
        self.show_preflight(report.as_deref());
        let now = lockdown(&self.preflight_settings, report.as_deref(), self.now_ms());
        if self.preflight.held().recorded == now {
            return Ok(());
        }
        let event = Event::new(EventKind::Lockdown).with("on", now.is_some()).with("why", json!(now));
        self.record(event).await?;
        match &now {
            Some(why) => {
                tracing::error!(why, "nothing but reads and approvals until `reeve doctor` is content")
            }
            None => tracing::info!("the lockdown is over"),
        }
        self.preflight.held().recorded = now;
        Ok(())
    }

    fn show_preflight(&self, report: Option<&Report>) {
        let shown = report.map(|report| report.checks.iter().take(MOST_CHECKS)).into_iter().flatten();
        self.metrics.preflight(shown.map(|check| (check.id.as_str(), check.status.as_str())));
        let risky = report.and_then(|report| report.sudoers.as_ref()).map(Vec::len);
        self.metrics.sudoers(risky.and_then(|count| i64::try_from(count).ok()));
    }

    /// How many risky lines sudo's configuration has; nothing where that could not be seen.
    pub(super) fn sudoers_warnings(&self) -> Option<u64> {
        let report = self.preflight.report()?;
        report.sudoers.as_ref().and_then(|risky| u64::try_from(risky.len()).ok())
    }

    /// `GET /admin/preflight`: every check, and what came of them.
    pub(super) fn preflight(&self, caller: &PrincipalName) -> Result<Answer, Problem> {
        self.admin(caller)?;
        let (report, problem) = {
            let held = self.preflight.held();
            (held.report.clone(), held.problem.clone())
        };
        let now = self.now_ms();
        let lockdown = lockdown(&self.preflight_settings, report.as_deref(), now);
        let stale = report.as_deref().map(|report| is_stale(&self.preflight_settings, report, now));
        let mut checks = report.as_deref().map(|report| report.checks.clone()).unwrap_or_default();
        checks.extend(self.seen_here());
        let worst = checks.iter().map(|check| check.status).max();
        let status = if report.is_none() || stale == Some(true) {
            worst.max(Some(Status::CouldNotCheck))
        } else {
            worst
        };
        Ok(Answer::Document(json!({
            "status": status.map(Status::as_str), "lockdown": lockdown, "stale": stale, "problem": problem,
            "checked_at": at(report.as_deref()), "checks": checks,
        })))
    }

    /// `GET /admin/warn-permissions`: what sudo lets people and services do that a reader would not expect.
    pub(super) fn warn_permissions(&self, caller: &PrincipalName) -> Result<Answer, Problem> {
        self.admin(caller)?;
        let report = self.preflight.report();
        let risky = report.as_deref().and_then(|report| report.sudoers.as_ref());
        let status = match risky {
            Some(risky) if risky.is_empty() => Status::Pass,
            Some(_) => Status::Warn,
            None => Status::CouldNotCheck,
        };
        Ok(Answer::Document(json!({
            "status": status, "checked_at": at(report.as_deref()), "warnings": risky.map(Vec::len), "entries": risky,
        })))
    }

    fn admin(&self, caller: &PrincipalName) -> Result<(), Problem> {
        if self.has_role(caller, Role::Admin) {
            return Ok(());
        }
        Err(Problem::new(ProblemKind::Forbidden, "what was found on this host is for the role admin"))
    }

    /// What the gate itself knows at this moment.
    fn seen_here(&self) -> Vec<Check> {
        let healthy = self.audit.healthy();
        let channel = match &self.channel {
            crate::approval::Channel::Signal(link) if link.is_up() => (Status::Pass, "messages reach people"),
            crate::approval::Channel::Signal(_) => (Status::Fail, "messages do not reach people"),
            crate::approval::Channel::None => (Status::Warn, "no channel is configured: nobody can be asked"),
        };
        let check = |id: &str, (status, evidence): (Status, &str), command: &str, fix: &str| Check {
            id: id.to_owned(),
            status,
            // The gate refuses by itself what needs them.
            required: false,
            evidence: vec![evidence.to_owned()],
            command: command.to_owned(),
            fix: fix.to_owned(),
        };
        let audit = if healthy {
            (Status::Pass, "records become durable")
        } else {
            (Status::Fail, "records cannot be written")
        };
        let (age, said) = self.daemon_judged();
        let is_known = self.daemon_age().is_some();
        let daemon = is_known
            .then(|| check("signal-daemon-age", (age, &said), "reeve signal status", "update signal-cli"));
        let all = [
            check(
                "audit-log-takes-records",
                audit,
                "journalctl -u reeve-gate",
                "make room on its file system",
            ),
            check(
                "people-can-be-asked",
                channel,
                "journalctl -u reeve-gate",
                "configure [signal], or mend its daemon",
            ),
        ];
        all.into_iter().chain(daemon).collect()
    }
}

/// When it was found, as people read it.
fn at(report: Option<&Report>) -> Value {
    let time = report.map(|report| OffsetDateTime::from(from_millis(report.at_ms)).format(&Rfc3339));
    json!(time.and_then(Result::ok))
}

#[cfg(test)]
mod tests;
