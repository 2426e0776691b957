//! The way to a host: a profile, TLS 1.3 with a client certificate, and HTTP on one connection.

mod client;
mod events;
mod problem;
mod profile;
mod tls;
mod trouble;

pub(super) use client::{Client, Reply, not_understood};
pub(super) use profile::{ConnectionArgs, Target};
