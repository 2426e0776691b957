//! Every process ended at the worst moment: nothing runs twice, nothing is forgotten, and what cannot be done is said at once.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::edited::SlowZfs;
use crate::host::*;

fn destroy(resource: &str) -> Value {
    json!({"kind": "zfs", "op": "destroy", "resource": resource})
}

fn path(id: &str) -> String {
    format!("/host/op/{id}")
}

fn start(name: &str) {
    script(&["start", name]);
    is_well();
}

fn grants_of(id: &str) -> usize {
    kinds_of(id).iter().filter(|kind| *kind == "grant_signed").count()
}

/// Asks in a thread of its own, since nobody answers before the command goes on.
fn meanwhile(body: Value) -> thread::JoinHandle<Option<u16>> {
    thread::spawn(move || {
        let (url, body) = (format!("{URL}/host/op"), body.to_string());
        let args = [
            "--write-out",
            "\n%{http_code}",
            "--header",
            "Content-Type: application/json",
            "--data-binary",
            &body,
            &url,
        ];
        let text = String::from_utf8(curl("librarian", &args).stdout).unwrap();
        text.rsplit_once('\n').and_then(|(_, code)| code.parse().ok())
    })
}

/// The caller's newest operation.
fn newest() -> Answer {
    let listed = get("librarian", "/host/op?limit=1");
    Answer { code: listed.code, body: listed.body["operations"][0].clone() }
}

#[test]
fn without_the_gate_nothing_is_answered_but_that() {
    up();
    script(&["stop", "gate"]);
    let refused = zfs_op("librarian", "snapshot", "tank/media", json!({"name": "no-gate"}));
    assert_eq!((refused.code, &refused.body["code"]), (503, &json!("unavailable")), "{refused:?}");
    wait_until("health says that it is not known", || get("librarian", "/health").body["audit"].is_null());
    assert_eq!(get("librarian", "/health").body["status"], "degraded");
    assert_eq!(get("operator", "/metrics").code, 503);
    start("gate");
    assert!(!exists("tank/media@no-gate"));
    let taken = zfs_op("librarian", "snapshot", "tank/media", json!({"name": "no-gate"}));
    assert_eq!(taken.state(), "succeeded", "{taken:?}");
}

#[test]
fn without_the_launcher_a_change_fails_and_the_log_says_that_nothing_ran() {
    up();
    script(&["stop", "launcher"]);
    let failed = zfs_op("librarian", "snapshot", "tank/media", json!({"name": "no-launcher"}));
    let read = zfs_op("librarian", "list", "tank/media", json!({}));
    start("launcher");
    assert_eq!((failed.code, failed.state()), (200, "failed"), "{failed:?}");
    assert!(failed.body["error"].as_str().unwrap().contains("did not run"), "{failed:?}");
    assert_eq!(read.state(), "succeeded", "reading needs no launcher");
    assert!(!exists("tank/media@no-launcher"));
    assert_eq!(kinds_of(&failed.id()), ["decision", "grant_signed", "outcome"]);
    let again = zfs_op("librarian", "snapshot", "tank/media", json!({"name": "no-launcher"}));
    assert_eq!(again.state(), "succeeded", "{again:?}");
}

#[test]
fn an_approval_outlives_a_killed_gate_and_only_the_phone_has_its_token() {
    up();
    zfs(&["snapshot", "tank/media@outlives"]);
    let asked = op("librarian", destroy("tank/media@outlives"));
    let token = token(&prompt("alice", &["tank/media@outlives"]));
    script(&["kill", "gate"]);
    start("gate");
    let waits = get("librarian", &path(&asked.id()));
    assert_eq!((waits.state(), &waits.body["approval"]["needed"]), ("pending", &json!(1)), "{waits:?}");
    say("alice", &format!("CONFIRM {token}"));
    assert_eq!(end_of("librarian", &asked.id()).state(), "succeeded");
    assert!(!exists("tank/media@outlives"));
    assert_eq!(grants_of(&asked.id()), 1);
}

