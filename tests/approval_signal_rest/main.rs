//! The same suite as for the socket, with signal-cli reached by signal-cli-rest-api, but for what that loses.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "tests may, and they start the bridge as a process"
)]

#[path = "../approval_signal/link.rs"]
mod link;
mod losing;
#[path = "../approval_signal/odd.rs"]
mod odd;
#[path = "../approval_signal/stage.rs"]
mod stage;
#[path = "../../demo/stand_in/mod.rs"]
#[allow(dead_code, unused_imports, reason = "the demo's binary uses the rest")]
mod stand_in;
#[path = "../approval_signal/votes.rs"]
mod votes;

const TRANSPORT: stage::Transport = stage::Transport::Rest;
