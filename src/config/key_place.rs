//! Where a key lies: in a file, or in a credential that systemd hands to one service alone.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use zeroize::Zeroizing;

use crate::sys::host;
use crate::sys::trusted_file::{self, TrustedFileError};

/// Where systemd says that it has put a service's credentials.
const HANDED: &str = "CREDENTIALS_DIRECTORY";
/// Where systemd looks for them (`LoadCredential=` without a path), and so does root outside of any service.
const STORES: [&str; 3] = ["/etc/credstore", "/run/credstore", "/usr/lib/credstore"];
/// What stands before a credential's name.
const CREDENTIAL: &str = "credential:";

/// Where a key lies.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum KeyPlace {
    /// In a file, which the process itself must be able to read.
    File(PathBuf),
    /// In a credential of that name: the file is root's alone, and systemd shows its content to the one service.
    Credential(String),
}

/// What is written is no place for a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoPlace {
    /// A relative path.
    #[error("{0:?} is neither an absolute path nor credential:NAME")]
    Relative(String),
    /// A name that no credential can have.
    #[error("{0:?} is no name of a credential: letters, digits, `.`, `-` and `_`, beginning with a letter")]
    Name(String),
}

impl TryFrom<String> for KeyPlace {
    type Error = NoPlace;

    fn try_from(written: String) -> Result<Self, NoPlace> {
        match written.strip_prefix(CREDENTIAL) {
            Some(name) if is_name(name) => Ok(Self::Credential(name.to_owned())),
            Some(name) => Err(NoPlace::Name(name.to_owned())),
            None if Path::new(&written).is_absolute() => Ok(Self::File(written.into())),
            None => Err(NoPlace::Relative(written)),
        }
    }
}

fn is_name(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
    name.len() <= 64
        && name.bytes().all(is_plain)
        && name.as_bytes().first().is_some_and(u8::is_ascii_alphabetic)
}

impl fmt::Display for KeyPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Credential(name) => write!(f, "{CREDENTIAL}{name}"),
        }
    }
}

impl KeyPlace {
    /// Which file that is for this process: what its service was handed, or else, for root, what would be.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.path_by(std::env::var_os(HANDED).map(PathBuf::from))
    }

    fn path_by(&self, handed: Option<PathBuf>) -> PathBuf {
        match (self, handed) {
            (Self::File(path), _) => path.clone(),
            (Self::Credential(name), Some(directory)) => directory.join(name),
            (Self::Credential(_), None) => self.source(),
        }
    }

    /// Which file root keeps the key in: for a credential the first that systemd would find, or where one is to be made.
    #[must_use]
    pub fn source(&self) -> PathBuf {
        match self {
            Self::File(path) => path.clone(),
            Self::Credential(name) => {
                let [first, ..] = STORES;
                let all = STORES.map(|store| host::prefixed(store).join(name));
                all.into_iter().find(|path| path.exists()).unwrap_or_else(|| host::prefixed(first).join(name))
            }
        }
    }

    /// Reads a key that nobody else may read.
    ///
    /// # Errors
    /// When it is missing, or others could read or have written it.
    pub fn read(&self, max_bytes: usize) -> Result<Zeroizing<Vec<u8>>, TrustedFileError> {
        let path = self.path();
        let read = match self {
            Self::File(_) => trusted_file::read_secret(&path, max_bytes),
            Self::Credential(_) => trusted_file::read_credential(&path, max_bytes),
        };
        read.map(Zeroizing::new)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn place(written: &str) -> Result<KeyPlace, String> {
        KeyPlace::try_from(written.to_owned()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_key_is_an_absolute_path_or_the_name_of_a_credential() {
        assert_eq!(place("/a/b.key"), Ok(KeyPlace::File("/a/b.key".into())));
        assert_eq!(place("credential:reeve.grant"), Ok(KeyPlace::Credential("reeve.grant".to_owned())));
        for wrong in [
            "grant.key",
            "",
            "credential:",
            "credential:../x",
            "credential:a/b",
            "credential:.x",
            "credential:a b",
        ] {
            let refused = place(wrong).unwrap_err();
            assert!(refused.contains("credential"), "{wrong}: {refused}");
        }
    }

    #[test]
    fn a_service_has_what_systemd_handed_it_and_nothing_else() {
        let credential = place("credential:reeve.grant").unwrap();
        assert_eq!(
            credential.path_by(Some("/run/credentials/x.service".into())),
            Path::new("/run/credentials/x.service/reeve.grant")
        );
        assert_eq!(credential.path_by(None), Path::new("/etc/credstore/reeve.grant"));
        let file = place("/a/b.key").unwrap();
        assert_eq!(file.path_by(Some("/run/credentials/x.service".into())), Path::new("/a/b.key"));
    }

    #[test]
    fn what_systemd_shows_by_an_access_list_is_read_and_what_everybody_may_read_is_not() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().canonicalize().unwrap().join("key");
        std::fs::write(&path, "secret").unwrap();
        let mode = |mode: u32| {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            trusted_file::read_credential(&path, 64)
        };
        assert_eq!(mode(0o400).unwrap(), b"secret");
        assert_eq!(mode(0o440).unwrap(), b"secret");
        assert!(mode(0o444).unwrap_err().to_string().contains("others may read it"));
        assert!(mode(0o460).unwrap_err().to_string().contains("others may write it"));
    }
}
