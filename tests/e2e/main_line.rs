//! The straight line: an agent asks, rules decide, a person confirms, root acts, the log proves it.

use serde_json::json;

use crate::host::*;

#[test]
fn a_read_and_a_snapshot_run_at_once_and_are_recorded_step_by_step() {
    up();
    let listed = zfs_op("librarian", "list", "tank/media", json!({}));
    assert_eq!((listed.code, listed.state()), (200, "succeeded"), "{listed:?}");
    assert_eq!(listed.body["result"]["items"][0]["name"], "tank/media");
    let taken =
        op("librarian", json!({"kind": "zfs", "resource": "tank/media", "args": ["snapshot", "main-1"]}));
    assert_eq!((taken.code, taken.state()), (200, "succeeded"), "{taken:?}");
    assert_eq!(taken.body["verified"], true);
    assert_eq!(taken.body["undo"]["op"]["op"], "destroy");
    assert!(exists("tank/media@main-1"));
    assert_eq!(kinds_of(&taken.id()), ["decision", "grant_signed", "step_finished", "outcome"]);
}

#[test]
fn a_destroy_waits_for_a_person_who_has_only_what_the_phone_shows() {
    up();
    zfs(&["snapshot", "tank/media@old-1"]);
    let asked = op(
        "librarian",
        json!({
            "kind": "zfs", "op": "destroy", "resource": "tank/media@old-1", "reason": "weekly cleanup",
            "metadata": {"run_id": "r-17", "on_behalf_of": "carol"}
        }),
    );
    assert_eq!((asked.code, asked.state()), (202, "pending"), "{asked:?}");
    assert_eq!(asked.body["approval"]["needed"], 1);
    let prompt = prompt("alice", &["zfs destroy tank/media@old-1"]);
    assert!(
        prompt.contains("librarian") && prompt.contains("weekly cleanup") && prompt.contains("NO UNDO"),
        "{prompt}"
    );
    assert!(exists("tank/media@old-1"));
    say("alice", &format!("confirm {}", token(&prompt).to_lowercase().replace('-', " ")));
    let done = end_of("librarian", &asked.id());
    assert_eq!((done.state(), &done.body["verified"]), ("succeeded", &json!(true)), "{done:?}");
    assert!(!exists("tank/media@old-1"));
    hears("alice", "done, and the host shows it");
    assert_eq!(
        kinds_of(&asked.id()),
        ["decision", "approval_asked", "vote", "grant_signed", "step_finished", "outcome"]
    );
}

#[test]
fn a_token_is_in_nothing_but_peoples_phones() {
    up();
    zfs(&["snapshot", "tank/media@old-2"]);
    let asked = zfs_op("librarian", "destroy", "tank/media@old-2", json!({}));
    let token = token(&prompt("alice", &["tank/media@old-2"]));
    let pending = get("librarian", "/pending");
    let state = get("librarian", &format!("/host/op/{}", asked.id()));
    let bare = token.replace('-', "");
    for seen in
        [asked.body.to_string(), pending.body.to_string(), state.body.to_string(), everything_written()]
    {
        assert!(!seen.contains(&token) && !seen.contains(&bare), "the token is in {seen}");
    }
    say("alice", &format!("DENY {token}"));
    assert_eq!(end_of("librarian", &asked.id()).state(), "refused");
}

/// Logs of all processes and the audit log.
fn everything_written() -> String {
    ["gate.log", "front.log", "launcher.log"]
        .iter()
        .map(|log| std::fs::read_to_string(format!("{DIR}/{log}")).unwrap())
        .chain([std::fs::read_to_string(AUDIT).unwrap()])
        .collect()
}

#[test]
fn a_refusal_ends_it_and_the_same_cannot_be_asked_again_at_once() {
    up();
    zfs(&["snapshot", "tank/media@old-3"]);
    let asked = zfs_op("librarian", "destroy", "tank/media@old-3", json!({}));
    say("bob", &format!("DENY {}", token(&prompt("bob", &["tank/media@old-3"]))));
    let ended = end_of("librarian", &asked.id());
    assert_eq!(ended.state(), "refused", "{ended:?}");
    assert!(exists("tank/media@old-3"));
    let again = zfs_op("librarian", "destroy", "tank/media@old-3", json!({}));
    assert_eq!((again.code, &again.body["code"]), (429, &json!("cool_down")), "{again:?}");
    say("alice", &format!("CONFIRM {}", token(&prompt("alice", &["tank/media@old-3"]))));
    hears("alice", "Not counted");
    assert!(exists("tank/media@old-3"));
}

#[test]
fn two_people_are_needed_where_the_rule_says_so_and_one_person_counts_once() {
    up();
    zfs(&["create", "tank/vm/101"]);
    let asked = zfs_op("librarian", "destroy", "tank/vm/101", json!({}));
    assert_eq!(asked.body["approval"]["needed"], 2, "{asked:?}");
    let token = token(&prompt("alice", &["zfs destroy tank/vm/101"]));
    say("alice", &format!("CONFIRM {token}"));
    hears("alice", "1 of 2");
    say("alice", &format!("CONFIRM {token}"));
    hears("alice", "a person counts once");
    assert!(exists("tank/vm/101"));
    assert_eq!(get("librarian", &format!("/host/op/{}", asked.id())).body["approval"]["given"], 1);
    say("bob", &format!("CONFIRM {token}"));
    assert_eq!(end_of("librarian", &asked.id()).state(), "succeeded");
    assert!(!exists("tank/vm/101"));
}

