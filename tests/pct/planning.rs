//! What plans say: effects, steps, and the way back.

use reeve::adapter::Action;
use serde_json::json;

use crate::node::{Node, ONE, operation, steps};

#[test]
fn a_plan_is_bound_to_the_configuration_and_the_state() {
    let node = Node::after(&[ONE]);
    let op = operation("destroy", "101", json!({}));
    let first = node.plan(&op).effects;
    assert_eq!(node.plan(&op).effects.effects_digest(), first.effects_digest());
    node.must("pct set 101 --memory=1024");
    let second = node.plan(&op).effects;
    assert_ne!(second.effects_digest(), first.effects_digest());
    node.must("pct snapshot 101 new");
    assert_ne!(node.plan(&op).effects.effects_digest(), second.effects_digest());
}

#[test]
fn a_destruction_names_the_snapshots_and_volumes_that_go_and_the_backups_that_stay() {
    let node = Node::after(&[ONE, "pct set 101 --mp0=local-zfs:1,mp=/data", "pct snapshot 101 first"]);
    node.file("backups/pbs/vzdump-lxc-101-2026_01_01-00_00_00.tar.zst", "1234");
    node.file("backups/pbs/vzdump-lxc-102-2026_01_01-00_00_00.tar.zst", "1234");
    let plan = node.plan(&operation("destroy", "101", json!({})));
    let effects = &plan.effects;
    let names: Vec<_> = effects.objects.iter().map(|object| (object.action, object.name.as_str())).collect();
    assert_eq!(names, [(Action::Destroy, "101"), (Action::Destroy, "101@first")]);
    assert_eq!(
        effects.objects[0].becomes.as_deref(),
        Some(
            "gone; 1 backup stays, the newest pbs:backup/vzdump-lxc-101-2026_01_01-00_00_00.tar.zst (4 bytes)"
        )
    );
    assert_eq!(effects.dependents, ["mp0 local-zfs:subvol-101-disk-1", "rootfs local-zfs:subvol-101-disk-0"]);
    assert_eq!(effects.bytes_freed, Some(9 << 30));
    assert!(!effects.reversible && plan.undo.is_none());
    assert_eq!(steps(&plan), ["pct destroy 101"]);
}

#[test]
fn a_retirement_is_taken_back_with_all_that_it_changed() {
    let node = Node::after(&[ONE, "pct set 101 --tags=a;b --onboot=1"]);
    let before = node.says("pct config 101");
    let plan = node.plan(&operation("destroy", "101", json!({"retire": true})));
    assert_eq!(
        steps(&plan),
        ["pct set --protection=1 --onboot=0 --tags=a;b;reeve-retired;reeve-was-onboot 101"]
    );
    assert!(plan.effects.reversible);
    let undo = plan.undo.as_ref().unwrap();
    assert_eq!(undo.until.unwrap().as_secs(), 604_800);
    let op = operation("destroy", "101", json!({"retire": true}));
    let purge = reeve::adapter::of(&op).purge(&plan).unwrap();
    assert_eq!(purge.command_line(), "pct purge 101");
    let at_once = operation("destroy", "101", json!({"related": true}));
    assert_eq!(reeve::adapter::of(&at_once).undoable(), Some(op));
    node.act(&plan).unwrap();
    node.through(&undo.operation);
    assert_eq!(
        node.says("pct config 101"),
        before.replace("ostype: unmanaged\n", "ostype: unmanaged\nprotection: 0\n")
    );
}

#[test]
fn a_change_of_settings_says_what_was_and_offers_to_set_it_back() {
    let node = Node::after(&[ONE]);
    let op = operation(
        "set",
        "101",
        json!({"changes": {"memory": "1024", "hostname": "web", "cores": "2"}, "delete": ["nameserver"], "before": "safe"}),
    );
    let plan = node.plan(&op);
    // The host name is so already, and there is no name server.
    assert_eq!(steps(&plan), ["pct snapshot 101 safe", "pct set --cores=2 --memory=1024 101"]);
    let object = &plan.effects.objects[1];
    assert_eq!(object.was.as_deref(), Some("cores=(not set) memory=512"));
    assert_eq!(object.becomes.as_deref(), Some("cores=2 memory=1024"));
    let undo = plan.undo.unwrap().operation;
    assert_eq!(
        undo.params(),
        json!({"changes": {"memory": "512"}, "delete": ["cores"]}).as_object().unwrap().clone()
    );
}

