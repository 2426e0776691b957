//! One step: recorded, signed, handed to the launcher, and its end recorded.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use super::Gate;
use super::end::End;
use super::launch::{GRANT_LIFETIME_SECS, Launch};
use super::live::Cell;
use super::permit::Cleared;
use super::protocol::Problem;
use super::record::Unrecorded;
use crate::adapter::{self, Plan, Step};
use crate::audit::{EventKind, output_digest};
use crate::grant::SignedGrant;
use crate::job::{Job, State};
use crate::sys::process::{Exit, Finished};
use crate::wrapper;

/// How long after its limit a step is certainly over: a supervised one is asked to end before it is killed.
const GRACE_SECS: u64 = 6;

impl Gate {
    /// Runs one step of a plan that was cleared. The error is the end of the whole operation.
    pub(super) async fn step(
        self: &Arc<Self>,
        cell: &Arc<Cell>,
        job: &Job,
        plan: &Plan,
        (number, step): (usize, &Step),
        cleared: &Cleared,
    ) -> Result<Finished, End> {
        let limit = self.step_limit(&step.argv);
        let launch = Launch { wrapper: step.wrapper, argv: &step.argv, run_as: cleared.run_as(), limit };
        let signed = self.sign(&job.id, number, &launch).map_err(|problem| End::failed(problem.detail))?;
        if let Err(error) = self.record_grant(cell, job, (number, step), &signed).await {
            let why = Problem::from(error).detail;
            return Err(self.stopped(cell, plan, number, why).await);
        }
        match self.launch(cell, job, self.request(&launch, signed)).await {
            Ok(finished) => self.judge(cell, plan, number, finished).await,
            Err(error) => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    operation = job.id,
                    "a step was not carried out"
                );
                if error.nothing_ran() {
                    let why = "the launcher does not do its part; this step did not run".to_owned();
                    return Err(self.stopped(cell, plan, number, why).await);
                }
                Err(self.look_into(cell, plan, "the launcher went away while the step ran").await)
            }
        }
    }

    /// Before the first step nothing has happened; after it, only the host knows how much has.
    async fn stopped(self: &Arc<Self>, cell: &Cell, plan: &Plan, number: usize, why: String) -> End {
        if number == 0 {
            return End::failed(why);
        }
        let job = cell.job.lock().await.clone();
        self.look(&job, plan, &why).await
    }

    async fn record_grant(
        &self,
        cell: &Arc<Cell>,
        job: &Job,
        (number, step): (usize, &Step),
        signed: &SignedGrant,
    ) -> Result<(), Unrecorded> {
        let digest: String = signed.digest().iter().map(|byte| format!("{byte:02x}")).collect();
        let event = self
            .event(EventKind::GrantSigned, job)
            .with("step", json!(number))
            .with("argv", job.submission.operation.secrets().hidden_in(&step.argv.to_string()))
            .with("grant", format!("sha256:{digest}"))
            .with("nonce", signed.nonce());
        let mut job = cell.job.lock().await;
        let limit = u64::from(self.step_limit(&step.argv)) + GRANT_LIFETIME_SECS + GRACE_SECS;
        let limit = Duration::from_secs(limit);
        let before = job.may_run_until.replace(self.boot_time(limit));
        if number == 0 {
            let begun = self.advance(cell, &mut job, State::Executing, event).await;
            if begun.is_err() {
                job.may_run_until = before;
            }
            return begun;
        }
        self.keep(&job).await?;
        self.record(event).await?;
        Ok(())
    }

    async fn judge(
        self: &Arc<Self>,
        cell: &Cell,
        plan: &Plan,
        number: usize,
        finished: Finished,
    ) -> Result<Finished, End> {
        let mut ended = cell.job.lock().await;
        // Its end was seen: nothing of it runs any more that its place would have to wait for.
        ended.may_run_until = None;
        let job = &ended.clone();
        drop(ended);
        let event = self
            .event(EventKind::StepFinished, job)
            .with("step", json!(number))
            .with("exit", exit_word(&finished.status))
            .with("stdout", output_digest(&finished.stdout))
            .with("stderr", output_digest(&finished.stderr));
        let event = match adapter::of(&job.submission.operation).acted_as(&finished.stdout) {
            Some(who) => event.with("acted_as", who),
            None => event,
        };
        if let Err(error) = self.record(event).await {
            // It has run. The outcome's own record waits for the log, and nothing more is begun before.
            tracing::error!(
                error = &error as &dyn std::error::Error,
                operation = job.id,
                "a step's end is not recorded"
            );
            return Err(self.look(job, plan, "the audit log took no record of a step").await);
        }
        match finished.status {
            Exit::Code(0) => Ok(finished),
            Exit::Code(code) => Err(self.failed_step(job, plan, number, (code, &finished.stderr)).await),
            Exit::Signal(_) if cell.cancellation.is_cancelled() => {
                Err(self.look(job, plan, "it was cancelled while it ran").await)
            }
            Exit::Signal(_) => Err(self.look(job, plan, "the step was ended before it finished").await),
        }
    }

    async fn failed_step(
        self: &Arc<Self>,
        job: &Job,
        plan: &Plan,
        number: usize,
        (code, stderr): (i32, &[u8]),
    ) -> End {
        let refused = code == i32::from(wrapper::REFUSED);
        let why = if refused {
            tracing::error!(operation = job.id, said = %String::from_utf8_lossy(stderr), "a wrapper refused a grant");
            "the wrapper refused the grant".to_owned()
        } else {
            let adapter = adapter::of(&job.submission.operation);
            let why = adapter.explain(code, stderr).as_str().to_owned();
            adapter.code(stderr).map_or(why.clone(), |its_own| format!("{why} ({its_own})"))
        };
        if (refused || adapter::of(&job.submission.operation).is_refusal(code)) && number == 0 {
            return End::failed_with(why, Some(code));
        }
        // A tool may do part of its work, or all of it, and still end with an error: the host says which.
        let said = match plan.steps.len() {
            1 => why,
            steps => format!("step {} of {steps} failed: {why}", number + 1),
        };
        let mut end = self.look(job, plan, &said).await;
        end.outcome.exit_code = Some(code);
        end
    }
}

fn exit_word(exit: &Exit) -> String {
    match exit {
        Exit::Code(code) => format!("code {code}"),
        Exit::Signal(signal) => format!("signal {signal}"),
    }
}
