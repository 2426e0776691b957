//! How a command ends: the exit codes that scripts rely on, and failures as people and programs read them.

use std::fmt;
use std::io;

use serde_json::{Value, json};

use crate::job::State;
use crate::pki::PkiError;

/// What the exit code says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exit {
    /// Done.
    Done,
    /// Not done, or what was done did not succeed.
    Failed,
    /// The command or what it asks for is wrong.
    Usage,
    /// Rules say no.
    Denied,
    /// Waits for people, or still runs.
    Waits,
    /// A person said no, nobody answered in time, or it was taken back.
    Ended,
    /// The host cannot be reached, or cannot do its part just now. Nothing ran, unless the message says otherwise.
    Unreachable,
    /// The status of a program that a wrapper starts, which its adapter reads.
    At(u8),
}

impl Exit {
    /// The number.
    pub(super) fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Denied => 3,
            Self::Waits => 4,
            Self::Ended => 5,
            Self::Unreachable => 6,
            Self::At(status) => status,
        }
    }

    /// What an operation's state says to whoever waits for it.
    pub(super) fn of(state: State) -> Self {
        match state {
            State::Succeeded => Self::Done,
            State::Failed | State::Unknown => Self::Failed,
            State::Denied => Self::Denied,
            State::Proposed | State::Pending | State::Approved | State::Superseded | State::Executing => {
                Self::Waits
            }
            State::Refused | State::Expired | State::Cancelled => Self::Ended,
        }
    }
}

/// Why a command ends early: in words, with what to do about it.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) exit: Exit,
    pub(super) message: String,
    pub(super) hints: Vec<String>,
    /// The host's own answer, which `--json` prints as it came.
    pub(super) document: Option<Value>,
    /// Whether there is nobody left to tell: the reader of our output has gone.
    pub(super) silent: bool,
}

impl Failure {
    /// A failure in words.
    pub(super) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into(), hints: Vec::new(), document: None, silent: false }
    }

    /// With something to do about it.
    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// As `--json` prints it.
    pub(super) fn to_json(&self) -> Value {
        self.document.clone().unwrap_or_else(
            || json!({"error": self.message, "hints": self.hints, "exit_code": self.exit.code()}),
        )
    }
}

/// An error with everything that caused it, on one line.
pub(super) fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text
}

impl From<PkiError> for Failure {
    fn from(error: PkiError) -> Self {
        let exit = match &error {
            PkiError::Name { .. } | PkiError::Days { .. } | PkiError::Request(_) => Exit::Usage,
            PkiError::Exists(_)
            | PkiError::NoCa(_)
            | PkiError::File(_)
            | PkiError::Write { .. }
            | PkiError::Content { .. }
            | PkiError::OutlivesCa(_)
            | PkiError::Taken { .. }
            | PkiError::Unknown(_)
            | PkiError::Ambiguous(_)
            | PkiError::Revoked { .. }
            | PkiError::KeyElsewhere(_)
            | PkiError::Making(_)
            | PkiError::Random(_) => Exit::Failed,
        };
        Self::new(exit, with_causes(&error))
    }
}

/// Output that cannot be written.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        let gone = error.kind() == io::ErrorKind::BrokenPipe;
        let failure = Self::new(Exit::Failed, format!("the output cannot be written: {error}"));
        Self { silent: gone, ..failure }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}
