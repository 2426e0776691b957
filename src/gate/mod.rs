//! The pipeline that joins everything below it, and the protocol by which `reeved` and the people on the host speak to it.

pub mod client;
pub mod protocol;
