//! A systemd operation as JSON and as a line to read: the other direction of `parse`.

use serde_json::{Map, Value, json};

use super::parse::LINES;
use super::{Priority, SYSTEM, SystemdOperation};
use crate::operation::{Effect, Realm, Touched, Typed, given};

impl Typed for SystemdOperation {
    fn kind(&self) -> &'static str {
        "systemd"
    }

    fn name(&self) -> &'static str {
        match self {
            Self::List { .. } => "list",
            Self::Files { .. } => "files",
            Self::Status { .. } => "status",
            Self::Show { .. } => "show",
            Self::Logs { .. } => "logs",
            Self::Act { verb, .. } => verb.as_str(),
        }
    }

    fn effect(&self) -> Effect {
        match self {
            Self::List { .. }
            | Self::Files { .. }
            | Self::Status { .. }
            | Self::Show { .. }
            | Self::Logs { .. } => Effect::Read,
            Self::Act { verb, .. } => verb.effect(),
        }
    }

    fn resource(&self) -> String {
        match self {
            Self::List { .. } | Self::Files { .. } => SYSTEM.to_owned(),
            Self::Status { of } | Self::Logs { of, .. } => of.to_string(),
            Self::Show { unit, .. } | Self::Act { unit, .. } => unit.to_string(),
        }
    }

    fn touched(&self) -> Vec<Touched> {
        let mut names = vec![self.resource()];
        if let Self::Act { also, .. } = self {
            names.extend(also.iter().map(ToString::to_string));
        }
        names.into_iter().map(|name| Touched::new(Realm::Unit, name)).collect()
    }

    fn params(&self) -> Map<String, Value> {
        given(match self {
            Self::List { kinds, states } => {
                let states: Vec<_> = states.iter().map(|state| state.as_str()).collect();
                vec![("kinds", kinds_of(kinds)), ("states", json!(states))]
            }
            Self::Files { kinds } => vec![("kinds", kinds_of(kinds))],
            Self::Status { .. } => vec![],
            Self::Show { properties, .. } => vec![("properties", json!(properties))],
            Self::Logs { lines, since, priority, .. } => vec![
                ("lines", json!((*lines != LINES).then_some(lines))),
                ("since", json!(since)),
                ("priority", json!(priority.map(Priority::as_str))),
            ],
            Self::Act { also, .. } => vec![("also", json!(also))],
        })
    }

    /// Units depend on each other, so systemd as a whole is one place.
    fn place(&self) -> String {
        "systemd".to_owned()
    }
}

fn kinds_of(kinds: &[super::UnitKind]) -> Value {
    kinds.iter().map(|kind| json!(kind.as_str())).collect()
}
