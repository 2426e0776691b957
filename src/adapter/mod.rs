//! From a typed operation to the exact commands that do it, and from what tools print back to values.
//!
//! Nothing here changes a host: adapters read it through [`Host`], say what would happen ([`Effects`]), and list the steps;
//! the gate grants and runs them. A listing that failed is never taken for an empty one.

mod effects;
mod host;
mod plan;
mod refusal;
mod system;
mod verify;
mod zfs;

pub use crate::grant::WrapperName;
pub use effects::{Action, Basis, Effects, Object};
pub use host::{Argv, Host, HostError, ListingForm, Program, ToolOutput};
pub use plan::{Plan, Step, UndoOffer};
pub use refusal::{FailureReason, PlanRefusal, Rule};
pub use system::SystemHost;
pub use verify::{Happened, ReadAnswer, Verification};

use serde_json::Value;

use crate::operation::Operation;

/// What a step printed could not be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the tool printed what its adapter does not understand: {0}")]
pub struct Garbled(pub String);

/// Whether the operation is answered by the gate's own reading, without a grant.
pub fn is_plain_read(op: &Operation) -> bool {
    match op {
        Operation::Zfs(zfs) => zfs::is_plain_read(zfs),
    }
}

/// Whether a refusal of the plan says that what the operation would remove is gone already.
pub fn is_gone(op: &Operation, refusal: &PlanRefusal) -> bool {
    match op {
        Operation::Zfs(zfs) => zfs::is_gone(zfs, refusal),
    }
}

/// Reads the host and says what the operation would do, and by which steps.
///
/// # Errors
/// A refusal names the rule and what stands in the way.
pub fn plan(op: &Operation, host: &dyn Host) -> Result<Plan, PlanRefusal> {
    match op {
        Operation::Zfs(zfs) => zfs::plan(zfs, host),
    }
}

/// Answers an operation for which [`is_plain_read`] is true.
///
/// # Errors
/// When the host cannot be read, when what was asked for is not there, or when the operation needs a grant.
pub fn read(op: &Operation, host: &dyn Host) -> Result<ReadAnswer, PlanRefusal> {
    match op {
        Operation::Zfs(zfs) => zfs::read(zfs, host),
    }
}

/// Makes a value of what the last step of a granted operation printed.
///
/// # Errors
/// When the output has no form that this adapter knows.
pub fn interpret(op: &Operation, stdout: &[u8]) -> Result<Value, Garbled> {
    match op {
        Operation::Zfs(zfs) => zfs::interpret(zfs, stdout),
    }
}

/// Reads the host again after every step succeeded, and says whether what was planned is so.
pub fn verify(op: &Operation, plan: &Plan, host: &dyn Host) -> Verification {
    match op {
        Operation::Zfs(zfs) => zfs::verify(zfs, plan, host),
    }
}

/// Finds out from the host alone whether a plan whose run was interrupted happened. It never runs a step.
pub fn reconcile(op: &Operation, plan: &Plan, host: &dyn Host) -> Verification {
    match op {
        Operation::Zfs(zfs) => zfs::reconcile(zfs, plan, host),
    }
}

/// Says why a step failed, without the tool's own words.
pub fn explain(op: &Operation, exit_code: i32, stderr: &[u8]) -> FailureReason {
    match op {
        Operation::Zfs(_) => zfs::explain(exit_code, stderr),
    }
}
