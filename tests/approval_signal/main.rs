//! The way of a question to people and of their answers back, over real sockets, with a stand-in for Signal.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "tests may, and one of them starts the stand-in as a process"
)]

mod daemon;
mod keeping;
mod link;
mod odd;
mod stage;
#[path = "../../demo/stand_in/mod.rs"]
#[allow(dead_code, unused_imports, reason = "the demo's binary uses the rest")]
mod stand_in;
mod votes;

const TRANSPORT: stage::Transport = stage::Transport::Socket;
