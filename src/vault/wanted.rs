//! Which secrets of vaults are needed, and by whom: whatever stands in the configurations.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::config::{self, ConfigError};
use crate::secret::{Consumer, VaultReference};

/// The references that stand in configurations, with who needs each.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted(BTreeMap<VaultReference, BTreeSet<Consumer>>);

impl Wanted {
    /// Adds those of a configuration file. One that is missing wants nothing.
    ///
    /// # Errors
    /// When it is not to be trusted, no TOML, or something in it begins as a reference and is none.
    pub fn add_file(&mut self, consumer: Consumer, path: &Path) -> Result<(), ConfigError> {
        match config::read_text(path) {
            Ok(text) => self.add(consumer, &path.display().to_string(), &text),
            Err(ConfigError::Untrusted(error)) if error.is_not_found() => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Adds those of a configuration.
    ///
    /// # Errors
    /// As [`Self::add_file`].
    pub fn add(&mut self, consumer: Consumer, label: &str, text: &str) -> Result<(), ConfigError> {
        let document: toml::Value = config::parse(label, text)?;
        let mut waiting = vec![&document];
        while let Some(value) = waiting.pop() {
            match value {
                toml::Value::String(text) if text.starts_with("@kv:") => {
                    let reference = text
                        .parse()
                        .map_err(|error| ConfigError::in_file(label, format!("a value {error}")))?;
                    self.0.entry(reference).or_default().insert(consumer);
                }
                toml::Value::Array(items) => waiting.extend(items),
                toml::Value::Table(table) => waiting.extend(table.iter().map(|(_key, value)| value)),
                toml::Value::String(_)
                | toml::Value::Integer(_)
                | toml::Value::Float(_)
                | toml::Value::Boolean(_)
                | toml::Value::Datetime(_) => {}
            }
        }
        Ok(())
    }

    /// Each reference with who needs it.
    pub fn iter(&self) -> impl Iterator<Item = (&VaultReference, &BTreeSet<Consumer>)> {
        self.0.iter()
    }

    /// Whether nothing is wanted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_stands_in_a_configuration_is_wanted_wherever_it_stands() {
        let mut wanted = Wanted::default();
        wanted.add(Consumer::Front, "reeved.toml", "[tls]\nkey = \"@kv:main/tls\"\n").unwrap();
        let text = "a = [{b = \"@kv:smtp\"}, \"@kv:main/tls\"]\nwhy = \"see @kv:nothing\"\nn = 1\n";
        wanted.add(Consumer::Gate, "gate.toml", text).unwrap();
        let seen: Vec<_> = wanted.iter().map(|(reference, by)| (reference.to_string(), by.len())).collect();
        assert_eq!(seen, [("@kv:smtp".to_owned(), 1), ("@kv:main/tls".to_owned(), 2)]);
    }

    #[test]
    fn what_begins_as_a_reference_and_is_none_is_an_error_that_does_not_repeat_it() {
        let error = Wanted::default().add(Consumer::Gate, "gate.toml", "a = \"@kv:hunter2 x\"").unwrap_err();
        let told = error.to_string();
        assert!(told.starts_with("gate.toml: a value is no reference to a vault"), "{told}");
        assert!(!told.contains("hunter2"), "{told}");
    }

    #[test]
    fn a_configuration_that_is_missing_wants_nothing() {
        let mut wanted = Wanted::default();
        wanted.add_file(Consumer::Gate, Path::new("/nonexistent/gate.toml")).unwrap();
        assert!(wanted.is_empty());
    }
}
