//! `[keys]` of `gate.toml`.

use std::path::Path;

use serde::Deserialize;

use crate::config::key_place::KeyPlace;

/// Where the gate's own keys lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeySettings {
    /// What signs grants.
    pub grant: KeyPlace,
    /// What signs checkpoints of the audit log.
    pub checkpoint: KeyPlace,
    /// What signs that it has seen a checkpoint of another host's log.
    pub witness: KeyPlace,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct KeysAsWritten {
    grant: Option<KeyPlace>,
    checkpoint: Option<KeyPlace>,
    witness: Option<KeyPlace>,
}

impl KeysAsWritten {
    pub(super) fn meant(self, state: &Path) -> KeySettings {
        let in_state = |name: &str| KeyPlace::File(state.join(name));
        KeySettings {
            grant: self.grant.unwrap_or_else(|| in_state("grant.key")),
            checkpoint: self.checkpoint.unwrap_or_else(|| in_state("checkpoint.key")),
            witness: self.witness.unwrap_or_else(|| in_state("witness.key")),
        }
    }
}
