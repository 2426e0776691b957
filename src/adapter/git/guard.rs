//! What stands in the way of a change, asked before anything is changed.

use std::collections::BTreeSet;

use super::repository::{Repository, Untracked, unreadable};
use super::status::{File, Status};
use crate::adapter::{PlanRefusal, Rule};
use crate::operation::Operation;
use crate::operation::git::{Act, FilePath, GitOperation};

/// How many names a refusal gives.
const MOST_NAMED: usize = 10;
/// How many paths an alternative names.
const MOST_OFFERED: usize = 64;

/// The status, of a repository in which no file is hidden from it.
pub(super) fn nothing_hidden(repository: &Repository<'_>) -> Result<Status, PlanRefusal> {
    let listed = repository.bytes(["ls-files", "-z", "-v"])?;
    // Lower case says "assume unchanged", `S` says "skip": git would take both for as committed without looking.
    let is_hidden = |entry: &&[u8]| entry.first().is_some_and(|tag| tag.is_ascii_lowercase() || *tag == b'S');
    let hidden: Vec<String> = listed
        .split(|byte| *byte == 0)
        .filter(is_hidden)
        .map(|entry| String::from_utf8_lossy(entry.get(2..).unwrap_or_default()).into_owned())
        .collect();
    if !hidden.is_empty() {
        let reason = format!("git was told not to look at these: {}", names(&hidden));
        return Err(PlanRefusal::new(Rule::GitHidden, reason));
    }
    repository.status(Untracked::Yes, &[])
}

/// The current branch and its commit.
pub(super) fn on_branch(status: &Status) -> Result<(&str, &str), PlanRefusal> {
    let commit = super::remote::commit_of(status)?;
    let detached = || PlanRefusal::new(Rule::GitDetached, "HEAD is detached: no branch is checked out");
    Ok((status.branch.as_deref().ok_or_else(detached)?, commit))
}

/// That no tracked file has changes.
pub(super) fn no_changes(status: &Status) -> Result<(), PlanRefusal> {
    let changed: Vec<String> = status.changes().map(File::shown).collect();
    if changed.is_empty() {
        return Ok(());
    }
    Err(PlanRefusal::new(Rule::GitDirty, format!("these have changes: {}", names(&changed))))
}

/// That no untracked file lies where a commit has one, ignored or not: git would write over it without a word.
pub(super) fn nothing_in_the_way(repository: &Repository<'_>, commit: &str) -> Result<(), PlanRefusal> {
    let args = [
        "diff",
        "--cached",
        "--no-ext-diff",
        "--no-renames",
        "--ignore-submodules=all",
        "--name-only",
        "--diff-filter=D",
        "-z",
        commit,
        "--",
    ];
    let new = repository.bytes(args)?;
    let new: BTreeSet<&[u8]> = new.split(|byte| *byte == 0).filter(|path| !path.is_empty()).collect();
    if new.is_empty() {
        return Ok(());
    }
    let untracked = repository.bytes(["ls-files", "-z", "--others"])?;
    let untracked: BTreeSet<&[u8]> =
        untracked.split(|byte| *byte == 0).filter(|path| !path.is_empty()).collect();
    let is_above =
        |above: &[u8], path: &[u8]| path.strip_prefix(above).is_some_and(|rest| rest.first() == Some(&b'/'));
    let collides = |other: &&&[u8]| {
        let parents = ancestors(other);
        let below = new.range(**other..).next().is_some_and(|path| path == *other || is_above(other, path));
        below || parents.into_iter().any(|parent| new.contains(parent))
    };
    let in_the_way: Vec<String> =
        untracked.iter().filter(collides).map(|path| String::from_utf8_lossy(path).into_owned()).collect();
    if in_the_way.is_empty() {
        return Ok(());
    }
    let reason = format!("untracked files lie where the commit has files: {}", names(&in_the_way));
    Err(PlanRefusal::new(Rule::GitUntracked, reason).or(clean_these(repository, &in_the_way)))
}

fn ancestors(path: &[u8]) -> Vec<&[u8]> {
    let slashes = path.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| at);
    slashes.filter_map(|at| path.get(..at)).collect()
}

/// Removing exactly these is an operation of its own, which keeps them.
fn clean_these(repository: &Repository<'_>, paths: &[String]) -> Option<Operation> {
    let paths: Option<Vec<FilePath>> =
        paths.iter().map(|path| FilePath::try_from(path.clone()).ok()).collect();
    let paths = paths.filter(|paths| paths.len() <= MOST_OFFERED)?;
    let act = Act::Clean { paths, ignored: true };
    Some(Operation::Git(GitOperation { repository: repository.path.clone(), act }))
}

/// A few of these names, and how many there are besides.
pub(super) fn names(all: &[String]) -> String {
    let shown: Vec<String> =
        all.iter().take(MOST_NAMED).map(|name| name.escape_debug().to_string()).collect();
    match all.len().checked_sub(MOST_NAMED) {
        Some(more) if more > 0 => format!("{} and {more} more", shown.join(", ")),
        Some(_) | None => shown.join(", "),
    }
}

/// A file's path as an argument; a path that is no plain text cannot be one.
pub(super) fn argument(file: &File) -> Result<FilePath, PlanRefusal> {
    let path = file.text().and_then(|text| FilePath::try_from(text.to_owned()).ok());
    path.ok_or_else(|| {
        let reason = format!("a file has a name that Reeve does not take: {}", file.shown().escape_debug());
        PlanRefusal::new(Rule::GitPath, reason)
    })
}

/// What an operation in this repository is.
pub(super) fn operation(repository: &Repository<'_>, act: Act) -> Operation {
    Operation::Git(GitOperation { repository: repository.path.clone(), act })
}

/// A name made here, which is always one.
pub(super) fn made<T: TryFrom<String, Error = crate::operation::Invalid>>(
    name: String,
) -> Result<T, PlanRefusal> {
    T::try_from(name).map_err(|invalid| unreadable(invalid.to_string()))
}
