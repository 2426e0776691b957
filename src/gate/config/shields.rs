//! `[shields]` of `gate.toml`.

use std::path::PathBuf;

use serde::Deserialize;

use super::{GateConfigError, absolute, duration};
use crate::shield::{Meaning, ShieldSettings};

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ShieldsAsWritten {
    reasons: Meaning,
    arguments: Meaning,
    output: Meaning,
    unsure: Meaning,
    patience: String,
    socket: PathBuf,
    user: String,
}

impl Default for ShieldsAsWritten {
    fn default() -> Self {
        let ShieldSettings { reasons, arguments, output, unsure, socket, user, patience } =
            ShieldSettings::default();
        let patience = format!("{}s", patience.as_secs());
        Self { reasons, arguments, output, unsure, patience, socket, user }
    }
}

impl ShieldsAsWritten {
    pub(super) fn meant(self) -> Result<ShieldSettings, GateConfigError> {
        if self.unsure == Meaning::Off {
            let problem = "is `review` or `deny`: what nobody could look at is never harmless".to_owned();
            return Err(GateConfigError::Value { key: "shields.unsure", problem });
        }
        Ok(ShieldSettings {
            reasons: self.reasons,
            arguments: self.arguments,
            output: self.output,
            unsure: self.unsure,
            patience: duration("shields.patience", &self.patience, 1, 60)?,
            socket: absolute("shields.socket", self.socket)?,
            user: self.user,
        })
    }
}
