//! systemd's operations on a running systemd: each planned, run and verified by its adapter, and the whole chain from an
//! agent's request to `systemctl` as root. `make systemd` runs it in tests/nspawn.sh, `make test-real` in the virtual machine.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::expect_used,
    missing_docs,
    unreachable_pub,
    dead_code,
    reason = "tests, which act as the host's users, and share the end-to-end suite's host"
)]

mod boot;
mod failing;
mod guest;
#[path = "../e2e/host.rs"]
mod host;
mod reading;
mod starting;
mod whole;
