//! Carrying out what was permitted: plan again, hold the plan against the permit, grant and run each step, look at the host.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::decide::Decided;
use super::live::Cell;
use super::permit::{Cleared, Permit, binding};
use super::protocol::Problem;
use super::record::Unrecorded;
use super::{Gate, millis};
use crate::adapter::{self, Effects, Happened, Plan, PlanRefusal, Rule, Verification};
use crate::approval::prompt::Outcome as Told;
use crate::audit::{Event, EventKind};
use crate::job::{Job, Outcome, State};
use crate::operation::Effect;
use crate::policy::Verdict;

/// How long to wait between attempts to record an outcome: what has happened is not forgotten because the log is full.
const RECORD_AGAIN: Duration = Duration::from_millis(500);

/// What an execution came to.
pub(super) struct End {
    pub(super) state: State,
    pub(super) outcome: Outcome,
    pub(super) told: Told,
    pub(super) detail: Value,
}

/// What the host allows when it is read again.
enum Ready {
    Go(Plan, Cleared),
    Nothing,
    Moved(Plan),
    Not(PlanRefusal),
}

/// Carries out one operation, one at a time in each place, to its end.
///
/// Boxed, since an execution that finds the host changed may begin another.
pub(super) fn run(
    gate: Arc<Gate>,
    cell: Arc<Cell>,
    permit: Permit,
) -> Pin<Box<dyn Future<Output = ()> + Send>> {
    Box::pin(async move {
        let place = place(&*cell.job.lock().await);
        let turn = gate.live.turn_of(&place).lock_owned().await;
        let acted = gate.act(&cell, permit).await;
        drop(turn);
        if let Err(problem) = acted {
            gate.finish(&cell, End::failed(problem.detail), EventKind::Outcome).await;
        }
    })
}

/// Operations of one place run one after another: a pool's plan holds until the next change of that pool.
fn place(job: &Job) -> String {
    let resource = job.submission.operation.resource();
    let pool = resource.split(['/', '@', '#']).next().unwrap_or_default();
    format!("{} {pool}", job.submission.operation.kind())
}

impl Gate {
    async fn act(self: &Arc<Self>, cell: &Arc<Cell>, permit: Permit) -> Result<(), Problem> {
        let job = cell.job.lock().await.clone();
        if job.state != State::Approved {
            return Ok(());
        }
        if self.too_late(&job) {
            let event = self.event(EventKind::ApprovalClosed, &job).with("outcome", "execution_window_over");
            let mut job = cell.job.lock().await;
            self.advance(cell, &mut job, State::Expired, event).await?;
            self.tell(&job, &Told::Expired).await;
            return Ok(());
        }
        let began = self.clock.boot();
        match self.ready(&job, permit).await? {
            Ready::Go(plan, cleared) => {
                let end = self.carry_out(cell, &job, &plan, cleared).await;
                self.finish(cell, end, EventKind::Outcome).await;
                let operation = &job.submission.operation;
                let took = self.clock.boot().saturating_sub(began);
                self.metrics.operation_took(operation.kind(), operation.name(), took);
            }
            Ready::Nothing => self.finish(cell, End::nothing_left(), EventKind::Outcome).await,
            Ready::Not(refusal) => self.finish(cell, End::failed(refusal.reason), EventKind::Outcome).await,
            Ready::Moved(plan) => self.moved(cell, plan).await?,
        }
        Ok(())
    }

    /// An approval is not kept for a better moment: what was approved at noon does not run at night.
    fn too_late(&self, job: &Job) -> bool {
        let window = u64::try_from(self.approvals.execute_within.as_millis()).unwrap_or(u64::MAX);
        job.approval.is_some() && self.now_ms() > job.changed_at().saturating_add(window)
    }

    async fn ready(&self, job: &Job, permit: Permit) -> Result<Ready, Problem> {
        let plan = match self.plan(&job.submission.operation).await? {
            Ok(plan) => plan,
            Err(refusal) => {
                let is_gone =
                    refusal.rule == Rule::ZfsNotFound && job.submission.operation.effect() == Effect::Destroy;
                return Ok(if is_gone { Ready::Nothing } else { Ready::Not(refusal) });
            }
        };
        if plan.settled {
            return Ok(Ready::Nothing);
        }
        let binds = binding(&job.submission.operation, &plan, &self.rules.load().revision);
        let within = job.effects().is_some_and(|shown| Effects::within_bounds(shown, &plan.effects));
        Ok(match permit.clear(&binds) {
            Some(cleared) if within => Ready::Go(plan, cleared),
            Some(_) | None => Ready::Moved(plan),
        })
    }

