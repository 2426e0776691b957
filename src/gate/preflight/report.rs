//! What `reeve doctor` found on a host, as root writes it down and the gate reads it.

use serde::{Deserialize, Serialize};

/// How a check came out, the best first. What could not be looked at never counts as passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It is as it should be.
    Pass,
    /// It works, and is not as it should be.
    Warn,
    /// It could not be looked at.
    CouldNotCheck,
    /// It is wrong.
    Fail,
}

impl Status {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Pass, Self::Warn, Self::CouldNotCheck, Self::Fail];

    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Warn => "warn",
            Self::CouldNotCheck => "could_not_check",
            Self::Fail => "fail",
        }
    }
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// Its name: lower case and dashes.
    pub id: String,
    /// How it came out.
    pub status: Status,
    /// Whether the host may change nothing while it fails.
    pub required: bool,
    /// What was seen, a line each.
    pub evidence: Vec<String>,
    /// The command that shows it.
    pub command: String,
    /// What to do when it did not pass.
    pub fix: String,
}

/// A line of sudo's configuration that lets somebody do more than a reader expects.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SudoRisk {
    /// File and line.
    pub place: String,
    /// The line, continuations joined.
    pub rule: String,
    /// What is risky about it.
    pub why: String,
}

/// All that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// When, in milliseconds since 1970.
    pub at_ms: u64,
    /// The boot that it was found in.
    pub boot: String,
    /// Every check.
    pub checks: Vec<Check>,
    /// Sudo's risky lines; absent when they could not be read.
    pub sudoers: Option<Vec<SudoRisk>>,
}

impl Report {
    /// How the checks came out as a whole.
    #[must_use]
    pub fn status(&self) -> Status {
        self.checks.iter().map(|check| check.status).max().unwrap_or(Status::CouldNotCheck)
    }

    /// The required checks that came out so.
    pub fn required(&self, status: Status) -> impl Iterator<Item = &str> {
        let is_it = move |check: &&Check| check.required && check.status == status;
        self.checks.iter().filter(is_it).map(|check| check.id.as_str())
    }
}
