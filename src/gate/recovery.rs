//! Lost phones: somebody who may approve is enrolled anew by root at the console, after a delay in which everybody else
//! knows of it and any of them can stop it. It outlives the gate.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::protocol::{Answer as GateAnswer, Problem, ProblemKind};
use super::record::Unrecorded;
use super::{Gate, from_millis};
use crate::approval::people::Approver;
use crate::approval::prompt::{Answer, Notice};
use crate::audit::{Event, EventKind};
use crate::job::BootTime;

/// Where it is kept.
const NOTE: &str = "recovery";

/// One that is under way: one at a time.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Recovery {
    name: String,
    account: String,
    fingerprint: String,
    /// Not before, by the wall clock.
    due_at: u64,
    /// Not before, by the boot clock: setting the clock ahead does not shorten it.
    due_boot: BootTime,
}

impl Gate {
    /// Begins the delay: root has compared the new key, and the account has answered.
    pub(super) async fn begin_recovery(self: &Arc<Self>, approver: &Approver) -> Result<GateAnswer, Problem> {
        if self.people.load().named(&approver.name).is_none() {
            let why = format!("nobody who may approve is called {}", approver.name);
            return Err(Problem::new(ProblemKind::NotFound, why));
        }
        let (now, delay) = (self.now_ms(), self.approvals.recovery_delay);
        let recovery = Recovery {
            name: approver.name.clone(),
            account: approver.uuid.to_string(),
            fingerprint: approver.fingerprint.to_string(),
            due_at: now.saturating_add(u64::try_from(delay.as_millis()).unwrap_or(u64::MAX)),
            due_boot: self.boot_time(delay),
        };
        self.record(event(&recovery, "begun")).await?;
        self.keep_recovery(Some(recovery.clone())).await?;
        let (at, due) = (from_millis(now), from_millis(recovery.due_at));
        self.announce(Notice::Recovery { name: recovery.name, at, due }, None);
        Ok(GateAnswer::Document(json!({
            "answered": true, "due_at": super::envelope::rfc3339(recovery.due_at),
        })))
    }

    /// What is to be written once the delay is over and nobody has stopped it.
    pub(super) async fn finish_recovery(self: &Arc<Self>, name: &str) -> Result<GateAnswer, Problem> {
        let Some(recovery) = self.recovery(name).await? else {
            let why = "nobody of that name is about to be enrolled anew; perhaps somebody has stopped it";
            return Err(Problem::new(ProblemKind::NotFound, why));
        };
        let is_this_boot = recovery.due_boot.boot_id == self.identity.boot_id;
        if self.now_ms() < recovery.due_at || (is_this_boot && !self.is_past(&recovery.due_boot)) {
            let due = super::envelope::rfc3339(recovery.due_at);
            let why = format!(
                "{name} is not enrolled anew before {due}: until then each of the others may stop it"
            );
            return Err(Problem::new(ProblemKind::TooLate, why));
        }
        self.record(event(&recovery, "finished")).await?;
        self.keep_recovery(None).await?;
        Ok(GateAnswer::Document(json!({
            "name": recovery.name, "account": recovery.account, "fingerprint": recovery.fingerprint,
        })))
    }

    /// Stops it. To stop is always safe, so that it needs one person, who need not be the one whose key is checked.
    pub(super) async fn stop_recovery(self: &Arc<Self>, name: &str, by: &str) -> Result<Answer, Unrecorded> {
        let Some(recovery) = self.recovery(name).await?.filter(|_| by != name) else {
            return Ok(Answer::NothingToStop);
        };
        self.keep_recovery(None).await?;
        if let Err(error) = self.record(event(&recovery, "stopped").with("by", by)).await {
            tracing::error!(error = &error as &dyn std::error::Error, "a stop holds, and is not recorded");
        }
        self.announce(Notice::RecoveryStopped { name: recovery.name, by: by.to_owned() }, None);
        Ok(Answer::Stopped { who: name.to_owned() })
    }

    async fn recovery(&self, name: &str) -> Result<Option<Recovery>, Unrecorded> {
        let store = Arc::clone(&self.store);
        let kept = tokio::task::spawn_blocking(move || store.note::<Option<Recovery>>(NOTE)).await;
        let kept = kept.map_err(|_panicked| Unrecorded::Thread)??;
        Ok(kept.flatten().filter(|recovery| recovery.name == name))
    }

    async fn keep_recovery(&self, recovery: Option<Recovery>) -> Result<(), Unrecorded> {
        let store = Arc::clone(&self.store);
        let kept = tokio::task::spawn_blocking(move || store.put_note(NOTE, &recovery)).await;
        Ok(kept.map_err(|_panicked| Unrecorded::Thread)??)
    }
}

fn event(recovery: &Recovery, state: &str) -> Event {
    Event::new(EventKind::Recovery)
        .with("approver", recovery.name.as_str())
        .with("account", recovery.account.as_str())
        .with("fingerprint", recovery.fingerprint.as_str())
        .with("due_at", recovery.due_at)
        .with("state", state)
}
