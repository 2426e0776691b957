//! What has become another in configuration: keys and files by their names, with what they were and what they are. A secret is
//! said to have changed, and never shown.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use toml::Value;

/// More than these are counted.
const MOST: usize = 50;
/// How much of a value is shown.
const MOST_SHOWN: usize = 100;
/// What a key whose value may be a secret has in its name. Configuration has places for secrets, not secrets; but what a tool finds in its
/// environment is whatever root has written there.
const MAY_BE_SECRET: [&str; 5] = ["environment", "secret", "token", "password", "passphrase"];
const NOT_SHOWN: &str = "(not shown)";

/// One key or file that has become another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Difference {
    /// `gate.toml: approvals.cool_down`, or a file's name.
    pub what: String,
    /// What it was; nothing when it was not there.
    pub before: Option<String>,
    /// What it is; nothing when it is gone.
    pub after: Option<String>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let or_none = |value: &Option<String>| value.clone().unwrap_or_else(|| "(none)".to_owned());
        write!(f, "{}: {} → {}", self.what, or_none(&self.before), or_none(&self.after))
    }
}

/// What was read, by name.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Seen(BTreeMap<String, Entry>);

#[derive(Clone, PartialEq, Eq)]
struct Entry {
    digest: [u8; 32],
    shown: String,
}

impl fmt::Debug for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Seen({} names)", self.0.len())
    }
}

impl Seen {
    /// Every key of a TOML file; what is none is taken as a whole.
    pub fn keys(&mut self, file: &str, text: &str) {
        match text.parse::<toml::Table>() {
            Ok(table) => self.table(&format!("{file}: "), table),
            Err(_) => self.file(file, text.as_bytes()),
        }
    }

    /// A file, which is shown by its hash.
    pub fn file(&mut self, name: &str, bytes: &[u8]) {
        let digest = Sha256::digest(bytes);
        let start: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        self.add(name, bytes, format!("sha256:{start}…"));
    }

    /// A file of which nothing is shown.
    pub fn secret(&mut self, name: &str, bytes: &[u8]) {
        self.add(name, bytes, NOT_SHOWN.to_owned());
    }

    /// That a file cannot be read.
    pub fn unreadable(&mut self, name: &str) {
        self.add(name, b"", "(cannot be read)".to_owned());
    }

    fn table(&mut self, before: &str, table: toml::Table) {
        for (key, value) in table {
            self.value(&format!("{before}{key}"), value);
        }
    }

    fn value(&mut self, name: &str, value: Value) {
        match value {
            Value::Table(table) => self.table(&format!("{name}."), table),
            Value::Array(items) if items.iter().any(Value::is_table) => {
                for (number, item) in items.into_iter().enumerate() {
                    self.value(&format!("{name}.{number}"), item);
                }
            }
            plain @ (Value::Array(_)
            | Value::Boolean(_)
            | Value::Datetime(_)
            | Value::Float(_)
            | Value::Integer(_)
            | Value::String(_)) => {
                let text = plain.to_string();
                let lower = name.to_lowercase();
                let is_shown = !MAY_BE_SECRET.iter().any(|word| lower.contains(word));
                let shown = if is_shown { shown(&text) } else { NOT_SHOWN.to_owned() };
                self.add(name, text.as_bytes(), shown);
            }
        }
    }

    fn add(&mut self, name: &str, bytes: &[u8], shown: String) {
        self.0.insert(name.to_owned(), Entry { digest: Sha256::digest(bytes).into(), shown });
    }

    /// What is another in `later`, in order of names.
    #[must_use]
    pub fn until(&self, later: &Seen) -> Vec<Difference> {
        let mut names: Vec<&String> = self.0.keys().chain(later.0.keys()).collect();
        names.sort();
        names.dedup();
        names.retain(|name| self.0.get(*name) != later.0.get(*name));
        let more = names.len().saturating_sub(MOST);
        let of = |seen: &Seen, name: &str| seen.0.get(name).map(|entry| entry.shown.clone());
        let all = names.iter().take(MOST).map(|name| Difference {
            what: shown(name),
            before: of(self, name),
            after: of(later, name),
        });
        let rest =
            (more > 0).then(|| Difference { what: format!("and {more} more"), before: None, after: None });
        all.chain(rest).collect()
    }
}

/// A text that harms no terminal and fills no log.
fn shown(text: &str) -> String {
    let mut shown = String::new();
    for c in text.chars().take(MOST_SHOWN) {
        if c.is_alphanumeric() || c.is_ascii_graphic() || c == ' ' {
            shown.push(c);
        } else {
            shown.extend(c.escape_unicode());
        }
    }
    if text.chars().nth(MOST_SHOWN).is_some() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(before: &str, after: &str) -> Vec<String> {
        let seen = |text: &str| {
            let mut seen = Seen::default();
            seen.keys("a.toml", text);
            seen
        };
        seen(before).until(&seen(after)).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_changed_is_told_by_key_with_what_it_was_and_is() {
        assert_eq!(
            lines(
                "log = \"info\"\n[x]\nn = 1\nkept = 2\n",
                "log = \"debug\"\n[x]\nkept = 2\nlist = [1, 2]\n"
            ),
            [
                "a.toml: log: \"info\" → \"debug\"",
                "a.toml: x.list: (none) → [1, 2]",
                "a.toml: x.n: 1 → (none)"
            ]
        );
        assert_eq!(
            lines("[[p]]\nname = \"a\"\n", "[[p]]\nname = \"b\"\n"),
            ["a.toml: p.0.name: \"a\" → \"b\""]
        );
        assert_eq!(lines("a = 1 # one", "a = 1"), [""; 0]);
    }

    #[test]
    fn what_may_be_a_secret_is_said_to_have_changed_and_not_shown() {
        for (before, after) in [
            ("[environment]\nKEY = \"one\"\n", "[environment]\nKEY = \"two\"\n"),
            ("api_token = \"one\"", "api_token = \"two\""),
        ] {
            let told = lines(before, after).join("\n");
            assert!(
                told.ends_with("(not shown) → (not shown)") && !told.contains("one") && !told.contains("two"),
                "{told}"
            );
        }
        let (mut one, mut two) = (Seen::default(), Seen::default());
        one.secret("tls.key", b"one");
        two.secret("tls.key", b"two");
        let [told] = one.until(&two).try_into().unwrap();
        assert_eq!(told.to_string(), "tls.key: (not shown) → (not shown)");
        assert!(!format!("{one:?}").contains("one"));
    }

    #[test]
    fn a_file_is_told_by_its_hash_and_one_that_is_no_toml_as_a_whole() {
        let told = lines("= broken", "= more");
        assert!(told.len() == 1 && told[0].starts_with("a.toml: sha256:"), "{told:?}");
    }

    #[test]
    fn neither_a_long_value_nor_many_nor_a_strange_one_fills_the_log_or_steers_a_terminal() {
        let [long] = lines("", &format!("a = \"{}\"", "x".repeat(5_000))).try_into().unwrap();
        assert!(long.chars().count() < 2 * MOST_SHOWN, "{long}");
        let many: String = (0..200).map(|number| format!("k{number} = 1\n")).collect();
        let told = lines("", &many);
        assert_eq!((told.len(), told[MOST].as_str()), (MOST + 1, "and 150 more: (none) → (none)"));
        let [strange] = lines("", "a = \"\u{202e}x\\u001b[2J\"").try_into().unwrap();
        assert!(strange.chars().all(|c| !c.is_control() && c != '\u{202e}'), "{strange:?}");
    }
}
