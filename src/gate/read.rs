//! Reads: decided, recorded, answered from the host, kept in memory only.

use std::sync::Arc;

use serde_json::json;

use super::Gate;
use super::protocol::{Envelope, Problem};
use super::record::Unrecorded;
use super::shadow::Lived;
use crate::adapter::{self, PlanRefusal, ReadAnswer};
use crate::audit::{EventKind, output_digest};
use crate::job::{Job, State};
use crate::operation::Submission;
use crate::policy::{Ruled, Verdict};
use crate::principal::PrincipalName;
use crate::trace::Key;

/// The longest result that is kept to be asked for again, in bytes.
const KEPT_RESULT: usize = 64 << 10;

impl Gate {
    /// Answers a read.
    pub(super) async fn read(
        self: &Arc<Self>,
        caller: PrincipalName,
        submission: Submission,
    ) -> Result<Envelope, Problem> {
        if !adapter::of(&submission.operation).is_plain_read() {
            return self.granted_read(caller, submission).await;
        }
        let mut job = self.new_job(caller, submission)?;
        let mut work = self.work(&job, "decide");
        let rules = self.rules.load_full();
        let Ruled { decision, input, looked } = rules.decide(&self.asked_by(&job, None)).await;
        (job.input, job.screened) = (input, looked.shown());
        if decision.verdict == Verdict::Review {
            // It is decided there again, and recorded.
            return self.granted_read(job.principal, job.submission).await;
        }
        work.set(Key::Verdict, decision.verdict.as_str());
        self.count_screened(&looked);
        self.try_beside(Lived::of(&job, &decision));
        match decision.verdict {
            Verdict::Deny => return Err(self.deny(&mut job, decision).await),
            Verdict::Review => {}
            Verdict::Allow => {}
        }
        self.count_decision(&job, Verdict::Allow);
        job.decision = Some(decision);
        self.record(self.decision_event(&job)).await?;
        drop(work);
        self.answer_read(job).await
    }

    async fn answer_read(self: &Arc<Self>, mut job: Job) -> Result<Envelope, Problem> {
        for state in [State::Approved, State::Executing] {
            job.become_state(state, self.now_ms()).map_err(Unrecorded::from)?;
        }
        let began = self.clock.boot();
        let work = self.work(&job, "read");
        let read = self.read_host(&job).await?;
        drop(work);
        let mut found = None;
        let (state, summary) = match read {
            Ok(answer) => {
                job.outcome.exit_code = Some(answer.exit_code);
                let summary = output_digest(answer.result.to_string().as_bytes());
                let secrets = job.submission.operation.secrets();
                let (result, screened) = self.screen_output(answer.result, &secrets).await;
                found = screened;
                job.outcome.result = Some(result);
                (State::Succeeded, summary)
            }
            Err(refusal) => {
                let summary = json!({"rule": refusal.rule.as_str()});
                job.outcome.error = Some(refusal.reason);
                (State::Failed, summary)
            }
        };
        job.become_state(state, self.now_ms()).map_err(Unrecorded::from)?;
        let event =
            self.event(EventKind::Outcome, &job).with("state", state.as_str()).with("result", summary);
        let event = found.map_or(event.clone(), |found| event.with("screening", found));
        let receipt = self.record(event).await?;
        job.audit = Some((receipt.seq, receipt.hash.to_string()));
        let operation = &job.submission.operation;
        self.metrics.operation_is(operation.kind(), operation.name(), state.as_str());
        self.metrics.operation_took(
            operation.kind(),
            operation.name(),
            self.clock.boot().saturating_sub(began),
        );
        self.trace_ended(&job);
        let envelope = self.envelope(&job);
        // A large answer was given; memory is for what may still be asked for.
        if job.outcome.result.as_ref().is_none_or(|result| result.to_string().len() <= KEPT_RESULT) {
            self.live.insert(job);
        }
        Ok(envelope)
    }

    /// Reads the host as the operation asks, without privilege.
    pub(super) async fn read_host(
        self: &Arc<Self>,
        job: &Job,
    ) -> Result<Result<ReadAnswer, PlanRefusal>, Problem> {
        let own_place = self.live.reading_place_of(&job.principal).acquire_owned().await;
        let place = self.live.reading_place().acquire_owned().await;
        let (host, operation) = (self.reach(job), job.submission.operation.clone());
        let reading = tokio::task::spawn_blocking(move || adapter::of(&operation).read(&host));
        let read = reading.await.map_err(|_panicked| Problem::from(Unrecorded::Thread));
        drop((own_place, place));
        read
    }

    /// A read that only root can do, or that people decide on: it goes the way of a change.
    async fn granted_read(
        self: &Arc<Self>,
        caller: PrincipalName,
        submission: Submission,
    ) -> Result<Envelope, Problem> {
        let order = self.live.order_of(&caller).lock_owned().await;
        let job = self.new_job(caller, submission)?;
        self.change(job, None, order).await
    }
}
