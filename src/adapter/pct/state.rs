//! Starting and ending containers, and taking a lock away.

use super::parse::State;
use super::reader::{self, Container, pct};
use super::{patient_step, step};
use crate::adapter::{Action, Effects, Host, Object, Plan, PlanRefusal, Rule, Step, UndoOffer};
use crate::operation::Operation;
use crate::operation::pct::{PctOperation, VmId};

/// Starts a container.
pub(super) fn start(host: &dyn Host, vm: VmId) -> Result<Plan, PlanRefusal> {
    let container = reader::present(host, vm)?;
    let object = changing(&container, Action::Start).becomes("running");
    if container.runs() {
        return Ok(Plan::settled(Effects { objects: vec![object], ..Effects::none() }));
    }
    container.no_template()?;
    container.in_service()?;
    // A mounted file system is no obstacle for Proxmox either.
    if container.config.get("lock") != Some("mounted") {
        container.unlocked()?;
    }
    let object = by_whom(object, container.ha(host)?);
    let undo = Operation::Pct(PctOperation::Shutdown { vm, timeout: None });
    let effects = Effects { objects: vec![object], undo: Some(undo.command_line()), ..Effects::none() };
    let steps = vec![patient_step(pct(["start".to_owned(), vm.to_string()]), None)];
    Ok(Plan { effects, steps, undo: Some(UndoOffer::by(undo)), settled: false })
}

/// Asks a container to shut itself down.
pub(super) fn shutdown(host: &dyn Host, vm: VmId, timeout: Option<u32>) -> Result<Plan, PlanRefusal> {
    let mut args = vec!["shutdown".to_owned()];
    args.extend(timeout.map(|seconds| format!("--timeout={seconds}")));
    args.push(vm.to_string());
    end(host, vm, patient_step(pct(args), timeout), Losing::Nothing)
}

/// Kills a container.
pub(super) fn stop(host: &dyn Host, vm: VmId) -> Result<Plan, PlanRefusal> {
    end(host, vm, patient_step(pct(["stop".to_owned(), vm.to_string()]), None), Losing::WhatIsNotWritten)
}

/// What a container loses when it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Losing {
    Nothing,
    WhatIsNotWritten,
}

fn end(host: &dyn Host, vm: VmId, step: Step, losing: Losing) -> Result<Plan, PlanRefusal> {
    let container = reader::present(host, vm)?;
    let object = changing(&container, Action::Stop).becomes("stopped");
    if !container.runs() {
        return Ok(Plan::settled(Effects { objects: vec![object], ..Effects::none() }));
    }
    container.unlocked()?;
    let object = by_whom(object, container.ha(host)?);
    let undo = Operation::Pct(PctOperation::Start { vm });
    let (reversible, but) = match losing {
        Losing::Nothing => (true, ""),
        Losing::WhatIsNotWritten => (false, " (what it had not written is lost)"),
    };
    let words = Some(format!("{}{but}", undo.command_line()));
    let effects = Effects { objects: vec![object], reversible, undo: words, ..Effects::none() };
    Ok(Plan { effects, steps: vec![step], undo: Some(UndoOffer::by(undo)), settled: false })
}

/// Shuts a container down and starts it again. Bound to the run that it ends: one that was started anew meanwhile is
/// another.
pub(super) fn reboot(host: &dyn Host, vm: VmId, timeout: Option<u32>) -> Result<Plan, PlanRefusal> {
    let container = reader::present(host, vm)?;
    let Some(pid) = container.pid.as_deref().filter(|_| container.runs()) else {
        let start = Operation::Pct(PctOperation::Start { vm });
        let reason = format!("container {vm} does not run");
        return Err(PlanRefusal::new(Rule::PctStopped, reason).or([start]));
    };
    container.unlocked()?;
    container.in_service()?;
    let object = changing(&container, Action::Restart).was(run_of(pid)).becomes("running anew");
    let object = by_whom(object, container.ha(host)?);
    let mut args = vec!["reboot".to_owned()];
    args.extend(timeout.map(|seconds| format!("--timeout={seconds}")));
    args.push(vm.to_string());
    let effects = Effects { objects: vec![object], ..Effects::none() };
    Ok(Plan { effects, steps: vec![patient_step(pct(args), timeout)], undo: None, settled: false })
}

/// One run of a container, told apart by its first process.
pub(super) fn run_of(pid: &str) -> String {
    format!("running (process {pid})")
}

/// Takes a lock away.
pub(super) fn unlock(host: &dyn Host, vm: VmId) -> Result<Plan, PlanRefusal> {
    let container = reader::present(host, vm)?;
    let object = changing(&container, Action::Unlock).becomes("not locked");
    let Some(lock) = container.config.get("lock") else {
        return Ok(Plan::settled(Effects { objects: vec![object.was("not locked")], ..Effects::none() }));
    };
    let object = object.was(format!("locked ({lock})"));
    let object = object.note("whatever holds the lock and still works meets what comes next");
    let effects = Effects { objects: vec![object], reversible: false, ..Effects::none() };
    let steps = vec![step(pct(["unlock".to_owned(), vm.to_string()]))];
    Ok(Plan { effects, steps, undo: None, settled: false })
}

/// The container as an object, bound to its configuration and state.
pub(super) fn changing(container: &Container, action: Action) -> Object {
    let state = match container.state {
        State::Running => "running",
        State::Stopped => "stopped",
    };
    Object::new(action, "container", container.vm.to_string(), Some(container.config.digest()))
        .was(state)
        .note(container.note())
}

fn by_whom(object: Object, is_ha: bool) -> Object {
    if is_ha { object.note("by the HA manager, which acts in its own time") } else { object }
}
