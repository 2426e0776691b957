//! How git is started: the same first arguments always, which the wrapper's table wants to see.

use crate::adapter::{Argv, Program, Step, WrapperName};
use crate::operation::git::{FilePath, RepositoryPath};
use crate::wrapper::git::FIRST;

/// What is looked at of a file: kind and permissions, size, inode, when its content changed, and when anything of it did,
/// which nobody can set back.
const IDENTITY: &str = "--printf=%f %s %i %.9Y %.9Z\\0";

/// How long a look at another host may take.
const FAR: std::time::Duration = std::time::Duration::from_secs(30);

/// git in a repository.
pub(super) fn git<T: Into<String>>(repository: &RepositoryPath, args: impl IntoIterator<Item = T>) -> Argv {
    let first = FIRST.iter().map(|word| (*word).to_owned());
    let mut argv = Argv::new(Program::Git, first.chain(args.into_iter().map(Into::into)));
    argv.directory = Some(repository.to_string());
    argv
}

/// git that asks another host.
pub(super) fn far<T: Into<String>>(repository: &RepositoryPath, args: impl IntoIterator<Item = T>) -> Argv {
    Argv { limit: Some(FAR), ..git(repository, args) }
}

/// What tells whether files are as they were; links are not followed.
pub(super) fn stat(repository: &RepositoryPath, files: &[FilePath]) -> Argv {
    let first = [IDENTITY, "--"].map(str::to_owned);
    let argv = Argv::new(Program::Stat, first.into_iter().chain(files.iter().map(path)));
    Argv { directory: Some(repository.to_string()), ..argv }
}

/// A step of a plan.
pub(super) fn step(argv: Argv) -> Step {
    Step { wrapper: WrapperName::Git, argv }
}

/// A file as an argument: never an option, whatever it is called.
pub(super) fn path(file: &FilePath) -> String {
    format!("./{file}")
}
