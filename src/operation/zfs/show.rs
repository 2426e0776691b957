//! A ZFS operation as JSON and as a line to read: the other direction of `parse`.

use serde_json::{Map, Value, json};

use super::{Setting, ZfsOperation};
use crate::operation::{Effect, Realm, Touched, Typed, given};

impl Typed for ZfsOperation {
    fn kind(&self) -> &'static str {
        "zfs"
    }

    fn name(&self) -> &'static str {
        match self {
            Self::List { .. } => "list",
            Self::Get { .. } => "get",
            Self::Diff { .. } => "diff",
            Self::PoolStatus { .. } => "pool-status",
            Self::Snapshot { .. } => "snapshot",
            Self::Create { .. } => "create",
            Self::Clone { .. } => "clone",
            Self::Set { .. } => "set",
            Self::Rename { .. } | Self::RenameSnapshot { .. } => "rename",
            Self::Hold { .. } => "hold",
            Self::Release { .. } => "release",
            Self::Bookmark { .. } => "bookmark",
            Self::Scrub { .. } => "scrub",
            Self::Rollback { .. } => "rollback",
            Self::Destroy { .. } => "destroy",
            Self::Purge { .. } => "purge",
        }
    }

    fn effect(&self) -> Effect {
        match self {
            Self::List { .. } | Self::Get { .. } | Self::Diff { .. } | Self::PoolStatus { .. } => {
                Effect::Read
            }
            Self::Snapshot { .. }
            | Self::Create { .. }
            | Self::Clone { .. }
            | Self::Set { .. }
            | Self::Rename { .. }
            | Self::RenameSnapshot { .. }
            | Self::Hold { .. }
            | Self::Release { .. }
            | Self::Bookmark { .. }
            | Self::Scrub { .. } => Effect::Change,
            Self::Rollback { .. } | Self::Destroy { .. } | Self::Purge { .. } => Effect::Destroy,
        }
    }

    fn resource(&self) -> String {
        match self {
            Self::List { dataset, .. }
            | Self::Snapshot { dataset, .. }
            | Self::Create { dataset, .. }
            | Self::Set { dataset, .. }
            | Self::Rename { dataset, .. }
            | Self::Purge { dataset } => dataset.to_string(),
            Self::Get { target, .. } | Self::Destroy { target, .. } => target.to_string(),
            Self::PoolStatus { pool } | Self::Scrub { pool, .. } => pool.to_string(),
            Self::Diff { from: snapshot, .. }
            | Self::Clone { snapshot, .. }
            | Self::RenameSnapshot { snapshot, .. }
            | Self::Hold { snapshot, .. }
            | Self::Release { snapshot, .. }
            | Self::Bookmark { snapshot, .. }
            | Self::Rollback { snapshot, .. } => snapshot.to_string(),
        }
    }

    /// The resource, and the second dataset of operations that have one.
    fn touched(&self) -> Vec<Touched> {
        let on_pool = matches!(self, Self::PoolStatus { .. } | Self::Scrub { .. });
        let realm = if on_pool { Realm::Pool } else { Realm::Dataset };
        let mut names = vec![Touched::new(realm, self.resource())];
        if let Self::Clone { target: second, .. } | Self::Rename { to: second, .. } = self {
            names.push(Touched::new(Realm::Dataset, second.as_str()));
        }
        names
    }

    fn params(&self) -> Map<String, Value> {
        let pairs: Vec<(&str, Value)> = match self {
            Self::List { recursive, types, .. } => {
                let types: Vec<_> = types.iter().map(|listed| listed.as_str()).collect();
                vec![("recursive", json!(recursive)), ("types", json!(types))]
            }
            Self::Get { properties, .. } => vec![("properties", json!(properties))],
            Self::Diff { to, .. } => vec![("to", json!(to))],
            Self::PoolStatus { .. } | Self::Purge { .. } => vec![],
            Self::Snapshot { name, recursive, .. } => {
                vec![("name", json!(name)), ("recursive", json!(recursive))]
            }
            Self::Create { size, properties, .. } => {
                vec![("size", json!(size)), ("properties", settings(properties))]
            }
            Self::Clone { target, properties, .. } => {
                vec![("target", json!(target)), ("properties", settings(properties))]
            }
            Self::Set { setting, .. } => {
                vec![("property", json!(setting.name())), ("value", json!(setting.value()))]
            }
            Self::Rename { to, .. } => vec![("to", json!(to))],
            Self::RenameSnapshot { to, .. } => vec![("to", json!(to))],
            Self::Hold { tag, .. } | Self::Release { tag, .. } => vec![("tag", json!(tag))],
            Self::Bookmark { name, .. } => vec![("name", json!(name))],
            Self::Scrub { action, .. } => vec![("action", json!(action.as_str()))],
            Self::Rollback { destroy_newer, .. } => vec![("destroy_newer", json!(destroy_newer))],
            Self::Destroy { recursive, clones, quarantine, .. } => vec![
                ("recursive", json!(recursive)),
                ("clones", json!(clones)),
                ("quarantine", json!(quarantine)),
            ],
        };
        given(pairs)
    }

    /// Its pool.
    fn place(&self) -> String {
        let resource = self.resource();
        format!("zfs {}", resource.split(['/', '@', '#']).next().unwrap_or_default())
    }
}

fn settings(properties: &[Setting]) -> Value {
    properties
        .iter()
        .map(|setting| (setting.name().to_owned(), json!(setting.value())))
        .collect::<Map<_, _>>()
        .into()
}
