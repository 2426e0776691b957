//! What the network side tells the gate for the audit log.

use serde::{Deserialize, Serialize};

use crate::config::difference::Difference;
use crate::principal::PrincipalName;

/// What the network side saw that never reached the gate otherwise. Counts are over at most one second.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case", deny_unknown_fields)]
pub enum NetworkEvent {
    /// A handshake that failed, or a certificate that has no principal.
    AuthFailure {
        /// A word of a fixed set, as the metric's label.
        reason: String,
        /// SHA-256 of the certificate, where there was one.
        certificate: Option<String>,
        /// The peer's address.
        peer: String,
        /// How many of the same.
        count: u64,
    },
    /// Requests refused for their rate.
    RateLimited {
        /// Whose.
        principal: PrincipalName,
        /// How many.
        count: u64,
    },
    /// Its configuration was read again.
    Reloaded {
        /// Why it is not in force; nothing when it is.
        why: Option<String>,
        /// What has become another.
        changed: Vec<Difference>,
    },
}
