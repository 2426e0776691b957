//! The name of a playbook, as root's configuration gives it.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::operation::Invalid;

/// A playbook by the name of its section, `[ansible.playbook.NAME]`: never a path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PlaybookName(String);

impl PlaybookName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for PlaybookName {
    type Error = Invalid;

    fn try_from(name: String) -> Result<Self, Invalid> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
        if name.is_empty() || name.len() > 64 {
            return Err(Invalid::here("is from 1 to 64 characters"));
        }
        if !name.bytes().all(plain) || !name.starts_with(|first: char| first.is_ascii_alphanumeric()) {
            return Err(Invalid::here(
                "is made of letters, digits, _ . and -, and begins with none of the signs",
            ));
        }
        Ok(Self(name))
    }
}

impl From<PlaybookName> for String {
    fn from(name: PlaybookName) -> Self {
        name.0
    }
}

impl fmt::Display for PlaybookName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_playbooks_name_is_a_word_and_never_a_path() {
        for name in ["motd", "web-1.2_x", "a"] {
            assert_eq!(PlaybookName::try_from(name.to_owned()).unwrap().as_str(), name);
        }
        for name in ["", "-x", ".x", "a/b", "../a", "a b", "ä", "a\n", &"a".repeat(65)] {
            assert!(PlaybookName::try_from(name.to_owned()).is_err(), "{name:?}");
        }
    }
}
