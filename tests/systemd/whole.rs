//! The whole chain on a running systemd: an agent's request, rules, people, a grant, sudo, the wrapper, systemctl.

use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::guest;
use crate::host::*;

/// The installed host with the suite's own rules, which one test has to itself.
fn up() -> guest::Guest {
    let guest = guest::Guest::new();
    up_after(|| ());
    guest
}

fn systemd_op(op_name: &str, unit: &str, params: Value) -> Answer {
    op("librarian", json!({"kind": "systemd", "op": op_name, "resource": unit, "params": params}))
}

fn as_user(user: &str, command: &[&str]) -> Output {
    let options = ["--reuid", user, "--regid", user, "--init-groups", "--"];
    Command::new("/usr/bin/setpriv").args(options).args(command).output().unwrap()
}

/// Has a person confirm what is asked.
fn confirmed(asked: &Answer, words: &[&str]) -> Answer {
    assert_eq!((asked.code, asked.state()), (202, "pending"), "{asked:?}");
    say("alice", &format!("CONFIRM {}", token(&prompt("alice", words))));
    end_of("librarian", &asked.id())
}

#[test]
fn a_unit_is_started_at_once_stopped_when_a_person_confirms_and_brought_back() {
    let _guest = up();
    guest::service("w-web.service");
    let started = systemd_op("start", "w-web.service", json!({}));
    let started = end_of("librarian", &started.id());
    assert_eq!((started.state(), &started.body["verified"]), ("succeeded", &json!(true)), "{started:?}");
    assert_eq!(guest::is_active("w-web.service"), "active");
    assert_eq!(kinds_of(&started.id()), ["decision", "grant_signed", "step_finished", "outcome"]);
    let asked = systemd_op("stop", "w-web.service", json!({}));
    assert_eq!(guest::is_active("w-web.service"), "active");
    let stopped = confirmed(&asked, &["systemd stop w-web.service", "UNDO"]);
    assert_eq!((stopped.state(), &stopped.body["verified"]), ("succeeded", &json!(true)), "{stopped:?}");
    assert_eq!(guest::is_active("w-web.service"), "inactive");
    let undo = op("librarian", stopped.body["undo"]["op"].clone());
    assert_eq!(end_of("librarian", &undo.id()).body["verified"], true, "{undo:?}");
    assert_eq!(guest::is_active("w-web.service"), "active");
    confirmed(&systemd_op("stop", "w-web.service", json!({})), &["systemd stop w-web.service"]);
}

#[test]
fn an_approval_is_void_when_the_units_files_are_others() {
    let _guest = up();
    guest::service("w-void.service");
    guest::systemctl(&["start", "w-void.service"]);
    let asked = systemd_op("stop", "w-void.service", json!({}));
    let first = prompt("alice", &["systemd stop w-void.service"]);
    std::fs::create_dir_all("/etc/systemd/system/w-void.service.d").unwrap();
    std::fs::write("/etc/systemd/system/w-void.service.d/x.conf", "[Service]\nExecStopPost=/bin/true\n")
        .unwrap();
    guest::systemctl(&["daemon-reload"]);
    say("alice", &format!("CONFIRM {}", token(&first)));
    wait_until("people are asked anew", || {
        messages("alice")
            .iter()
            .filter(|text| text.contains("systemd stop w-void.service") && text.contains("   or   "))
            .count()
            > 1
    });
    assert_eq!(guest::is_active("w-void.service"), "active");
    let ended = confirmed(&asked_again(&asked), &["systemd stop w-void.service"]);
    assert_eq!(ended.state(), "succeeded", "{ended:?}");
    assert!(records_of(&asked.id()).iter().any(|record| record["kind"] == "approval_closed"));
}

fn asked_again(asked: &Answer) -> Answer {
    Answer { code: 202, body: get("librarian", &format!("/host/op/{}", asked.id())).body }
}

#[test]
fn what_the_way_in_stands_on_is_refused_and_nobody_is_asked() {
    let _guest = up();
    let before = messages("alice").len();
    for unit in ["dbus.service", "systemd-logind.service"] {
        let refused = systemd_op("stop", unit, json!({}));
        assert_eq!(refused.body["decision"]["rule"], "systemd-protected", "{refused:?}");
        assert!(refused.code >= 400, "{refused:?}");
    }
    assert_eq!(messages("alice").len(), before);
}

#[test]
fn what_would_stop_along_must_be_in_the_contract_too() {
    let _guest = up();
    guest::service("w-db.service");
    guest::unit("t-foreign.service", &format!("[Unit]\nRequires=w-db.service\n{}", guest::RUNS));
    guest::systemctl(&["start", "t-foreign.service"]);
    let refused = systemd_op("stop", "w-db.service", json!({}));
    assert_eq!(
        (refused.code, &refused.body["decision"]["rule"]),
        (403, &json!("contract-effects")),
        "{refused:?}"
    );
    let outside = systemd_op("stop", "t-foreign.service", json!({}));
    assert_eq!(
        (outside.code, &outside.body["decision"]["rule"]),
        (403, &json!("contract-resource")),
        "{outside:?}"
    );
    for unit in ["t-foreign.service", "w-db.service"] {
        assert_eq!(guest::is_active(unit), "active");
        guest::systemctl(&["stop", unit]);
    }
}

