//! Secrets among an operation's parameters: known by the names that they stand under, and given away as their SHA-256 only.
//!
//! What rules decide on and what the log holds is the same value, so that a decision can be made again from the log alone.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::Digest;

/// A name with one of these words in it holds a secret.
const WORDS: [&str; 10] = [
    "password",
    "passwd",
    "passphrase",
    "pwd",
    "secret",
    "token",
    "credential",
    "credentials",
    "authorization",
    "cookie",
];
/// The same for words that mean it together only.
const PAIRS: [(&str, &str); 5] =
    [("api", "key"), ("private", "key"), ("access", "key"), ("auth", "key"), ("encryption", "key")];
/// Shorter ones are not looked for inside of other texts: they would be found everywhere.
const SHORTEST: usize = 4;

/// The secrets of some parameters.
#[derive(Debug, Default)]
pub struct Secrets {
    texts: BTreeSet<String>,
}

impl Secrets {
    /// Those that stand anywhere in these.
    #[must_use]
    pub fn of(params: &Value) -> Self {
        let mut secrets = Self::default();
        secrets.gather(params, false);
        secrets
    }

    fn gather(&mut self, value: &Value, is_secret: bool) {
        match value {
            Value::String(text) if is_secret && !is_digest(text) && text.len() >= SHORTEST => {
                self.texts.insert(text.clone());
            }
            Value::Number(number) if is_secret && number.to_string().len() >= SHORTEST => {
                self.texts.insert(number.to_string());
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
            Value::Array(items) => items.iter().for_each(|item| self.gather(item, is_secret)),
            Value::Object(map) => {
                map.iter().for_each(|(name, value)| self.gather(value, is_secret || names_a_secret(name)));
            }
        }
    }

    /// The same value with each secret as its digest, under its own name and wherever it stands in a text besides.
    /// A value that is hidden already stays as it is.
    #[must_use]
    pub fn hidden(&self, value: &Value) -> Value {
        self.hide(value, false)
    }

    fn hide(&self, value: &Value, is_secret: bool) -> Value {
        match value {
            Value::Null | Value::Bool(_) => value.clone(),
            Value::Number(number) if is_secret => Value::String(digest(&number.to_string())),
            Value::Number(_) => value.clone(),
            Value::String(text) if is_secret && !is_digest(text) => Value::String(digest(text)),
            Value::String(text) => Value::String(self.hidden_in(text)),
            Value::Array(items) => items.iter().map(|item| self.hide(item, is_secret)).collect(),
            Value::Object(map) => {
                let one = |(name, value): (&String, &Value)| {
                    (name.clone(), self.hide(value, is_secret || names_a_secret(name)))
                };
                Value::Object(map.iter().map(one).collect::<Map<_, _>>())
            }
        }
    }

    /// A text with each secret in it as its digest; the longer ones first, of which others may be parts.
    #[must_use]
    pub fn hidden_in(&self, text: &str) -> String {
        let mut texts: Vec<&String> = self.texts.iter().collect();
        texts.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        let mut hidden = text.to_owned();
        for secret in texts {
            let escaped = Value::String(secret.clone()).to_string();
            let escaped = escaped.trim_matches('"');
            for form in [secret.as_str(), escaped] {
                if hidden.contains(form) {
                    hidden = hidden.replace(form, &digest(secret));
                }
            }
        }
        hidden
    }
}

/// Parameters with their secrets hidden.
#[must_use]
pub fn hidden(params: &Value) -> Value {
    Secrets::of(params).hidden(params)
}

fn digest(text: &str) -> String {
    Digest::of_bytes(text.as_bytes()).to_string()
}

fn is_digest(text: &str) -> bool {
    text.strip_prefix("sha256:")
        .is_some_and(|hex| hex.len() == 64 && hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')))
}

/// `db_password`, `apiKey`, `X-Auth-Token`: by whole words, so that `tokenizer` and `secretary` are none.
fn names_a_secret(name: &str) -> bool {
    let words = words(name);
    let pair = |(one, other): &(&str, &str)| {
        words.windows(2).any(|pair| pair == [*one, *other]) || words.contains(&format!("{one}{other}"))
    };
    words.iter().any(|word| WORDS.contains(&word.as_str()) || WORDS.contains(&word.trim_end_matches('s')))
        || PAIRS.iter().any(pair)
}

fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut was_lower = false;
    for c in name.chars() {
        let begins = !c.is_ascii_alphanumeric() || (c.is_ascii_uppercase() && was_lower);
        if begins {
            words.push(String::new());
        }
        if c.is_ascii_alphanumeric()
            && let Some(last) = words.last_mut()
        {
            last.push(c.to_ascii_lowercase());
        }
        was_lower = c.is_ascii_lowercase() || c.is_ascii_digit();
    }
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_name_says_whether_it_holds_a_secret() {
        for secret in
            ["password", "db_password", "X-Auth-Token", "apiKey", "api_key", "apikey", "tokens", "Cookie"]
        {
            assert!(names_a_secret(secret), "{secret}");
        }
        for plain in ["tokenizer", "secretary", "key", "name", "passive", "max_tokens_x_ray_is_fine", "keys"]
        {
            assert_eq!(names_a_secret(plain), plain.contains("_tokens_"), "{plain}");
        }
    }

    #[test]
    fn a_secret_is_given_away_as_its_digest_wherever_it_stands_and_only_once() {
        let params = json!({"user": "ann", "auth": {"password": "hunter22\"x", "pin_token": 12345, "is": true}, "list": ["a", 7]});
        let secrets = Secrets::of(&params);
        let hash = Digest::of_bytes(b"hunter22\"x").to_string();
        let pin = Digest::of_bytes(b"12345").to_string();
        let hidden = secrets.hidden(&params);
        let expected = json!({"user": "ann", "auth": {"password": hash, "pin_token": pin, "is": true}, "list": ["a", 7]});
        assert_eq!(hidden, expected);
        assert_eq!(secrets.hidden(&hidden), hidden);
        assert_eq!(super::hidden(&hidden), hidden, "what comes back from the log stays as it is");
        let line = r#"curl -u ann:hunter22"x {"p":"hunter22\"x"} 12345"#;
        assert_eq!(secrets.hidden_in(line), format!("curl -u ann:{hash} {{\"p\":\"{hash}\"}} {pin}"));
        assert_eq!(secrets.hidden_in("nothing here"), "nothing here");
    }

    #[test]
    fn a_list_of_secrets_hides_each_and_short_ones_are_hidden_by_name_alone() {
        let params = json!({"tokens": ["abcdef", "xy"], "other": "xy"});
        let hidden = hidden(&params);
        assert_eq!(hidden["tokens"], json!([digest("abcdef"), digest("xy")]));
        assert_eq!(hidden["other"], "xy");
    }
}
