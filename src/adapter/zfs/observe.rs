//! Looking again: which of a plan's objects the host now shows as planned. Used after a run, where every step is known
//! to have succeeded, and after a crash, where nothing is known.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::item::{Item, Kind};
use super::reader::{self, Scope};
use super::{Knowing, holds, not_seen, pool, rollback, set};
use crate::adapter::{Action, Happened, Host, Object, Plan, PlanRefusal, Verification};
use crate::operation::zfs::{ScrubAction, Setting, ZfsOperation};

/// Above this many objects whole trees are listed, instead of one object at a time.
const ONE_BY_ONE: usize = 8;

/// See [`crate::adapter::verify`].
pub(in crate::adapter) fn verify(op: &ZfsOperation, plan: &Plan, host: &dyn Host) -> Verification {
    look(&Looking { op, plan, host, knowing: Knowing::StepsSucceeded })
}

/// See [`crate::adapter::reconcile`].
pub(in crate::adapter) fn reconcile(op: &ZfsOperation, plan: &Plan, host: &dyn Host) -> Verification {
    look(&Looking { op, plan, host, knowing: Knowing::Nothing })
}

struct Looking<'a> {
    op: &'a ZfsOperation,
    plan: &'a Plan,
    host: &'a dyn Host,
    knowing: Knowing,
}

/// Whether one object is as planned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Seen {
    Yes,
    No,
    Unclear,
}

fn look(looking: &Looking<'_>) -> Verification {
    let objects = &looking.plan.effects.objects;
    let survey = match Survey::of(looking.host, objects) {
        Ok(survey) => survey,
        Err(refusal) => return not_seen(refusal),
    };
    let mut seen = Vec::new();
    let mut facts = Vec::new();
    for object in objects {
        match looking.one(object, &survey) {
            Ok((is, guid)) => {
                facts.push(
                    json!({"action": object.action, "name": object.name, "guid": guid, "done": is.word()}),
                );
                seen.push((is, object));
            }
            Err(refusal) => return not_seen(refusal),
        }
    }
    summed_up(&seen, json!({"objects": facts}))
}

impl Seen {
    fn is(holds: bool) -> Self {
        if holds { Self::Yes } else { Self::No }
    }

    fn word(self) -> Option<bool> {
        match self {
            Self::Yes => Some(true),
            Self::No => Some(false),
            Self::Unclear => None,
        }
    }
}

fn summed_up(seen: &[(Seen, &Object)], result: Value) -> Verification {
    let count = |wanted: Seen| seen.iter().filter(|(is, _)| *is == wanted).count();
    let (yes, no, unclear) = (count(Seen::Yes), count(Seen::No), count(Seen::Unclear));
    let happened = match (yes, no, unclear) {
        (_, 0, 0) => Happened::Wholly,
        (0, _, 0) => Happened::NotAtAll,
        (_, _, 0) => Happened::Partly,
        (_, _, _) => Happened::CannotTell,
    };
    let left = seen.iter().filter(|(is, _)| *is != Seen::Yes).map(|(_, object)| object.name.as_str());
    let reason = (happened != Happened::Wholly).then(|| {
        format!("{yes} of {} are as planned; not so, or not to be told: {}", seen.len(), reader::names(left))
    });
    Verification::new(happened, result, reason)
}

