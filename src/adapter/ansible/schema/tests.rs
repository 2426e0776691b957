//! What each keyword bounds, and what is refused because it would bound less than it seems.

use serde_json::json;

use super::*;

fn schema(toml: &str) -> Result<Schema, String> {
    let written: SchemaAsWritten = toml::from_str(toml).map_err(|error| error.to_string())?;
    Schema::of_vars(written)
}

fn with(property: &str) -> Result<Schema, String> {
    schema(&format!("type = \"object\"\nadditionalProperties = false\nproperties.v = {property}"))
}

#[track_caller]
fn takes(property: &str, good: &[Value], bad: &[Value]) {
    let schema = with(property).unwrap();
    for value in good {
        assert_eq!(schema.check(&json!({"v": value})), Ok(()), "{property} {value}");
    }
    for value in bad {
        assert!(schema.check(&json!({"v": value})).unwrap_err().starts_with("vars/v"), "{property} {value}");
    }
}

#[test]
fn every_keyword_bounds_what_it_says() {
    takes("{type = \"boolean\"}", &[json!(true)], &[json!("true"), json!(1), json!(null)]);
    takes(
        "{type = \"integer\", minimum = 1, maximum = 3}",
        &[json!(1), json!(3)],
        &[json!(0), json!(4), json!("2"), json!(u64::MAX)],
    );
    takes("{type = \"integer\"}", &[json!(-5)], &[json!(true), json!([1])]);
    takes(
        "{type = \"string\", minLength = 1, maxLength = 2}",
        &[json!("é"), json!("ab")],
        &[json!(""), json!("abc"), json!(1)],
    );
    takes(
        "{type = \"string\", pattern = \"^[a-z]+$\"}",
        &[json!("ab")],
        &[json!("aB"), json!("ab\n"), json!("")],
    );
    takes(
        "{enum = [\"a\", 1, true]}",
        &[json!("a"), json!(1), json!(true)],
        &[json!("b"), json!("1"), json!(null)],
    );
    takes("{const = \"x\"}", &[json!("x")], &[json!("y")]);
    takes(
        "{type = \"array\", minItems = 1, maxItems = 2, uniqueItems = true, items = {type = \"integer\"}}",
        &[json!([1]), json!([1, 2])],
        &[json!([]), json!([1, 2, 3]), json!([1, 1]), json!(["1"]), json!(1)],
    );
    takes(
        "{type = \"object\", additionalProperties = false, required = [\"a\"], properties = {a = {type = \"boolean\"}}}",
        &[json!({"a": true})],
        &[json!({}), json!({"a": 1}), json!({"a": true, "b": 1}), json!([])],
    );
}

#[test]
fn what_is_not_declared_cannot_be_given() {
    let schema = with("{type = \"boolean\"}").unwrap();
    assert_eq!(schema.check(&json!({"w": 1})).unwrap_err(), "vars/w: is no variable of this playbook");
    assert_eq!(
        Schema::none().check(&json!({"w": 1})).unwrap_err(),
        "vars/w: is no variable of this playbook"
    );
    assert_eq!(Schema::none().check(&json!({})), Ok(()));
}

#[test]
fn a_schema_that_would_bound_less_than_it_seems_is_refused() {
    for property in [
        "{}",
        "{typ = \"string\"}",
        "{type = \"text\"}",
        "{type = \"number\"}",
        "{type = \"string\", maxlength = 3}",
        "{type = \"string\", maximum = 3}",
        "{type = \"integer\", minimum = 2, maximum = 1}",
        "{type = \"string\", pattern = \"(\"}",
        "{type = \"string\", pattern = \"(a)\\\\1\"}",
        "{type = \"string\", format = \"ipv4\"}",
        "{\"$ref\" = \"https://example.org/x\"}",
        "{type = \"array\"}",
        "{type = \"object\"}",
        "{type = \"object\", additionalProperties = true}",
        "{type = \"object\", additionalProperties = false, required = [\"x\"]}",
        "{enum = []}",
        "{enum = [1], const = 1}",
        "{enum = [\"a\"], maxLength = 3}",
        "{type = \"string\", enum = [1]}",
        "{type = \"string\", pattern = \"(x{1000}){1000}\"}",
    ] {
        assert!(with(property).is_err(), "{property}");
    }
    assert!(schema("type = \"string\"").is_err());
}

#[test]
fn no_pattern_takes_long() {
    let schema = with("{type = \"string\", pattern = \"^(a+)+$\"}").unwrap();
    let text = format!("{}b", "a".repeat(16_000));
    assert!(schema.check(&json!({"v": text})).is_err());
}
