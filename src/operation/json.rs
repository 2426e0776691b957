//! JSON from strangers: no key twice, bounded depth, integers only.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::Invalid;

/// How deep a request may nest; ours need four levels.
const MAX_DEPTH: usize = 16;

/// Reads one JSON value. Refused: a key that stands twice, more than 16 levels, a number that is no 64-bit integer, anything after the value.
pub fn parse(bytes: &[u8]) -> Result<Value, Invalid> {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = Strict { depth: 0 }.deserialize(&mut deserializer).map_err(|error| problem(&error))?;
    deserializer.end().map_err(|error| problem(&error))?;
    Ok(value)
}

fn problem(error: &serde_json::Error) -> Invalid {
    Invalid::here(format!("is not JSON that Reeve reads: {error}"))
}

struct Strict {
    depth: usize,
}

impl Strict {
    fn deeper<E: serde::de::Error>(&self) -> Result<Self, E> {
        if self.depth >= MAX_DEPTH {
            return Err(E::custom(format!("more than {MAX_DEPTH} levels deep")));
        }
        Ok(Self { depth: self.depth + 1 })
    }
}

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_f64<E: serde::de::Error>(self, _value: f64) -> Result<Value, E> {
        Err(E::custom("a number that is not a 64-bit integer"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element_seed(self.deeper()?)? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        use serde::de::Error as _;
        let mut map = Map::new();
        while let Some(key) = access.next_key::<String>()? {
            // serde_json hands over a number that fits no 64-bit integer as a map with a private key of this prefix.
            if key.starts_with("$serde_json") {
                return Err(A::Error::custom("a number that is not a 64-bit integer"));
            }
            let value = access.next_value_seed(self.deeper()?)?;
            if map.insert(key.clone(), value).is_some() {
                return Err(A::Error::custom(format!("the key {key:?} stands twice")));
            }
        }
        Ok(Value::Object(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> String {
        parse(text.as_bytes()).unwrap_err().problem
    }

    #[test]
    fn plain_values_come_through() {
        let text = r#"{"a":[1,-2,true,null,"x"],"b":{"c":18446744073709551615}}"#;
        assert_eq!(parse(text.as_bytes()).unwrap().to_string(), text);
    }

    #[test]
    fn a_key_twice_is_refused_at_any_level() {
        assert!(refusal(r#"{"a":1,"a":2}"#).contains("\"a\" stands twice"));
        assert!(refusal(r#"{"a":{"b":1,"b":1}}"#).contains("\"b\" stands twice"));
    }

    #[test]
    fn numbers_that_are_no_integers_are_refused() {
        for text in
            ["1.5", "1e400", "[0.0]", "18446744073709551616", r#"{"$serde_json::private::Number":"12"}"#]
        {
            assert!(refusal(text).contains("not a 64-bit integer"), "{text}");
        }
        for text in ["NaN", "Infinity", "-", "01"] {
            assert!(refusal(text).contains("is not JSON"), "{text}");
        }
    }

    #[test]
    fn sixteen_levels_are_read_and_a_thousand_refused_without_a_crash() {
        let nest = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert!(parse(nest(16).as_bytes()).is_ok());
        assert!(refusal(&nest(17 + 1)).contains("levels deep"));
        assert!(parse(nest(100_000).as_bytes()).is_err());
    }

    #[test]
    fn nothing_may_follow_the_value() {
        assert!(refusal("{} {}").contains("is not JSON"));
        assert!(refusal("").contains("is not JSON"));
    }
}
