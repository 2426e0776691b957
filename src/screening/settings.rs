//! `[screening]` of `gate.toml`: how far each stage goes.

use serde::{Deserialize, Serialize};

/// What is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// What a caller writes about an operation: its reason.
    Reasons,
    /// What an operation or a tool is given.
    Arguments,
    /// What a tool printed, before the caller reads it.
    Output,
}

impl Stage {
    /// The word in metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reasons => "reasons",
            Self::Arguments => "arguments",
            Self::Output => "output",
        }
    }
}

/// How far a stage goes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// It is not looked at.
    #[default]
    Off,
    /// What is found is recorded and counted, and changes nothing.
    Report,
    /// It tightens: `review` has people asked, `unsafe` refuses or withholds.
    Enforce,
}

/// How far each stage goes: not at all, unless it is said.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ScreeningSettings {
    reasons: Mode,
    arguments: Mode,
    output: Mode,
}

impl ScreeningSettings {
    /// How far a stage goes.
    #[must_use]
    pub fn mode(&self, stage: Stage) -> Mode {
        match stage {
            Stage::Reasons => self.reasons,
            Stage::Arguments => self.arguments,
            Stage::Output => self.output,
        }
    }

    /// All stages alike.
    #[must_use]
    pub fn all(mode: Mode) -> Self {
        Self { reasons: mode, arguments: mode, output: mode }
    }
}
