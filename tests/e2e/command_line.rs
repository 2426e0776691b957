//! `reeve` as people and scripts use it, on the host and from afar; and what Prometheus would be told.

use std::process::{Command, Output, Stdio};
use std::thread;

use serde_json::{Value, json};

use crate::as_user;
use crate::host::*;

const REEVE: &str = "/usr/local/bin/reeve";

/// `reeve` with an agent's certificate.
fn reeve(agent: &str, args: &[&str]) -> Output {
    let [certificate, key] = certificate(agent);
    let output = Command::new(REEVE)
        .args(args)
        .env_clear()
        .env("REEVE_URL", URL)
        .env("REEVE_CA", format!("{DIR}/pki/ca.crt"))
        .env("REEVE_CERT", certificate)
        .env("REEVE_KEY", key)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    received(&String::from_utf8_lossy(&output.stdout));
    received(&String::from_utf8_lossy(&output.stderr));
    output
}

fn exits(agent: &str, args: &[&str], code: i32) -> String {
    let output = reeve(agent, args);
    assert_eq!(output.status.code(), Some(code), "reeve {args:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn approval(user: &str, args: &[&str]) -> (Option<i32>, String) {
    let output = as_user(user, &[&[REEVE, "approval"], args].concat());
    let said =
        [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    received(&said);
    (output.status.code(), said)
}

#[test]
fn an_operation_from_the_shell_ends_with_the_exit_code_that_says_how() {
    up();
    exits("librarian", &["op", "zfs", "snapshot", "tank/media", "--param", "name=shell"], 0);
    assert!(exists("tank/media@shell"));
    exits("librarian", &["op", "zfs", "snapshot", "tank/media", "--param", "name=shell"], 1);
    exits("librarian", &["op", "zfs", "snapshot", "tank/archive", "--param", "name=shell"], 3);
    exits("librarian", &["op", "zfs", "snapshot", "tank/media", "--param", "nobody=1"], 2);
    exits("librarian", &["op", "zfs", "destroy", "-r"], 2);
    exits("stranger", &["health"], 3);
    assert!(exits("librarian", &["ops"], 0).contains("snapshot"));
    assert_eq!(
        exits("librarian", &["plan", "zfs", "destroy", "tank/media@shell"], 4)
            .matches("tank/media@shell")
            .count()
            .min(1),
        1
    );
    exits("librarian", &["--json", "health"], 0);
    script(&["stop", "front"]);
    exits("librarian", &["health"], 6);
    script(&["start", "front"]);
    is_well();
}

#[test]
fn a_destroy_from_the_shell_waits_for_people_and_tells_their_answer() {
    up();
    zfs(&["snapshot", "tank/media@shell-1"]);
    zfs(&["snapshot", "tank/media@shell-2"]);
    let waits = exits("librarian", &["--json", "op", "zfs", "destroy", "tank/media@shell-1"], 4);
    let id = serde_json::from_str::<Value>(&waits).unwrap()["id"].as_str().unwrap().to_owned();
    assert!(exits("librarian", &["pending"], 0).contains("tank/media@shell-1"));
    let watching = thread::spawn({
        let id = id.clone();
        move || reeve("librarian", &["watch", &id]).status.code()
    });
    say("alice", &format!("CONFIRM {}", token(&prompt("alice", &["tank/media@shell-1"]))));
    assert_eq!(watching.join().unwrap(), Some(0));
    assert!(!exists("tank/media@shell-1"));
    exits("librarian", &["status", &id], 0);
    let waiting = thread::spawn(|| {
        reeve("librarian", &["op", "zfs", "destroy", "tank/media@shell-2", "--wait"]).status.code()
    });
    say("bob", &format!("DENY {}", token(&prompt("bob", &["tank/media@shell-2"]))));
    assert_eq!(waiting.join().unwrap(), Some(5));
    zfs(&["snapshot", "tank/media@shell-3"]);
    let waits = exits("librarian", &["--json", "op", "zfs", "destroy", "tank/media@shell-3"], 4);
    let id = serde_json::from_str::<Value>(&waits).unwrap()["id"].as_str().unwrap().to_owned();
    reeve("librarian", &["cancel", &id]);
    assert_eq!(get("librarian", &format!("/host/op/{id}")).state(), "cancelled");
}

#[test]
fn a_person_on_the_host_decides_as_who_the_kernel_says_they_are() {
    up();
    zfs(&["snapshot", "tank/media@local-1"]);
    zfs(&["snapshot", "tank/media@local-2"]);
    let first = zfs_op("librarian", "destroy", "tank/media@local-1", json!({}));
    let (code, said) = approval("approver", &["list"]);
    assert!(code == Some(0) && said.contains("tank/media@local-1"), "{said}");
    for user in ["librarian", "archivist", "reeve", "reeve-run", "nobody"] {
        let (code, said) = approval(user, &["confirm", &first.id()]);
        assert!(code.is_some_and(|code| code != 0), "{user}: {said}");
        assert!(approval(user, &["list"]).0.is_some_and(|code| code != 0), "{user} sees what waits");
    }
    // Root is nobody's phone: being able to connect does not make an approver.
    let (code, said) = approval("root", &["confirm", &first.id()]);
    assert!(code.is_some_and(|code| code != 0), "{said}");
    assert_eq!(get("librarian", &format!("/host/op/{}", first.id())).state(), "pending");
    assert!(exists("tank/media@local-1"));
    let (code, said) = approval("approver", &["confirm", &first.id()]);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(end_of("librarian", &first.id()).state(), "succeeded");
    let votes = records_of(&first.id()).into_iter().filter(|record| record["kind"] == "vote");
    let voters: Vec<Value> = votes.map(|record| record["detail"]["by"].clone()).collect();
    assert_eq!(voters, [json!("alice")]);
    let second = zfs_op("librarian", "destroy", "tank/media@local-2", json!({}));
    assert_eq!(approval("approver", &["deny", &second.id()]).0, Some(0));
    assert_eq!(end_of("librarian", &second.id()).state(), "refused");
    assert!(exists("tank/media@local-2"));
    assert_ne!(approval("approver", &["confirm", &second.id()]).0, Some(0), "a no is not turned into a yes");
}

#[test]
fn one_person_on_the_host_and_in_signal_is_one_person() {
    up();
    zfs(&["create", "tank/vm/103"]);
    let asked = zfs_op("librarian", "destroy", "tank/vm/103", json!({}));
    let token = token(&prompt("alice", &["zfs destroy tank/vm/103"]));
    assert_eq!(approval("approver", &["confirm", &asked.id(), "tank/vm/103"]).0, Some(0));
    say("alice", &format!("CONFIRM {token}"));
    hears("alice", "a person counts once");
    assert_eq!(get("librarian", &format!("/host/op/{}", asked.id())).body["approval"]["given"], 1);
    assert!(exists("tank/vm/103"));
    say("bob", &format!("CONFIRM {token}"));
    assert_eq!(end_of("librarian", &asked.id()).state(), "succeeded");
}

#[test]
fn the_installed_configuration_passes_its_own_check() {
    up();
    let output = Command::new(REEVE).arg("check").output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
}

/// The value of a metric with exactly these labels.
fn value(text: &str, series: &str) -> f64 {
    let line = text.lines().find(|line| line.starts_with(series) && line[series.len()..].starts_with(' '));
    line.map_or(0.0, |line| line[series.len() + 1..].parse().unwrap())
}

#[test]
fn metrics_are_what_prometheus_reads_and_count_what_happened() {
    up();
    let metrics = || {
        let answer = get("operator", "/metrics");
        assert_eq!(answer.code, 200, "{answer:?}");
        answer.body.as_str().unwrap().to_owned()
    };
    let before = metrics();
    zfs_op("librarian", "snapshot", "tank/media", json!({"name": "counted"}));
    zfs(&["snapshot", "tank/media@counted-2"]);
    let asked = zfs_op("librarian", "destroy", "tank/media@counted-2", json!({}));
    let while_it_waits = metrics();
    call("librarian", "DELETE", &format!("/host/op/{}", asked.id()), &[]);
    let after = metrics();
    let grew = |series: &str, by: f64| {
        let (from, to) = (value(&before, series), value(&after, series));
        assert_eq!(to - from, by, "{series}: {from} → {to}");
    };
    grew("reeve_decisions_total{kind=\"zfs\",op=\"snapshot\",verdict=\"allow\"}", 1.0);
    grew("reeve_decisions_total{kind=\"zfs\",op=\"destroy\",verdict=\"review\"}", 1.0);
    grew("reeve_operations_total{kind=\"zfs\",op=\"snapshot\",state=\"succeeded\"}", 1.0);
    grew("reeve_approvals_total{outcome=\"cancelled\"}", 1.0);
    let pending = "reeve_approvals_pending";
    assert_eq!(value(&while_it_waits, pending) - value(&before, pending), 1.0);
    assert_eq!(value(&after, pending), value(&before, pending));
    assert_eq!(
        (value(&after, "reeve_approval_channel_up"), value(&after, "reeve_approvers_reachable")),
        (1.0, 2.0)
    );
    for foreign in ["tank/", "@", &asked.id(), "CN="] {
        assert!(!after.contains(foreign), "{foreign} is in a label");
    }
    // The virtual machine with the real ZFS has no promtool; what it serves is the same.
    if std::env::var("REEVE_ZFS").as_deref() == Ok("fake") {
        let file = format!("{DIR}/metrics");
        std::fs::write(&file, &after).unwrap();
        let checked = Command::new("/usr/bin/promtool")
            .args(["check", "metrics"])
            .stdin(std::fs::File::open(file).unwrap())
            .output()
            .unwrap();
        assert!(checked.status.success(), "{checked:?}");
    }
}
