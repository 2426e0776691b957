//! Whatever happens on the node between the question and the deed, nothing goes that people did not see, as they saw it.
//!
//! Proxmox has no command that destroys a container only while it is as it was: what changes in the instant between
//! the second look and the command is not covered, there as here.

use std::collections::BTreeMap;
use std::fs;

use proptest::prelude::*;
use reeve::adapter::{self, Growth, Still};
use reeve::operation::Operation;
use serde_json::json;

use crate::node::{Node, ONE, operation};

/// Something that others do. Many fail, as on a node: there is no such snapshot.
fn anything() -> impl Strategy<Value = String> {
    let vm = || prop::sample::select(vec!["101", "102"]);
    let name = || prop::sample::select(vec!["one", "two"]);
    prop_oneof![
        3 => (vm(), name()).prop_map(|(vm, name)| format!("pct snapshot {vm} {name}")),
        3 => (vm(), name()).prop_map(|(vm, name)| format!("pct delsnapshot {vm} {name}")),
        2 => (vm(), prop::sample::select(vec![256, 512])).prop_map(|(vm, mb)| format!("pct set {vm} --memory={mb}")),
        1 => vm().prop_map(|vm| format!("pct set {vm} --mp0=local-zfs:1,mp=/data")),
        1 => vm().prop_map(|vm| format!("pct set {vm} --delete=mp0")),
        1 => (vm(), 0..2).prop_map(|(vm, on)| format!("pct set {vm} --protection={on}")),
        1 => vm().prop_map(|vm| format!("pct start {vm}")),
        2 => vm().prop_map(|vm| format!("pct stop {vm}")),
        2 => vm().prop_map(|vm| format!("pct destroy {vm}")),
        2 => vm().prop_map(|vm| ONE.replace("101", vm)),
        1 => (vm(), name()).prop_map(|(vm, name)| format!("pct rollback {vm} {name}")),
    ]
}

fn asked() -> impl Strategy<Value = Operation> {
    let name = prop::sample::select(vec!["one", "two"]);
    prop_oneof![
        4 => Just(operation("destroy", "101", json!({}))),
        1 => Just(operation("destroy", "101", json!({"retire": true}))),
        2 => name.clone().prop_map(|name| operation("delete-snapshot", "101", json!({"name": name}))),
        2 => name.prop_map(|name| operation("rollback", "101", json!({"name": name}))),
        1 => Just(operation("stop", "101", json!({}))),
    ]
}

/// Each container: its configuration's lines, and its snapshots with the second in which they were taken.
type Containers = BTreeMap<String, (Vec<String>, BTreeMap<String, String>)>;

/// The node, read from its files and not by any tool.
fn containers(node: &Node) -> Containers {
    let folder = node.folder("nodes/pve/lxc");
    let Ok(entries) = fs::read_dir(folder) else { return Containers::new() };
    let read = |entry: fs::DirEntry| {
        let text = fs::read_to_string(entry.path()).unwrap();
        let (now, rest) = text.split_once("\n[").unwrap_or((&text, ""));
        // Which snapshot it goes on from is no setting of its.
        let mut lines: Vec<String> =
            now.lines().filter(|line| !line.starts_with("parent:")).map(str::to_owned).collect();
        lines.sort();
        let snapshots = rest.split("\n[").filter_map(|section| {
            let (name, body) = section.split_once(']')?;
            let taken = body.lines().find(|line| line.starts_with("snaptime"))?;
            Some((name.to_owned(), taken.to_owned()))
        });
        (entry.file_name().into_string().unwrap(), (lines, snapshots.collect()))
    };
    entries.map(|entry| read(entry.unwrap())).collect()
}

/// What became of the approval.
#[derive(Debug, PartialEq)]
enum Came {
    Ran,
    Asked,
    Nothing,
    Refused,
}

/// One life of an approval; what is wrong with it, if anything is.
fn live(op: &Operation, before: &[String], meanwhile: &[String]) -> Result<Option<Came>, String> {
    let node = Node::after(&[ONE]);
    before.iter().for_each(|line| drop(node.root(line)));
    let Ok(shown) = adapter::of(op).plan(&node) else { return Ok(None) };
    if shown.settled {
        return Ok(None);
    }
    let seen = containers(&node);
    meanwhile.iter().for_each(|line| drop(node.root(line)));
    let now = containers(&node);
    let plan =
        match adapter::still(op, (Some(&shown.effects), Growth::default()), adapter::of(op).plan(&node)) {
            Still::Retain(plan) => plan,
            Still::Replace(_) => return Ok(Some(Came::Asked)),
            Still::Clear => return Ok(Some(Came::Nothing)),
            Still::Not(_) => return Ok(Some(Came::Refused)),
        };
    let _ended = node.act(&plan);
    let after = containers(&node);
    let target = "101.conf";
    if now.iter().any(|(vm, is)| vm != target && after.get(vm) != Some(is)) {
        return Err(format!("another container was touched: {now:?} {after:?}"));
    }
    let (was, is, left) = (seen.get(target), now.get(target), after.get(target));
    let nothing = (Vec::new(), BTreeMap::new());
    let (was, is, left) = (was.unwrap_or(&nothing), is.unwrap_or(&nothing), left.unwrap_or(&nothing));
    let lost_settings = is.0 != left.0;
    if lost_settings && was.0 != is.0 {
        return Err(format!("a configuration that nobody was shown: {was:?} {is:?}"));
    }
    let gone =
        is.1.iter().find(|(name, taken)| left.1.get(*name) != Some(taken) && was.1.get(*name) != Some(taken));
    match gone {
        Some(snapshot) => Err(format!("a snapshot that nobody was shown: {snapshot:?}")),
        None => Ok(Some(Came::Ran)),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn nothing_of_a_node_goes_but_what_was_approved_as_it_was_then(
        op in asked(),
        before in prop::collection::vec(anything(), 0..6),
        meanwhile in prop::collection::vec(anything(), 0..4),
    ) {
        if let Err(wrong) = live(&op, &before, &meanwhile) {
            prop_assert!(false, "{wrong}");
        }
    }
}

#[test]
fn an_approval_about_a_container_is_kept_replaced_or_cleared() {
    let destroy = operation("destroy", "101", json!({}));
    let came = |lines: &[&str]| {
        let lines: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
        live(&destroy, &[], &lines).unwrap()
    };
    assert_eq!(came(&[]), Some(Came::Ran));
    assert_eq!(came(&["pct snapshot 102 one"]), Some(Came::Ran), "another container's");
    assert_eq!(came(&["pct snapshot 101 one"]), Some(Came::Asked));
    assert_eq!(came(&["pct destroy 101"]), Some(Came::Nothing));
    let anew = ONE.replace("hostname=web", "hostname=mail");
    assert_eq!(came(&["pct destroy 101", &anew]), Some(Came::Asked), "another of the same number");
    assert_eq!(came(&["pct set 101 --protection=1"]), Some(Came::Refused));
}
