//! `[preflight]` of `gate.toml`.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use super::{GateConfigError, absolute, duration};

/// How the gate goes by what `reeve doctor` found.
#[derive(Debug, Clone)]
pub struct PreflightSettings {
    /// Where root writes it down.
    pub report: PathBuf,
    /// Whether nothing may be changed without a recent one.
    pub needed: bool,
    /// Until when it is recent.
    pub max_age: Duration,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct PreflightAsWritten {
    report: PathBuf,
    needed: bool,
    max_age: String,
}

impl Default for PreflightAsWritten {
    fn default() -> Self {
        let report = PathBuf::from("/var/lib/reeve-preflight/report.json");
        Self { report, needed: false, max_age: "26h".to_owned() }
    }
}

impl PreflightAsWritten {
    pub(super) fn meant(self) -> Result<PreflightSettings, GateConfigError> {
        Ok(PreflightSettings {
            report: absolute("preflight.report", self.report)?,
            needed: self.needed,
            max_age: duration("preflight.max_age", &self.max_age, 60, 30 * 86_400)?,
        })
    }
}
