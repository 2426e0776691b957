//! Durable operations: their states, the record of one, and the store that survives a crash.

mod id;
mod layout;
mod record;
mod state;
mod store;
#[cfg(test)]
mod tests;

pub use id::{is_id, new_id};
pub use record::{Approval, BootTime, Change, IllegalChange, Job, Outcome, Purge, Runs};
pub use state::State;
pub use store::{Filter, KeyEntry, Page, Store, StoreError};
