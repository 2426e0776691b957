//! The second channel: people hear of it when those who approve cannot be asked. It only tells, and takes no vote.
//!
//! The gate has no network, so it writes an alarm into a folder, and `reeve alarms deliver`, a process of a user of its own,
//! takes it to people and writes beside it what came of it. Each of the two writes in one folder and only reads in the other.

pub mod config;
mod message;
pub mod spool;

pub use message::{Alarm, What};
