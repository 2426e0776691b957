//! The same asked twice, asked by somebody else, or taken back: one intent is one approval and happens once.

use std::thread;

use serde_json::{Value, json};

use crate::host::*;

fn destroy(resource: &str) -> Value {
    json!({"kind": "zfs", "op": "destroy", "resource": resource})
}

fn with_key(agent: &str, body: &Value, key: &str) -> Answer {
    post(agent, "/host/op", body, &["--header", &format!("Idempotency-Key: {key}")])
}

fn path(id: &str) -> String {
    format!("/host/op/{id}")
}

/// How often a person was asked about this.
fn prompts(of: &str, word: &str) -> usize {
    messages(of).iter().filter(|text| text.contains("   or   ") && text.contains(word)).count()
}

fn restart_gate() {
    script(&["kill", "gate"]);
    script(&["start", "gate"]);
    is_well();
}

#[test]
fn the_same_key_gives_the_first_answer_and_with_another_operation_a_conflict() {
    up();
    let body =
        json!({"kind": "zfs", "op": "snapshot", "resource": "tank/media", "params": {"name": "keyed"}});
    let first = with_key("librarian", &body, "key-1");
    assert_eq!((first.code, first.state()), (200, "succeeded"), "{first:?}");
    let again = with_key("librarian", &body, "key-1");
    assert_eq!((again.code, again.id()), (200, first.id()));
    assert_eq!(kinds_of(&first.id()).iter().filter(|kind| *kind == "grant_signed").count(), 1);
    let other = with_key(
        "librarian",
        &json!({"kind": "zfs", "op": "snapshot", "resource": "tank/vm", "params": {"name": "keyed"}}),
        "key-1",
    );
    assert_eq!((other.code, &other.body["code"]), (409, &json!("idempotency_conflict")), "{other:?}");
    assert!(!exists("tank/vm@keyed"));
    // A key is its caller's own.
    let theirs = json!({"kind": "zfs", "op": "list", "resource": "tank/archive"});
    assert_eq!(with_key("archivist", &theirs, "key-1").code, 200);
    restart_gate();
    assert_eq!(with_key("librarian", &body, "key-1").id(), first.id(), "the key outlives the gate");
}

#[test]
fn a_key_that_joined_another_operation_keeps_its_answer_after_the_end() {
    up();
    zfs(&["snapshot", "tank/media@joined"]);
    let first = op("librarian", destroy("tank/media@joined"));
    let joined = with_key("librarian", &destroy("tank/media@joined"), "key-joined");
    assert_eq!((joined.code, joined.id()), (202, first.id()));
    say("alice", &format!("CONFIRM {}", token(&prompt("alice", &["tank/media@joined"]))));
    assert_eq!(end_of("librarian", &first.id()).state(), "succeeded");
    let again = with_key("librarian", &destroy("tank/media@joined"), "key-joined");
    assert_eq!((again.code, again.id(), again.state()), (200, first.id(), "succeeded"), "{again:?}");
}

#[test]
fn two_identical_destroys_at_once_are_one_request_to_people() {
    up();
    zfs(&["snapshot", "tank/media@twice"]);
    let asking: Vec<_> =
        (0..6).map(|_| thread::spawn(|| op("librarian", destroy("tank/media@twice")))).collect();
    let answers: Vec<Answer> = asking.into_iter().map(|one| one.join().unwrap()).collect();
    let id = answers[0].id();
    assert!(answers.iter().all(|answer| answer.code == 202 && answer.id() == id), "{answers:?}");
    prompt("alice", &["tank/media@twice"]);
    assert_eq!((prompts("alice", "tank/media@twice"), prompts("bob", "tank/media@twice")), (1, 1));
    assert_eq!(call("librarian", "DELETE", &path(&id), &[]).state(), "cancelled");
}

#[test]
fn an_operation_of_somebody_else_looks_like_none() {
    up();
    zfs(&["snapshot", "tank/media@mine"]);
    let asked = op("librarian", destroy("tank/media@mine"));
    let none = "op_00000000000000000000000000";
    for (method, below) in [("GET", ""), ("GET", "?wait=1"), ("GET", "/events"), ("DELETE", "")] {
        let theirs = call("archivist", method, &(path(&asked.id()) + below), &[]);
        let nobodys = call("archivist", method, &(path(none) + below), &[]);
        assert_eq!((theirs.code, &theirs.body), (404, &nobodys.body), "{method} {below}");
    }
    assert!(!get("archivist", "/pending").body.to_string().contains(&asked.id()));
    assert!(get("librarian", "/pending").body.to_string().contains(&asked.id()));
    assert_eq!(get("operator", &path(&asked.id())).state(), "pending");
    assert!(get("operator", "/pending").body.to_string().contains(&asked.id()));
    assert_eq!(call("operator", "DELETE", &path(&asked.id()), &[]).state(), "cancelled");
    assert!(exists("tank/media@mine"));
}

