//! `[signal]` of `gate.toml`.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use super::{GateConfigError, absolute, duration};

/// The Signal daemon.
#[derive(Debug, Clone)]
pub struct SignalSettings {
    /// Its JSON-RPC socket.
    pub socket: PathBuf,
    /// The account that asks, as the daemon names it.
    pub account: String,
    /// The account's UUID, by which quotes of our prompts are known.
    pub uuid: String,
    /// The Unix user that the daemon runs as.
    pub user: String,
    /// How often the account writes to itself, so that it is known whether the server takes anything; zero for never.
    pub canary: Duration,
    /// How long a question may be on its way to a phone before that is told; zero for any time.
    pub delivered_within: Duration,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SignalAsWritten {
    socket: PathBuf,
    account: String,
    uuid: String,
    user: String,
    #[serde(default = "canary")]
    canary: String,
    #[serde(default = "delivered_within")]
    delivered_within: String,
}

fn canary() -> String {
    "1h".to_owned()
}

fn delivered_within() -> String {
    "2m".to_owned()
}

impl SignalAsWritten {
    pub(super) fn meant(self) -> Result<SignalSettings, GateConfigError> {
        Ok(SignalSettings {
            socket: absolute("signal.socket", self.socket)?,
            account: self.account,
            uuid: self.uuid,
            user: self.user,
            canary: duration("signal.canary", &self.canary, 0, 86_400)?,
            delivered_within: duration("signal.delivered_within", &self.delivered_within, 0, 3_600)?,
        })
    }
}
