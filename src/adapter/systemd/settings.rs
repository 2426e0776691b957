//! What root's configuration says about systemd: `[systemd]` in `gate.toml`.

use std::time::Duration;

use serde::Deserialize;

use crate::adapter::SettingsError;
use crate::operation::systemd::{GrantedUnit, UnitName};

/// How long a state must last to count as reached, when nobody says.
const HOLD: Duration = Duration::from_secs(2);
/// How long it may be asked to last: the caller waits for it.
const LONGEST_HOLD: Duration = Duration::from_secs(30);
/// How long one change may take when nobody says: longer than systemd itself waits for a unit (`DefaultTimeoutStartSec`).
const LIMIT: Duration = Duration::from_secs(100);
/// The shortest that it may be allowed, and the longest.
const SHORTEST_LIMIT: Duration = Duration::from_secs(1);
/// See [`SHORTEST_LIMIT`].
const LONGEST_LIMIT: Duration = Duration::from_secs(3_600);
/// How many lines of the journal come with a state that was not reached, when nobody says, and at most.
const LAST_LINES: u32 = 10;
/// See [`LAST_LINES`].
const MOST_LAST_LINES: u32 = 50;

/// The section as meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SystemdSettings {
    /// Units that may be changed although Reeve, or the way in, stands on them.
    pub(super) open_units: Vec<GrantedUnit>,
    /// Units that may not be changed, besides those that never may.
    pub(super) protected_units: Vec<GrantedUnit>,
    /// The unit of the daemon by which people are asked.
    pub(super) signal_unit: String,
    /// How long a state must last to count as reached.
    pub(super) hold: Duration,
    /// How long one change may take.
    pub(super) limit: Duration,
    /// How many lines of the journal come with a state that was not reached.
    pub(super) last_lines: u32,
}

/// The section as written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SystemdAsWritten {
    #[serde(default)]
    open_units: Vec<String>,
    #[serde(default)]
    protected_units: Vec<String>,
    signal_unit: Option<String>,
    hold: Option<String>,
    limit: Option<String>,
    last_lines: Option<u32>,
}

impl Default for SystemdSettings {
    fn default() -> Self {
        Self {
            open_units: Vec::new(),
            protected_units: Vec::new(),
            signal_unit: "signal-cli.service".to_owned(),
            hold: HOLD,
            limit: LIMIT,
            last_lines: LAST_LINES,
        }
    }
}

impl SystemdAsWritten {
    /// What it means.
    ///
    /// # Errors
    /// Names the key and what is wrong with it.
    pub fn meant(self) -> Result<SystemdSettings, SettingsError> {
        let default = SystemdSettings::default();
        Ok(SystemdSettings {
            open_units: units("systemd.open_units", self.open_units)?,
            protected_units: units("systemd.protected_units", self.protected_units)?,
            signal_unit: match self.signal_unit {
                Some(unit) => unit_name("systemd.signal_unit", unit)?,
                None => default.signal_unit,
            },
            hold: match self.hold {
                Some(hold) => duration("systemd.hold", &hold, LONGEST_HOLD)?,
                None => default.hold,
            },
            limit: match self.limit {
                Some(limit) => match duration("systemd.limit", &limit, LONGEST_LIMIT)? {
                    limit if limit < SHORTEST_LIMIT => {
                        return Err(wrong("systemd.limit", "is a second at least".to_owned()));
                    }
                    limit => limit,
                },
                None => default.limit,
            },
            last_lines: match self.last_lines {
                Some(lines) if lines > MOST_LAST_LINES => {
                    return Err(wrong("systemd.last_lines", format!("is {MOST_LAST_LINES} at most")));
                }
                Some(lines) => lines,
                None => default.last_lines,
            },
        })
    }
}

fn units(key: &str, written: Vec<String>) -> Result<Vec<GrantedUnit>, SettingsError> {
    let read = |name: String| {
        GrantedUnit::try_from(name.clone())
            .ok()
            .filter(|_| name.contains('.'))
            .ok_or_else(|| wrong(key, format!("{name:?} is no unit and no template; there are no patterns")))
    };
    written.into_iter().map(read).collect()
}

fn unit_name(key: &str, written: String) -> Result<String, SettingsError> {
    UnitName::try_from(written.clone())
        .map(String::from)
        .map_err(|invalid| wrong(key, format!("{written:?} {}", invalid.problem)))
}

fn duration(key: &str, written: &str, longest: Duration) -> Result<Duration, SettingsError> {
    let time = humantime::parse_duration(written).ok().filter(|time| *time <= longest);
    time.ok_or_else(|| wrong(key, format!("{written:?} is no time up to {} s", longest.as_secs())))
}

fn wrong(key: &str, problem: String) -> SettingsError {
    SettingsError { key: key.to_owned(), problem }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<SystemdSettings, String> {
        let written: SystemdAsWritten = toml::from_str(text).map_err(|error| error.to_string())?;
        written.meant().map_err(|error| error.to_string())
    }

    #[test]
    fn every_key_changes_what_is_meant() {
        let default = SystemdSettings::default();
        assert_eq!(read("").unwrap(), default);
        for text in [
            "open_units = ['ssh.service']",
            "protected_units = ['db@.service']",
            "signal_unit = 'phones.service'",
            "hold = '500ms'",
            "limit = '5m'",
            "last_lines = 0",
        ] {
            assert_ne!(read(text).unwrap(), default, "{text}");
        }
    }

    #[test]
    fn patterns_times_out_of_bounds_and_unknown_keys_are_refused() {
        for text in [
            "open_units = ['ssh*']",
            "open_units = ['system']",
            "protected_units = ['nginx']",
            "signal_unit = 'phones'",
            "signal_unit = 'phones@.service'",
            "hold = '31s'",
            "hold = 'soon'",
            "limit = '2h'",
            "limit = '0s'",
            "last_lines = 51",
            "open = []",
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
