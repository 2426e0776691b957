//! Making, setting, renaming, keeping, scrubbing.

use reeve::adapter::{self, Plan, PlanRefusal, Rule};
use serde_json::{Value, json};

use crate::model::{Model, operation, steps};

fn planned(model: &Model, op: &str, resource: &str, params: Value) -> Result<Plan, PlanRefusal> {
    adapter::of(&operation(op, resource, params)).plan(model)
}

fn rule(result: Result<Plan, PlanRefusal>) -> Rule {
    result.unwrap_err().rule
}

#[test]
fn what_exists_already_is_refused() {
    let model = Model::after(&[
        "zfs create tank/a",
        "zfs create tank/b",
        "zfs snapshot tank/a@s",
        "zfs bookmark tank/a@s tank/a#m",
        "zfs snapshot tank/a@t",
    ]);
    assert_eq!(rule(planned(&model, "snapshot", "tank/a", json!({"name": "s"}))), Rule::ZfsExists);
    assert_eq!(
        rule(planned(&model, "snapshot", "tank", json!({"name": "s", "recursive": true}))),
        Rule::ZfsExists
    );
    assert_eq!(rule(planned(&model, "create", "tank/a", json!({}))), Rule::ZfsExists);
    assert_eq!(rule(planned(&model, "clone", "tank/a@s", json!({"target": "tank/b"}))), Rule::ZfsExists);
    assert_eq!(rule(planned(&model, "rename", "tank/a", json!({"to": "tank/b"}))), Rule::ZfsExists);
    assert_eq!(rule(planned(&model, "rename", "tank/a@s", json!({"to": "t"}))), Rule::ZfsExists);
    assert_eq!(rule(planned(&model, "bookmark", "tank/a@t", json!({"name": "m"}))), Rule::ZfsExists);
}

#[test]
fn what_is_missing_is_told_apart_from_a_pool_that_is_missing() {
    let model = Model::after(&["zfs create tank/a"]);
    for (op, resource, params) in [
        ("snapshot", "tank/no", json!({"name": "s"})),
        ("create", "tank/no/x", json!({})),
        ("clone", "tank/a@no", json!({"target": "tank/b"})),
        ("set", "tank/no", json!({"property": "quota", "value": "1M"})),
        ("rename", "tank/no", json!({"to": "tank/b"})),
        ("hold", "tank/a@no", json!({"tag": "k"})),
        ("release", "tank/a@no", json!({"tag": "k"})),
        ("bookmark", "tank/a@no", json!({"name": "m"})),
        ("rollback", "tank/a@no", json!({})),
        ("destroy", "tank/no", json!({})),
        ("destroy", "tank/a@no", json!({})),
        ("destroy", "tank/a#no", json!({})),
        ("diff", "tank/a@no", json!({})),
    ] {
        assert_eq!(rule(planned(&model, op, resource, params.clone())), Rule::ZfsNotFound, "{op}");
        let elsewhere = resource.replace("tank", "gone");
        let params: Value = serde_json::from_str(&params.to_string().replace("tank", "gone")).unwrap();
        assert_eq!(rule(planned(&model, op, &elsewhere, params)), Rule::ZfsPoolMissing, "{op}");
    }
    assert_eq!(rule(planned(&model, "scrub", "gone", json!({}))), Rule::ZfsPoolMissing);
}

#[test]
fn nothing_is_made_in_a_volume_or_of_another_pool() {
    let model = Model::after(&[
        "zfs create -V 16M tank/v",
        "zfs snapshot tank/v@s",
        "zpool create other /var/tmp/v1",
    ]);
    assert_eq!(rule(planned(&model, "create", "tank/v/x", json!({}))), Rule::ZfsKind);
    assert_eq!(rule(planned(&model, "clone", "tank/v@s", json!({"target": "other/x"}))), Rule::ZfsKind);
    assert_eq!(rule(planned(&model, "create", "newpool", json!({}))), Rule::ZfsPoolMissing);
    assert_eq!(rule(planned(&model, "diff", "tank/v@s", json!({}))), Rule::ZfsKind);
}

