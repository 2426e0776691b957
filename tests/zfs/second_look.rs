//! What verification and reconciliation say of every operation: before it, half way, and after.

use reeve::adapter::{self, Adapter, Happened};
use serde_json::{Value, json};

use crate::model::{Model, operation};

const START: &[&str] = &[
    "zfs create tank/a",
    "zfs create tank/a/b",
    "zfs snapshot -r tank/a@s1",
    "zfs fake-write tank/a 1000000",
    "zfs snapshot tank/a@s2",
    "zfs hold keep tank/a@s2",
    "zfs bookmark tank/a@s1 tank/a#m",
    "zfs create tank/q",
    "zfs snapshot tank/q@s",
    "zfs fake-write tank/q 1000",
];

fn every_operation() -> Vec<(&'static str, &'static str, Value)> {
    vec![
        ("snapshot", "tank/a", json!({"name": "new"})),
        ("snapshot", "tank", json!({"name": "new", "recursive": true})),
        ("create", "tank/new", json!({"properties": {"quota": "10M", "compression": "zstd"}})),
        ("create", "tank/vol", json!({"size": 16_777_216})),
        ("clone", "tank/a@s1", json!({"target": "tank/c", "properties": {"xattr": "sa"}})),
        ("set", "tank/a", json!({"property": "quota", "value": "100M"})),
        ("rename", "tank/a", json!({"to": "tank/z"})),
        ("rename", "tank/a@s1", json!({"to": "z"})),
        ("hold", "tank/a@s1", json!({"tag": "k"})),
        ("release", "tank/a@s2", json!({"tag": "keep"})),
        ("bookmark", "tank/a@s2", json!({"name": "n"})),
        ("scrub", "tank", json!({})),
        ("rollback", "tank/q@s", json!({})),
        ("destroy", "tank/a@s1", json!({})),
        ("destroy", "tank/a#m", json!({})),
        ("destroy", "tank/q", json!({"recursive": true})),
        ("destroy", "tank/a", json!({"quarantine": true})),
    ]
}

#[test]
fn every_operation_is_seen_to_have_happened_only_after_it() {
    for (op, resource, params) in every_operation() {
        let model = Model::after(START);
        let op = operation(op, resource, params);
        let plan = adapter::of(&op).plan(&model).unwrap();
        let before = adapter::of(&op).reconcile(&plan, &model);
        let expected = if op.name() == "rollback" { Happened::CannotTell } else { Happened::NotAtAll };
        assert_eq!(before.happened, expected, "before {op:?}: {before:?}");
        assert!(before.reason.is_some());
        model.act(&plan).unwrap();
        for look in [<dyn Adapter>::verify, <dyn Adapter>::reconcile] {
            let after = look(adapter::of(&op), &plan, &model);
            assert_eq!(after.happened, Happened::Wholly, "after {op:?}: {after:?}");
            assert!(after.verified && after.reason.is_none());
        }
    }
}

#[test]
fn half_of_a_destruction_is_partly() {
    let model = Model::after(START);
    model.must("zfs release keep tank/a@s2");
    let op = operation("destroy", "tank/a", json!({"recursive": true}));
    let plan = adapter::of(&op).plan(&model).unwrap();
    model.must("zfs destroy tank/a/b@s1");
    let seen = adapter::of(&op).reconcile(&plan, &model);
    assert_eq!(seen.happened, Happened::Partly);
    assert!(seen.reason.unwrap().starts_with("1 of 6 are as planned"));
    assert_eq!(
        seen.result["objects"][0],
        json!({"action": "destroy", "name": "tank/a/b@s1",
        "guid": plan.effects.objects[0].guid, "done": true})
    );
}

#[test]
fn a_thing_of_the_same_name_with_another_guid_is_not_the_one_that_was_there() {
    let model = Model::after(START);
    let op = operation("destroy", "tank/a@s1", json!({}));
    let destroyed = adapter::of(&op).plan(&model).unwrap();
    model.act(&destroyed).unwrap();
    model.must("zfs snapshot tank/a@s1");
    assert!(adapter::of(&op).verify(&destroyed, &model).verified);

    let op = operation("rename", "tank/q", json!({"to": "tank/r"}));
    let renamed = adapter::of(&op).plan(&model).unwrap();
    model.must("zfs destroy -r tank/q");
    model.must("zfs create tank/r");
    assert_eq!(adapter::of(&op).reconcile(&renamed, &model).happened, Happened::CannotTell);
}

#[test]
fn success_that_the_host_does_not_show_is_not_verified() {
    for (op, resource, params) in every_operation() {
        let op = operation(op, resource, params);
        if op.name() == "rollback" {
            continue;
        }
        let model = Model::after(START);
        let plan = adapter::of(&op).plan(&model).unwrap();
        assert!(!adapter::of(&op).verify(&plan, &model).verified, "{op:?}");
    }
}

#[test]
fn a_rollback_over_which_someone_took_a_snapshot_is_not_verified() {
    let model = Model::after(START);
    let op = operation("rollback", "tank/q@s", json!({}));
    let plan = adapter::of(&op).plan(&model).unwrap();
    model.act(&plan).unwrap();
    model.must("zfs snapshot tank/q@late");
    assert!(!adapter::of(&op).verify(&plan, &model).verified);
}

#[test]
fn a_tree_of_many_is_looked_at_in_few_reads() {
    let model = Model::after(&["zfs create tank/a"]);
    for number in 0..300 {
        model.must(&format!("zfs snapshot tank/a@s{number}"));
    }
    let op = operation("destroy", "tank/a", json!({"recursive": true}));
    let plan = adapter::of(&op).plan(&model).unwrap();
    model.act(&plan).unwrap();
    model.reads();
    assert!(adapter::of(&op).verify(&plan, &model).verified);
    assert!(model.reads().len() <= 2);
}

#[test]
fn a_stored_plan_is_read_back_the_same() {
    let model = Model::after(START);
    for (op, resource, params) in every_operation() {
        let plan = adapter::of(&operation(op, resource, params)).plan(&model).unwrap();
        let stored = serde_json::to_string(&plan).unwrap();
        assert_eq!(serde_json::from_str::<adapter::Plan>(&stored).unwrap(), plan);
    }
}
