//! What a start finds: operations that were cut off are looked into, approvals go on waiting, and time runs for all of them.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use super::Gate;
use super::act::{self, End};
use super::live::Cell;
use super::permit::{Permit, binding};
use crate::approval::prompt::Outcome;
use crate::audit::EventKind;
use crate::job::{Job, State};

/// How often expiry is looked at.
const TICK: Duration = Duration::from_millis(500);
/// How long ended operations and idempotency keys are kept, in milliseconds: 90 days.
const KEPT_MS: u64 = 90 * 24 * 3_600_000;

impl Gate {
    /// Takes in hand every job that had not ended.
    pub(super) async fn resume(self: &Arc<Self>, jobs: Vec<Job>) {
        for job in jobs {
            let state = job.state;
            if state == State::Pending {
                self.metrics.approvals_pending.inc();
            }
            let cell = self.live.insert(job);
            match state {
                State::Executing | State::Unknown => self.reconcile(&cell).await,
                State::Approved => self.go_on(&cell).await,
                State::Proposed | State::Superseded => {
                    let end = End::failed("the gate was stopped before anything ran".to_owned());
                    self.finish(&cell, end, EventKind::Reconciled).await;
                }
                State::Pending => {}
                State::Denied
                | State::Refused
                | State::Expired
                | State::Cancelled
                | State::Succeeded
                | State::Failed => {}
            }
        }
    }

    /// An operation that was running when the gate ended: the host is read, nothing is run.
    async fn reconcile(&self, cell: &Arc<Cell>) {
        let job = cell.job.lock().await.clone();
        let Some(plan) = job.plan.clone() else { return };
        // What the launcher was given may still run; a plan is judged by the host as it comes to rest.
        tokio::time::sleep(Duration::from_millis(200)).await;
        let end = self.look_into(&job, &plan, "the gate was stopped while it ran").await;
        if job.state == State::Unknown && end.state == State::Unknown {
            return;
        }
        self.finish(cell, end, EventKind::Reconciled).await;
    }

    /// An operation that was approved and had not begun. It is planned again like any other.
    async fn go_on(self: &Arc<Self>, cell: &Arc<Cell>) {
        let job = cell.job.lock().await.clone();
        let permit = match (&job.approval, &job.decision, &job.plan) {
            (Some(_), _, _) => Permit::by_people(&job),
            (None, Some(decision), Some(plan)) => {
                let binds = binding(&job.submission.operation, plan, &self.rules.load().revision);
                Permit::by_rules(decision, binds)
            }
            (None, _, _) => None,
        };
        match permit {
            Some(permit) => drop(tokio::spawn(act::run(Arc::clone(self), Arc::clone(cell), permit))),
            None => {
                let end = End::failed("the gate was stopped before anything ran".to_owned());
                self.finish(cell, end, EventKind::Reconciled).await;
            }
        }
    }

    /// Ends approvals whose time is over, for ever.
    pub(super) async fn keep_time(self: Arc<Self>) {
        loop {
            tokio::time::sleep(TICK).await;
            for cell in self.live.all() {
                self.expire(&cell).await;
            }
        }
    }

    async fn expire(&self, cell: &Arc<Cell>) {
        let mut job = cell.job.lock().await;
        if job.state != State::Pending || !self.is_over(&job) {
            return;
        }
        let event = self.event(EventKind::ApprovalClosed, &job).with("outcome", "expired");
        job.outcome.error = Some("nobody answered in time; nothing ran".to_owned());
        match self.advance(cell, &mut job, State::Expired, event).await {
            Ok(()) => {
                self.approval_closed(&job, "expired");
                self.tell(&job, &Outcome::Expired).await;
            }
            Err(error) => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    operation = job.id,
                    "an expiry is not recorded yet"
                );
            }
        }
    }

    /// By the wall clock, or by the boot clock when the wall clock was set back.
    fn is_over(&self, job: &Job) -> bool {
        job.approval.as_ref().is_some_and(|approval| {
            let by_boot =
                approval.boot_id == self.identity.boot_id && self.boot_ms() >= approval.expires_boot_ms;
            by_boot || self.now_ms() >= approval.expires_at
        })
    }

    /// Forgets what ended long ago.
    pub(super) async fn forget(&self) {
        let before = self.now_ms().saturating_sub(KEPT_MS);
        match self.stored(move |store| store.forget(before)).await {
            Ok(0) => {}
            Ok(jobs) => tracing::info!(jobs, "operations that ended more than 90 days ago are forgotten"),
            Err(problem) => {
                tracing::error!(problem = json!(problem.detail).to_string(), "the store could not forget")
            }
        }
    }
}
