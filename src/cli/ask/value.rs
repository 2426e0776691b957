//! A result of whatever form, as a person reads it: a list as a table, an object as names and values.

use serde_json::Value;

use crate::cli::exit::Failure;
use crate::cli::screen::{Screen, bytes, harmless};

/// Names of what is counted in bytes.
const SIZES: [&str; 14] = [
    "bytes",
    "bytes_freed",
    "used",
    "available",
    "referenced",
    "size",
    "allocated",
    "free",
    "volsize",
    "written",
    "usedbydataset",
    "usedbysnapshots",
    "logicalused",
    "refer",
];

/// Whether the value is, or has in it, one list of objects: something to print as rows.
pub(super) fn rows_of(value: &Value) -> Option<&Vec<Value>> {
    let is_rows = |value: &Value| value.as_array().is_some_and(|items| items.iter().all(Value::is_object));
    if is_rows(value) {
        return value.as_array();
    }
    let mut lists = value.as_object()?.values().filter(|value| is_rows(value));
    let only = lists.next()?.as_array();
    if lists.next().is_some() { None } else { only }
}

/// Prints a value.
pub(super) fn show(screen: Screen, value: &Value) -> Result<(), Failure> {
    let rows = rows_of(value);
    if let Value::Object(map) = value {
        let mut facts: Vec<(&str, Option<String>)> = Vec::new();
        let names: Vec<String> = map.keys().map(|name| harmless(name)).collect();
        for (name, value) in names.iter().zip(map.values()) {
            if !rows.is_some_and(|rows| value.as_array() == Some(rows)) {
                facts.push((name, Some(cell(screen, name, value))));
            }
        }
        screen.facts(&facts)?;
    } else if rows.is_none() {
        screen.line(&cell(screen, "", value))?;
    }
    match rows {
        Some(rows) if rows.is_empty() && screen.is_terminal() => screen.line("  nothing"),
        Some(rows) => table(screen, rows),
        None => Ok(()),
    }
}

fn table(screen: Screen, rows: &[Value]) -> Result<(), Failure> {
    let mut names: Vec<&str> = Vec::new();
    for name in rows.iter().filter_map(Value::as_object).flat_map(|row| row.keys()) {
        if !names.contains(&name.as_str()) {
            names.push(name);
        }
    }
    // Keys come sorted; what identifies a row belongs in front.
    names.sort_by_key(|name| !matches!(*name, "name" | "id" | "dataset" | "property"));
    let lines: Vec<Vec<String>> = rows
        .iter()
        .map(|row| {
            names.iter().map(|name| cell(screen, name, row.get(name).unwrap_or(&Value::Null))).collect()
        })
        .collect();
    let header: Vec<String> = names.iter().map(|name| harmless(name)).collect();
    screen.table(&header.iter().map(String::as_str).collect::<Vec<_>>(), &lines)
}

/// A value in a cell. For a person bytes are rounded; a program gets the number.
fn cell(screen: Screen, name: &str, value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::Number(number) => match number.as_u64() {
            Some(count) if SIZES.contains(&name) && screen.is_terminal() => bytes(count),
            Some(_) | None => number.to_string(),
        },
        Value::String(text) => harmless(text),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(|item| cell(screen, name, item)).collect();
            items.join(",")
        }
        Value::Object(_) => harmless(&value.to_string()),
    }
}
