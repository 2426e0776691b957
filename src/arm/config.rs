//! `azure.toml`: which subscriptions there are, by which names, and as whom Azure is asked.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use url::Url;
use uuid::Uuid;

use super::address::{self, FirewallSettings};
use super::{ArmError, Command, Trouble};
use crate::config::{self, ConfigError, did_you_mean};
use crate::secret::Reference;
use crate::vault::examine::Acting;
use crate::vault::scope::Scope;
use crate::vault::{AzureAsWritten, AzureSettings, CredentialKind, server_address};

/// What Azure's own environment variables may say.
const VARIABLES: [&str; 3] = ["AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_FEDERATED_TOKEN_FILE"];

/// Where Azure is, and which of it may be asked about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArmConfig {
    /// Azure Resource Manager.
    pub manager: Url,
    /// The subscriptions' ids, by the names that operations have for them.
    pub subscriptions: BTreeMap<String, Uuid>,
    /// The tag by which a resource says that it is this host's; without it nothing is deleted.
    pub claims: Option<ClaimTag>,
    /// Whom vaults' firewalls may be opened to; without it to nobody.
    pub firewall: Option<FirewallSettings>,
    /// The versions by which kinds of resources are spoken to, where Azure is not to be asked for them.
    pub versions: BTreeMap<String, String>,
    /// As whom Azure is asked.
    pub azure: AzureSettings,
    /// Where it may have roles; anywhere in the subscriptions when nothing is said.
    pub scopes: Vec<Scope>,
    /// What would else stand in the environment, of which a wrapper hands on none.
    pub environment: BTreeMap<String, String>,
}

/// A tag and its value.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClaimTag {
    /// Its name.
    #[serde(default = "claim_tag")]
    pub tag: String,
    /// What it says of what is this host's.
    pub value: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AsWritten {
    #[serde(default = "manager")]
    manager: String,
    subscriptions: BTreeMap<String, Uuid>,
    claims: Option<ClaimTag>,
    firewall: Option<address::AsWritten>,
    #[serde(default)]
    versions: BTreeMap<String, String>,
    #[serde(default)]
    azure: AzureAsWritten,
    #[serde(default)]
    examine: ExamineAsWritten,
    #[serde(default)]
    environment: BTreeMap<String, String>,
}

