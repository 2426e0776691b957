//! What a signed message is made of, as `reeved` hands it on without being able to judge it.

use serde::{Deserialize, Serialize};

/// The parts of one signed message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedMessage {
    /// `webhook-id`.
    pub id: String,
    /// `webhook-timestamp`: when it was signed, in seconds since 1970.
    pub timestamp: u64,
    /// `webhook-signature`.
    pub signature: String,
    /// The body, byte for byte.
    pub body: String,
}
