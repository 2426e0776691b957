//! The proof that a plan may be carried out: made by rules or by people, spent by one execution.

use std::collections::BTreeSet;

use serde_json::json;

use crate::adapter::Plan;
use crate::approval::people::People;
use crate::grant::RunAs;
use crate::job::{Approval, Job};
use crate::operation::{Digest, Operation};
use crate::policy::{PolicyDecision, Verdict};

/// What a decision or an approval is about: operation, effects and the rules that decided, in one digest.
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

/// Leave that has been held against the plan that is about to run, with the user that the same rules say.
#[must_use]
#[derive(Debug)]
pub(super) struct Cleared {
    run_as: RunAs,
}

impl Permit {
    /// The rules allowed it outright.
    pub(super) fn by_rules(decision: &PolicyDecision, operation: &Operation, plan: &Plan) -> Option<Self> {
        let binds = binding(operation, plan, &decision.revision);
        (decision.verdict == Verdict::Allow).then_some(Self { binds })
    }

    /// Enough people confirmed who may still vote, and nobody refused.
    pub(super) fn by_people(job: &Job, people: &People, excluded: &[String]) -> Option<Self> {
        let approval = job.approval.as_ref()?;
        let given = still_counting(approval, people, excluded).len();
        let enough = u32::try_from(given).is_ok_and(|given| given >= approval.terms.approvals());
        (enough && given > 0 && approval.denied_by.is_none()).then(|| Self { binds: approval.binds.clone() })
    }

    /// Spends the permit on what it was given for; on anything else it is void.
    pub(super) fn clear(self, binds: &Digest, run_as: RunAs) -> Option<Cleared> {
        (self.binds == *binds).then_some(Cleared { run_as })
    }
}

impl Cleared {
    /// Who the steps run as.
    pub(super) fn run_as(&self) -> &RunAs {
        &self.run_as
    }
}

/// The confirmations of people who may vote as people are enrolled now, each person once.
pub(super) fn still_counting(approval: &Approval, people: &People, excluded: &[String]) -> BTreeSet<String> {
    let may_vote: BTreeSet<&str> =
        people.eligible(approval.terms.group(), excluded).map(|person| person.name.as_str()).collect();
    approval.confirmed_by.iter().filter(|name| may_vote.contains(name.as_str())).cloned().collect()
}
