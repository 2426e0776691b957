//! From a submission to an operation that runs, waits for people, or is refused.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::OwnedMutexGuard;

use super::decide::Decided;
use super::end::End;
use super::live::Cell;
use super::permit::Permit;
use super::protocol::{Envelope, Problem, ProblemKind};
use super::{Gate, act};
use crate::audit::EventKind;
use crate::job::{Job, KeyEntry, State, new_id};
use crate::operation::{Effect, Submission};
use crate::principal::PrincipalName;
use crate::sys::random;

/// How long `POST /host/op` waits for an operation that runs, before it answers that it still does.
const WAIT_FOR_END: Duration = Duration::from_secs(20);
/// How many operations of one caller may be in hand.
const IN_HAND: usize = 64;

/// The order of a caller's submissions, held until the next one may be decided.
pub(super) type Order = OwnedMutexGuard<()>;

impl Gate {
    /// Decides on a submission and, when granted, does it.
    pub async fn submit(
        self: &Arc<Self>,
        caller: PrincipalName,
        submission: Submission,
        key: Option<String>,
    ) -> Result<Envelope, Problem> {
        self.known(&caller)?;
        if self.draining.load(Ordering::Acquire) {
            return Err(Problem::new(ProblemKind::Unavailable, "the gate is going down; nothing ran"));
        }
        self.history.note(&caller, submission.operation.tool(), self.now_ms());
        let is_read = submission.operation.effect() == Effect::Read;
        let refusal = self.frozen(&caller).or_else(|| self.locked_down(&caller).filter(|_| !is_read));
        if let Some(decision) = refusal {
            let mut job = self.new_job(caller, submission)?;
            return Err(self.deny(&mut job, decision).await);
        }
        if is_read && key.is_none() {
            return self.read(caller, submission).await;
        }
        // Decided one after another for each caller, so that a retry finds what the first attempt began.
        let order = self.live.order_of(&caller).lock_owned().await;
        if let Some(first) = self.first_answer(&caller, &submission, key.as_deref()).await? {
            return Ok(first);
        }
        let job = self.new_job(caller, submission)?;
        self.change(job, key, order).await
    }

    /// Decides on a job and takes it on its way.
    pub(super) async fn change(
        self: &Arc<Self>,
        mut job: Job,
        key: Option<String>,
        order: Order,
    ) -> Result<Envelope, Problem> {
        if self.live.unfinished_of(&job.principal).await >= IN_HAND {
            return Err(Problem::new(
                ProblemKind::Busy,
                format!("{IN_HAND} of the caller's operations have not ended; wait for one"),
            ));
        }
        let decided = self.decide(&mut job).await?;
        if let Decided::Review = decided {
            if let Some(waiting) = self.joins(&job).await? {
                self.keep_key(&job, key, &waiting.id).await?;
                return Ok(waiting);
            }
            self.may_ask(&job).await?;
        }
        self.within_budget(&mut job).await?;
        let key = key.map(|key| self.key_entry(&job, key));
        self.keep_with_key(&job, key).await?;
        let cell = self.live.insert(job);
        match self.set_out(&cell, decided, order).await {
            Ok(wait) => self.answer(&cell, wait).await,
            // Whatever went wrong, nothing has run, and nothing is left that could.
            Err(problem) => {
                let (gate, end) = (Arc::clone(self), End::failed(problem.detail.clone()));
                tokio::spawn(async move { gate.finish(&cell, end, EventKind::Outcome).await });
                Err(problem)
            }
        }
    }

    /// Sets a job out on what was decided; says how long its caller waits for its end.
    async fn set_out(
        self: &Arc<Self>,
        cell: &Arc<Cell>,
        decided: Decided,
        order: Order,
    ) -> Result<Duration, Problem> {
        match decided {
            Decided::Settled => self.settle(cell).await.map(|()| Duration::ZERO),
            Decided::Allowed(permit) => {
                drop(order);
                self.approve_by_rules(cell, permit).await.map(|()| WAIT_FOR_END)
            }
            Decided::Review => self.ask(cell, Some(order)).await.map(|()| Duration::ZERO),
        }
    }

    async fn approve_by_rules(self: &Arc<Self>, cell: &Arc<Cell>, permit: Permit) -> Result<(), Problem> {
        let mut job = cell.job.lock().await;
        // The decision is in the audit log; the state alone changes here.
        let mut approved = Job::clone(&job);
        approved.become_state(State::Approved, self.now_ms()).map_err(super::record::Unrecorded::from)?;
        approved.approved_at = Some(self.boot_time(Duration::ZERO));
        self.keep(&approved).await?;
        *job = approved;
        cell.announce(job.version());
        drop(job);
        tokio::spawn(act::run(Arc::clone(self), Arc::clone(cell), permit));
        Ok(())
    }

    /// Waits until the operation has ended, at most so long, and answers with where it is.
    pub(super) async fn answer(&self, cell: &Cell, wait: Duration) -> Result<Envelope, Problem> {
        let mut versions = cell.versions();
        let deadline = tokio::time::Instant::now() + wait;
        loop {
            let job = cell.job.lock().await;
            if job.state.is_final() || wait.is_zero() {
                return Ok(self.envelope(&job));
            }
            drop(job);
            if tokio::time::timeout_at(deadline, versions.changed()).await.is_err() {
                return Ok(self.envelope(&*cell.job.lock().await));
            }
        }
    }

    async fn first_answer(
        &self,
        caller: &PrincipalName,
        submission: &Submission,
        key: Option<&str>,
    ) -> Result<Option<Envelope>, Problem> {
        let Some(key) = key else { return Ok(None) };
        let found = self.stored({
            let (caller, key) = (caller.clone(), key.to_owned());
            move |store| store.key(&caller, &key)
        });
        let Some(entry) = found.await? else { return Ok(None) };
        if entry.operation != submission.operation.digest().as_str() {
            return Err(Problem::new(
                ProblemKind::IdempotencyConflict,
                "this Idempotency-Key was used with another operation; use a new one",
            ));
        }
        self.look_up(&entry.id).await
    }

    /// Lets a key stand for an operation that is there already.
    async fn keep_key(&self, job: &Job, key: Option<String>, id: &str) -> Result<(), Problem> {
        let Some(key) = key else { return Ok(()) };
        let (key, entry) = self.key_entry(job, key);
        let (principal, entry) = (job.principal.clone(), KeyEntry { id: id.to_owned(), ..entry });
        self.stored(move |store| store.put_key(&principal, &key, &entry)).await
    }

    fn key_entry(&self, job: &Job, key: String) -> (String, KeyEntry) {
        let asked = job.asked.as_ref().unwrap_or(&job.submission.operation);
        let operation = asked.digest().as_str().to_owned();
        (key, KeyEntry { operation, id: job.id.clone(), at: self.now_ms() })
    }

    /// A new id that nobody can guess.
    pub(super) fn new_id(&self, prefix: &str) -> Result<String, Problem> {
        let mut bits = [0; 10];
        random::fill(&mut bits).map_err(|_error| {
            Problem::new(ProblemKind::Unavailable, "the host gives no randomness; nothing ran")
        })?;
        Ok(new_id(prefix, self.clock.now(), bits))
    }
}
