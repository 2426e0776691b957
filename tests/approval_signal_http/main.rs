//! The same suite as for the socket, with signal-cli reached over HTTP by `reeve bridge`, and what can go wrong on that way.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "tests may, and they start the bridge as a process"
)]

mod bridge;
#[path = "../approval_signal/keeping.rs"]
mod keeping;
#[path = "../approval_signal/link.rs"]
mod link;
#[path = "../api/pki.rs"]
#[allow(dead_code, reason = "the suite of the network side uses the rest")]
mod pki;
#[path = "../approval_signal/odd.rs"]
mod odd;
#[path = "../approval_signal/stage.rs"]
mod stage;
#[path = "../../demo/stand_in/mod.rs"]
#[allow(dead_code, unused_imports, reason = "the demo's binary uses the rest")]
mod stand_in;
mod tls;
#[path = "../approval_signal/votes.rs"]
mod votes;
mod wire;

const TRANSPORT: stage::Transport = stage::Transport::Http;
