//! A host that cannot be read is not an empty one.

use std::io;
use std::time::Duration;

use reeve::adapter::{self, Adapter, Argv, Happened, Host, HostError, Program, Rule, ToolOutput};
use reeve::operation::Operation;
use serde_json::json;

use crate::model::{Model, operation};

type Read = fn() -> Result<ToolOutput, HostError>;

/// A host whose every read ends alike.
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
    ("silent failure", || output(1, "", "")),
    ("another failure", || output(1, "", "cannot open 'tank/a': I/O error\n")),
    ("missing words about another thing", || output(1, "", "cannot open 'tank/b': dataset does not exist\n")),
    ("missing words with another status", || output(2, "", "cannot open 'tank/a': dataset does not exist\n")),
    ("missing words and more", || output(1, "", "cannot open 'tank/a': dataset does not exist\nwarning\n")),
    ("half a listing", || output(0, "tank/a\tfilesystem\t12", "")),
    ("an error behind a listing", || output(0, "", "cannot iterate filesystems: I/O error\n")),
    ("nothing at all", || output(0, "", "")),
    ("no text", || Ok(ToolOutput { exit_code: 0, stdout: vec![0xff], stderr: Vec::new() })),
    ("killed", || Err(HostError::Killed { program: Program::Zfs, signal: 9 })),
    ("too slow", || Err(HostError::TimedOut { program: Program::Zfs, after: Duration::from_secs(10) })),
    ("too long", || Err(HostError::TooMuchOutput { program: Program::Zfs, bytes: 8 << 20 })),
    ("not installed", || Err(HostError::Missing { program: Program::Zfs })),
    ("not run", || Err(HostError::NotRun { program: Program::Zfs, source: Box::new(io::Error::other("?")) })),
];

fn operations() -> Vec<Operation> {
    vec![
        operation("snapshot", "tank/a", json!({"name": "s"})),
        operation("create", "tank/a", json!({})),
        operation("clone", "tank/a@s", json!({"target": "tank/b"})),
        operation("set", "tank/a", json!({"property": "quota", "value": "1M"})),
        operation("rename", "tank/a", json!({"to": "tank/b"})),
        operation("hold", "tank/a@s", json!({"tag": "k"})),
        operation("release", "tank/a@s", json!({"tag": "k"})),
        operation("bookmark", "tank/a@s", json!({"name": "m"})),
        operation("scrub", "tank", json!({})),
        operation("rollback", "tank/a@s", json!({"destroy_newer": true})),
        operation("destroy", "tank/a", json!({"recursive": true})),
        operation("destroy", "tank/a@s", json!({"recursive": true})),
        operation("destroy", "tank/a", json!({"quarantine": true})),
        operation("purge", "tank/reeve-quarantine/a", json!({})),
        operation("diff", "tank/a@s", json!({})),
    ]
}

#[test]
fn a_host_that_cannot_be_read_refuses_every_plan_for_that_reason() {
    for (what, broken) in BROKEN {
        for op in operations() {
            let refusal = adapter::of(&op).plan(&Always(*broken)).unwrap_err();
            assert_eq!(refusal.rule, Rule::HostUnreadable, "{what}: {op:?}: {refusal:?}");
        }
    }
}

#[test]
fn a_host_that_cannot_be_read_answers_no_read() {
    for (what, broken) in BROKEN {
        for op in [operation("get", "tank/a", json!({})), operation("pool-status", "tank", json!({}))] {
            assert_eq!(
                adapter::of(&op).read(&Always(*broken)).unwrap_err().rule,
                Rule::HostUnreadable,
                "{what}"
            );
        }
    }
    // A listing of one type may well be empty.
    let list = operation("list", "tank/a", json!({"types": ["snapshot"]}));
    let answer = adapter::of(&list).read(&Always(|| output(0, "", ""))).unwrap();
    assert_eq!(answer.result, json!({"items": []}));
}

#[test]
fn a_host_that_cannot_be_read_again_verifies_nothing() {
    let model = Model::after(&["zfs create tank/a", "zfs snapshot tank/a@s"]);
    for (op, resource, params) in [
        ("destroy", "tank/a@s", json!({})),
        ("snapshot", "tank/a", json!({"name": "n"})),
        ("hold", "tank/a@s", json!({"tag": "k"})),
        ("release", "tank/a@s", json!({"tag": "k"})),
        ("scrub", "tank", json!({})),
    ] {
        let op = operation(op, resource, params);
        let plan = adapter::of(&op).plan(&model).unwrap();
        for (what, broken) in BROKEN {
            for look in [<dyn Adapter>::verify, <dyn Adapter>::reconcile] {
                let seen = look(adapter::of(&op), &plan, &Always(*broken));
                assert_eq!((seen.verified, seen.happened), (false, Happened::CannotTell), "{what} {op:?}");
            }
        }
    }
}

#[test]
fn what_is_gone_with_its_pool_is_not_destroyed() {
    let model = Model::after(&["zfs create tank/a", "zfs snapshot tank/a@s"]);
    let op = operation("destroy", "tank/a@s", json!({}));
    let plan = adapter::of(&op).plan(&model).unwrap();
    model.must("zpool export tank");
    assert_eq!(adapter::of(&op).verify(&plan, &model).happened, Happened::CannotTell);
    model.must("zpool import tank");
    assert_eq!(adapter::of(&op).verify(&plan, &model).happened, Happened::NotAtAll);
}
