//! One line of the log: how it is put together, and how it is read back.
//!
//! A [`Draft`] holds the parts the caller's thread can encode; sequence number, hash of the line before and time go in
//! between them when the writer's turn comes, so the writer only joins bytes and hashes.

use serde::Serialize;
use serde_json::{Map, Value};
use thiserror::Error;

use super::canonical::{CanonicalError, push_object, push_string};
use super::event::Event;
use super::hash::RecordHash;

/// The longest line the log takes or reads, newline not counted.
pub const MAX_LINE: usize = 1 << 20;

/// Room in a line for what the writer adds: hash, sequence number, time and the names of those fields.
const WRITER_SHARE: usize = 256;

/// What a caller gets for a record that is durable: enough to find it again and to prove that it is unchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Receipt {
    /// Its place in the log, from 1; 0 stands for a log without records.
    pub seq: u64,
    /// The hash of its line.
    pub hash: RecordHash,
}

impl Receipt {
    /// Before the first record.
    pub const NONE: Receipt = Receipt { seq: 0, hash: RecordHash::ZERO };
}

/// An event, encoded up to where the writer takes over.
#[derive(Debug)]
pub(super) struct Draft {
    head: Vec<u8>,
    principal: Vec<u8>,
}

impl Draft {
    pub(super) fn new(event: &Event, host: &str) -> Result<Draft, CanonicalError> {
        let mut head = Vec::with_capacity(512);
        head.extend_from_slice(b"{\"detail\":");
        push_object(&mut head, &event.detail)?;
        push_field(&mut head, "host", host);
        push_field(&mut head, "kind", event.kind.as_str());
        if let Some(operation) = &event.operation {
            push_field(&mut head, "operation", operation);
        }
        let mut principal = Vec::new();
        if let Some(name) = &event.principal {
            push_field(&mut principal, "principal", name);
        }
        let (bytes, limit) = (head.len() + principal.len() + WRITER_SHARE, MAX_LINE);
        if bytes > limit {
            return Err(CanonicalError::TooLong { bytes, limit });
        }
        Ok(Draft { head, principal })
    }

    /// Appends the finished line, newline included, and returns the receipt it will have once it is durable.
    pub(super) fn push_line(&self, out: &mut Vec<u8>, before: Receipt, time: &str) -> Receipt {
        let start = out.len();
        let seq = before.seq + 1;
        out.extend_from_slice(&self.head);
        out.extend_from_slice(b",\"prev\":\"sha256:");
        before.hash.push_hex(out);
        out.push(b'"');
        out.extend_from_slice(&self.principal);
        out.extend_from_slice(b",\"seq\":");
        out.extend_from_slice(seq.to_string().as_bytes());
        push_field(out, "time", time);
        out.push(b'}');
        let hash = RecordHash::of(out.get(start..).unwrap_or_default());
        out.push(b'\n');
        Receipt { seq, hash }
    }
}

fn push_field(out: &mut Vec<u8>, name: &str, value: &str) {
    out.push(b',');
    push_string(out, name);
    out.push(b':');
    push_string(out, value);
}

/// A record as it stands in the log.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Record {
    /// Its place in the log, from 1.
    pub seq: u64,
    /// The hash of the line before.
    pub prev: RecordHash,
    /// When, RFC 3339 in UTC with milliseconds.
    pub time: String,
    /// What it tells of. Text, so that a newer log can be read by an older Reeve.
    pub kind: String,
    /// The host whose log this is.
    pub host: String,
    /// Who asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub principal: Option<String>,
    /// The operation it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// The rest, by kind.
    pub detail: Map<String, Value>,
    /// The hash of this line; it does not stand in the line.
    pub hash: RecordHash,
}

/// Why a line is not a record.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum NotARecord {
    /// Not JSON at all.
    #[error("not a JSON object: {0}")]
    NotJson(String),
    /// A field is missing or of the wrong type.
    #[error("field {0:?} is missing or of the wrong type")]
    Field(&'static str),
    /// A field that records do not have.
    #[error("unknown field {0:?}")]
    UnknownField(String),
    /// Longer than any record.
    #[error("longer than any record")]
    TooLong,
    /// JSON, but not the form Reeve writes.
    #[error("not in canonical form")]
    Form,
}

