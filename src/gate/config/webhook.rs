//! `[webhook]` of `gate.toml`.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use super::{GateConfigError, absolute, duration};

/// Votes by `POST /webhook/signal`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookSettings {
    /// The folder of the approvers' keys, each a `NAME.key`.
    pub keys: PathBuf,
    /// How far the sender's clock may be off, and how long a message may be on its way.
    pub skew: Duration,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct WebhookAsWritten {
    keys: PathBuf,
    skew: String,
}

impl Default for WebhookAsWritten {
    fn default() -> Self {
        Self { keys: PathBuf::from("/etc/reeve/webhook"), skew: "1m".to_owned() }
    }
}

impl WebhookAsWritten {
    pub(super) fn meant(self) -> Result<WebhookSettings, GateConfigError> {
        Ok(WebhookSettings {
            keys: absolute("webhook.keys", self.keys)?,
            skew: duration("webhook.skew", &self.skew, 1, 600)?,
        })
    }
}
