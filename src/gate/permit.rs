//! The proof that a plan may be carried out: made by rules or by people, spent by one execution.

use serde_json::json;

use crate::adapter::Plan;
use crate::job::Job;
use crate::operation::{Digest, Operation};
use crate::policy::{PolicyDecision, Verdict};

/// What a decision or an approval is about: operation, effects and the rules in force, in one digest.
pub(super) fn binding(operation: &Operation, plan: &Plan, rules: &Digest) -> Digest {
    Digest::of(&json!({
        "operation": operation.digest(),
        "effects": plan.effects.effects_digest(),
        "rules": rules,
    }))
}

/// Leave to carry out what one digest stands for.
#[must_use]
#[derive(Debug)]
pub(super) struct Permit {
    binds: Digest,
}

/// Leave that has been held against the plan that is about to run.
#[must_use]
#[derive(Debug)]
pub(super) struct Cleared(());

impl Permit {
    /// The rules allowed it outright.
    pub(super) fn by_rules(decision: &PolicyDecision, binds: Digest) -> Option<Self> {
        (decision.verdict == Verdict::Allow).then_some(Self { binds })
    }

    /// Enough people confirmed, and nobody refused.
    pub(super) fn by_people(job: &Job) -> Option<Self> {
        let approval = job.approval.as_ref()?;
        let enough =
            u32::try_from(approval.confirmed_by.len()).is_ok_and(|given| given >= approval.terms.approvals());
        let permitted = enough && approval.denied_by.is_none();
        permitted.then(|| Self { binds: approval.binds.clone() })
    }

    /// Spends the permit on what it was given for; on anything else it is void.
    pub(super) fn clear(self, binds: &Digest) -> Option<Cleared> {
        (self.binds == *binds).then_some(Cleared(()))
    }
}