impl Record {
    /// Reads one line, without its newline. Only the exact bytes Reeve would write for this record are taken.
    pub fn parse(line: &[u8]) -> Result<Record, NotARecord> {
        let mut fields: Map<String, Value> =
            serde_json::from_slice(line).map_err(|error| NotARecord::NotJson(error.to_string()))?;
        let mut form = Vec::with_capacity(line.len());
        if push_object(&mut form, &fields).is_err() || form != line {
            return Err(NotARecord::Form);
        }
        let record = Record {
            seq: fields.remove("seq").and_then(|seq| seq.as_u64()).ok_or(NotARecord::Field("seq"))?,
            prev: text(&mut fields, "prev")?.parse().map_err(|_| NotARecord::Field("prev"))?,
            time: text(&mut fields, "time")?,
            kind: text(&mut fields, "kind")?,
            host: text(&mut fields, "host")?,
            principal: optional_text(&mut fields, "principal")?,
            operation: optional_text(&mut fields, "operation")?,
            detail: object(&mut fields, "detail")?,
            hash: RecordHash::of(line),
        };
        match fields.keys().next() {
            Some(unknown) => Err(NotARecord::UnknownField(unknown.clone())),
            None => Ok(record),
        }
    }

    /// Its place and hash.
    #[must_use]
    pub fn receipt(&self) -> Receipt {
        Receipt { seq: self.seq, hash: self.hash }
    }
}

fn text(fields: &mut Map<String, Value>, name: &'static str) -> Result<String, NotARecord> {
    optional_text(fields, name)?.ok_or(NotARecord::Field(name))
}

fn optional_text(fields: &mut Map<String, Value>, name: &'static str) -> Result<Option<String>, NotARecord> {
    match fields.remove(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(NotARecord::Field(name)),
    }
}

fn object(fields: &mut Map<String, Value>, name: &'static str) -> Result<Map<String, Value>, NotARecord> {
    match fields.remove(name) {
        Some(Value::Object(object)) => Ok(object),
        Some(_) | None => Err(NotARecord::Field(name)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::event::EventKind;
    use super::*;

    fn line(event: &Event) -> Vec<u8> {
        let mut out = Vec::new();
        let before = Receipt { seq: 41, hash: RecordHash::of(b"before") };
        Draft::new(event, "host01").unwrap().push_line(&mut out, before, "2026-11-20T10:00:00.000Z");
        out.pop_if(|byte| *byte == b'\n').expect("a newline ends the line");
        out
    }

    fn decision() -> Event {
        Event::new(EventKind::Decision).principal("librarian").operation("op_1").with("verdict", "allow")
    }

    #[test]
    fn a_line_is_the_canonical_form_of_its_record() {
        let expected = format!(
            r#"{{"detail":{{"verdict":"allow"}},"host":"host01","kind":"decision","operation":"op_1","prev":"{}","principal":"librarian","seq":42,"time":"2026-11-20T10:00:00.000Z"}}"#,
            RecordHash::of(b"before")
        );
        assert_eq!(String::from_utf8(line(&decision())).unwrap(), expected);
    }

    #[test]
    fn a_record_reads_back_whole() {
        let line = line(&decision());
        let expected = Record {
            seq: 42,
            prev: RecordHash::of(b"before"),
            time: "2026-11-20T10:00:00.000Z".to_owned(),
            kind: "decision".to_owned(),
            host: "host01".to_owned(),
            principal: Some("librarian".to_owned()),
            operation: Some("op_1".to_owned()),
            detail: decision().detail,
            hash: RecordHash::of(&line),
        };
        assert_eq!(Record::parse(&line), Ok(expected));
    }

    #[test]
    fn unusual_strings_round_trip() {
        for text in [
            "",
            "\u{0}\u{1f}\u{7f}\u{85}",
            "é😀\u{10ffff}",
            "\u{202e}evil\u{2066}",
            "\"\\\n\r\t/",
            "a\u{2028}b",
        ] {
            let event = Event::new(EventKind::Vote).principal(text).operation(text).with(text, json!([text]));
            let record = Record::parse(&line(&event)).unwrap();
            assert_eq!((record.principal.as_deref(), record.operation.as_deref()), (Some(text), Some(text)));
            assert_eq!(record.detail, event.detail);
        }
    }

    #[test]
    fn json_that_reeve_would_not_write_is_not_a_record() {
        let good = String::from_utf8(line(&decision())).unwrap();
        let cases = [
            (good.replace("{\"detail", "{ \"detail"), NotARecord::Form),
            (good.replace("allow", "\\u0061llow"), NotARecord::Form),
            (good.replace("\"seq\":42", "\"seq\":42,\"seq\":42"), NotARecord::Form),
            (good.replace("\"seq\":42", "\"seq\":\"42\""), NotARecord::Field("seq")),
            (good.replace("\"seq\":42,", ""), NotARecord::Field("seq")),
            (good.replace("Z\"}", "Z\",\"zeal\":1}"), NotARecord::UnknownField("zeal".to_owned())),
        ];
        for (text, expected) in cases {
            assert_eq!(Record::parse(text.as_bytes()), Err(expected), "{text}");
        }
    }

    #[test]
    fn a_record_that_would_not_fit_a_line_is_refused() {
        let event = Event::new(EventKind::Plan).with("diff", "x".repeat(MAX_LINE));
        assert!(matches!(Draft::new(&event, "host01"), Err(CanonicalError::TooLong { .. })));
    }
}