    async fn carry_out(&self, cell: &Arc<Cell>, job: &Job, plan: &Plan, cleared: Cleared) -> End {
        if adapter::is_plain_read(&job.submission.operation) {
            return self.carry_out_read(cell, job, cleared).await;
        }
        let mut last = Vec::new();
        for (number, step) in plan.steps.iter().enumerate() {
            match self.step(cell, job, plan, (number, step), &cleared).await {
                Ok(finished) => last = finished.stdout,
                Err(end) => return end,
            }
        }
        match job.submission.operation.effect() {
            Effect::Read => End::read(adapter::interpret(&job.submission.operation, &last)),
            Effect::Change | Effect::Destroy => self.end_verified(job, plan).await,
        }
    }

    async fn carry_out_read(&self, cell: &Arc<Cell>, job: &Job, _cleared: Cleared) -> End {
        let event = self.event(EventKind::Plan, job).with("read", true);
        let mut executing = cell.job.lock().await;
        if let Err(error) = self.advance(cell, &mut executing, State::Executing, event).await {
            return End::failed(Problem::from(error).detail);
        }
        drop(executing);
        match self.read_host(job).await {
            Ok(Ok(answer)) => End::succeeded(Some(answer.result), Some(answer.exit_code)),
            Ok(Err(refusal)) => End::failed(refusal.reason),
            Err(problem) => End::failed(problem.detail),
        }
    }

    async fn end_verified(&self, job: &Job, plan: &Plan) -> End {
        let (host, operation, checked) =
            (Arc::clone(&self.host), job.submission.operation.clone(), plan.clone());
        let look = tokio::task::spawn_blocking(move || adapter::verify(&operation, &checked, host.as_ref()));
        let Ok(verification) = look.await else {
            return End::unknown("the host could not be looked at afterwards".to_owned());
        };
        let mut end = End::verified(verification);
        if let Some(offer) = &plan.undo {
            end.outcome.undo = Some(offer.operation.to_value());
            end.outcome.undo_until = offer.until.map(|until| millis(self.clock.now() + until));
        }
        end
    }

    /// After a step whose end nobody saw: the host is read, nothing is run again.
    pub(super) async fn look_into(&self, job: &Job, plan: &Plan, why: &str) -> End {
        let (host, operation, checked) =
            (Arc::clone(&self.host), job.submission.operation.clone(), plan.clone());
        let look =
            tokio::task::spawn_blocking(move || adapter::reconcile(&operation, &checked, host.as_ref()));
        match look.await {
            Ok(verification) => End::reconciled(verification, why),
            Err(_panicked) => End::unknown(why.to_owned()),
        }
    }

    /// The host moved under the permit, which is void. The rules decide anew, and where they say so people are asked anew.
    async fn moved(self: &Arc<Self>, cell: &Arc<Cell>, plan: Plan) -> Result<(), Problem> {
        let mut job = cell.job.lock().await;
        let difference = difference(job.plan.as_ref(), &plan);
        let event = self
            .event(EventKind::ApprovalClosed, &job)
            .with("outcome", "superseded")
            .with("effects_digest", plan.effects.effects_digest().as_str())
            .with("difference", json!(difference));
        self.advance(cell, &mut job, State::Superseded, event).await?;
        self.tell(&job, &Told::PlanChanged { difference }).await;
        let mut anew = Job::clone(&job);
        anew.approval = None;
        let decided = self.decide(&mut anew).await;
        *job = anew;
        drop(job);
        match decided {
            Err(problem) => {
                let mut job = cell.job.lock().await;
                job.outcome.error = Some(problem.detail);
                let event = self.event(EventKind::Outcome, &job);
                self.advance(cell, &mut job, State::Denied, event).await?;
            }
            Ok(Decided::Settled) => self.finish(cell, End::nothing_left(), EventKind::Outcome).await,
            Ok(Decided::Review) => self.ask(cell).await?,
            Ok(Decided::Allowed(permit)) => {
                let mut job = cell.job.lock().await;
                let event = self.event(EventKind::Plan, &job).with("verdict", Verdict::Allow.as_str());
                self.advance(cell, &mut job, State::Approved, event).await?;
                drop(job);
                tokio::spawn(run(Arc::clone(self), Arc::clone(cell), permit));
            }
        }
        Ok(())
    }

    /// The host already is as asked.
    pub(super) async fn settle(&self, cell: &Arc<Cell>) -> Result<(), Problem> {
        let mut job = cell.job.lock().await;
        let mut approved = Job::clone(&job);
        approved.become_state(State::Approved, self.now_ms()).map_err(Unrecorded::from)?;
        *job = approved;
        drop(job);
        self.finish(cell, End::nothing_left(), EventKind::Outcome).await;
        Ok(())
    }

