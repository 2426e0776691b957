//! `secrets.toml`: which vaults there are, and as whom they are asked.

mod examine;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use url::Url;

use crate::config::{self, ConfigError, did_you_mean};
use crate::secret::{Alias, FetchedFolder, Reference, VaultReference};
use examine::{ExamineAsWritten, TrialAsWritten};
pub use examine::{ExamineSettings, Trial};

/// How long one answer may be waited for: everything that is fetched is told of within one time, which no answer may use up.
const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(30);

/// How secrets are fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VaultsConfig {
    /// Where they are put.
    pub folder: FetchedFolder,
    /// How Azure is asked.
    pub azure: AzureSettings,
    /// The vaults' addresses.
    pub vaults: BTreeMap<Alias, Url>,
    /// How the host's identity is examined.
    pub examine: ExamineSettings,
}

/// As whom Azure is asked, and how long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AzureSettings {
    /// What is tried, in this order.
    pub credentials: Vec<CredentialKind>,
    /// The client id of a managed identity that the host was assigned, where it has several or none of its own.
    pub client_id: Option<String>,
    /// Where a service principal's own secret is.
    pub client_secret: Option<Reference>,
    /// Where its certificate with its key is, which takes the place of a secret.
    pub client_certificate: Option<Reference>,
    /// Who says who we are.
    pub authority: Url,
    /// The authorities that servers' certificates may be from.
    pub ca: PathBuf,
    /// How long one secret may take, with all that is tried for it.
    pub patience: Duration,
}

/// A way to say who we are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CredentialKind {
    /// A token of the platform's in a file, named by the environment.
    Workload,
    /// The machine's identity, from Azure's instance metadata service.
    Managed,
    /// A service principal, named by the environment.
    Environment,
    /// Whoever is logged in to the Azure CLI: for developers.
    Cli,
}

impl CredentialKind {
    /// What people call it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Workload => "workload identity",
            Self::Managed => "managed identity",
            Self::Environment => "service principal of the environment",
            Self::Cli => "Azure CLI",
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AsWritten {
    #[serde(default = "directory")]
    directory: PathBuf,
    #[serde(default = "user")]
    user: String,
    #[serde(default)]
    azure: AzureAsWritten,
    #[serde(default)]
    examine: ExamineAsWritten,
    #[serde(default)]
    vault: BTreeMap<String, VaultAsWritten>,
}

/// `[azure]`, as written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AzureAsWritten {
    credentials: Option<Vec<CredentialKind>>,
    client_id: Option<String>,
    client_secret: Option<Reference>,
    client_certificate: Option<Reference>,
    authority: String,
    ca: PathBuf,
    patience: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct VaultAsWritten {
    url: String,
    id: Option<String>,
    canary: Option<String>,
    #[serde(default)]
    forbidden: Vec<String>,
}

fn directory() -> PathBuf {
    PathBuf::from("/run/reeve-secrets")
}

fn user() -> String {
    "reeve-secrets".to_owned()
}

impl Default for AzureAsWritten {
    fn default() -> Self {
        Self {
            credentials: None,
            client_id: None,
            client_secret: None,
            client_certificate: None,
            authority: "https://login.microsoftonline.com".to_owned(),
            ca: PathBuf::from("/etc/ssl/certs/ca-certificates.crt"),
            patience: "20s".to_owned(),
        }
    }
}

impl VaultsConfig {
    /// Reads the file.
    ///
    /// # Errors
    /// When it is not to be trusted, or something in it is wrong.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        Self::parse(&path.display().to_string(), &config::read_text(path)?)
    }

    /// The configuration that a text stands for.
    ///
    /// # Errors
    /// When something in it is wrong.
    pub fn parse(label: &str, text: &str) -> Result<Self, ConfigError> {
        let written: AsWritten = config::parse(label, text)?;
        written.meant().map_err(|problem| ConfigError::in_file(label, problem))
    }

    /// The address of the vault that a reference means.
    ///
    /// # Errors
    /// When there is none of that name, or it names none and there is not exactly one.
    pub fn address(&self, reference: &VaultReference) -> Result<&Url, String> {
        match reference.alias() {
            Some(alias) => self.vaults.get(alias).ok_or_else(|| {
                let nearest = did_you_mean(alias.as_str(), self.vaults.keys().map(Alias::as_str));
                format!("secrets.toml has no [vault.{alias}]{nearest}")
            }),
            None => match self.vaults.values().collect::<Vec<_>>().as_slice() {
                [only] => Ok(only),
                [] => Err("secrets.toml has no [vault.NAME]".to_owned()),
                _several => {
                    Err("secrets.toml has several vaults; write which, as in @kv:VAULT/NAME".to_owned())
                }
            },
        }
    }
}

