//! What a start finds: operations that were cut off are looked into, approvals go on waiting, and time runs for all of them.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::OwnedMutexGuard;

use super::Gate;
use super::act;
use super::due::run_when_due;
use super::end::End;
use super::live::{Cell, Changes};
use super::permit::Permit;
use crate::approval::prompt::Outcome;
use crate::audit::EventKind;
use crate::job::{Approval, Job, State};

/// How often expiry is looked at.
const TICK: Duration = Duration::from_millis(500);
/// For how many ticks expiries are left alone after one could not be recorded.
const PAUSE_TICKS: u64 = 20;
/// How often operations with an unknown end are looked into again, and old ones forgotten, in ticks.
const LOOK_TICKS: u64 = 120;
/// How often it is looked whether something was kept for its time, in ticks: each ten seconds.
const DUE_TICKS: u64 = 20;
const FORGET_TICKS: u64 = 172_800;
/// How long ended operations and idempotency keys are kept, in milliseconds: 90 days.
const KEPT_MS: u64 = 90 * 24 * 3_600_000;

impl Gate {
    /// Takes in hand every job that had not ended: first those that may still run, so that nothing else changes their
    /// place before they have come to rest.
    pub(super) async fn resume(self: &Arc<Self>, jobs: Vec<Job>) {
        let mut others = Vec::new();
        for job in jobs {
            let cell = self.live.insert(job);
            let state = cell.job.lock().await.state;
            match state {
                State::Executing | State::Unknown => {
                    let turn = self.turn_if_free(&cell).await;
                    self.reconcile_beside(&cell, turn);
                }
                State::Approved
                | State::Proposed
                | State::Superseded
                | State::Pending
                | State::Denied
                | State::Refused
                | State::Expired
                | State::Cancelled
                | State::Succeeded
                | State::Failed => others.push(Arc::clone(&cell)),
            }
        }
        for cell in others {
            let state = cell.job.lock().await.state;
            match state {
                State::Approved => self.go_on(&cell).await,
                State::Proposed | State::Superseded => {
                    self.give_up(&cell, "the gate was stopped before anything ran").await;
                }
                State::Pending => self.go_on_waiting(&cell).await,
                State::Executing
                | State::Unknown
                | State::Denied
                | State::Refused
                | State::Expired
                | State::Cancelled
                | State::Succeeded
                | State::Failed => {}
            }
        }
    }

    /// Looks, beside everything else, into an operation that was running when the gate ended: the host is read,
    /// nothing is run, and nothing else changes the same place meanwhile.
    fn reconcile_beside(self: &Arc<Self>, cell: &Arc<Cell>, turn: Option<OwnedMutexGuard<Changes>>) {
        let (gate, cell) = (Arc::clone(self), Arc::clone(cell));
        tokio::spawn(async move {
            let turn = match turn {
                Some(turn) => turn,
                None => gate.turn(&cell).await,
            };
            let job = cell.job.lock().await.clone();
            let Some(plan) = job.plan else { return };
            let end = gate.look_into(&cell, &plan, "the gate was stopped while it ran").await;
            drop(turn);
            if job.state != State::Unknown || end.state != State::Unknown {
                gate.finish(&cell, end, EventKind::Reconciled).await;
            }
        });
    }

    /// An operation that was approved and had not begun. It is planned again like any other.
    async fn go_on(self: &Arc<Self>, cell: &Arc<Cell>) {
        let job = cell.job.lock().await.clone();
        let permit = match (&job.approval, &job.decision, &job.plan) {
            (Some(_), _, _) => {
                tokio::spawn(run_when_due(Arc::clone(self), Arc::clone(cell)));
                return;
            }
            (None, Some(decision), Some(plan)) => Permit::by_rules(decision, &job.submission.operation, plan),
            (None, _, _) => None,
        };
        match permit {
            Some(permit) => drop(tokio::spawn(act::run(Arc::clone(self), Arc::clone(cell), permit))),
            None => self.give_up(cell, "the gate was stopped before anything ran").await,
        }
    }

