//! Names that are checked when they are made: whoever holds one need not look at it again.

use crate::operation::Invalid;

/// A type for names that a function takes: text in JSON, refused there when it is none.
macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident, $check:path) => {
        $(#[$doc])*
        #[derive(
            Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
        )]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = $crate::operation::Invalid;

            fn try_from(name: String) -> Result<Self, Self::Error> {
                $check(&name)?;
                Ok(Self(name))
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

pub(in crate::operation) use name_type;

/// A word that root's configuration gives to something: never a path, never an option.
pub(in crate::operation) fn check_word(name: &str) -> Result<(), Invalid> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    if name.is_empty() || name.len() > 64 {
        return Err(Invalid::here("is from 1 to 64 characters"));
    }
    if !name.bytes().all(plain) || !name.starts_with(|first: char| first.is_ascii_alphanumeric()) {
        return Err(Invalid::here(
            "is made of letters, digits, _ . and -, and begins with none of the signs",
        ));
    }
    Ok(())
}
