//! Renaming datasets and snapshots, and bringing a dataset back out of quarantine.

use super::item::Item;
use super::make::room_for;
use super::reader::{self, Scope};
use crate::adapter::{Action, Argv, Effects, Host, Object, Plan, PlanRefusal, Step, UndoOffer};
use crate::operation::Operation;
use crate::operation::zfs::{DatasetName, QUARANTINE, ShortName, SnapshotName, ZfsOperation};

/// Gives a dataset another name; everything below moves with it.
pub(super) fn dataset(host: &dyn Host, from: &DatasetName, to: &DatasetName) -> Result<Plan, PlanRefusal> {
    let tree = reader::present_list(host, from.as_str(), Scope::Tree)?;
    room_for(host, to)?;
    let mut steps = vec![Step::zfs(Argv::zfs(["rename", from.as_str(), to.as_str()]))];
    if is_quarantined(from) {
        steps.extend(mounts(host, from, to)?);
    }
    let undo = Operation::Zfs(ZfsOperation::Rename { dataset: to.clone(), to: from.clone() });
    Ok(Plan {
        effects: moved(&tree, from, to, Some(undo.command_line())),
        steps,
        undo: Some(UndoOffer::by(undo)),
        settled: false,
    })
}

/// Gives a snapshot another name.
pub(super) fn snapshot(host: &dyn Host, from: &SnapshotName, to: &ShortName) -> Result<Plan, PlanRefusal> {
    let item = reader::present(host, from.as_str())?;
    let new = format!("{}@{to}", from.dataset());
    reader::absent(host, &new)?;
    let undo = SnapshotName::try_from(new.clone())
        .ok()
        .map(|snapshot| Operation::Zfs(ZfsOperation::RenameSnapshot { snapshot, to: from.short() }));
    let object = Object::new(Action::Rename, "snapshot", from.as_str(), Some(item.guid)).becomes(new.clone());
    let words = undo.as_ref().map(Operation::command_line);
    Ok(Plan {
        effects: Effects { objects: vec![object], undo: words, ..Effects::none() },
        steps: vec![Step::zfs(Argv::zfs(["rename", from.as_str(), &new]))],
        undo: undo.map(UndoOffer::by),
        settled: false,
    })
}

/// The effects of moving a dataset with all that is below.
pub(super) fn moved(tree: &[Item], from: &DatasetName, to: &DatasetName, undo: Option<String>) -> Effects {
    let objects = tree
        .iter()
        .filter(|item| item.name == from.as_str())
        .map(|item| {
            let object =
                Object::new(Action::Rename, item.kind.as_str(), from.as_str(), Some(item.guid.clone()));
            object
                .becomes(to.as_str())
                .bytes(item.used)
                .note(format!("{} below move with it", tree.len() - 1))
        })
        .collect();
    let below = tree.iter().filter(|item| item.kind.is_dataset() && item.name != from.as_str());
    Effects { objects, dependents: below.map(|item| item.name.clone()).collect(), undo, ..Effects::none() }
}

/// Whether a dataset lies in its pool's quarantine.
pub(super) fn is_quarantined(dataset: &DatasetName) -> bool {
    dataset.as_str().split('/').nth(1) == Some(QUARANTINE) && dataset.as_str().split('/').nth(2).is_some()
}

/// What must be mounted after a dataset came out of quarantine, where nothing is mounted: a rename mounts again only
/// what was mounted before it.
fn mounts(host: &dyn Host, from: &DatasetName, to: &DatasetName) -> Result<Vec<Step>, PlanRefusal> {
    let parent = to.as_str().rsplit_once('/').map_or(to.as_str(), |(parent, _)| parent);
    let (outside, _) = reader::property(host, parent, "mountpoint")?;
    let wanted = ["-t", "filesystem", "-o", "name,property,value,source", "canmount,mountpoint"];
    let mut args = vec!["get", "-Hp", "-r"];
    args.extend(wanted);
    args.push(from.as_str());
    let stdout = reader::text(host, &Argv::zfs(args), from.as_str())?.unwrap_or_default();
    let lines: Vec<Vec<&str>> = stdout.lines().map(|line| line.split('\t').collect()).collect();
    let mut steps = Vec::new();
    for pair in lines.chunks(2) {
        let [can, at] = pair else { return Err(reader::unreadable("zfs get printed half a dataset")) };
        let (&[name, "canmount", can, _], &[again, "mountpoint", at, source]) =
            (can.as_slice(), at.as_slice())
        else {
            return Err(reader::unreadable("zfs get printed an unknown line"));
        };
        let comes_from_outside =
            source.strip_prefix("inherited from ").is_some_and(|above| !is_below(above, from));
        let at = if comes_from_outside { outside.as_str() } else { at };
        if name == again && can == "on" && at.starts_with('/') {
            let new = format!("{to}{}", name.strip_prefix(from.as_str()).unwrap_or_default());
            steps.push(Step::zfs(Argv::zfs(["mount", &new])));
        }
    }
    Ok(steps)
}

fn is_below(name: &str, top: &DatasetName) -> bool {
    name == top.as_str() || name.strip_prefix(top.as_str()).is_some_and(|rest| rest.starts_with('/'))
}
