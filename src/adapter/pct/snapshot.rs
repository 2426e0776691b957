//! Snapshots: taking, destroying, and going back to one.

use super::parse::Snapshot;
use super::reader::{self, Container, pct};
use super::slow_step;
use super::state::changing;
use crate::adapter::{Action, Basis, Effects, Host, Object, Plan, PlanRefusal, Rule, Step, UndoOffer};
use crate::operation::Operation;
use crate::operation::pct::{Line, PctOperation, SnapshotName, VmId};

/// Takes a snapshot.
pub(super) fn take(
    host: &dyn Host,
    vm: VmId,
    name: &SnapshotName,
    description: Option<&Line>,
) -> Result<Plan, PlanRefusal> {
    let container = reader::present(host, vm)?;
    let (object, step) = taking(host, &container, name, description)?;
    let undo = Operation::Pct(PctOperation::DeleteSnapshot { vm, name: name.clone() });
    let effects = Effects { objects: vec![object], undo: Some(undo.command_line()), ..Effects::none() };
    Ok(Plan { effects, steps: vec![step], undo: Some(UndoOffer::by(undo)), settled: false })
}

/// The object and the step of a new snapshot, alone or before something else.
pub(super) fn taking(
    host: &dyn Host,
    container: &Container,
    name: &SnapshotName,
    description: Option<&Line>,
) -> Result<(Object, Step), PlanRefusal> {
    container.no_template()?;
    container.unlocked()?;
    let vm = container.vm;
    if reader::snapshots(host, vm)?.find(name.as_str()).is_some() {
        return Err(PlanRefusal::new(
            Rule::PctExists,
            format!("container {vm} has a snapshot {name} already"),
        ));
    }
    let mut args = vec!["snapshot".to_owned()];
    args.extend(description.map(|text| format!("--description={text}")));
    args.extend([vm.to_string(), name.to_string()]);
    let object = Object::new(Action::Snapshot, "snapshot", object_name(vm, name), None);
    let object = object.note(if container.runs() {
        "the container is frozen meanwhile"
    } else {
        "the container is stopped"
    });
    Ok((object, slow_step(pct(args))))
}

/// What a snapshot is called in effects and answers: `101@before`.
pub(super) fn object_name(vm: VmId, name: &SnapshotName) -> String {
    format!("{vm}@{name}")
}

/// Destroys a snapshot.
pub(super) fn delete(host: &dyn Host, vm: VmId, name: &SnapshotName) -> Result<Plan, PlanRefusal> {
    let container = reader::present(host, vm)?;
    let snapshots = reader::snapshots(host, vm)?;
    let snapshot = snapshots.find(name.as_str()).ok_or_else(|| no_such(vm, name))?;
    // Retired is what can be had back, snapshots and all.
    container.in_service()?;
    container.unlocked()?;
    let effects = Effects {
        objects: vec![doomed(vm, snapshot)],
        bytes_freed: None,
        bytes_basis: Basis::Nothing,
        reversible: false,
        ..Effects::none()
    };
    let steps = vec![slow_step(pct(["delsnapshot".to_owned(), vm.to_string(), name.to_string()]))];
    Ok(Plan { effects, steps, undo: None, settled: false })
}

/// A snapshot that goes, bound to the moment in which it was taken.
pub(super) fn doomed(vm: VmId, snapshot: &Snapshot) -> Object {
    let name = format!("{vm}@{}", snapshot.name);
    let object = Object::new(Action::Destroy, "snapshot", name, Some(identity(snapshot)));
    match &snapshot.description {
        Some(text) => object.note(text.clone()),
        None => object,
    }
}

/// What tells a snapshot from another of its name.
pub(super) fn identity(snapshot: &Snapshot) -> String {
    format!("taken {}", snapshot.taken)
}

fn no_such(vm: VmId, name: &SnapshotName) -> PlanRefusal {
    PlanRefusal::new(Rule::PctNoSnapshot, format!("container {vm} has no snapshot {name}"))
}

/// Takes a container back. It is never settled: nobody counts what was written since.
pub(super) fn rollback(
    host: &dyn Host,
    vm: VmId,
    name: &SnapshotName,
    start: bool,
) -> Result<Plan, PlanRefusal> {
    let container = reader::present(host, vm)?;
    let snapshots = reader::snapshots(host, vm)?;
    let snapshot = snapshots.find(name.as_str()).ok_or_else(|| no_such(vm, name))?;
    container.no_template()?;
    container.in_service()?;
    container.unlocked()?;
    container.ha(host)?;
    let then = reader::config_of(host, vm, name)?;
    if let Some(state) = then.get("snapstate") {
        let reason = format!("snapshot {name} of container {vm} is not whole ({state})");
        return Err(PlanRefusal::new(Rule::PctNoSnapshot, reason));
    }
    let younger = snapshots.younger(snapshot);
    let mut objects = Vec::new();
    if container.runs() {
        objects.push(
            changing(&container, Action::Stop)
                .becomes("stopped")
                .note("killed: what it had not written is lost"),
        );
    }
    let back = changing(&container, Action::Rollback)
        .was(format!(
            "{}, on {}",
            container.state.word(),
            snapshots.below_current.as_deref().unwrap_or("no snapshot")
        ))
        .becomes(format!("snapshot {name} ({}), configuration {}", identity(snapshot), then.digest()));
    objects.push(back.note(match younger.as_slice() {
        [] => format!("{}; what was written since is lost", container.note()),
        some => {
            format!("younger snapshots, with which ZFS refuses this: {}", reader::names(some.iter().copied()))
        }
    }));
    if start {
        objects.push(changing(&container, Action::Start).was("stopped").becomes("running"));
    }
    let mut args = vec!["rollback".to_owned()];
    args.extend(start.then(|| "--start=1".to_owned()));
    args.extend([vm.to_string(), name.to_string()]);
    let effects = Effects {
        objects,
        bytes_freed: None,
        bytes_basis: Basis::Nothing,
        dependents: younger.iter().map(|younger| format!("{vm}@{younger}")).collect(),
        reversible: false,
        undo: None,
    };
    Ok(Plan { effects, steps: vec![slow_step(pct(args))], undo: None, settled: false })
}
