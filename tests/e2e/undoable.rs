//! Reversible first: what could not be taken back is done so that it can, is taken back, and goes for good after its time.

use reeve::job::Store;
use serde_json::{Value, json};

use crate::edited::{Edited, reload};
use crate::host::*;

const STORE: &str = "/var/lib/reeve/state.redb";
const POLICY: &str = r#"
def evaluate(tool, args, context):
    if context["scheduled"] and tool == "zfs.purge":
        return allow("kept for its time", rule = "kept")
    if tool == "zfs.purge":
        return deny("only what was kept for its time goes for good")
    return reversible_first(allow("fine"), keep = "48h")
"#;

/// The librarian's contract with the quarantine in it, and the policy above; both until the test ends.
fn rules() -> [Edited; 2] {
    let contract = Edited::new("/etc/reeve/contracts/librarian.toml");
    contract.replace("\"zfs.destroy\",\n]", "\"zfs.destroy\", \"zfs.purge\",\n]");
    let text = std::fs::read_to_string("/etc/reeve/contracts/librarian.toml").unwrap();
    contract.write(&text.replace("\"tank/vm\"]", "\"tank/vm\", \"tank/reeve-quarantine\"]"));
    let policy = Edited::new("/etc/reeve/policy.star");
    policy.write(POLICY);
    assert_eq!(reload().unwrap().code, 200);
    [contract, policy]
}

fn destroy(dataset: &str) -> Answer {
    zfs_op("librarian", "destroy", dataset, json!({"recursive": true}))
}

/// Where the dataset of an answer rests.
fn resting_place(answer: &Answer) -> String {
    answer.body["undo"]["op"]["resource"].as_str().unwrap_or_else(|| panic!("{answer:?}")).to_owned()
}

#[test]
fn what_could_not_be_taken_back_is_put_aside_and_comes_back() {
    up();
    let _rules = rules();
    zfs(&["create", "tank/media/aside"]);
    zfs(&["snapshot", "tank/media/aside@s"]);
    let body = json!({"kind": "zfs", "op": "destroy", "resource": "tank/media/aside", "params": {"recursive": true}});
    let plan = post("librarian", "/host/plan", &body, &[]);
    assert_eq!((plan.code, &plan.body["effects"]["reversible"]), (200, &json!(true)), "{plan:?}");
    let done = destroy("tank/media/aside");
    assert_eq!((done.state(), &done.body["verified"]), ("succeeded", &json!(true)), "{done:?}");
    assert_eq!(done.body["operation"]["params"], json!({"quarantine": true}), "{done:?}");
    assert_eq!(done.body["asked"]["params"], json!({"recursive": true}));
    assert!(done.body["effects"]["undo"].as_str().unwrap().ends_with("within 2days"), "{done:?}");
    let place = resting_place(&done);
    assert!(exists(&format!("{place}@s")) && !exists("tank/media/aside"));
    let undo = post("librarian", "/host/op", &done.body["undo"]["op"], &[]);
    assert_eq!((undo.code, undo.state()), (200, "succeeded"), "{undo:?}");
    assert!(exists("tank/media/aside@s") && !exists(&place));
}

#[test]
fn what_has_no_way_back_is_put_to_people_whatever_the_rule_said_of_it() {
    up();
    let _rules = rules();
    zfs(&["snapshot", "tank/media@no-way-back"]);
    let asked = zfs_op("librarian", "destroy", "tank/media@no-way-back", json!({}));
    assert_eq!((asked.code, asked.state()), (202, "pending"), "{asked:?}");
    assert!(prompt("alice", &["tank/media@no-way-back"]).contains("NO UNDO"));
    call("librarian", "DELETE", &format!("/host/op/{}", asked.id()), &[]);
    assert!(exists("tank/media@no-way-back"));
}

#[test]
fn what_was_kept_for_its_time_goes_for_good_by_the_rules_and_only_once() {
    up();
    let _rules = rules();
    zfs(&["create", "tank/media/kept"]);
    let done = destroy("tank/media/kept");
    let place = resting_place(&done);
    let early = zfs_op("librarian", "purge", &place, json!({}));
    assert_eq!((early.code, exists(&place)), (403, true), "{early:?}");

    // Two days pass while the gate is down.
    script(&["kill", "gate"]);
    let store = Store::open(STORE.as_ref()).unwrap();
    let mut job = store.get(&done.id()).unwrap().unwrap();
    let purge = job.outcome.purge.as_mut().unwrap();
    assert!(purge.at > job.history[0].at + 47 * 3_600_000);
    purge.at = job.history[0].at;
    store.put(&job).unwrap();
    drop(store);
    script(&["start", "gate"]);

    wait_until("it is purged", || !exists(&place));
    let purges = || -> Vec<Value> {
        let of_it = |record: &Value| record["detail"]["purges"] == done.id().as_str();
        records().into_iter().filter(of_it).collect()
    };
    let decided = purges();
    assert_eq!(decided.len(), 1, "{decided:?}");
    assert_eq!(decided[0]["detail"]["decision"]["rule"], "kept");
    assert_eq!(decided[0]["principal"], "librarian");
    is_well();
}
