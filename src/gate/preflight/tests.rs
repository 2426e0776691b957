//! When a report locks a host down, and when it does not.

use std::path::PathBuf;

use super::*;

const NOW: u64 = 1_000_000_000;

fn settings(needed: bool) -> PreflightSettings {
    PreflightSettings { report: PathBuf::from("/nowhere"), needed, max_age: Duration::from_secs(60) }
}

fn report(status: Status, required: bool) -> Report {
    let check = Check {
        id: "wrappers".to_owned(),
        status,
        required,
        evidence: Vec::new(),
        command: String::new(),
        fix: String::new(),
    };
    Report { at_ms: NOW, boot: "b".to_owned(), checks: vec![check], sudoers: None }
}

fn locks(needed: bool, report: &Report) -> bool {
    lockdown(&settings(needed), Some(report), NOW).is_some()
}

#[test]
fn a_required_check_that_fails_locks_the_host_down_and_another_does_not() {
    assert_eq!(
        lockdown(&settings(false), Some(&report(Status::Fail, true)), NOW),
        Some("lockdown: wrappers of this host failed an examination".to_owned())
    );
    assert!(!locks(false, &report(Status::Fail, false)));
    assert!(!locks(false, &report(Status::Warn, true)));
    assert!(!locks(true, &report(Status::Pass, true)));
}

#[test]
fn where_a_report_is_needed_what_could_not_be_checked_and_an_old_one_lock_too() {
    assert!(locks(true, &report(Status::CouldNotCheck, true)));
    assert!(!locks(false, &report(Status::CouldNotCheck, true)));
    assert!(lockdown(&settings(true), None, NOW).is_some());
    assert!(lockdown(&settings(false), None, NOW).is_none());
    for now in [NOW + 60_001, NOW - 60_001] {
        assert!(lockdown(&settings(true), Some(&report(Status::Pass, true)), now).is_some(), "{now}");
    }
}

#[test]
fn what_could_not_be_checked_is_worse_than_a_warning_and_no_checks_are_no_pass() {
    let mut found = report(Status::Warn, false);
    found.checks.extend(report(Status::CouldNotCheck, false).checks);
    assert_eq!(found.status(), Status::CouldNotCheck);
    found.checks.clear();
    assert_eq!(found.status(), Status::CouldNotCheck);
}