#[test]
fn one_confirmation_of_two_outlives_a_killed_gate() {
    up();
    zfs(&["create", "tank/vm/102"]);
    let asked = op("librarian", destroy("tank/vm/102"));
    let token = token(&prompt("alice", &["zfs destroy tank/vm/102"]));
    say("alice", &format!("CONFIRM {token}"));
    wait_until("one has confirmed", || get("librarian", &path(&asked.id())).body["approval"]["given"] == 1);
    script(&["kill", "gate"]);
    start("gate");
    say("alice", &format!("CONFIRM {token}"));
    hears("alice", "a person counts once");
    assert!(exists("tank/vm/102"));
    say("bob", &format!("CONFIRM {token}"));
    assert_eq!(end_of("librarian", &asked.id()).state(), "succeeded");
}

#[test]
fn what_people_say_while_the_gate_is_down_is_heard_when_it_is_back() {
    up();
    zfs(&["snapshot", "tank/media@meanwhile"]);
    let asked = op("librarian", destroy("tank/media@meanwhile"));
    let token = token(&prompt("bob", &["tank/media@meanwhile"]));
    script(&["kill", "gate"]);
    wait_until("nobody listens", || people(&json!({"do": "listeners"}))["listeners"] == 0);
    say("bob", &format!("DENY {token}"));
    start("gate");
    assert_eq!(end_of("librarian", &asked.id()).state(), "refused");
    assert!(exists("tank/media@meanwhile"));
}

#[test]
fn a_step_that_outlives_a_killed_gate_is_looked_into_and_never_run_again() {
    up();
    let slow = SlowZfs::holding("snapshot");
    let caller = meanwhile(
        json!({"kind": "zfs", "op": "snapshot", "resource": "tank/media", "params": {"name": "killed"}}),
    );
    slow.wait_for_one();
    script(&["kill", "gate"]);
    caller.join().unwrap();
    script(&["start", "gate"]);
    wait_until("the gate answers", || newest().code == 200);
    let found = newest();
    assert_eq!(found.state(), "executing", "nobody says that it failed while it may still run: {found:?}");
    // The same once more joins what may still run, or waits for its end; it does not begin beside it.
    assert!(!exists("tank/media@killed"));
    drop(slow);
    let done = end_of("librarian", &found.id());
    assert_eq!((done.state(), &done.body["verified"]), ("succeeded", &json!(true)), "{done:?}");
    assert!(exists("tank/media@killed"));
    assert_eq!(kinds_of(&found.id()), ["decision", "grant_signed", "reconciled"]);
    is_well();
}

#[test]
fn a_destroy_of_several_steps_that_was_cut_off_does_not_go_on_by_itself() {
    up();
    zfs(&["create", "tank/media/steps"]);
    zfs(&["snapshot", "tank/media/steps@a"]);
    let mut body = destroy("tank/media/steps");
    body["params"] = json!({"recursive": true});
    let asked = op("librarian", body);
    let token = token(&prompt("alice", &["tank/media/steps (recursive)"]));
    let slow = SlowZfs::holding("destroy");
    say("alice", &format!("CONFIRM {token}"));
    slow.wait_for_one();
    script(&["kill", "gate"]);
    script(&["start", "gate"]);
    let first = slow.arrived();
    drop(slow);
    let ended = get("librarian", &format!("{}?wait=100", path(&asked.id())));
    assert_eq!(ended.state(), "unknown", "{ended:?}");
    assert!(ended.body["error"].as_str().unwrap().contains("stopped"), "{ended:?}");
    assert_eq!((first.len(), grants_of(&asked.id())), (1, 1));
    assert!(
        exists("tank/media/steps") && !exists("tank/media/steps@a"),
        "the first step ran, the second did not"
    );
    hears("alice", "interrupted: how it ended is not known");
    zfs(&["destroy", "-r", "tank/media/steps"]);
    is_well();
}

#[test]
fn a_gate_that_is_asked_to_stop_lets_the_running_step_end_first() {
    up();
    let slow = SlowZfs::holding("snapshot");
    let caller = meanwhile(
        json!({"kind": "zfs", "op": "snapshot", "resource": "tank/media", "params": {"name": "drained"}}),
    );
    slow.wait_for_one();
    let id = newest().id();
    let stopping = thread::spawn(|| script(&["stop", "gate"]));
    wait_until("nothing new is taken", || zfs_op("librarian", "list", "tank/media", json!({})).code == 503);
    let refused = zfs_op("librarian", "snapshot", "tank/media", json!({"name": "too-late"}));
    assert_eq!((refused.code, &refused.body["code"]), (503, &json!("unavailable")), "{refused:?}");
    drop(slow);
    stopping.join().unwrap();
    caller.join().unwrap();
    let kinds = kinds_of(&id);
    assert_eq!(kinds, ["decision", "grant_signed", "step_finished", "outcome"]);
    assert_eq!(records().last().unwrap()["kind"], "gate_stopped");
    start("gate");
    assert_eq!(get("librarian", &path(&id)).state(), "succeeded");
    assert!(exists("tank/media@drained") && !exists("tank/media@too-late"));
}

