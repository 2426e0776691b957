//! Reversible first: where the rules want it, what could not be taken back is done so that it can, and what that puts
//! aside is destroyed for good after its time. The gate asks for that itself, and the rules decide on it as on anything.

use std::sync::Arc;
use std::time::Duration;

use super::Gate;
use super::protocol::{Problem, ProblemKind};
use crate::adapter::{self, Plan};
use crate::job::{Job, Purge};
use crate::operation::Submission;
use crate::policy::{KeepFor, PolicyDecision, Verdict};

/// What the rules' wish comes to.
pub(super) enum First {
    /// The operation stays as it is.
    AsItIs(PolicyDecision, Box<Plan>),
    /// The job has another operation now.
    Anew,
}

/// Puts the operation that can be taken back in the place of the one that cannot. Where there is none, people decide.
pub(super) fn first(job: &mut Job, mut decision: PolicyDecision, mut plan: Plan) -> First {
    let Some(keep) = decision.keep.or(job.keep) else { return First::AsItIs(decision, Box::new(plan)) };
    job.keep = Some(keep);
    if plan.effects.reversible || plan.settled {
        kept_for(&mut plan, keep);
        return First::AsItIs(decision, Box::new(plan));
    }
    match adapter::of(&job.submission.operation).undoable().filter(|_| job.asked.is_none()) {
        Some(undoable) => {
            job.asked = Some(std::mem::replace(&mut job.submission.operation, undoable));
            First::Anew
        }
        None => {
            decision.verdict = decision.verdict.max(Verdict::Review);
            First::AsItIs(decision, Box::new(plan))
        }
    }
}

/// What is put aside for a time stays as long as the rules say, and people read so.
fn kept_for(plan: &mut Plan, keep: KeepFor) {
    let Some(offer) = plan.undo.as_mut().filter(|offer| offer.until.is_some()) else { return };
    offer.until = Some(keep.time());
    let time = humantime::format_duration(keep.time());
    plan.effects.undo = Some(format!("{} within {time}", offer.operation.command_line()));
}

/// What destroys for good what the operation put aside, when the rules set a time for that.
pub(super) fn purge(job: &Job, plan: &Plan, now_ms: u64) -> Option<Purge> {
    let keep = u64::try_from(job.keep?.time().as_millis()).ok()?;
    let operation = adapter::of(&job.submission.operation).purge(plan)?;
    Some(Purge { operation, at: now_ms.saturating_add(keep) })
}

impl Gate {
    /// Asks for what is due: what was put aside and has been kept for its time.
    pub(super) async fn purge_what_is_due(self: &Arc<Self>) {
        let now = self.now_ms();
        let due = match self.stored(move |store| store.due(now)).await {
            Ok(due) => due,
            Err(problem) => {
                tracing::error!(problem = problem.detail, "the store could not say what is due");
                return;
            }
        };
        for job in due {
            let Some(purge) = job.outcome.purge.clone().filter(|_| self.may_act(&job.principal)) else {
                continue;
            };
            let id = job.id.clone();
            match self.purge(job, purge).await {
                // Whatever the rules said of it, it was asked; what they refused stays where it is until somebody asks again.
                Ok(()) => drop(self.stored(move |store| store.purged(&id)).await),
                Err(problem) => {
                    tracing::warn!(problem = problem.detail, operation = id, "a purge is tried again later")
                }
            }
        }
    }

    /// An error is one that may pass.
    async fn purge(self: &Arc<Self>, of: Job, purge: Purge) -> Result<(), Problem> {
        let kept = humantime::format_duration(of.keep.map_or(Duration::ZERO, KeepFor::time));
        let submission = Submission {
            operation: purge.operation,
            reason: Some(format!("kept for {kept} since {}", of.id)),
            run_id: of.submission.run_id,
            on_behalf_of: of.submission.on_behalf_of,
        };
        let order = self.live.order_of(&of.principal).lock_owned().await;
        let mut job = self.new_job(of.principal, submission)?;
        job.purges = Some(of.id);
        match self.change(job, None, order).await {
            Ok(_) => Ok(()),
            Err(problem) => match problem.kind {
                ProblemKind::Denied
                | ProblemKind::Forbidden
                | ProblemKind::PlanRefused
                | ProblemKind::NotFound
                | ProblemKind::Invalid
                | ProblemKind::IdempotencyConflict
                | ProblemKind::TooLate => Ok(()),
                ProblemKind::CoolDown
                | ProblemKind::Busy
                | ProblemKind::NoChannel
                | ProblemKind::AuditUnavailable
                | ProblemKind::Unavailable => Err(problem),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::adapter::{Effects, UndoOffer};
    use crate::operation::{Digest, Operation};

    const TWO_DAYS: u64 = 48 * 3_600;

    fn pct(op: &str, params: serde_json::Value) -> Operation {
        Operation::from_value(json!({"kind": "pct", "op": op, "resource": "101", "params": params})).unwrap()
    }

    fn job(operation: Operation) -> Job {
        let submission = Submission { operation, reason: None, run_id: None, on_behalf_of: None };
        Job::new("op_1".to_owned(), "librarian".to_owned().try_into().unwrap(), submission, 0)
    }

    fn kept(verdict: Verdict) -> PolicyDecision {
        PolicyDecision {
            verdict,
            rule: "first".to_owned(),
            reason: "reversible first".to_owned(),
            terms: None,
            keep: Some(KeepFor::try_from(TWO_DAYS).unwrap()),
            contract: None,
            revision: Digest::of_bytes(b""),
        }
    }

    fn plan(undo: Option<(Operation, Option<Duration>)>) -> Plan {
        let undo = undo.map(|(operation, until)| UndoOffer { operation, until });
        let effects = Effects { reversible: undo.is_some(), ..Effects::none() };
        Plan { effects, steps: Vec::new(), undo, settled: false }
    }

    #[test]
    fn a_containers_destruction_becomes_its_retirement_and_a_purge_after_its_time() {
        let asked = pct("destroy", json!({"related": true}));
        let mut job = job(asked.clone());
        assert!(matches!(first(&mut job, kept(Verdict::Allow), plan(None)), First::Anew));
        assert_eq!(job.submission.operation, pct("destroy", json!({"retire": true})));
        assert_eq!(job.asked, Some(asked));
        let week = Duration::from_secs(7 * 24 * 3_600);
        let retirement = plan(Some((pct("unretire", json!({})), Some(week))));
        let First::AsItIs(decision, planned) = first(&mut job, kept(Verdict::Allow), retirement) else {
            panic!("it was to be done otherwise once more");
        };
        assert_eq!(decision.verdict, Verdict::Allow);
        assert_eq!(planned.undo.as_ref().unwrap().until, Some(Duration::from_secs(TWO_DAYS)));
        assert_eq!(planned.effects.undo.as_deref(), Some("pct unretire 101 within 2days"));
        let purge = purge(&job, &planned, 1_000).unwrap();
        assert_eq!((purge.operation, purge.at), (pct("purge", json!({})), 1_000 + TWO_DAYS * 1_000));
    }

    #[test]
    fn what_has_no_way_back_at_all_is_put_to_people_and_never_purged() {
        let mut job = job(pct("rollback", json!({"name": "one"})));
        let First::AsItIs(decision, planned) = first(&mut job, kept(Verdict::Allow), plan(None)) else {
            panic!("there is nothing to be done instead");
        };
        assert_eq!(decision.verdict, Verdict::Review);
        assert!(job.asked.is_none() && purge(&job, &planned, 0).is_none());
    }
}
