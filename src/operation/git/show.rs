//! A git operation as JSON and as what it says of itself: the other direction of `parse`.

use serde_json::{Map, Value, json};

use super::{Act, GitOperation};
use crate::operation::{Effect, Realm, Touched, Typed, given};

impl Typed for GitOperation {
    fn kind(&self) -> &'static str {
        "git"
    }

    fn name(&self) -> &'static str {
        match self.act {
            Act::Status => "status",
            Act::Log { .. } => "log",
            Act::Diff { .. } => "diff",
            Act::Show { .. } => "show",
            Act::Branches => "branches",
            Act::Stashes => "stashes",
            Act::Fetch { .. } => "fetch",
            Act::Pull => "pull",
            Act::Checkout { .. } => "checkout",
            Act::Stash { .. } => "stash",
            Act::StashPop { .. } => "stash-pop",
            Act::Restore { .. } => "restore",
            Act::Reset { .. } => "reset",
            Act::Clean { .. } => "clean",
            Act::Purge { .. } => "purge",
        }
    }

    fn effect(&self) -> Effect {
        match self.act {
            Act::Status
            | Act::Log { .. }
            | Act::Diff { .. }
            | Act::Show { .. }
            | Act::Branches
            | Act::Stashes => Effect::Read,
            Act::Fetch { .. }
            | Act::Pull
            | Act::Checkout { .. }
            | Act::Stash { .. }
            | Act::StashPop { .. }
            | Act::Restore { .. } => Effect::Change,
            Act::Reset { .. } | Act::Clean { .. } | Act::Purge { .. } => Effect::Destroy,
        }
    }

    fn resource(&self) -> String {
        self.repository.to_string()
    }

    fn touched(&self) -> Vec<Touched> {
        vec![Touched::new(Realm::Repository, self.repository.as_str())]
    }

    fn params(&self) -> Map<String, Value> {
        given(match &self.act {
            Act::Status | Act::Branches | Act::Stashes | Act::Pull => vec![],
            Act::Log { revision, count, path } => {
                vec![("revision", json!(revision)), ("count", json!(count)), ("path", json!(path))]
            }
            Act::Diff { from, to, staged, path } => vec![
                ("from", json!(from)),
                ("to", json!(to)),
                ("staged", json!(staged)),
                ("path", json!(path)),
            ],
            Act::Show { revision } => vec![("revision", json!(revision))],
            Act::Fetch { remote, branch, tags } => {
                vec![("remote", json!(remote)), ("branch", json!(branch)), ("tags", json!(tags))]
            }
            Act::Checkout { branch, create, at } => {
                vec![("branch", json!(branch)), ("create", json!(create)), ("at", json!(at))]
            }
            Act::Stash { name, untracked } => vec![("name", json!(name)), ("untracked", json!(untracked))],
            Act::StashPop { name } => vec![("name", json!(name))],
            Act::Restore { from } => vec![("from", json!(from))],
            Act::Reset { to } => vec![("to", json!(to))],
            Act::Clean { paths, ignored } => vec![("paths", json!(paths)), ("ignored", json!(ignored))],
            Act::Purge { name } => vec![("name", json!(name))],
        })
    }

    fn place(&self) -> String {
        format!("git {}", self.repository)
    }
}
