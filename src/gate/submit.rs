//! From a submission to an operation that runs, waits for people, or is refused.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::OwnedMutexGuard;

use super::decide::Decided;
use super::live::Cell;
use super::protocol::{Envelope, Problem, ProblemKind};
use super::{Gate, act};
use crate::job::{Job, KeyEntry, State, new_id};
use crate::operation::{Effect, Submission};
use crate::principal::PrincipalName;
use crate::sys::random;

/// How long `POST /host/op` waits for an operation that runs, before it answers that it still does.
const WAIT_FOR_END: Duration = Duration::from_secs(20);

impl Gate {
    /// Decides on a submission and, when granted, does it.
    pub async fn submit(
        self: &Arc<Self>,
        caller: PrincipalName,
        submission: Submission,
        key: Option<String>,
    ) -> Result<Envelope, Problem> {
        self.known(&caller)?;
        self.recent.note(&caller, self.now_ms());
        if submission.operation.effect() == Effect::Read && key.is_none() {
            return self.read(caller, submission).await;
        }
        // Decided one after another for each caller, so that a retry finds what the first attempt began.
        let order = self.live.order_of(&caller).lock_owned().await;
        if let Some(first) = self.first_answer(&caller, &submission, key.as_deref()).await? {
            return Ok(first);
        }
        let job = Job::new(self.new_id("op")?, caller, submission, self.now_ms());
        let key = key.map(|key| self.key_entry(&job, key));
        self.change(job, key, order).await
    }

    pub(super) async fn change(
        self: &Arc<Self>,
        mut job: Job,
        key: Option<(String, KeyEntry)>,
        order: OwnedMutexGuard<()>,
    ) -> Result<Envelope, Problem> {
        match self.decide(&mut job).await? {
            Decided::Settled => {
                let cell = self.begin(job, key).await?;
                self.settle(&cell).await?;
                self.answer(&cell, Duration::ZERO).await
            }
            Decided::Allowed(permit) => {
                let cell = self.begin(job, key).await?;
                drop(order);
                self.approve_by_rules(&cell).await?;
                tokio::spawn(act::run(Arc::clone(self), Arc::clone(&cell), permit));
                self.answer(&cell, WAIT_FOR_END).await
            }
            Decided::Review => {
                if let Some(waiting) = self.joins(&job).await? {
                    return Ok(waiting);
                }
                self.may_ask(&job).await?;
                let cell = self.begin(job, key).await?;
                self.ask(&cell).await?;
                self.answer(&cell, Duration::ZERO).await
            }
        }
    }

    /// Puts a job that was decided into the store and takes it in hand.
    async fn begin(&self, job: Job, key: Option<(String, KeyEntry)>) -> Result<Arc<Cell>, Problem> {
        self.keep_with_key(&job, key).await?;
        Ok(self.live.insert(job))
    }

    async fn approve_by_rules(&self, cell: &Arc<Cell>) -> Result<(), Problem> {
        let mut job = cell.job.lock().await;
        // Recorded with the decision; the state alone changes here.
        let mut approved = Job::clone(&job);
        approved.become_state(State::Approved, self.now_ms()).map_err(super::record::Unrecorded::from)?;
        self.keep(&approved).await?;
        *job = approved;
        cell.announce(job.version());
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

    fn key_entry(&self, job: &Job, key: String) -> (String, KeyEntry) {
        let operation = job.submission.operation.digest().as_str().to_owned();
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
