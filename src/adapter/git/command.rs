//! How git is started: the same first arguments always, which switch off everything that a repository could make git run.
//! The wrapper's table holds the same list, and the environment that goes with it.

use crate::adapter::{Argv, Program, Step, WrapperName};
use crate::operation::git::{FilePath, RepositoryPath};

/// What stands before every subcommand. Each line keeps one thing in a repository's configuration from deciding.
#[rustfmt::skip]
const FIRST: &[&str] = &[
    "--no-pager", "--no-replace-objects", "--literal-pathspecs",
    "-c", "core.fsmonitor=false",
    "-c", "core.hooksPath=/dev/null",
    "-c", "core.attributesFile=/dev/null",
    "-c", "core.excludesFile=/dev/null",
    "-c", "core.sshCommand=/bin/false",
    "-c", "core.askPass=/bin/false",
    "-c", "core.alternateRefsCommand=/bin/false",
    "-c", "core.commitGraph=false",
    "-c", "core.sparseCheckout=false",
    "-c", "core.untrackedCache=false",
    "-c", "core.quotePath=false",
    "-c", "advice.graftFileDeprecated=false",
    "-c", "color.ui=false",
    "-c", "commit.gpgSign=false",
    "-c", "credential.helper=",
    "-c", "fetch.prune=false",
    "-c", "fetch.pruneTags=false",
    "-c", "fetch.recurseSubmodules=false",
    "-c", "fetch.writeCommitGraph=false",
    "-c", "gc.auto=0",
    "-c", "http.followRedirects=false",
    "-c", "i18n.logOutputEncoding=UTF-8",
    "-c", "log.showSignature=false",
    "-c", "maintenance.auto=false",
    "-c", "rerere.enabled=false",
    "-c", "safe.bareRepository=explicit",
    "-c", "submodule.recurse=false",
];

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
