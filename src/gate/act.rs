//! Carrying out what was permitted: plan again, hold the plan against the permit, grant and run each step, look at the host.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::json;
use tokio::sync::OwnedMutexGuard;

use super::decide::Decided;
use super::end::{End, end_event};
use super::live::{Cell, Changes};
use super::permit::{Cleared, Permit, binding};
use super::protocol::{Problem, ProblemKind};
use super::record::Unrecorded;
use super::{Gate, millis, shown, undoable};
use crate::adapter::{self, Plan, Still};
use crate::approval::prompt::Outcome as Told;
use crate::audit::{EventKind, Receipt};
use crate::job::{Job, State};
use crate::operation::Effect;
use crate::policy::{KeepFor, Verdict};
use crate::trace;

/// How long to wait between attempts to record an outcome, at first and at most: what has happened is not forgotten
/// because the log is full.
const RECORD_AGAIN: Duration = Duration::from_millis(500);
const RECORD_AT_LAST: Duration = Duration::from_secs(30);
/// How long to wait before the host is looked at again.
const LOOK_AGAIN: Duration = Duration::from_millis(500);
/// How often the same operation is decided anew because the host moved under it.
const MOST_CHANGES: usize = 3;

/// What follows an execution, once its place is free again.
enum Next {
    /// It has come to its end.
    Nothing,
    /// The host moved; people are asked anew.
    Ask,
    /// The host moved; the rules allow it anew.
    Run(Permit),
}

/// What the host allows when it is read again.
enum Ready {
    Go(Plan, Cleared),
    Nothing,
    Moved(Plan),
    Not(String),
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
        let mut turn = gate.turn(&cell).await;
        let trace = cell.job.lock().await.trace.map(|place| place.here);
        let acted = trace::within(trace, gate.act(&cell, permit, &mut turn)).await;
        // People may take their time; the place is free for others meanwhile.
        drop(turn);
        let gone_on = match acted {
            Ok(Next::Nothing) => Ok(()),
            Ok(Next::Ask) => gate.ask(&cell, None).await,
            Ok(Next::Run(permit)) => {
                tokio::spawn(run(Arc::clone(&gate), Arc::clone(&cell), permit));
                Ok(())
            }
            Err(problem) => Err(problem),
        };
        if let Err(problem) = gone_on {
            gate.finish(&cell, End::failed(problem.detail), EventKind::Outcome).await;
        }
    })
}

impl Gate {
    /// Waits until nothing else changes the place that the operation changes.
    pub(super) async fn turn(&self, cell: &Cell) -> OwnedMutexGuard<Changes> {
        let operation = cell.job.lock().await.submission.operation.clone();
        self.live.turn(&operation).await
    }

    /// The same, when nothing does.
    pub(super) async fn turn_if_free(&self, cell: &Cell) -> Option<OwnedMutexGuard<Changes>> {
        let operation = cell.job.lock().await.submission.operation.clone();
        self.live.turn_if_free(&operation)
    }

    async fn act(
        self: &Arc<Self>,
        cell: &Arc<Cell>,
        permit: Permit,
        turn: &mut Changes,
    ) -> Result<Next, Problem> {
        let job = cell.job.lock().await.clone();
        // What has not begun when the gate goes down begins with the next start.
        if job.state != State::Approved || self.draining.load(Ordering::Acquire) {
            return Ok(Next::Nothing);
        }
        if self.frozen(&job.principal).is_some() {
            self.finish(cell, End::frozen(), EventKind::Cancelled).await;
            return Ok(Next::Nothing);
        }
        let reads = job.submission.operation.effect() == Effect::Read;
        if let Some(decision) = self.locked_down(&job.principal).filter(|_| !reads) {
            self.finish(cell, End::failed(decision.reason), EventKind::Outcome).await;
            return Ok(Next::Nothing);
        }
        if self.too_late(&job) {
            self.finish(cell, End::too_late(), EventKind::ApprovalClosed).await;
            return Ok(Next::Nothing);
        }
        let began = self.clock.boot();
        let work = self.work(&job, "execute");
        let job = job.under(work.context());
        match self.ready(&job, permit, *turn).await? {
            Ready::Go(plan, cleared) => {
                turn.begin();
                let end = self.carry_out(cell, &job, &plan, cleared).await;
                drop(work);
                if let Some((tier, outcome, start)) = adapter::counted_tool(&plan, &end.detail) {
                    self.metrics.sandbox_ran(tier, outcome, start);
                }
                self.finish(cell, end, EventKind::Outcome).await;
                let operation = &job.submission.operation;
                let took = self.clock.boot().saturating_sub(began);
                self.metrics.operation_took(operation.kind(), operation.name(), took);
            }
            Ready::Nothing => self.finish(cell, End::nothing_left(), EventKind::Outcome).await,
            Ready::Not(why) => self.finish(cell, End::failed(why), EventKind::Outcome).await,
            Ready::Moved(plan) => return self.moved(cell, plan).await,
        }
        Ok(Next::Nothing)
    }

