//! The fake's own words and exit statuses, as Proxmox VE 9 has them.

use crate::node::{Node, ONE};

#[test]
fn exit_statuses_and_words_are_proxmoxs() {
    let node = Node::after(&[ONE, "pct snapshot 101 one"]);
    for (line, code, said) in [
        ("pct status 999", 2, "Configuration file 'nodes/pve/lxc/999.conf' does not exist\n"),
        ("pct start 999", 255, "Configuration file 'nodes/pve/lxc/999.conf' does not exist\n"),
        ("pct stop 999", 255, "CT 999 not running\n"),
        ("pct shutdown 999", 255, "CT 999 not running\n"),
        ("pct reboot 101", 255, "VM 101 not running\n"),
        ("pct unlock 101", 255, "no lock found trying to remove any lock\n"),
        ("pct snapshot 101 current", 255, "unable to use snapshot name 'current' (reserved name)\n"),
        ("pct snapshot 101 one", 255, "snapshot name 'one' already used\n"),
        ("pct rollback 101 two", 255, "snapshot 'two' does not exist\n"),
        ("pct template 101", 255, "unable to create template, because CT contains snapshots\n"),
        ("pct resize 101 rootfs 8G", 255, "disk is already at specified size\n"),
        ("pct resize 101 rootfs 7G", 255, "unable to shrink disk size\n"),
        ("pct set 101", 255, "no options specified\n"),
        (
            "pct set 101 --memory=600 --digest=00",
            255,
            "detected modified configuration - file changed by other user? Try again.\n",
        ),
        ("pct start", 255, "400 not enough arguments\npct start <vmid> [OPTIONS]\n"),
        ("pct start 101 102", 255, "400 too many arguments\npct start <vmid> [OPTIONS]\n"),
        (
            "pct start 101 --foo",
            255,
            "Unknown option: foo\n400 unable to parse option\npct start <vmid> [OPTIONS]\n",
        ),
        (
            "pct start 42",
            255,
            "400 Parameter verification failed.\nvmid: invalid format - value does not look like a valid VM ID\npct start <vmid> [OPTIONS]\n",
        ),
        (
            "pct snapshot 101 9x",
            255,
            "400 Parameter verification failed.\nsnapname: invalid format - invalid configuration ID '9x'\npct snapshot <vmid> <snapname> [OPTIONS]\n",
        ),
    ] {
        let output = node.root(line);
        assert_eq!(
            (output.exit_code, String::from_utf8_lossy(&output.stderr).as_ref()),
            (code, said),
            "{line}"
        );
    }
    node.fault("no-quorum");
    assert_eq!(
        String::from_utf8(node.root("pct start 101").stderr).unwrap(),
        "cluster not ready - no quorum?\n"
    );
}

#[test]
fn a_resize_whose_worker_failed_ends_with_0() {
    let node = Node::after(&[ONE]);
    node.fault("resize-worker");
    let output = node.root("pct resize 101 rootfs 9G");
    assert_eq!(output.exit_code, 0);
    assert!(node.says("pct config 101").contains("size=8G"));
}

#[test]
fn the_listing_and_the_tree_look_as_proxmox_prints_them() {
    let node = Node::after(&[]);
    assert_eq!(node.says("pct list"), "");
    node.must(ONE);
    node.edit(101, "lock: backup\n");
    assert_eq!(
        node.says("pct list"),
        "VMID       Status     Lock         Name                \n101        stopped    backup       web                 \n"
    );
    node.must("pct unlock 101");
    node.must("pct snapshot 101 before");
    let tree = node.says("pct listsnapshot 101");
    let lines: Vec<&str> = tree.lines().collect();
    assert!(
        lines[0].starts_with("`-> before                      2026-")
            && lines[0].ends_with("     no-description"),
        "{tree}"
    );
    assert_eq!(lines[1], " `-> current                                            You are here!");
}

#[test]
fn every_task_leaves_a_line_with_how_it_ended() {
    let node = Node::after(&[ONE, "pct start 101"]);
    node.root("pct snapshot 101 one");
    node.root("pct snapshot 101 one");
    let index = std::fs::read_to_string(node.folder("tasks/index")).unwrap();
    let ends: Vec<&str> = index.lines().map(|line| line.split_once("@pam: ").unwrap().1).collect();
    assert_eq!(ends, ["OK", "OK", "OK", "ERROR: snapshot name 'one' already used"]);
}
