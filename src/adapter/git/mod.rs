//! git through its own program, always as the Unix user that the caller's contract names.
//!
//! A repository is somebody else's text: its configuration, its attributes, its hooks and its history can all be hostile.
//! So every call begins with the same arguments and a fixed environment, which switch off what a repository could make git
//! run (`command`); and nothing is called before the repository's configuration was read and found harmless (`config`).

mod checkout;
mod clean;
mod command;
mod config;
mod explain;
mod guard;
mod history;
mod kept;
mod observe;
mod refs;
mod remote;
mod repository;
mod reset;
mod restore;
mod settings;
mod stash;
mod status;
mod url;

pub use settings::{AsWritten as GitSettingsAsWritten, GitSettings};

use serde_json::Value;

use super::{
    Adapter, Effects, FailureReason, Garbled, Host, Plan, PlanRefusal, ReadAnswer, Rule, Verification,
};
use crate::operation::Operation;
use crate::operation::git::{Act, GitOperation};
use repository::{Repository, Untracked, unreadable};

impl Adapter for GitOperation {
    fn is_plain_read(&self) -> bool {
        match self.act {
            Act::Status
            | Act::Log { .. }
            | Act::Diff { .. }
            | Act::Show { .. }
            | Act::Branches
            | Act::Stashes => true,
            Act::Fetch { .. }
            | Act::Pull
            | Act::Checkout { .. }
            | Act::Stash { .. }
            | Act::StashPop { .. }
            | Act::Restore { .. }
            | Act::Reset { .. }
            | Act::Clean { .. }
            | Act::Purge { .. } => false,
        }
    }

    /// Only what is purged is wanted gone; a stash that is not there brings nothing back.
    fn is_gone(&self, refusal: &PlanRefusal) -> bool {
        matches!(self.act, Act::Purge { .. }) && refusal.rule == Rule::GitNotFound
    }

    fn plan(&self, host: &dyn Host) -> Result<Plan, PlanRefusal> {
        if self.is_plain_read() {
            return Ok(Plan { effects: Effects::none(), steps: Vec::new(), undo: None, settled: false });
        }
        let repository = Repository::open(host, &self.repository)?;
        match &self.act {
            Act::Fetch { remote, branch, tags } => {
                let wanted = remote::Wanted { remote: remote.as_ref(), branch: branch.as_ref(), tags: *tags };
                remote::fetch(&repository, wanted)
            }
            Act::Pull => remote::pull(&repository),
            Act::Checkout { branch, create, at } => {
                checkout::plan(&repository, checkout::Wanted { branch, create: *create, at: at.as_ref() })
            }
            Act::Stash { name, untracked } => stash::put(&repository, name, *untracked),
            Act::StashPop { name } => stash::pop(&repository, name),
            Act::Restore { from } => restore::plan(&repository, from),
            Act::Reset { to } => reset::plan(&repository, to),
            Act::Clean { paths, ignored } => clean::plan(&repository, paths, *ignored),
            Act::Purge { name } => restore::purge(&repository, name),
            Act::Status
            | Act::Log { .. }
            | Act::Diff { .. }
            | Act::Show { .. }
            | Act::Branches
            | Act::Stashes => Err(unreadable("this operation has no plan")),
        }
    }

    fn read(&self, host: &dyn Host) -> Result<ReadAnswer, PlanRefusal> {
        let repository = Repository::open(host, &self.repository)?;
        match &self.act {
            Act::Status => {
                let result = repository.status(Untracked::Yes, &[])?.answer();
                Ok(ReadAnswer { result, exit_code: 0 })
            }
            Act::Log { revision, count, path } => {
                history::log(&repository, (revision.as_ref(), *count), path.as_ref())
            }
            Act::Diff { from, to, staged, path } => {
                let sides = history::Sides { from: from.as_ref(), to: to.as_ref(), staged: *staged };
                history::diff(&repository, sides, path.as_ref())
            }
            Act::Show { revision } => history::show(&repository, revision),
            Act::Branches => {
                let status = repository.status(Untracked::No, &[])?;
                let result = refs::Refs::read(&repository)?.branches(status.branch.as_deref());
                Ok(ReadAnswer { result, exit_code: 0 })
            }
            Act::Stashes => stash::list(&repository),
            Act::Fetch { .. }
            | Act::Pull
            | Act::Checkout { .. }
            | Act::Stash { .. }
            | Act::StashPop { .. }
            | Act::Restore { .. }
            | Act::Reset { .. }
            | Act::Clean { .. }
            | Act::Purge { .. } => Err(unreadable("this operation needs a plan")),
        }
    }

    fn interpret(&self, _stdout: &[u8]) -> Result<Value, Garbled> {
        Ok(Value::Null)
    }

    fn verify(&self, plan: &Plan, host: &dyn Host) -> Verification {
        observe::look(self, plan, host)
    }

    fn reconcile(&self, plan: &Plan, host: &dyn Host) -> Verification {
        observe::look(self, plan, host)
    }

    fn purge(&self, plan: &Plan) -> Option<Operation> {
        kept::purge(self, plan)
    }

    fn explain(&self, _exit_code: i32, stderr: &[u8]) -> FailureReason {
        explain::explain(stderr)
    }
}
