//! Contract, plan, policy: whether an operation may run, and what it would do.

use std::sync::Arc;

use super::permit::{Made, Permit};
use super::protocol::{Answer, Decision, Problem, ProblemKind};
use super::record::Unrecorded;
use super::shadow::Lived;
use super::{Gate, undoable};
use crate::adapter::{self, Past, Plan, PlanRefusal};
use crate::audit::EventKind;
use crate::grant::RunAs;
use crate::job::Job;
use crate::operation::Submission;
use crate::policy::{PolicyDecision, Question, Ruled, Rules, Verdict};
use crate::principal::PrincipalName;
use crate::trace::Key;

/// What a decision came to, when it is not a refusal.
pub(super) enum Decided {
    /// The host already is as asked.
    Settled,
    /// The rules allow it.
    Allowed(Permit),
    /// People decide.
    Review,
}

/// A plan, and what it leaves of the past where the caller's contract asks for that.
pub(super) struct Foreseen {
    pub(super) plan: Plan,
    pub(super) past: Option<Vec<Past>>,
}

impl Gate {
    /// Decides on a job and records the decision with its plan.
    pub(super) async fn decide(self: &Arc<Self>, job: &mut Job) -> Result<Decided, Problem> {
        let mut work = self.work(job, "decide");
        let rules = self.rules.load_full();
        // The contract comes first: what it does not grant is not even read.
        let by_contract = rules.by_contract(&self.asked_by(job, None));
        if by_contract.verdict == Verdict::Deny {
            work.set(Key::Verdict, Verdict::Deny.as_str());
            let problem = self.deny(job, by_contract).await;
            return Err(self.offering(job, problem).await);
        }
        job.run_as = rules.run_as(&job.principal, &job.submission).and_then(user_of);
        let made = self.moment(job);
        let Foreseen { plan, past } = match self.plan_for(job).await? {
            Ok(foreseen) => foreseen,
            Err(refusal) => return Err(self.refuse_plan(job, refusal).await),
        };
        let question = Question { past: past.as_deref(), ..self.asked_by(job, Some(&plan)) };
        let Ruled { decision, input, looked } = rules.decide(&question).await;
        self.count_screened(&looked);
        (job.input, job.screened) = (input, looked.shown());
        self.try_beside(Lived::of(job, &decision));
        work.set(Key::Verdict, decision.verdict.as_str());
        if decision.verdict == Verdict::Deny {
            job.plan = Some(plan);
            let problem = self.deny(job, decision).await;
            return Err(self.offering(job, problem).await);
        }
        let (decision, plan) = match undoable::first(job, decision, plan) {
            undoable::First::AsItIs(decision, plan) => (decision, *plan),
            // It has another operation now, of which all this is asked anew; it can be taken back, so this is the end.
            undoable::First::Anew => return Box::pin(self.decide(job)).await,
        };
        self.count_decision(job, decision.verdict);
        let settled = plan.settled;
        let permit = Permit::by_rules(&decision, &job.submission.operation, &plan);
        let permit = permit.map(|permit| permit.made(made));
        job.plan = Some(plan);
        job.decision = Some(decision);
        let receipt = self.record(self.decision_event(job)).await?;
        job.input = None;
        job.audit = Some((receipt.seq, receipt.hash.to_string()));
        Ok(match (settled, permit) {
            (true, _) => Decided::Settled,
            (false, Some(permit)) => Decided::Allowed(permit),
            (false, None) => Decided::Review,
        })
    }

    /// When a plan that is made now will have been made; nothing while its place is being changed.
    fn moment(&self, job: &Job) -> Option<Made> {
        let changes = *self.live.turn_if_free(&job.submission.operation)?;
        Some(Made { at: self.clock.boot(), changes })
    }

    /// The same for a caller, who has only a few places at once, with what it leaves of the past.
    pub(super) async fn plan_for(
        self: &Arc<Self>,
        job: &Job,
    ) -> Result<Result<Foreseen, PlanRefusal>, Problem> {
        let place = self.live.reading_place_of(&job.principal).acquire_owned().await;
        let foreseen = match self.plan(job).await? {
            Ok(plan) => self.past_of(job, &plan).await?.map(|past| Foreseen { plan, past }),
            Err(refusal) => Err(refusal),
        };
        drop(place);
        Ok(foreseen)
    }

    /// What a plan leaves of the past, where the caller's contract asks for that.
    pub(super) async fn past_of(
        self: &Arc<Self>,
        job: &Job,
        plan: &Plan,
    ) -> Result<Result<Option<Vec<Past>>, PlanRefusal>, Problem> {
        if !self.rules.load().wants_past(&job.principal, &job.submission) {
            return Ok(Ok(None));
        }
        let place = self.live.reading_place().acquire_owned().await;
        let (host, operation, plan) = (self.reach(job), job.submission.operation.clone(), plan.clone());
        let looking = tokio::task::spawn_blocking(move || adapter::of(&operation).past_kept(&plan, &host));
        let kept = looking.await.map_err(|_panicked| Problem::from(Unrecorded::Thread));
        drop(place);
        Ok(kept?.map(Some))
    }

