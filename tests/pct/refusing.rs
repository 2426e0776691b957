//! What is refused before anything runs, and what is offered instead.

use reeve::adapter;
use serde_json::{Value, json};

use crate::node::{Node, ONE, operation};

fn creation(more: Value) -> Value {
    let mut params = json!({"template": "local:vztmpl/debian-12.tar.zst", "storage": "local-zfs", "size": 4});
    params.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    params
}

fn alternatives(node: &Node, op: &str, params: Value) -> Vec<String> {
    let refusal = adapter::of(&operation(op, "101", params)).plan(node).unwrap_err();
    refusal.alternatives.iter().map(reeve::operation::Operation::command_line).collect()
}

#[test]
fn a_container_that_is_not_there_is_said_to_be_missing_whatever_is_asked() {
    let node = Node::after(&[]);
    for (op, params) in [
        ("start", json!({})),
        ("shutdown", json!({})),
        ("reboot", json!({})),
        ("stop", json!({})),
        ("unlock", json!({})),
        ("snapshot", json!({"name": "xx"})),
        ("rollback", json!({"name": "xx"})),
        ("delete-snapshot", json!({"name": "xx"})),
        ("set", json!({"changes": {"memory": "512"}})),
        ("resize", json!({"disk": "rootfs", "size": 9})),
        ("clone", json!({"to": "102"})),
        ("destroy", json!({})),
        ("destroy", json!({"retire": true})),
        ("unretire", json!({})),
        ("purge", json!({})),
    ] {
        assert_eq!(node.rule(&operation(op, "101", params)), "pct-not-found", "{op}");
    }
}

#[test]
fn only_what_destroys_is_done_when_its_object_is_gone() {
    let node = Node::after(&[ONE]);
    let is_gone = |op: &str, vm: &str, params: Value| {
        let op = operation(op, vm, params);
        let refusal = adapter::of(&op).plan(&node).unwrap_err();
        adapter::of(&op).is_gone(&refusal)
    };
    assert!(is_gone("destroy", "999", json!({})));
    assert!(is_gone("purge", "999", json!({})));
    assert!(is_gone("delete-snapshot", "101", json!({"name": "xx"})));
    assert!(!is_gone("destroy", "999", json!({"retire": true})));
    assert!(!is_gone("stop", "999", json!({})));
    assert!(!is_gone("rollback", "101", json!({"name": "xx"})));
    assert!(!is_gone("delete-snapshot", "999", json!({"name": "xx"})));
}

#[test]
fn a_locked_container_is_left_alone_and_unlocking_it_is_another_question() {
    let node = Node::after(&[ONE, "pct snapshot 101 one"]);
    node.edit(101, "lock: backup\n");
    for (op, params) in [
        ("start", json!({})),
        ("snapshot", json!({"name": "xx"})),
        ("rollback", json!({"name": "one"})),
        ("delete-snapshot", json!({"name": "one"})),
        ("set", json!({"changes": {"memory": "600"}})),
        ("resize", json!({"disk": "rootfs", "size": 9})),
        ("clone", json!({"to": "102"})),
        ("destroy", json!({})),
        ("destroy", json!({"retire": true})),
    ] {
        assert_eq!(node.rule(&operation(op, "101", params)), "pct-locked", "{op}");
    }
    assert_eq!(alternatives(&node, "destroy", json!({})), ["pct unlock 101"]);
}

#[test]
fn a_protected_or_running_container_is_not_destroyed() {
    let node = Node::after(&[ONE, "pct set 101 --protection=1"]);
    assert_eq!(node.rule(&operation("destroy", "101", json!({}))), "pct-protected");
    assert_eq!(alternatives(&node, "destroy", json!({})), ["pct set 101 protection=0"]);
    let node = Node::after(&[ONE, "pct start 101"]);
    assert_eq!(node.rule(&operation("destroy", "101", json!({}))), "pct-running");
    assert_eq!(alternatives(&node, "destroy", json!({})), ["pct shutdown 101"]);
    assert_eq!(node.rule(&operation("destroy", "101", json!({"retire": true}))), "pct-running");
}

#[test]
fn a_retired_container_is_purged_or_brought_back_and_nothing_else() {
    let node = Node::after(&[ONE, "pct snapshot 101 one"]);
    node.through(&operation("destroy", "101", json!({"retire": true})));
    for (op, params) in [
        ("start", json!({})),
        ("rollback", json!({"name": "one"})),
        ("set", json!({"changes": {"memory": "600"}})),
        ("resize", json!({"disk": "rootfs", "size": 9})),
        ("destroy", json!({})),
    ] {
        assert_eq!(node.rule(&operation(op, "101", params)), "pct-retired", "{op}");
    }
    assert_eq!(alternatives(&node, "destroy", json!({})), ["pct purge 101", "pct unretire 101"]);
    let node = Node::after(&[ONE]);
    assert_eq!(node.rule(&operation("purge", "101", json!({}))), "pct-not-retired");
    assert_eq!(alternatives(&node, "purge", json!({})), ["pct destroy 101 (retire)"]);
}

#[test]
fn nothing_is_made_that_the_owner_did_not_allow() {
    let node = Node::after(&[]);
    for more in [
        json!({"template": "local:vztmpl/other.tar.zst"}),
        json!({"storage": "nfs"}),
        json!({"networks": ["name=eth0,bridge=vmbr1"]}),
        json!({"features": ["keyctl"]}),
        json!({"privileged": true}),
        json!({"ssh_keys": true}),
    ] {
        assert_eq!(
            node.rule(&operation("create", "101", creation(more.clone()))),
            "pct-not-allowed",
            "{more}"
        );
    }
    node.plan(&operation("create", "101", creation(json!({"features": ["nesting"]}))));
    let bare = Node::allowing("", &[]);
    assert_eq!(bare.rule(&operation("create", "101", creation(json!({})))), "pct-not-allowed");
}

