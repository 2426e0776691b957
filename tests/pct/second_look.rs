//! What a second look finds: exit statuses that lie, tools that did nothing, runs that were interrupted.

use reeve::adapter;
use serde_json::{Value, json};

use crate::node::{Node, ONE, operation, reconciled};

#[test]
fn a_resize_that_ended_with_0_and_did_nothing_is_not_verified() {
    let node = Node::after(&[ONE]);
    let op = operation("resize", "101", json!({"disk": "rootfs", "size": 9}));
    let plan = node.plan(&op);
    node.fault("resize-worker");
    node.act(&plan).unwrap();
    let seen = adapter::of(&op).verify(&plan, &node);
    assert_eq!(
        (seen.verified, seen.reason.as_deref()),
        (false, Some("0 of 1 are as planned; not so, or not to be told: 101"))
    );
}

#[test]
fn success_that_the_node_does_not_show_is_not_verified() {
    for (before, op, params) in [
        (vec![ONE], "start", json!({})),
        (vec![ONE, "pct start 101"], "shutdown", json!({})),
        (vec![ONE, "pct start 101"], "reboot", json!({})),
        (vec![ONE, "pct start 101"], "stop", json!({})),
        (vec![ONE], "snapshot", json!({"name": "one"})),
        (vec![ONE, "pct snapshot 101 one", "pct snapshot 101 two"], "rollback", json!({"name": "one"})),
        (vec![ONE, "pct snapshot 101 one"], "delete-snapshot", json!({"name": "one"})),
        (vec![ONE], "set", json!({"changes": {"memory": "600"}})),
        (vec![ONE], "resize", json!({"disk": "rootfs", "size": 9})),
        (vec![ONE], "clone", json!({"to": "102"})),
        (vec![ONE], "destroy", json!({"retire": true})),
        (vec![ONE], "destroy", json!({})),
    ] {
        let node = Node::after(&before);
        let op = operation(op, "101", params);
        let plan = node.plan(&op);
        node.fault("lies");
        node.act(&plan).unwrap();
        let seen = adapter::of(&op).verify(&plan, &node);
        assert!(!seen.verified && seen.reason.is_some(), "{}: {seen:?}", op.command_line());
    }
}

#[test]
fn an_interrupted_run_is_found_out_from_the_node_alone() {
    for (before, op, params, untouched) in [
        (vec![ONE], "start", json!({}), "not_at_all"),
        (vec![ONE, "pct start 101"], "shutdown", json!({}), "not_at_all"),
        (vec![ONE, "pct start 101"], "reboot", json!({}), "not_at_all"),
        (vec![ONE], "snapshot", json!({"name": "one"}), "not_at_all"),
        (vec![ONE, "pct snapshot 101 one"], "delete-snapshot", json!({"name": "one"}), "not_at_all"),
        (vec![ONE], "set", json!({"changes": {"memory": "600"}}), "not_at_all"),
        (vec![ONE], "set", json!({"changes": {"memory": "600"}, "before": "safe"}), "not_at_all"),
        (vec![ONE], "resize", json!({"disk": "rootfs", "size": 9}), "not_at_all"),
        (vec![ONE], "clone", json!({"to": "102"}), "not_at_all"),
        (vec![ONE], "destroy", json!({"retire": true}), "not_at_all"),
        (vec![ONE], "destroy", json!({}), "not_at_all"),
    ] {
        let node = Node::after(&before);
        let op = operation(op, "101", params);
        let plan = node.plan(&op);
        assert_eq!(reconciled(&op, &plan, &node), untouched, "{} before", op.command_line());
        node.act(&plan).unwrap();
        assert_eq!(reconciled(&op, &plan, &node), "wholly", "{} after", op.command_line());
    }
}

#[test]
fn what_happened_half_is_said_to_have_happened_half() {
    let node = Node::after(&[ONE]);
    let op = operation("set", "101", json!({"changes": {"memory": "600"}, "before": "safe"}));
    let plan = node.plan(&op);
    node.must("pct snapshot 101 safe");
    // The snapshot changed the configuration too, so that it cannot be told whether the setting is still to come.
    assert_eq!(reconciled(&op, &plan, &node), "cannot_tell");
    let seen = adapter::of(&op).verify(&plan, &node);
    assert!(!seen.verified);
}

#[test]
fn a_rollback_to_where_it_stood_already_cannot_be_told_after_an_interruption() {
    let node = Node::after(&[ONE, "pct snapshot 101 one"]);
    let op = operation("rollback", "101", json!({"name": "one"}));
    let plan = node.plan(&op);
    assert_eq!(reconciled(&op, &plan, &node), "cannot_tell");
    node.act(&plan).unwrap();
    assert_eq!(reconciled(&op, &plan, &node), "cannot_tell");
    assert!(adapter::of(&op).verify(&plan, &node).verified);
}

#[test]
fn another_container_of_the_same_number_is_not_the_one_that_was_there() {
    let node = Node::after(&[ONE]);
    let op = operation("destroy", "101", json!({}));
    let plan = node.plan(&op);
    node.must("pct destroy 101");
    node.must(&ONE.replace("512", "1024"));
    assert_eq!(reconciled(&op, &plan, &node), "cannot_tell");
    let op = operation("delete-snapshot", "101", json!({"name": "one"}));
    node.must("pct snapshot 101 one");
    let plan = node.plan(&op);
    node.must("pct delsnapshot 101 one");
    node.must("pct snapshot 101 one");
    assert_eq!(reconciled(&op, &plan, &node), "wholly");
}

#[test]
fn what_the_ha_manager_was_asked_for_is_not_verified_before_it_is_so() {
    let node = Node::allowing("ha = \"allow\"", &[ONE]);
    node.file("ha/resources.cfg", "ct:101\n\tstate stopped\n\n");
    let op = operation("start", "101", json!({}));
    let plan = node.plan(&op);
    assert_eq!(
        plan.effects.objects[0].note.as_deref(),
        Some("by the HA manager, which acts in its own time")
    );
    node.act(&plan).unwrap();
    let seen = adapter::of(&op).verify(&plan, &node);
    assert_eq!(serde_json::to_value(seen.happened).unwrap(), json!("cannot_tell"));
}

#[test]
fn steps_that_fail_are_explained() {
    let reason = |node: &Node, op: &str, params: Value| {
        let op = operation(op, "101", params);
        let plan = node.plan(&op);
        node.fault("");
        let stderr = node.act(&plan).unwrap_err();
        adapter::of(&op).explain(255, stderr.as_bytes()).as_str()
    };
    let older = Node::after(&[ONE, "pct snapshot 101 one", "pct snapshot 101 two"]);
    assert_eq!(reason(&older, "rollback", json!({"name": "one"})), "newer-exist");
    let taken = Node::after(&[ONE]);
    std::fs::create_dir_all(taken.folder("nodes/pve/qemu-server")).unwrap();
    taken.file("nodes/pve/qemu-server/102.conf", "");
    assert_eq!(reason(&taken, "clone", json!({"to": "102"})), "exists");
}
