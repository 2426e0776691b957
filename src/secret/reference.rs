//! Where a secret is, as configuration writes it. What is none of the forms is refused, and never repeated: it may be the secret.

use std::fmt;
use std::path::{Component, Path, PathBuf};
use std::str::FromStr;

use serde::de::{self, Deserialize, Deserializer, Visitor};

use super::Source;
use crate::config::NOT_SHOWN;

/// How a reference to a vault begins.
const VAULT: &str = "@kv:";
/// How the name of a systemd credential begins.
const CREDENTIAL: &str = "credential:";
/// How long a vault's alias and a credential's name may be.
const LONGEST_NAME: usize = 64;
/// How long Key Vault lets a secret's name be.
const LONGEST_IN_VAULT: usize = 127;
/// A version, as Key Vault makes them: so many hexadecimal digits.
const VERSION: usize = 32;

/// Where a secret is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reference {
    /// A file that root, or this process's user, alone can write.
    File(PathBuf),
    /// A credential that systemd gave the unit.
    Credential(CredentialName),
    /// A secret in a vault.
    Vault(VaultReference),
}

/// `@kv:[alias/]name[/version]`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VaultReference {
    alias: Option<Alias>,
    name: String,
    version: Option<String>,
}

/// What a vault is called in configuration: 1 to 64 of `a-z 0-9 -`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Alias(String);

/// The name of a systemd credential: 1 to 64 letters, digits and `_ . -`, not beginning with a sign.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CredentialName(String);

/// A text that names no place of a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAReference {
    /// None of the forms at all.
    #[error(
        "says no place of a secret; write the path of a file, `credential:NAME` or `@kv:[VAULT/]NAME[/VERSION]`, \
         and never the secret itself"
    )]
    Form,
    /// It begins as a vault's.
    #[error(
        "is no reference to a vault: `@kv:[VAULT/]NAME[/VERSION]`, with VAULT of a-z 0-9 -, NAME of letters, digits \
         and -, and VERSION of 32 hexadecimal digits"
    )]
    Vault,
    /// It begins as a credential's.
    #[error("is no name of a credential: 1 to 64 letters, digits and _ . -, not beginning with a sign")]
    Credential,
    /// A path that leads somewhere else than it says.
    #[error("is no absolute path without `..`")]
    Path,
}

impl Reference {
    /// What kind of place it names.
    #[must_use]
    pub fn source(&self) -> Source {
        match self {
            Self::File(_) => Source::File,
            Self::Credential(_) => Source::Credential,
            Self::Vault(_) => Source::Vault,
        }
    }
}

impl VaultReference {
    /// A secret's newest version in a vault.
    ///
    /// # Errors
    /// When the name is none.
    pub fn newest(alias: Option<Alias>, name: &str) -> Result<Self, NotAReference> {
        if is_secret_name(name) {
            return Ok(Self { alias, name: name.to_owned(), version: None });
        }
        Err(NotAReference::Vault)
    }

    /// The vault's alias, when it is not the only one.
    #[must_use]
    pub fn alias(&self) -> Option<&Alias> {
        self.alias.as_ref()
    }

    /// The secret's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The version that is meant, when it is not the newest.
    #[must_use]
    pub fn version(&self) -> Option<&str> {
        self.version.as_deref()
    }

    /// A name for a file of it. No part has a `+`, so two references have two names.
    #[must_use]
    pub fn file_name(&self) -> String {
        self.parts().join("+")
    }

    fn parts(&self) -> Vec<&str> {
        let alias = self.alias.iter().map(|alias| alias.0.as_str());
        alias.chain([self.name.as_str()]).chain(self.version.as_deref()).collect()
    }
}

impl Alias {
    /// The alias.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl CredentialName {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Reference {
    type Err = NotAReference;

    fn from_str(text: &str) -> Result<Self, NotAReference> {
        if text.starts_with(VAULT) {
            return text.parse().map(Self::Vault);
        }
        if let Some(name) = text.strip_prefix(CREDENTIAL) {
            return name.parse().map(Self::Credential);
        }
        if text.starts_with('/') {
            return path(text).map(Self::File);
        }
        Err(NotAReference::Form)
    }
}

impl FromStr for VaultReference {
    type Err = NotAReference;

    fn from_str(text: &str) -> Result<Self, NotAReference> {
        let parts: Vec<&str> = text.strip_prefix(VAULT).ok_or(NotAReference::Vault)?.split('/').collect();
        let (alias, name, version) = match parts.as_slice() {
            [name] => (None, *name, None),
            // A vault's secret may be called like a version, and is then named with its vault and its version.
            [name, version] if is_version(version) => (None, *name, Some(*version)),
            [alias, name] => (Some(*alias), *name, None),
            [alias, name, version] => (Some(*alias), *name, Some(*version)),
            _none_or_more => return Err(NotAReference::Vault),
        };
        if !is_secret_name(name) || !version.is_none_or(is_version) {
            return Err(NotAReference::Vault);
        }
        Ok(Self {
            alias: alias.map(str::parse).transpose()?,
            name: name.to_owned(),
            version: version.map(str::to_owned),
        })
    }
}

impl FromStr for Alias {
    type Err = NotAReference;

    fn from_str(text: &str) -> Result<Self, NotAReference> {
        let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if (1..=LONGEST_NAME).contains(&text.len()) && text.bytes().all(fits) {
            return Ok(Self(text.to_owned()));
        }
        Err(NotAReference::Vault)
    }
}

impl FromStr for CredentialName {
    type Err = NotAReference;

    fn from_str(text: &str) -> Result<Self, NotAReference> {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
        let begins_well = text.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
        if begins_well && text.len() <= LONGEST_NAME && text.bytes().all(fits) {
            return Ok(Self(text.to_owned()));
        }
        Err(NotAReference::Credential)
    }
}

