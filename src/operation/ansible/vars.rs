//! Variables for a playbook, in a form of which Ansible can make nothing but the values that were meant.
//!
//! Ansible fills in templates wherever it meets one, variables given from outside included, and takes text that looks
//! like a list for one. So text has no brace, no backslash and no quotation mark, is printable ASCII, and does not begin with a bracket.
//! The wrapper looks for the same once more, byte by byte.

use serde_json::{Map, Value};

use crate::operation::Invalid;

/// As long as all variables together may be, as JSON.
const MAX_BYTES: usize = 16 * 1024;
/// How deep they may nest.
const MAX_DEPTH: usize = 6;
const MAX_NAME: usize = 64;

/// Names that mean something to Ansible itself, besides all that begin with `ansible_`.
const ANSIBLES_OWN: [&str; 8] =
    ["groups", "group_names", "hostvars", "inventory_hostname", "omit", "playbook_dir", "role_path", "vars"];

/// The variables of one call.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Vars(Map<String, Value>);

impl Vars {
    /// Takes variables of which every name and value is safe to hand to Ansible.
    ///
    /// # Errors
    /// Points at the first that is not.
    pub fn new(map: Map<String, Value>) -> Result<Self, Invalid> {
        check_object(&map, "", MAX_DEPTH)?;
        let vars = Self(map);
        if vars.argument().len() > MAX_BYTES {
            return Err(Invalid::here(format!("are at most {MAX_BYTES} bytes as JSON")));
        }
        Ok(vars)
    }

    /// The variables as JSON.
    pub fn as_map(&self) -> &Map<String, Value> {
        &self.0
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What stands behind `--extra-vars`: JSON without a blank, its names in order.
    pub fn argument(&self) -> String {
        crate::operation::canonical(&Value::Object(self.0.clone()))
    }
}

fn check_object(map: &Map<String, Value>, at: &str, depth: usize) -> Result<(), Invalid> {
    map.iter().try_for_each(|(name, value)| {
        let here = format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"));
        check_name(name).map_err(|invalid| invalid.under(&here))?;
        check_value(value, &here, depth)
    })
}

fn check_value(value: &Value, at: &str, depth: usize) -> Result<(), Invalid> {
    if depth == 0 {
        return Err(Invalid::at(at, format!("is nested more than {MAX_DEPTH} deep")));
    }
    match value {
        Value::Null | Value::Bool(_) => Ok(()),
        Value::Number(number) if number.is_i64() || number.is_u64() => Ok(()),
        Value::Number(_) => Err(Invalid::at(at, "is not an integer of 64 bits")),
        Value::String(text) => check_text(text).map_err(|invalid| invalid.under(at)),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .try_for_each(|(place, item)| check_value(item, &format!("{at}/{place}"), depth - 1)),
        Value::Object(map) => check_object(map, at, depth - 1),
    }
}

fn check_name(name: &str) -> Result<(), Invalid> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let is_word = name.len() <= MAX_NAME
        && name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name.bytes().all(plain);
    if !is_word {
        return Err(Invalid::here(format!(
            "is no name of a variable: a letter, then letters, digits and _, at most {MAX_NAME}"
        )));
    }
    if name.starts_with("ansible_") || ANSIBLES_OWN.contains(&name) {
        return Err(Invalid::here("is a name that belongs to Ansible itself"));
    }
    Ok(())
}

fn check_text(text: &str) -> Result<(), Invalid> {
    if let Some(stranger) =
        text.chars().find(|character| !matches!(character, ' '..='~') || "\\\"{}".contains(*character))
    {
        return Err(Invalid::here(format!(
            "has {stranger:?}: a variable's text is printable ASCII without braces, backslash and quotation mark, so that no template is in it"
        )));
    }
    if text.trim_start().starts_with('[') || matches!(text.trim(), "True" | "False") {
        return Err(Invalid::here(
            "is text that Ansible takes for a list or for true and false; give the value itself",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn vars(value: Value) -> Result<Vars, Invalid> {
        Vars::new(value.as_object().unwrap().clone())
    }

    fn place_of(value: Value) -> String {
        vars(value.clone()).expect_err(&value.to_string()).pointer
    }

    #[test]
    fn plain_values_of_every_kind_are_taken_and_written_in_one_form() {
        let taken =
            vars(json!({"name": "it's 50% off #1", "b": [1, -2, true, null], "a": {"Deep_er": {"x": []}}}))
                .unwrap();
        assert_eq!(
            taken.argument(),
            r#"{"a":{"Deep_er":{"x":[]}},"b":[1,-2,true,null],"name":"it's 50% off #1"}"#
        );
        assert!(Vars::default().is_empty());
        assert_eq!(Vars::default().argument(), "{}");
    }

    #[test]
    fn text_of_which_ansible_would_make_something_else_is_refused_with_its_place() {
        for text in [
            "{{ x }}", "{% if %}", "{# x #}", "{", "}", "a\\u007b", "a\nb", "a\"b", "ä", "\u{7f}", "[1]",
            " [1]", "True",
        ] {
            assert_eq!(place_of(json!({"a": [{"b": text}]})), "/a/0/b", "{text:?}");
        }
    }

    #[test]
    fn names_that_belong_to_ansible_are_refused() {
        for name in [
            "ansible_connection",
            "ansible_check_mode",
            "__ansible_vault",
            "_x",
            "1x",
            "a-b",
            "a.b",
            "",
            "hostvars",
            "ä",
        ] {
            assert_eq!(place_of(json!({name: 1})), format!("/{name}"));
            assert_eq!(place_of(json!({"a": {name: 1}})), format!("/a/{name}"));
        }
    }

    #[test]
    fn numbers_depth_and_length_are_bounded() {
        assert_eq!(place_of(json!({"a": 1.5})), "/a");
        assert!(vars(json!({"a": [[[[[1]]]]]})).is_ok());
        assert_eq!(place_of(json!({"a": [[[[[[1]]]]]]})), "/a/0/0/0/0/0/0");
        assert_eq!(place_of(json!({"a": "x".repeat(MAX_BYTES)})), "");
    }
}
