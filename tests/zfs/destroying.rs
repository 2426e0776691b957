//! Destroying, quarantine and rollback.

use reeve::adapter::{self, Action, Basis, Plan, PlanRefusal, Rule};
use serde_json::json;

use crate::model::{Model, operation, steps};

fn destroy(model: &Model, what: &str, params: serde_json::Value) -> Result<Plan, PlanRefusal> {
    adapter::of(&operation("destroy", what, params)).plan(model)
}

fn refused(result: Result<Plan, PlanRefusal>, rule: Rule, reason: &str) -> PlanRefusal {
    let refusal = result.unwrap_err();
    assert_eq!(refusal.rule, rule, "{}", refusal.reason);
    assert!(refusal.reason.contains(reason), "{}", refusal.reason);
    refusal
}

const TREE: &[&str] = &[
    "zfs create tank/a",
    "zfs create tank/a/b",
    "zfs snapshot -r tank/a@s1",
    "zfs fake-write tank/a 1000000",
    "zfs snapshot tank/a@s2",
];

#[test]
fn a_dataset_with_children_is_refused_by_their_names_with_quarantine_offered() {
    let model = Model::after(TREE);
    let refusal = refused(destroy(&model, "tank/a", json!({})), Rule::ZfsChildren, "tank/a/b");
    assert!(refusal.reason.contains("tank/a@s2"));
    assert_eq!(refusal.alternatives, [operation("destroy", "tank/a", json!({"quarantine": true}))]);
}

#[test]
fn a_tree_is_destroyed_from_below_by_exact_names() {
    let model = Model::after(TREE);
    let plan = destroy(&model, "tank/a", json!({"recursive": true})).unwrap();
    let expected =
        ["zfs destroy tank/a/b@s1", "zfs destroy tank/a/b", "zfs destroy tank/a@s1,s2", "zfs destroy tank/a"];
    assert_eq!(steps(&plan), expected);
    let names: Vec<_> = plan.effects.objects.iter().map(|object| object.name.as_str()).collect();
    assert_eq!(names, ["tank/a/b@s1", "tank/a/b", "tank/a@s1", "tank/a@s2", "tank/a"]);
    assert!(
        plan.effects.objects.iter().all(|object| object.action == Action::Destroy && object.guid.is_some())
    );
    assert_eq!(plan.effects.bytes_basis, Basis::Computed);
    assert!(plan.effects.bytes_freed > Some(1_000_000));
    assert!(!plan.effects.reversible && plan.undo.is_none());
    model.act(&plan).unwrap();
    assert_eq!(model.everything().len(), 1);
}

#[test]
fn what_a_snapshot_frees_is_what_openzfs_says() {
    let model = Model::after(TREE);
    model.must("zfs fake-write tank/a 4000000");
    let plan = destroy(&model, "tank/a@s2", json!({})).unwrap();
    assert_eq!((plan.effects.bytes_freed, plan.effects.bytes_basis), (Some(2_000_000), Basis::Reported));
    assert_eq!(steps(&plan), ["zfs destroy tank/a@s2"]);
}

#[test]
fn a_recursive_snapshot_goes_under_every_dataset_that_has_it() {
    let model = Model::after(TREE);
    let plan = destroy(&model, "tank/a@s1", json!({"recursive": true})).unwrap();
    assert_eq!(steps(&plan), ["zfs destroy tank/a/b@s1", "zfs destroy tank/a@s1"]);
    let absent = destroy(&model, "tank/a@none", json!({"recursive": true}));
    refused(absent, Rule::ZfsNotFound, "tank/a@none");
}

#[test]
fn a_hold_anywhere_inside_is_refused_by_snapshot_and_tag_with_its_release_offered() {
    let model = Model::after(TREE);
    model.must("zfs hold keep tank/a/b@s1");
    let refusal = refused(
        destroy(&model, "tank/a", json!({"recursive": true})),
        Rule::ZfsHold,
        "tank/a/b@s1 is held by keep",
    );
    assert_eq!(refusal.alternatives[0], operation("release", "tank/a/b@s1", json!({"tag": "keep"})));
}

