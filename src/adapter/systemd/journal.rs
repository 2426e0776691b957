//! The journal, through `journalctl --output=json`: one object a line, each field text, or bytes where it is no text.

use serde_json::{Map, Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::adapter::foreign::harmless;
use crate::adapter::{Argv, Garbled};
use crate::operation::systemd::{Priority, Since, Subject};

/// What is read of each message.
const FIELDS: &str = "--output-fields=MESSAGE,PRIORITY,SYSLOG_IDENTIFIER,UNIT,_PID,_SYSTEMD_UNIT";
/// How long a message may be; what is longer is cut, and said to be.
const LONGEST: usize = 4_096;

/// Reads the last lines.
pub(super) fn argv(of: &Subject, lines: u32, since: Option<&Since>, priority: Option<Priority>) -> Argv {
    let unit = match of {
        Subject::System => None,
        Subject::Unit(unit) => Some(unit.as_str()),
    };
    let since = since.map(|since| format!("--since={}", since.argument()));
    let priority = priority.map(|priority| format!("--priority={}", priority.as_str()));
    with(lines, unit, since.into_iter().chain(priority))
}

/// Reads a unit's last lines.
pub(super) fn last_lines(unit: &str, lines: u32) -> Argv {
    with(lines, Some(unit), [])
}

fn with(lines: u32, unit: Option<&str>, more: impl IntoIterator<Item = String>) -> Argv {
    let fixed = ["--no-pager", "--quiet", "--output=json", FIELDS].map(str::to_owned);
    let unit = unit.map(|unit| format!("--unit={unit}"));
    Argv::journalctl(fixed.into_iter().chain([format!("--lines={lines}")]).chain(unit).chain(more))
}

/// Reads all that was printed. Of what went beyond its bound the last line is half there: it is left out.
pub(super) fn interpret(stdout: &[u8]) -> Result<Value, Garbled> {
    let whole = stdout.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    let is_cut = whole < stdout.len();
    let lines =
        stdout.get(..whole).unwrap_or_default().split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let entries: Vec<Value> = lines
        .map(|line| entry(line).ok_or_else(|| Garbled("a line of the journal".to_owned())))
        .collect::<Result<_, _>>()?;
    Ok(json!({"lines": entries, "truncated": is_cut}))
}

/// One message.
pub(super) fn entry(line: &[u8]) -> Option<Value> {
    let fields: Map<String, Value> = serde_json::from_slice(line).ok()?;
    let text = |name: &str| fields.get(name).and_then(words);
    let moment = text("__REALTIME_TIMESTAMP")?.parse::<i128>().ok()?;
    let time = OffsetDateTime::from_unix_timestamp_nanos(moment.checked_mul(1_000)?).ok()?;
    let message = text("MESSAGE");
    let mut entry = json!({
        "time": time.format(&Rfc3339).ok()?,
        "priority": text("PRIORITY").and_then(|number| Priority::numbered(&number)).map(Priority::as_str),
        "unit": text("UNIT").or_else(|| text("_SYSTEMD_UNIT")).map(|unit| harmless(&unit)),
        "identifier": text("SYSLOG_IDENTIFIER").map(|name| harmless(&name)),
        "pid": text("_PID").and_then(|pid| pid.parse::<u32>().ok()),
        "message": message.as_deref().map(|message| harmless(&cut(message))),
    });
    // The journal itself leaves out what is very long.
    let is_cut = message.is_none_or(|message| message.chars().count() > LONGEST);
    if let (true, Some(entry)) = (is_cut, entry.as_object_mut()) {
        entry.insert("cut".to_owned(), json!(true));
    }
    Some(entry)
}

/// A field: text, bytes that are no text, or several of these when the message has the field several times.
fn words(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Array(items) => match items.first()? {
            Value::Number(_) => {
                let byte = |item: &Value| item.as_u64().and_then(|byte| u8::try_from(byte).ok());
                let bytes: Option<Vec<u8>> = items.iter().map(byte).collect();
                bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            }
            Value::Null | Value::Bool(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => {
                Some(items.iter().filter_map(words).collect::<Vec<_>>().join("\n"))
            }
        },
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => None,
    }
}

fn cut(text: &str) -> String {
    text.chars().take(LONGEST).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(value: Value) -> Value {
        let line = json!({"__REALTIME_TIMESTAMP": "1795183320000001", "MESSAGE": value, "PRIORITY": "3",
            "UNIT": "a.service", "_SYSTEMD_UNIT": "init.scope", "SYSLOG_IDENTIFIER": "systemd", "_PID": "1"});
        entry(line.to_string().as_bytes()).unwrap()
    }

    #[test]
    fn a_line_says_when_who_how_urgent_and_what() {
        let expected = json!({"time": "2026-11-20T14:02:00.000001Z", "priority": "err", "unit": "a.service",
            "identifier": "systemd", "pid": 1, "message": "Stopped."});
        assert_eq!(message(json!("Stopped.")), expected);
        let printed = b"{\"__REALTIME_TIMESTAMP\":\"1\",\"MESSAGE\":\"x\"}\n";
        assert_eq!(interpret(printed).unwrap()["lines"][0]["message"], "x");
        assert_eq!(interpret(b"").unwrap(), json!({"lines": [], "truncated": false}));
        assert!(interpret(b"-- No entries --\n").is_err());
    }

    #[test]
    fn a_last_line_that_was_cut_is_left_out_and_said() {
        let line = "{\"__REALTIME_TIMESTAMP\":\"1\",\"MESSAGE\":\"x\"}\n";
        for cut in ["{", "{\"__REALTIME_TIMESTAMP\":\"1\",\"MESSAGE\":\"y\"}", "\u{1f600}"] {
            let found = interpret(format!("{line}{line}{cut}").as_bytes()).unwrap();
            assert_eq!(
                (found["lines"].as_array().unwrap().len(), &found["truncated"]),
                (2, &json!(true)),
                "{cut}"
            );
        }
        assert_eq!(interpret(b"{\"__REAL").unwrap(), json!({"lines": [], "truncated": true}));
        assert!(interpret(format!("-- No entries --\n{line}").as_bytes()).is_err());
    }

    #[test]
    fn what_would_steer_a_terminal_is_shown_and_not_obeyed() {
        assert_eq!(
            message(json!("a\u{1b}[2Jb\rc\u{202e}d\te"))["message"],
            "a\\u{1b}[2Jb\\u{d}c\\u{202e}d\te"
        );
        assert_eq!(message(json!([27, 91, 255]))["message"], "\\u{1b}[\u{fffd}");
        assert_eq!(message(json!(["one", "two"]))["message"], "one\ntwo");
    }

    #[test]
    fn what_is_too_long_says_so() {
        assert_eq!(message(Value::Null)["cut"], true);
        let long = message(json!("x".repeat(5_000)));
        assert_eq!((long["message"].as_str().unwrap().len(), &long["cut"]), (LONGEST, &json!(true)));
        assert_eq!(message(json!("short")).get("cut"), None);
    }
}
