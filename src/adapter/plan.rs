//! A plan: what would happen, by which steps, and how to take it back.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Action, Argv, Effects, Object};
use crate::grant::WrapperName;
use crate::operation::Operation;

/// What the gate asks people about, and then runs step by step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// What would happen.
    pub effects: Effects,
    /// The commands, in order. Each needs its own grant; when one fails, those after it do not run.
    pub steps: Vec<Step>,
    /// The operation that takes it back.
    pub undo: Option<UndoOffer>,
    /// The host already is as asked: nothing is left to do.
    pub settled: bool,
}

/// One command that needs privilege.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// The wrapper that runs it.
    #[serde(with = "wrapper")]
    pub wrapper: WrapperName,
    /// What is run.
    pub argv: Argv,
}

/// An operation that takes another back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UndoOffer {
    /// What to ask for.
    pub operation: Operation,
    /// How long it is certain to work; absent when that ends only with the next change.
    pub until: Option<Duration>,
}

impl Step {
    /// A step for the wrapper of the ZFS tools.
    pub(super) fn zfs(argv: Argv) -> Self {
        Self { wrapper: WrapperName::Zfs, argv }
    }
}

impl Plan {
    /// Whether it destroys what holds data of its own, and nothing brings that back: the worst that can be asked for.
    pub fn loses_for_good(&self) -> bool {
        let holds_data = |object: &Object| {
            object.action == Action::Destroy
                && matches!(object.kind.as_str(), "filesystem" | "volume" | "pool" | "container" | "resource")
        };
        self.undo.is_none() && !self.effects.reversible && self.effects.objects.iter().any(holds_data)
    }

    /// A plan that leaves the host as it is.
    pub(super) fn settled(effects: Effects) -> Self {
        Self { effects, steps: Vec::new(), undo: None, settled: true }
    }
}

impl UndoOffer {
    /// An operation that works until something else changes.
    pub(super) fn by(operation: Operation) -> Self {
        Self { operation, until: None }
    }
}

/// A wrapper in stored plans, by the name of its file: the privileged side knows no serde.
mod wrapper {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    use crate::grant::WrapperName;

    pub(super) fn serialize<S: Serializer>(name: &WrapperName, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(name.as_str())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<WrapperName, D::Error> {
        let text = String::deserialize(deserializer)?;
        let known = WrapperName::ALL.into_iter().find(|name| name.as_str() == text);
        known.ok_or_else(|| D::Error::custom(format!("there is no wrapper {text:?}")))
    }
}
