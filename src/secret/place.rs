//! The places that secrets come from, behind one question: what does this reference stand for.

use std::fmt;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::{CredentialName, Fetched, FetchedFolder, MAX_BYTES, Reference, Secret, VaultReference};
use crate::config::key_place::KeyPlace;
use crate::sys::trusted_file::{self, TrustedFileError};

/// A process that needs secrets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Consumer {
    /// `reeve-gate`.
    Gate,
    /// `reeved`.
    Front,
    /// `reeve alarms`.
    Alarms,
    /// `reeve traces`.
    Traces,
    /// `reeve bridge`.
    Bridge,
    /// `reeve witness`.
    Witness,
    /// `reeve secret fetch`, which needs one to fetch the others.
    Fetcher,
}

/// Where a process finds secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Places {
    consumer: Consumer,
    /// What was fetched from vaults.
    pub fetched: FetchedFolder,
}

/// `[secrets]`, as written.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlacesAsWritten {
    directory: Option<PathBuf>,
    user: Option<String>,
}

/// A secret, and where it is from.
#[derive(Debug)]
pub struct Found {
    /// Its value.
    pub value: Secret,
    /// What kind of place it was in.
    pub source: Source,
}

/// A kind of place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// A file.
    File,
    /// A systemd credential.
    Credential,
    /// An Azure Key Vault.
    Vault,
}

/// A secret cannot be had. It names the reference, and never anything of the value.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// Its file is missing, or others could have written it.
    #[error("{reference}: cannot be read")]
    File {
        /// What was asked for.
        reference: Reference,
        /// Why not.
        #[source]
        source: TrustedFileError,
    },
    /// Its file cannot be looked at.
    #[error("{reference}: cannot be looked at")]
    Unseen {
        /// What was asked for.
        reference: Reference,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// Whoever is on the host may read it.
    #[error("{0}: everybody may read this secret: run chmod o= on it")]
    Readable(Reference),
    /// There is nothing in it.
    #[error("{0}: is empty, and an empty secret keeps nobody out")]
    Empty(Reference),
    /// A vault's, which was not fetched.
    #[error("{reference}: there is no value of it from its vault: {why}")]
    NotFetched {
        /// What was asked for.
        reference: Reference,
        /// What whoever fetches tells of it: the vault, the credential that was tried, and Azure's own words.
        why: String,
    },
}

impl Consumer {
    /// For whom secrets are fetched.
    pub const FETCHED_FOR: [Self; 6] =
        [Self::Gate, Self::Front, Self::Alarms, Self::Traces, Self::Bridge, Self::Witness];

    /// What it is called where it is told who needs a secret.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Gate => "gate",
            Self::Front => "reeved",
            Self::Alarms => "alarms",
            Self::Traces => "traces",
            Self::Bridge => "bridge",
            Self::Witness => "witness",
            Self::Fetcher => "secrets",
        }
    }
}

impl PlacesAsWritten {
    /// What is meant, where a process runs as it is installed.
    ///
    /// # Errors
    /// Says which key is no absolute path.
    pub fn meant(self, consumer: Consumer) -> Result<Places, &'static str> {
        let path = self.directory.unwrap_or_else(|| PathBuf::from("/run/reeve-secrets"));
        if !path.is_absolute() {
            return Err("secrets.directory: is not an absolute path");
        }
        let user = self.user.unwrap_or_else(|| "reeve-secrets".to_owned());
        Ok(Places { consumer, fetched: FetchedFolder { path, user } })
    }
}

impl Places {
    /// The secret that a reference stands for, as it is now.
    ///
    /// # Errors
    /// When it is not there, others could have put it there, everybody may read it, or there is nothing in it.
    pub fn read(&self, reference: &Reference) -> Result<Found, SecretError> {
        let (value, source) = match reference {
            Reference::File(path) => (file(reference, path)?, Source::File),
            Reference::Credential(name) => (credential(reference, name)?, Source::Credential),
            Reference::Vault(vault) => (self.fetched(reference, vault)?, Source::Vault),
        };
        if value.is_empty() {
            return Err(SecretError::Empty(reference.clone()));
        }
        Ok(Found { value, source })
    }

