//! Which snapshots a plan leaves of the datasets that it takes something from.

use std::collections::BTreeSet;

use super::item::{Item, Kind};
use super::reader::{self, Scope};
use crate::adapter::{Action, Host, Object, Past, Plan, PlanRefusal};

/// Each dataset of the plan, with the youngest of its snapshots that does not go with it.
pub(super) fn kept(plan: &Plan, host: &dyn Host) -> Result<Vec<Past>, PlanRefusal> {
    let there = plan.effects.objects.iter().filter(|object| object.guid.is_some());
    let gone: BTreeSet<&str> = there
        .clone()
        .filter(|object| object.action == Action::Destroy)
        .map(|object| object.name.as_str())
        .collect();
    let datasets: BTreeSet<&str> = there.map(dataset_of).collect();
    let is_top = |name: &&&str| !datasets.iter().any(|other| is_below(name, other));
    let mut items: Vec<Item> = Vec::new();
    for top in datasets.iter().filter(is_top) {
        // What goes as a whole takes its snapshots along; there is nothing to look for.
        if !gone.contains(top) {
            items.extend(reader::present_list(host, top, Scope::Tree)?);
        }
    }
    let one = |name: &&str| {
        let is_left = |item: &&Item| {
            item.kind == Kind::Snapshot && item.dataset() == *name && !gone.contains(item.name.as_str())
        };
        let youngest = items.iter().filter(is_left).map(|item| item.creation).max();
        let goes = gone.contains(name);
        let help = if goes {
            format!("{name} goes with all of its snapshots; ask for it with quarantine, which keeps them")
        } else {
            format!("take one first, with zfs.snapshot of {name}")
        };
        Past { name: (*name).to_owned(), youngest: youngest.filter(|_| !goes), help }
    };
    Ok(datasets.iter().map(one).collect())
}

fn dataset_of(object: &Object) -> &str {
    object.name.split(['@', '#']).next().unwrap_or_default()
}

fn is_below(name: &str, other: &str) -> bool {
    name.strip_prefix(other).is_some_and(|rest| rest.starts_with('/'))
}
