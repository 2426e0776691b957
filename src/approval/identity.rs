//! The proof that a voter's account is still the person who was enrolled.

use super::people::Fingerprint;

/// The channel has just checked the voter's pinned identity key. Only a channel makes it; counting a vote spends it.
#[must_use]
#[derive(Debug)]
pub struct IdentityHeld {
    approver: String,
}

impl IdentityHeld {
    pub(super) fn of(approver: &str) -> Self {
        Self { approver: approver.to_owned() }
    }

    /// Whose identity was checked.
    pub fn approver(&self) -> &str {
        &self.approver
    }
}

/// The identity key that an account has now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// The key.
    pub fingerprint: Fingerprint,
    /// What the two sides compare.
    pub safety_number: String,
    /// Whether somebody has compared it already.
    pub is_verified: bool,
}

/// Why a voter's identity does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IdentityTrouble {
    /// The account has another key than the enrolled one, or a newer key that nobody has trusted.
    #[error("the identity key is not the one that was enrolled")]
    Changed,
    /// The channel knows no key of this account.
    #[error("no identity key is known")]
    Unknown,
    /// The channel could not be asked.
    #[error("the identity key could not be checked")]
    Unchecked,
}

impl IdentityTrouble {
    /// What the voter is told.
    pub fn answer(self) -> super::prompt::Answer {
        match self {
            Self::Changed => super::prompt::Answer::IdentityChanged,
            Self::Unknown | Self::Unchecked => super::prompt::Answer::IdentityUnknown,
        }
    }
}
