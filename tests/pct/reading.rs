//! Answers to reads.

use serde_json::json;

use crate::node::{Node, ONE, operation};

#[test]
fn a_list_shows_the_range_that_was_asked_for_and_no_other() {
    let node = Node::after(&[ONE, "pct clone 101 102", "pct clone 101 200", "pct start 102"]);
    node.edit(200, "lock: backup\n");
    assert_eq!(
        node.answer(&operation("list", "101-199", json!({}))),
        json!({"containers": [
            {"vmid": 101, "name": "web", "status": "stopped", "lock": null},
            {"vmid": 102, "name": "web", "status": "running", "lock": null},
        ]})
    );
    let one = node.answer(&operation("list", "200", json!({})));
    assert_eq!(
        one["containers"],
        json!([{"vmid": 200, "name": "web", "status": "stopped", "lock": "backup"}])
    );
    assert_eq!(
        Node::after(&[]).answer(&operation("list", "100-999999999", json!({}))),
        json!({"containers": []})
    );
}

#[test]
fn a_status_is_given_with_its_numbers_as_numbers() {
    let node = Node::after(&[ONE, "pct start 101"]);
    let status = node.answer(&operation("status", "101", json!({})));
    assert_eq!(
        (&status["status"], &status["vmid"], &status["maxmem"]),
        (&json!("running"), &json!(101), &json!(536_870_912))
    );
}

#[test]
fn a_configuration_is_given_without_what_stands_in_a_containers_environment() {
    let node = Node::after(&[ONE]);
    node.must("pct set 101 --description=web:100%");
    node.edit(101, "lxc.environment: TOKEN=hush\nlxc.cap.drop: sys_time\nenv: TOKEN=hush\n");
    let answer = node.answer(&operation("config", "101", json!({})));
    assert_eq!(answer["config"]["hostname"], "web");
    assert_eq!(answer["config"]["description"], "web:100%");
    assert_eq!(
        answer["raw"],
        json!([
            {"key": "lxc.environment", "value": "(not shown)"},
            {"key": "lxc.cap.drop", "value": "sys_time"},
        ])
    );
    assert!(answer["digest"].as_str().unwrap().starts_with("sha256:"));
    assert!(!answer.to_string().contains("hush"));
}

#[test]
fn snapshots_are_given_with_their_parents_and_which_is_the_newest() {
    let node = Node::after(&[ONE, "pct snapshot 101 one --description=first", "pct snapshot 101 two"]);
    node.must("pct delsnapshot 101 two");
    node.must("pct snapshot 101 three");
    let answer = node.answer(&operation("snapshots", "101", json!({})));
    assert_eq!((&answer["newest"], &answer["stands_on"]), (&json!("three"), &json!("three")));
    let one = &answer["snapshots"][0];
    assert_eq!(
        (&one["name"], &one["parent"], &one["description"]),
        (&json!("one"), &json!(null), &json!("first"))
    );
    assert_eq!(answer["snapshots"][1]["parent"], "one");
    let then = node.answer(&operation("config", "101", json!({"snapshot": "one"})));
    assert_eq!(then["config"]["memory"], "512");
}