    async fn ready(self: &Arc<Self>, job: &Job, permit: Permit, changes: Changes) -> Result<Ready, Problem> {
        let _work = self.work(job, "plan");
        let is_of_this_moment = permit.is_of_this_moment(self.clock.boot(), changes);
        let of_this_moment = job.plan.clone().filter(|_| is_of_this_moment);
        let planned = match of_this_moment {
            Some(plan) => Ok(plan),
            None => self.plan(job).await?,
        };
        let shown = (job.effects(), self.growth_of(job));
        let (plan, is_same) = match adapter::still(&job.submission.operation, shown, planned) {
            Still::Retain(plan) => (plan, true),
            Still::Replace(plan) => (plan, false),
            Still::Clear => return Ok(Ready::Nothing),
            Still::Not(refusal) => return Ok(Ready::Not(refusal.reason)),
        };
        let rules = self.rules.load_full();
        let Some(run_as) = rules.run_as(&job.principal, &job.submission) else {
            return Ok(Ready::Not("the caller's contract does not grant this any more".to_owned()));
        };
        // People take their time, and a snapshot may go or grow old meanwhile.
        if !is_of_this_moment && let Some(why) = self.past_lost(&rules, job, &plan).await? {
            return Ok(Ready::Not(why));
        }
        let binds = binding(&job.submission.operation, &plan, &rules.revision);
        Ok(match permit.clear(&binds, run_as) {
            Some(cleared) if is_same => Ready::Go(plan, cleared),
            Some(_) | None => Ready::Moved(plan),
        })
    }

    async fn carry_out(self: &Arc<Self>, cell: &Arc<Cell>, job: &Job, plan: &Plan, cleared: Cleared) -> End {
        if adapter::of(&job.submission.operation).is_plain_read() {
            return self.carry_out_read(cell, job, cleared).await;
        }
        let (mut last, mut is_cut) = (Vec::new(), false);
        for (number, step) in plan.steps.iter().enumerate() {
            match self.step(cell, job, plan, (number, step), &cleared).await {
                Ok(finished) => (last, is_cut) = (finished.stdout, finished.truncated),
                Err(end) => return end,
            }
        }
        match job.submission.operation.effect() {
            Effect::Read => End::read(adapter::of(&job.submission.operation).interpret(&last), is_cut),
            Effect::Change | Effect::Destroy => match adapter::of(&job.submission.operation).ran(&last) {
                Some(ran) => End::ran(ran),
                None => self.end_verified(job, plan).await,
            },
        }
    }

