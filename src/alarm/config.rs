//! `alarms.toml`: when people are told, and by which ways.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use lettre::Address;
use serde::Deserialize;
use url::Url;

use crate::config::value::{
    absolute, address_without_login, duration, is_here, system_authorities, web_address,
};
use crate::config::{self, ConfigError};
use crate::secret::{Consumer, Places, PlacesAsWritten, Reference};

/// When people are told, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlarmsConfig {
    /// The Unix user that delivers.
    pub user: String,
    /// The folder of what waits and of what was told.
    pub directory: PathBuf,
    /// How long a trouble lasts before it is told.
    pub down_for: Duration,
    /// For how long the same is not told again.
    pub quiet_for: Duration,
    /// How long an alarm is worth telling.
    pub expires_after: Duration,
    /// How many approvers should be in reach.
    pub least_reachable: usize,
    /// How many alarms may wait.
    pub most_waiting: usize,
    /// Where whoever delivers finds secrets.
    pub secrets: Places,
    /// By which ways, at least one.
    pub ways: Vec<Way>,
}

/// One way to people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Way {
    /// What it is called in records and in the log.
    pub name: String,
    /// What it is.
    pub by: By,
    /// The authorities that its server's certificate may be from.
    pub ca: PathBuf,
}

/// The kinds of ways.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum By {
    /// A signed POST.
    Webhook {
        /// To where.
        url: Url,
        /// The key that signs.
        key: Reference,
    },
    /// A message to a topic of an ntfy server.
    Ntfy {
        /// The server.
        url: Url,
        /// The topic.
        topic: String,
        /// The token of who may write there.
        token: Option<Reference>,
    },
    /// A mail.
    Mail {
        /// The server that takes it: `smtps://` elsewhere, `smtp://` on this host.
        server: Url,
        /// From whom.
        from: Address,
        /// To whom.
        to: Vec<Address>,
        /// The name to log in with, and the password.
        login: Option<(String, Reference)>,
    },
}

impl By {
    /// One word of a fixed set: the metric's label.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Webhook { .. } => "webhook",
            Self::Ntfy { .. } => "ntfy",
            Self::Mail { .. } => "mail",
        }
    }

    /// Its secret.
    #[must_use]
    pub fn secret(&self) -> Option<&Reference> {
        match self {
            Self::Webhook { key, .. } => Some(key),
            Self::Ntfy { token, .. } => token.as_ref(),
            Self::Mail { login, .. } => login.as_ref().map(|(_, password)| password),
        }
    }
}

impl AlarmsConfig {
    /// Reads the file; without it nobody is told.
    ///
    /// # Errors
    /// When it is not to be trusted, or something in it is wrong.
    pub fn read(path: &Path) -> Result<Option<Self>, ConfigError> {
        config::read_if_there(path, Self::parse)
    }

