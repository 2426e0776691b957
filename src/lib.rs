//! Reeve runs a host on behalf of its people: agents ask, rules decide, people confirm what cannot be undone,
//! and every step leaves a record that nobody on the host can quietly rewrite.
//!
//! ```text
//!  agent ══mTLS══▶ reeved ──unix──▶ reeve-gate ──unix──▶ reeve-launcher ──sudo──▶ reeve-zfs, …
//!                  hears            decides, asks,       starts                    verify → spend → exec
//!                                   records, signs
//! ```
//!
//! The modules stand in layer order: each may use those above it in this list, none below
//! (`tests/architecture.rs` checks it).

pub mod sys;

pub mod grant;

pub mod sandbox;

pub mod egress;

pub mod wrapper;

pub mod launcher;

#[cfg(feature = "full")]
pub mod builtin;

#[cfg(feature = "wasm")]
pub mod wasm;

#[cfg(feature = "full")]
pub mod config;
#[cfg(feature = "full")]
pub mod secret;
#[cfg(feature = "full")]
pub mod vault;
#[cfg(feature = "full")]
pub mod arm;
#[cfg(feature = "full")]
pub mod webhook;
#[cfg(feature = "full")]
pub mod trace;
#[cfg(feature = "full")]
pub mod principal;
#[cfg(feature = "full")]
pub mod operation;
#[cfg(feature = "full")]
pub mod adapter;
#[cfg(feature = "full")]
pub mod domains;
#[cfg(feature = "full")]
pub mod screening;
#[cfg(feature = "full")]
pub mod shield;
#[cfg(feature = "full")]
pub mod policy;
#[cfg(feature = "full")]
pub mod alarm;
#[cfg(feature = "full")]
pub mod approval;
#[cfg(feature = "full")]
pub mod audit;
#[cfg(feature = "full")]
pub mod job;
#[cfg(feature = "full")]
pub mod metrics;
#[cfg(feature = "full")]
pub mod gate;
#[cfg(feature = "full")]
pub mod pki;
#[cfg(feature = "full")]
pub mod api;
#[cfg(feature = "full")]
pub mod cli;
