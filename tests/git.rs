//! git through the adapter, on real repositories in folders of their own: what is planned, done, seen afterwards and
//! taken back, and what a hostile repository does not get.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::expect_used,
    missing_docs,
    unreachable_pub,
    dead_code,
    reason = "tests, which start git themselves"
)]

#[path = "git/argv.rs"]
mod argv;
#[path = "git/bench.rs"]
mod bench;
#[path = "git/changing.rs"]
mod changing;
#[path = "git/destroying.rs"]
mod destroying;
#[path = "git/hostile/mod.rs"]
mod hostile;
#[path = "git/nothing_else.rs"]
mod nothing_else;
#[path = "git/reading.rs"]
mod reading;
#[path = "git/remotes.rs"]
mod remotes;
#[path = "git/table.rs"]
mod table;
#[path = "../wrappers/reeve-git.rs"]
mod wrapper;
