//! Names of hosts: found in arguments, compared in one form, and looked up in lists that operators keep or fetch.
//!
//! Nothing here speaks to the network: lists are files, which `reeve lists fetch` brings, and what they hold is judged as it is read.

mod bounds;
pub mod config;
mod extract;
mod kept;
mod line;
mod list;
mod name;
mod sources;

pub use bounds::DomainBounds;
pub use extract::{Found, found_in};
pub use line::Reach;
pub use list::{BadLine, DomainList, Limits, ListError, Read};
pub use name::Domain;
pub use sources::{Changed, DomainLists, State};