    /// Reads the host and says what the operation would do. The outer error is ours, the inner one the host's state.
    pub(super) async fn plan(self: &Arc<Self>, job: &Job) -> Result<Result<Plan, PlanRefusal>, Problem> {
        let place = self.live.reading_place().acquire_owned().await;
        let (host, operation) = (self.reach(job), job.submission.operation.clone());
        let planning = tokio::task::spawn_blocking(move || adapter::of(&operation).plan(&host));
        let planned = planning.await.map_err(|_panicked| Problem::from(Unrecorded::Thread));
        drop(place);
        planned
    }

    /// Why the contract does not grant it any more, when the snapshots that it asks for are not there.
    pub(super) async fn past_lost(
        self: &Arc<Self>,
        rules: &Rules,
        job: &Job,
        plan: &Plan,
    ) -> Result<Option<String>, Problem> {
        let past = match self.past_of(job, plan).await? {
            Ok(past) => past,
            Err(refusal) => return Ok(Some(refusal.reason)),
        };
        let lost = rules.past_lost(&job.principal, &job.submission, (past.as_deref(), self.now_ms()));
        Ok(lost.map(|refusal| refusal.reason))
    }

    /// What would be decided and what would happen, without running or asking anything. That it was asked is recorded:
    /// to read the host as root or as a user needs a grant.
    pub(super) async fn preview(
        self: &Arc<Self>,
        caller: PrincipalName,
        submission: Submission,
    ) -> Result<Answer, Problem> {
        self.known(&caller)?;
        let rules = self.rules.load_full();
        let mut job = self.new_job(caller, submission)?;
        loop {
            let by_contract = rules.by_contract(&self.foreseen_by(&job, None));
            if by_contract.verdict == Verdict::Deny {
                return self.previewed(&job, by_contract, None).await;
            }
            let Foreseen { plan, past } = match self.plan_for(&job).await? {
                Ok(foreseen) => foreseen,
                Err(refusal) => return Err(plan_problem(&refusal, Vec::new())),
            };
            let question = Question { past: past.as_deref(), ..self.foreseen_by(&job, Some(&plan)) };
            let decision = rules.decide(&question).await.decision;
            if decision.verdict == Verdict::Deny {
                return self.previewed(&job, decision, None).await;
            }
            if let undoable::First::AsItIs(decision, plan) = undoable::first(&mut job, decision, plan) {
                return self.previewed(&job, decision, Some(&plan)).await;
            }
        }
    }

    async fn previewed(
        &self,
        job: &Job,
        decision: PolicyDecision,
        plan: Option<&Plan>,
    ) -> Result<Answer, Problem> {
        let event = self
            .event(EventKind::Preview, job)
            .with("operation", job.submission.operation.without_secrets())
            .with("verdict", decision.verdict.as_str())
            .with("rule", decision.rule.as_str());
        self.record(event).await?;
        let effects = plan.and_then(|plan| serde_json::to_value(&plan.effects).ok());
        Ok(Answer::Plan { decision: shown(&decision), effects })
    }

    /// What the rules are asked about a job.
    pub(super) fn asked_by<'a>(&'a self, job: &'a Job, plan: Option<&'a Plan>) -> Question<'a> {
        Question { scheduled: job.purges.is_some(), ..self.question(&job.principal, &job.submission, plan) }
    }

    /// What the rules would be asked: as if it were submitted now, which neither a preview nor an offer counts as.
    pub(super) fn foreseen_by<'a>(&'a self, job: &'a Job, plan: Option<&'a Plan>) -> Question<'a> {
        let asked = self.asked_by(job, plan);
        Question { recent: asked.recent.clone().and(job.submission.operation.tool()), ..asked }
    }

    fn question<'a>(
        &'a self,
        caller: &'a PrincipalName,
        submission: &'a Submission,
        plan: Option<&'a Plan>,
    ) -> Question<'a> {
        let (host, now_ms) = (self.identity.name.as_str(), self.now_ms());
        let (effects, recent) = (plan.map(|plan| &plan.effects), self.history.of(caller, now_ms));
        Question { caller, submission, effects, past: None, scheduled: false, host, now_ms, recent }
    }

    /// Records a refusal and words it. An audit log that takes nothing does not turn a no into anything else.
    pub(super) async fn deny(&self, job: &mut Job, decision: PolicyDecision) -> Problem {
        self.count_decision(job, Verdict::Deny);
        let problem = Problem {
            operation: Some(job.id.clone()),
            decision: Some(shown(&decision)),
            ..Problem::new(ProblemKind::Denied, decision.reason.clone())
        };
        job.decision = Some(decision);
        match self.record(self.decision_event(job)).await {
            Ok(_receipt) => problem,
            Err(error) => error.into(),
        }
    }

    async fn refuse_plan(self: &Arc<Self>, job: &Job, mut refusal: PlanRefusal) -> Problem {
        let event = self
            .event(EventKind::Plan, job)
            .with("request", job.submission.operation.without_secrets())
            .with("rule", refusal.rule.as_str())
            .with("refused", refusal.reason.as_str());
        if let Err(error) = self.record(event).await {
            return error.into();
        }
        let alternatives = self.allowed_now(job, std::mem::take(&mut refusal.alternatives)).await;
        Problem { operation: Some(job.id.clone()), ..plan_problem(&refusal, alternatives) }
    }

    pub(super) fn count_decision(&self, job: &Job, verdict: Verdict) {
        let operation = &job.submission.operation;
        self.metrics.decided(operation.kind(), operation.name(), verdict.as_str());
    }
}

