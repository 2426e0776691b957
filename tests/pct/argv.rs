//! Every command that can ever run on containers, held by `tests/golden/argv-pct.txt`. `UPDATE_GOLDEN=1` writes it anew.

use std::collections::BTreeSet;
use std::fmt::Write;

use reeve::adapter;
use reeve::operation::{Operation, catalogue};
use serde_json::{Value, json};

use crate::node::{Node, ONE, operation};

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/argv-pct.txt");

const ALL: &str = r#"
templates = ["local:vztmpl/debian-12.tar.zst"]
storages = ["local-zfs"]
bridges = ["vmbr0"]
features = ["nesting", "keyctl"]
privileged = true
ssh_keys = true
backups = ["pbs"]
"#;

pub fn operations() -> Vec<Operation> {
    let all: Vec<(&str, &str, Value)> = vec![
        ("list", "100-199", json!({})),
        ("status", "101", json!({})),
        ("config", "101", json!({})),
        ("config", "101", json!({"snapshot": "one"})),
        ("snapshots", "101", json!({})),
        ("start", "101", json!({})),
        ("shutdown", "103", json!({})),
        ("shutdown", "103", json!({"timeout": 30})),
        ("reboot", "103", json!({})),
        ("reboot", "103", json!({"timeout": 30})),
        ("snapshot", "101", json!({"name": "new"})),
        ("snapshot", "101", json!({"name": "new", "description": "by hand"})),
        (
            "create",
            "120",
            json!({"template": "local:vztmpl/debian-12.tar.zst", "storage": "local-zfs", "size": 4}),
        ),
        (
            "create",
            "120",
            json!({
                "template": "local:vztmpl/debian-12.tar.zst", "storage": "local-zfs", "size": 4, "hostname": "new",
                "memory": 512, "swap": 0, "cores": 2,
                "networks": ["name=eth0,bridge=vmbr0,ip=dhcp", "name=eth1,bridge=vmbr0,ip=192.0.2.5/24,gw=192.0.2.1"],
                "tags": ["a", "b"], "features": ["nesting", "keyctl"], "description": "of the library", "onboot": true,
                "privileged": true, "ssh_keys": true,
            }),
        ),
        ("clone", "101", json!({"to": "121"})),
        (
            "clone",
            "101",
            json!({"to": "121", "hostname": "new", "snapshot": "one", "full": true, "storage": "local-zfs"}),
        ),
        (
            "set",
            "101",
            json!({
                "changes": {
                    "cores": "2", "cpulimit": "1", "cpuunits": "100", "description": "x", "hostname": "new",
                    "memory": "600", "mp0": "local-zfs:1,mp=/data,backup=1", "nameserver": "192.0.2.1",
                    "onboot": "1", "protection": "1", "searchdomain": "example.org", "startup": "order=1,up=5",
                    "swap": "0", "tags": "a;b",
                },
                "before": "safe",
            }),
        ),
        (
            "set",
            "101",
            json!({"changes": {"net1": "name=eth1,bridge=vmbr0"}, "delete": ["hostname", "net0"]}),
        ),
        ("resize", "101", json!({"disk": "rootfs", "size": 16, "before": "safe"})),
        ("unretire", "102", json!({})),
        ("stop", "103", json!({})),
        ("rollback", "101", json!({"name": "one"})),
        ("rollback", "101", json!({"name": "one", "start": true})),
        ("delete-snapshot", "101", json!({"name": "one"})),
        ("destroy", "101", json!({})),
        ("destroy", "101", json!({"related": true})),
        ("destroy", "101", json!({"retire": true})),
        ("purge", "102", json!({})),
        ("purge", "102", json!({"related": true})),
        ("unlock", "104", json!({})),
    ];
    all.into_iter().map(|(op, resource, params)| operation(op, resource, params)).collect()
}

pub fn node() -> Node {
    let node = Node::allowing(
        ALL,
        &[ONE, "pct snapshot 101 one", "pct clone 101 102", "pct clone 101 103", "pct clone 101 104"],
    );
    node.through(&operation("destroy", "102", json!({"retire": true})));
    node.must("pct start 103");
    node.edit(104, "lock: backup\n");
    node
}

/// The commands of one operation: a plan's reads and steps, the second look's reads.
fn commands(node: &Node, op: &Operation) -> String {
    let mut text = format!("# {}\n", op.command_line());
    node.reads();
    let mut once = BTreeSet::new();
    let mut line = |text: &mut String, what: &str, argv: String| {
        if once.insert((what.to_owned(), argv.clone())) {
            writeln!(text, "{what}  {argv}").unwrap();
        }
    };
    if adapter::of(op).is_plain_read() {
        node.answer(op);
        node.reads().iter().for_each(|argv| line(&mut text, "read", argv.to_string()));
        return text;
    }
    let plan = node.plan(op);
    node.reads().iter().for_each(|argv| line(&mut text, "read", argv.to_string()));
    plan.steps.iter().for_each(|step| line(&mut text, "step", step.argv.to_string()));
    adapter::of(op).verify(&plan, node);
    node.reads().iter().for_each(|argv| line(&mut text, "look", argv.to_string()));
    text
}

fn all() -> String {
    let node = node();
    operations().iter().map(|op| commands(&node, op)).collect::<Vec<_>>().join("\n")
}

#[test]
fn every_command_that_can_run_on_containers_is_in_the_golden_list() {
    let now = all();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(GOLDEN, &now).unwrap();
    }
    assert_eq!(now, std::fs::read_to_string(GOLDEN).unwrap(), "UPDATE_GOLDEN=1 writes it anew");
}

#[test]
fn every_operation_on_containers_is_in_the_golden_list() {
    let covered: BTreeSet<&str> = operations().iter().map(Operation::name).collect();
    let offered: BTreeSet<&str> =
        catalogue().filter(|entry| entry.kind == "pct").map(|entry| entry.op).collect();
    assert_eq!(covered, offered);
}

#[test]
fn every_read_of_containers_leaves_them_as_they_are() {
    for line in all().lines().filter_map(|line| line.strip_prefix("read  ").or(line.strip_prefix("look  "))) {
        let mut words = line.split(' ');
        let (tool, word) = (words.next().unwrap(), words.next().unwrap());
        let reads = match tool {
            "pct" => ["list", "status", "config", "listsnapshot"].contains(&word),
            "pvesm" => word == "list",
            _ha_manager => word == "config",
        };
        assert!(reads, "{line}");
    }
}

#[test]
fn no_command_overrides_a_lock_a_guard_or_a_running_container() {
    for word in [
        "--force",
        "--skiplock",
        "--overrule",
        "--unreferenced",
        "--password",
        "lxc.",
        "--hookscript",
        "--dev",
    ] {
        assert!(!all().contains(word), "{word}");
    }
}
