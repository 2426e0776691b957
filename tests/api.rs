//! The network side from outside: real TLS against the server, with a gate in this process that says what a test tells it to.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    reason = "a test says what is wrong by failing"
)]

#[path = "api/admission.rs"]
mod admission;
#[path = "answers/mod.rs"]
#[allow(dead_code, reason = "other suites need the rest")]
mod answers;
#[path = "api/client.rs"]
mod client;
#[path = "api/endpoints.rs"]
mod endpoints;
#[path = "api/events.rs"]
mod events;
#[path = "api/fake_gate.rs"]
mod fake_gate;
#[path = "api/host.rs"]
mod host;
#[path = "api/limits.rs"]
mod limits;
#[path = "api/pki.rs"]
mod pki;
#[path = "api/process.rs"]
mod process;
#[path = "api/traces.rs"]
mod traces;
