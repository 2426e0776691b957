//! From a typed operation to the exact commands that do it, and from what tools print back to values.
//!
//! Nothing here changes a host: adapters read it through [`Host`], say what would happen ([`Effects`]), and list the steps;
//! the gate grants and runs them. A listing that failed is never taken for an empty one.

mod ansible;
mod azure;
mod effects;
mod foreign;
mod git;
mod growth;
mod host;
mod past;
mod pct;
mod plan;
mod refusal;
mod settings;
mod still;
mod system;
mod systemd;
mod tool;
mod verify;
mod zfs;

pub use crate::grant::WrapperName;
pub use ansible::{AnsibleAsWritten, AnsibleSettings, FolderError, PinnedFile, read_folder};
pub use effects::{Action, Basis, Effects, Object};
pub use git::{GitSettings, GitSettingsAsWritten};
pub use growth::Growth;
pub use host::{Argv, Host, HostError, ListingForm, Program, Reads, ToolOutput};
pub use past::Past;
pub use pct::settings::{Ha, PctAsWritten, PctSettings};
pub use plan::{Plan, Step, UndoOffer};
pub use refusal::{FailureReason, PlanRefusal, Rule};
pub use settings::{Settings, SettingsError};
pub use still::{Still, difference, still};
pub use system::SystemHost;
pub use systemd::{SystemdAsWritten, SystemdSettings};
pub use tool::{Declaration, ToolSettings, counted as counted_tool, shown as shown_tool};
pub use verify::{Happened, Ran, ReadAnswer, Verification};

use serde_json::Value;

use crate::operation::Operation;

/// What a step printed could not be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the tool printed what its adapter does not understand: {0}")]
pub struct Garbled(pub String);

/// What each kind of operation can be asked.
pub trait Adapter {
    /// Whether the operation is answered by reading alone, without a step that runs after the decision.
    fn is_plain_read(&self) -> bool;

    /// Whether a refusal of the plan says that what the operation would remove is gone already.
    fn is_gone(&self, refusal: &PlanRefusal) -> bool;

    /// Reads the host and says what the operation would do, and by which steps.
    ///
    /// # Errors
    /// A refusal names the rule and what stands in the way.
    fn plan(&self, host: &dyn Host) -> Result<Plan, PlanRefusal>;

    /// Answers an operation for which [`Self::is_plain_read`] is true.
    ///
    /// # Errors
    /// When the host cannot be read, when what was asked for is not there, or when the operation needs a step.
    fn read(&self, host: &dyn Host) -> Result<ReadAnswer, PlanRefusal>;

    /// Makes a value of what the last step of a read printed.
    ///
    /// # Errors
    /// When the output has no form that this adapter knows.
    fn interpret(&self, stdout: &[u8]) -> Result<Value, Garbled>;

    /// Reads the host again after every step succeeded, and says whether what was planned is so.
    fn verify(&self, plan: &Plan, host: &dyn Host) -> Verification;

    /// Finds out from the host alone whether a plan whose run was interrupted happened. It never runs a step.
    fn reconcile(&self, plan: &Plan, host: &dyn Host) -> Verification;

    /// Says why a step failed, without the tool's own words.
    fn explain(&self, exit_code: i32, stderr: &[u8]) -> FailureReason;

    /// The tool's own word for why a step failed, where it has one, which is repeated as it is.
    fn code(&self, _stderr: &[u8]) -> Option<String> {
        None
    }

    /// Whether a step that ended so was turned away by what it asked, so that nothing of it happened or goes on.
    fn is_refusal(&self, _exit_code: i32) -> bool {
        false
    }

    /// The same as far as it goes, done so that it can be taken back: into quarantine instead of away.
    fn undoable(&self) -> Option<Operation> {
        None
    }

    /// What destroys for good what this operation, once planned, puts aside.
    fn purge(&self, _plan: &Plan) -> Option<Operation> {
        None
    }

    /// Each thing that a plan takes something from, with the youngest of its snapshots that the plan leaves; nothing
    /// where nothing is taken away that a snapshot holds.
    ///
    /// # Errors
    /// When the host cannot be read.
    fn past_kept(&self, _plan: &Plan, _host: &dyn Host) -> Result<Vec<Past>, PlanRefusal> {
        Ok(Vec::new())
    }

    /// What the last step of a change says of itself, for tools whose end is the whole answer.
    fn ran(&self, _stdout: &[u8]) -> Option<Result<Ran, Garbled>> {
        None
    }

    /// As whom a step acted elsewhere than on this host, where it says so: for the audit log.
    fn acted_as(&self, _stdout: &[u8]) -> Option<&'static str> {
        None
    }

    /// What the caller may see of one line that a step prints, while it runs; most tools say nothing that is for callers.
    fn progress(&self, _line: &[u8]) -> Option<Value> {
        None
    }
}

/// The adapter of an operation.
pub fn of(operation: &Operation) -> &dyn Adapter {
    match operation {
        Operation::Ansible(ansible) => ansible,
        Operation::Zfs(zfs) => zfs,
        Operation::Systemd(systemd) => systemd,
        Operation::Git(git) => git,
        Operation::Pct(pct) => pct,
        Operation::Tool(tool) => tool,
        Operation::Azure(azure) => azure,
    }
}
