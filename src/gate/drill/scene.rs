//! What a drill is about: something that people were asked before, or that they would be asked now. The host may be read
//! for it, as for a plan; nothing else.

use std::sync::Arc;

use crate::gate::Gate;
use crate::gate::decide::{Foreseen, plan_problem};
use crate::gate::protocol::{Problem, ProblemKind};
use crate::gate::undoable;
use crate::job::{Filter, Job, State};
use crate::operation::Submission;
use crate::policy::{PolicyDecision, Question, Verdict};
use crate::principal::PrincipalName;

/// How many of the last operations are looked through for one that people were asked about.
const LOOKED_THROUGH: usize = 200;

impl Gate {
    /// What people are asked about.
    pub(super) async fn scene(
        self: &Arc<Self>,
        of: Option<(PrincipalName, Submission)>,
        claims: Option<&str>,
    ) -> Result<Job, Problem> {
        let mut job = match of {
            Some((principal, submission)) => self.would_be_asked(principal, submission).await?,
            None => self.asked_last().await?,
        };
        if let Some(claims) = claims {
            seed(&mut job, claims)?;
        }
        Ok(job)
    }

    /// What the rules would put to people now.
    async fn would_be_asked(
        self: &Arc<Self>,
        principal: PrincipalName,
        submission: Submission,
    ) -> Result<Job, Problem> {
        self.known(&principal)?;
        let rules = self.rules.load_full();
        let mut job = Job::new(self.new_id("op")?, principal, submission, self.now_ms());
        loop {
            let by_contract = rules.by_contract(&self.foreseen_by(&job, None));
            if by_contract.verdict == Verdict::Deny {
                return Err(nobody_asked(&by_contract));
            }
            let Foreseen { plan, past } = match self.plan_for(&job).await? {
                Ok(foreseen) => foreseen,
                Err(refusal) => return Err(plan_problem(&refusal, Vec::new())),
            };
            let question = Question { past: past.as_deref(), ..self.foreseen_by(&job, Some(&plan)) };
            let decision = rules.decide(&question).await.decision;
            if decision.verdict == Verdict::Deny {
                return Err(nobody_asked(&decision));
            }
            let undoable::First::AsItIs(decision, plan) = undoable::first(&mut job, decision, plan) else {
                continue;
            };
            if decision.verdict != Verdict::Review || plan.settled {
                return Err(nobody_asked(&decision));
            }
            job.plan = Some(*plan);
            job.decision = Some(decision);
            return Ok(job);
        }
    }

    /// What people were asked last, as it was then.
    async fn asked_last(&self) -> Result<Job, Problem> {
        let filter = Filter { principal: None, state: None, kind: None, before: None };
        let page = self.stored(move |store| store.list(&filter, LOOKED_THROUGH)).await?;
        let was_asked = |job: &Job| job.approval.is_some() && job.plan.is_some() && job.decision.is_some();
        let Some(last) = page.jobs.into_iter().find(was_asked) else {
            let why = "people were asked nothing lately that could be asked again: say what they are to be asked, \
                       as in `reeve approver drill --as librarian zfs destroy tank/media@old`";
            return Err(Problem::new(ProblemKind::NotFound, why));
        };
        let again =
            Job::new(self.new_id("op")?, last.principal.clone(), last.submission.clone(), self.now_ms());
        Ok(Job {
            state: State::Proposed,
            plan: last.plan,
            decision: last.decision,
            run_as: last.run_as,
            ..again
        })
    }
}

/// Has the request speak of something else than it is about.
fn seed(job: &mut Job, claims: &str) -> Result<(), Problem> {
    let command = job.submission.operation.command_line();
    let mut objects = job.plan.iter().flat_map(|plan| &plan.effects.objects);
    // What is nearly the name is what people overlook, so only the name itself is none.
    let is_it = command.split(' ').any(|word| word == claims) || objects.any(|object| object.name == claims);
    if claims.trim().is_empty() || is_it {
        let why = format!("the request is about {claims:?} itself, so that nothing would be wrong with it");
        return Err(Problem::new(ProblemKind::Invalid, why));
    }
    job.submission.reason = Some(format!("{claims} is not needed any more"));
    Ok(())
}

fn nobody_asked(decision: &PolicyDecision) -> Problem {
    let verdict = decision.verdict.as_str();
    let why = format!("nobody would be asked about it: {verdict}, {}", decision.reason);
    Problem::new(ProblemKind::TooLate, why)
}
