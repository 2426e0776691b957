//! What an operation's envelope is made of besides the operation.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What was decided.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Decision {
    /// `allow`, `review` or `deny`.
    pub verdict: String,
    /// The rule that decided.
    pub rule: String,
    /// The rule's words.
    pub reason: String,
    /// Digest of the policy and contracts in force.
    pub policy: String,
    /// Digest of the caller's own contract.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contract: Option<String>,
}

/// An operation that takes this one back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Undo {
    /// As it would be submitted.
    pub op: Value,
    /// RFC 3339; absent when it does not end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
}

/// A place in the audit log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AuditRef {
    /// The record's number.
    pub seq: u64,
    /// `sha256:` and 64 hex digits.
    pub hash: String,
}
