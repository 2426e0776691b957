//! What is planned for ZFS, what is refused, and what a second look finds: on the fake, in this process.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs,
    unreachable_pub,
    reason = "tests: a panic is the report"
)]

#[path = "../demo/fake_zfs/fake/mod.rs"]
mod fake;
#[path = "zfs/model.rs"]
mod model;

#[path = "zfs/answers.rs"]
mod answers;
#[path = "zfs/argv.rs"]
mod argv;
#[path = "zfs/destroying.rs"]
mod destroying;
#[path = "zfs/doubt.rs"]
mod doubt;
#[path = "zfs/making.rs"]
mod making;
#[path = "zfs/nothing_else.rs"]
mod nothing_else;
#[path = "zfs/past.rs"]
mod past;
#[path = "zfs/second_look.rs"]
mod second_look;