#[test]
fn an_instance_is_granted_by_its_template_and_its_neighbour_is_not() {
    let _guest = up();
    guest::unit("w-inst@.service", guest::RUNS);
    let started = systemd_op("start", "w-inst@one.service", json!({}));
    assert_eq!(end_of("librarian", &started.id()).body["verified"], true, "{started:?}");
    guest::unit("w-inst2@.service", guest::RUNS);
    assert_eq!(systemd_op("start", "w-inst2@one.service", json!({})).code, 403);
    for name in ["w-inst@.service", "w-inst@*.service", "--now", "../x.service"] {
        assert_eq!(systemd_op("start", name, json!({})).code, 422, "{name}");
    }
    guest::systemctl(&["stop", "w-inst@one.service"]);
}

#[test]
fn a_unit_that_fails_tells_its_caller_what_the_journal_says_and_the_audit_log_nothing() {
    let _guest = up();
    guest::unit(
        "w-fail.service",
        "[Service]\nType=oneshot\nExecStart=/bin/sh -c 'echo pssst-a-secret >&2; exit 4'\n",
    );
    let failed = end_of("librarian", &systemd_op("start", "w-fail.service", json!({})).id());
    assert_eq!(failed.state(), "failed", "{failed:?}");
    let error = failed.body["error"].as_str().unwrap_or_default();
    assert!(error.contains("unit-failed") && error.contains("exit-code"), "{failed:?}");
    assert!(failed.body["result"]["output"].to_string().contains("pssst-a-secret"), "{failed:?}");
    assert!(!std::fs::read_to_string(AUDIT).unwrap().contains("pssst-a-secret"));
    let forgotten = systemd_op("reset-failed", "w-fail.service", json!({}));
    assert_eq!(end_of("librarian", &forgotten.id()).body["verified"], true);
}

#[test]
fn a_unit_that_starts_and_dies_is_not_called_a_success() {
    let _guest = up();
    guest::unit("w-dies.service", "[Service]\nExecStart=/bin/sh -c 'sleep 0.4; exit 1'\n");
    let died = end_of("librarian", &systemd_op("start", "w-dies.service", json!({})).id());
    assert_eq!(died.body["verified"], false, "{died:?}");
}

#[test]
fn a_start_that_takes_longer_than_the_limit_ends_as_unknown_with_what_the_host_shows() {
    let _guest = up();
    guest::unit("w-slow.service", "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/sleep 200\n");
    let ended = end_of("librarian", &systemd_op("start", "w-slow.service", json!({})).id());
    assert_eq!((ended.state(), &ended.body["verified"]), ("unknown", &json!(false)), "{ended:?}");
    assert_eq!(ended.body["result"]["units"][0]["active"], "activating", "{ended:?}");
    guest::systemctl(&["stop", "w-slow.service"]);
}

#[test]
fn the_journal_is_read_by_grant_and_its_lines_come_as_events() {
    let _guest = up();
    guest::unit(
        "w-logs.service",
        "[Service]\nType=oneshot\nExecStart=/bin/sh -c 'echo first; echo second'\n",
    );
    guest::systemctl(&["start", "w-logs.service"]);
    let gates_own = as_user("reeve-gate", &["/usr/bin/journalctl", "--quiet", "--lines=1"]);
    assert!(gates_own.stdout.is_empty(), "{gates_own:?}");
    guest::wait_until("the journal has it", || {
        let read = end_of("librarian", &systemd_op("logs", "w-logs.service", json!({"lines": 20})).id());
        read.body["result"]["lines"]
            .as_array()
            .is_some_and(|lines| lines.iter().any(|line| line["message"] == "second"))
    });
    let read = systemd_op("logs", "w-logs.service", json!({"lines": 20, "since": "1h"}));
    let events = curl("librarian", &[&format!("{URL}/host/op/{}/events", read.id())]);
    let events = String::from_utf8(events.stdout).unwrap();
    let first =
        events.lines().any(|line| line.starts_with("data: {") && line.contains("\"message\":\"first\""));
    assert!(first && events.contains("event: output"), "{events}");
    assert!(kinds_of(&read.id()).contains(&"grant_signed".to_owned()));
    assert_eq!(systemd_op("logs", "system", json!({})).code, 403);
}

#[test]
fn reads_need_no_grant_and_are_bounded_by_the_contract() {
    let _guest = up();
    let listed = op("operator", json!({"kind": "systemd", "op": "list", "resource": "system"}));
    assert_eq!(listed.code, 403, "{listed:?}");
    guest::service("w-web.service");
    let status = systemd_op("status", "w-web.service", json!({}));
    assert_eq!(
        (status.state(), &status.body["result"]["unit"]),
        ("succeeded", &json!("w-web.service")),
        "{status:?}"
    );
    assert_eq!(systemd_op("status", "dbus.socket", json!({})).code, 403);
    let plan = post(
        "librarian",
        "/host/plan",
        &json!({"kind": "systemd", "op": "start", "resource": "w-web.service"}),
        &[],
    );
    assert_eq!(plan.body["effects"]["objects"][0]["action"], "start", "{plan:?}");
    assert_eq!(guest::is_active("w-web.service"), "inactive");
}

#[test]
fn the_wrapper_runs_nothing_without_a_grant_whoever_asks() {
    let _guest = up();
    let sudo = |user: &str| {
        as_user(user, &["/usr/bin/sudo", "-n", "/usr/local/libexec/reeve/reeve-systemd"]).status.code()
    };
    assert_eq!(sudo("reeve-run"), Some(125));
    assert_eq!(sudo("reeve"), Some(1));
    assert_eq!(sudo("reeve-gate"), Some(1));
}
