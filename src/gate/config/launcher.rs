//! `[launcher]` of `gate.toml`.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use super::{GateConfigError, absolute, duration};

/// How the launcher is reached.
#[derive(Debug, Clone)]
pub struct LauncherConfig {
    /// Its socket.
    pub socket: PathBuf,
    /// The Unix user that it runs as.
    pub user: String,
    /// How long one step may run.
    pub deadline: Duration,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct LauncherAsWritten {
    socket: PathBuf,
    user: String,
    deadline: String,
}

impl Default for LauncherAsWritten {
    fn default() -> Self {
        Self {
            socket: PathBuf::from("/run/reeve/launcher.sock"),
            user: "reeve-run".to_owned(),
            deadline: "60s".to_owned(),
        }
    }
}

impl LauncherAsWritten {
    pub(super) fn meant(self) -> Result<LauncherConfig, GateConfigError> {
        Ok(LauncherConfig {
            deadline: duration("launcher.deadline", &self.deadline, 1, 3_600)?,
            socket: absolute("launcher.socket", self.socket)?,
            user: self.user,
        })
    }
}
