//! Values as a policy writes them.

use serde_json::{Map, Value};

use crate::policy::{Asked, Verdict};

/// `example("zfs.snapshot", {…}, {…}, expect = "allow")`.
pub(super) fn example(asked: &Asked, context: &Map<String, Value>, verdict: Verdict) -> String {
    format!(
        "example({}, {}, {}, expect = {})",
        quoted(&asked.tool),
        literal(&asked.args),
        literal(&Value::Object(context.clone())),
        quoted(verdict.as_str())
    )
}

/// A text in quotes.
pub(super) fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => {
                out.push('\\');
                out.push(c);
            }
            c if c.is_control() || !c.is_ascii() => out.push_str(&format!("\\U{:08X}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

fn literal(value: &Value) -> String {
    match value {
        Value::Null => "None".to_owned(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => quoted(text),
        Value::Array(items) => {
            format!("[{}]", items.iter().map(literal).collect::<Vec<_>>().join(", "))
        }
        Value::Object(map) => {
            let one = |(name, value): (&String, &Value)| format!("{}: {}", quoted(name), literal(value));
            format!("{{{}}}", map.iter().map(one).collect::<Vec<_>>().join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_value_is_written_so_that_it_reads_back_the_same() {
        let value = json!({"a": [1, true, null, "x\"\\\n\u{202e}"], "b": {}});
        assert_eq!(literal(&value), r#"{"a": [1, True, None, "x\"\\\U0000000A\U0000202E"], "b": {}}"#);
    }
}
