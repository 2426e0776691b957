//! A result of whatever form, as a person reads it: a list as a table, an object as names and values.

use serde_json::{Map, Value, json};
use time::OffsetDateTime;

use crate::cli::exit::Failure;
use crate::cli::screen::{Screen, bytes, harmless};

/// Names of what is counted in bytes.
const SIZES: [&str; 10] = [
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
];
/// Names of times in seconds since 1970.
const TIMES: [&str; 1] = ["creation"];
/// What stands in front, in this order; the rest follows by name.
const FIRST: [&str; 10] =
    ["name", "property", "value", "source", "type", "kind", "change", "path", "state", "used"];

/// A list within a result: what each row is called, and the rows.
pub(super) struct Rows {
    /// The field of the result that they are from; nothing when the result is the list.
    field: Option<String>,
    rows: Vec<Map<String, Value>>,
}

/// The one list of objects that a value is, or has in it. An object of objects is a list, too: of its keys.
pub(super) fn rows_of(value: &Value) -> Option<Rows> {
    if let Some(rows) = as_rows("", value) {
        return Some(Rows { field: None, rows });
    }
    let mut lists = value
        .as_object()?
        .iter()
        .filter_map(|(field, value)| Some(Rows { field: Some(field.clone()), rows: as_rows(field, value)? }));
    let only = lists.next()?;
    if lists.next().is_some() { None } else { Some(only) }
}

fn as_rows(field: &str, value: &Value) -> Option<Vec<Map<String, Value>>> {
    match value {
        Value::Array(items) if items.iter().all(Value::is_object) => Some(nested(field, items, 0)),
        Value::Object(map) if !map.is_empty() && map.values().all(Value::is_object) => {
            let key = if field == "properties" { "property" } else { "name" };
            let row = |(name, value): (&String, &Value)| {
                let mut row = value.as_object().cloned().unwrap_or_default();
                row.insert(key.to_owned(), json!(name));
                row
            };
            Some(map.iter().map(row).collect())
        }
        Value::Null
        | Value::Bool(_)
        | Value::Number(_)
        | Value::String(_)
        | Value::Array(_)
        | Value::Object(_) => None,
    }
}

/// Rows with those inside of them (the devices of a device) below, further in.
fn nested(field: &str, items: &[Value], depth: usize) -> Vec<Map<String, Value>> {
    let mut rows = Vec::new();
    for item in items.iter().filter_map(Value::as_object) {
        let mut row = item.clone();
        let inner = row.remove(field);
        if let Some(Value::String(name)) = row.get_mut("name") {
            name.insert_str(0, &"  ".repeat(depth));
        }
        rows.push(row);
        if let Some(Value::Array(inner)) = inner {
            rows.extend(nested(field, &inner, depth + 1));
        }
    }
    rows
}

/// Prints a value.
pub(super) fn show(screen: Screen, value: &Value) -> Result<(), Failure> {
    let rows = rows_of(value);
    let listed = rows.as_ref().map(|rows| rows.field.as_deref());
    match value {
        Value::Object(map) if listed != Some(None) => {
            let others = map.iter().filter(|(name, _)| listed != Some(Some(name.as_str())));
            let facts: Vec<(String, Option<String>)> = others
                .filter(|(_, value)| !is_nothing(value))
                .map(|(name, value)| (harmless(name), Some(cell(screen, name, value))))
                .collect();
            let facts: Vec<(&str, Option<String>)> =
                facts.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
            screen.facts(&facts)?;
        }
        Value::Object(_) | Value::Array(_) => {}
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            screen.line(&cell(screen, "", value))?;
        }
    }
    match rows {
        Some(rows) => table(screen, &rows.rows),
        None => Ok(()),
    }
}

/// Prints a list alone.
pub(super) fn table(screen: Screen, rows: &[Map<String, Value>]) -> Result<(), Failure> {
    if rows.is_empty() {
        return if screen.is_terminal() { screen.line("  nothing") } else { Ok(()) };
    }
    let mut names: Vec<&str> = Vec::new();
    for name in rows.iter().flat_map(Map::keys) {
        if !names.contains(&name.as_str()) {
            names.push(name);
        }
    }
    let place = |name: &str| FIRST.iter().position(|first| *first == name).unwrap_or(FIRST.len());
    names.sort_by_key(|name| (place(name), name.to_owned()));
    if screen.is_terminal() {
        // A program counts on every column; a person does without those that say nothing.
        names.retain(|name| rows.iter().any(|row| row.get(*name).is_some_and(|value| !is_nothing(value))));
    }
    let lines: Vec<Vec<String>> = rows
        .iter()
        .map(|row| {
            names.iter().map(|name| cell(screen, name, row.get(*name).unwrap_or(&Value::Null))).collect()
        })
        .collect();
    let header: Vec<String> = names.iter().map(|name| harmless(&name.replace('_', " "))).collect();
    screen.table(&header.iter().map(String::as_str).collect::<Vec<_>>(), &lines)
}

impl Rows {
    /// The rows.
    pub(super) fn rows(&self) -> &[Map<String, Value>] {
        &self.rows
    }
}

fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(map) => map.is_empty(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

/// A value in a cell. For a person bytes are rounded and times are dates; a program gets the numbers.
fn cell(screen: Screen, name: &str, value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::Number(number) => match number.as_u64().filter(|_| screen.is_terminal()) {
            Some(count) if SIZES.contains(&name) => bytes(count),
            Some(seconds) if TIMES.contains(&name) => date(seconds),
            Some(_) | None => number.to_string(),
        },
        Value::String(text) => harmless(text),
        Value::Array(items) if items.is_empty() => "-".to_owned(),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(|item| cell(screen, name, item)).collect();
            items.join(",")
        }
        Value::Object(_) => harmless(&value.to_string()),
    }
}

fn date(seconds: u64) -> String {
    let time =
        i64::try_from(seconds).ok().and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok());
    time.map_or_else(|| seconds.to_string(), |time| time.date().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(value: &Value) -> Option<Vec<String>> {
        let text = |row: &Map<String, Value>| row["name"].as_str().unwrap().to_owned();
        rows_of(value).map(|rows| rows.rows().iter().map(text).collect())
    }

    #[test]
    fn the_one_list_in_a_result_is_its_rows() {
        let listing = json!({"items": [{"name": "a"}, {"name": "b"}], "truncated": false});
        assert_eq!(names(&listing), Some(vec!["a".to_owned(), "b".to_owned()]));
        assert_eq!(names(&json!([{"name": "a"}])), Some(vec!["a".to_owned()]));
        assert_eq!(names(&json!({"x": [{"name": "a"}], "y": [{"name": "b"}]})), None);
        assert_eq!(names(&json!({"x": [1, 2]})), None);
    }

    #[test]
    fn an_object_of_objects_is_a_list_of_its_keys() {
        let got = json!({"name": "tank", "properties": {"atime": {"value": "on", "source": "default"}}});
        let rows = rows_of(&got).unwrap();
        assert_eq!(
            Value::Object(rows.rows()[0].clone()),
            json!({"property": "atime", "value": "on", "source": "default"})
        );
    }

    #[test]
    fn what_a_row_has_inside_stands_below_it() {
        let pool = json!({"devices": [{"name": "tank", "devices": [{"name": "sda"}, {"name": "sdb"}]}]});
        assert_eq!(names(&pool), Some(vec!["tank".to_owned(), "  sda".to_owned(), "  sdb".to_owned()]));
    }
}
