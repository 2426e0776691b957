//! An operation on containers as JSON and as a line to read: the other direction of `parse`.

use serde_json::{Map, Value, json};

use super::{Creation, Key, PctOperation, Setting};
use crate::operation::{Effect, Realm, Touched, Typed, given};

impl Typed for PctOperation {
    fn kind(&self) -> &'static str {
        "pct"
    }

    fn name(&self) -> &'static str {
        match self {
            Self::List { .. } => "list",
            Self::Status { .. } => "status",
            Self::Config { .. } => "config",
            Self::Snapshots { .. } => "snapshots",
            Self::Start { .. } => "start",
            Self::Shutdown { .. } => "shutdown",
            Self::Reboot { .. } => "reboot",
            Self::Snapshot { .. } => "snapshot",
            Self::Create(_) => "create",
            Self::Clone { .. } => "clone",
            Self::Set { .. } => "set",
            Self::Resize { .. } => "resize",
            Self::Unretire { .. } => "unretire",
            Self::Stop { .. } => "stop",
            Self::Rollback { .. } => "rollback",
            Self::DeleteSnapshot { .. } => "delete-snapshot",
            Self::Destroy { .. } => "destroy",
            Self::Purge { .. } => "purge",
            Self::Unlock { .. } => "unlock",
        }
    }

    fn effect(&self) -> Effect {
        match self {
            Self::List { .. } | Self::Status { .. } | Self::Config { .. } | Self::Snapshots { .. } => {
                Effect::Read
            }
            Self::Start { .. }
            | Self::Shutdown { .. }
            | Self::Reboot { .. }
            | Self::Snapshot { .. }
            | Self::Create(_)
            | Self::Clone { .. }
            | Self::Resize { .. }
            | Self::Unretire { .. } => Effect::Change,
            // What takes a guard or a volume away leaves something to be lost.
            Self::Set { changes, delete, .. } => {
                let loosens = changes.iter().any(Setting::loosens) || delete.iter().any(Key::is_guard);
                if loosens { Effect::Destroy } else { Effect::Change }
            }
            Self::Stop { .. }
            | Self::Rollback { .. }
            | Self::DeleteSnapshot { .. }
            | Self::Destroy { .. }
            | Self::Purge { .. }
            | Self::Unlock { .. } => Effect::Destroy,
        }
    }

    fn resource(&self) -> String {
        match (self, self.vm()) {
            (Self::List { range }, _) => range.to_string(),
            (_, Some(vm)) => vm.to_string(),
            (_, None) => String::new(),
        }
    }

    fn touched(&self) -> Vec<Touched> {
        let mut names = vec![self.resource()];
        if let Self::Clone { to, .. } = self {
            names.push(to.to_string());
        }
        names.into_iter().map(|name| Touched::new(Realm::Container, name)).collect()
    }

    fn params(&self) -> Map<String, Value> {
        let pairs: Vec<(&str, Value)> = match self {
            Self::List { .. }
            | Self::Status { .. }
            | Self::Snapshots { .. }
            | Self::Start { .. }
            | Self::Stop { .. }
            | Self::Unretire { .. }
            | Self::Unlock { .. } => vec![],
            Self::Config { snapshot, .. } => vec![("snapshot", json!(snapshot))],
            Self::Shutdown { timeout, .. } | Self::Reboot { timeout, .. } => {
                vec![("timeout", json!(timeout))]
            }
            Self::Snapshot { name, description, .. } => {
                vec![("name", json!(name)), ("description", json!(description))]
            }
            Self::Create(creation) => creation.params(),
            Self::Clone { to, hostname, snapshot, full, storage, .. } => vec![
                ("to", json!(to)),
                ("hostname", json!(hostname)),
                ("snapshot", json!(snapshot)),
                ("full", json!(full)),
                ("storage", json!(storage)),
            ],
            Self::Set { changes, delete, before, .. } => vec![
                ("changes", settings(changes)),
                ("delete", json!(delete.iter().map(Key::as_str).collect::<Vec<_>>())),
                ("before", json!(before)),
            ],
            Self::Resize { disk, gib, before, .. } => {
                vec![("disk", json!(disk)), ("size", json!(gib)), ("before", json!(before))]
            }
            Self::Rollback { name, start, .. } => vec![("name", json!(name)), ("start", json!(start))],
            Self::DeleteSnapshot { name, .. } => vec![("name", json!(name))],
            Self::Destroy { retire, related, .. } => {
                vec![("retire", json!(retire)), ("related", json!(related))]
            }
            Self::Purge { related, .. } => vec![("related", json!(related))],
        };
        given(pairs)
    }

    fn place(&self) -> String {
        format!("pct {}", self.resource())
    }

    fn command_line(&self) -> String {
        let mut line = format!("pct {} {}", self.name(), self.resource());
        let mut switches = Vec::new();
        for (name, value) in self.params() {
            match value {
                Value::Bool(_) => switches.push(name),
                Value::String(text) => line.push_str(&format!(" {name}={text}")),
                Value::Object(map) => {
                    map.iter().for_each(|(key, value)| line.push_str(&format!(" {key}={}", said(value))));
                }
                other @ (Value::Null | Value::Number(_) | Value::Array(_)) => {
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

impl Creation {
    fn params(&self) -> Vec<(&'static str, Value)> {
        let networks: Vec<String> = self.networks.iter().map(ToString::to_string).collect();
        let features: Vec<&str> = self.features.iter().map(|feature| feature.as_str()).collect();
        vec![
            ("template", json!(self.template)),
            ("storage", json!(self.storage)),
            ("size", json!(self.gib)),
            ("hostname", json!(self.hostname)),
            ("memory", json!(self.memory)),
            ("swap", json!(self.swap)),
            ("cores", json!(self.cores)),
            ("networks", json!(networks)),
            ("tags", json!(self.tags)),
            ("features", json!(features)),
            ("description", json!(self.description)),
            ("onboot", json!(self.onboot)),
            ("privileged", json!(self.privileged)),
            ("ssh_keys", json!(self.ssh_keys)),
        ]
    }
}

fn settings(changes: &[Setting]) -> Value {
    changes
        .iter()
        .map(|setting| (setting.key().as_str().to_owned(), json!(setting.value())))
        .collect::<Map<_, _>>()
        .into()
}

/// A value as it is, and in quotes where a blank would end it.
fn said(value: &Value) -> String {
    match value.as_str() {
        Some(text) if !text.contains([' ', '"']) => text.to_owned(),
        Some(_) | None => value.to_string(),
    }
}