    /// What a text stands for.
    ///
    /// # Errors
    /// When something in it is wrong.
    pub fn parse(label: &str, text: &str) -> Result<Self, ConfigError> {
        let written: AsWritten = config::parse(label, text)?;
        written.meant().map_err(|problem| ConfigError::in_file(label, problem))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct AsWritten {
    user: String,
    directory: PathBuf,
    down_for: String,
    quiet_for: String,
    expires_after: String,
    least_reachable: usize,
    most_waiting: usize,
    secrets: PlacesAsWritten,
    webhook: Vec<WebhookAsWritten>,
    ntfy: Vec<NtfyAsWritten>,
    mail: Vec<MailAsWritten>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WebhookAsWritten {
    name: String,
    url: String,
    key: Reference,
    #[serde(default = "system_authorities")]
    ca: PathBuf,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NtfyAsWritten {
    name: String,
    url: String,
    topic: String,
    token: Option<Reference>,
    #[serde(default = "system_authorities")]
    ca: PathBuf,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MailAsWritten {
    name: String,
    server: String,
    from: String,
    to: Vec<String>,
    user: Option<String>,
    password: Option<Reference>,
    #[serde(default = "system_authorities")]
    ca: PathBuf,
}

impl Default for AsWritten {
    fn default() -> Self {
        Self {
            user: "reeve-alarms".to_owned(),
            directory: PathBuf::from("/var/lib/reeve-alarms"),
            down_for: "30s".to_owned(),
            quiet_for: "10m".to_owned(),
            expires_after: "1h".to_owned(),
            least_reachable: 1,
            most_waiting: 100,
            secrets: PlacesAsWritten::default(),
            webhook: Vec::new(),
            ntfy: Vec::new(),
            mail: Vec::new(),
        }
    }
}

impl AsWritten {
    fn meant(self) -> Result<AlarmsConfig, String> {
        within("least_reachable", self.least_reachable, 0, 100)?;
        within("most_waiting", self.most_waiting, 1, 1_000)?;
        let mut ways = Vec::new();
        for webhook in self.webhook {
            ways.push(in_way("webhook", &webhook.name.clone(), webhook.meant())?);
        }
        for ntfy in self.ntfy {
            ways.push(in_way("ntfy", &ntfy.name.clone(), ntfy.meant())?);
        }
        for mail in self.mail {
            ways.push(in_way("mail", &mail.name.clone(), mail.meant())?);
        }
        let mut names = BTreeSet::new();
        if let Some(twice) = ways.iter().find(|way| !names.insert(way.name.clone())) {
            return Err(format!("{:?}: two ways have this name", twice.name));
        }
        if ways.is_empty() {
            return Err("has no [[webhook]], [[ntfy]] or [[mail]]: nobody would be told".to_owned());
        }
        Ok(AlarmsConfig {
            user: self.user,
            directory: absolute("directory", self.directory)?,
            down_for: duration("down_for", &self.down_for, 0, 3_600)?,
            quiet_for: duration("quiet_for", &self.quiet_for, 0, 86_400)?,
            expires_after: duration("expires_after", &self.expires_after, 10, 604_800)?,
            least_reachable: self.least_reachable,
            most_waiting: self.most_waiting,
            secrets: self.secrets.meant(Consumer::Alarms)?,
            ways,
        })
    }
}

fn in_way(kind: &str, name: &str, way: Result<Way, String>) -> Result<Way, String> {
    way.map_err(|problem| format!("{kind} {name:?}: {problem}"))
}

impl WebhookAsWritten {
    fn meant(self) -> Result<Way, String> {
        let by = By::Webhook { url: web_address("url", &self.url)?, key: self.key };
        way(self.name, by, self.ca)
    }
}

impl NtfyAsWritten {
    fn meant(self) -> Result<Way, String> {
        let is_topic = (1..=64).contains(&self.topic.len())
            && self.topic.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'));
        if !is_topic {
            return Err("topic: is 1 to 64 letters, digits, `_` and `-`".to_owned());
        }
        let by = By::Ntfy { url: web_address("url", &self.url)?, topic: self.topic, token: self.token };
        way(self.name, by, self.ca)
    }
}

impl MailAsWritten {
    fn meant(self) -> Result<Way, String> {
        let address = |key: &str, text: &str| {
            text.parse::<Address>().map_err(|error| format!("{key}: {text:?} is no address: {error}"))
        };
        let to = self.to.iter().map(|to| address("to", to)).collect::<Result<Vec<_>, _>>()?;
        if !(1..=20).contains(&to.len()) {
            return Err("to: is 1 to 20 addresses".to_owned());
        }
        let login = match (self.user, self.password) {
            (Some(user), Some(password)) => Some((user, password)),
            (None, None) => None,
            (Some(_), None) | (None, Some(_)) => {
                return Err("user and password: both or neither".to_owned());
            }
        };
        let server = mail_server(&self.server)?;
        way(self.name, By::Mail { server, from: address("from", &self.from)?, to, login }, self.ca)
    }
}

fn way(name: String, by: By, ca: PathBuf) -> Result<Way, String> {
    let is_name = (1..=32).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'-'));
    if !is_name {
        return Err("name: is 1 to 32 of a-z, 0-9, `_` and `-`".to_owned());
    }
    Ok(Way { name, by, ca: absolute("ca", ca)? })
}

fn mail_server(text: &str) -> Result<Url, String> {
    let url = address_without_login("server", text)?;
    match url.scheme() {
        "smtps" if url.host().is_some() => Ok(url),
        "smtp" if is_here(&url) => Ok(url),
        _ => Err(
            "server: is smtps://HOST, or smtp://127.0.0.1 for a mail server on this host; STARTTLS is not used"
                .to_owned(),
        ),
    }
}

fn within(key: &str, value: usize, least: usize, most: usize) -> Result<(), String> {
    if (least..=most).contains(&value) {
        return Ok(());
    }
    Err(format!("{key}: {value} is not from {least} to {most}"))
}

#[cfg(test)]
mod tests;
