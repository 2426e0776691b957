//! The one way to write a value: sorted keys, no spaces, integers only, everything a terminal might obey escaped.
//!
//! One value has one form, so a line that parses but is not the form of what it says was not written by Reeve.

use serde_json::{Map, Number, Value};
use thiserror::Error;

/// Deeper than any honest detail, and far from the depth at which the parser that reads the log gives up.
const MAX_DEPTH: u8 = 32;

/// serde_json gives keys of this form a meaning of its own when it parses with arbitrary precision.
const RESERVED: &str = "$serde_json::private::";

/// Why a value has no canonical form.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum CanonicalError {
    /// A float, or an integer past 64 bits.
    #[error("{0} is not an integer of 64 bits")]
    NotAnInteger(String),
    /// Nested deeper than the log allows.
    #[error("nested deeper than {MAX_DEPTH} levels")]
    TooDeep,
    /// A key that JSON libraries use for themselves.
    #[error("the key {0:?} is reserved")]
    ReservedKey(String),
    /// The record as a whole would not fit a line.
    #[error("a record of {bytes} bytes is over the limit of {limit}")]
    TooLong {
        /// How long it would be.
        bytes: usize,
        /// How long it may be.
        limit: usize,
    },
}

/// Appends an object in canonical form.
pub(super) fn push_object(out: &mut Vec<u8>, object: &Map<String, Value>) -> Result<(), CanonicalError> {
    push_members(out, object, MAX_DEPTH)
}

/// How many bytes a value takes in the detail of a record; nothing when it has no form there.
#[must_use]
pub fn canonical_length(value: &Value) -> Option<usize> {
    let mut out = Vec::new();
    push_value(&mut out, value, MAX_DEPTH - 1).ok()?;
    Some(out.len())
}

fn push_value(out: &mut Vec<u8>, value: &Value, depth: u8) -> Result<(), CanonicalError> {
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(true) => out.extend_from_slice(b"true"),
        Value::Bool(false) => out.extend_from_slice(b"false"),
        Value::Number(number) => push_integer(out, number)?,
        Value::String(text) => push_string(out, text),
        Value::Array(items) => push_items(out, items, depth)?,
        Value::Object(object) => push_members(out, object, depth)?,
    }
    Ok(())
}

fn push_items(out: &mut Vec<u8>, items: &[Value], depth: u8) -> Result<(), CanonicalError> {
    let below = depth.checked_sub(1).ok_or(CanonicalError::TooDeep)?;
    out.push(b'[');
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        push_value(out, item, below)?;
    }
    out.push(b']');
    Ok(())
}

fn push_members(out: &mut Vec<u8>, object: &Map<String, Value>, depth: u8) -> Result<(), CanonicalError> {
    let below = depth.checked_sub(1).ok_or(CanonicalError::TooDeep)?;
    let mut members: Vec<(&String, &Value)> = object.iter().collect();
    // The map is sorted by itself only as long as no crate in the build turns on serde_json/preserve_order.
    members.sort_unstable_by_key(|(key, _)| key.as_bytes());
    out.push(b'{');
    for (index, (key, value)) in members.into_iter().enumerate() {
        if key.starts_with(RESERVED) {
            return Err(CanonicalError::ReservedKey(key.clone()));
        }
        if index > 0 {
            out.push(b',');
        }
        push_string(out, key);
        out.push(b':');
        push_value(out, value, below)?;
    }
    out.push(b'}');
    Ok(())
}

fn push_integer(out: &mut Vec<u8>, number: &Number) -> Result<(), CanonicalError> {
    let digits = match (number.as_u64(), number.as_i64()) {
        (Some(unsigned), _) => unsigned.to_string(),
        (None, Some(signed)) => signed.to_string(),
        (None, None) => return Err(CanonicalError::NotAnInteger(number.to_string())),
    };
    out.extend_from_slice(digits.as_bytes());
    Ok(())
}

