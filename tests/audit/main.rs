//! The audit log from outside: what a crash, a full disk or somebody with a text editor can do to it, and what not.
#![cfg(feature = "full")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test says what is wrong by failing, and starts processes of its own"
)]

mod checkpoints;
mod crash;
mod forwarding;
mod home;
mod outage;
mod reading;
mod rotation;
mod sharing;
mod tamper;
mod tree;
mod witnessing;
