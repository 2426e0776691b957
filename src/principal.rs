//! Who asks: the names of callers, their roles, and the Unix users that they run as.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The name of a caller, as configuration gives it to a certificate: 1 to 64 of `a-z 0-9 . _ -`, beginning with a letter or digit.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PrincipalName(String);

impl PrincipalName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A text that is no principal's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a principal's name is 1 to 64 of a-z 0-9 . _ - and begins with a letter or digit")]
pub struct NoPrincipalName;

impl TryFrom<String> for PrincipalName {
    type Error = NoPrincipalName;

    fn try_from(name: String) -> Result<Self, NoPrincipalName> {
        let first_is_fine = name.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
        let rest_is_fine = name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'_' | b'-'));
        if first_is_fine && rest_is_fine && name.len() <= 64 {
            return Ok(Self(name));
        }
        Err(NoPrincipalName)
    }
}

impl From<PrincipalName> for String {
    fn from(name: PrincipalName) -> Self {
        name.0
    }
}

impl fmt::Display for PrincipalName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a caller may do besides what its contract grants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Submits operations.
    Agent,
    /// Sees every caller's operations, reloads configuration.
    Admin,
    /// Reads the metrics.
    Metrics,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_principals_name_is_short_plain_and_lower_case() {
        for good in ["librarian", "a", "agent-7.lab_2", &"x".repeat(64)] {
            assert_eq!(PrincipalName::try_from(good.to_owned()).unwrap().as_str(), good);
        }
        for bad in ["", "-a", ".a", "Librarian", "a b", "a/b", "ä", "a\n", &"x".repeat(65)] {
            assert!(PrincipalName::try_from(bad.to_owned()).is_err(), "{bad:?}");
        }
    }
}