    /// Records an end, keeps it, tells people. It waits for a log that takes nothing: what happened must be recorded.
    pub(super) async fn finish(&self, cell: &Cell, end: End, kind: EventKind) {
        loop {
            let mut job = cell.job.lock().await;
            if job.state.is_final() {
                return;
            }
            let event = end_event(self.event(kind, &job), &end);
            let before = std::mem::replace(&mut job.outcome, end.outcome.clone());
            match self.advance(cell, &mut job, end.state, event).await {
                Ok(()) => {
                    self.tell(&job, &end.told).await;
                    return;
                }
                Err(Unrecorded::Illegal(error)) => {
                    tracing::error!(error = &error as &dyn std::error::Error, "an end does not follow");
                    job.outcome = before;
                    return;
                }
                Err(error) => {
                    tracing::error!(
                        error = &error as &dyn std::error::Error,
                        operation = job.id,
                        "an end is not recorded yet"
                    );
                    job.outcome = before;
                }
            }
            drop(job);
            tokio::time::sleep(RECORD_AGAIN).await;
        }
    }
}

fn end_event(event: Event, end: &End) -> Event {
    event
        .with("exit_code", json!(end.outcome.exit_code))
        .with("verified", json!(end.outcome.verified))
        .with("error", json!(end.outcome.error))
        .with("found", end.detail.clone())
}

/// What the new plan has that the old had not (`+`), and the other way around (`-`).
fn difference(old: Option<&Plan>, new: &Plan) -> Vec<String> {
    let lines = |plan: &Plan| -> Vec<String> {
        plan.effects
            .objects
            .iter()
            .map(|object| {
                format!("{} {} {}", object.kind, object.name, object.guid.as_deref().unwrap_or(""))
                    .trim_end()
                    .to_owned()
            })
            .collect()
    };
    let (old, new) = (old.map(lines).unwrap_or_default(), lines(new));
    let added = new.iter().filter(|line| !old.contains(line)).map(|line| format!("+ {line}"));
    let gone = old.iter().filter(|line| !new.contains(line)).map(|line| format!("- {line}"));
    added.chain(gone).collect()
}

impl End {
    fn succeeded(result: Option<Value>, exit_code: Option<i32>) -> Self {
        let outcome = Outcome { result, exit_code, ..Outcome::default() };
        Self { state: State::Succeeded, outcome, told: Told::Verified, detail: Value::Null }
    }

    fn read(result: Result<Value, adapter::Garbled>) -> Self {
        match result {
            Ok(result) => Self::succeeded(Some(result), Some(0)),
            Err(_garbled) => Self::failed("the tool's output was not understood".to_owned()),
        }
    }

    /// Every step ended well; the host says whether that is so.
    fn verified(verification: Verification) -> Self {
        let outcome = Outcome {
            result: Some(verification.result.clone()),
            exit_code: Some(0),
            verified: Some(verification.verified),
            error: verification.reason,
            ..Outcome::default()
        };
        let told = if verification.verified { Told::Verified } else { Told::NotVerified };
        Self { state: State::Succeeded, outcome, told, detail: verification.result }
    }

    /// Nobody saw the end; only the host knows.
    fn reconciled(verification: Verification, why: &str) -> Self {
        let (state, told) = match verification.happened {
            Happened::Wholly => (State::Succeeded, Told::Verified),
            Happened::NotAtAll => (State::Failed, Told::Failed { exit_code: None }),
            Happened::Partly | Happened::CannotTell => (State::Unknown, Told::Unknown),
        };
        let error = (state != State::Succeeded).then(|| match verification.reason {
            Some(reason) => format!("{why}; {reason}"),
            None => why.to_owned(),
        });
        let outcome = Outcome {
            result: Some(verification.result.clone()),
            verified: Some(verification.verified),
            error,
            ..Outcome::default()
        };
        Self { state, outcome, told, detail: verification.result }
    }

    fn unknown(why: String) -> Self {
        let outcome = Outcome { error: Some(why), verified: Some(false), ..Outcome::default() };
        Self { state: State::Unknown, outcome, told: Told::Unknown, detail: Value::Null }
    }

    fn nothing_left() -> Self {
        let result = json!({"nothing_left": true});
        let outcome = Outcome { result: Some(result), verified: Some(true), ..Outcome::default() };
        Self { state: State::Succeeded, outcome, told: Told::NothingLeft, detail: Value::Null }
    }

    /// It did not do what was asked, for a reason that the caller may read.
    pub(super) fn failed(why: String) -> Self {
        Self::failed_with(why, None)
    }

    /// The same, with the tool's exit status.
    pub(super) fn failed_with(why: String, exit_code: Option<i32>) -> Self {
        let outcome = Outcome { error: Some(why), exit_code, ..Outcome::default() };
        Self { state: State::Failed, outcome, told: Told::Failed { exit_code }, detail: Value::Null }
    }
}