#[test]
fn what_is_taken_back_is_over_and_cannot_be_put_to_people_again_at_once() {
    up();
    zfs(&["snapshot", "tank/media@back"]);
    let asked = op("librarian", destroy("tank/media@back"));
    let token = token(&prompt("alice", &["tank/media@back"]));
    let taken = call("librarian", "DELETE", &path(&asked.id()), &[]);
    assert_eq!((taken.code, taken.state()), (200, "cancelled"), "{taken:?}");
    assert_eq!(call("librarian", "DELETE", &path(&asked.id()), &[]).state(), "cancelled");
    hears("alice", "cancelled by whoever asked, nothing ran");
    say("alice", &format!("CONFIRM {token}"));
    hears("alice", "Not counted");
    assert_eq!(get("librarian", &path(&asked.id())).state(), "cancelled");
    assert!(exists("tank/media@back"));
    let again = op("librarian", destroy("tank/media@back"));
    assert_eq!((again.code, &again.body["code"]), (429, &json!("cool_down")), "{again:?}");
    let done = zfs_op("librarian", "snapshot", "tank/media", json!({"name": "done"}));
    let late = call("librarian", "DELETE", &path(&done.id()), &[]);
    assert_eq!((late.code, &late.body["code"]), (409, &json!("too_late")), "{late:?}");
}

#[test]
fn a_refusal_cools_down_over_a_crash_too() {
    up();
    zfs(&["snapshot", "tank/media@cool"]);
    let asked = op("librarian", destroy("tank/media@cool"));
    say("bob", &format!("DENY {}", token(&prompt("bob", &["tank/media@cool"]))));
    assert_eq!(end_of("librarian", &asked.id()).state(), "refused");
    restart_gate();
    let again = op("librarian", destroy("tank/media@cool"));
    assert_eq!((again.code, &again.body["code"]), (429, &json!("cool_down")), "{again:?}");
    // Another agent's same wish is another intent, and this one's other wishes are not concerned.
    zfs(&["snapshot", "tank/media@warm"]);
    let other = op("librarian", destroy("tank/media@warm"));
    assert_eq!(other.state(), "pending", "{other:?}");
    call("librarian", "DELETE", &path(&other.id()), &[]);
}

#[test]
fn only_so_many_requests_of_one_agent_wait_for_people() {
    up();
    let names: Vec<String> = (0..6).map(|number| format!("tank/media@many-{number}")).collect();
    names.iter().for_each(|name| drop(zfs(&["snapshot", name])));
    let answers: Vec<Answer> = names.iter().map(|name| op("librarian", destroy(name))).collect();
    let (last, first) = answers.split_last().unwrap();
    assert!(first.iter().all(|answer| answer.code == 202), "{first:?}");
    assert_eq!((last.code, &last.body["code"]), (409, &json!("busy")), "{last:?}");
    assert_eq!(prompts("alice", "tank/media@many-5"), 0);
    for answer in first {
        call("librarian", "DELETE", &path(&answer.id()), &[]);
    }
}

#[test]
fn the_requester_and_whoever_it_acts_for_cannot_approve() {
    up();
    zfs(&["snapshot", "tank/media@own"]);
    let mut body = destroy("tank/media@own");
    body["metadata"] = json!({"on_behalf_of": "Alice"});
    let asked = op("librarian", body);
    let token = token(&prompt("bob", &["tank/media@own"]));
    assert_eq!(prompts("alice", "tank/media@own"), 0, "she is not even asked");
    say("alice", &format!("CONFIRM {token}"));
    wait_until("her vote is on record", || {
        records().iter().any(|record| {
            record["kind"] == "vote"
                && record["detail"]["by"] == "alice"
                && record["detail"]["counted"] == false
        })
    });
    assert_eq!(get("librarian", &path(&asked.id())).state(), "pending");
    say("bob", &format!("CONFIRM {token}"));
    assert_eq!(end_of("librarian", &asked.id()).state(), "succeeded");
}

#[test]
fn events_tell_each_state_and_go_on_where_they_were_cut_off() {
    up();
    zfs(&["snapshot", "tank/media@told"]);
    let asked = op("librarian", destroy("tank/media@told"));
    let token = token(&prompt("alice", &["tank/media@told"]));
    let url = format!("{URL}/host/op/{}/events", asked.id());
    let first = curl("librarian", &["--no-buffer", "--max-time", "2", &url]);
    let first = String::from_utf8(first.stdout).unwrap();
    assert!(first.contains("pending"), "{first}");
    let seen = first
        .lines()
        .rfind(|line| line.starts_with("id:"))
        .unwrap()
        .trim_start_matches("id:")
        .trim()
        .to_owned();
    say("alice", &format!("CONFIRM {token}"));
    let rest = curl(
        "librarian",
        &["--no-buffer", "--max-time", "30", "--header", &format!("Last-Event-ID: {seen}"), &url],
    );
    let rest = String::from_utf8(rest.stdout).unwrap();
    assert!(
        rest.contains("succeeded") && !rest.contains("\"pending\""),
        "it ends with the operation: {rest}"
    );
    let version = |id: &str| -> u64 { id.trim().split_once('.').unwrap().0.parse().unwrap() };
    let ids: Vec<u64> = rest.lines().filter_map(|line| line.strip_prefix("id:")).map(version).collect();
    assert!(ids.is_sorted() && ids.first().is_some_and(|id| *id > version(&seen)), "{rest}");
}
