//! What an operation would do to the host: what approvals bind to, and what people are shown.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Growth;
use crate::operation::Digest;

/// What would happen. [`Effects::bound`] is what an approval binds to; byte counts move by themselves on a live host and
/// are only shown, and bounded by [`Effects::within_bounds`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Effects {
    /// Every object that changes, in the order in which it is acted upon.
    pub objects: Vec<Object>,
    /// Bytes that can be used again afterwards; absent when nobody can tell.
    pub bytes_freed: Option<u64>,
    /// Where `bytes_freed` comes from.
    pub bytes_basis: Basis,
    /// What else depends on the objects and moves, or goes, with them.
    pub dependents: Vec<String>,
    /// Whether another operation can put everything back.
    pub reversible: bool,
    /// How to put it back, in words.
    pub undo: Option<String>,
}

/// Where a number of bytes comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// Nothing is freed.
    Nothing,
    /// The tool's own dry run said so.
    Reported,
    /// Added up from the objects' properties.
    Computed,
}

/// One object that changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Object {
    /// What happens to it.
    pub action: Action,
    /// `filesystem`, `volume`, `snapshot`, `bookmark`, `pool`, `container`, `playbook`, `file` or `task`.
    pub kind: String,
    /// Its name now, or the name that it gets when it is made.
    pub name: String,
    /// Its guid; absent for what does not exist yet.
    pub guid: Option<String>,
    /// What is so now and changes: a property's value, a hold, the last scrub.
    pub was: Option<String>,
    /// What is so afterwards: a property's value, a new name, a hold, an origin.
    pub becomes: Option<String>,
    /// Its bytes; shown, not bound.
    pub bytes: Option<u64>,
    /// What else there is to know; shown, not bound.
    pub note: Option<String>,
}

/// What happens to an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// It is gone afterwards.
    Destroy,
    /// A dataset is made.
    Create,
    /// A snapshot is taken.
    Snapshot,
    /// It has another name afterwards.
    Rename,
    /// It loses what was written since a snapshot.
    Rollback,
    /// A property gets another value.
    Set,
    /// A hold is put on it.
    Hold,
    /// A hold is taken away.
    Release,
    /// A bookmark is made.
    Bookmark,
    /// Its blocks are checked, or no longer.
    Scrub,
    /// A playbook is run.
    Play,
    /// A playbook's task changes it.
    Task,
    /// A playbook's task does what a dry run does not show.
    Unforeseen,
    /// It runs afterwards.
    Start,
    /// It does not run afterwards.
    Stop,
    /// It is stopped and started.
    Restart,
    /// A unit reads its configuration again.
    Reload,
    /// A unit is started at boot.
    Enable,
    /// A unit is no longer started at boot.
    Disable,
    /// A unit cannot be started.
    Mask,
    /// A unit can be started again.
    Unmask,
    /// It is forgotten that a unit failed.
    ResetFailed,
    /// A branch, or what is checked out, is another commit afterwards.
    Move,
    /// Its changes are put away, and can be brought back.
    PutAway,
    /// What was put away or kept comes back.
    BringBack,
    /// It is larger afterwards.
    Resize,
    /// It is put aside, protected and marked, to be destroyed later.
    Retire,
    /// It is as it was before it was put aside.
    Unretire,
    /// A lock is taken away.
    Unlock,
    /// A tool is run.
    Run,
    /// A tool may write there.
    Write,
}

impl Effects {
    /// No effects: a read.
    pub fn none() -> Self {
        Self {
            objects: Vec::new(),
            bytes_freed: Some(0),
            bytes_basis: Basis::Nothing,
            dependents: Vec::new(),
            reversible: true,
            undo: None,
        }
    }

    /// The part that an approval binds to: every object with its action, guid and values, and what depends on it.
    pub fn bound(&self) -> Value {
        let objects: Vec<Value> = self.objects.iter().map(Object::bound).collect();
        json!({"objects": objects, "dependents": self.dependents, "reversible": self.reversible})
    }

    /// SHA-256 over the bound part.
    pub fn effects_digest(&self) -> Digest {
        Digest::of(&self.bound())
    }

    /// Whether what would be freed now is still what people were shown, or as much more as they were told. A number that
    /// was known and no longer is, or the other way around, is not.
    pub fn within_bounds(shown: &Self, now: &Self, growth: Growth) -> bool {
        match (shown.bytes_freed, now.bytes_freed) {
            (Some(shown), Some(now)) => now <= growth.most(shown),
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        }
    }
}

impl Object {
    /// An object with its name and guid, and nothing else said yet.
    pub(super) fn new(action: Action, kind: &str, name: impl Into<String>, guid: Option<String>) -> Self {
        let (name, kind) = (name.into(), kind.to_owned());
        Self { action, kind, name, guid, was: None, becomes: None, bytes: None, note: None }
    }

    pub(super) fn was(mut self, value: impl Into<String>) -> Self {
        self.was = Some(value.into());
        self
    }

    pub(super) fn becomes(mut self, value: impl Into<String>) -> Self {
        self.becomes = Some(value.into());
        self
    }

    pub(super) fn bytes(mut self, bytes: Option<u64>) -> Self {
        self.bytes = bytes;
        self
    }

    pub(super) fn note(mut self, note: impl Into<String>) -> Self {
        self.note = Some(note.into());
        self
    }

    fn bound(&self) -> Value {
        json!({
            "action": self.action, "kind": self.kind, "name": self.name, "guid": self.guid,
            "was": self.was, "becomes": self.becomes,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn destroying(guid: &str, bytes: u64) -> Effects {
        let object = Object::new(Action::Destroy, "snapshot", "tank/a@s", Some(guid.to_owned()));
        Effects {
            objects: vec![object.bytes(Some(bytes)).note("taken by hand")],
            bytes_freed: Some(bytes),
            bytes_basis: Basis::Reported,
            reversible: false,
            ..Effects::none()
        }
    }

    #[test]
    fn the_digest_holds_guids_and_not_bytes() {
        assert_eq!(destroying("1", 10).effects_digest(), destroying("1", 99).effects_digest());
        assert_ne!(destroying("1", 10).effects_digest(), destroying("2", 10).effects_digest());
    }

    #[test]
    fn a_fifth_more_than_shown_is_within_bounds_and_a_byte_above_is_not() {
        let bounds = |shown, now, growth| {
            Effects::within_bounds(&destroying("1", shown), &destroying("1", now), growth)
        };
        let within = |shown, now| bounds(shown, now, Growth::default());
        let twice = Growth::by_factor(2.0).unwrap();
        assert!(bounds(1000, 2000, twice) && !bounds(1000, 2001, twice), "as much as is told");
        assert!(within(1000, 1200));
        assert!(!within(1000, 1201));
        assert!(within(1000, 0));
        assert!(!within(0, 1));
        assert!(within(u64::MAX, u64::MAX));
    }

    #[test]
    fn bytes_that_became_unknown_are_not_within_bounds() {
        let unknown = Effects { bytes_freed: None, ..destroying("1", 0) };
        let within = |shown: &Effects, now: &Effects| {
            Effects::within_bounds(shown, now, Growth::by_factor(10.0).unwrap())
        };
        assert!(!within(&destroying("1", 5), &unknown));
        assert!(!within(&unknown, &destroying("1", 5)));
        assert!(within(&unknown, &unknown));
    }
}
