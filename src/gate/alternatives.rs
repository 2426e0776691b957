//! What a caller that was refused may do instead: narrower operations, and such as can be taken back, each decided as if it
//! were asked for. Only what would be allowed now, without anybody being asked, is offered.

use std::sync::Arc;

use super::Gate;
use super::decide::Foreseen;
use super::protocol::{Problem, ProblemKind};
use crate::adapter;
use crate::job::Job;
use crate::operation::{Operation, Submission};
use crate::policy::{Question, Verdict};

/// How many are looked at: each is a look at the host.
const MOST: usize = 3;

impl Gate {
    /// A refusal, with what would be allowed in its place.
    pub(super) async fn offering(self: &Arc<Self>, job: &Job, problem: Problem) -> Problem {
        if problem.kind != ProblemKind::Denied {
            return problem;
        }
        let operation = &job.submission.operation;
        let instead = narrower(operation).into_iter().chain(adapter::of(operation).undoable());
        Problem { alternatives: self.allowed_now(job, instead.collect()).await, ..problem }
    }

    /// Those of the operations that the caller would be allowed now.
    pub(super) async fn allowed_now(
        self: &Arc<Self>,
        job: &Job,
        operations: Vec<Operation>,
    ) -> Vec<serde_json::Value> {
        let mut allowed = Vec::new();
        for operation in operations.into_iter().take(MOST) {
            if self.is_allowed_now(job, &operation).await {
                allowed.push(operation.to_value());
            }
        }
        allowed
    }

    async fn is_allowed_now(self: &Arc<Self>, job: &Job, operation: &Operation) -> bool {
        let rules = self.rules.load_full();
        let submission = Submission { operation: operation.clone(), ..job.submission.clone() };
        let instead = Job::new(job.id.clone(), job.principal.clone(), submission, self.now_ms());
        if rules.by_contract(&self.foreseen_by(&instead, None)).verdict != Verdict::Allow {
            return false;
        }
        let Ok(Ok(Foreseen { plan, past })) = self.plan_for(&instead).await else { return false };
        let question = Question { past: past.as_deref(), ..self.foreseen_by(&instead, Some(&plan)) };
        let decision = rules.decide(&question).await.decision;
        // What the rules would have done in another way, or what is so already, is not this operation.
        let stays_itself = decision.keep.is_none() || plan.effects.reversible;
        decision.verdict == Verdict::Allow && stays_itself && !plan.settled
    }
}

/// The same on less: without what lies below.
fn narrower(operation: &Operation) -> Option<Operation> {
    let mut value = operation.to_value();
    let params = value.get_mut("params")?.as_object_mut()?;
    let was_wide = params.remove("recursive")? == serde_json::Value::Bool(true);
    let narrow = Operation::from_value(value).ok().filter(|_| was_wide)?;
    (narrow != *operation).then_some(narrow)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn operation(params: serde_json::Value) -> Operation {
        let value = json!({"kind": "zfs", "op": "snapshot", "resource": "tank/a", "params": params});
        Operation::from_value(value).unwrap()
    }

    #[test]
    fn what_is_done_to_all_below_can_be_done_to_one() {
        let wide = operation(json!({"name": "x", "recursive": true}));
        assert_eq!(narrower(&wide), Some(operation(json!({"name": "x"}))));
        assert_eq!(narrower(&operation(json!({"name": "x"}))), None);
    }
}
