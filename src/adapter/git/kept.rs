//! Keeping aside what a reset or a clean takes away: refs below `refs/reeve/undo/`, which hold the commit that a branch
//! was at and a stash of files, and which nobody's garbage collection touches.

use std::time::Duration;

use super::command::{git, path, step};
use super::refs::{KEPT, Refs};
use super::repository::Repository;
use super::{guard, stash};
use crate::adapter::{Plan, PlanRefusal, Step, UndoOffer};
use crate::operation::git::{Act, FilePath, GitOperation, KeptName};
use crate::operation::{Digest, Operation};

/// A name to keep things under, the same for the same state of a repository.
pub(super) fn name(refs: &Refs, verb: &str, state: &str) -> Result<KeptName, PlanRefusal> {
    let digest = Digest::of_bytes(state.as_bytes());
    let digits = digest.as_str().rsplit(':').next().and_then(|hex| hex.get(..12)).unwrap_or_default();
    guard::made(refs.free_name(&format!("{verb}-{digits}")))
}

/// The step that keeps the commit of a branch, or of a detached HEAD.
pub(super) fn keep_head(
    repository: &Repository<'_>,
    name: &KeptName,
    (branch, commit): (Option<&str>, &str),
) -> Step {
    let place = branch.map_or_else(|| "detached".to_owned(), |branch| format!("heads/{branch}"));
    keep(repository, &format!("{KEPT}{name}/{place}"), commit)
}

fn keep(repository: &Repository<'_>, place: &str, what: &str) -> Step {
    // The last argument says that there is no such ref yet.
    step(git(repository.path, ["update-ref", "-m", "reeve: keep", place, what, &repository.no_id()]))
}

/// Which files are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Files<'a> {
    /// Every tracked one that has changes.
    Tracked,
    /// Exactly these, which are not tracked.
    Untracked(&'a [FilePath]),
}

/// The steps that put files into a stash, keep it, and take it off the list of stashes, which is the user's.
pub(super) fn keep_files(repository: &Repository<'_>, name: &KeptName, files: Files<'_>) -> Vec<Step> {
    let message = stash::kept_message(name);
    let mut args: Vec<String> = ["stash", "--quiet"].map(str::to_owned).to_vec();
    if matches!(files, Files::Untracked(_)) {
        args.push("--all".to_owned());
    }
    args.extend(["--message".to_owned(), message.clone()]);
    if let Files::Untracked(paths) = files {
        args.push("--".to_owned());
        args.extend(paths.iter().map(path));
    }
    // Found by its words: were the newest stash somebody else's, this finds nothing, and nothing after it happens.
    let newest = format!("refs/stash^{{/{message}$}}");
    vec![
        step(git(repository.path, args)),
        keep(repository, &format!("{KEPT}{name}/files"), &newest),
        step(git(repository.path, ["stash", "drop", "stash@{0}"])),
    ]
}

/// How long what is kept stays at least, where the rules set no other time.
const STAYS: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// The offer to take it back.
pub(super) fn offer(repository: &Repository<'_>, name: &KeptName) -> UndoOffer {
    let operation = guard::operation(repository, Act::Restore { from: name.clone() });
    UndoOffer { operation, until: Some(STAYS) }
}

/// What forgets for good what a plan keeps.
pub(super) fn purge(op: &GitOperation, plan: &Plan) -> Option<Operation> {
    let name = KeptName::try_from(name_in(plan)?).ok()?;
    Some(Operation::Git(GitOperation { repository: op.repository.clone(), act: Act::Purge { name } }))
}

/// The name that a plan keeps things under.
pub(super) fn name_in(plan: &Plan) -> Option<String> {
    let undo = plan.undo.as_ref()?;
    let from = undo.operation.params().get("from")?.as_str()?.to_owned();
    Some(from)
}
