//! What the host's own state refuses, by name, and what it offers instead.

use serde_json::{Value, json};

use crate::edited::reload;
use crate::host::*;

fn not_as_needed(answer: &Answer, rule: &str) -> String {
    assert_eq!((answer.code, &answer.body["code"]), (409, &json!("plan_refused")), "{answer:?}");
    assert_eq!(answer.body["decision"]["rule"], rule, "{answer:?}");
    answer.body["detail"].as_str().unwrap().to_owned()
}

fn alternatives(answer: &Answer) -> Vec<Value> {
    answer.body["alternatives"].as_array().cloned().unwrap_or_default()
}

#[test]
fn a_snapshot_that_exists_is_not_taken_again() {
    up();
    zfs(&["snapshot", "tank/media@there"]);
    let again = zfs_op("librarian", "snapshot", "tank/media", json!({"name": "there"}));
    let why = not_as_needed(&again, "zfs-exists");
    assert!(why.contains("tank/media@there"), "{why}");
    let id = again.body["operation"].as_str().unwrap();
    assert_eq!(kinds_of(id), ["plan"], "the refusal is on record, and nothing else");
}

#[test]
fn what_is_not_there_cannot_be_destroyed_and_a_pool_that_is_not_there_is_said_to_be_missing() {
    up();
    let gone = zfs_op("librarian", "destroy", "tank/media@never-was", json!({}));
    assert!(not_as_needed(&gone, "zfs-not-found").contains("tank/media@never-was"));
    let contract = "/etc/reeve/contracts/librarian.toml";
    let before = std::fs::read_to_string(contract).unwrap();
    std::fs::write(contract, before.replace("pools = [\"tank\"]", "pools = [\"tank\", \"gone\"]")).unwrap();
    assert_eq!(reload().unwrap().code, 200);
    let scrub = zfs_op("librarian", "scrub", "gone", json!({}));
    let status = zfs_op("librarian", "pool-status", "gone", json!({}));
    std::fs::write(contract, before).unwrap();
    assert_eq!(reload().unwrap().code, 200);
    assert!(not_as_needed(&scrub, "zfs-pool-missing").contains("gone"));
    assert_eq!((status.code, status.state()), (200, "failed"), "{status:?}");
    assert!(status.body["error"].as_str().unwrap().contains("gone"), "{status:?}");
}

#[test]
fn children_holds_and_clones_are_named_when_they_stand_in_the_way() {
    up();
    zfs(&["create", "tank/media/films"]);
    zfs(&["create", "tank/media/films/old"]);
    zfs(&["snapshot", "tank/media/films@kept"]);
    let children = zfs_op("librarian", "destroy", "tank/media/films", json!({}));
    let why = not_as_needed(&children, "zfs-children");
    assert!(why.contains("tank/media/films/old") && why.contains("tank/media/films@kept"), "{why}");
    zfs(&["hold", "audit-2026", "tank/media/films@kept"]);
    let held = zfs_op("librarian", "destroy", "tank/media/films", json!({"recursive": true}));
    let why = not_as_needed(&held, "zfs-hold");
    assert!(why.contains("tank/media/films@kept") && why.contains("audit-2026"), "{why}");
    zfs(&["release", "audit-2026", "tank/media/films@kept"]);
    zfs(&["clone", "tank/media/films@kept", "tank/archive/copy"]);
    let cloned = zfs_op("librarian", "destroy", "tank/media/films", json!({"recursive": true}));
    let why = not_as_needed(&cloned, "zfs-clones");
    assert!(why.contains("tank/archive/copy"), "{why}");
    // With the clones it would reach into what the librarian has no say in.
    let outside =
        zfs_op("librarian", "destroy", "tank/media/films", json!({"recursive": true, "clones": true}));
    assert_eq!((outside.code, &outside.body["code"]), (403, &json!("denied")), "{outside:?}");
    assert!(exists("tank/archive/copy") && exists("tank/media/films/old"));
    zfs(&["destroy", "tank/archive/copy"]);
    zfs(&["destroy", "-r", "tank/media/films"]);
}

#[test]
fn instead_of_destroying_only_what_the_contract_has_is_offered() {
    up();
    zfs(&["create", "tank/media/series"]);
    zfs(&["snapshot", "tank/media/series@s"]);
    zfs(&["create", "tank/archive/boxes"]);
    zfs(&["snapshot", "tank/archive/boxes@s"]);
    zfs(&["hold", "legal", "tank/archive/boxes@s"]);
    let mine = zfs_op("librarian", "destroy", "tank/media/series", json!({}));
    not_as_needed(&mine, "zfs-children");
    let offered = alternatives(&mine);
    assert_eq!(offered.len(), 1, "{mine:?}");
    assert_eq!((&offered[0]["op"], &offered[0]["params"]["quarantine"]), (&json!("destroy"), &json!(true)));
    // The archivist may destroy but not release a hold, so a release is not offered.
    let held = zfs_op("archivist", "destroy", "tank/archive/boxes@s", json!({}));
    assert!(not_as_needed(&held, "zfs-hold").contains("legal"));
    assert!(alternatives(&held).iter().all(|operation| operation["op"] != "release"), "{held:?}");
    zfs(&["release", "legal", "tank/archive/boxes@s"]);
    zfs(&["destroy", "-r", "tank/archive/boxes"]);
    let moved = op("librarian", offered[0].clone());
    assert_eq!(
        (moved.code, moved.state()),
        (200, "succeeded"),
        "what is offered can be asked for: {moved:?}"
    );
}

#[test]
fn a_plan_says_what_would_happen_and_nothing_happens() {
    up();
    zfs(&["snapshot", "tank/media@planned"]);
    let before = records().len();
    let body = json!({"kind": "zfs", "op": "destroy", "resource": "tank/media@planned"});
    let plan = post("librarian", "/host/plan", &body, &[]);
    assert_eq!((plan.code, &plan.body["decision"]["verdict"]), (200, &json!("review")), "{plan:?}");
    assert_eq!(plan.body["effects"]["objects"][0]["name"], "tank/media@planned");
    assert!(exists("tank/media@planned"));
    let mut added: Vec<Value> = records().split_off(before);
    // What the network side saw of others is recorded a moment later.
    added.retain(|record| record["kind"] != "auth_failure" && record["kind"] != "config_reloaded");
    let [asked] = added.as_slice() else {
        panic!("that it was asked is on record, and nothing else: {added:?}")
    };
    assert_eq!((&asked["kind"], &asked["detail"]["verdict"]), (&json!("preview"), &json!("review")));
    assert!(!messages("alice").iter().any(|text| text.contains("tank/media@planned")));
}
