//! `[shields]` of `gate.toml`: which texts are asked about, and what each answer means.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::screening::settings::Stage;

/// What an answer makes of a decision. The greater is the stricter.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Meaning {
    /// Nothing: of a stage, that nobody is asked about it.
    #[default]
    Off,
    /// A person should look.
    Review,
    /// No.
    Deny,
}

/// Which texts are asked about, whom, and what the answers mean.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShieldSettings {
    /// What an attack means in a reason.
    pub reasons: Meaning,
    /// What an attack means in an argument.
    pub arguments: Meaning,
    /// What an attack means in what came back.
    pub output: Meaning,
    /// What it means that nobody could say: `Off` is none of its values.
    pub unsure: Meaning,
    /// How long one stage of one request waits for an answer.
    pub patience: Duration,
    /// Where the process that asks Azure listens.
    pub socket: PathBuf,
    /// The Unix user that it runs as.
    pub user: String,
}

impl Default for ShieldSettings {
    fn default() -> Self {
        Self {
            reasons: Meaning::Off,
            arguments: Meaning::Off,
            output: Meaning::Off,
            unsure: Meaning::Review,
            patience: Duration::from_secs(3),
            socket: PathBuf::from("/run/reeve-shields/socket"),
            user: "reeve-shields".to_owned(),
        }
    }
}

impl ShieldSettings {
    /// What an attack means in a stage.
    #[must_use]
    pub fn attack(&self, stage: Stage) -> Meaning {
        match stage {
            Stage::Reasons => self.reasons,
            Stage::Arguments => self.arguments,
            Stage::Output => self.output,
        }
    }

    /// Whether anything is asked about.
    #[must_use]
    pub fn is_on(&self) -> bool {
        [Stage::Reasons, Stage::Arguments, Stage::Output]
            .iter()
            .any(|stage| self.attack(*stage) != Meaning::Off)
    }
}
