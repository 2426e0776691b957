//! The properties that may be set, and to what: those that cannot open a way into the host.

use serde::{Deserialize, Serialize};

use crate::operation::Invalid;

/// What a property takes.
enum Takes {
    /// One of these words.
    Words(&'static [&'static str]),
    /// A number of bytes, or `none`.
    Size,
    /// A count, or `none`.
    Count,
}

const ON_OFF: Takes = Takes::Words(&["on", "off"]);
const CACHE: Takes = Takes::Words(&["all", "metadata", "none"]);

/// Left out on purpose: `mountpoint`, `sharenfs`, `sharesmb`, `overlay`, keys, and `on` for `devices`, `exec`, `setuid`,
/// each of which can put foreign files or programs where root meets them.
const SETTABLE: &[(&str, Takes)] = &[
    ("atime", ON_OFF),
    ("canmount", Takes::Words(&["on", "off", "noauto"])),
    ("compression", Takes::Words(&["on", "off", "lz4", "zstd", "zstd-fast", "gzip", "zle", "lzjb"])),
    ("copies", Takes::Words(&["1", "2", "3"])),
    ("devices", Takes::Words(&["off"])),
    ("exec", Takes::Words(&["off"])),
    ("filesystem_limit", Takes::Count),
    ("logbias", Takes::Words(&["latency", "throughput"])),
    ("primarycache", CACHE),
    ("quota", Takes::Size),
    ("readonly", ON_OFF),
    ("recordsize", Takes::Size),
    ("refquota", Takes::Size),
    ("refreservation", Takes::Size),
    ("relatime", ON_OFF),
    ("reservation", Takes::Size),
    ("secondarycache", CACHE),
    ("setuid", Takes::Words(&["off"])),
    ("snapdir", Takes::Words(&["hidden", "visible"])),
    ("snapshot_limit", Takes::Count),
    ("sync", Takes::Words(&["standard", "always"])),
    ("volsize", Takes::Size),
    ("xattr", Takes::Words(&["on", "off", "sa", "dir"])),
];

/// A property to read: a native one or a user property (`module:name`).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PropertyName(String);

/// A property with the value that it shall have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Setting {
    /// A name of the list above, or a user property.
    pub(super) name: String,
    /// A value that the property takes.
    pub(super) value: String,
}

impl PropertyName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for PropertyName {
    type Error = Invalid;

    fn try_from(name: String) -> Result<Self, Invalid> {
        let is_native = (1..=64).contains(&name.len())
            && name.starts_with(|c: char| c.is_ascii_lowercase())
            && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'@'));
        if is_native || is_user_property(&name) {
            return Ok(Self(name));
        }
        Err(Invalid::here("is no ZFS property: native ones are a-z 0-9 _, user ones module:name"))
    }
}

impl From<PropertyName> for String {
    fn from(name: PropertyName) -> Self {
        name.0
    }
}

impl Setting {
    /// Checks the name against the list and the value against what the property takes.
    pub fn new(name: String, value: String) -> Result<Self, Invalid> {
        if is_user_property(&name) {
            check_user_value(&value)?;
            return Ok(Self { name, value });
        }
        let Some((_, takes)) = SETTABLE.iter().find(|(settable, _)| *settable == name) else {
            return Err(Invalid::at(
                "/property",
                format!("{name:?} is not a property that Reeve sets: {}", settable()),
            ));
        };
        takes.check(&value)?;
        Ok(Self { name, value })
    }

    /// The property.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The value as `zfs set` takes it.
    pub fn value(&self) -> &str {
        &self.value
    }

    /// `name=value`.
    pub fn assignment(&self) -> String {
        format!("{}={}", self.name, self.value)
    }
}

/// The native properties that may be set, for messages and the catalogue.
pub fn settable() -> String {
    SETTABLE.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
}

impl Takes {
    fn check(&self, value: &str) -> Result<(), Invalid> {
        let (is_fine, wanted) = match self {
            Self::Words(words) => (words.contains(&value), words.join(", ")),
            Self::Size => (value == "none" || is_size(value), "bytes (10485760, 10M) or none".to_owned()),
            Self::Count => (value == "none" || is_number(value), "a number or none".to_owned()),
        };
        if is_fine {
            return Ok(());
        }
        Err(Invalid::at("/value", format!("{value:?} is not what this property takes: {wanted}")))
    }
}

fn is_number(value: &str) -> bool {
    (1..=19).contains(&value.len()) && value.bytes().all(|b| b.is_ascii_digit())
}

fn is_size(value: &str) -> bool {
    is_number(value.strip_suffix(['K', 'M', 'G', 'T', 'P']).unwrap_or(value))
}

fn is_user_property(name: &str) -> bool {
    let is_plain = name
        .bytes()
        .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b':' | b'-' | b'.' | b'_'));
    is_plain && name.len() <= 255 && name.find(':').is_some_and(|colon| colon > 0) && !name.starts_with('-')
}

fn check_user_value(value: &str) -> Result<(), Invalid> {
    if value.len() <= 1024 && value.bytes().all(|b| b.is_ascii_graphic()) {
        return Ok(());
    }
    Err(Invalid::at("/value", "of a user property is at most 1024 printable ASCII characters without blanks"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(name: &str, value: &str) -> Result<Setting, Invalid> {
        Setting::new(name.to_owned(), value.to_owned())
    }

    #[test]
    fn listed_properties_take_their_values() {
        for (name, value) in
            [("quota", "10M"), ("quota", "none"), ("compression", "zstd"), ("com.x:y", "1=2")]
        {
            assert_eq!(set(name, value).unwrap().assignment(), format!("{name}={value}"));
        }
    }

    #[test]
    fn properties_that_open_the_host_and_values_that_do_not_fit_are_refused() {
        for (name, value) in [
            ("mountpoint", "/etc"),
            ("sharenfs", "on"),
            ("setuid", "on"),
            ("exec", "on"),
            ("devices", "on"),
            ("nosuch", "1"),
            ("quota", "bogus"),
            ("quota", "-1"),
            ("quota", ""),
            ("compression", "on off"),
            ("-o", "x"),
            (":y", "1"),
            ("com.x:y", "a b"),
            ("com.x:y", "a\n"),
            ("sync", "disabled"),
            ("encryption", "off"),
        ] {
            assert!(set(name, value).is_err(), "{name}={value}");
        }
    }
}
