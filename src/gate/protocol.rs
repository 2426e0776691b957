//! What may be said to the gate, and what it answers: one closed table. A frame is a little-endian u32 length and JSON.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

mod approvals;
mod drill;
mod enrol;
mod network;
mod parts;
mod posted;
mod signal;
mod witness;

pub use approvals::{ApprovalView, WaitingApproval};
pub use drill::Drill;
pub use enrol::Enrol;
pub use network::NetworkEvent;
pub use parts::{AuditRef, Decision, Undo};
pub use posted::SignedMessage;
pub use signal::SignalStep;
pub use witness::{Cosigned, WitnessStep};

pub use crate::job::State;
use crate::operation::{Invalid, Submission};
use crate::principal::{PrincipalName, Role};
use crate::trace::Context;

/// The longest reply, in bytes: the largest listing.
pub const MAX_FRAME: usize = 8 << 20;
/// The longest request, in bytes: a body of 64 KiB, which JSON escapes grow.
pub const MAX_ASK: usize = 1 << 20;

/// One request to the gate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ask {
    /// Chosen by the asker; the reply carries it.
    pub id: u64,
    /// Who asks, as the certificate says; absent in notes about callers that have no name.
    pub caller: Option<PrincipalName>,
    /// What is asked.
    pub call: Call,
    /// The span that it is asked under.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<Context>,
}

/// The gate's reply to one request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reply {
    /// The request's.
    pub id: u64,
    /// The answer, or why there is none.
    pub answer: Result<Answer, Problem>,
}

/// Everything that can be asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Call {
    /// Decide and, when granted, do.
    Submit {
        /// What.
        submission: Submission,
        /// The caller's `Idempotency-Key`.
        idempotency_key: Option<String>,
    },
    /// Say what would be decided and what would happen.
    Plan {
        /// What.
        submission: Submission,
    },
    /// Ask the rules about a tool that Reeve does not run.
    Evaluate {
        /// The tool's name.
        tool: String,
        /// Its arguments.
        args: Map<String, Value>,
        /// What the caller says of the circumstances; identity is never taken from it.
        context: Map<String, Value>,
    },
    /// An operation's envelope, once its version is past `seen` or `wait_ms` are over.
    Get {
        /// Its id.
        op: String,
        /// How long to wait, in milliseconds; at most 300 000.
        wait_ms: u64,
        /// The version that the asker has; 0 for none.
        seen: u64,
    },
    /// As Get, or once there is more to see of its tools' output than the asker has.
    Follow {
        /// Its id.
        op: String,
        /// How long to wait, in milliseconds; at most 300 000.
        wait_ms: u64,
        /// The version that the asker has; 0 for none.
        seen: u64,
        /// How many entries of the output the asker has.
        output: u64,
    },
    /// Take an operation back before it begins, or end its tool where that can be done.
    Cancel {
        /// Its id.
        op: String,
    },
    /// The caller's operations, newest first; an admin's, everyone's.
    List {
        /// Only these.
        state: Option<State>,
        /// Only of this kind.
        kind: Option<String>,
        /// Where the page before ended.
        cursor: Option<String>,
        /// How many; at most 200.
        limit: u32,
    },
    /// Approvals that wait.
    Pending,
    /// The catalogue with what the caller's contract has.
    Catalogue,
    /// What a principal is and offers, as far as the caller's contract shows it.
    Directory {
        /// Its name.
        handle: String,
    },
    /// The gate's health, for `GET /health`.
    Status,
    /// The gate's metrics in Prometheus' text form; for the roles metrics and admin.
    Metrics,
    /// Read configuration, contracts and policy again; for admins.
    Reload,
    /// On the host's local socket only, for root: the same.
    ReloadHere {
        /// Whether what would let something be approved that could not be before comes into force, too, with nobody asked.
        weaken: bool,
    },
    /// On the host's local socket only, for root: a step of enrolling an approver.
    Enrol(Enrol),
    /// On the host's local socket only, for root: a step of a drill.
    Drill(Drill),
    /// On the host's local socket only, for root: look after the channel to people.
    Signal(SignalStep),
    /// What `reeve doctor` found, for admins.
    Preflight,
    /// Of that, the risky lines of sudo's configuration.
    WarnPermissions,
    /// Put into the audit log what the network side saw.
    Note(NetworkEvent),
    /// Hear what an approver signed, whom the key says and nothing else.
    Post(SignedMessage),
    /// Cosign the caller's checkpoint, if its log is watched here and has only grown: C2SP tlog-witness, as it came.
    AddCheckpoint(String),
    /// For the one user who takes this host's checkpoints to others.
    Witness(WitnessStep),
    /// On the host's local socket only: vote on an approval as the Unix user that asks.
    Vote {
        /// The approval's id, or the operation's.
        approval: String,
        /// Confirm or deny.
        confirm: bool,
        /// The name of what is lost for good, repeated.
        #[serde(default)]
        object: Option<String>,
    },
    /// For people on the host and for admins: nothing more is done for a principal; without one, on the whole host.
    Freeze {
        /// The principal.
        who: Option<String>,
        /// Why, for people to read.
        why: Option<String>,
    },
    /// For the same, as far as they may: it may go on.
    Thaw {
        /// The principal.
        who: Option<String>,
    },
    /// On the host's local socket only: where the audit log stands now, signed.
    Checkpoint,
    /// On the host's local socket only: all that an approval is about.
    Show {
        /// The approval's id, or the operation's.
        id: String,
    },
}

