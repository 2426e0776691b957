//! Playbooks through the real ansible-core: what a dry run shows, what is refused, what a run leaves. Debian's package
//! `ansible-core` has to be there; `tests/install-packages.sh` installs it.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::expect_used,
    missing_docs,
    unreachable_pub,
    reason = "tests: a panic is the report"
)]

mod nothing_else;
mod plans;
mod plugin;
mod refusals;
mod stage;
