//! What can be recorded: a closed list of kinds, and the event a caller hands over.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};
use serde_json::{Map, Value, json};
use thiserror::Error;

use super::hash::RecordHash;

/// Declares the kinds once, so that the enum, its names and the list of all cannot drift apart.
macro_rules! kinds {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)*) => {
        /// What a record tells of.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum EventKind { $($(#[$doc])* $variant,)* }

        impl EventKind {
            /// Every kind, in the order of this file.
            pub const ALL: &[EventKind] = &[$(EventKind::$variant,)*];

            /// The name that stands in the log.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(EventKind::$variant => $name,)* }
            }
        }
    };
}

kinds! {
    /// The gate is up.
    GateStarted = "gate_started",
    /// The gate goes down in good order.
    GateStopped = "gate_stopped",
    /// Configuration, contracts and policy were read anew, or refused and the old ones kept.
    ConfigReloaded = "config_reloaded",
    /// Contract, budget and policy have decided on an operation.
    Decision = "decision",
    /// An adapter has said what an operation would do.
    Plan = "plan",
    /// People were asked.
    ApprovalAsked = "approval_asked",
    /// A witness contradicts this log, or a log that this host watches does not only grow.
    WitnessAlarm = "witness_alarm",
    /// A person answered.
    Vote = "vote",
    /// An approval came to its end, whichever.
    ApprovalClosed = "approval_closed",
    /// A grant was signed; `detail.grant` is the hash of its encoded bytes.
    GrantSigned = "grant_signed",
    /// One granted step has ended.
    StepFinished = "step_finished",
    /// The operation has ended and the host was looked at again.
    Outcome = "outcome",
    /// The caller or an operator cancelled an operation.
    Cancelled = "cancelled",
    /// Nothing more is done for a principal or on the host.
    Frozen = "frozen",
    /// They may go on.
    Thawed = "thawed",
    /// Root enrols an approver: the account was asked, or has answered.
    Enrolment = "enrolment",
    /// Somebody who lost their phone is to be enrolled anew after a delay, is so now, or is not.
    Recovery = "recovery",
    /// People were asked in a drill, one of them has answered, or it is over.
    Drill = "drill",
    /// Root's examination of the host ended in a lockdown, or ended one.
    Lockdown = "lockdown",
    /// After a crash: what the host shows of an operation that was under way.
    Reconciled = "reconciled",
    /// Somebody was not who they had to be.
    AuthFailure = "auth_failure",
    /// Somebody asked too often.
    RateLimited = "rate_limited",
    /// The channel to people came up or went down.
    ChannelState = "channel_state",
    /// This log was repaired; the detail says what was dropped.
    LogRecovered = "log_recovered",
    /// This file continues the one its detail names.
    LogRotated = "log_rotated",
    /// It was asked what would be decided and what would happen; nothing ran.
    Preview = "preview",
    /// A verdict was asked for without an operation.
    Evaluation = "evaluation",
    /// The policy on trial would have decided otherwise, or could not decide.
    Shadow = "shadow",
    /// A list of domains is another, or is not as it must be.
    DomainList = "domain_list",
    /// People were told by the second channel, or could not be.
    Alarm = "alarm",
}

/// Not the name of an [`EventKind`].
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("not a kind of audit record")]
pub struct UnknownKind;

impl FromStr for EventKind {
    type Err = UnknownKind;

    fn from_str(name: &str) -> Result<EventKind, UnknownKind> {
        EventKind::ALL.iter().copied().find(|kind| kind.as_str() == name).ok_or(UnknownKind)
    }
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for EventKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// What a caller wants recorded. Sequence number, time, host and hashes are the log's to add.
///
/// No secret, environment or tool output belongs in it, and nothing here can tell: leaving them out is the caller's
/// duty. For output there is [`output_digest`].
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// What it tells of.
    pub kind: EventKind,
    /// Who asked, when somebody did.
    pub principal: Option<String>,
    /// The id of the operation, when there is one.
    pub operation: Option<String>,
    /// The rest, by kind. Strings, integers, booleans, null, arrays and objects; a float is refused.
    pub detail: Map<String, Value>,
}

impl Event {
    /// An event of this kind with nothing in it yet.
    #[must_use]
    pub fn new(kind: EventKind) -> Event {
        Event { kind, principal: None, operation: None, detail: Map::new() }
    }

    /// Says who asked.
    #[must_use]
    pub fn principal(mut self, name: impl Into<String>) -> Event {
        self.principal = Some(name.into());
        self
    }

    /// Says which operation it belongs to.
    #[must_use]
    pub fn operation(mut self, id: impl Into<String>) -> Event {
        self.operation = Some(id.into());
        self
    }

    /// Adds one value to the detail.
    #[must_use]
    pub fn with(mut self, key: impl Into<String>, value: impl Into<Value>) -> Event {
        self.detail.insert(key.into(), value.into());
        self
    }
}

/// How output is recorded: by length and hash, never by content.
#[must_use]
pub fn output_digest(output: &[u8]) -> Value {
    json!({ "bytes": output.len(), "sha256": RecordHash::of(output).hex() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_reads_back_from_its_name() {
        for kind in EventKind::ALL {
            assert_eq!(kind.as_str().parse(), Ok(*kind));
        }
        assert_eq!("Decision".parse::<EventKind>(), Err(UnknownKind));
    }

    #[test]
    fn output_is_recorded_by_length_and_hash_only() {
        assert_eq!(
            output_digest(b"abc"),
            json!({"bytes": 3, "sha256": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"})
        );
    }
}
