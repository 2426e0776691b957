//! Every command that can ever run for systemd: the reads and steps of every operation, held by
//! `tests/golden/argv-systemd.txt`. `UPDATE_GOLDEN=1` writes it anew.

use std::collections::BTreeSet;
use std::fmt::Write;

use serde_json::{Value, json};

use super::*;
use crate::operation::{Effect, catalogue};

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/argv-systemd.txt");

fn host() -> Fake {
    let disabled = [DOWN[0], DOWN[1], ("UnitFileState", "disabled")];
    Fake::default()
        .unit("up.service", &[("RequiredBy", "app.service"), ("TriggeredBy", "up.socket")])
        .unit("app.service", &[])
        .unit("up.socket", &[])
        .unit("down.service", &disabled)
        .unit("down@a.service", &disabled)
        .unit(
            "masked.service",
            &[
                DOWN[0],
                DOWN[1],
                ("LoadState", "masked"),
                ("UnitFileState", "masked"),
                ("FragmentPath", "/etc/systemd/system/masked.service"),
            ],
        )
        .unit("failed.service", &[("ActiveState", "failed"), ("SubState", "failed")])
}

fn operations() -> Vec<Operation> {
    let all = [
        ("list", "system", json!({})),
        ("list", "system", json!({"kinds": ["service", "timer"], "states": ["failed", "active"]})),
        ("files", "system", json!({})),
        ("files", "system", json!({"kinds": ["socket"]})),
        ("status", "system", json!({})),
        ("status", "up.service", json!({})),
        ("show", "up.service", json!({})),
        ("show", "up.service", json!({"properties": ["MainPID", "Type"]})),
        ("logs", "system", json!({})),
        ("logs", "down@a.service", json!({"lines": 5, "since": "15m", "priority": "err"})),
        ("logs", "up.service", json!({"since": "2026-11-20T14:02:00Z"})),
        ("start", "down.service", json!({"also": ["down@a.service"]})),
        ("restart", "up.service", json!({})),
        ("reload", "up.service", json!({})),
        ("enable", "down.service", json!({})),
        ("unmask", "masked.service", json!({})),
        ("reset-failed", "failed.service", json!({})),
        ("stop", "up.service", json!({"also": ["up.socket"]})),
        ("disable", "up.service", json!({})),
        ("mask", "up.service", json!({})),
    ];
    let read = |(op, resource, params): (&str, &str, Value)| {
        Operation::from_value(json!({"kind": "systemd", "op": op, "resource": resource, "params": params}))
            .unwrap()
    };
    all.into_iter().map(read).collect()
}

/// The commands of one operation: a plan's reads and steps, the second look's reads.
fn commands(op: &Operation) -> String {
    let host = host();
    let mut text = format!("# {}\n", op.command_line());
    let mut once = BTreeSet::new();
    let mut line = |text: &mut String, what: &str, argv: String| {
        if once.insert((what.to_owned(), argv.clone())) {
            writeln!(text, "{what}  {argv}").unwrap();
        }
    };
    let adapter = adapter::of(op);
    let plan = adapter.plan(&host).unwrap();
    if adapter.is_plain_read() {
        adapter.read(&host).unwrap();
    }
    host.reads().into_iter().for_each(|argv| line(&mut text, "read", argv));
    plan.steps.iter().for_each(|step| line(&mut text, "step", step.argv.to_string()));
    if op.effect() != Effect::Read {
        adapter.verify(&plan, &host);
        host.reads().into_iter().for_each(|argv| line(&mut text, "look", argv));
    }
    text
}

#[test]
fn every_command_that_can_run_for_systemd_is_in_the_golden_list() {
    let operations = operations();
    for entry in catalogue().filter(|entry| entry.kind == "systemd") {
        assert!(operations.iter().any(|op| op.name() == entry.op), "{} has no example", entry.op);
    }
    let now: String = operations.iter().map(commands).collect::<Vec<_>>().join("\n");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(GOLDEN, &now).unwrap();
    }
    assert_eq!(now, std::fs::read_to_string(GOLDEN).unwrap_or_default(), "UPDATE_GOLDEN=1 writes it anew");
}
