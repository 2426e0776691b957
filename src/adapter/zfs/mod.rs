//! ZFS through the `zfs` and `zpool` tools of OpenZFS.
//!
//! What is planned goes by guid and is read with `-Hp`: the JSON form (`-j --json-int`) of OpenZFS 2.3 prints every guid
//! above 2⁶³ as 9223372036854775807, so that half of all objects would share one identity.

mod answer;
mod destroy;
mod diff;
mod explain;
mod holds;
mod item;
mod kept;
mod make;
mod observe;
mod order;
mod past;
mod pool;
mod quarantine;
mod reader;
mod rename;
mod rollback;
mod set;

use serde_json::Value;

use super::{
    Adapter, Effects, FailureReason, Garbled, Host, Past, Plan, PlanRefusal, ReadAnswer, Step, Verification,
};
use crate::operation::Operation;
use crate::operation::zfs::{Target, ZfsOperation};

impl Adapter for ZfsOperation {
    /// Only what destroys for good is done when its object is gone; a rollback or a move into quarantine is not.
    fn is_gone(&self, refusal: &PlanRefusal) -> bool {
        let removes =
            matches!(self, ZfsOperation::Destroy { quarantine: false, .. } | ZfsOperation::Purge { .. });
        removes && refusal.rule == super::Rule::ZfsNotFound
    }

    fn is_plain_read(&self) -> bool {
        match self {
            ZfsOperation::List { .. } | ZfsOperation::Get { .. } | ZfsOperation::PoolStatus { .. } => true,
            ZfsOperation::Diff { .. }
            | ZfsOperation::Snapshot { .. }
            | ZfsOperation::Create { .. }
            | ZfsOperation::Clone { .. }
            | ZfsOperation::Set { .. }
            | ZfsOperation::Rename { .. }
            | ZfsOperation::RenameSnapshot { .. }
            | ZfsOperation::Hold { .. }
            | ZfsOperation::Release { .. }
            | ZfsOperation::Bookmark { .. }
            | ZfsOperation::Scrub { .. }
            | ZfsOperation::Rollback { .. }
            | ZfsOperation::Destroy { .. }
            | ZfsOperation::Purge { .. } => false,
        }
    }

    fn plan(&self, host: &dyn Host) -> Result<Plan, PlanRefusal> {
        match self {
            ZfsOperation::List { .. } | ZfsOperation::Get { .. } | ZfsOperation::PoolStatus { .. } => {
                Ok(Plan { effects: Effects::none(), steps: Vec::<Step>::new(), undo: None, settled: false })
            }
            ZfsOperation::Diff { from, to } => diff::plan(host, from, to.as_ref()),
            ZfsOperation::Snapshot { dataset, name, recursive } => {
                make::snapshot(host, dataset, name, *recursive)
            }
            ZfsOperation::Create { dataset, size, properties } => {
                make::create(host, dataset, *size, properties)
            }
            ZfsOperation::Clone { snapshot, target, properties } => {
                make::clone(host, snapshot, target, properties)
            }
            ZfsOperation::Set { dataset, setting } => set::plan(host, dataset, setting),
            ZfsOperation::Rename { dataset, to } => rename::dataset(host, dataset, to),
            ZfsOperation::RenameSnapshot { snapshot, to } => rename::snapshot(host, snapshot, to),
            ZfsOperation::Hold { snapshot, tag } => kept::hold(host, snapshot, tag),
            ZfsOperation::Release { snapshot, tag } => kept::release(host, snapshot, tag),
            ZfsOperation::Bookmark { snapshot, name } => kept::bookmark(host, snapshot, name),
            ZfsOperation::Scrub { pool, action } => pool::scrub(host, pool, *action),
            ZfsOperation::Rollback { snapshot, destroy_newer } => {
                rollback::plan(host, snapshot, *destroy_newer)
            }
            ZfsOperation::Destroy { target, recursive, clones, quarantine } => match quarantine {
                true => quarantine::plan(host, target),
                false => destroy::plan(host, target, destroy::Reach { below: *recursive, clones: *clones }),
            },
            ZfsOperation::Purge { dataset } => destroy::purge(host, dataset),
        }
    }

