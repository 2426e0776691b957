//! Every command that can ever run at Azure, held by `tests/golden/argv-azure.txt`. `UPDATE_GOLDEN=1` writes it anew.

use std::collections::BTreeSet;
use std::fmt::Write;

use reeve::adapter;
use reeve::operation::{Operation, catalogue};
use serde_json::json;

use crate::cloud::{Cloud, operation};

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/argv-azure.txt");

pub fn operations() -> Vec<Operation> {
    vec![
        operation("groups", "main", json!({})),
        operation("resources", "main/rg", json!({})),
        operation("app", "main/rg/shop", json!({})),
        operation("restart", "main/rg/shop", json!({})),
        operation("scale", "main/rg/shop", json!({"min": 2, "max": 5})),
        operation("delete", "main/rg/microsoft.app/containerapps/old", json!({})),
        operation("delete", "main/rg", json!({})),
        operation("keyvault-allow-ip", "main/rg/vault", json!({"minutes": 30})),
        operation("keyvault-remove-ip", "main/rg/vault", json!({})),
    ]
}

fn all() -> String {
    let mut lines = String::new();
    for op in operations() {
        let cloud = Cloud::new();
        if op.name() == "keyvault-remove-ip" {
            cloud.wall().rules.push("20.1.2.3/32".to_owned());
            cloud.wall().added.push("20.1.2.3/32".to_owned());
        }
        writeln!(lines, "{}", op.command_line()).unwrap();
        let mut steps = Vec::new();
        if adapter::of(&op).is_plain_read() {
            adapter::of(&op).read(&cloud).unwrap();
        } else {
            let plan = cloud.plan(&op).unwrap();
            steps.extend(plan.steps.iter().map(|step| step.argv.to_string()));
            cloud.verify(&op, &plan);
        }
        let reads: BTreeSet<String> = cloud.reads().iter().map(ToString::to_string).collect();
        reads.iter().for_each(|read| writeln!(lines, "read  {read}").unwrap());
        steps.iter().for_each(|step| writeln!(lines, "step  {step}").unwrap());
    }
    lines
}

#[test]
fn every_command_at_azure_is_in_the_golden_list() {
    let now = all();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(GOLDEN, &now).unwrap();
    }
    assert_eq!(now, std::fs::read_to_string(GOLDEN).unwrap(), "UPDATE_GOLDEN=1 writes it anew");
}

#[test]
fn every_operation_at_azure_is_in_the_golden_list() {
    let covered: BTreeSet<&str> = operations().iter().map(Operation::name).collect();
    let offered: BTreeSet<&str> =
        catalogue().filter(|entry| entry.kind == "azure").map(|entry| entry.op).collect();
    assert_eq!(covered, offered);
}

#[test]
fn every_read_of_azure_leaves_it_as_it_is() {
    for line in all().lines().filter_map(|line| line.strip_prefix("read  ")) {
        let word = line.split(' ').nth(2).unwrap();
        assert!(
            ["groups", "resources", "app", "claimed", "there", "firewall", "opening"].contains(&word),
            "{line}"
        );
    }
}
