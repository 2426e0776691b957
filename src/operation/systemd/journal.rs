//! What `logs` takes besides a unit: since when, and how urgent.

use std::fmt;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::operation::Invalid;

/// The oldest that a span of time reaches back: a year.
const MOST_AGO: u64 = 366 * 86_400;

/// From when on: a moment (`2026-11-20T14:00:00Z`), or a span of time before now (`90s`, `15m`, `2h`, `7d`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Since {
    text: String,
    from: Beginning,
}

/// Where a [`Since`] begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Beginning {
    Moment(i64),
    Ago(u64),
}

/// How urgent a message is, as syslog has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Priority {
    /// The host cannot be used.
    Emerg,
    /// Something must be done at once.
    Alert,
    /// A critical condition.
    Crit,
    /// An error.
    Err,
    /// A warning.
    Warning,
    /// Normal, and worth a look.
    Notice,
    /// Normal.
    Info,
    /// For who looks for a defect.
    Debug,
}

impl Since {
    /// As `journalctl --since` takes it without a doubt about time zones: `@1795183320`, `-900s`.
    pub fn argument(&self) -> String {
        match self.from {
            Beginning::Moment(seconds) => format!("@{seconds}"),
            Beginning::Ago(seconds) => format!("-{seconds}s"),
        }
    }
}

impl TryFrom<String> for Since {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        let from = ago(&text).or_else(|| moment(&text)).ok_or_else(|| {
            Invalid::here(
                "is a moment in UTC (2026-11-20T14:00:00Z) or a span of time up to a year (90s, 15m, 2h, 7d)",
            )
        })?;
        Ok(Self { text, from })
    }
}

impl From<Since> for String {
    fn from(since: Since) -> Self {
        since.text
    }
}

impl fmt::Display for Since {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn ago(text: &str) -> Option<Beginning> {
    let unit = text.bytes().last()?;
    let number = text.get(..text.len().checked_sub(1)?)?;
    let length = match unit {
        b's' => 1,
        b'm' => 60,
        b'h' => 3_600,
        b'd' => 86_400,
        _other => return None,
    };
    let is_plain = number.bytes().all(|b| b.is_ascii_digit()) && !number.starts_with('0');
    let seconds = number.parse::<u64>().ok().filter(|_| is_plain)?.checked_mul(length)?;
    (seconds <= MOST_AGO).then_some(Beginning::Ago(seconds))
}

fn moment(text: &str) -> Option<Beginning> {
    let is_plain = text.len() == "2026-11-20T14:00:00Z".len() && text.ends_with('Z');
    let moment = OffsetDateTime::parse(text, &Rfc3339).ok().filter(|_| is_plain)?;
    (moment.unix_timestamp() >= 0).then_some(Beginning::Moment(moment.unix_timestamp()))
}

impl Priority {
    /// All, the most urgent first.
    pub const ALL: [Self; 8] = [
        Self::Emerg,
        Self::Alert,
        Self::Crit,
        Self::Err,
        Self::Warning,
        Self::Notice,
        Self::Info,
        Self::Debug,
    ];

    /// The words of the catalogue.
    pub const WORDS: [&'static str; 8] =
        ["emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"];

    /// The word in requests and for `journalctl --priority`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Emerg => "emerg",
            Self::Alert => "alert",
            Self::Crit => "crit",
            Self::Err => "err",
            Self::Warning => "warning",
            Self::Notice => "notice",
            Self::Info => "info",
            Self::Debug => "debug",
        }
    }

    /// The priority of that word.
    pub fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|priority| priority.as_str() == word)
    }

    /// The priority of that number in the journal.
    pub fn numbered(number: &str) -> Option<Self> {
        Self::ALL.get(number.parse::<usize>().ok()?).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_and_spans_become_arguments_that_mean_one_time() {
        for (text, argument) in [
            ("2026-11-20T14:02:00Z", "@1795183320"),
            ("1970-01-01T00:00:00Z", "@0"),
            ("90s", "-90s"),
            ("15m", "-900s"),
            ("2h", "-7200s"),
            ("7d", "-604800s"),
        ] {
            assert_eq!(Since::try_from(text.to_owned()).unwrap().argument(), argument);
        }
    }

    #[test]
    fn what_journalctl_would_guess_at_is_refused() {
        for text in [
            "",
            "s",
            "0s",
            "01m",
            "-5m",
            "5",
            "5 m",
            "5w",
            "yesterday",
            "now",
            "2026-11-20",
            "2026-11-20 14:00:00",
            "2026-11-20T14:00:00+01:00",
            "2026-11-20T14:00:00.5Z",
            "1969-12-31T23:59:59Z",
            "367d",
            "@5",
            "--help",
            "99999999999999999999d",
            "2026-13-01T00:00:00Z",
            "15m\n",
        ] {
            assert!(Since::try_from(text.to_owned()).is_err(), "{text:?}");
        }
    }

    #[test]
    fn every_priority_has_its_word_and_number() {
        for (number, priority) in Priority::ALL.into_iter().enumerate() {
            assert_eq!(Priority::named(priority.as_str()), Some(priority));
            assert_eq!(Priority::numbered(&number.to_string()), Some(priority));
            assert_eq!(Priority::WORDS[number], priority.as_str());
        }
        assert_eq!(Priority::numbered("8"), None);
    }
}
