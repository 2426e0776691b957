//! Every command that can ever run: the reads and steps of every operation, held by `tests/golden/argv.txt`.
//! `UPDATE_GOLDEN=1` writes it anew.

use std::collections::BTreeSet;
use std::fmt::Write;

use reeve::adapter::{self};
use reeve::operation::{Operation, catalogue};
use serde_json::{Value, json};

use crate::model::{Model, operation};

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/argv.txt");

const START: &[&str] = &[
    "zfs create tank/a",
    "zfs create tank/a/b",
    "zfs snapshot -r tank/a@s1",
    "zfs snapshot tank/a@s2",
    "zfs bookmark tank/a@s2 tank/a#m",
    "zfs create tank/held",
    "zfs snapshot tank/held@s",
    "zfs hold keep tank/held@s",
    "zfs create tank/o",
    "zfs snapshot tank/o@s",
    "zfs clone tank/o@s tank/c",
    "zfs create -o canmount=off -o mountpoint=none tank/reeve-quarantine",
    "zfs create tank/old",
    "zfs rename tank/old tank/reeve-quarantine/old-1",
    "zpool scrub tank",
];

fn operations() -> Vec<Operation> {
    let all: Vec<(&str, &str, Value)> = vec![
        ("list", "tank/a", json!({})),
        (
            "list",
            "tank/a",
            json!({"recursive": true, "types": ["filesystem", "volume", "snapshot", "bookmark"]}),
        ),
        ("get", "tank/a", json!({})),
        ("get", "tank/a@s1", json!({"properties": ["used", "com.x:y"]})),
        ("diff", "tank/a@s1", json!({})),
        ("diff", "tank/a@s1", json!({"to": "s2"})),
        ("pool-status", "tank", json!({})),
        ("snapshot", "tank/a", json!({"name": "new"})),
        ("snapshot", "tank/a", json!({"name": "new", "recursive": true})),
        ("create", "tank/new", json!({"properties": {"compression": "zstd", "quota": "10M"}})),
        ("create", "tank/new", json!({"size": 1_073_741_824})),
        ("clone", "tank/a@s1", json!({"target": "tank/new", "properties": {"readonly": "on"}})),
        ("set", "tank/a", json!({"property": "quota", "value": "1G"})),
        ("rename", "tank/a", json!({"to": "tank/new"})),
        ("rename", "tank/reeve-quarantine/old-1", json!({"to": "tank/old"})),
        ("rename", "tank/a@s1", json!({"to": "new"})),
        ("hold", "tank/a@s1", json!({"tag": "keep"})),
        ("release", "tank/held@s", json!({"tag": "keep"})),
        ("bookmark", "tank/a@s1", json!({"name": "new"})),
        ("scrub", "tank", json!({"action": "pause"})),
        ("scrub", "tank", json!({"action": "stop"})),
        ("rollback", "tank/a@s2", json!({})),
        ("rollback", "tank/a@s1", json!({"destroy_newer": true})),
        ("destroy", "tank/a", json!({"recursive": true})),
        ("destroy", "tank/a@s2", json!({})),
        ("destroy", "tank/a@s1", json!({"recursive": true})),
        ("destroy", "tank/o@s", json!({"clones": true})),
        ("destroy", "tank/a#m", json!({})),
        ("destroy", "tank/a", json!({"quarantine": true})),
        ("purge", "tank/reeve-quarantine/old-1", json!({})),
    ];
    all.into_iter().map(|(op, resource, params)| operation(op, resource, params)).collect()
}

/// The commands of one operation: a plan's reads and steps, the second look's reads.
fn commands(model: &Model, op: &Operation) -> String {
    let mut text = format!("# {}\n", op.command_line());
    model.reads();
    let mut once = BTreeSet::new();
    let mut line = |text: &mut String, what: &str, argv: String| {
        if once.insert((what.to_owned(), argv.clone())) {
            writeln!(text, "{what}  {argv}").unwrap();
        }
    };
    if adapter::of(op).is_plain_read() {
        adapter::of(op).read(model).unwrap();
        model.reads().iter().for_each(|argv| line(&mut text, "read", argv.to_string()));
        return text;
    }
    let plan = adapter::of(op).plan(model).unwrap_or_else(|refusal| panic!("{op:?}: {refusal:?}"));
    model.reads().iter().for_each(|argv| line(&mut text, "read", argv.to_string()));
    plan.steps.iter().for_each(|step| line(&mut text, "step", step.argv.to_string()));
    adapter::of(op).verify(&plan, model);
    model.reads().iter().for_each(|argv| line(&mut text, "look", argv.to_string()));
    let guid = plan.effects.objects.first().and_then(|object| object.guid.clone());
    match guid {
        Some(guid) => text.replace(&guid, "GUID"),
        None => text,
    }
}

fn all() -> String {
    let model = Model::after(START);
    let mut blocks: Vec<String> = operations().iter().map(|op| commands(&model, op)).collect();
    let idle = Model::after(&[]);
    blocks.push(commands(&idle, &operation("scrub", "tank", json!({}))));
    let fresh = Model::after(&["zfs create tank/a"]);
    blocks.push(commands(&fresh, &operation("destroy", "tank/a", json!({"quarantine": true}))));
    let columns = "name,type,guid,createtxg,creation,used,referenced,written,origin,clones,userrefs,mounted";
    format!("COLUMNS is {columns}\n\n{}", blocks.join("\n").replace(columns, "COLUMNS"))
}

#[test]
fn every_command_that_can_run_is_in_the_golden_list() {
    let now = all();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(GOLDEN, &now).unwrap();
    }
    assert_eq!(now, std::fs::read_to_string(GOLDEN).unwrap(), "UPDATE_GOLDEN=1 writes it anew");
}

#[test]
fn every_operation_of_the_catalogue_is_in_the_golden_list() {
    let covered: BTreeSet<&str> = operations().iter().map(Operation::name).collect();
    let offered: BTreeSet<&str> =
        catalogue().filter(|entry| entry.kind == "zfs").map(|entry| entry.op).collect();
    assert_eq!(covered, offered);
}

#[test]
fn no_step_destroys_or_rolls_back_by_an_option() {
    for line in all().lines().filter_map(|line| line.strip_prefix("step  ")) {
        let mut words = line.split(' ').skip(1);
        if matches!(words.next(), Some("destroy" | "rollback" | "rename")) {
            assert!(words.all(|word| !word.starts_with('-')), "{line}");
        }
    }
}

#[test]
fn every_read_leaves_the_host_as_it_is() {
    for line in all().lines().filter_map(|line| line.strip_prefix("read  ").or(line.strip_prefix("look  "))) {
        let words: Vec<&str> = line.split(' ').collect();
        let is_read = matches!(words[1], "list" | "get" | "holds" | "status")
            || words[1..].starts_with(&["destroy", "-nvp"]);
        assert!(is_read, "{line}");
    }
}
