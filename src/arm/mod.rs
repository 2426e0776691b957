//! Azure Resource Manager, as the program `reeve azure`: the wrapper `reeve-azure` starts it for one command, as the user who has the host's
//! identity there. What it prints is a line of JSON for each thing that is worth telling meanwhile, and one for the answer.

mod address;
#[cfg(feature = "azure")]
mod calls;
mod claims;
#[cfg(feature = "azure")]
mod client;
mod command;
mod config;
#[cfg(feature = "azure")]
mod firewall;
#[cfg(feature = "azure")]
mod rules;
mod said;
#[cfg(feature = "azure")]
mod scale;
#[cfg(feature = "azure")]
mod survey;

pub use address::{AddressSource, FirewallSettings};
pub use claims::{CLAIMS, Claim, Claims};
pub use command::Command;
pub use config::{ArmConfig, ClaimTag};
pub use said::{Answer, Answered, App, Claimable, Firewall, Group, Resource, Revision, Word};

use std::fmt;

/// Why there is no answer. Its number is the program's status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// What it is about is not there.
    NotFound,
    /// Azure does not let this host do that, or does not know it.
    Denied,
    /// Azure is too busy, or out of order.
    Unavailable,
    /// What it is about is in a state that does not allow it.
    Conflict,
    /// What was begun did not come to a good end.
    Failed,
    /// Anything else.
    Other,
    /// It was begun, or may have been, and nobody saw its end.
    Begun,
    /// It is not what it was when it was planned.
    Moved,
    /// Not both of those whose word it takes claim it.
    Unclaimed,
    /// This host's own address is not known, or not one that may be let in.
    Unfit,
}

/// A trouble, with Azure's own code for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArmError {
    /// What kind of one.
    pub trouble: Trouble,
    /// Azure's code, or ours: for the log.
    pub why: String,
}

impl Trouble {
    /// All, in the order of their numbers.
    pub const ALL: [Self; 10] = [
        Self::NotFound,
        Self::Denied,
        Self::Unavailable,
        Self::Conflict,
        Self::Failed,
        Self::Other,
        Self::Begun,
        Self::Moved,
        Self::Unclaimed,
        Self::Unfit,
    ];

    /// The status that the program ends with.
    #[must_use]
    pub fn status(self) -> u8 {
        match self {
            Self::NotFound => 20,
            Self::Denied => 21,
            Self::Unavailable => 22,
            Self::Conflict => 23,
            Self::Failed => 24,
            Self::Other => 25,
            Self::Begun => 26,
            Self::Moved => 27,
            Self::Unclaimed => 28,
            Self::Unfit => 29,
        }
    }

    /// The trouble with that status.
    #[must_use]
    pub fn of_status(status: i32) -> Option<Self> {
        Self::ALL.into_iter().find(|trouble| i32::from(trouble.status()) == status)
    }
}

impl ArmError {
    /// One of a kind, in words.
    pub fn new(trouble: Trouble, why: impl Into<String>) -> Self {
        Self { trouble, why: why.into() }
    }
}

impl fmt::Display for ArmError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

/// Does one thing, in a build that can.
///
/// # Errors
/// Says what went wrong.
#[cfg(feature = "azure")]
pub async fn run(
    config: &ArmConfig,
    command: &Command,
    progress: &mut (dyn FnMut(serde_json::Value) + Send),
) -> Result<Answered, ArmError> {
    let client = client::Client::new(config)?;
    let answer = client.run(config, command, progress).await?;
    Ok(Answered { answer, credential: client.credential() })
}

/// Takes away, of every vault, what this host let in and whose time is over; in a build that can.
///
/// # Errors
/// Says what went wrong first; the others were closed all the same.
#[cfg(feature = "azure")]
pub async fn expire(
    config: &ArmConfig,
    progress: &mut (dyn FnMut(serde_json::Value) + Send),
) -> Result<(), ArmError> {
    client::Client::new(config)?.expire(progress).await
}

/// Says that this build cannot.
///
/// # Errors
/// Always.
#[cfg(not(feature = "azure"))]
pub async fn expire(
    _config: &ArmConfig,
    _progress: &mut (dyn FnMut(serde_json::Value) + Send),
) -> Result<(), ArmError> {
    Err(ArmError::new(Trouble::Other, "this build cannot ask Azure: it takes one with the feature `azure`"))
}

/// Says that this build cannot.
///
/// # Errors
/// Always.
#[cfg(not(feature = "azure"))]
pub async fn run(
    _config: &ArmConfig,
    _command: &Command,
    _progress: &mut (dyn FnMut(serde_json::Value) + Send),
) -> Result<Answered, ArmError> {
    Err(ArmError::new(Trouble::Other, "this build cannot ask Azure: it takes one with the feature `azure`"))
}
