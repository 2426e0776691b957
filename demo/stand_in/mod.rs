//! A stand-in for signal-cli's daemon and the people behind it: the same lines on the same kind of socket, or over HTTP, and
//! a second side on which a test or a demo reads what people were sent, answers for them, and makes things go wrong.

pub(crate) mod command;
pub(crate) mod daemon;
mod trouble;
pub(crate) mod faults;
mod rest;
mod sse;
pub(crate) mod web;
pub(crate) mod world;

pub(crate) use command::{Command, Say};
pub(crate) use daemon::Daemon;
pub(crate) use web::{Dialect, Web};
pub(crate) use world::{Person, World};
