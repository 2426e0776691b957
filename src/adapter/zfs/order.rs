//! The order in which a set of datasets can be destroyed by name alone: what depends on a thing goes before it.

use std::collections::BTreeMap;

use super::item::{Item, Kind};
use super::reader::{self, Scope};
use crate::adapter::{Host, PlanRefusal, Rule};

/// How many objects one operation may destroy.
pub(super) const MOST: usize = 1000;

/// Datasets that are to be destroyed, each with its snapshots and bookmarks.
#[derive(Debug, Default)]
pub(super) struct Forest {
    datasets: BTreeMap<String, Branch>,
    roots: Vec<String>,
}

#[derive(Debug)]
struct Branch {
    item: Item,
    kept: Vec<Item>,
}

/// One act of destroying, small enough for one transaction of OpenZFS.
#[derive(Debug, Clone)]
pub(super) enum Act {
    /// Snapshots of one dataset.
    Snapshots(Vec<Item>),
    /// A dataset with its bookmarks, which have no existence without it.
    Dataset(Item, Vec<Item>),
}

impl Forest {
    /// Adds a dataset with all that is below it.
    pub(super) fn add(&mut self, host: &dyn Host, root: &str) -> Result<(), PlanRefusal> {
        let items = reader::present_list(host, root, Scope::Tree)?;
        let (datasets, kept): (Vec<Item>, Vec<Item>) =
            items.into_iter().partition(|item| item.kind.is_dataset());
        for item in datasets {
            self.datasets.entry(item.name.clone()).or_insert(Branch { item, kept: Vec::new() });
        }
        for item in kept {
            let branch = self.datasets.get_mut(item.dataset());
            let branch = branch.ok_or_else(|| reader::unreadable("zfs list answered without a dataset"))?;
            if branch.kept.iter().all(|known| known.name != item.name) {
                branch.kept.push(item);
            }
        }
        self.roots.push(root.to_owned());
        Ok(())
    }

    /// Adds the clones of every snapshot in here, what is below them, their clones, and so on.
    pub(super) fn add_clones(&mut self, host: &dyn Host) -> Result<(), PlanRefusal> {
        while let Some(outside) = self.clones_outside().first().map(|name| (*name).to_owned()) {
            self.add(host, &outside)?;
            if self.len() > MOST {
                return Err(too_many(self.len()));
            }
        }
        Ok(())
    }

    /// Clones of snapshots in here that are not in here themselves.
    pub(super) fn clones_outside(&self) -> Vec<&str> {
        let clones = self.items().flat_map(|item| item.clones.iter());
        clones.map(String::as_str).filter(|clone| !self.datasets.contains_key(*clone)).collect()
    }

    /// Everything in here.
    pub(super) fn items(&self) -> impl Iterator<Item = &Item> {
        self.datasets.values().flat_map(|branch| std::iter::once(&branch.item).chain(&branch.kept))
    }

    /// How many things are in here.
    pub(super) fn len(&self) -> usize {
        self.items().count()
    }

    /// The space that those datasets use which lie below no other in here.
    pub(super) fn used(&self) -> Option<u64> {
        let tops = self.datasets.values().filter(|branch| self.parent_of(&branch.item.name).is_none());
        tops.map(|branch| branch.item.used).sum()
    }

    /// The acts, each after all that depends on it.
    pub(super) fn acts(&self) -> Result<Vec<Act>, PlanRefusal> {
        let mut walk = Walk { forest: self, state: BTreeMap::new(), acts: Vec::new() };
        for root in &self.roots {
            walk.visit(root)?;
        }
        Ok(walk.acts)
    }

    fn parent_of(&self, name: &str) -> Option<&str> {
        let (parent, _) = name.rsplit_once('/')?;
        self.datasets.get_key_value(parent).map(|(name, _)| name.as_str())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Visit {
    Begun,
    Done,
}

struct Walk<'a> {
    forest: &'a Forest,
    state: BTreeMap<&'a str, Visit>,
    acts: Vec<Act>,
}

impl<'a> Walk<'a> {
    fn visit(&mut self, name: &str) -> Result<(), PlanRefusal> {
        let forest = self.forest;
        let Some((name, branch)) = forest.datasets.get_key_value(name) else { return Ok(()) };
        match self.state.insert(name, Visit::Begun) {
            None => {}
            Some(Visit::Done) => {
                self.state.insert(name, Visit::Done);
                return Ok(());
            }
            // A clone above its own origin: OpenZFS cannot destroy it recursively either.
            Some(Visit::Begun) => {
                let reason = format!("{name} depends on itself through a clone: promote the clone first");
                return Err(PlanRefusal::new(Rule::ZfsClones, reason));
            }
        }
        let children = forest.datasets.keys().filter(|other| forest.parent_of(other) == Some(name));
        let clones = branch.kept.iter().flat_map(|snapshot| &snapshot.clones);
        for dependent in children.chain(clones) {
            self.visit(dependent)?;
        }
        let (snapshots, bookmarks): (Vec<Item>, Vec<Item>) =
            branch.kept.iter().cloned().partition(|item| item.kind == Kind::Snapshot);
        if !snapshots.is_empty() {
            self.acts.push(Act::Snapshots(snapshots));
        }
        self.acts.push(Act::Dataset(branch.item.clone(), bookmarks));
        self.state.insert(name, Visit::Done);
        Ok(())
    }
}

/// The refusal of what is too much for people to look at.
pub(super) fn too_many(count: usize) -> PlanRefusal {
    let reason = format!("{count} objects would be destroyed; one operation takes at most {MOST}");
    PlanRefusal::new(Rule::ZfsTooMany, reason)
}