#[test]
fn a_launcher_killed_under_a_step_leaves_no_step_behind_that_nobody_knows_of() {
    up();
    let slow = SlowZfs::holding("snapshot");
    let caller = meanwhile(
        json!({"kind": "zfs", "op": "snapshot", "resource": "tank/media", "params": {"name": "orphan"}}),
    );
    slow.wait_for_one();
    let id = newest().id();
    script(&["kill", "launcher"]);
    script(&["start", "launcher"]);
    assert_eq!(get("librarian", &path(&id)).state(), "executing");
    drop(slow);
    let ended = get("librarian", &format!("{}?wait=100", path(&id)));
    caller.join().unwrap();
    assert_eq!((ended.state() == "succeeded", exists("tank/media@orphan")), (true, true), "{ended:?}");
    assert_eq!(grants_of(&id), 1);
}

#[test]
fn a_front_that_is_killed_while_a_caller_waits_changes_nothing_for_the_operation() {
    up();
    zfs(&["snapshot", "tank/media@front"]);
    let asked = op("librarian", destroy("tank/media@front"));
    let token = token(&prompt("alice", &["tank/media@front"]));
    let waiting = thread::spawn({
        let url = format!("{URL}{}?wait=60", path(&asked.id()));
        move || curl("librarian", &[&url]).status.success()
    });
    script(&["kill", "front"]);
    assert!(!waiting.join().unwrap());
    say("alice", &format!("CONFIRM {token}"));
    hears("alice", "done, and the host shows it");
    wait_until("it is gone", || !exists("tank/media@front"));
    start("front");
    assert_eq!(end_of("librarian", &asked.id()).state(), "succeeded");
}

#[test]
fn when_nobody_can_be_asked_the_caller_hears_it_at_once() {
    up();
    zfs(&["snapshot", "tank/media@silent"]);
    let begun = Instant::now();
    assert_eq!(post("librarian", "/host/plan", &destroy("tank/media@silent"), &[]).code, 200);
    let planning = begun.elapsed();
    script(&["kill", "signal"]);
    let begun = Instant::now();
    let refused = op("librarian", destroy("tank/media@silent"));
    let took = begun.elapsed();
    assert_eq!((refused.code, &refused.body["code"]), (503, &json!("no_channel")), "{refused:?}");
    assert!(took < planning + Duration::from_secs(1), "it took {took:?}");
    wait_until("health says so", || get("librarian", "/health").body["approvals"] == "down");
    assert_eq!(get("librarian", "/pending").body["approvals"], json!([]));
    assert_eq!(zfs_op("librarian", "snapshot", "tank/media", json!({"name": "loud"})).state(), "succeeded");
    start("signal");
    let asked = op("librarian", destroy("tank/media@silent"));
    assert_eq!(asked.state(), "pending", "that nobody could be asked is no refusal: {asked:?}");
    say("alice", &format!("CONFIRM {}", token(&prompt("alice", &["tank/media@silent"]))));
    assert_eq!(end_of("librarian", &asked.id()).state(), "succeeded");
}

#[test]
fn a_daemon_that_takes_messages_and_delivers_none_is_no_channel() {
    up();
    zfs(&["snapshot", "tank/media@void"]);
    people(&json!({"do": "fault", "empty_results": true}));
    let refused = op("librarian", destroy("tank/media@void"));
    people(&json!({"do": "fault"}));
    assert_eq!((refused.code, &refused.body["code"]), (503, &json!("no_channel")), "{refused:?}");
    let id = refused.body["operation"].as_str().unwrap();
    assert_eq!(get("librarian", &path(id)).state(), "failed");
    assert!(exists("tank/media@void"));
}
