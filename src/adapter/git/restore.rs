//! Taking back a reset or a clean from what was kept, and forgetting it.

use super::command::{git, step};
use super::refs::{KEPT, Ref, Refs};
use super::repository::{Repository, short};
use super::status::Status;
use super::{guard, history, remote, reset};
use crate::adapter::{Action, Effects, Object, Plan, PlanRefusal, Rule, Step, UndoOffer};
use crate::operation::git::{Act, BranchName, KeptName};

/// What was kept under one name.
struct Kept {
    /// The branch, where one was checked out, and its commit.
    head: Option<(Option<String>, String)>,
    /// The stash.
    files: Option<String>,
}

impl Kept {
    fn read(refs: &Refs, name: &KeptName) -> Result<Self, PlanRefusal> {
        let all = refs.kept(name.as_str());
        if all.is_empty() {
            return Err(PlanRefusal::new(Rule::GitNotFound, format!("nothing is kept as {name}")));
        }
        let below = |one: &Ref| one.name.strip_prefix(&format!("{KEPT}{name}/")).map(str::to_owned);
        let mut kept = Self { head: None, files: None };
        for one in all {
            match below(one).as_deref() {
                Some("files") => kept.files = Some(one.id.clone()),
                Some("detached") => kept.head = Some((None, one.id.clone())),
                Some(place) => {
                    kept.head =
                        place.strip_prefix("heads/").map(|branch| (Some(branch.to_owned()), one.id.clone()));
                }
                None => {}
            }
        }
        Ok(kept)
    }
}

/// Takes back what was kept under this name.
pub(super) fn plan(repository: &Repository<'_>, name: &KeptName) -> Result<Plan, PlanRefusal> {
    let refs = Refs::read(repository)?;
    let kept = Kept::read(&refs, name)?;
    let status = guard::nothing_hidden(repository)?;
    let mut parts = match &kept.head {
        Some((branch, commit)) => back(repository, &status, (branch.as_deref(), commit))?,
        None => Parts::default(),
    };
    if let Some(stash) = &kept.files {
        let files = match kept.head {
            Some(_) => tracked(repository, stash)?,
            None => untracked(repository, stash)?,
        };
        parts.objects.extend(files.objects);
        parts.steps.extend(files.steps);
    }
    parts.steps.extend(forget(repository, &refs, name));
    let effects = Effects { objects: parts.objects, reversible: parts.undo.is_some(), ..Effects::none() };
    Ok(Plan { effects, steps: parts.steps, undo: parts.undo, settled: false })
}

#[derive(Default)]
struct Parts {
    objects: Vec<Object>,
    steps: Vec<Step>,
    undo: Option<UndoOffer>,
}

/// The branch goes back to where it was, and nothing that came since is lost by that.
fn back(
    repository: &Repository<'_>,
    status: &Status,
    (branch, commit): (Option<&str>, &str),
) -> Result<Parts, PlanRefusal> {
    let now = remote::commit_of(status)?;
    if status.branch.as_deref() != branch {
        let reason =
            format!("it was kept on {}, which is not checked out now", branch.unwrap_or("no branch"));
        let there = branch.and_then(|branch| BranchName::try_from(branch.to_owned()).ok());
        let checkout = there
            .map(|branch| guard::operation(repository, Act::Checkout { branch, create: false, at: None }));
        return Err(PlanRefusal::new(Rule::GitDetached, reason).or(checkout));
    }
    guard::no_changes(status)?;
    guard::nothing_in_the_way(repository, commit)?;
    let lost = history::lost(repository, branch, (now, commit))?;
    if let Some(first) = lost.first() {
        let reason =
            format!("{} commits came since then and would be lost, first {}", lost.len(), short(&first.id));
        return Err(PlanRefusal::new(Rule::GitDiverged, reason));
    }
    if now == commit {
        return Ok(Parts::default());
    }
    let steps = vec![
        step(git(repository.path, ["update-ref", "-m", "reeve: restore", "HEAD", commit, now])),
        step(git(repository.path, ["reset", "--hard", "--quiet", "--no-recurse-submodules", commit])),
    ];
    let objects = vec![reset::moved(repository, status, (now, commit))];
    Ok(Parts { objects, steps, undo: Some(UndoOffer::by(remote::back(repository, now)?)) })
}

/// Changes in tracked files come back, on the commit that they were made on.
fn tracked(repository: &Repository<'_>, stash: &str) -> Result<Parts, PlanRefusal> {
    let base = format!("{stash}^1");
    #[rustfmt::skip]
    let args = [
        "diff", "--no-ext-diff", "--no-renames", "--ignore-submodules=all", "--name-only", "-z", "--end-of-options", &base, stash,
        "--",
    ];
    let objects = objects(repository, &repository.bytes(args)?, "changed file");
    let steps = vec![step(git(repository.path, ["stash", "apply", "--index", "--quiet", stash]))];
    Ok(Parts { objects, steps, undo: None })
}

/// Untracked files come back where nothing lies.
fn untracked(repository: &Repository<'_>, stash: &str) -> Result<Parts, PlanRefusal> {
    let tree = format!("{stash}^3");
    let listed = repository.bytes(["ls-tree", "-r", "-z", "--name-only", "--full-tree", &tree])?;
    let there = repository.bytes(["ls-files", "-z", "--cached", "--others"])?;
    let taken: Vec<&[u8]> = there.split(|byte| *byte == 0).filter(|path| !path.is_empty()).collect();
    let in_the_way: Vec<String> = listed
        .split(|byte| *byte == 0)
        .filter(|path| taken.contains(path))
        .map(|path| String::from_utf8_lossy(path).into_owned())
        .collect();
    if !in_the_way.is_empty() {
        let reason = format!("these are there again: {}", guard::names(&in_the_way));
        return Err(PlanRefusal::new(Rule::GitExists, reason));
    }
    let objects = objects(repository, &listed, "untracked file");
    let source = format!("--source={tree}");
    let args =
        ["restore", "--quiet", "--worktree", "--overlay", "--no-recurse-submodules", &source, "--", "."];
    Ok(Parts { objects, steps: vec![step(git(repository.path, args))], undo: None })
}

fn objects(repository: &Repository<'_>, listed: &[u8], kind: &str) -> Vec<Object> {
    let paths = listed.split(|byte| *byte == 0).filter(|path| !path.is_empty());
    let object = |path: &[u8]| {
        let name = repository.name(&String::from_utf8_lossy(path));
        Object::new(Action::BringBack, kind, name, None)
    };
    paths.map(object).collect()
}

/// The steps that forget what was kept, each only as it was seen.
fn forget(repository: &Repository<'_>, refs: &Refs, name: &KeptName) -> Vec<Step> {
    let forget = |one: &&Ref| step(git(repository.path, ["update-ref", "-d", &one.name, &one.id]));
    refs.kept(name.as_str()).iter().map(forget).collect()
}

/// Forgets for good what was kept under this name.
pub(super) fn purge(repository: &Repository<'_>, name: &KeptName) -> Result<Plan, PlanRefusal> {
    let refs = Refs::read(repository)?;
    Kept::read(&refs, name)?;
    let object = |one: &Ref| {
        let object =
            Object::new(Action::Destroy, "kept state", repository.name(&one.name), Some(one.id.clone()));
        object.note("git forgets it with its next garbage collection")
    };
    let objects = refs.kept(name.as_str()).into_iter().map(object).collect();
    let effects = Effects { objects, reversible: false, ..Effects::none() };
    Ok(Plan { effects, steps: forget(repository, &refs, name), undo: None, settled: false })
}
