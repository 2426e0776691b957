//! Putting changes away under a name, and bringing them back by it. git's list of stashes is numbered anew with each one,
//! so what Reeve puts there it finds again by its message.

use super::command::{git, step};
use super::guard;
use super::refs::{self, Refs, Stash};
use super::remote;
use super::repository::Repository;
use super::status::{File, State};
use crate::adapter::{Action, Effects, Object, Plan, PlanRefusal, ReadAnswer, Rule, UndoOffer};
use crate::operation::git::{Act, KeptName, StashName};

/// What stands before the name in a stash's message.
pub(super) const MARK: &str = "reeve stash ";

/// The message of a stash that is kept before a reset or a clean.
pub(super) fn kept_message(name: &KeptName) -> String {
    format!("reeve undo {name}")
}

fn message(name: &StashName) -> String {
    format!("{MARK}{name}")
}

/// The one stash of this name.
pub(super) fn find(stashes: &[Stash], name: &StashName) -> Result<Option<Stash>, PlanRefusal> {
    let mark = message(name);
    let mut named = stashes.iter().filter(|stash| stash.is_named(&mark));
    match (named.next(), named.next()) {
        (found, None) => Ok(found.cloned()),
        (_, Some(_)) => {
            Err(PlanRefusal::new(Rule::GitExists, format!("more than one stash is called {name}")))
        }
    }
}

/// Puts changes away.
pub(super) fn put(
    repository: &Repository<'_>,
    name: &StashName,
    untracked: bool,
) -> Result<Plan, PlanRefusal> {
    let status = guard::nothing_hidden(repository)?;
    remote::commit_of(&status)?;
    if find(&refs::stashes(repository)?, name)?.is_some() {
        return Err(PlanRefusal::new(Rule::GitExists, format!("there is a stash {name} already")));
    }
    if status.is_unmerged() {
        return Err(PlanRefusal::new(Rule::GitDirty, "a merge waits for somebody to end it"));
    }
    let others = status.untracked().filter(|file| untracked && !file.is_folder());
    let away: Vec<Object> =
        status.changes().chain(others).map(|file| object(repository, Action::PutAway, file)).collect();
    if away.is_empty() {
        return Ok(Plan::settled(Effects::none()));
    }
    let text = message(name);
    let mut args = vec!["stash", "--quiet"];
    if untracked {
        args.push("--include-untracked");
    }
    args.extend(["--message", &text]);
    if untracked {
        // Without a path git hands `:/` to itself, and where every path is literal that is a file's name.
        args.extend(["--", "."]);
    }
    let undo = UndoOffer::by(guard::operation(repository, Act::StashPop { name: name.clone() }));
    let made = Object::new(Action::Create, "stash", repository.name(&text), None);
    let objects = away.into_iter().chain([made]).collect();
    let effects = Effects { objects, undo: Some(format!("stash-pop name={name}")), ..Effects::none() };
    Ok(Plan { effects, steps: vec![step(git(repository.path, args))], undo: Some(undo), settled: false })
}

fn object(repository: &Repository<'_>, action: Action, file: &File) -> Object {
    let kind = match file.state {
        State::Changed { .. } | State::Unmerged | State::Submodule => "changed file",
        State::Untracked => "untracked file",
        State::Ignored => "ignored file",
    };
    let identity = match &file.state {
        State::Changed { staged, unstaged, id } => format!("{staged}{unstaged} {id}"),
        State::Unmerged | State::Submodule => "tracked".to_owned(),
        State::Untracked | State::Ignored => "untracked".to_owned(),
    };
    Object::new(action, kind, repository.name(&file.shown()), Some(identity))
}

/// Brings changes back, and takes the stash off the list.
pub(super) fn pop(repository: &Repository<'_>, name: &StashName) -> Result<Plan, PlanRefusal> {
    let none = || PlanRefusal::new(Rule::GitNotFound, format!("there is no stash {name}"));
    let stash = find(&refs::stashes(repository)?, name)?.ok_or_else(none)?;
    guard::no_changes(&guard::nothing_hidden(repository)?)?;
    let has_untracked = third_parent(repository, &stash.id)?;
    let object =
        Object::new(Action::Destroy, "stash", repository.name(&message(name)), Some(stash.id.clone()));
    let objects = vec![object.note("its changes come back to the files")];
    // Applied by its id, and taken off the list by its place only then: the second step fails where the first did.
    let steps = vec![
        step(git(repository.path, ["stash", "apply", "--index", "--quiet", &stash.id])),
        step(git(repository.path, ["stash", "drop", &stash.place])),
    ];
    let act = Act::Stash { name: name.clone(), untracked: has_untracked };
    let undo = UndoOffer::by(guard::operation(repository, act));
    let effects = Effects { objects, undo: Some(format!("stash name={name}")), ..Effects::none() };
    Ok(Plan { effects, steps, undo: Some(undo), settled: false })
}

fn third_parent(repository: &Repository<'_>, stash: &str) -> Result<bool, PlanRefusal> {
    let name = format!("{stash}^3^{{commit}}");
    let found = repository.ask(["rev-parse", "--verify", "--quiet", "--end-of-options", &name])?;
    Ok(found.exit_code == 0)
}

/// Answers `stashes`.
pub(super) fn list(repository: &Repository<'_>) -> Result<ReadAnswer, PlanRefusal> {
    let stashes: Vec<serde_json::Value> = refs::stashes(repository)?.iter().map(Stash::answer).collect();
    let kept = Refs::read(repository)?.all_kept();
    Ok(ReadAnswer { result: serde_json::json!({"stashes": stashes, "kept": kept}), exit_code: 0 })
}
