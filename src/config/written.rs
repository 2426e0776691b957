//! The plain values of a configuration file as it is written: each by its key, and one replaced where it stands, so that everything else
//! stays as root wrote it.

use std::fmt;
use std::ops::Range;

use toml::de::{DeTable, DeValue};
use toml::{Spanned, Value};
use zeroize::Zeroizing;

use super::ConfigError;

/// A value that is no table and no list.
pub struct Written {
    /// Its key with the tables that it lies in, as in `tls.key` and `webhook[0].key`.
    pub key: String,
    /// What it stands for. It may be a secret that somebody wrote there.
    pub text: Zeroizing<String>,
    /// Where it stands.
    pub span: Range<usize>,
}

impl fmt::Debug for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {:?}", self.key, self.span)
    }
}

impl Written {
    /// Its key without the numbers, as in `webhook.key`.
    #[must_use]
    pub fn kind(&self) -> String {
        let parts = self.key.split('.').map(|part| part.split_once('[').map_or(part, |(name, _)| name));
        parts.collect::<Vec<_>>().join(".")
    }
}

/// All of them.
///
/// # Errors
/// When it is no TOML; the line is not repeated.
pub fn values(label: &str, text: &str) -> Result<Vec<Written>, ConfigError> {
    let document = DeTable::parse(text).map_err(|error| {
        let line =
            error.span().map_or(1, |span| 1 + text.get(..span.start).unwrap_or(text).matches('\n').count());
        ConfigError::in_file(&format!("{label}:{line}"), "is no TOML")
    })?;
    let mut found = Vec::new();
    for (key, value) in document.get_ref() {
        gather(key.get_ref(), value, text, &mut found);
    }
    found.sort_by_key(|written| written.span.start);
    Ok(found)
}

fn gather(key: &str, value: &Spanned<DeValue<'_>>, text: &str, found: &mut Vec<Written>) {
    let plain = |meant: &str| Written {
        key: key.to_owned(),
        text: Zeroizing::new(meant.to_owned()),
        span: value.span(),
    };
    match value.get_ref() {
        DeValue::String(meant) => found.push(plain(meant)),
        DeValue::Integer(_) | DeValue::Float(_) | DeValue::Boolean(_) | DeValue::Datetime(_) => {
            found.push(plain(text.get(value.span()).unwrap_or_default()));
        }
        DeValue::Array(items) => {
            for (number, item) in items.iter().enumerate() {
                gather(&format!("{key}[{number}]"), item, text, found);
            }
        }
        DeValue::Table(table) => {
            for (name, item) in table {
                gather(&format!("{key}.{}", name.get_ref()), item, text, found);
            }
        }
    }
}

/// The text with other values in some places, and otherwise as it was, which is read again to be sure.
///
/// # Errors
/// When it would not say what is meant.
pub fn replaced(label: &str, text: &str, changes: &[(&Written, String)]) -> Result<String, ConfigError> {
    let unsure = || ConfigError::in_file(label, "cannot be rewritten so that nothing else changes");
    let mut after = text.to_owned();
    let mut ordered: Vec<_> = changes.iter().collect();
    ordered.sort_by_key(|(written, _)| std::cmp::Reverse(written.span.start));
    for (written, new) in ordered {
        if text.get(written.span.clone()).is_none() {
            return Err(unsure());
        }
        after.replace_range(written.span.clone(), &Value::String(new.clone()).to_string());
    }
    let (before, now) = (values(label, text)?, values(label, &after)?);
    let meant = |written: &Written| {
        changes.iter().find(|(changed, _)| changed.key == written.key).map(|(_, new)| new.as_str())
    };
    let is_so = before.len() == now.len()
        && before
            .iter()
            .zip(&now)
            .all(|(old, new)| old.key == new.key && *new.text == meant(old).unwrap_or(&old.text));
    if is_so { Ok(after) } else { Err(unsure()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# ours\nname = 'a' # kept\n[tls]\nkey = \"\"\"\nhunter2\n\"\"\"\n[[webhook]]\nkey = 731\n[[webhook]]\nkey = \"/k\" \n";

    fn keys(text: &str) -> Vec<(String, String, String)> {
        let found = values("t", text).unwrap();
        found.iter().map(|one| (one.key.clone(), one.kind(), one.text.to_string())).collect()
    }

    #[test]
    fn every_value_has_its_key_and_its_place() {
        let row = |key: &str, kind: &str, text: &str| (key.to_owned(), kind.to_owned(), text.to_owned());
        assert_eq!(
            keys(TEXT),
            [
                row("name", "name", "a"),
                row("tls.key", "tls.key", "hunter2\n"),
                row("webhook[0].key", "webhook.key", "731"),
                row("webhook[1].key", "webhook.key", "/k"),
            ]
        );
        assert_eq!(keys("a = [{ b = \"c\" }]"), [row("a[0].b", "a.b", "c")]);
    }

    #[test]
    fn what_is_replaced_changes_and_nothing_else() {
        let found = values("t", TEXT).unwrap();
        let changes = [(&found[1], "@kv:tls".to_owned()), (&found[2], "@kv:\"hook".to_owned())];
        let after = replaced("t", TEXT, &changes).unwrap();
        assert_eq!(
            after,
            "# ours\nname = 'a' # kept\n[tls]\nkey = \"@kv:tls\"\n[[webhook]]\nkey = '@kv:\"hook'\n[[webhook]]\nkey = \"/k\" \n"
        );
    }

    #[test]
    fn neither_an_error_nor_a_debug_line_repeats_a_value() {
        let refusal = values("t", "a = 1\npassword = hunter2\n").unwrap_err();
        assert_eq!(refusal.to_string(), "t:2: is no TOML");
        assert!(!format!("{refusal:?} {:?}", values("t", TEXT).unwrap()).contains("hunter2"));
    }

    #[test]
    fn a_place_that_is_not_there_is_not_written_to() {
        let found = values("t", TEXT).unwrap();
        assert!(replaced("t", "name = 'a'\n", &[(&found[2], "x".to_owned())]).is_err());
    }
}
