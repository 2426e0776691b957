//! An operation as the command that asks for it: ready to be copied into a shell.

use serde_json::Value;

use crate::cli::screen::harmless;

/// The command for an operation in its canonical form; nothing for what is none.
pub(in crate::cli) fn command_of(operation: &Value) -> Option<String> {
    let text = |name: &str| operation.get(name)?.as_str();
    let mut line =
        format!("reeve op {} {} {}", quoted(text("kind")?), quoted(text("op")?), quoted(text("resource")?));
    for (name, value) in operation.get("params").and_then(Value::as_object).into_iter().flatten() {
        line.push_str(&format!(" --param {}", quoted(&format!("{name}={}", written(value)))));
    }
    Some(line)
}

/// A value as `--param` reads it.
fn written(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) if items.iter().all(Value::is_string) => {
            items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(",")
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            value.to_string()
        }
    }
}

/// A word that a shell takes as it is. What a terminal would not show is shown, and is then another word: a name with
/// such characters is none that Reeve takes.
pub(super) fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "@%_+=:,./-#".contains(c);
    if !word.is_empty() && word.chars().all(plain) && !word.starts_with('#') {
        return word.to_owned();
    }
    format!("'{}'", harmless(word).replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hostile_name_stays_one_word_of_the_shell() {
        let operation = serde_json::json!({
            "kind": "zfs", "op": "destroy", "resource": "tank/a; rm -rf '/'", "params": {"x": "$(id)\u{1b}[2J"}
        });
        assert_eq!(
            command_of(&operation).unwrap(),
            r"reeve op zfs destroy 'tank/a; rm -rf '\''/'\''' --param 'x=$(id)\u{1b}[2J'"
        );
    }
}