fn claim_tag() -> String {
    "reeve-host".to_owned()
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct ExamineAsWritten {
    scopes: Vec<String>,
}

fn manager() -> String {
    "https://management.azure.com".to_owned()
}

impl ArmConfig {
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

    /// What is looked at of its identity.
    #[must_use]
    pub fn acting(&self) -> Acting {
        let subscription = |id: &Uuid| format!("/subscriptions/{id}").parse::<Scope>();
        let named =
            self.subscriptions.iter().filter_map(|(name, id)| Some((name.clone(), subscription(id).ok()?)));
        Acting { subscriptions: named.collect(), scopes: self.scopes.clone(), patience: self.azure.patience }
    }

    /// The path of what a command is about.
    ///
    /// # Errors
    /// When root's configuration has no such subscription.
    pub fn path(&self, command: &Command) -> Result<String, ArmError> {
        let name = command.subscription();
        let Some(id) = self.subscriptions.get(name) else {
            let nearest = did_you_mean(name, self.subscriptions.keys().map(String::as_str));
            let why = format!("azure.toml has no subscription {name}{nearest}");
            return Err(ArmError::new(Trouble::NotFound, why));
        };
        Ok(format!("/subscriptions/{id}{}", command.below()))
    }
}

impl ClaimTag {
    fn problem(&self) -> Option<String> {
        // What Azure takes.
        let is_bad = |text: &str, most: usize| {
            text.is_empty() || text.chars().count() > most || text.chars().any(char::is_control)
        };
        if is_bad(&self.tag, 512) || self.tag.contains(['<', '>', '%', '&', '\\', '?', '/']) {
            return Some("claims.tag: is the name of a tag".to_owned());
        }
        is_bad(&self.value, 256).then(|| "claims.value: is from 1 to 256 characters".to_owned())
    }
}

/// Whether that may be a version of a kind of resources.
fn is_version(kind: &str, version: &str) -> bool {
    let day = version.strip_suffix("-preview").unwrap_or(version);
    let is_day = day.len() == 10
        && day
            .bytes()
            .enumerate()
            .all(|(at, byte)| if at == 4 || at == 7 { byte == b'-' } else { byte.is_ascii_digit() });
    let is_small = !kind.bytes().any(|byte| byte.is_ascii_uppercase());
    let is_kind =
        kind.split_once('/').is_some_and(|(namespace, rest)| namespace.contains('.') && !rest.is_empty());
    is_day && is_small && is_kind
}

/// As whom Azure is asked: by what there is where this host acts, which is behind a wrapper that hands on neither an environment nor credentials.
fn known(written: AzureAsWritten) -> Result<AzureSettings, String> {
    let azure = written.meant_for_one()?;
    if azure.credentials == [CredentialKind::Cli] {
        return Err(
            "azure.credentials: nobody is logged in as who acts: workload, managed or environment".to_owned()
        );
    }
    for (key, own) in [("secret", &azure.client_secret), ("certificate", &azure.client_certificate)] {
        if matches!(own, Some(Reference::Credential(_))) {
            return Err(format!(
                "azure.client_{key}: has to be a file, for the group reeve-azure: who acts is given no credentials of systemd's"
            ));
        }
    }
    Ok(azure)
}

impl AsWritten {
    fn meant(self) -> Result<ArmConfig, String> {
        let manager = server_address(&self.manager).map_err(|problem| format!("manager: {problem}"))?;
        if self.subscriptions.is_empty() {
            return Err("subscriptions: has none, and so nothing could be asked about".to_owned());
        }
        for name in self.subscriptions.keys() {
            let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
            if !(1..=32).contains(&name.len()) || !name.bytes().all(plain) || name.starts_with('-') {
                return Err(format!("subscriptions.{name}: a name is 1 to 32 of a-z 0-9 -"));
            }
        }
        if let Some(problem) = self.claims.as_ref().and_then(ClaimTag::problem) {
            return Err(problem);
        }
        if let Some((kind, version)) = self.versions.iter().find(|(kind, version)| !is_version(kind, version))
        {
            return Err(format!(
                "versions.{kind:?}: {version:?} is no version, or this no type: \"microsoft.app/containerapps\" = \"2024-03-01\""
            ));
        }
        if let Some(other) = self.environment.keys().find(|name| !VARIABLES.contains(&name.as_str())) {
            return Err(format!("environment.{other}: is none of {}", VARIABLES.join(", ")));
        }
        let azure = known(self.azure)?;
        let scope = |text: String| {
            text.parse::<Scope>().map_err(|problem| format!("examine.scopes: {text:?} {problem}"))
        };
        Ok(ArmConfig {
            manager,
            scopes: self.examine.scopes.into_iter().map(scope).collect::<Result<_, _>>()?,
            subscriptions: self.subscriptions,
            claims: self.claims,
            firewall: self.firewall.map(address::AsWritten::meant).transpose()?,
            versions: self.versions,
            azure,
            environment: self.environment,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEAST: &str = "azure.credentials = [\"managed\"]\nsubscriptions = { main = \"11111111-2222-3333-4444-555555555555\" }\n";

    fn read(text: &str) -> Result<ArmConfig, String> {
        ArmConfig::parse("azure.toml", text).map_err(|error| error.to_string())
    }

    #[test]
    fn every_key_changes_its_value() {
        let text = format!(
            "manager = \"https://management.example\"\n{LEAST}[claims]\nvalue = \"host01\"\n[firewall]\naddress = \"20.1.2.3\"\n[versions]\n\"a.b/c\" = \"2024-03-01-preview\"\n[examine]\nscopes = [\"/subscriptions/s/resourceGroups/g\"]\n[environment]\nAZURE_CLIENT_ID = \"x\"\n"
        )
        .replace("azure.credentials", "azure.patience = \"3s\"\nazure.credentials");
        let config = read(&text).unwrap();
        assert_eq!(config.manager.as_str(), "https://management.example/");
        assert_eq!(config.azure.patience.as_secs(), 3);
        let tag = ClaimTag { tag: "reeve-host".to_owned(), value: "host01".to_owned() };
        assert_eq!(config.claims, Some(tag));
        assert_eq!(config.versions.get("a.b/c").map(String::as_str), Some("2024-03-01-preview"));
        assert_eq!(config.firewall.as_ref().map(|firewall| firewall.widest), Some(32));
        let other = format!("{LEAST}claims = {{ tag = \"owner\", value = \"x\" }}");
        assert_eq!(read(&other).unwrap().claims.unwrap().tag, "owner");
        let acting = config.acting();
        let subscription = "/subscriptions/11111111-2222-3333-4444-555555555555".parse().unwrap();
        assert_eq!(acting.subscriptions, BTreeMap::from([("main".to_owned(), subscription)]));
        assert_eq!(acting.scopes, ["/subscriptions/s/resourceGroups/g".parse().unwrap()]);
        assert_eq!((acting.patience, read(LEAST).unwrap().scopes), (config.azure.patience, Vec::new()));
        assert_eq!(config.environment.get("AZURE_CLIENT_ID").map(String::as_str), Some("x"));
        assert_eq!(read(LEAST).unwrap().manager.as_str(), "https://management.azure.com/");
        let command = Command::Groups { subscription: "main".to_owned() };
        let path = "/subscriptions/11111111-2222-3333-4444-555555555555/resourcegroups";
        assert_eq!(config.path(&command).unwrap(), path);
        let other = Command::Groups { subscription: "mian".to_owned() };
        let refused = config.path(&other).unwrap_err();
        assert_eq!(refused.trouble, Trouble::NotFound);
        assert!(refused.why.contains("did you mean `main`"), "{refused}");
    }

    #[test]
    fn what_cannot_be_meant_is_refused_by_name() {
        for (text, problem) in [
            ("subscriptions = {}", "subscriptions: has none"),
            ("subscriptions = { Main = \"11111111-2222-3333-4444-555555555555\" }", "subscriptions.Main:"),
            ("subscriptions = { main = \"x\" }", "UUID"),
            (&format!("manager = \"http://x.example\"\n{LEAST}"), "manager: "),
            (
                &format!("{LEAST}[environment]\nAZURE_CLIENT_SECRET = \"x\""),
                "environment.AZURE_CLIENT_SECRET: is none",
            ),
            (
                &LEAST.replace("managed\"", "managed\", \"environment\""),
                "azure.credentials: has to name the one",
            ),
            (&LEAST.replace("\"managed\"", ""), "azure.credentials: has to name the one"),
            (
                &LEAST.replace("azure.credentials = [\"managed\"]", ""),
                "azure.credentials: has to name the one",
            ),
            (&LEAST.replace("managed", "cli"), "azure.credentials: nobody is logged in"),
            (
                &format!("{LEAST}azure.client_secret = \"credential:azure\""),
                "azure.client_secret: has to be a file",
            ),
            (
                &format!("{LEAST}azure.client_certificate = \"credential:azure.pem\""),
                "azure.client_certificate: has to be a file",
            ),
            (&format!("{LEAST}subscription = 1"), "unknown key"),
            (&format!("{LEAST}[claims]\ntag = \"x\""), "value"),
            (&format!("{LEAST}[claims]\nvalue = \"\""), "claims.value:"),
            (&format!("{LEAST}[claims]\ntag = \"a/b\"\nvalue = \"x\""), "claims.tag:"),
            (&format!("{LEAST}[versions]\n\"a.b/c\" = \"latest\""), "versions."),
            (&format!("{LEAST}[versions]\n\"A.b/c\" = \"2024-03-01\""), "versions."),
            (&format!("{LEAST}[examine]\nscopes = [\"s\"]"), "examine.scopes: \"s\" is no resource id"),
            (&format!("{LEAST}[examine]\nscope = []"), "did you mean `scopes`?"),
        ] {
            let refusal = read(text).unwrap_err();
            assert!(refusal.contains(problem), "{text}: {refusal}");
        }
    }
}