    fn fetched(&self, reference: &Reference, vault: &VaultReference) -> Result<Secret, SecretError> {
        let path = self.fetched.path.join(self.consumer.name()).join(vault.file_name());
        match self.fetched.open(&path).and_then(|file| file.read(MAX_BYTES)) {
            Ok(bytes) => Ok(Secret::new(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Err(SecretError::NotFetched { reference: reference.clone(), why: self.why_not(reference) })
            }
            Err(source) => Err(SecretError::Unseen { reference: reference.clone(), source }),
        }
    }

    /// What is told of a secret that is not there.
    fn why_not(&self, reference: &Reference) -> String {
        let state = match self.fetched.state() {
            Ok(state) => state,
            Err(error) => return format!("{}: {error}", self.fetched.state_path().display()),
        };
        match state.of(&reference.to_string()) {
            Some(Fetched { problem: Some(problem), vault, credential, .. }) => {
                let vault = vault.as_deref().unwrap_or("no vault");
                let credential = credential.as_deref().unwrap_or("nobody");
                format!("{problem} ({vault} as {credential})")
            }
            Some(Fetched { consumers, .. }) => {
                format!("it was fetched for {} only; {FETCH}", consumers.join(" and "))
            }
            None if cfg!(feature = "azure") => format!("nothing has asked for it yet; {FETCH}"),
            None => "this build reads no Azure Key Vault: it takes one with the feature `azure`".to_owned(),
        }
    }
}

/// What brings it.
const FETCH: &str =
    "`systemctl restart reeve-secrets` does, and `systemctl enable` has it done at each start";

/// What systemd handed to this process's service, or, for root outside of it, what it would.
fn credential(reference: &Reference, name: &CredentialName) -> Result<Secret, SecretError> {
    let place = KeyPlace::Credential(name.as_str().to_owned());
    let trusted = |source| SecretError::File { reference: reference.clone(), source };
    let bytes = trusted_file::read_credential(&place.path(), MAX_BYTES).map_err(trusted)?;
    Ok(Secret::new(bytes).without_last_line_break())
}

/// The service's group may read a secret that root owns; the world may not.
fn file(reference: &Reference, path: &Path) -> Result<Secret, SecretError> {
    let trusted = |source| SecretError::File { reference: reference.clone(), source };
    let bytes = Secret::new(trusted_file::read(path, MAX_BYTES).map_err(trusted)?);
    let status = std::fs::metadata(path)
        .map_err(|source| SecretError::Unseen { reference: reference.clone(), source })?;
    if status.permissions().mode() & 0o007 != 0 {
        return Err(SecretError::Readable(reference.clone()));
    }
    Ok(bytes.without_last_line_break())
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::File => "file",
            Self::Credential => "credential",
            Self::Vault => "vault",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Stage {
        folder: tempfile::TempDir,
        places: Places,
    }

    impl Stage {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let me = nix::unistd::User::from_uid(nix::unistd::geteuid()).unwrap().unwrap().name;
            let written = PlacesAsWritten { directory: Some(folder.path().to_owned()), user: Some(me) };
            let places = written.meant(Consumer::Gate).unwrap();
            Self { folder, places }
        }

        fn put(&self, name: &str, text: &str, mode: u32) -> PathBuf {
            let path = self.folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            path
        }

        fn read(&self, reference: &str) -> Result<(String, Source), String> {
            match self.places.read(&reference.parse().unwrap()) {
                Ok(found) => Ok((found.value.expose_text().unwrap().to_owned(), found.source)),
                Err(error) => {
                    let told = format!("{error} {error:?}");
                    assert!(!told.contains("hunter2"), "{told}");
                    Err(error.to_string())
                }
            }
        }
    }

    #[test]
    fn a_file_of_one_line_is_a_secret_without_its_line_break() {
        let stage = Stage::new();
        let path = stage.put("smtp", "hunter2\n", 0o640);
        let from = |source| Ok(("hunter2".to_owned(), source));
        assert_eq!(stage.read(&path.display().to_string()), from(Source::File));
        assert_eq!(
            [Source::File, Source::Credential].map(|source| source.to_string()),
            ["file", "credential"]
        );
    }

