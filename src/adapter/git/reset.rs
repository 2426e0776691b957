//! Taking a branch, what is staged and the files to a commit. What no branch leads to afterwards and every change is
//! kept first.

use super::command::{git, step};
use super::history::{self, Changed};
use super::kept::{self, Files};
use super::refs::Refs;
use super::repository::{Repository, short};
use super::status::{File, State, Status};
use super::{guard, remote};
use crate::adapter::{Action, Basis, Effects, Object, Plan, PlanRefusal, Rule};
use crate::operation::Digest;
use crate::operation::git::Revision;

/// How much of a commit's first line is shown.
const SUBJECT: usize = 60;

/// Takes the current branch to a commit.
pub(super) fn plan(repository: &Repository<'_>, to: &Revision) -> Result<Plan, PlanRefusal> {
    let status = guard::nothing_hidden(repository)?;
    let from = remote::commit_of(&status)?;
    let to = repository.commit(to)?;
    let changes = changes(repository, &status)?;
    if from == to && changes.is_empty() {
        return Ok(Plan::settled(Effects::none()));
    }
    guard::nothing_in_the_way(repository, &to)?;
    let lost = history::lost(repository, status.branch.as_deref(), (from, &to))?;
    let mut objects = Vec::new();
    if from != to {
        objects.push(moved(repository, &status, (from, &to)));
    }
    objects.extend(lost.iter().map(|commit| {
        let name = repository.name(&format!("{} {}", short(&commit.id), shown(&commit.subject)));
        Object::new(Action::Destroy, "commit", name, Some(commit.id.clone()))
    }));
    let has_changes = !changes.is_empty();
    objects.extend(changes);
    let refs = Refs::read(repository)?;
    let name = kept::name(
        &refs,
        "reset",
        &Effects { objects: objects.clone(), ..Effects::none() }.bound().to_string(),
    )?;
    let mut steps = vec![kept::keep_head(repository, &name, (status.branch.as_deref(), from))];
    // git cannot stash in the middle of a merge: what was made of it is lost then, and people are told so.
    let can_keep = !status.is_unmerged();
    if has_changes && can_keep {
        steps.extend(kept::keep_files(repository, &name, Files::Tracked));
    }
    if from != to {
        // Only from the commit that people saw: one that somebody made since then makes this fail.
        steps.push(step(git(repository.path, ["update-ref", "-m", "reeve: reset", "HEAD", &to, from])));
    }
    steps.push(step(git(repository.path, ["reset", "--hard", "--quiet", "--no-recurse-submodules", &to])));
    let undo = can_keep.then(|| kept::offer(repository, &name));
    let effects = Effects {
        objects,
        bytes_freed: Some(0),
        bytes_basis: Basis::Nothing,
        dependents: Vec::new(),
        reversible: can_keep,
        undo: can_keep.then(|| format!("restore from={name}")),
    };
    Ok(Plan { effects, steps, undo, settled: false })
}

/// The branch, or a detached HEAD, on its way from one commit to another.
pub(super) fn moved(repository: &Repository<'_>, status: &Status, (from, to): (&str, &str)) -> Object {
    let (kind, name) = match &status.branch {
        Some(branch) => ("branch", branch.as_str()),
        None => ("HEAD", "HEAD"),
    };
    Object::new(Action::Move, kind, repository.name(name), Some(from.to_owned())).was(from).becomes(to)
}

/// A commit's first words, as people can be shown them: they are somebody else's.
fn shown(subject: &str) -> String {
    let plain = |c: char| if c.is_ascii_graphic() || c == ' ' || c.is_alphanumeric() { c } else { '?' };
    subject.chars().take(SUBJECT).map(plain).collect()
}

/// Every change in tracked files, with a digest of what it is: a change of the change is another object.
fn changes(repository: &Repository<'_>, status: &Status) -> Result<Vec<Object>, PlanRefusal> {
    let files: Vec<&File> = status.changes().collect();
    if files.is_empty() {
        return Ok(Vec::new());
    }
    let commit = remote::commit_of(status)?;
    #[rustfmt::skip]
    let args = [
        "diff", "--no-color", "--no-ext-diff", "--no-textconv", "--no-renames", "--ignore-submodules=all", "-z", "--numstat",
        "--patch", "--binary", "--full-index", commit, "--",
    ];
    let printed = repository.bytes(args).map_err(|refusal| {
        let reason =
            format!("the changes that would be lost cannot be read, or are too large: {}", refusal.reason);
        PlanRefusal::new(Rule::GitTooMany, reason)
    })?;
    let changed = Changed::read(&printed)?;
    let sections = changed.sections();
    let section = |path: &[u8]| {
        let place = changed.files.iter().position(|(changed, _, _)| *changed == path)?;
        sections.as_ref().and_then(|sections| sections.get(place)).copied()
    };
    let lines = |path: &[u8]| changed.files.iter().find(|(changed, _, _)| *changed == path);
    Ok(files
        .into_iter()
        .map(|file| {
            let text = section(&file.path).unwrap_or_default();
            let object = Object::new(
                Action::Destroy,
                "changed file",
                repository.name(&file.shown()),
                Some(identity(file, text)),
            );
            match lines(&file.path) {
                Some((_, Some(added), Some(taken))) => object.note(format!("+{added} -{taken} lines")),
                Some(_) | None => object,
            }
        })
        .collect())
}

/// What is staged and what is not, as one digest.
fn identity(file: &File, difference: &[u8]) -> String {
    let staged = match &file.state {
        State::Changed { staged, unstaged, id } => format!("{staged}{unstaged} {id}\n"),
        State::Unmerged => "unmerged\n".to_owned(),
        State::Submodule | State::Untracked | State::Ignored => String::new(),
    };
    let bytes: Vec<u8> = staged.bytes().chain(difference.iter().copied()).collect();
    Digest::of_bytes(&bytes).as_str().to_owned()
}
