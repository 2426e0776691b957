//! The name of a declared tool.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::operation::Invalid;

/// What `list` acts on; no tool has this name.
pub(in crate::operation) const DECLARED: &str = "declared";

/// A tool by the name of its declaration's file: never a path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ToolName(String);

impl ToolName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for ToolName {
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
        if name == DECLARED {
            return Err(Invalid::here(format!("is not {DECLARED}, which stands for all of them")));
        }
        Ok(Self(name))
    }
}

impl From<ToolName> for String {
    fn from(name: ToolName) -> Self {
        name.0
    }
}

impl fmt::Display for ToolName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
