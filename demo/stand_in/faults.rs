//! What goes wrong.

use serde::Deserialize;

/// What goes wrong until it is set otherwise.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Faults {
    /// A message reaches nobody, and that is called a success.
    pub(crate) empty_results: bool,
    /// It reaches somebody else only.
    pub(crate) others_only: bool,
    /// What is said of the recipient, once for each: `SUCCESS`, `NETWORK_FAILURE`, …
    pub(crate) results: Vec<String>,
    /// Sending ends with this error.
    pub(crate) error_code: Option<i64>,
    /// The challenge that the server wants solved.
    pub(crate) token: Option<String>,
    /// For how long the server asks for patience.
    pub(crate) retry_after: Option<u64>,
    /// Nothing is answered.
    pub(crate) stall: bool,
    /// A message is sent, and its answer is lost.
    pub(crate) lose_answer: bool,
    /// The answers to this method come late.
    pub(crate) slow: Option<String>,
    /// The daemon was started with `--receive-mode=manual`.
    pub(crate) manual: bool,
    /// A connection that nothing comes out of any more, and that does not end.
    pub(crate) mute: bool,
    /// Over HTTP every call is answered with this status.
    pub(crate) status: Option<u16>,
    /// Over HTTP it answers to any name.
    pub(crate) any_host: bool,
    /// signal-cli-rest-api in a mode in which messages are polled for.
    pub(crate) polled: bool,
}
