//! The operations on git repositories.

mod catalogue;
mod names;
mod parse;
mod show;

pub(in crate::operation) use catalogue::CATALOGUE;
pub use names::{BranchName, FilePath, KeptName, RemoteName, RepositoryPath, Revision, StashName};

/// What can be done in one repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GitOperation {
    /// Where.
    pub repository: RepositoryPath,
    /// What.
    pub act: Act,
}

/// What can be done, with everything that it needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// The branch, how it stands to its upstream, and every file that is not as committed.
    Status,
    /// Commits, newest first.
    Log {
        /// From where back; the current commit when absent.
        revision: Option<Revision>,
        /// How many at most.
        count: Option<u64>,
        /// Only those that changed this.
        path: Option<FilePath>,
    },
    /// What differs between two commits, or between a commit and the files.
    Diff {
        /// The older side; what is staged when absent.
        from: Option<Revision>,
        /// The younger side; the files when absent.
        to: Option<Revision>,
        /// What is staged is the younger side.
        staged: bool,
        /// Only this.
        path: Option<FilePath>,
    },
    /// One commit with what it changed.
    Show {
        /// Which.
        revision: Revision,
    },
    /// Branches, local and remote.
    Branches,
    /// Stashes, and what Reeve keeps to take things back.
    Stashes,
    /// Fetches a remote's branches.
    Fetch {
        /// From where; `origin` when absent.
        remote: Option<RemoteName>,
        /// Only this one.
        branch: Option<BranchName>,
        /// Tags too.
        tags: bool,
    },
    /// Fetches the current branch's upstream and goes forward to it, or does nothing.
    Pull,
    /// Goes to a branch.
    Checkout {
        /// Which.
        branch: BranchName,
        /// Make it.
        create: bool,
        /// From where it is made; the current commit when absent.
        at: Option<Revision>,
    },
    /// Puts changes away.
    Stash {
        /// Under which name.
        name: StashName,
        /// Untracked files too.
        untracked: bool,
    },
    /// Brings back what was put away, and forgets it.
    StashPop {
        /// Under which name.
        name: StashName,
    },
    /// Takes back a reset or a clean.
    Restore {
        /// What was kept then.
        from: KeptName,
    },
    /// Takes the branch, what is staged and the files back to a commit.
    Reset {
        /// Which.
        to: Revision,
    },
    /// Removes untracked files.
    Clean {
        /// Only these; all when empty.
        paths: Vec<FilePath>,
        /// Ignored ones too.
        ignored: bool,
    },
    /// Forgets what was kept before a reset or a clean.
    Purge {
        /// What.
        name: KeptName,
    },
}