    /// An approval that waits. When the gate was stopped while people were told, nobody else knows the token.
    async fn go_on_waiting(&self, cell: &Arc<Cell>) {
        let job = cell.job.lock().await.clone();
        let people = self.people.load_full();
        let were_told = |approval: &Approval| {
            let told = approval.first_prompts();
            // Who is not enrolled any more was told all the same, and cannot answer.
            let told = told.iter().filter_map(|prompt| people.named(&prompt.approver));
            approval.terms.quorum().missing(told.map(|person| person.groups.as_slice())) == 0
        };
        if !job.approval.as_ref().is_some_and(were_told) {
            self.give_up(cell, "the gate was stopped before the people were told; nothing ran").await;
        }
    }

    async fn give_up(&self, cell: &Arc<Cell>, why: &str) {
        self.finish(cell, End::failed(why.to_owned()), EventKind::Reconciled).await;
    }

    /// Ends approvals whose time is over, and looks after what is old or unknown, for ever.
    pub(super) async fn keep_time(self: Arc<Self>) {
        let mut not_before = 0;
        for tick in 1u64.. {
            tokio::time::sleep(TICK).await;
            for cell in self.live.all() {
                if tick >= not_before && !self.expire(&cell).await {
                    not_before = tick + PAUSE_TICKS;
                }
                if tick.is_multiple_of(LOOK_TICKS) && self.is_worth_a_look(&*cell.job.lock().await) {
                    // What runs there now is looked at again when it has ended.
                    if let Some(turn) = self.turn_if_free(&cell).await {
                        self.reconcile_beside(&cell, Some(turn));
                    }
                }
            }
            if tick.is_multiple_of(DUE_TICKS) && !self.draining.load(Ordering::Acquire) {
                self.purge_what_is_due().await;
            }
            if tick.is_multiple_of(FORGET_TICKS) {
                self.forget().await;
            }
        }
    }

    /// Whether to look into it again: what is still unknown after minutes is looked at ever more seldom, since a look may
    /// be a whole dry run of a playbook.
    fn is_worth_a_look(&self, job: &Job) -> bool {
        let minutes = self.now_ms().saturating_sub(job.changed_at()) / 60_000;
        job.state == State::Unknown && (minutes <= 1 || minutes.is_power_of_two())
    }

    /// Ends an approval whose time is over; false when that could not be recorded.
    async fn expire(&self, cell: &Arc<Cell>) -> bool {
        let mut job = cell.job.lock().await;
        if job.state != State::Pending || !self.is_over(&job) {
            return true;
        }
        let event = self.event(EventKind::ApprovalClosed, &job).with("outcome", "expired");
        let before = job.outcome.error.replace("nobody answered in time; nothing ran".to_owned());
        if let Err(error) = self.advance(cell, &mut job, State::Expired, event).await {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                operation = job.id,
                "an expiry is not recorded yet"
            );
            job.outcome.error = before;
            return false;
        }
        self.approval_closed(&job, "expired");
        self.tell(&job, &Outcome::Expired).await;
        true
    }

    /// By the wall clock, or by the boot clock when the wall clock was set back.
    fn is_over(&self, job: &Job) -> bool {
        job.approval.as_ref().is_some_and(|approval| {
            let in_this_boot = approval.expires_boot.boot_id == self.identity.boot_id;
            (in_this_boot && self.is_past(&approval.expires_boot)) || self.now_ms() >= approval.expires_at
        })
    }

    /// Forgets what ended long ago.
    pub(super) async fn forget(&self) {
        let before = self.now_ms().saturating_sub(KEPT_MS);
        match self.stored(move |store| store.forget(before)).await {
            Ok(0) => {}
            Ok(jobs) => tracing::info!(jobs, "operations that ended more than 90 days ago are forgotten"),
            Err(problem) => tracing::error!(problem = problem.detail, "the store could not forget"),
        }
    }

    /// Takes nothing new and waits for what runs, at most as long as a step may.
    pub async fn drain(&self) {
        self.draining.store(true, Ordering::Release);
        let deadline = tokio::time::Instant::now() + self.launcher.settings.deadline;
        while tokio::time::Instant::now() < deadline {
            let mut running = 0;
            for cell in self.live.all() {
                running += usize::from(cell.job.lock().await.state == State::Executing);
            }
            if running == 0 {
                return;
            }
            tokio::time::sleep(TICK / 10).await;
        }
        tracing::warn!("steps still run; the next start looks into them");
    }
}