impl AsWritten {
    fn meant(self) -> Result<VaultsConfig, String> {
        let (mut vaults, mut trials) = (BTreeMap::new(), BTreeMap::new());
        for (name, vault) in self.vault {
            let alias: Alias =
                name.parse().map_err(|_none| format!("vault.{name}: a name is 1 to 64 of a-z 0-9 -"))?;
            let url = server_address(&vault.url).map_err(|problem| format!("vault.{name}.url: {problem}"))?;
            let VaultAsWritten { id, canary, forbidden, .. } = vault;
            let trial = TrialAsWritten { id, canary, forbidden }.meant(&alias)?;
            trials.insert(alias.clone(), trial);
            vaults.insert(alias, url);
        }
        if !self.directory.is_absolute() {
            return Err("directory: is not an absolute path".to_owned());
        }
        let folder = FetchedFolder { path: self.directory, user: self.user };
        Ok(VaultsConfig { folder, azure: self.azure.meant()?, vaults, examine: self.examine.meant(trials)? })
    }
}

/// What is tried where nothing is said. The CLI starts a program that somebody else installed: only where it is asked for.
const CHAIN: [CredentialKind; 3] =
    [CredentialKind::Workload, CredentialKind::Managed, CredentialKind::Environment];

impl AzureAsWritten {
    /// What is meant, for who only reads: one way after the other may be tried.
    ///
    /// # Errors
    /// Says which key is wrong, and how.
    pub fn meant(mut self) -> Result<AzureSettings, String> {
        let credentials = self.credentials.take().unwrap_or_else(|| CHAIN.to_vec());
        if credentials.is_empty() {
            return Err("azure.credentials: without any, nobody can be asked".to_owned());
        }
        self.known_by(credentials)
    }

    /// What is meant, for who acts or is paid for: as whom is said, and never found out.
    ///
    /// # Errors
    /// Says which key is wrong, and how.
    pub fn meant_for_one(mut self) -> Result<AzureSettings, String> {
        match self.credentials.take().unwrap_or_default().as_slice() {
            [one] => self.known_by(vec![*one]),
            _none_or_several => Err(
                "azure.credentials: has to name the one by which this host is meant to be known, such as [\"managed\"]"
                    .to_owned(),
            ),
        }
    }

    fn known_by(self, credentials: Vec<CredentialKind>) -> Result<AzureSettings, String> {
        if !self.ca.is_absolute() {
            return Err("azure.ca: is not an absolute path".to_owned());
        }
        for (key, own) in [("secret", &self.client_secret), ("certificate", &self.client_certificate)] {
            if matches!(own, Some(Reference::Vault(_))) {
                return Err(format!("azure.client_{key}: is in a vault, which it is to open"));
            }
        }
        if self.client_secret.is_some() && self.client_certificate.is_some() {
            return Err("azure.client_secret and azure.client_certificate: one of them".to_owned());
        }
        let patience = humantime::parse_duration(&self.patience).ok();
        let patience = patience.filter(|patience| (SHORTEST..=LONGEST).contains(patience));
        Ok(AzureSettings {
            credentials,
            client_id: self.client_id,
            client_secret: self.client_secret,
            client_certificate: self.client_certificate,
            authority: server_address(&self.authority)
                .map_err(|problem| format!("azure.authority: {problem}"))?,
            ca: self.ca,
            patience: patience.ok_or("azure.patience: is not from 1s to 30s")?,
        })
    }
}

/// A server's address over https, and nothing behind it.
///
/// # Errors
/// Says what it is not.
pub fn server_address(text: &str) -> Result<Url, &'static str> {
    let url = Url::parse(text).map_err(|_none| "is no address such as https://NAME.vault.azure.net")?;
    let is_plain = url.path() == "/"
        && url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none();
    if url.scheme() != "https" || url.domain().is_none() {
        return Err("is not `https://` and a name");
    }
    if is_plain { Ok(url) } else { Err("has something besides the server's name and port") }
}

#[cfg(test)]
mod tests;
