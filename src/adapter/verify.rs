//! What a second look at the host found.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The answer to a read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadAnswer {
    /// What was read.
    pub result: Value,
    /// The tool's exit status.
    pub exit_code: i32,
}

/// How much of a plan the host shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Happened {
    /// Everything.
    Wholly,
    /// Nothing.
    NotAtAll,
    /// Some of it, and not the rest.
    Partly,
    /// The host does not show it, or could not be read.
    CannotTell,
    /// It is over for certain, and nobody saw how far it came.
    Ended,
}

/// What a second look at the host found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verification {
    /// Whether all that was planned is so.
    pub verified: bool,
    /// How much of it.
    pub happened: Happened,
    /// What is there now: guids of what was made, names of what is gone or still there.
    pub result: Value,
    /// Why it is not verified; empty when it is.
    pub reason: Option<String>,
    /// What programs on the host wrote about it: for the caller, and never for the audit log.
    pub output: Option<Value>,
}

/// What a tool's own end says, where that is the whole answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ran {
    /// How it ended and what confined it: for the caller and the audit log.
    pub result: Value,
    /// What it wrote: for the caller, and never for the audit log.
    pub output: Value,
    /// The tool's own status.
    pub exit_code: Option<i32>,
    /// Why it counts as failed; nothing when it does not.
    pub error: Option<String>,
}

impl Verification {
    pub(super) fn new(happened: Happened, result: Value, reason: Option<String>) -> Self {
        Self { verified: happened == Happened::Wholly, happened, result, reason, output: None }
    }

    /// What was seen of something's own end.
    pub(crate) fn ended(result: Value) -> Self {
        Self::new(Happened::Wholly, result, None)
    }

    /// The same, with what programs on the host wrote about it.
    pub(super) fn with_output(self, output: Value) -> Self {
        Self { output: Some(output), ..self }
    }
}