/// Appends a string in canonical form, quotes included.
pub(super) fn push_string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    let mut rest = text;
    while let Some((at, special)) = rest.char_indices().find(|(_, c)| is_special(*c)) {
        let (plain, tail) = rest.split_at(at);
        out.extend_from_slice(plain.as_bytes());
        push_escape(out, special);
        rest = tail.strip_prefix(special).unwrap_or_default();
    }
    out.extend_from_slice(rest.as_bytes());
    out.push(b'"');
}

/// What is never written as it is: what JSON forbids, and what changes how a terminal shows the rest of the line
/// (delete, C1 controls, line separators, and the marks that turn the direction of text).
fn is_special(c: char) -> bool {
    match c {
        '"' | '\\' => true,
        ' '..='~' => false,
        _ => {
            c.is_control()
                || matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
        }
    }
}

fn push_escape(out: &mut Vec<u8>, c: char) {
    match c {
        '"' => out.extend_from_slice(b"\\\""),
        '\\' => out.extend_from_slice(b"\\\\"),
        '\n' => out.extend_from_slice(b"\\n"),
        '\r' => out.extend_from_slice(b"\\r"),
        '\t' => out.extend_from_slice(b"\\t"),
        _ => out.extend_from_slice(format!("\\u{:04x}", u32::from(c)).as_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn canonical(value: Value) -> Result<String, CanonicalError> {
        let mut out = Vec::new();
        push_value(&mut out, &value, MAX_DEPTH).map(|()| String::from_utf8(out).unwrap())
    }

    #[test]
    fn keys_are_sorted_and_nothing_is_spaced() {
        let text =
            canonical(json!({"b": [1, -2, null, true], "a": {"é": "x", "z": false}, "B": u64::MAX})).unwrap();
        assert_eq!(text, r#"{"B":18446744073709551615,"a":{"z":false,"é":"x"},"b":[1,-2,null,true]}"#);
    }

    #[test]
    fn what_a_terminal_would_obey_is_escaped() {
        let text = canonical(json!("a\u{1b}[2J\u{7f}\u{9b}\u{202e}\u{2028}\n\0\"\\/é😀")).unwrap();
        assert_eq!(text, r#""a\u001b[2J\u007f\u009b\u202e\u2028\n\u0000\"\\/é😀""#);
    }

    #[test]
    fn a_float_is_refused() {
        assert_eq!(canonical(json!(1.5)), Err(CanonicalError::NotAnInteger("1.5".to_owned())));
    }

    #[test]
    fn a_values_length_is_that_of_its_form_and_what_has_none_has_no_length() {
        assert_eq!(canonical_length(&json!({"a": "\u{7f}"})), Some(r#"{"a":"\u007f"}"#.len()));
        assert_eq!(canonical_length(&json!([1.5])), None);
        let nested = |levels: usize| (0..levels).fold(json!(1), |inner, _| json!([inner]));
        for levels in [MAX_DEPTH - 1, MAX_DEPTH] {
            let value = nested(usize::from(levels));
            let mut detail = Map::new();
            detail.insert("x".to_owned(), value.clone());
            assert_eq!(
                canonical_length(&value).is_some(),
                push_object(&mut Vec::new(), &detail).is_ok(),
                "{levels}"
            );
        }
    }

    #[test]
    fn nesting_has_an_end() {
        let deep = (0..40).fold(json!(1), |inner, _| json!([inner]));
        assert_eq!(canonical(deep), Err(CanonicalError::TooDeep));
    }

    #[test]
    fn a_key_that_the_json_library_uses_for_itself_is_refused() {
        let key = "$serde_json::private::Number";
        assert_eq!(canonical(json!({ key: "12" })), Err(CanonicalError::ReservedKey(key.to_owned())));
    }

    proptest! {
        #[test]
        fn any_string_reads_back_and_has_one_form(text in any::<String>()) {
            let once = canonical(json!(text)).unwrap();
            let back: Value = serde_json::from_str(&once).unwrap();
            prop_assert_eq!(&back, &json!(text));
            prop_assert_eq!(canonical(back).unwrap(), once);
        }
    }
}
