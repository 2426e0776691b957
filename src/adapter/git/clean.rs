//! Removing untracked files: exactly those that people saw, each by its name and as it was, and kept first.

use super::kept::{self, Files};
use super::refs::Refs;
use super::repository::{Repository, Untracked};
use super::status::{File, State};
use super::{guard, remote};
use crate::adapter::{Action, Effects, Object, Plan, PlanRefusal, Rule};
use crate::operation::git::FilePath;

/// How many files one clean may remove.
const MOST: usize = 500;
/// How long their names may be together, since they are the arguments of one call.
const LONGEST: usize = 40 << 10;

/// Removes untracked files at and below these paths.
pub(super) fn plan(
    repository: &Repository<'_>,
    paths: &[FilePath],
    ignored: bool,
) -> Result<Plan, PlanRefusal> {
    let which = if ignored { Untracked::AndIgnored } else { Untracked::Yes };
    let status = repository.status(which, paths)?;
    let commit = remote::commit_of(&status)?;
    if status.is_unmerged() {
        return Err(PlanRefusal::new(Rule::GitDirty, "a merge waits for somebody to end it"));
    }
    // Another repository inside is left alone, as `git clean` does.
    let doomed: Vec<&File> = status.untracked().filter(|file| !file.is_folder()).collect();
    let paths: Vec<FilePath> = doomed.iter().map(|file| guard::argument(file)).collect::<Result<_, _>>()?;
    let bytes: usize = paths.iter().map(|path| path.as_str().len() + 7).sum();
    if paths.len() > MOST || bytes > LONGEST {
        let reason = format!("{} files are too many for one clean; name fewer by paths", paths.len());
        return Err(PlanRefusal::new(Rule::GitTooMany, reason));
    }
    if paths.is_empty() {
        return Ok(Plan::settled(Effects::none()));
    }
    let seen = repository.identities(&paths)?;
    let objects: Vec<Object> =
        doomed.iter().zip(seen).map(|(file, identity)| object(repository, file, identity)).collect();
    let refs = Refs::read(repository)?;
    let list: Vec<&str> = paths.iter().map(FilePath::as_str).collect();
    let name = kept::name(&refs, "clean", &format!("{commit}\n{}", list.join("\n")))?;
    let steps = kept::keep_files(repository, &name, Files::Untracked(&paths));
    let undo = Some(kept::offer(repository, &name));
    let effects = Effects { objects, undo: Some(format!("restore from={name}")), ..Effects::none() };
    Ok(Plan { effects, steps, undo, settled: false })
}

fn object(repository: &Repository<'_>, file: &File, identity: String) -> Object {
    let kind = if file.state == State::Ignored { "ignored file" } else { "untracked file" };
    Object::new(Action::Destroy, kind, repository.name(&file.shown()), Some(identity))
}
