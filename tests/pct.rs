//! What is planned for Proxmox containers, what is refused, and what a second look finds: on the fake node, whose
//! containers are real ones that LXC runs where a test says so.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::disallowed_methods,
    missing_docs,
    unreachable_pub,
    dead_code,
    reason = "tests: a panic is the report"
)]

#[path = "../demo/fake_pct/fake/mod.rs"]
mod fake;
#[path = "pct/node.rs"]
mod node;

#[path = "pct/argv.rs"]
mod argv;
#[path = "pct/doubt.rs"]
mod doubt;
#[path = "pct/every_operation.rs"]
mod every_operation;
#[path = "pct/nothing_else.rs"]
mod nothing_else;
#[path = "pct/past.rs"]
mod past;
#[path = "pct/planning.rs"]
mod planning;
#[path = "pct/reading.rs"]
mod reading;
#[path = "pct/refusing.rs"]
mod refusing;
#[path = "pct/second_look.rs"]
mod second_look;
#[path = "pct/table.rs"]
mod table;
#[path = "pct/words.rs"]
mod words;
#[path = "../wrappers/reeve-pct.rs"]
mod wrapper;
