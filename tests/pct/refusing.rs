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
        ("delete-snapshot", json!({"name": "one"})),
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

const VLANS: &str = "templates = ['local:vztmpl/debian-12.tar.zst']\nstorages = ['local-zfs']\nbridges = ['vmbr0']\nvlans = ['10', '200-299']\n";

#[test]
fn an_interface_is_put_into_no_vlan_that_the_owner_did_not_name() {
    let node = Node::allowing(VLANS, &[ONE, "pct set 101 --net1=name=eth1,bridge=vmbr9,tag=5"]);
    let net = |key: &str, value: &str| operation("set", "101", json!({"changes": {key: value}}));
    for tag in [10, 200, 299] {
        node.plan(&net("net0", &format!("name=eth0,bridge=vmbr0,tag={tag}")));
        node.plan(&net("net2", &format!("name=eth2,bridge=vmbr0,tag={tag}")));
    }
    for tag in [1, 11, 300, 4094] {
        let asked = format!("name=eth0,bridge=vmbr0,tag={tag}");
        assert_eq!(node.rule(&net("net0", &asked)), "pct-not-allowed", "{tag}");
        assert_eq!(node.rule(&net("net2", &asked)), "pct-not-allowed", "{tag}");
        let create = operation("create", "102", creation(json!({"networks": [asked]})));
        assert_eq!(node.rule(&create), "pct-not-allowed", "{tag}");
    }
    // Where nobody allowed it to be it stays as it is, and goes nowhere else from there.
    assert_eq!(node.rule(&net("net1", "name=eth1,bridge=vmbr9,tag=10")), "pct-not-allowed");
    assert_eq!(node.rule(&net("net1", "name=eth1,bridge=vmbr0,tag=5")), "pct-not-allowed");
    // On another bridge it would be in the VLAN that it has.
    assert_eq!(node.rule(&net("net1", "name=eth1,bridge=vmbr0")), "pct-not-allowed");
    node.plan(&net("net1", "name=eth1,bridge=vmbr9,ip=dhcp"));
}

#[test]
fn what_guards_an_interface_is_not_lost_by_silence() {
    let guarded = "name=eth0,bridge=vmbr0,firewall=1,hwaddr=BC:24:11:00:00:01,rate=5,tag=7";
    let node = Node::after(&[ONE, &format!("pct set 101 --net0={guarded}")]);
    let set = operation("set", "101", json!({"changes": {"net0": "name=eth0,bridge=vmbr0,ip=dhcp"}}));
    let plan = node.plan(&set);
    let kept = "name=eth0,bridge=vmbr0,firewall=1,hwaddr=BC:24:11:00:00:01,ip=dhcp,rate=5,tag=7";
    assert_eq!(crate::node::steps(&plan), [format!("pct set --net0={kept} 101")]);
    assert_eq!(plan.effects.objects[0].becomes.as_deref(), Some(format!("net0={kept}").as_str()));
    assert_eq!(set.effect(), reeve::operation::Effect::Change);
    let off = json!({"changes": {"net0": "name=eth0,bridge=vmbr0,firewall=0"}});
    assert_eq!(operation("set", "101", off).effect(), reeve::operation::Effect::Destroy);
    let gone = operation("set", "101", json!({"delete": ["net0"]}));
    assert_eq!(gone.effect(), reeve::operation::Effect::Destroy);
}

