//! The JSON form of listings, with the fault that OpenZFS 2.3 has: `--json-int` cuts numbers off at 2⁶³ − 1.

use serde_json::{Map, Value, json};

/// What every JSON output begins with.
pub(super) fn head(command: &str) -> Value {
    json!({"command": command, "vers_major": 0, "vers_minor": 1})
}

/// A property's value and source.
pub(super) fn property(value: &str, source: &str, int: bool) -> Value {
    let source = match source {
        "-" => json!({"type": "NONE", "data": "-"}),
        inherited if inherited.starts_with("inherited from ") => {
            json!({"type": "INHERITED", "data": inherited.trim_start_matches("inherited from ")})
        }
        other => json!({"type": other.to_uppercase(), "data": "-"}),
    };
    json!({"value": cut_off(value, int), "source": source})
}

/// A value as text, or as a number where it is one and numbers are wanted.
fn cut_off(value: &str, int: bool) -> Value {
    match value.parse::<u64>() {
        Ok(number) if int => json!(number.min(i64::MAX.unsigned_abs())),
        Ok(_) | Err(_) => json!(value),
    }
}

/// What is said of a thing beside its properties.
pub(super) fn thing(name: &str, kind: &str, createtxg: u64, int: bool) -> Map<String, Value> {
    let mut map = Map::new();
    map.insert("name".to_owned(), json!(name));
    map.insert("type".to_owned(), json!(kind.to_uppercase()));
    map.insert("pool".to_owned(), json!(super::state::pool_of(name)));
    map.insert("createtxg".to_owned(), if int { json!(createtxg) } else { json!(createtxg.to_string()) });
    if let Some((dataset, short)) = name.split_once('@') {
        map.insert("dataset".to_owned(), json!(dataset));
        map.insert("snapshot_name".to_owned(), json!(short));
    }
    map
}
