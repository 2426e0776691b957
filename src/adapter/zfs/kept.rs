//! Holds and bookmarks: what keeps a snapshot, or its place in history.

use super::{holds, reader};
use crate::adapter::{Action, Argv, Effects, Host, Object, Plan, PlanRefusal, Step, UndoOffer};
use crate::operation::Operation;
use crate::operation::zfs::{HoldTag, ShortName, SnapshotName, Target, ZfsOperation};

/// Puts a hold on a snapshot.
pub(super) fn hold(host: &dyn Host, snapshot: &SnapshotName, tag: &HoldTag) -> Result<Plan, PlanRefusal> {
    let guid = reader::present(host, snapshot.as_str())?.guid;
    let object = Object::new(Action::Hold, "snapshot", snapshot.as_str(), Some(guid)).becomes(tag.as_str());
    let is_held = holds::tags(host, snapshot.as_str())?.iter().any(|held| held == tag.as_str());
    let undo = ZfsOperation::Release { snapshot: snapshot.clone(), tag: tag.clone() };
    let argv = Argv::zfs(["hold", tag.as_str(), snapshot.as_str()]);
    Ok(either(is_held, object, argv, Operation::Zfs(undo)))
}

/// Takes a hold away.
pub(super) fn release(host: &dyn Host, snapshot: &SnapshotName, tag: &HoldTag) -> Result<Plan, PlanRefusal> {
    let guid = reader::present(host, snapshot.as_str())?.guid;
    let object = Object::new(Action::Release, "snapshot", snapshot.as_str(), Some(guid)).was(tag.as_str());
    let is_held = holds::tags(host, snapshot.as_str())?.iter().any(|held| held == tag.as_str());
    let undo = ZfsOperation::Hold { snapshot: snapshot.clone(), tag: tag.clone() };
    let argv = Argv::zfs(["release", tag.as_str(), snapshot.as_str()]);
    Ok(either(!is_held, object, argv, Operation::Zfs(undo)))
}

/// Makes a bookmark of a snapshot. A bookmark has its snapshot's guid.
pub(super) fn bookmark(
    host: &dyn Host,
    snapshot: &SnapshotName,
    name: &ShortName,
) -> Result<Plan, PlanRefusal> {
    let guid = reader::present(host, snapshot.as_str())?.guid;
    let bookmark = snapshot
        .dataset()
        .bookmark(name)
        .map_err(|invalid| PlanRefusal::new(crate::adapter::Rule::ZfsKind, invalid.to_string()))?;
    let object = Object::new(Action::Bookmark, "bookmark", bookmark.as_str(), Some(guid.clone()));
    let object = object.becomes(format!("bookmark of {snapshot}"));
    let is_made = reader::find(host, bookmark.as_str())?.is_some_and(|found| found.guid == guid);
    if !is_made {
        reader::absent(host, bookmark.as_str())?;
    }
    let argv = Argv::zfs(["bookmark", snapshot.as_str(), bookmark.as_str()]);
    let target = Target::Bookmark(bookmark);
    let undo = ZfsOperation::Destroy { target, recursive: false, clones: false, quarantine: false };
    Ok(either(is_made, object, argv, Operation::Zfs(undo)))
}

fn either(is_settled: bool, object: Object, argv: Argv, undo: Operation) -> Plan {
    let effects = Effects { objects: vec![object], ..Effects::none() };
    if is_settled {
        return Plan::settled(effects);
    }
    let effects = Effects { undo: Some(undo.command_line()), ..effects };
    Plan { effects, steps: vec![Step::zfs(argv)], undo: Some(UndoOffer::by(undo)), settled: false }
}
