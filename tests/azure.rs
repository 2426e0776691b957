//! What is planned for Azure, what root would run for it, and what a second look finds: on a fake of what `reeve azure` says.
//! That it says so of Azure is what `tests/azure.sh` is about.

#![cfg(feature = "full")]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs,
    unreachable_pub,
    dead_code,
    reason = "tests: a panic is the report"
)]

#[path = "azure/cloud.rs"]
mod cloud;

#[path = "azure/argv.rs"]
mod argv;
#[path = "azure/deleting.rs"]
mod deleting;
#[path = "azure/firewall.rs"]
mod firewall;
#[path = "azure/nothing_else.rs"]
mod nothing_else;
#[path = "azure/planning.rs"]
mod planning;
#[path = "azure/table.rs"]
mod table;
#[path = "../wrappers/reeve-azure.rs"]
mod wrapper;
