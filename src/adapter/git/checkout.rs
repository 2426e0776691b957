//! Going to a branch. git itself refuses where changes or untracked files would be written over, ignored ones included.

use super::command::{git, step};
use super::refs::Refs;
use super::repository::Repository;
use super::{guard, remote};
use crate::adapter::{Action, Effects, Object, Plan, PlanRefusal, Rule, UndoOffer};
use crate::operation::git::{Act, BranchName, Revision};

const QUIETLY: [&str; 5] =
    ["switch", "--quiet", "--no-guess", "--no-recurse-submodules", "--no-overwrite-ignore"];

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted<'a> {
    pub(super) branch: &'a BranchName,
    pub(super) create: bool,
    pub(super) at: Option<&'a Revision>,
}

/// Goes to a branch, and makes it first where that is wanted.
pub(super) fn plan(repository: &Repository<'_>, wanted: Wanted<'_>) -> Result<Plan, PlanRefusal> {
    let status = guard::nothing_hidden(repository)?;
    let here = remote::commit_of(&status)?;
    let there = Refs::read(repository)?.id(&format!("refs/heads/{}", wanted.branch)).map(str::to_owned);
    let mut objects = Vec::new();
    let mut args: Vec<String> = QUIETLY.map(str::to_owned).to_vec();
    let goal = match (wanted.create, there) {
        (true, Some(_)) => {
            let reason = format!("there is a branch {} already", wanted.branch);
            let act = Act::Checkout { branch: wanted.branch.clone(), create: false, at: None };
            return Err(PlanRefusal::new(Rule::GitExists, reason).or([guard::operation(repository, act)]));
        }
        (false, None) => {
            return Err(PlanRefusal::new(Rule::GitNotFound, format!("there is no branch {}", wanted.branch)));
        }
        (true, None) => {
            let start =
                wanted.at.map(|at| repository.commit(at)).transpose()?.unwrap_or_else(|| here.to_owned());
            let object = Object::new(Action::Create, "branch", repository.name(wanted.branch.as_str()), None);
            objects.push(object.becomes(&start));
            args.extend(["--no-track".to_owned(), "-c".to_owned(), wanted.branch.to_string(), start.clone()]);
            start
        }
        (false, Some(there)) if status.branch.as_deref() == Some(wanted.branch.as_str()) => {
            let _ = there;
            return Ok(Plan::settled(Effects::none()));
        }
        (false, Some(there)) => {
            args.push(wanted.branch.to_string());
            there
        }
    };
    let was = status.branch.clone().unwrap_or_else(|| here.to_owned());
    let head = Object::new(Action::Move, "HEAD", repository.name("HEAD"), Some(here.to_owned()));
    objects.push(head.was(was).becomes(format!("{} {goal}", wanted.branch)));
    let undo = status.branch.and_then(|branch| BranchName::try_from(branch).ok()).map(|branch| {
        UndoOffer::by(guard::operation(repository, Act::Checkout { branch, create: false, at: None }))
    });
    let effects = Effects { objects, reversible: undo.is_some(), ..Effects::none() };
    Ok(Plan { effects, steps: vec![step(git(repository.path, args))], undo, settled: false })
}
