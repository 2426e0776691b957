//! What a span may say. Its fields come from closed sets, so no argument, name of an object, output or secret can be in one.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::context::{Context, SpanId, TraceId};

/// A piece of work with its beginning and end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Span {
    /// The program that did it.
    pub service: String,
    /// What was done: a word of ours, or `zfs.destroy`.
    pub name: String,
    /// Of which kind it is.
    pub kind: Kind,
    /// The trace that it belongs to.
    pub trace: TraceId,
    /// Its own id.
    pub id: SpanId,
    /// What it was a part of.
    pub parent: Option<SpanId>,
    /// When it began, in nanoseconds since 1970.
    pub start: u64,
    /// When it ended.
    pub end: u64,
    /// Whether it came to nothing.
    pub failed: bool,
    /// What there is to be known about it.
    pub attributes: BTreeMap<Key, Value>,
}

/// Kinds of spans, as OpenTelemetry has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// It answers somebody else's request.
    Server,
    /// It is a part of that.
    Internal,
}

/// What a span can tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Key {
    /// The method of the request.
    #[serde(rename = "http.request.method")]
    Method,
    /// Its path, with the names of what is in it and not what they stand for.
    #[serde(rename = "http.route")]
    Route,
    /// The status of the answer.
    #[serde(rename = "http.response.status_code")]
    Status,
    /// Who asked.
    #[serde(rename = "reeve.principal")]
    Principal,
    /// The operation's id: the audit log has what it was about.
    #[serde(rename = "reeve.operation.id")]
    Id,
    /// The operation's kind and name: `zfs.destroy`.
    #[serde(rename = "reeve.operation.name")]
    Name,
    /// Where the operation ended.
    #[serde(rename = "reeve.operation.state")]
    State,
    /// What was decided.
    #[serde(rename = "reeve.verdict")]
    Verdict,
    /// How an approval ended.
    #[serde(rename = "reeve.approval.outcome")]
    Outcome,
    /// Why there is no answer, as one of the kinds that callers are told.
    #[serde(rename = "reeve.problem")]
    Problem,
    /// The wrapper's exit status.
    #[serde(rename = "process.exit.code")]
    ExitCode,
    /// Whether the host was read again and is as it should be.
    #[serde(rename = "reeve.verified")]
    Verified,
}

/// One value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    /// Yes or no.
    Flag(bool),
    /// A number.
    Number(i64),
    /// A word of a bounded set, the name of a principal, or an operation's id.
    Text(String),
}

impl From<bool> for Value {
    fn from(flag: bool) -> Self {
        Self::Flag(flag)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

/// Where an operation is in its trace. It is kept with the operation, so that its trace outlives the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// The span of the operation itself, which everything that is done for it belongs under.
    pub here: Context,
    /// What that belongs under; nothing where it is the first.
    pub parent: Option<SpanId>,
}