#[test]
fn clones_outside_are_refused_by_name_and_go_first_when_asked_for() {
    let model = Model::after(TREE);
    for command in [
        "zfs clone tank/a@s1 tank/c",
        "zfs create tank/c/kid",
        "zfs snapshot tank/c@x",
        "zfs clone tank/c@x tank/d",
    ] {
        model.must(command);
    }
    refused(destroy(&model, "tank/a", json!({"recursive": true})), Rule::ZfsClones, "tank/c");
    refused(destroy(&model, "tank/a@s1", json!({})), Rule::ZfsClones, "tank/c");
    let plan = destroy(&model, "tank/a@s1", json!({"clones": true})).unwrap();
    let expected = [
        "zfs destroy tank/c/kid",
        "zfs destroy tank/d",
        "zfs destroy tank/c@x",
        "zfs destroy tank/c",
        "zfs destroy tank/a@s1",
    ];
    assert_eq!(steps(&plan), expected);
    assert_eq!(plan.effects.dependents, ["tank/c", "tank/c@x", "tank/c/kid", "tank/d"]);
    model.act(&plan).unwrap();
}

#[test]
fn a_clone_inside_the_tree_goes_before_its_origin() {
    let model = Model::after(&[
        "zfs create tank/a",
        "zfs create tank/a/z",
        "zfs snapshot tank/a/z@s",
        "zfs clone tank/a/z@s tank/a/b",
    ]);
    let plan = destroy(&model, "tank/a", json!({"recursive": true})).unwrap();
    let expected =
        ["zfs destroy tank/a/b", "zfs destroy tank/a/z@s", "zfs destroy tank/a/z", "zfs destroy tank/a"];
    assert_eq!(steps(&plan), expected);
    model.act(&plan).unwrap();
}

#[test]
fn a_clone_above_its_own_origin_is_refused_instead_of_half_destroyed() {
    let model = Model::after(&[
        "zfs create tank/q",
        "zfs snapshot tank/q@s",
        "zfs clone tank/q@s tank/k",
        "zfs rename tank/q tank/k/q",
    ]);
    refused(destroy(&model, "tank/k", json!({"recursive": true})), Rule::ZfsClones, "promote");
}

#[test]
fn more_than_a_thousand_objects_are_refused() {
    let model = Model::after(&["zfs create tank/a"]);
    for number in 0..1000 {
        model.must(&format!("zfs snapshot tank/a@s{number}"));
    }
    let refusal =
        refused(destroy(&model, "tank/a", json!({"recursive": true})), Rule::ZfsTooMany, "1001 objects");
    assert_eq!(refusal.alternatives, [operation("destroy", "tank/a", json!({"quarantine": true}))]);
    model.must("zfs destroy tank/a@s0");
    let plan = destroy(&model, "tank/a", json!({"recursive": true})).unwrap();
    assert!(plan.steps.len() < 10, "snapshots go in lists");
    assert!(plan.steps.iter().flat_map(|step| &step.argv.args).all(|arg| arg.len() < 2100));
    assert_eq!(plan.effects.objects.len(), 1000);
    model.act(&plan).unwrap();
}

#[test]
fn names_that_reeve_does_not_take_are_refused_before_anything_is_destroyed() {
    let model = Model::after(&["zfs create tank/a", "zfs create tank/a/-r"]);
    refused(destroy(&model, "tank/a", json!({"recursive": true})), Rule::ZfsKind, "tank/a/-r");
}

#[test]
fn quarantine_moves_a_dataset_and_rename_brings_it_back_mounted() {
    let model = Model::after(TREE);
    let before = model.everything();
    let plan_in = destroy(&model, "tank/a", json!({"quarantine": true})).unwrap();
    let guid = plan_in.effects.objects[0].guid.clone().unwrap();
    let resting = format!("tank/reeve-quarantine/a-{guid}");
    let expected = [
        "zfs create -o canmount=off -o mountpoint=none tank/reeve-quarantine".to_owned(),
        format!("zfs rename tank/a {resting}"),
    ];
    assert_eq!(steps(&plan_in), expected);
    assert!(plan_in.effects.reversible);
    assert_eq!(plan_in.effects.bytes_freed, Some(0));
    model.act(&plan_in).unwrap();
    let undo = plan_in.undo.unwrap();
    assert_eq!(undo.operation, operation("rename", &resting, json!({"to": "tank/a"})));
    assert_eq!(undo.until.unwrap().as_secs(), 7 * 86_400);
    let plan_out = adapter::of(&undo.operation).plan(&model).unwrap();
    let expected = [
        format!("zfs rename {resting} tank/a"),
        "zfs mount tank/a".to_owned(),
        "zfs mount tank/a/b".to_owned(),
    ];
    assert_eq!(steps(&plan_out), expected);
    model.act(&plan_out).unwrap();
    let after: Vec<_> =
        model.everything().into_iter().filter(|(name, _)| !name.contains("quarantine")).collect();
    assert_eq!(after, before);
}

