//! Why a gate does not come up.

use crate::audit::{self, AuditError};
use crate::config::ConfigError;
use crate::gate::config::GateConfigError;
use crate::grant::KeyError;
use crate::job::StoreError;
use crate::metrics;
use crate::policy::PolicyError;

/// Why a gate does not come up.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// `gate.toml` is not as it must be.
    #[error("the configuration is not as it must be")]
    Config(#[from] GateConfigError),
    /// A contract or the policy cannot be read.
    #[error("the rules are not as they must be")]
    Rules(#[from] ConfigError),
    /// The policy does not load.
    #[error("the policy does not load")]
    Policy(#[from] PolicyError),
    /// The audit log cannot be written.
    #[error("the audit log cannot be used; without it nothing may happen")]
    Audit(#[from] AuditError),
    /// The job store cannot be opened.
    #[error("the job store cannot be used")]
    Store(#[from] StoreError),
    /// The grant key cannot be had.
    #[error("the grant key cannot be used; `reeve-gate init` makes one")]
    Key(#[from] KeyError),
    /// The key that signs checkpoints cannot be had.
    #[error("the checkpoints cannot be signed")]
    Signer(#[from] audit::KeyError),
    /// The metrics contradict each other.
    #[error("the metrics cannot be set up")]
    Metrics(#[from] metrics::MetricsError),
    /// Something that the host has is missing.
    #[error("{what} is missing on this host")]
    Host {
        /// What.
        what: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Somebody writes them.
    #[error("the files changed while they were read")]
    Changing,
    /// A thread that reads ended before its time.
    #[error("a reading thread ended")]
    Thread,
    /// The account's UUID is none.
    #[error("signal.uuid is not a UUID")]
    Uuid(#[from] uuid::Error),
    /// The keys of posted votes cannot be used.
    #[error(transparent)]
    Keys(#[from] super::posted::KeysError),
}

/// An error with all that caused it, on one line.
pub fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}
