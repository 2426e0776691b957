//! The proof that a plan may be carried out: made by rules or by people, spent by one execution.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;

use super::live::Changes;
use crate::adapter::Plan;
use crate::approval::people::People;
use crate::grant::RunAs;
use crate::job::{Approval, Job};
use crate::operation::{Digest, Operation};
use crate::policy::{PolicyDecision, Verdict};

/// How old a plan may be that is carried out without being made again: about as long as making it takes.
const MOMENT: Duration = Duration::from_millis(250);

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
    made: Option<Made>,
}

/// When and on what state of its place a plan was made, so that one of a moment ago need not be made again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Made {
    /// By the boot clock, before the host was read.
    pub(super) at: Duration,
    /// How many operations had begun to change the place.
    pub(super) changes: Changes,
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
        (decision.verdict == Verdict::Allow).then_some(Self { binds, made: None })
    }

    /// Enough people confirmed who may still vote, and nobody refused.
    pub(super) fn by_people(job: &Job, people: &People, excluded: &[String]) -> Option<Self> {
        let approval = job.approval.as_ref()?;
        let given = still_counting(approval, people, excluded);
        let missing = approval.terms.quorum().missing(given.values().map(Vec::as_slice));
        (missing == 0 && !given.is_empty() && approval.denied_by.is_none())
            .then(|| Self { binds: approval.binds.clone(), made: None })
    }

    /// The same, of a plan that was made then.
    pub(super) fn made(self, made: Option<Made>) -> Self {
        Self { made, ..self }
    }

    /// Whether its plan was made a moment ago, with nothing of ours begun in that place since.
    pub(super) fn is_of_this_moment(&self, now: Duration, changes: Changes) -> bool {
        let is_of = |made: Made| made.changes == changes && now.saturating_sub(made.at) <= MOMENT;
        self.made.is_some_and(is_of)
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

/// The confirmations of people who may vote as people are enrolled now, each person once, with the groups of now.
pub(super) fn still_counting(
    approval: &Approval,
    people: &People,
    excluded: &[String],
) -> BTreeMap<String, Vec<String>> {
    let may_vote = people.eligible(approval.terms.quorum(), excluded);
    let have = may_vote.filter(|person| approval.confirmed_by.contains(&person.name));
    have.map(|person| (person.name.clone(), person.groups.clone())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn permit(made: Option<Made>) -> Permit {
        Permit { binds: Digest::of_bytes(b"x"), made }
    }

    #[test]
    fn a_plan_is_of_this_moment_for_a_quarter_of_a_second_in_a_place_that_nobody_changed() {
        let at = Duration::from_secs(100);
        let (before, mut after) = (Changes::default(), Changes::default());
        after.begin();
        let made = permit(Some(Made { at, changes: before }));
        assert!(made.is_of_this_moment(at, before));
        assert!(made.is_of_this_moment(at + MOMENT, before));
        assert!(!made.is_of_this_moment(at + MOMENT + Duration::from_nanos(1), before));
        assert!(!made.is_of_this_moment(at, after), "something of ours began in between");
        assert!(!permit(None).is_of_this_moment(at, before), "what people approved is planned again");
    }
}