#[test]
fn what_is_so_already_is_settled() {
    let node = Node::after(&[ONE]);
    for (op, params) in [
        ("shutdown", json!({})),
        ("stop", json!({})),
        ("unlock", json!({})),
        ("unretire", json!({})),
        ("set", json!({"changes": {"memory": "512", "net0": "bridge=vmbr0,name=eth0"}})),
        ("resize", json!({"disk": "rootfs", "size": 8})),
    ] {
        let plan = node.plan(&operation(op, "101", params));
        assert!(plan.settled && plan.steps.is_empty(), "{op}");
    }
    node.must("pct start 101");
    assert!(node.plan(&operation("start", "101", json!({}))).settled);
}

#[test]
fn killing_is_told_apart_from_shutting_down() {
    let node = Node::after(&[ONE, "pct start 101"]);
    let polite = node.plan(&operation("shutdown", "101", json!({"timeout": 30})));
    let harsh = node.plan(&operation("stop", "101", json!({})));
    assert_eq!(steps(&polite), ["pct shutdown --timeout=30 101"]);
    assert_eq!(steps(&harsh), ["pct stop 101"]);
    assert!(polite.effects.reversible && !harsh.effects.reversible);
    assert_eq!(harsh.effects.undo.as_deref(), Some("pct start 101 (what it had not written is lost)"));
    // Proxmox waits as long as it is told; the step is given that, and time to end.
    assert_eq!(polite.steps[0].argv.limit.unwrap().as_secs(), 150);
}

#[test]
fn a_rollback_says_that_it_kills_and_which_snapshots_are_younger() {
    let node = Node::after(&[ONE, "pct snapshot 101 old", "pct snapshot 101 new", "pct start 101"]);
    let plan = node.plan(&operation("rollback", "101", json!({"name": "old"})));
    let objects: Vec<_> =
        plan.effects.objects.iter().map(|object| (object.action, object.name.as_str())).collect();
    assert_eq!(objects, [(Action::Stop, "101"), (Action::Rollback, "101")]);
    assert_eq!(plan.effects.dependents, ["101@new"]);
    assert_eq!(plan.effects.objects[0].note.as_deref(), Some("killed: what it had not written is lost"));
    assert!(plan.effects.objects[1].note.as_deref().unwrap().contains("ZFS refuses"));
    assert!(!plan.effects.reversible);
}

#[test]
fn what_loosens_a_guard_counts_as_destroying() {
    use reeve::operation::Effect;
    let effect = |params| operation("set", "101", params).effect();
    assert_eq!(effect(json!({"changes": {"protection": "0"}})), Effect::Destroy);
    assert_eq!(effect(json!({"delete": ["protection"]})), Effect::Destroy);
    assert_eq!(effect(json!({"delete": ["mp0"]})), Effect::Destroy);
    assert_eq!(
        effect(json!({"changes": {"protection": "1", "memory": "512"}, "delete": ["tags"]})),
        Effect::Change
    );
}

#[test]
fn a_container_is_created_without_privilege_password_or_path_of_the_host() {
    let node = Node::after(&[]);
    let plan = node.plan(&operation(
        "create",
        "120",
        json!({"template": "local:vztmpl/debian-12.tar.zst", "storage": "local-zfs", "size": 4, "tags": ["a", "b"]}),
    ));
    assert_eq!(
        steps(&plan),
        ["pct create --rootfs=local-zfs:4 --unprivileged=1 --tags=a;b 120 local:vztmpl/debian-12.tar.zst"]
    );
    assert_eq!(plan.undo.unwrap().operation.command_line(), "pct destroy 120");
}

#[test]
fn what_waits_for_the_next_start_is_said() {
    let node = Node::after(&[ONE, "pct start 101"]);
    let op = operation("set", "101", json!({"changes": {"hostname": "new", "memory": "1024"}}));
    let plan = node.plan(&op);
    node.act(&plan).unwrap();
    let seen = reeve::adapter::of(&op).verify(&plan, &node);
    assert_eq!((seen.verified, &seen.result["waits_for_start"]), (true, &json!(["hostname"])));
}
