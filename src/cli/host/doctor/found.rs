//! What one look at the host came to.

use std::fmt::Display;

use crate::gate::preflight::{Check, Status};

/// How it is, and what was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) status: Status,
    pub(super) evidence: Vec<String>,
}

impl Found {
    pub(super) fn new(status: Status, evidence: impl Into<String>) -> Self {
        Self { status, evidence: vec![evidence.into()] }
    }

    /// That somebody could not look, and why.
    pub(super) fn unseen(why: impl Display) -> Self {
        Self::new(Status::CouldNotCheck, why.to_string())
    }

    /// As bad as the worst of these; good, with these words, when there are none.
    pub(super) fn worst(problems: Vec<(Status, String)>, good: impl Into<String>) -> Self {
        let Some(status) = problems.iter().map(|(status, _)| *status).max() else {
            return Self::new(Status::Pass, good);
        };
        Self { status, evidence: problems.into_iter().map(|(_, problem)| problem).collect() }
    }

    /// Adds what is worth knowing, whatever the status.
    pub(super) fn with(mut self, evidence: impl Into<String>) -> Self {
        self.evidence.push(evidence.into());
        self
    }

    /// The check that it is the result of.
    pub(super) fn of(self, about: &About) -> Check {
        Check {
            id: about.id.to_owned(),
            status: self.status,
            required: about.required,
            evidence: self.evidence,
            command: about.command.to_owned(),
            fix: about.fix.to_owned(),
        }
    }
}

/// What a check is called, whether the host may change nothing while it fails, what shows it, and what mends it.
pub(super) struct About {
    pub(super) id: &'static str,
    pub(super) required: bool,
    pub(super) command: &'static str,
    pub(super) fix: &'static str,
}

impl About {
    /// A check without which nothing else can be relied on.
    pub(super) const fn required(id: &'static str, command: &'static str, fix: &'static str) -> Self {
        Self { id, required: true, command, fix }
    }

    /// A check of what the gate itself refuses to go on without, or can.
    pub(super) const fn advisory(id: &'static str, command: &'static str, fix: &'static str) -> Self {
        Self { id, required: false, command, fix }
    }
}
