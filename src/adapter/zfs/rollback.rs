//! Taking a dataset back to a snapshot. What is younger is destroyed by name first, then the rollback runs without `-r`,
//! so that a snapshot taken meanwhile makes it fail instead of being destroyed.

use super::destroy::{doomed, nameable, no_clones, snapshot_steps};
use super::holds;
use super::item::{Item, Kind};
use super::reader::{self, Scope};
use crate::adapter::{Action, Argv, Basis, Effects, Host, Object, Plan, PlanRefusal, Rule, Step};
use crate::operation::Operation;
use crate::operation::zfs::{DatasetName, SnapshotName, ZfsOperation};

/// Takes a dataset back. It is never settled: what was written in the last seconds is not counted yet.
pub(super) fn plan(
    host: &dyn Host,
    snapshot: &SnapshotName,
    destroy_newer: bool,
) -> Result<Plan, PlanRefusal> {
    let to = reader::present(host, snapshot.as_str())?;
    let dataset = reader::present(host, to.dataset())?;
    let younger = younger(host, &to)?;
    if !younger.is_empty() && !destroy_newer {
        let reason =
            format!("younger ones exist: {}", reader::names(younger.iter().map(|item| item.name.as_str())));
        return Err(PlanRefusal::new(Rule::ZfsNewer, reason).or(beside(snapshot)));
    }
    no_clones(&younger).map_err(|refusal| refusal.or(beside(snapshot)))?;
    holds::none_among(host, &younger).map_err(|refusal| refusal.or(beside(snapshot)))?;
    nameable(&younger)?;
    let (snapshots, bookmarks): (Vec<Item>, Vec<Item>) =
        younger.into_iter().partition(|item| item.kind == Kind::Snapshot);
    let mut steps = snapshot_steps(&snapshots);
    steps.extend(bookmarks.iter().map(|item| Step::zfs(Argv::zfs(["destroy", &item.name]))));
    steps.push(Step::zfs(Argv::zfs(["rollback", snapshot.as_str()])));
    let written = |item: &Item| item.written;
    let lost: Option<u64> = snapshots.iter().map(written).chain([dataset.written]).sum();
    let mut objects: Vec<Object> = snapshots.iter().chain(&bookmarks).map(doomed).collect();
    let back = Object::new(Action::Rollback, dataset.kind.as_str(), dataset.name, Some(dataset.guid));
    let back = back.becomes(format!("{snapshot} (guid {})", to.guid)).bytes(dataset.written);
    objects.push(back.note("bytes written since its newest snapshot are lost"));
    let effects = Effects {
        objects,
        bytes_freed: lost,
        bytes_basis: Basis::Computed,
        dependents: Vec::new(),
        reversible: false,
        undo: None,
    };
    Ok(Plan { effects, steps, undo: None, settled: false })
}

/// Snapshots and bookmarks of the same dataset that are younger than `to`.
pub(super) fn younger(host: &dyn Host, to: &Item) -> Result<Vec<Item>, PlanRefusal> {
    let kept = reader::present_list(host, to.dataset(), Scope::Kept)?;
    Ok(kept
        .into_iter()
        .filter(|item| item.dataset() == to.dataset() && item.createtxg > to.createtxg)
        .collect())
}

/// A clone beside the dataset loses nothing.
fn beside(snapshot: &SnapshotName) -> Option<Operation> {
    let target = DatasetName::try_from(format!("{}-{}", snapshot.dataset(), snapshot.short())).ok()?;
    let is_pool = snapshot.dataset().as_str() == snapshot.dataset().pool();
    let clone = ZfsOperation::Clone { snapshot: snapshot.clone(), target, properties: Vec::new() };
    (!is_pool).then_some(Operation::Zfs(clone))
}
