//! Changes of state: first into the audit log, then into the store, then told to whoever waits.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::sync::MutexGuard;

use super::Gate;
use super::live::Cell;
use super::protocol::{Problem, ProblemKind};
use crate::audit::{AuditError, Event, EventKind, Receipt, canonical_length};
use crate::job::{BootTime, Job, KeyEntry, State, StoreError};
use crate::operation::Digest;
use crate::policy::Input;

/// Why a step could not be recorded; the next one is not taken.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unrecorded {
    /// The audit log takes nothing.
    #[error("the audit log takes no record")]
    Audit(#[from] AuditError),
    /// The store takes nothing.
    #[error("the job store takes no record")]
    Store(#[from] StoreError),
    /// The state does not follow; two things happened to one operation at once, and the first has won.
    #[error(transparent)]
    Illegal(#[from] crate::job::IllegalChange),
    /// A thread that writes ended before its time.
    #[error("a writing thread ended")]
    Thread,
}

impl From<Unrecorded> for Problem {
    fn from(error: Unrecorded) -> Self {
        tracing::error!(error = &error as &dyn std::error::Error, "a step could not be recorded");
        match error {
            Unrecorded::Audit(_) => {
                Problem::new(ProblemKind::AuditUnavailable, "the audit log takes no record; nothing ran")
            }
            Unrecorded::Store(_) | Unrecorded::Thread => {
                Problem::new(ProblemKind::Unavailable, "the job store takes no record; nothing ran")
            }
            Unrecorded::Illegal(_) => {
                Problem::new(ProblemKind::TooLate, "the operation has moved on meanwhile")
            }
        }
    }
}

/// What a decision was made from is recorded up to so many bytes, and beyond that by its digest: a line of the log has
/// room for other things, too.
const MOST_INPUT: usize = 256 << 10;

impl Gate {
    /// Has the audit log begin a new file, for whoever keeps the full ones elsewhere.
    pub async fn begin_new_audit_file(&self) {
        match self.audit.rotate().await {
            Ok(receipt) => tracing::info!(seq = receipt.seq, "the audit log was told to begin a new file"),
            Err(error) => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "the audit log cannot begin a new file"
                );
            }
        }
    }

    /// Appends a record and waits until it is durable.
    pub(super) async fn record(&self, event: Event) -> Result<Receipt, Unrecorded> {
        Ok(self.audit.append(event).await?)
    }

    /// An event about a job.
    pub(super) fn event(&self, kind: EventKind, job: &Job) -> Event {
        let event = Event::new(kind).principal(job.principal.as_str()).operation(job.id.as_str());
        let event = match &job.trace {
            Some(place) => event.with("trace", place.here.trace.to_string()),
            None => event,
        };
        match job.decision.as_ref().and_then(|decision| decision.contract.as_ref()) {
            Some(contract) => event.with("contract", contract.as_str()),
            None => event,
        }
    }

    /// Takes a job to its next state: recorded, stored, announced, in this order.
    pub(super) async fn advance(
        &self,
        cell: &Cell,
        job: &mut MutexGuard<'_, Job>,
        next: State,
        event: Event,
    ) -> Result<(), Unrecorded> {
        Job::clone(job).become_state(next, self.now_ms())?;
        let receipt = self.record(event.with("state", next.as_str())).await?;
        self.commit(cell, job, next, receipt).await
    }

    /// Takes a job to a state that the audit log has already.
    pub(super) async fn commit(
        &self,
        cell: &Cell,
        job: &mut MutexGuard<'_, Job>,
        next: State,
        receipt: Receipt,
    ) -> Result<(), Unrecorded> {
        let mut changed = Job::clone(job);
        changed.become_state(next, self.now_ms())?;
        if next == State::Approved {
            changed.approved_at = Some(self.boot_time(Duration::ZERO));
        }
        changed.audit = Some((receipt.seq, receipt.hash.to_string()));
        self.keep(&changed).await?;
        **job = changed;
        self.cooling.note(job, self.now_ms());
        cell.announce(job.version());
        let operation = &job.submission.operation;
        self.metrics.operation_is(operation.kind(), operation.name(), next.as_str());
        if next.is_final() {
            self.trace_ended(job);
            self.live.finished(&job.id);
        }
        Ok(())
    }

    /// A time on the boot clock, so far from now.
    pub(super) fn boot_time(&self, ahead: Duration) -> BootTime {
        let ms = u64::try_from((self.clock.boot() + ahead).as_millis()).unwrap_or(u64::MAX);
        BootTime { boot_id: self.identity.boot_id.clone(), ms }
    }

    /// Whether a time on the boot clock is over; one of an earlier boot is.
    pub(super) fn is_past(&self, time: &BootTime) -> bool {
        time.boot_id != self.identity.boot_id || self.boot_time(Duration::ZERO).ms >= time.ms
    }

    /// Writes a job to the store.
    pub(super) async fn keep(&self, job: &Job) -> Result<(), Unrecorded> {
        self.keep_with_key(job, None).await
    }

    /// Writes a job with the idempotency key that it came with.
    pub(super) async fn keep_with_key(
        &self,
        job: &Job,
        key: Option<(String, KeyEntry)>,
    ) -> Result<(), Unrecorded> {
        let (store, job) = (Arc::clone(&self.store), job.clone());
        let write = tokio::task::spawn_blocking(move || {
            let key = key.as_ref().map(|(name, entry)| (name.as_str(), entry));
            store.put_with_key(&job, key)
        });
        Ok(write.await.map_err(|_panicked| Unrecorded::Thread)??)
    }

    /// What a decision looks like in the audit log.
    pub(super) fn decision_event(&self, job: &Job) -> Event {
        let operation = &job.submission.operation;
        let secrets = operation.secrets();
        let decision = job.decision.as_ref().map(|decision| {
            json!({
                "verdict": decision.verdict.as_str(), "rule": decision.rule, "reason": decision.reason,
                "rules": decision.revision,
            })
        });
        let event = self
            .event(EventKind::Decision, job)
            .with("request", secrets.hidden(&operation.to_value()))
            .with("request_digest", operation.digest().as_str())
            .with("reason", json!(job.submission.reason))
            .with("on_behalf_of", json!(job.submission.on_behalf_of))
            .with("run_id", json!(job.submission.run_id))
            .with("decision", json!(decision));
        let event = with_input(event, job.input.as_ref());
        let event = match &job.screened {
            Some(screened) => event.with("screening", screened.clone()),
            None => event,
        };
        let event = match &job.asked {
            Some(asked) => event.with("asked", asked.without_secrets()),
            None => event,
        };
        let event = match &job.purges {
            Some(of) => event.with("purges", of.as_str()),
            None => event,
        };
        match job.effects() {
            Some(effects) => event
                .with("effects", secrets.hidden(&effects.bound()))
                .with("effects_digest", effects.effects_digest().as_str()),
            None => event,
        }
    }
}

/// An event with what a decision was made from, or with its digest where the log has neither room nor a form for it.
pub(super) fn with_input(event: Event, input: Option<&Input>) -> Event {
    let Some(input) = input.map(|input| json!(input)) else { return event };
    match canonical_length(&input) {
        Some(bytes) if bytes <= MOST_INPUT => event.with("input", input),
        Some(_) | None => event.with("input_digest", Digest::of(&input).as_str()),
    }
}