#[test]
fn a_second_quarantine_uses_the_first_ones_place_and_what_rests_there_is_purged() {
    let model = Model::after(&["zfs create tank/a", "zfs create tank/b"]);
    model.act(&destroy(&model, "tank/a", json!({"quarantine": true})).unwrap()).unwrap();
    let second = destroy(&model, "tank/b", json!({"quarantine": true})).unwrap();
    assert_eq!(second.steps.len(), 1);
    let resting = model.everything().into_iter().find(|(name, _)| name.contains("/a-")).unwrap().0;
    refused(destroy(&model, &resting, json!({"quarantine": true})), Rule::ZfsExists, "purge");
    let purge = adapter::of(&operation("purge", &resting, json!({}))).plan(&model).unwrap();
    assert_eq!(steps(&purge), [format!("zfs destroy {resting}")]);
    assert!(!purge.effects.reversible);
}

#[test]
fn a_name_too_long_for_the_quarantine_rests_under_its_guid() {
    let name = format!("tank/{}", "x".repeat(250));
    let model = Model::after(&[&format!("zfs create {name}")]);
    let plan = destroy(&model, &name, json!({"quarantine": true})).unwrap();
    let guid = plan.effects.objects[0].guid.clone().unwrap();
    assert_eq!(
        plan.effects.objects[0].becomes.as_deref(),
        Some(format!("tank/reeve-quarantine/{guid}").as_str())
    );
}

#[test]
fn rollback_refuses_younger_ones_by_name_and_offers_a_clone() {
    let model = Model::after(TREE);
    model.must("zfs bookmark tank/a@s2 tank/a#mark");
    let refusal = refused(
        adapter::of(&operation("rollback", "tank/a@s1", json!({}))).plan(&model),
        Rule::ZfsNewer,
        "tank/a@s2, tank/a#mark",
    );
    assert_eq!(refusal.alternatives, [operation("clone", "tank/a@s1", json!({"target": "tank/a-s1"}))]);
    let plan = adapter::of(&operation("rollback", "tank/a@s1", json!({"destroy_newer": true})))
        .plan(&model)
        .unwrap();
    assert_eq!(steps(&plan), ["zfs destroy tank/a@s2", "zfs destroy tank/a#mark", "zfs rollback tank/a@s1"]);
    assert_eq!(plan.effects.bytes_freed, Some(1_000_000));
    model.act(&plan).unwrap();
}

#[test]
fn rollback_over_a_cloned_or_held_snapshot_is_refused() {
    let model = Model::after(TREE);
    model.must("zfs hold keep tank/a@s2");
    let back = operation("rollback", "tank/a@s1", json!({"destroy_newer": true}));
    refused(adapter::of(&back).plan(&model), Rule::ZfsHold, "tank/a@s2 is held by keep");
    model.must("zfs clone tank/a@s2 tank/c");
    refused(adapter::of(&back).plan(&model), Rule::ZfsClones, "tank/c");
}

#[test]
fn a_snapshot_of_the_same_name_taken_anew_is_another_thing() {
    let model = Model::after(TREE);
    let before = destroy(&model, "tank/a@s2", json!({})).unwrap();
    model.must("zfs destroy tank/a@s2");
    model.must("zfs snapshot tank/a@s2");
    let now = destroy(&model, "tank/a@s2", json!({})).unwrap();
    assert_eq!(steps(&before), steps(&now));
    assert_ne!(before.effects.effects_digest(), now.effects.effects_digest());
}

#[test]
fn what_was_written_meanwhile_leaves_the_digest_as_it_is() {
    let model = Model::after(TREE);
    let before = destroy(&model, "tank/a", json!({"recursive": true})).unwrap();
    model.must("zfs fake-write tank/a 4096");
    let now = destroy(&model, "tank/a", json!({"recursive": true})).unwrap();
    assert_eq!(before.effects.effects_digest(), now.effects.effects_digest());
    assert_ne!(before.effects.bytes_freed, now.effects.bytes_freed);
}