#[test]
fn every_key_of_the_owners_configuration_opens_what_it_says() {
    let whole = r#"
        templates = ["local:vztmpl/other.tar.zst"]
        storages = ["nfs"]
        bridges = ["vmbr1"]
        features = ["keyctl"]
        privileged = true
        ssh_keys = true
        ha = "absent"
    "#;
    let node = Node::allowing(whole, &[]);
    let more = json!({
        "template": "local:vztmpl/other.tar.zst", "storage": "nfs", "networks": ["name=eth0,bridge=vmbr1"],
        "features": ["keyctl"], "privileged": true, "ssh_keys": true,
    });
    let plan = node.plan(&operation("create", "101", creation(more)));
    assert_eq!(
        crate::node::steps(&plan),
        ["pct create --rootfs=nfs:4 --unprivileged=0 --net0=name=eth0,bridge=vmbr1 --features=keyctl=1 \
          --ssh-public-keys=/etc/reeve/pct-ssh-keys 101 local:vztmpl/other.tar.zst"]
    );
    assert_eq!(plan.effects.objects[0].kind, "privileged container");
}

#[test]
fn networks_and_volumes_are_set_where_the_owner_allows_and_where_they_are_already() {
    let node = Node::after(&[ONE, "pct set 101 --net1=name=eth1,bridge=vmbr9"]);
    let set = |changes: Value| operation("set", "101", json!({"changes": changes}));
    assert_eq!(node.rule(&set(json!({"net0": "name=eth0,bridge=vmbr1"}))), "pct-not-allowed");
    assert_eq!(node.rule(&set(json!({"mp0": "nfs:8,mp=/data"}))), "pct-not-allowed");
    node.plan(&set(json!({"net1": "name=eth1,bridge=vmbr9,ip=dhcp"})));
    node.plan(&set(json!({"mp0": "local-lvm:8,mp=/data"})));
    node.must("pct set 101 --mp0=local-zfs:1,mp=/data");
    assert_eq!(node.rule(&set(json!({"mp0": "local-zfs:9,mp=/data"}))), "pct-exists");
}

#[test]
fn the_ha_manager_is_asked_unless_there_is_none_and_its_containers_are_left_to_it() {
    let ha = "ct:101\n\tstate started\n\n";
    let refusing = Node::after(&[ONE]);
    refusing.file("ha/resources.cfg", ha);
    assert_eq!(refusing.rule(&operation("start", "101", json!({}))), "pct-ha");
    assert_eq!(refusing.rule(&operation("destroy", "101", json!({"related": true}))), "pct-ha");
    refusing.file("ha/resources.cfg", "ct:1011\n\tstate started\n\n");
    refusing.plan(&operation("start", "101", json!({})));
    let allowing = Node::allowing("ha = \"allow\"", &[ONE]);
    allowing.file("ha/resources.cfg", ha);
    assert_eq!(allowing.rule(&operation("destroy", "101", json!({}))), "pct-ha");
    let plan = allowing.plan(&operation("destroy", "101", json!({"related": true})));
    assert_eq!(crate::node::steps(&plan), ["pct destroy --purge=1 101"]);
    let absent = Node::allowing("ha = \"absent\"", &[ONE]);
    absent.file("ha/resources.cfg", "what is this");
    absent.plan(&operation("start", "101", json!({})));
    assert!(absent.reads().iter().all(|argv| argv.program.name() != "ha-manager"));
}

#[test]
fn a_copy_that_proxmox_cannot_make_is_refused_before() {
    let node = Node::after(&[ONE, "pct snapshot 101 one", "pct start 101"]);
    let clone = |params: Value| operation("clone", "101", params);
    assert_eq!(node.rule(&clone(json!({"to": "102"}))), "pct-running");
    assert_eq!(node.rule(&clone(json!({"to": "102", "snapshot": "two"}))), "pct-no-snapshot");
    assert_eq!(node.rule(&clone(json!({"to": "102", "storage": "nfs"}))), "pct-not-allowed");
    node.plan(&clone(json!({"to": "102", "snapshot": "one"})));
    let node = Node::after(&[ONE, "pct template 101"]);
    assert_eq!(node.rule(&clone(json!({"to": "102", "storage": "local-lvm"}))), "pct-template");
    assert_eq!(node.rule(&operation("start", "101", json!({}))), "pct-template");
    node.must("pct clone 101 102");
    assert_eq!(node.rule(&clone(json!({"to": "102"}))), "pct-exists");
}

#[test]
fn a_volume_is_never_made_smaller_and_the_hosts_own_files_are_no_volume() {
    let node = Node::after(&[ONE]);
    let resize = |disk: &str, size: u32| operation("resize", "101", json!({"disk": disk, "size": size}));
    assert_eq!(node.rule(&resize("rootfs", 7)), "pct-shrink");
    assert_eq!(node.rule(&resize("mp0", 9)), "pct-no-volume");
    node.edit(101, "mp0: /srv/data,mp=/data\n");
    assert_eq!(node.rule(&resize("mp0", 9)), "pct-no-volume");
}

#[test]
fn a_snapshot_is_taken_once_and_gone_back_to_when_it_is_whole() {
    let node = Node::after(&[ONE, "pct snapshot 101 one"]);
    assert_eq!(node.rule(&operation("snapshot", "101", json!({"name": "one"}))), "pct-exists");
    assert_eq!(node.rule(&operation("rollback", "101", json!({"name": "two"}))), "pct-no-snapshot");
    assert_eq!(node.rule(&operation("reboot", "101", json!({}))), "pct-stopped");
}
