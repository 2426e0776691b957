//! One suite for the fake and for real OpenZFS: the tools' own words (`tests/golden/zfs-transcript.txt`), and every
//! operation planned, run and verified. `cargo test` puts it to the fake. On a host with a pool `tank`, as root:
//! `ZFS_CONFORMANCE=real zfs_conformance --test-threads=1`; with `ZFS_TRANSCRIPT=FILE` it writes what the tools say there.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::disallowed_methods,
    missing_docs,
    unreachable_pub,
    reason = "tests: a panic is the report, and the tools are started as programs"
)]

#[path = "zfs/tools.rs"]
mod tools;

#[path = "zfs/every_operation.rs"]
mod every_operation;
#[path = "zfs/transcript.rs"]
mod transcript;