    fn read(&self, host: &dyn Host) -> Result<ReadAnswer, PlanRefusal> {
        match self {
            ZfsOperation::List { dataset, recursive, types } => {
                answer::list(host, dataset, *recursive, types)
            }
            ZfsOperation::Get { target, properties } => answer::get(host, target, properties),
            ZfsOperation::PoolStatus { pool } => pool::answer(host, pool),
            ZfsOperation::Diff { .. }
            | ZfsOperation::Snapshot { .. }
            | ZfsOperation::Create { .. }
            | ZfsOperation::Clone { .. }
            | ZfsOperation::Set { .. }
            | ZfsOperation::Rename { .. }
            | ZfsOperation::RenameSnapshot { .. }
            | ZfsOperation::Hold { .. }
            | ZfsOperation::Release { .. }
            | ZfsOperation::Bookmark { .. }
            | ZfsOperation::Scrub { .. }
            | ZfsOperation::Rollback { .. }
            | ZfsOperation::Destroy { .. }
            | ZfsOperation::Purge { .. } => Err(reader::unreadable("this operation needs a grant")),
        }
    }

    fn interpret(&self, stdout: &[u8]) -> Result<Value, Garbled> {
        match self {
            ZfsOperation::Diff { .. } => diff::interpret(stdout),
            ZfsOperation::List { .. }
            | ZfsOperation::Get { .. }
            | ZfsOperation::PoolStatus { .. }
            | ZfsOperation::Snapshot { .. }
            | ZfsOperation::Create { .. }
            | ZfsOperation::Clone { .. }
            | ZfsOperation::Set { .. }
            | ZfsOperation::Rename { .. }
            | ZfsOperation::RenameSnapshot { .. }
            | ZfsOperation::Hold { .. }
            | ZfsOperation::Release { .. }
            | ZfsOperation::Bookmark { .. }
            | ZfsOperation::Scrub { .. }
            | ZfsOperation::Rollback { .. }
            | ZfsOperation::Destroy { .. }
            | ZfsOperation::Purge { .. } => Ok(Value::Null),
        }
    }

    fn verify(&self, plan: &Plan, host: &dyn Host) -> Verification {
        observe::verify(self, plan, host)
    }

    fn reconcile(&self, plan: &Plan, host: &dyn Host) -> Verification {
        observe::reconcile(self, plan, host)
    }

    /// A dataset goes into quarantine with all that is below.
    fn undoable(&self) -> Option<Operation> {
        if let ZfsOperation::Destroy { target, quarantine: false, clones: false, .. } = self
            && let Target::Dataset(_) = target
        {
            let (target, recursive, clones) = (target.clone(), false, false);
            return Some(Operation::Zfs(ZfsOperation::Destroy {
                target,
                recursive,
                clones,
                quarantine: true,
            }));
        }
        None
    }

    fn purge(&self, plan: &Plan) -> Option<Operation> {
        quarantine::purge(plan)
    }

    fn past_kept(&self, plan: &Plan, host: &dyn Host) -> Result<Vec<Past>, PlanRefusal> {
        past::kept(plan, host)
    }

    fn explain(&self, exit_code: i32, stderr: &[u8]) -> FailureReason {
        explain::explain(exit_code, stderr)
    }
}

/// How a verification depends on what is known besides the host's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Knowing {
    /// Every step ended with status 0.
    StepsSucceeded,
    /// Nothing: the run was interrupted.
    Nothing,
}

/// A verification that could not look.
pub(super) fn not_seen(refusal: PlanRefusal) -> Verification {
    Verification::new(super::Happened::CannotTell, Value::Null, Some(refusal.reason))
}
