//! A node that cannot be read is not an empty one.

use std::time::Duration;

use reeve::adapter::{self, Argv, Happened, Host, HostError, Program, Rule, ToolOutput};
use reeve::operation::Operation;
use serde_json::json;

use crate::node::{Node, ONE, operation};

type Read = fn() -> Result<ToolOutput, HostError>;

/// A node whose every read ends alike.
struct Always(Read);

impl Host for Always {
    fn read(&self, _argv: &Argv) -> Result<ToolOutput, HostError> {
        (self.0)()
    }
}

fn output(exit_code: i32, stdout: &str, stderr: &str) -> Result<ToolOutput, HostError> {
    Ok(ToolOutput { exit_code, stdout: stdout.into(), stderr: stderr.into() })
}

const BROKEN: &[(&str, Read)] = &[
    ("silent failure", || output(2, "", "")),
    ("another failure", || output(2, "", "ipcc_send_rec[1] failed: Connection refused\n")),
    ("missing words about another container", || {
        output(2, "", "Configuration file 'nodes/pve/lxc/102.conf' does not exist\n")
    }),
    ("missing words about a longer number", || {
        output(2, "", "Configuration file 'nodes/pve/lxc/1101.conf' does not exist\n")
    }),
    ("missing words and more, as when the cluster's file system is away", || {
        output(
            2,
            "",
            "ipcc_send_rec[1] failed: Connection refused\nConfiguration file 'nodes/pve/lxc/101.conf' does not exist\n",
        )
    }),
    ("missing words with status 0", || {
        output(0, "", "Configuration file 'nodes/pve/lxc/101.conf' does not exist\n")
    }),
    ("half a configuration", || output(0, "hostname: web\nmem", "")),
    ("an error behind an answer", || output(0, "rootfs: a\n", "something went wrong\n")),
    ("nothing at all", || output(0, "", "")),
    ("no text", || Ok(ToolOutput { exit_code: 0, stdout: vec![0xff], stderr: Vec::new() })),
    ("killed", || Err(HostError::Killed { program: Program::Pct, signal: 9 })),
    ("too slow", || Err(HostError::TimedOut { program: Program::Pct, after: Duration::from_secs(10) })),
    ("not installed", || Err(HostError::Missing { program: Program::Pct })),
];

fn operations() -> Vec<Operation> {
    vec![
        operation("start", "101", json!({})),
        operation("shutdown", "101", json!({})),
        operation("reboot", "101", json!({})),
        operation("stop", "101", json!({})),
        operation("unlock", "101", json!({})),
        operation("snapshot", "101", json!({"name": "xx"})),
        operation("rollback", "101", json!({"name": "xx"})),
        operation("delete-snapshot", "101", json!({"name": "xx"})),
        operation("clone", "101", json!({"to": "102"})),
        operation("set", "101", json!({"changes": {"memory": "512"}})),
        operation("resize", "101", json!({"disk": "rootfs", "size": 9})),
        operation("destroy", "101", json!({})),
        operation("destroy", "101", json!({"retire": true})),
        operation("unretire", "101", json!({})),
        operation("purge", "101", json!({})),
    ]
}

#[test]
fn a_node_that_cannot_be_read_refuses_every_plan_for_that_reason() {
    for (what, broken) in BROKEN {
        for op in operations() {
            let refusal = adapter::of(&op).plan(&Always(*broken)).unwrap_err();
            assert_eq!(refusal.rule, Rule::HostUnreadable, "{what}: {op:?}: {refusal:?}");
        }
    }
}

#[test]
fn a_node_that_cannot_be_read_answers_no_read() {
    for (what, broken) in BROKEN {
        for op in ["status", "config", "snapshots"].map(|op| operation(op, "101", json!({}))) {
            // A configuration of one key is a whole one to nobody but this.
            let refusal = adapter::of(&op).read(&Always(*broken)).unwrap_err();
            assert_eq!(refusal.rule, Rule::HostUnreadable, "{what}: {op:?}");
        }
    }
}

#[test]
fn a_node_that_cannot_be_read_again_verifies_nothing() {
    let node = Node::after(&[ONE]);
    let op = operation("destroy", "101", json!({}));
    let plan = node.plan(&op);
    for (what, broken) in BROKEN {
        let seen = adapter::of(&op).verify(&plan, &Always(*broken));
        assert_eq!(seen.happened, Happened::CannotTell, "{what}: {seen:?}");
    }
}
