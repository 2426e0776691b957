//! Socket in, sudo out: the process that starts wrappers, because neither the one with the network nor the one with the
//! key may call sudo. It knows no key, reads no grant, and starts nothing but the wrappers by name.
//!
//! Its own unit must not set `NoNewPrivileges`, nor any hardening that implies it (then every sudo fails), nor anything
//! that gives it a mount namespace of its own (then a `zfs mount` made through it is invisible to the host).
//!
//! ```text
//! gate ── wrapper, deadline, bound, grant ──▶ launcher ── sudo -n -- DIR/reeve-zfs < grant
//! gate ◀── stdout… stderr… end ──────────────
//! ```
//!
//! A caller that hangs up changes nothing: what was started runs to its end.

#[cfg(feature = "full")]
pub mod client;
mod frame;
pub mod options;
pub mod server;

pub use frame::Times;

#[cfg(test)]
#[cfg(feature = "full")]
mod tests;
