//! What a decision is worth when the host is read again: it holds, it is void, or there is nothing left of it to do.

use super::{Effects, Growth, Object, Plan, PlanRefusal, of};
use crate::operation::Operation;

/// What the host shows now, held against what was shown when it was decided.
#[derive(Debug)]
pub enum Still {
    /// The same would happen, within its bounds: it may run.
    Retain(Plan),
    /// Something else would happen, of which nobody was asked.
    Replace(Plan),
    /// Nothing is left to do.
    Clear,
    /// The host does not let it happen any more.
    Not(PlanRefusal),
}

/// Holds a new plan against the effects that were shown, and against how much more they may be.
pub fn still(
    operation: &Operation,
    (shown, growth): (Option<&Effects>, Growth),
    now: Result<Plan, PlanRefusal>,
) -> Still {
    let plan = match now {
        Ok(plan) if plan.settled => return Still::Clear,
        Ok(plan) => plan,
        Err(refusal) if of(operation).is_gone(&refusal) => return Still::Clear,
        Err(refusal) => return Still::Not(refusal),
    };
    let is_same = |shown: &Effects| {
        shown.effects_digest() == plan.effects.effects_digest()
            && Effects::within_bounds(shown, &plan.effects, growth)
    };
    if shown.is_some_and(is_same) { Still::Retain(plan) } else { Still::Replace(plan) }
}

/// What the new plan has that the old had not (`+`), the other way around (`-`), and what is in another state (`~`).
pub fn difference(old: Option<&Plan>, new: &Plan) -> Vec<String> {
    let (old, new) = (old.map(objects).unwrap_or_default(), objects(new));
    let is_in = |all: &[(String, String)], line: &str| all.iter().any(|(other, _)| other == line);
    let added = new.iter().filter(|(line, _)| !is_in(&old, line)).map(|(line, _)| format!("+ {line}"));
    let gone = old.iter().filter(|(line, _)| !is_in(&new, line)).map(|(line, _)| format!("- {line}"));
    let other = new.iter().filter(|object| is_in(&old, &object.0) && !old.contains(object));
    added.chain(gone).chain(other.map(|(line, _)| format!("~ {line}, which is not as it was"))).collect()
}

/// Each object in a line, and its state.
fn objects(plan: &Plan) -> Vec<(String, String)> {
    let one = |object: &Object| {
        let name = format!("{} {} {}", object.kind, object.name, object.guid.as_deref().unwrap_or(""));
        (name.trim_end().to_owned(), format!("{:?} {:?}", object.was, object.becomes))
    };
    plan.effects.objects.iter().map(one).collect()
}
