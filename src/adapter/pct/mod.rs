//! Proxmox containers through `pct`, with `pvesm` for their backups and `ha-manager` for who looks after them.
//!
//! All three need root to read, so every look goes by a grant for its one argv. Nothing here believes an exit status:
//! what happened is what a second look shows.

mod allowed;
mod answer;
mod explain;
mod make;
mod observe;
mod parse;
mod past;
mod reader;
mod remove;
mod set;
pub(super) mod settings;
mod snapshot;
mod state;

use std::time::Duration;

use serde_json::{Value, json};

use super::foreign::harmless;
use super::{
    Adapter, Argv, Effects, FailureReason, Garbled, Host, Past, Plan, PlanRefusal, ReadAnswer, Rule, Step,
    Verification, WrapperName,
};
use crate::operation::Operation;
use crate::operation::pct::PctOperation;

use observe::Knowing;
use remove::Reach;

/// How long copying, packing out or destroying volumes may take.
const LONG: Duration = Duration::from_secs(30 * 60);
/// How long work on volumes as they are may take.
const SLOW: Duration = Duration::from_secs(10 * 60);
/// How long Proxmox waits for a shutdown when it is not told.
const PATIENCE: Duration = Duration::from_secs(60);
/// What comes on top of a time that Proxmox itself waits.
const ON_TOP: Duration = Duration::from_secs(120);

/// A step of the wrapper of these tools.
fn step(argv: Argv) -> Step {
    Step { wrapper: WrapperName::Pct, argv }
}

/// A step that may take its time.
fn long_step(argv: Argv) -> Step {
    step(Argv { limit: Some(LONG), ..argv })
}

/// A step that works on volumes as they are.
fn slow_step(argv: Argv) -> Step {
    step(Argv { limit: Some(SLOW), ..argv })
}

/// A step in which Proxmox waits for a container to end.
fn patient_step(argv: Argv, timeout: Option<u32>) -> Step {
    let waits = timeout.map_or(PATIENCE, |seconds| Duration::from_secs(seconds.into()));
    step(Argv { limit: Some(waits + ON_TOP), ..argv })
}

impl Adapter for PctOperation {
    fn is_plain_read(&self) -> bool {
        matches!(self, Self::List { .. } | Self::Status { .. } | Self::Config { .. } | Self::Snapshots { .. })
    }

    fn is_gone(&self, refusal: &PlanRefusal) -> bool {
        let removes_it = matches!(self, Self::Destroy { retire: false, .. } | Self::Purge { .. });
        let removes_snapshot = matches!(self, Self::DeleteSnapshot { .. });
        (removes_it && refusal.rule == Rule::PctNotFound)
            || (removes_snapshot && refusal.rule == Rule::PctNoSnapshot)
    }

    fn plan(&self, host: &dyn Host) -> Result<Plan, PlanRefusal> {
        match self {
            Self::List { .. } | Self::Status { .. } | Self::Config { .. } | Self::Snapshots { .. } => {
                Ok(Plan { effects: Effects::none(), steps: Vec::new(), undo: None, settled: false })
            }
            Self::Start { vm } => state::start(host, *vm),
            Self::Shutdown { vm, timeout } => state::shutdown(host, *vm, *timeout),
            Self::Reboot { vm, timeout } => state::reboot(host, *vm, *timeout),
            Self::Stop { vm } => state::stop(host, *vm),
            Self::Unlock { vm } => state::unlock(host, *vm),
            Self::Snapshot { vm, name, description } => snapshot::take(host, *vm, name, description.as_ref()),
            Self::Rollback { vm, name, start } => snapshot::rollback(host, *vm, name, *start),
            Self::DeleteSnapshot { vm, name } => snapshot::delete(host, *vm, name),
            Self::Create(creation) => make::create(host, creation),
            Self::Clone { vm, to, hostname, snapshot, full, storage } => {
                let (hostname, snapshot, storage) = (hostname.as_ref(), snapshot.as_ref(), storage.as_ref());
                make::copy(host, &make::Copy { vm: *vm, to: *to, hostname, snapshot, full: *full, storage })
            }
            Self::Set { vm, changes, delete, before } => {
                set::plan(host, &set::Asked { vm: *vm, changes, delete, before: before.as_ref() })
            }
            Self::Resize { vm, disk, gib, before } => set::resize(host, (*vm, *disk), *gib, before.as_ref()),
            Self::Unretire { vm } => remove::unretire(host, *vm),
            Self::Destroy { vm, retire: true, .. } => remove::retire(host, *vm),
            Self::Destroy { vm, retire: false, related } => remove::destroy(host, *vm, Reach::of(*related)),
            Self::Purge { vm, related } => remove::purge(host, *vm, Reach::of(*related)),
        }
    }

    fn read(&self, host: &dyn Host) -> Result<ReadAnswer, PlanRefusal> {
        match self {
            Self::List { range } => answer::list(host, *range),
            Self::Status { vm } => answer::status(host, *vm),
            Self::Config { vm, snapshot } => answer::config(host, *vm, snapshot.as_ref()),
            Self::Snapshots { vm } => answer::snapshots(host, *vm),
            Self::Start { .. }
            | Self::Shutdown { .. }
            | Self::Reboot { .. }
            | Self::Snapshot { .. }
            | Self::Create(_)
            | Self::Clone { .. }
            | Self::Set { .. }
            | Self::Resize { .. }
            | Self::Unretire { .. }
            | Self::Stop { .. }
            | Self::Rollback { .. }
            | Self::DeleteSnapshot { .. }
            | Self::Destroy { .. }
            | Self::Purge { .. }
            | Self::Unlock { .. } => Err(reader::unreadable("this operation needs a grant")),
        }
    }

    fn interpret(&self, _stdout: &[u8]) -> Result<Value, Garbled> {
        Ok(Value::Null)
    }

    fn verify(&self, plan: &Plan, host: &dyn Host) -> Verification {
        observe::look(self, plan, host, Knowing::StepsSucceeded)
    }

    fn reconcile(&self, plan: &Plan, host: &dyn Host) -> Verification {
        observe::look(self, plan, host, Knowing::Nothing)
    }

    fn explain(&self, _exit_code: i32, stderr: &[u8]) -> FailureReason {
        explain::explain(stderr)
    }

    /// A container is put aside instead of away.
    fn undoable(&self) -> Option<Operation> {
        if let Self::Destroy { vm, retire: false, .. } = self {
            return Some(Operation::Pct(Self::Destroy { vm: *vm, retire: true, related: false }));
        }
        None
    }

    fn purge(&self, plan: &Plan) -> Option<Operation> {
        let offer = plan.undo.as_ref().filter(|offer| offer.until.is_some())?;
        if let Operation::Pct(Self::Unretire { vm }) = &offer.operation {
            return Some(Operation::Pct(Self::Purge { vm: *vm, related: false }));
        }
        None
    }

    fn past_kept(&self, plan: &Plan, host: &dyn Host) -> Result<Vec<Past>, PlanRefusal> {
        self.vm().map_or_else(|| Ok(Vec::new()), |vm| past::kept(vm, plan, host))
    }

    fn progress(&self, line: &[u8]) -> Option<Value> {
        Some(json!({"line": harmless(&String::from_utf8_lossy(line))}))
    }
}