    async fn carry_out_read(self: &Arc<Self>, cell: &Arc<Cell>, job: &Job, _cleared: Cleared) -> End {
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

    async fn end_verified(self: &Arc<Self>, job: &Job, plan: &Plan) -> End {
        let _work = self.work(job, "verify");
        let (host, operation, checked) = (self.reach(job), job.submission.operation.clone(), plan.clone());
        let look = tokio::task::spawn_blocking(move || adapter::of(&operation).verify(&checked, &host));
        let Ok(verification) = look.await else {
            return End::unknown("the host could not be looked at afterwards".to_owned());
        };
        let mut end = End::verified(verification);
        if let Some(offer) = &plan.undo {
            end.outcome.undo = Some(offer.operation.to_value());
            let until = offer.until.map(|until| job.keep.map_or(until, KeepFor::time));
            end.outcome.undo_until = until.map(|until| millis(self.clock.now() + until));
        }
        if end.outcome.verified == Some(true) {
            end.outcome.purge = undoable::purge(job, plan, self.now_ms());
        }
        end
    }

    /// After a step whose end nobody saw: the host is read until it shows everything, or until nothing of what was
    /// granted can run any more. Nothing is run again.
    pub(super) async fn look_into(self: &Arc<Self>, cell: &Cell, plan: &Plan, why: &str) -> End {
        loop {
            let job = cell.job.lock().await.clone();
            let end = self.look(&job, plan, why).await;
            let at_rest = job.may_run_until.as_ref().is_none_or(|until| self.is_past(until));
            if at_rest || end.state == State::Succeeded {
                return end;
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    /// What the host shows now of a plan that was begun.
    pub(super) async fn look(self: &Arc<Self>, job: &Job, plan: &Plan, why: &str) -> End {
        if job.submission.operation.effect() == Effect::Read {
            return End::failed(why.to_owned());
        }
        let (host, operation, checked) = (self.reach(job), job.submission.operation.clone(), plan.clone());
        let look = tokio::task::spawn_blocking(move || adapter::of(&operation).reconcile(&checked, &host));
        match look.await {
            Ok(verification) => End::reconciled(verification, why),
            Err(_panicked) => End::unknown(why.to_owned()),
        }
    }

    /// The host moved under the permit, which is void. The rules decide anew, and where they say so people are asked anew.
    async fn moved(self: &Arc<Self>, cell: &Arc<Cell>, plan: Plan) -> Result<Next, Problem> {
        let mut job = cell.job.lock().await;
        let mut difference = adapter::difference(job.plan.as_ref(), &plan);
        difference.extend(job.effects().and_then(|shown| shown::freed_otherwise(shown, &plan.effects)));
        let event = self
            .event(EventKind::ApprovalClosed, &job)
            .with("outcome", "superseded")
            .with("effects_digest", plan.effects.effects_digest().as_str())
            .with("difference", json!(difference));
        self.advance(cell, &mut job, State::Superseded, event).await?;
        self.tell(&job, &Told::PlanChanged { difference }).await;
        let times = job.history.iter().filter(|change| change.state == State::Superseded).count();
        let mut anew = Job::clone(&job);
        drop(job);
        if times > MOST_CHANGES {
            return Err(Problem::new(
                ProblemKind::PlanRefused,
                "the host changes faster than it can be approved; nothing ran",
            ));
        }
        // Nobody else takes a superseded job on, so the lock need not be held while host and policy are asked.
        let decided = self.decide(&mut anew).await;
        let mut job = cell.job.lock().await;
        (job.submission, job.asked, job.keep) = (anew.submission, anew.asked, anew.keep);
        (job.decision, job.plan, job.run_as) = (anew.decision, anew.plan, anew.run_as);
        drop(job);
        self.go_on_after(cell, decided).await
    }

    async fn go_on_after(
        &self,
        cell: &Arc<Cell>,
        decided: Result<Decided, Problem>,
    ) -> Result<Next, Problem> {
        let mut job = cell.job.lock().await;
        match decided {
            Err(problem) if problem.kind == ProblemKind::Denied => {
                let event = self.event(EventKind::Outcome, &job).with("why", problem.detail.as_str());
                let before = job.outcome.error.replace(problem.detail);
                if let Err(error) = self.advance(cell, &mut job, State::Denied, event).await {
                    job.outcome.error = before;
                    return Err(error.into());
                }
                self.tell(&job, &Told::Refused { by: "the rules".to_owned() }).await;
                Ok(Next::Nothing)
            }
            Err(problem) => Err(problem),
            Ok(Decided::Settled) => {
                drop(job);
                self.finish(cell, End::nothing_left(), EventKind::Outcome).await;
                Ok(Next::Nothing)
            }
            Ok(Decided::Review) => Ok(Next::Ask),
            Ok(Decided::Allowed(permit)) => {
                let event = self.event(EventKind::Plan, &job).with("verdict", Verdict::Allow.as_str());
                if let Some(approval) = job.approval.as_mut() {
                    // The rules have it run at once; the time that people were told is over.
                    approval.runs = None;
                }
                self.advance(cell, &mut job, State::Approved, event).await?;
                Ok(Next::Run(permit))
            }
        }
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
        let secrets = cell.job.lock().await.submission.operation.secrets();
        let end = self.screen_end(end, &secrets).await;
        let (mut receipt, mut pause) = (None, RECORD_AGAIN);
        loop {
            match self.try_finish(cell, &end, kind, &mut receipt).await {
                Ok(()) => return,
                Err(Unrecorded::Illegal(error)) => {
                    tracing::error!(error = &error as &dyn std::error::Error, "an end does not follow");
                    return;
                }
                Err(error) => {
                    tracing::error!(error = &error as &dyn std::error::Error, "an end is not recorded yet");
                }
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(RECORD_AT_LAST);
        }
    }

    /// One attempt. What the audit log has taken is not written to it again.
    async fn try_finish(
        &self,
        cell: &Cell,
        end: &End,
        kind: EventKind,
        receipt: &mut Option<Receipt>,
    ) -> Result<(), Unrecorded> {
        let mut job = cell.job.lock().await;
        if job.state.is_final() {
            return Ok(());
        }
        Job::clone(&job).become_state(end.state, self.now_ms())?;
        let recorded = match *receipt {
            Some(recorded) => recorded,
            None => {
                let event = end_event(self.event(kind, &job), end).with("state", end.state.as_str());
                *receipt.insert(self.record(event).await?)
            }
        };
        let before = std::mem::replace(&mut job.outcome, end.outcome.clone());
        if let Err(error) = self.commit(cell, &mut job, end.state, recorded).await {
            job.outcome = before;
            return Err(error);
        }
        self.tell(&job, &end.told).await;
        Ok(())
    }
}
