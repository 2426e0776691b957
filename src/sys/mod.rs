//! What the kernel does for us: time, randomness, files that may be trusted, who is at the other end of a socket,
//! and the one place that starts processes. The only unsafe code of the crate is below this line.
#![allow(unsafe_code, reason = "system calls that neither std nor nix wraps are made here and nowhere else")]

pub mod activation;
pub mod apart;
mod attribute;
pub mod beneath;
pub mod cgroup;
pub mod clock;
#[cfg(feature = "full")]
pub mod confine;
pub mod exec;
#[cfg(feature = "full")]
pub mod foreign_file;
pub mod handover;
pub mod harden;
pub mod host;
pub mod ids;
pub mod jail;
pub mod landlock;
#[cfg(feature = "full")]
pub mod listen;
#[cfg(feature = "full")]
pub mod local_time;
pub mod mounts;
pub mod peer;
mod pidfd;
pub mod process;
pub mod random;
pub mod reap;
pub mod repository;
#[cfg(feature = "full")]
pub mod rewrite;
#[cfg(test)]
pub(crate) mod scratch;
pub mod seccomp;
pub mod supervise;
#[cfg(feature = "full")]
pub mod tcp_peer;
pub mod ticket;
pub mod trusted_file;
pub mod usage;
