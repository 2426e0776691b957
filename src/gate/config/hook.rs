//! `[identity_hook]` of `gate.toml`.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use super::{GateConfigError, absolute, duration};

/// Who is asked about each confirmation, and can only refuse it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HookSettings {
    /// Its socket.
    pub socket: PathBuf,
    /// The Unix user that listens there. Nobody else is believed.
    pub user: String,
    /// How long it may take, and how long a vote waits for its turn. After that the vote does not count.
    pub timeout: Duration,
}

impl HookSettings {
    /// Who answers, and where: whoever else does is another hook.
    pub fn told(&self) -> String {
        format!("{} at {}", self.user, self.socket.display())
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct HookAsWritten {
    socket: PathBuf,
    user: String,
    timeout: String,
}

impl Default for HookAsWritten {
    fn default() -> Self {
        Self {
            socket: PathBuf::from("/run/reeve-hook/socket"),
            user: "reeve-hook".to_owned(),
            timeout: "10s".to_owned(),
        }
    }
}

impl HookAsWritten {
    pub(super) fn meant(self) -> Result<HookSettings, GateConfigError> {
        Ok(HookSettings {
            socket: absolute("identity_hook.socket", self.socket)?,
            user: self.user,
            timeout: duration("identity_hook.timeout", &self.timeout, 1, 60)?,
        })
    }
}
