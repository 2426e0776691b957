//! The whole of Reeve on an installed host: real users, real sudo, the production paths. `make e2e` runs it inside
//! `tests/testbed.sh`, on the ZFS fake; `make test-real` on real OpenZFS in a virtual machine.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::expect_used,
    missing_docs,
    unreachable_pub,
    reason = "tests, which act as the host's users"
)]

mod alarms;
#[path = "../answers/mod.rs"]
#[allow(dead_code, reason = "other suites need the rest")]
mod answers;
mod ansible;
mod certificates;
#[path = "../trace/collector.rs"]
#[allow(dead_code, reason = "other suites need more of it")]
mod collector;
mod command_line;
mod crashes;
mod edited;
mod freezing;
mod git;
mod grants;
mod host;
mod host_state;
mod log;
mod main_line;
mod pct;
mod repeats;
mod requests;
mod rules;
#[path = "../alarm/servers.rs"]
#[allow(dead_code, reason = "other suites need more of them")]
mod servers;
mod tools;
mod traces;
mod undoable;
mod users;
mod whole_suite;

use std::process::{Command, Output};

/// A command as one of the host's users, with that user's groups.
fn as_user(user: &str, command: &[&str]) -> Output {
    assert_eq!(
        std::env::var("REEVE_TESTBED").as_deref(),
        Ok("1"),
        "run it by `make e2e`, inside tests/testbed.sh"
    );
    let options = ["--reuid", user, "--regid", user, "--init-groups", "--"];
    Command::new("/usr/bin/setpriv").args(options).args(command).output().unwrap()
}

#[test]
fn a_wrapper_refuses_without_a_grant() {
    let output = as_user("reeve-run", &["/usr/bin/sudo", "-n", "/usr/local/libexec/reeve/reeve-zfs"]);
    assert_eq!(output.status.code(), Some(125), "{output:?}");
}

#[test]
fn the_network_side_cannot_start_a_wrapper() {
    let output = as_user("reeve", &["/usr/bin/sudo", "-n", "/usr/local/libexec/reeve/reeve-zfs"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
}