/// A host that cannot be read is nobody's mistake but may pass; every other refusal is the host's state.
pub(super) fn plan_problem(refusal: &PlanRefusal, alternatives: Vec<serde_json::Value>) -> Problem {
    let kind = match refusal.rule {
        adapter::Rule::HostUnreadable => ProblemKind::Unavailable,
        adapter::Rule::ZfsNotFound
        | adapter::Rule::ZfsExists
        | adapter::Rule::ZfsPoolMissing
        | adapter::Rule::ZfsChildren
        | adapter::Rule::ZfsHold
        | adapter::Rule::ZfsClones
        | adapter::Rule::ZfsNewer
        | adapter::Rule::ZfsKind
        | adapter::Rule::ZfsTooMany
        | adapter::Rule::ZfsProperty
        | adapter::Rule::ZfsBusy
        | adapter::Rule::AnsibleNotFound
        | adapter::Rule::AnsibleVars
        | adapter::Rule::AnsibleAltered
        | adapter::Rule::AnsibleForbidden
        | adapter::Rule::AnsibleUnforeseen
        | adapter::Rule::AnsibleFailed
        | adapter::Rule::SystemdNotFound
        | adapter::Rule::SystemdBroken
        | adapter::Rule::SystemdProtected
        | adapter::Rule::SystemdMasked
        | adapter::Rule::SystemdBusy
        | adapter::Rule::SystemdStale
        | adapter::Rule::SystemdCannot
        | adapter::Rule::SystemdNotRunning
        | adapter::Rule::SystemdFile
        | adapter::Rule::SystemdTooMany
        | adapter::Rule::GitRepository
        | adapter::Rule::GitConfig
        | adapter::Rule::GitAlternates
        | adapter::Rule::GitNotFound
        | adapter::Rule::GitExists
        | adapter::Rule::GitDirty
        | adapter::Rule::GitUntracked
        | adapter::Rule::GitHidden
        | adapter::Rule::GitDiverged
        | adapter::Rule::GitDetached
        | adapter::Rule::GitUnborn
        | adapter::Rule::GitRemote
        | adapter::Rule::GitUnreachable
        | adapter::Rule::GitPath
        | adapter::Rule::GitTooMany
        | adapter::Rule::GitShallow
        | adapter::Rule::PctNotFound
        | adapter::Rule::PctExists
        | adapter::Rule::PctNoSnapshot
        | adapter::Rule::PctNoVolume
        | adapter::Rule::PctLocked
        | adapter::Rule::PctProtected
        | adapter::Rule::PctRunning
        | adapter::Rule::PctStopped
        | adapter::Rule::PctTemplate
        | adapter::Rule::PctHa
        | adapter::Rule::PctShrink
        | adapter::Rule::PctRetired
        | adapter::Rule::PctNotRetired
        | adapter::Rule::PctNotAllowed
        | adapter::Rule::ToolNotFound
        | adapter::Rule::ToolArguments
        | adapter::Rule::ToolHosts
        | adapter::Rule::ToolCalls
        | adapter::Rule::AzureNotFound
        | adapter::Rule::AzureBusy
        | adapter::Rule::AzureNotRunning
        | adapter::Rule::AzureSeveralRevisions
        | adapter::Rule::AzureUnclaimed
        | adapter::Rule::AzureTooMany
        | adapter::Rule::AzureFirewall
        | adapter::Rule::AzureAddress => ProblemKind::PlanRefused,
    };
    let decision = Decision {
        verdict: "deny".to_owned(),
        rule: refusal.rule.as_str().to_owned(),
        reason: refusal.reason.clone(),
        policy: String::new(),
        contract: None,
    };
    Problem { decision: Some(decision), alternatives, ..Problem::new(kind, refusal.reason.clone()) }
}

/// A decision as callers see it.
pub(super) fn shown(decision: &PolicyDecision) -> Decision {
    Decision {
        verdict: decision.verdict.as_str().to_owned(),
        rule: decision.rule.clone(),
        reason: decision.reason.clone(),
        policy: decision.revision.to_string(),
        contract: decision.contract.as_ref().map(ToString::to_string),
    }
}

fn user_of(run_as: RunAs) -> Option<String> {
    match run_as {
        RunAs::Root => None,
        RunAs::User(name) => Some(name),
    }
}