    #[test]
    fn a_secret_that_everybody_may_read_or_write_or_that_is_empty_is_none() {
        let stage = Stage::new();
        stage.put("read", "hunter2", 0o644);
        stage.put("written", "hunter2", 0o660);
        stage.put("empty", "\n", 0o600);
        let refused = |name: &str, why: &str| {
            let path = stage.folder.path().join(name).display().to_string();
            assert_eq!(stage.read(&path).unwrap_err(), format!("{path}: {why}"));
        };
        refused("read", "everybody may read this secret: run chmod o= on it");
        refused("written", "cannot be read");
        refused("empty", "is empty, and an empty secret keeps nobody out");
        refused("missing", "cannot be read");
        assert_eq!(stage.read("credential:missing").unwrap_err(), "credential:missing: cannot be read");
    }

    #[test]
    fn a_link_to_somebody_elses_secret_is_not_followed() {
        let stage = Stage::new();
        let path = stage.put("key", "hunter2", 0o600);
        std::os::unix::fs::symlink(path, stage.folder.path().join("link")).unwrap();
        let link = stage.folder.path().join("link").display().to_string();
        assert_eq!(stage.read(&link).unwrap_err(), format!("{link}: cannot be read"));
    }

    #[test]
    fn a_vaults_secret_is_the_one_that_was_fetched_for_this_process() {
        let stage = Stage::new();
        for folder in ["gate", "reeved"] {
            std::fs::create_dir(stage.folder.path().join(folder)).unwrap();
        }
        stage.put("gate/main+smtp", "hunter2\n", 0o640);
        stage.put("reeved/tls", "hunter2", 0o640);
        stage.put("gate/empty", "", 0o640);
        assert_eq!(stage.read("@kv:main/smtp"), Ok(("hunter2\n".to_owned(), Source::Vault)));
        assert!(
            stage.read("@kv:tls").unwrap_err().starts_with("@kv:tls: there is no value of it from its vault")
        );
        assert!(stage.read("@kv:empty").unwrap_err().contains("is empty"));
    }

    #[test]
    fn what_was_not_fetched_is_an_error_that_names_vault_credential_and_azures_own_words() {
        let stage = Stage::new();
        let refusal = stage.read("@kv:smtp").unwrap_err();
        let wanted =
            if cfg!(feature = "azure") { "systemctl restart reeve-secrets" } else { "the feature `azure`" };
        assert!(refusal.contains(wanted), "{refusal}");
        let state = super::super::State {
            at: 1,
            secrets: vec![Fetched {
                reference: "@kv:smtp".to_owned(),
                consumers: vec!["gate".to_owned()],
                vault: Some("https://m.vault.azure.net/".to_owned()),
                credential: Some("managed identity".to_owned()),
                good_at: None,
                problem: Some("HTTP 403 Forbidden (ForbiddenByRbac)".to_owned()),
            }],
        };
        std::fs::create_dir(stage.folder.path().join("told")).unwrap();
        stage.put("told/state.json", &serde_json::to_string(&state).unwrap(), 0o644);
        assert_eq!(
            stage.read("@kv:smtp").unwrap_err(),
            "@kv:smtp: there is no value of it from its vault: HTTP 403 Forbidden (ForbiddenByRbac) \
             (https://m.vault.azure.net/ as managed identity)"
        );
    }

    #[test]
    fn a_link_in_the_place_of_a_fetched_secret_is_refused() {
        let stage = Stage::new();
        std::fs::create_dir(stage.folder.path().join("gate")).unwrap();
        let path = stage.put("key", "hunter2", 0o600);
        std::os::unix::fs::symlink(path, stage.folder.path().join("gate/smtp")).unwrap();
        assert_eq!(stage.read("@kv:smtp").unwrap_err(), "@kv:smtp: cannot be looked at");
    }

    #[test]
    fn places_are_those_of_an_installed_host_unless_it_is_said_otherwise() {
        let installed = PlacesAsWritten::default().meant(Consumer::Front).unwrap();
        assert_eq!(installed.fetched.path, Path::new("/run/reeve-secrets"));
        assert_eq!(installed.fetched.user, "reeve-secrets");
        let said =
            |text: &str| crate::config::parse::<PlacesAsWritten>("t", text).unwrap().meant(Consumer::Gate);
        let said_all = said("directory = \"/d\"\nuser = \"u\"\n").unwrap();
        assert_eq!(said_all.fetched, FetchedFolder { path: "/d".into(), user: "u".to_owned() });
        assert!(said("directory = \"d\"\n").is_err());
    }
}
