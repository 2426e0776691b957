//! How hosts watch each other's logs: what a peer asks, and what the one who takes our checkpoints to peers does.

use serde::{Deserialize, Serialize};

/// A step of the one who takes checkpoints to peers. It has the network, and no key of the gate's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WitnessStep {
    /// What there is for a peer: a request, or nothing.
    Next {
        /// Which.
        peer: String,
    },
    /// What a peer has answered.
    Answered {
        /// Which.
        peer: String,
        /// The status.
        status: u16,
        /// The body, as it came.
        body: String,
    },
}

/// What a peer is answered that asked for a cosignature, as C2SP tlog-witness has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cosigned {
    /// The line.
    Line(String),
    /// It is no request of that form.
    Malformed(String),
    /// That log is not the peer's, or is not watched.
    Unknown,
    /// The log's key has not signed it.
    Unsigned,
    /// It does not go on from what was cosigned last, which is of so many records.
    Conflict(u64),
    /// The proof does not show that it does.
    Inconsistent,
}
