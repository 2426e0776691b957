//! `[audit]` of `gate.toml`.

use std::path::PathBuf;

use serde::Deserialize;

use super::{GateConfigError, absolute, within};

/// The audit log.
#[derive(Debug, Clone)]
pub struct AuditSettings {
    /// The file.
    pub path: PathBuf,
    /// At how many bytes a new file is begun.
    pub rotate_bytes: u64,
    /// At which minute of the day (UTC) people are told what was, if at all.
    pub daily_at: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct AuditAsWritten {
    path: PathBuf,
    rotate_megabytes: u64,
    daily_at: String,
}

impl Default for AuditAsWritten {
    fn default() -> Self {
        Self {
            path: PathBuf::from("/var/log/reeve/audit.jsonl"),
            rotate_megabytes: 100,
            daily_at: "08:00".to_owned(),
        }
    }
}

impl AuditAsWritten {
    pub(super) fn meant(self) -> Result<AuditSettings, GateConfigError> {
        let rotate = within("audit.rotate_megabytes", self.rotate_megabytes, 1, 100_000)?;
        Ok(AuditSettings {
            path: absolute("audit.path", self.path)?,
            rotate_bytes: rotate << 20,
            daily_at: daily(&self.daily_at)?,
        })
    }
}

/// `HH:MM` as a minute of the day, or `never`.
fn daily(text: &str) -> Result<Option<u32>, GateConfigError> {
    let number = |text: &str, below: u32| {
        let is_plain = text.len() == 2 && text.bytes().all(|digit| digit.is_ascii_digit());
        text.parse::<u32>().ok().filter(|number| is_plain && *number < below)
    };
    let minute = |text: &str| {
        let (hour, minute) = text.split_once(':')?;
        Some(number(hour, 24)? * 60 + number(minute, 60)?)
    };
    match (text, minute(text)) {
        ("never", _) => Ok(None),
        (_, Some(minute)) => Ok(Some(minute)),
        (_, None) => Err(GateConfigError::Value {
            key: "audit.daily_at",
            problem: format!("{text:?} is no time of day such as 08:00 (UTC), and not \"never\""),
        }),
    }
}