#[test]
fn a_property_is_bound_to_its_value_and_set_back_by_undo() {
    let model = Model::after(&["zfs create tank/a", "zfs set quota=20M tank/a"]);
    let set =
        |value: &str| planned(&model, "set", "tank/a", json!({"property": "quota", "value": value})).unwrap();
    let plan = set("10M");
    assert_eq!(plan.effects.objects[0].was.as_deref(), Some("quota=20971520 (local)"));
    assert_eq!(plan.effects.objects[0].becomes.as_deref(), Some("quota=10M"));
    let undo = plan.undo.clone().unwrap().operation;
    assert_eq!(undo, operation("set", "tank/a", json!({"property": "quota", "value": "20971520"})));
    assert!(set("20M").settled && set("20M").steps.is_empty());
    model.must("zfs set quota=30M tank/a");
    assert_ne!(set("10M").effects.effects_digest(), plan.effects.effects_digest());
}

#[test]
fn an_inherited_value_is_set_all_the_same_and_undo_says_what_it_cannot_do() {
    let model = Model::after(&["zfs create tank/a"]);
    let plan = planned(&model, "set", "tank/a", json!({"property": "atime", "value": "on"})).unwrap();
    assert!(!plan.settled, "a default is not the same as a value of its own");
    assert!(plan.effects.undo.unwrap().contains("now default; then local"));
    let user = planned(&model, "set", "tank/a", json!({"property": "com.x:y", "value": "1"})).unwrap();
    assert_eq!((user.undo, user.effects.reversible), (None, false));
}

#[test]
fn what_is_so_already_is_settled() {
    let model = Model::after(&[
        "zfs create tank/a",
        "zfs snapshot tank/a@s",
        "zfs hold keep tank/a@s",
        "zfs bookmark tank/a@s tank/a#m",
    ]);
    for (op, params) in [
        ("hold", json!({"tag": "keep"})),
        ("release", json!({"tag": "other"})),
        ("bookmark", json!({"name": "m"})),
    ] {
        let plan = planned(&model, op, "tank/a@s", params).unwrap();
        assert!(plan.settled && plan.steps.is_empty() && plan.undo.is_none(), "{op}");
    }
    assert!(planned(&model, "scrub", "tank", json!({"action": "stop"})).unwrap().settled);
}

#[test]
fn a_scrub_is_started_paused_and_stopped_once() {
    let model = Model::after(&[]);
    let scrub = |action: &str| planned(&model, "scrub", "tank", json!({"action": action}));
    assert_eq!(rule(scrub("pause")), Rule::ZfsBusy);
    assert_eq!(steps(&scrub("start").unwrap()), ["zpool scrub tank"]);
    model.act(&scrub("start").unwrap()).unwrap();
    assert!(scrub("start").unwrap().settled);
    assert_eq!(steps(&scrub("pause").unwrap()), ["zpool scrub -p tank"]);
    model.act(&scrub("pause").unwrap()).unwrap();
    assert!(scrub("pause").unwrap().settled);
    assert_eq!(steps(&scrub("stop").unwrap()), ["zpool scrub -s tank"]);
    assert_eq!(scrub("stop").unwrap().undo, None);
}

#[test]
fn undo_of_what_was_made_puts_the_host_back() {
    let model = Model::after(&["zfs create tank/a", "zfs snapshot tank/a@s"]);
    let before = model.everything();
    for (op, resource, params) in [
        ("snapshot", "tank/a", json!({"name": "n"})),
        ("snapshot", "tank", json!({"name": "n", "recursive": true})),
        ("create", "tank/n", json!({"properties": {"quota": "10M"}})),
        ("create", "tank/v", json!({"size": 16_777_216})),
        ("clone", "tank/a@s", json!({"target": "tank/c"})),
        ("rename", "tank/a", json!({"to": "tank/z"})),
        ("rename", "tank/a@s", json!({"to": "z"})),
        ("hold", "tank/a@s", json!({"tag": "k"})),
        ("bookmark", "tank/a@s", json!({"name": "m"})),
    ] {
        let made = planned(&model, op, resource, params).unwrap();
        model.act(&made).unwrap();
        assert!(made.effects.undo.is_some());
        let undo = adapter::of(&made.undo.unwrap().operation).plan(&model).unwrap();
        model.act(&undo).unwrap();
        assert_eq!(model.everything(), before, "{op}");
    }
}
