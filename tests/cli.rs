//! The command line from outside: the real program against the real network side, with a gate that says what a test tells it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::wildcard_enum_match_arm,
    reason = "a test says what is wrong by failing"
)]

#[path = "cli/alarms.rs"]
mod alarms;
#[path = "cli/asking.rs"]
mod asking;
#[path = "api/fake_gate.rs"]
#[allow(dead_code, reason = "the network side's own tests need more of the gate than these")]
mod fake_gate;
#[path = "cli/checkpoints.rs"]
mod checkpoints;
#[path = "trace/collector.rs"]
mod collector;
#[path = "cli/host.rs"]
mod host;
#[path = "cli/lists.rs"]
mod lists;
#[path = "cli/looking_after.rs"]
mod looking_after;
#[path = "api/pki.rs"]
#[allow(dead_code, reason = "the network side's own tests need more certificates than these")]
mod pki;
#[path = "cli/policy.rs"]
mod policy;
#[path = "cli/reaching.rs"]
mod reaching;
#[path = "cli/replay.rs"]
mod replay;
#[path = "alarm/servers.rs"]
mod servers;
#[path = "cli/suggesting.rs"]
mod suggesting;
#[path = "cli/traces.rs"]
mod traces;
#[path = "cli/undoing.rs"]
mod undoing;

/// The help of every command is what people learn Reeve from, so each change of it is looked at.
/// `UPDATE_GOLDEN=1 cargo test --test cli help` writes the file anew.
#[test]
fn the_help_is_the_one_of_the_golden_file() {
    let golden = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/help.txt");
    let text = reeve::cli::all_help();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(golden, &text).unwrap();
    }
    assert_eq!(std::fs::read_to_string(golden).unwrap(), text);
}

#[test]
fn help_fits_a_terminal_of_a_hundred_columns() {
    let text = reeve::cli::all_help();
    let wide: Vec<&str> = text.lines().filter(|line| line.chars().count() > 100).collect();
    assert_eq!(wide, Vec::<&str>::new());
}