impl Looking<'_> {
    fn one(&self, object: &Object, survey: &Survey) -> Result<(Seen, Option<String>), PlanRefusal> {
        let found = survey.found(&object.name);
        let is_same = found.is_some() && found.map(|item| &item.guid) == object.guid.as_ref();
        let here = found.map(|item| item.guid.clone());
        Ok(match object.action {
            Action::Destroy => (Seen::is(!is_same), object.guid.clone()),
            Action::Create => (self.created(object, found)?, here),
            Action::Snapshot => (Seen::is(found.is_some_and(|item| item.kind == Kind::Snapshot)), here),
            Action::Bookmark => (Seen::is(is_same), here),
            Action::Rename => {
                let new = object.becomes.as_deref().and_then(|name| survey.found(name));
                let arrived = new.is_some() && new.map(|item| &item.guid) == object.guid.as_ref();
                let is = if arrived {
                    Seen::Yes
                } else if is_same {
                    Seen::No
                } else {
                    Seen::Unclear
                };
                (is, object.guid.clone())
            }
            Action::Set => (if is_same { self.is_set(&object.name)? } else { Seen::Unclear }, here),
            Action::Hold | Action::Release => {
                (if is_same { self.is_held(object)? } else { Seen::Unclear }, here)
            }
            Action::Rollback => (self.rolled_back()?, here),
            Action::Scrub => (self.scrubbed(object)?, object.guid.clone()),
            // What other adapters do.
            Action::Play
            | Action::Task
            | Action::Unforeseen
            | Action::Start
            | Action::Stop
            | Action::Restart
            | Action::Reload
            | Action::Enable
            | Action::Disable
            | Action::Mask
            | Action::Unmask
            | Action::ResetFailed
            | Action::Resize
            | Action::Retire
            | Action::Unretire
            | Action::Unlock
            | Action::Run
            | Action::Write => (Seen::Unclear, None),
            Action::Move | Action::PutAway | Action::BringBack => (Seen::Unclear, here),
        })
    }

    fn created(&self, object: &Object, found: Option<&Item>) -> Result<Seen, PlanRefusal> {
        let Some(item) = found.filter(|item| item.kind.as_str() == object.kind) else { return Ok(Seen::No) };
        let (origin, properties): (Option<&str>, &[Setting]) =
            if let ZfsOperation::Create { properties, .. } = self.op {
                (None, properties)
            } else if let ZfsOperation::Clone { snapshot, properties, .. } = self.op {
                (Some(snapshot.as_str()), properties)
            } else {
                return Ok(Seen::Unclear);
            };
        if item.origin.as_deref() != origin {
            return Ok(Seen::Unclear);
        }
        for setting in properties {
            let (value, _) = reader::property(self.host, &item.name, setting.name())?;
            if !set::is_same(setting, &value) {
                return Ok(Seen::No);
            }
        }
        Ok(Seen::Yes)
    }

    fn is_set(&self, name: &str) -> Result<Seen, PlanRefusal> {
        let ZfsOperation::Set { setting, .. } = self.op else { return Ok(Seen::Unclear) };
        let (value, source) = reader::property(self.host, name, setting.name())?;
        Ok(Seen::is(source == "local" && set::is_same(setting, &value)))
    }

    fn is_held(&self, object: &Object) -> Result<Seen, PlanRefusal> {
        let tags = holds::tags(self.host, &object.name)?;
        let is_held = |tag: &Option<String>| tag.as_ref().is_some_and(|tag| tags.contains(tag));
        let is_so =
            if object.action == Action::Release { !is_held(&object.was) } else { is_held(&object.becomes) };
        Ok(Seen::is(is_so))
    }

    /// After a crash only a dataset into which nothing was written since shows that it was taken back.
    fn rolled_back(&self) -> Result<Seen, PlanRefusal> {
        let ZfsOperation::Rollback { snapshot, .. } = self.op else { return Ok(Seen::Unclear) };
        let to = reader::present(self.host, snapshot.as_str())?;
        if !rollback::younger(self.host, &to)?.is_empty() {
            return Ok(Seen::No);
        }
        let written = reader::present(self.host, to.dataset())?.written;
        Ok(match self.knowing {
            Knowing::StepsSucceeded => Seen::Yes,
            Knowing::Nothing if written == Some(0) => Seen::Yes,
            Knowing::Nothing => Seen::Unclear,
        })
    }

    fn scrubbed(&self, object: &Object) -> Result<Seen, PlanRefusal> {
        let ZfsOperation::Scrub { action, .. } = self.op else { return Ok(Seen::Unclear) };
        let (_, scan) = pool::scan(self.host, &object.name)?;
        let was = object.was.as_deref().unwrap_or_default();
        let is_unchanged = *action == ScrubAction::Stop && scan.words() == was;
        Ok(Seen::is(scan.shows(*action, was) && !is_unchanged))
    }
}

/// What the host has of the names that matter.
struct Survey {
    found: BTreeMap<String, Item>,
}

impl Survey {
    fn of(host: &dyn Host, objects: &[Object]) -> Result<Self, PlanRefusal> {
        let names = names_in(objects);
        let mut found = BTreeMap::new();
        let mut missing: Vec<&str> = Vec::new();
        let anchors = anchors(&names);
        let (places, scope) =
            if names.len() > ONE_BY_ONE { (anchors, Scope::Tree) } else { (names.clone(), Scope::Itself) };
        for place in places {
            match reader::list(host, place, scope)? {
                Some(items) => found.extend(items.into_iter().map(|item| (item.name.clone(), item))),
                None => missing.push(place),
            }
        }
        // Gone with its whole pool is not destroyed: an exported pool comes back.
        let mut pools: Vec<&str> =
            missing.iter().filter_map(|name| name.split(['/', '@', '#']).next()).collect();
        pools.dedup();
        for pool in pools {
            reader::pool_of(host, pool)?;
        }
        Ok(Self { found })
    }

    fn found(&self, name: &str) -> Option<&Item> {
        self.found.get(name)
    }
}

/// Every name that must be looked at: those of objects, and those that they get. Pools are looked at otherwise.
fn names_in(objects: &[Object]) -> Vec<&str> {
    let mut names: Vec<&str> = Vec::new();
    for object in objects {
        let renamed = object.becomes.as_deref().filter(|_| object.action == Action::Rename);
        if object.action != Action::Scrub {
            names.extend(std::iter::once(object.name.as_str()).chain(renamed));
        }
    }
    names
}

/// The fewest datasets below which all of these names lie.
fn anchors<'a>(names: &[&'a str]) -> Vec<&'a str> {
    let mut datasets: Vec<&str> = names.iter().filter_map(|name| name.split(['@', '#']).next()).collect();
    datasets.sort_unstable();
    datasets.dedup();
    let mut anchors: Vec<&str> = Vec::new();
    for dataset in datasets {
        let is_below = |anchor: &str| dataset.strip_prefix(anchor).is_some_and(|rest| rest.starts_with('/'));
        if !anchors.iter().any(|anchor| is_below(anchor)) {
            anchors.push(dataset);
        }
    }
    anchors
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn anchors_are_the_fewest_datasets_above_all_names() {
        let names = ["tank/a/b@s", "tank/a", "tank/a#m", "tank/ab", "tank/a/b/c"];
        assert_eq!(anchors(&names), ["tank/a", "tank/ab"]);
    }
}