fn is_secret_name(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    (1..=LONGEST_IN_VAULT).contains(&text.len()) && text.bytes().all(fits)
}

fn is_version(text: &str) -> bool {
    text.len() == VERSION && text.bytes().all(|byte| byte.is_ascii_hexdigit() && !byte.is_ascii_uppercase())
}

fn path(text: &str) -> Result<PathBuf, NotAReference> {
    let path = Path::new(text);
    let is_plain = |part: Component<'_>| matches!(part, Component::RootDir | Component::Normal(_));
    if path.components().all(is_plain) && path.file_name().is_some() && !text.contains(char::is_control) {
        return Ok(path.to_owned());
    }
    Err(NotAReference::Path)
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Credential(name) => write!(f, "{CREDENTIAL}{}", name.0),
            Self::Vault(reference) => write!(f, "{reference}"),
        }
    }
}

impl fmt::Display for VaultReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{VAULT}{}", self.parts().join("/"))
    }
}

impl fmt::Display for Alias {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Reference {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Written)
    }
}

/// An error of which the line that it is about is shown without what was written.
fn refused<E: de::Error>(problem: NotAReference) -> E {
    E::custom(format!("{NOT_SHOWN}{problem}"))
}

/// serde's own words for a wrong type repeat the value, which may be a secret, so there is an answer to each type here.
struct Written;

impl<'de> Visitor<'de> for Written {
    type Value = Reference;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("where a secret is")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Reference, E> {
        text.parse().map_err(refused)
    }

    fn visit_bool<E: de::Error>(self, _value: bool) -> Result<Reference, E> {
        Err(refused(NotAReference::Form))
    }

    fn visit_i64<E: de::Error>(self, _value: i64) -> Result<Reference, E> {
        Err(refused(NotAReference::Form))
    }

    fn visit_u64<E: de::Error>(self, _value: u64) -> Result<Reference, E> {
        Err(refused(NotAReference::Form))
    }

    fn visit_f64<E: de::Error>(self, _value: f64) -> Result<Reference, E> {
        Err(refused(NotAReference::Form))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VERSION: &str = "0123456789abcdef0123456789abcdef";

    fn vault(text: &str) -> (Option<String>, String, Option<String>) {
        let reference: VaultReference = text.parse().unwrap();
        assert_eq!(reference.to_string(), text);
        (reference.alias.map(|alias| alias.0), reference.name, reference.version)
    }

    #[test]
    fn a_reference_to_a_vault_is_read_whole_and_written_back_the_same() {
        let owned = |text: &str| text.to_owned();
        assert_eq!(vault("@kv:smtp"), (None, owned("smtp"), None));
        assert_eq!(vault("@kv:main/SMTP-2"), (Some(owned("main")), owned("SMTP-2"), None));
        assert_eq!(vault(&format!("@kv:smtp/{VERSION}")), (None, owned("smtp"), Some(owned(VERSION))));
        assert_eq!(
            vault(&format!("@kv:main/{VERSION}/{VERSION}")),
            (Some(owned("main")), owned(VERSION), Some(owned(VERSION)))
        );
    }

    #[test]
    fn nothing_but_the_whole_of_a_reference_is_one() {
        let long = format!("@kv:{}", "a".repeat(128));
        for text in [
            "@kv:",
            "@kv:/a",
            "@kv:a/",
            "@kv:a/b/c",
            "@kv:a//b",
            "@kv:a b",
            "@kv:a\n",
            " @kv:a",
            "@kv:a_b",
            "@kv:A/b",
            "@kv:ä",
            "@kv:../b",
            "@kv:a/../b",
            "x@kv:a",
            "@KV:a",
            "@kv:a/b/c/d",
            "@kv:@kv:a",
            "@kv:a?b",
            "@kv:a%2fb",
            &long,
        ] {
            assert!(text.parse::<Reference>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_file_and_a_credential_are_named_plainly() {
        assert_eq!("/etc/reeve/key".parse(), Ok(Reference::File("/etc/reeve/key".into())));
        let credential: Reference = "credential:smtp.key".parse().unwrap();
        assert_eq!(credential, Reference::Credential(CredentialName("smtp.key".to_owned())));
        assert_eq!(credential.to_string(), "credential:smtp.key");
        for text in
            ["/", "/etc/../key", "/a\nb", "credential:", "credential:../a", "credential:.a", "credential:a/b"]
        {
            assert!(text.parse::<Reference>().is_err(), "{text:?}");
        }
    }

    #[derive(Debug, serde::Deserialize)]
    struct Shape {
        #[allow(dead_code, reason = "what is read is not what this looks at")]
        key: Reference,
    }

    #[test]
    fn a_plain_secret_in_configuration_is_refused_and_not_repeated() {
        for written in
            ["\"hunter2secret\"", "731731", "731.5", "\"@kv:hunter2 secret\"", "true", "\"credential:-731\""]
        {
            let error =
                crate::config::parse::<Shape>("gate.toml", &format!("key = {written}\n")).unwrap_err();
            let told = format!("{error} {error:?}");
            assert!(!told.contains("hunter2") && !told.contains("731"), "{told}");
            assert!(told.starts_with("gate.toml:1:7: "), "{told}");
        }
    }

    #[test]
    fn two_references_never_share_a_file() {
        let name = |text: &str| text.parse::<VaultReference>().unwrap().file_name();
        assert_eq!(name("@kv:a/b"), "a+b");
        assert_ne!(name("@kv:a-b"), name("@kv:a/b"));
        assert!(!name(&format!("@kv:a/b/{VERSION}")).contains('/'));
    }
}
