//! Units that do not do what they are asked: what is said, and what the journal says.

use reeve::adapter::{self, Happened};

use crate::guest::*;

#[test]
fn a_unit_that_fails_to_start_is_said_to_have_failed_with_the_last_lines_of_its_journal() {
    let guest = Guest::new();
    unit(
        "t-fails.service",
        "[Service]\nType=oneshot\nExecStart=/bin/sh -c 'echo no such luck >&2; exit 3'\n",
    );
    let op = operation("start", "t-fails.service");
    let (plan, seen) = guest.does(&op);
    assert_eq!(seen.happened, Happened::NotAtAll, "{seen:?}");
    assert_eq!(seen.reason.as_deref(), Some("t-fails.service is failed (failed): exit-code, and static"));
    assert!(told(&seen).contains("no such luck"), "{seen:?}");
    let output = run(&plan.steps[0].argv);
    assert_eq!(
        adapter::of(&op).explain(output.status.code().unwrap(), &output.stderr).as_str(),
        "unit-failed"
    );
    let forgotten = guest.does_well(&operation("reset-failed", "t-fails.service"));
    assert!(forgotten.undo.is_none());
    assert_eq!(is_active("t-fails.service"), "inactive");
    assert!(guest.plan(&operation("reset-failed", "t-fails.service")).unwrap().settled);
}

#[test]
fn a_unit_that_starts_and_dies_is_not_verified() {
    let guest = Guest::configured("hold = '2s'");
    unit("t-dies.service", "[Service]\nExecStart=/bin/sh -c 'sleep 0.7; echo alas >&2; exit 1'\n");
    let (_, seen) = guest.does(&operation("start", "t-dies.service"));
    assert_eq!(seen.happened, Happened::NotAtAll, "{seen:?}");
    assert!(told(&seen).contains("alas"), "{seen:?}");
    // One that ends well by itself does not run either.
    unit("t-ends.service", "[Service]\nExecStart=/bin/sleep 0.7\n");
    let (_, seen) = guest.does(&operation("start", "t-ends.service"));
    assert_eq!(seen.reason.as_deref(), Some("t-ends.service is inactive (dead), and static"));
}

#[test]
fn a_unit_that_is_started_again_and_again_is_not_verified() {
    let guest = Guest::configured("hold = '2s'");
    unit(
        "t-loops.service",
        "[Unit]\nStartLimitIntervalSec=0\n[Service]\nExecStart=/bin/sleep 0.5\nRestart=always\nRestartSec=100ms\n",
    );
    let (_, seen) = guest.does(&operation("start", "t-loops.service"));
    assert!(!seen.verified, "{seen:?}");
    systemctl(&["stop", "t-loops.service"]);
}

#[test]
fn a_unit_that_takes_longer_than_the_limit_is_neither_a_success_nor_a_failure() {
    let guest = Guest::configured("hold = '500ms'\nlimit = '2s'");
    unit("t-slow.service", "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/sleep 6\n");
    let (plan, seen) = guest.does(&operation("start", "t-slow.service"));
    assert_eq!(seen.happened, Happened::CannotTell, "{seen:?}");
    assert_eq!(seen.reason.as_deref(), Some("t-slow.service is activating (start), and static"));
    assert_eq!(guest.refuses(&operation("stop", "t-slow.service")).0, "systemd-busy");
    wait_until("it is up after all", || is_active("t-slow.service") == "active");
    let after = adapter::of(&operation("start", "t-slow.service")).reconcile(&plan, &guest);
    assert_eq!(after.happened, Happened::Wholly, "{after:?}");
    systemctl(&["stop", "t-slow.service"]);
}

#[test]
fn a_unit_that_systemd_itself_gives_up_on_has_timed_out() {
    let guest = Guest::new();
    unit("t-mute.service", "[Service]\nType=notify\nTimeoutStartSec=1\nExecStart=/bin/sleep 100\n");
    let op = operation("start", "t-mute.service");
    let (plan, seen) = guest.does(&op);
    assert_eq!(seen.reason.as_deref(), Some("t-mute.service is failed (failed): timeout, and static"));
    let output = run(&plan.steps[0].argv);
    assert_eq!(
        adapter::of(&op).explain(output.status.code().unwrap(), &output.stderr).as_str(),
        "unit-timed-out"
    );
}

#[test]
fn a_unit_whose_dependency_fails_says_so() {
    let guest = Guest::new();
    unit("t-bad.service", "[Service]\nType=oneshot\nExecStart=/bin/false\n");
    unit("t-needs.service", &format!("[Unit]\nRequires=t-bad.service\nAfter=t-bad.service\n{RUNS}"));
    let op = operation("start", "t-needs.service");
    let (plan, seen) = guest.does(&op);
    assert_eq!(seen.happened, Happened::NotAtAll, "{seen:?}");
    let output = run(&plan.steps[0].argv);
    assert_eq!(
        adapter::of(&op).explain(output.status.code().unwrap(), &output.stderr).as_str(),
        "dependency-failed"
    );
}

#[test]
fn a_unit_whose_conditions_are_not_met_does_not_count_as_started() {
    let guest = Guest::new();
    unit("t-cond.service", &format!("[Unit]\nConditionPathExists=/nowhere\n{RUNS}"));
    systemctl(&["enable", "t-cond.service"]);
    let (_, seen) = guest.does(&operation("start", "t-cond.service"));
    assert_eq!(
        seen.reason.as_deref(),
        Some("t-cond.service is inactive (dead), and enabled, since its conditions are not met")
    );
}

#[test]
fn what_does_something_once_and_is_over_counts_when_it_ended_well() {
    let guest = Guest::new();
    let once = "[Service]\nType=oneshot\nExecStart=/usr/bin/touch /run/t-once\n[Install]\nWantedBy=multi-user.target\n";
    unit("t-once.service", once);
    systemctl(&["enable", "t-once.service"]);
    guest.does_well(&operation("start", "t-once.service"));
    guest.does_well(&operation("start", "t-once.service"));
    // What nothing refers to is forgotten as soon as it is over, and nobody can tell.
    systemctl(&["disable", "t-once.service"]);
    let (_, seen) = guest.does(&operation("start", "t-once.service"));
    assert_eq!(seen.happened, Happened::CannotTell, "{seen:?}");
    assert!(seen.reason.unwrap().ends_with("systemd has kept nothing of its last run"));
}

#[test]
fn what_would_start_is_what_was_read_or_nothing() {
    let guest = Guest::new();
    service("t-edit.service");
    // So that systemd keeps it in memory.
    systemctl(&["enable", "t-edit.service"]);
    let before = guest.plan(&operation("start", "t-edit.service")).unwrap();
    std::fs::write("/etc/systemd/system/t-edit.service", RUNS.replace("1000", "2000")).unwrap();
    assert_eq!(guest.refuses(&operation("start", "t-edit.service")).0, "systemd-stale");
    systemctl(&["daemon-reload"]);
    let after = guest.plan(&operation("start", "t-edit.service")).unwrap();
    assert_ne!(before.effects.effects_digest(), after.effects.effects_digest());
    std::fs::create_dir_all("/etc/systemd/system/t-edit.service.d").unwrap();
    std::fs::write("/etc/systemd/system/t-edit.service.d/x.conf", "[Service]\nNice=5\n").unwrap();
    systemctl(&["daemon-reload"]);
    let with_drop_in = guest.plan(&operation("start", "t-edit.service")).unwrap();
    assert_ne!(after.effects.effects_digest(), with_drop_in.effects.effects_digest());
}
