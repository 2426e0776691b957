//! People decide: the question, the channel to them, and what their answers mean.
//!
//! A vote is counted only for who the channel authenticated, pinned by account and identity key; the token never
//! leaves for anybody but the approvers; and each message that a person can get is a golden file.

pub mod channel;
mod foreign;
pub mod identity;
pub mod inbound;
pub mod order;
pub mod people;
pub mod prompt;
pub mod reply;
pub mod signal;
pub mod token;
pub mod vote;

pub use channel::Channel;
pub use foreign::is_invisible;
