//! The catalogue that agents see, held by `tests/golden/catalogue.json`. `UPDATE_GOLDEN=1` writes it anew.

#![allow(clippy::unwrap_used, reason = "tests: a panic is the report")]

use reeve::operation::{catalogue, schema};
use serde_json::{Value, json};

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/catalogue.json");

#[test]
fn the_catalogue_is_the_golden_one() {
    let entries: Vec<Value> = catalogue()
        .map(|entry| {
            let positional: Vec<&str> = entry.fields.iter().map(|field| field.name).collect();
            json!({
                "kind": entry.kind, "op": entry.op, "effect": entry.effect, "about": entry.about,
                "positional": positional, "schema": schema(entry),
            })
        })
        .collect();
    let now = format!("{}\n", serde_json::to_string_pretty(&entries).unwrap());
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(GOLDEN, &now).unwrap();
    }
    assert_eq!(now, std::fs::read_to_string(GOLDEN).unwrap(), "UPDATE_GOLDEN=1 writes it anew");
}

#[test]
fn every_pattern_of_the_catalogue_is_anchored() {
    for entry in catalogue() {
        let text = schema(entry).to_string();
        for pattern in text.split("\"pattern\":\"").skip(1) {
            let pattern = pattern.split("\",\"").next().unwrap().trim_end_matches(['"', '}']);
            assert!(pattern.starts_with('^') && pattern.ends_with('$'), "{pattern}");
        }
    }
}
