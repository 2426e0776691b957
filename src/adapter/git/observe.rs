//! Looking again: which of a plan's objects the repository now shows as planned, after a run that succeeded and after one
//! that nobody saw the end of.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::kept;
use super::refs::{self, Refs, Stash};
use super::repository::{Repository, Untracked};
use super::status::{File, Status};
use crate::adapter::{Action, Happened, Host, Object, Plan, PlanRefusal, Verification};
use crate::operation::git::{Act, GitOperation};

/// Reads the repository again.
pub(super) fn look(op: &GitOperation, plan: &Plan, host: &dyn Host) -> Verification {
    match Survey::of(op, host) {
        Ok(survey) => survey.compare(op, plan),
        Err(refusal) => Verification::new(Happened::CannotTell, Value::Null, Some(refusal.reason)),
    }
}

/// What the repository shows.
struct Survey {
    status: Status,
    changed: BTreeSet<String>,
    untracked: BTreeSet<String>,
    refs: Refs,
    stashes: Vec<Stash>,
}

impl Survey {
    fn of(op: &GitOperation, host: &dyn Host) -> Result<Self, PlanRefusal> {
        let repository = Repository::open(host, &op.repository)?;
        let with_ignored = matches!(op.act, Act::Clean { .. } | Act::Restore { .. });
        let which = if with_ignored { Untracked::AndIgnored } else { Untracked::Yes };
        let status = repository.status(which, &[])?;
        Ok(Self {
            changed: status.changes().map(File::shown).collect(),
            untracked: status.untracked().map(File::shown).collect(),
            refs: Refs::read(&repository)?,
            stashes: refs::stashes(&repository)?,
            status,
        })
    }

    fn compare(&self, op: &GitOperation, plan: &Plan) -> Verification {
        let objects = &plan.effects.objects;
        let seen: Vec<(bool, &Object)> =
            objects.iter().map(|object| (self.shows(object, objects), object)).collect();
        let done = seen.iter().filter(|(is_so, _)| *is_so).count();
        let mut happened = match done {
            all if all == seen.len() => Happened::Wholly,
            0 => Happened::NotAtAll,
            _some => Happened::Partly,
        };
        let left: Vec<String> =
            seen.iter().filter(|(is_so, _)| !is_so).map(|(_, object)| object.name.clone()).collect();
        let mut reason = (!left.is_empty()).then(|| {
            format!("{done} of {} are as planned; not so: {}", seen.len(), super::guard::names(&left))
        });
        if let (None, Some(missing)) = (&reason, self.not_kept(op, plan)) {
            happened = Happened::Partly;
            reason = Some(missing);
        }
        Verification::new(happened, self.result(plan), reason)
    }

    /// What the caller gets: where things stand now, and what is kept.
    fn result(&self, plan: &Plan) -> Value {
        json!({
            "commit": self.status.commit, "branch": self.status.branch, "clean": self.status.files.is_empty(),
            "kept": kept::name_in(plan),
        })
    }

    /// Whether what was to be kept is not, or a stash of ours is left on the user's list, which says that another was
    /// taken off instead.
    fn not_kept(&self, op: &GitOperation, plan: &Plan) -> Option<String> {
        if !matches!(op.act, Act::Reset { .. } | Act::Clean { .. }) {
            return None;
        }
        let name = kept::name_in(plan)?;
        if self.refs.kept(&name).is_empty() {
            return Some(format!("what was taken away is not kept as {name}"));
        }
        let mark = format!("reeve undo {name}");
        self.stashes.iter().any(|stash| stash.is_named(&mark)).then(|| {
            "the stash that was kept is still listed: another may have been taken off the list in its place".to_owned()
        })
    }

    /// Whether one object is as planned.
    fn shows(&self, object: &Object, all: &[Object]) -> bool {
        let Some((_, thing)) = object.name.split_once(':') else { return false };
        match object.kind.as_str() {
            "branch" => self.ref_is(&format!("refs/heads/{thing}"), object),
            "remote branch" => self.ref_is(&format!("refs/remotes/{thing}"), object),
            "tag" => self.ref_is(&format!("refs/tags/{thing}"), object),
            "HEAD" => self.head_is(object),
            "stash" => {
                let is_there = self.stashes.iter().any(|stash| stash.is_named(thing));
                is_there == (object.action != Action::Destroy)
            }
            "kept state" => self.refs.id(thing) != object.guid.as_deref(),
            "changed file" => self.changed.contains(thing) == (object.action == Action::BringBack),
            "untracked file" | "ignored file" => {
                self.untracked.contains(thing) == (object.action == Action::BringBack)
            }
            // A commit is lost when the branch that led to it went elsewhere.
            "commit" => all
                .iter()
                .filter(|other| matches!(other.kind.as_str(), "branch" | "HEAD"))
                .all(|moved| self.shows(moved, &[])),
            _unknown => false,
        }
    }

    fn ref_is(&self, name: &str, object: &Object) -> bool {
        self.refs.id(name).is_some() && self.refs.id(name) == object.becomes.as_deref()
    }

    /// HEAD goes to a commit, or to a branch (`main 1a2b…`).
    fn head_is(&self, object: &Object) -> bool {
        let Some(becomes) = object.becomes.as_deref() else { return false };
        match becomes.split_once(' ') {
            Some((branch, _)) => self.status.branch.as_deref() == Some(branch),
            None => self.status.branch.is_none() && self.status.commit.as_deref() == Some(becomes),
        }
    }
}
