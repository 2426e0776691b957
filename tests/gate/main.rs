//! The gate as a process, as its front, its launcher, its people and a crash see it. What it reads of the host is a script
//! at `/usr/sbin/zfs` in a mount namespace of its own, and the launcher is the test.
//!
//! Needs root and overlayfs, and fails without them: nothing else lets a host be made up on the production paths.

#![cfg(feature = "full")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::wildcard_enum_match_arm,
    reason = "a test that cannot go on has failed, and these act as the host's users"
)]

mod alarms;
#[path = "../answers/mod.rs"]
#[allow(dead_code, reason = "other suites need the rest")]
mod answers;
mod approvals;
mod azure;
mod azure_firewall;
mod changes;
mod checkpoints;
#[path = "../trace/collector.rs"]
#[allow(dead_code, reason = "other suites need more of it")]
mod collector;
mod contracts;
mod crash;
mod domains;
mod drilling;
mod enrolling;
mod examination;
mod expiry;
mod freezing;
mod health;
mod hook;
mod keys;
mod launcher;
mod lives;
mod local;
mod moving;
mod phones;
mod posted;
mod quorum;
mod record;
mod recovering;
mod removing;
mod rules;
mod screening;
mod secrets;
#[path = "../api/pki.rs"]
#[allow(dead_code, reason = "the suite of the network side uses the rest")]
mod pki;
#[path = "../alarm/servers.rs"]
#[allow(dead_code, reason = "other suites need more of them")]
mod servers;
mod shadow;
mod shields;
mod socket;
mod stage;
mod tired;
mod traces;
mod witnessing;
mod zfs;
