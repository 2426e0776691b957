//! Durable operations: their states, the store that survives a crash, and what is done about those that were cut off.

mod state;

pub use state::State;
