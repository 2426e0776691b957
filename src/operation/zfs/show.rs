//! A ZFS operation as JSON and as a line to read: the other direction of `parse`.

use serde_json::{Map, Value, json};

use super::{Setting, ZfsOperation};

impl ZfsOperation {
    /// What it acts on.
    pub fn resource(&self) -> String {
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
    pub fn touched(&self) -> Vec<String> {
        let mut names = vec![self.resource()];
        if let Self::Clone { target: second, .. } | Self::Rename { to: second, .. } = self {
            names.push(second.to_string());
        }
        names
    }

    /// The parameters that differ from their defaults, as `parse` reads them.
    pub fn params(&self) -> Map<String, Value> {
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
        pairs
            .into_iter()
            .filter(|(_, value)| !is_default(value))
            .map(|(name, value)| (name.to_owned(), value))
            .collect()
    }

    /// One line to read, with the parameters in words: `zfs destroy tank/vm (recursive)`.
    pub fn command_line(&self) -> String {
        let mut line = format!("zfs {} {}", self.name(), self.resource());
        let mut switches = Vec::new();
        for (name, value) in self.params() {
            match value {
                Value::Bool(_) => switches.push(name),
                Value::String(text) => line.push_str(&format!(" {name}={text}")),
                other @ (Value::Null | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
                    line.push_str(&format!(" {name}={other}"));
                }
            }
        }
        if !switches.is_empty() {
            line.push_str(&format!(" ({})", switches.join(", ")));
        }
        line
    }
}

fn settings(properties: &[Setting]) -> Value {
    properties
        .iter()
        .map(|setting| (setting.name().to_owned(), json!(setting.value())))
        .collect::<Map<_, _>>()
        .into()
}

fn is_default(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(map) => map.is_empty(),
        Value::Bool(true) | Value::Number(_) | Value::String(_) => false,
    }
}