#[test]
fn a_reply_to_the_prompt_counts_as_its_token_does_and_a_thumb_approves_nothing() {
    up();
    zfs(&["snapshot", "tank/media@old-4"]);
    let asked = zfs_op("librarian", "destroy", "tank/media@old-4", json!({}));
    prompt("alice", &["tank/media@old-4"]);
    let told = people(&json!({"do": "messages", "of": "alice"}));
    let is_it = |message: &&serde_json::Value| message["text"].as_str().unwrap().contains("tank/media@old-4");
    let sent = told["messages"].as_array().unwrap().iter().rev().find(is_it).unwrap()["timestamp"].clone();
    people(&json!({"do": "say", "as": "alice", "emoji": "👍", "quote": sent}));
    hears("alice", "reaction");
    assert_eq!(get("librarian", &format!("/host/op/{}", asked.id())).state(), "pending");
    people(&json!({"do": "say", "as": "alice", "text": "Confirm", "quote": sent}));
    assert_eq!(end_of("librarian", &asked.id()).state(), "succeeded");
}

#[test]
fn a_stolen_number_does_not_vote() {
    up();
    zfs(&["snapshot", "tank/media@old-5"]);
    let asked = zfs_op("librarian", "destroy", "tank/media@old-5", json!({}));
    let token = token(&prompt("bob", &["tank/media@old-5"]));
    people(&json!({"do": "new_identity", "of": "bob", "fingerprint": "c3".repeat(32), "trust": "UNTRUSTED"}));
    say("bob", &format!("CONFIRM {token}"));
    wait_until("the vote is recorded as not counted", || {
        std::fs::read_to_string(AUDIT)
            .unwrap()
            .lines()
            .any(|line| line.contains("\"by\":\"bob\"") && line.contains("\"counted\":false"))
    });
    assert_eq!(get("librarian", &format!("/host/op/{}", asked.id())).state(), "pending");
    assert!(exists("tank/media@old-5"));
    people(
        &json!({"do": "new_identity", "of": "bob", "fingerprint": "b2".repeat(32), "trust": "TRUSTED_VERIFIED"}),
    );
    say("alice", &format!("DENY {token}"));
    assert_eq!(end_of("librarian", &asked.id()).state(), "refused");
    // Who is missed is looked for at once, not at the next probe.
    zfs(&["create", "tank/vm/102"]);
    wait_until("bob is asked again", || {
        zfs_op("librarian", "destroy", "tank/vm/102", json!({})).body["state"] == "pending"
    });
    say("bob", &format!("DENY {}", crate::host::token(&prompt("bob", &["tank/vm/102"]))));
}

#[test]
fn what_was_approved_does_not_run_on_a_host_that_changed_meanwhile() {
    up();
    zfs(&["create", "tank/media/moving"]);
    zfs(&["snapshot", "tank/media/moving@a"]);
    let asked = zfs_op("librarian", "destroy", "tank/media/moving", json!({"recursive": true}));
    assert_eq!(asked.state(), "pending", "{asked:?}");
    let first = prompt("alice", &["tank/media/moving (recursive)"]);
    zfs(&["snapshot", "tank/media/moving@b"]);
    say("alice", &format!("CONFIRM {}", token(&first)));
    hears("alice", "the host has changed, nothing ran");
    assert!(exists("tank/media/moving@a") && exists("tank/media/moving@b"));
    let mut second = first.clone();
    wait_until("alice is asked anew", || {
        second = prompt("alice", &["tank/media/moving (recursive)"]);
        second != first
    });
    assert!(second.contains("tank/media/moving@b"), "{second}");
    say("alice", &format!("CONFIRM {}", token(&first)));
    hears("alice", "has this token");
    say("alice", &format!("CONFIRM {}", token(&second)));
    assert_eq!(end_of("librarian", &asked.id()).state(), "succeeded");
    assert!(!exists("tank/media/moving"));
}

#[test]
fn nothing_left_to_do_is_done_and_said_so() {
    up();
    zfs(&["snapshot", "tank/media@old-6"]);
    let asked = zfs_op("librarian", "destroy", "tank/media@old-6", json!({}));
    let token = token(&prompt("alice", &["tank/media@old-6"]));
    zfs(&["destroy", "tank/media@old-6"]);
    say("alice", &format!("CONFIRM {token}"));
    let done = end_of("librarian", &asked.id());
    assert_eq!((done.state(), &done.body["result"]["nothing_left"]), ("succeeded", &json!(true)), "{done:?}");
    hears("alice", "nothing left to do");
}

#[test]
fn quarantine_is_undone_by_the_operation_that_the_answer_carries() {
    up();
    zfs(&["create", "tank/media/keep"]);
    let gone = zfs_op("librarian", "destroy", "tank/media/keep", json!({"quarantine": true}));
    assert_eq!((gone.code, gone.state()), (200, "succeeded"), "{gone:?}");
    assert!(!exists("tank/media/keep"));
    let undo = gone.body["undo"]["op"].clone();
    assert!(gone.body["undo"]["until"].is_string(), "{gone:?}");
    // The quarantine is outside of the librarian's contract, so an operator with a wider one would undo it.
    let from = undo["resource"].as_str().unwrap();
    assert!(exists(from), "{undo}");
    assert_eq!(undo["params"]["to"], "tank/media/keep");
}