#[test]
fn nothing_is_made_larger_than_the_owner_allows() {
    let bounds = format!("{VLANS}max_size = 8\nmax_memory = 1024\nmax_cores = 2\n");
    let node = Node::allowing(&bounds, &[ONE, "pct set 101 --cores=1"]);
    let create = |more: Value| operation("create", "102", creation(more));
    let set = |changes: Value| operation("set", "101", json!({"changes": changes}));
    node.plan(&create(json!({"size": 8, "memory": 1024, "swap": 1024, "cores": 2})));
    for more in [
        json!({"cores": 2, "size": 9}),
        json!({"cores": 2, "memory": 1025}),
        json!({"cores": 2, "swap": 1025}),
        json!({"cores": 3}),
        // Without a number it has all of the host's.
        json!({}),
    ] {
        assert_eq!(node.rule(&create(more.clone())), "pct-not-allowed", "{more}");
    }
    node.plan(&set(json!({"memory": "1024", "swap": "0", "cores": "2", "mp0": "local-zfs:8,mp=/data"})));
    for changes in [
        json!({"memory": "1025"}),
        json!({"swap": "1025"}),
        json!({"cores": "3"}),
        json!({"mp0": "local-zfs:9,mp=/data"}),
    ] {
        assert_eq!(node.rule(&set(changes.clone())), "pct-not-allowed", "{changes}");
    }
    assert_eq!(node.rule(&operation("set", "101", json!({"delete": ["cores"]}))), "pct-not-allowed");
    let larger = |size: u32| operation("resize", "101", json!({"disk": "rootfs", "size": size}));
    assert_eq!(node.rule(&larger(9)), "pct-not-allowed");
    let unbounded = Node::allowing(VLANS, &[ONE]);
    unbounded.plan(&larger(900));
    unbounded.plan(&create(json!({"memory": 9999, "size": 900})));
}

#[test]
fn a_copy_takes_nothing_over_that_a_new_container_could_not_have() {
    let copy = |params: Value| operation("clone", "101", params);
    for line in [
        "lxc.mount.entry: /etc etc none bind\n",
        "lxc.apparmor.profile: unconfined\n",
        "hookscript: local:snippets/x.pl\n",
        "dev0: /dev/sda\n",
        "entrypoint: /bin/sh\n",
        "env: TOKEN=x\n",
        "features: nesting=1,fuse=1\n",
        "features: keyctl=1\n",
        "net1: name=eth1,bridge=vmbr9\n",
        "net1: name=eth1,bridge=vmbr0,tag=7\n",
        "net1: name=eth1,bridge=vmbr0,trunks=1;2\n",
        "mp0: /srv/data,mp=/data\n",
        "mp0: nfs:101/vm-101-disk-1.raw,mp=/data,size=1G\n",
        "mp0: local-zfs:subvol-101-disk-1,mp=/data,mountoptions=dev,size=1G\n",
        "mp0: local-zfs:subvol-101-disk-1,mp=/data,shared=1,size=1G\n",
        "what: ever\n",
    ] {
        let node = Node::after(&[ONE]);
        node.edit(101, line);
        assert_eq!(node.rule(&copy(json!({"to": "102"}))), "pct-not-allowed", "{line}");
    }
    let usual =
        Node::after(&[ONE, "pct set 101 --mp0=local-zfs:1,mp=/data", "pct set 101 --tags=a --onboot=1"]);
    usual.edit(101, "features: nesting=1,keyctl=0\n");
    usual.plan(&copy(json!({"to": "102"})));
    let privileged = format!("{ONE} --unprivileged=0");
    let node = Node::after(&[&privileged]);
    assert_eq!(node.rule(&copy(json!({"to": "102"}))), "pct-not-allowed");
    let open = Node::allowing(&format!("{VLANS}privileged = true\n"), &[&privileged]);
    open.plan(&copy(json!({"to": "102"})));
    let bounded = Node::allowing(&format!("{VLANS}max_memory = 256\n"), &[ONE]);
    assert_eq!(bounded.rule(&copy(json!({"to": "102"}))), "pct-not-allowed");
}

#[test]
fn a_copy_of_a_snapshot_is_held_to_what_the_snapshot_has() {
    let other = "pct set 101 --net0=name=eth0,bridge=vmbr9";
    let node =
        Node::after(&[ONE, other, "pct snapshot 101 one", "pct set 101 --net0=name=eth0,bridge=vmbr0"]);
    let copy = |params: Value| operation("clone", "101", params);
    assert_eq!(node.rule(&copy(json!({"to": "102", "snapshot": "one"}))), "pct-not-allowed");
    node.plan(&copy(json!({"to": "102"})));
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
