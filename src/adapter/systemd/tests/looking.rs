//! What a second look finds.

use super::*;
use crate::adapter::systemd::SystemdSettings;
use crate::adapter::{Happened, Verification};

fn look(host: &Fake, op: &str, before: &[(&str, &str)], after: &[(&str, &str)]) -> Verification {
    host.put("a.service", before);
    let plan = plan(host, op, "a.service").unwrap();
    host.put("a.service", after);
    adapter::of(&operation(op, "a.service")).verify(&plan, host)
}

const SINCE_1: (&str, &str) = ("StateChangeTimestamp", "Sat 2026-11-21 12:00:01.000000 UTC");
const SINCE_2: (&str, &str) = ("StateChangeTimestamp", "Sat 2026-11-21 12:00:02.000000 UTC");

#[test]
fn a_state_counts_when_it_lasted() {
    let host = Fake::default();
    let seen = look(&host, "start", &DOWN, &[]);
    assert_eq!((seen.verified, seen.reason, seen.output), (true, None, None));
    assert_eq!(*host.waited.lock().unwrap(), SystemdSettings::default().hold);
}

#[test]
fn a_unit_that_dies_or_is_started_again_while_it_should_last_is_not_verified() {
    for (key, value) in [("ActiveState", "failed"), ("NRestarts", "1"), ("InvocationID", "b2")] {
        let host = Fake { meanwhile: Some(("a.service", key, value)), ..Fake::default() };
        let seen = look(&host, "start", &DOWN, &[]);
        assert_eq!(seen.happened, Happened::NotAtAll, "{key}");
        assert_eq!(seen.output.unwrap()["lines"][0]["message"], "it broke");
    }
    let host = Fake { meanwhile: Some(("a.service", "ActiveState", "active")), ..Fake::default() };
    let again = look(&host, "stop", &[], &DOWN);
    assert_eq!(again.reason.as_deref(), Some("a.service is active (dead), and enabled"));
}

#[test]
fn a_restart_is_another_run() {
    let host = Fake::default();
    assert!(look(&host, "restart", &[SINCE_1], &[SINCE_2]).verified);
    assert!(!look(&host, "restart", &[SINCE_1], &[SINCE_1]).verified);
    assert!(!look(&host, "restart", &[SINCE_1], &DOWN).verified);
}

#[test]
fn what_does_something_once_and_is_over_has_run_when_it_ended_well() {
    let once = |more: &[(&'static str, &'static str)]| {
        let mut unit = vec![DOWN[0], DOWN[1], ("Type", "oneshot")];
        unit.extend_from_slice(more);
        unit
    };
    let host = Fake::default();
    assert!(look(&host, "start", &once(&[]), &once(&[SINCE_1])).verified);
    assert!(!look(&host, "start", &once(&[]), &once(&[])).verified);
    assert!(!look(&host, "start", &once(&[]), &once(&[SINCE_1, ("Result", "exit-code")])).verified);
}

#[test]
fn after_an_interruption_only_what_the_host_shows_counts() {
    let reconciled = |op: &str, before: &[(&str, &str)], after: &[(&str, &str)]| {
        let host = Fake::default();
        host.put("a.service", before);
        let plan = plan(&host, op, "a.service").unwrap();
        host.put("a.service", after);
        adapter::of(&operation(op, "a.service")).reconcile(&plan, &host).happened
    };
    assert_eq!(reconciled("start", &DOWN, &[]), Happened::Wholly);
    assert_eq!(reconciled("start", &DOWN, &DOWN), Happened::NotAtAll);
    assert_eq!(reconciled("start", &DOWN, &[("ActiveState", "activating")]), Happened::CannotTell);
    assert_eq!(reconciled("stop", &[], &[("ActiveState", "deactivating")]), Happened::CannotTell);
    assert_eq!(reconciled("restart", &[SINCE_1], &[SINCE_1]), Happened::NotAtAll);
    assert_eq!(reconciled("restart", &[SINCE_1], &[SINCE_2]), Happened::CannotTell);
    assert_eq!(reconciled("reload", &[], &[]), Happened::CannotTell);
    assert_eq!(reconciled("disable", &[], &[("UnitFileState", "disabled")]), Happened::Wholly);
}

#[test]
fn roots_settings_change_how_long_a_state_must_last_how_much_is_told_and_how_long_it_may_take() {
    let host = Fake::default()
        .configured("hold = '5s'\nlast_lines = 0\nlimit = '7s'\nprotected_units = ['z.service']");
    let seen = look(&host, "start", &DOWN, &[]);
    assert!(seen.verified);
    assert_eq!(*host.waited.lock().unwrap(), Duration::from_secs(5));
    assert_eq!(look(&host, "stop", &[], &[]).output, None);
    host.put("a.service", &DOWN);
    assert_eq!(plan(&host, "start", "a.service").unwrap().steps[0].argv.limit, Some(Duration::from_secs(7)));
    host.put("z.service", &[]);
    assert_eq!(refused(&host, "stop", "z.service").0, Rule::SystemdProtected);
    host.put("signal-cli.service", &[]);
    assert_eq!(refused(&host, "stop", "signal-cli.service").0, Rule::SystemdProtected);
    let other = Fake::default()
        .configured("signal_unit = 'phones.service'")
        .unit("phones.service", &[])
        .unit("signal-cli.service", &[]);
    assert_eq!(refused(&other, "stop", "phones.service").0, Rule::SystemdProtected);
    assert!(plan(&other, "stop", "signal-cli.service").is_ok());
}
