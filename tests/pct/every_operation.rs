//! Every operation from plan to verification and, where there is a way, back: one course for containers that are only
//! written down and for those that LXC runs.

use std::collections::BTreeSet;

use reeve::operation::{Operation, catalogue};
use serde_json::json;

use crate::node::{Node, operation};

fn there_and_back(node: &Node, op: &Operation) {
    let undo = node.through(op).unwrap_or_else(|| panic!("{} offers no undo", op.command_line()));
    node.through(&undo);
}

/// Goes through all that changes something, and says what it went through.
fn course(node: &Node) -> BTreeSet<String> {
    let mut seen = BTreeSet::new();
    let mut op = |name: &str, vm: &str, params: serde_json::Value| {
        seen.insert(name.to_owned());
        operation(name, vm, params)
    };
    let create = op(
        "create",
        "101",
        json!({
            "template": "local:vztmpl/debian-12.tar.zst", "storage": "local-zfs", "size": 2, "hostname": "web",
            "memory": 256, "networks": ["name=eth0,bridge=vmbr0,ip=dhcp"], "tags": ["team-a"], "features": ["nesting"],
            "description": "web: of the library", "onboot": true,
        }),
    );
    there_and_back(node, &create);
    node.through(&create);
    there_and_back(node, &op("start", "101", json!({})));
    node.through(&op("start", "101", json!({})));
    node.through(&op("reboot", "101", json!({"timeout": 5})));
    there_and_back(node, &op("shutdown", "101", json!({"timeout": 5})));
    there_and_back(node, &op("snapshot", "101", json!({"name": "first", "description": "by hand"})));
    node.through(&op("snapshot", "101", json!({"name": "first"})));
    there_and_back(node, &op("set", "101", json!({"changes": {"memory": "512", "tags": "x", "cores": "2"}})));
    node.through(&op("set", "101", json!({"changes": {"mp0": "local-zfs:1,mp=/data"}})));
    node.through(&op("set", "101", json!({"delete": ["mp0"], "changes": {"nameserver": "192.0.2.1"}})));
    node.through(&op("resize", "101", json!({"disk": "rootfs", "size": 3})));
    node.through(&op("clone", "101", json!({"to": "102", "snapshot": "first", "hostname": "copy"})));
    node.through(&op("rollback", "101", json!({"name": "first", "start": true})));
    node.through(&op("stop", "101", json!({})));
    node.through(&op("delete-snapshot", "101", json!({"name": "first"})));
    node.edit(101, "lock: backup\n");
    node.through(&op("unlock", "101", json!({})));
    there_and_back(node, &op("destroy", "101", json!({"retire": true})));
    node.through(&op("unretire", "101", json!({})).retired(node));
    node.through(&op("destroy", "101", json!({"retire": true})));
    node.through(&op("purge", "101", json!({})));
    node.through(&op("destroy", "102", json!({})));
    assert_eq!(node.says("pct list"), "");
    seen
}

trait Retired {
    fn retired(self, node: &Node) -> Self;
}

impl Retired for Operation {
    /// The same, on a container that has just been retired.
    fn retired(self, node: &Node) -> Self {
        node.through(&operation("destroy", &self.resource(), json!({"retire": true})));
        self
    }
}

#[test]
fn every_operation_happens_and_is_taken_back_on_a_node_that_is_only_written_down() {
    let seen = course(&Node::after(&[]));
    let changing: BTreeSet<String> = catalogue()
        .filter(|entry| entry.kind == "pct" && entry.effect != reeve::operation::Effect::Read)
        .map(|entry| entry.op.to_owned())
        .collect();
    assert_eq!(seen, changing);
}

#[test]
fn every_operation_happens_and_is_taken_back_on_real_containers() {
    course(&Node::on_lxc(&[]));
}

#[test]
fn a_real_container_comes_back_to_what_it_was_at_its_snapshot() {
    let node = Node::on_lxc(&[crate::node::ONE, "pct start 101"]);
    assert_eq!(node.inside(101, "hostname; echo one >/root/file"), "web\n");
    node.through(&operation("snapshot", "101", json!({"name": "kept"})));
    node.inside(101, "echo two >/root/file");
    node.through(&operation("rollback", "101", json!({"name": "kept", "start": true})));
    assert_eq!(node.inside(101, "cat /root/file"), "one\n");
}

#[test]
fn a_real_container_without_its_first_program_does_not_start_and_that_is_said() {
    let node = Node::on_lxc(&[crate::node::ONE, "pct start 101"]);
    node.inside(101, "rm /sbin/init");
    node.must("pct stop 101");
    let plan = node.plan(&operation("start", "101", json!({})));
    assert_eq!(
        node.act(&plan).unwrap_err(),
        "command 'systemctl start pve-container@101' failed: exit code 1\n"
    );
}
