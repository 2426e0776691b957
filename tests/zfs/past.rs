//! Which snapshots a plan leaves of what it takes something from.

use reeve::adapter;
use serde_json::json;

use crate::model::{Model, operation};

const NOW: u64 = 1_795_164_886;
const TREE: &[&str] = &[
    "zfs create tank/a",
    "zfs create tank/a/b",
    "zfs create tank/a-c",
    "zfs snapshot -r tank/a@s1",
    "zfs snapshot tank/a@s2",
    "zfs snapshot tank/a-c@s3",
];

/// Each dataset of a plan, and when the youngest of its snapshots was taken that the plan leaves.
fn kept(op: &str, resource: &str, params: serde_json::Value) -> Vec<(String, Option<u64>)> {
    let model = Model::after(TREE);
    let operation = operation(op, resource, params);
    let plan = adapter::of(&operation).plan(&model).unwrap();
    let kept = adapter::of(&operation).past_kept(&plan, &model).unwrap();
    kept.into_iter().map(|past| (past.name, past.youngest)).collect()
}

#[test]
fn what_a_plan_leaves_of_the_past_is_what_it_does_not_destroy_with_it() {
    let of = |name: &str, is_left: bool| (name.to_owned(), is_left.then_some(NOW));
    assert_eq!(kept("destroy", "tank/a@s1", json!({})), [of("tank/a", true)]);
    assert_eq!(
        kept("destroy", "tank/a@s1", json!({"recursive": true})),
        [of("tank/a", true), of("tank/a/b", false)]
    );
    assert_eq!(kept("destroy", "tank/a-c@s3", json!({})), [of("tank/a-c", false)], "its only one");
    assert_eq!(kept("rollback", "tank/a@s1", json!({"destroy_newer": true})), [of("tank/a", true)]);
    assert_eq!(kept("set", "tank/a/b", json!({"property": "atime", "value": "off"})), [of("tank/a/b", true)]);
    // A dataset's own snapshots go with it, and stay with it in quarantine.
    let whole = kept("destroy", "tank/a", json!({"recursive": true}));
    assert_eq!(whole, [of("tank/a", false), of("tank/a/b", false)]);
    let aside = kept("destroy", "tank/a", json!({"quarantine": true}));
    assert!(aside.contains(&of("tank/a", true)), "{aside:?}");
    assert_eq!(kept("set", "tank", json!({"property": "atime", "value": "off"})), [of("tank", false)]);
}

#[test]
fn a_host_that_cannot_be_read_leaves_nothing_to_be_believed() {
    let model = Model::after(TREE);
    let operation = operation("destroy", "tank/a@s1", json!({}));
    let plan = adapter::of(&operation).plan(&model).unwrap();
    model.must("zfs destroy -r tank/a");
    assert!(adapter::of(&operation).past_kept(&plan, &model).is_err());
}