/// What the gate answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// To Submit, Get and Cancel.
    Operation(Box<Envelope>),
    /// To Follow.
    Followed {
        /// The operation.
        envelope: Box<Envelope>,
        /// What its tools let be seen since; the oldest may be missing.
        output: Vec<Value>,
        /// How many entries there have been in all.
        count: u64,
    },
    /// To Plan.
    Plan {
        /// What would be decided.
        decision: Decision,
        /// What would happen.
        effects: Option<Value>,
    },
    /// To Evaluate.
    Verdict {
        /// `allow`, `review` or `deny`.
        verdict: String,
        /// Why.
        reason: String,
    },
    /// To List.
    Operations {
        /// Newest first.
        operations: Vec<Envelope>,
        /// Where the next page begins; absent on the last.
        next: Option<String>,
    },
    /// To Pending.
    Approvals(Vec<WaitingApproval>),
    /// To Catalogue, Directory and Reload: JSON as it goes to the caller.
    Document(Value),
    /// To Status.
    Status(Status),
    /// To Metrics, Checkpoint and Witness.
    Text(String),
    /// To AddCheckpoint.
    Cosigned(Cosigned),
    /// To Note, Post and Vote: what was done, in a sentence.
    Done(String),
}

/// What a caller sees of an operation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Envelope {
    /// `op_` and 26 characters that sort by time.
    pub id: String,
    /// Whose operation it is.
    pub principal: PrincipalName,
    /// Where it is.
    pub state: State,
    /// Whether nothing follows.
    #[serde(rename = "final")]
    pub is_final: bool,
    /// Grows by one with every change of state; the id of the event in the event stream.
    pub version: u64,
    /// The operation in its canonical form.
    pub operation: Value,
    /// What the caller asked for, where the rules had it done in a way that can be taken back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<Value>,
    /// RFC 3339.
    pub created_at: String,
    /// What was decided, and by which rule.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decision: Option<Decision>,
    /// What would happen, or did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub effects: Option<Value>,
    /// The operation's own result.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<Value>,
    /// The tool's exit status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    /// Whether the host was read again and is as it should be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verified: Option<bool>,
    /// Why it failed, for the caller.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// How to take it back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub undo: Option<Undo>,
    /// The last audit record about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audit: Option<AuditRef>,
    /// While it waits for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approval: Option<ApprovalView>,
    /// In how many seconds to ask again, while it is not final.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u64>,
}

/// The gate's health. Read from memory.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// The host's name.
    pub host: String,
    /// Whether the audit log takes records.
    pub audit: bool,
    /// `up`, `down` or `none` when no channel is configured.
    pub approvals: String,
    /// What the last probe of sudoers found; absent when none was made.
    pub sudoers_warnings: Option<u64>,
    /// The principals that have contracts, with their roles.
    pub principals: Vec<(PrincipalName, Vec<Role>)>,
}

/// Why there is no answer. Nothing ran, unless `kind` says otherwise.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Problem {
    /// Which of the kinds that the outside tells apart.
    pub kind: ProblemKind,
    /// For the caller: no path, no output of tools, no source of policy.
    pub detail: String,
    /// JSON Pointer to the field that is wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pointer: Option<String>,
    /// Seconds until another attempt makes sense.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u64>,
    /// The operation's id, when one was recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// What was decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<Decision>,
    /// Narrower or undoable operations that would be allowed now.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alternatives: Vec<Value>,
}

/// The kinds of problems.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProblemKind {
    /// A field is wrong.
    Invalid,
    /// Floor, contract or policy say no.
    Denied,
    /// The caller has no contract, or not the role.
    Forbidden,
    /// There is no such operation for this caller.
    NotFound,
    /// The same `Idempotency-Key` with another operation.
    IdempotencyConflict,
    /// The host is not as the operation needs it: a snapshot that exists, a dataset with clones.
    PlanRefused,
    /// The operation is past the point where that can be done.
    TooLate,
    /// The same was refused or ran out of time a moment ago.
    CoolDown,
    /// Too many of the caller's operations wait or run.
    Busy,
    /// No approver can be asked.
    NoChannel,
    /// The audit log does not take records.
    AuditUnavailable,
    /// The launcher, the store or the host cannot do its part.
    Unavailable,
}

impl Problem {
    /// A problem of a kind, with words for the caller.
    pub fn new(kind: ProblemKind, detail: impl Into<String>) -> Self {
        Self {
            kind,
            detail: detail.into(),
            pointer: None,
            retry_after: None,
            operation: None,
            decision: None,
            alternatives: Vec::new(),
        }
    }
}

impl From<Invalid> for Problem {
    fn from(invalid: Invalid) -> Self {
        Self { pointer: Some(invalid.pointer), ..Self::new(ProblemKind::Invalid, invalid.problem) }
    }
}
