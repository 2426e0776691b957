//! `witness.toml`: the hosts that watch this one's log, and those whose logs this one watches.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use url::Url;

use super::note::{NoteKey, WitnessKey};
use crate::config::value::{absolute, duration};
use crate::config::{self, ConfigError};
use crate::principal::PrincipalName;
use crate::secret::Reference;

/// Who watches whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WitnessConfig {
    /// The Unix user that takes checkpoints to the others.
    pub user: String,
    /// How often each is asked, when there was something new.
    pub every: Duration,
    /// How long a message to people waits for what they say.
    pub patience: Duration,
    /// The authorities that their certificates may be from.
    pub ca: PathBuf,
    /// What they are shown: a certificate, and its key.
    pub own: (PathBuf, Reference),
    /// The others.
    pub peers: Vec<Peer>,
}

/// Another host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// What it is called: here, as the principal that its certificate says it is.
    pub name: PrincipalName,
    /// Where its `reeved` is, and the key by which it says that it has seen a checkpoint; none when it is not asked.
    pub asked: Option<(Url, WitnessKey)>,
    /// The key of its log; none when that is not watched.
    pub log: Option<NoteKey>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(default = "user")]
    user: String,
    #[serde(default = "every")]
    every: String,
    #[serde(default = "patience")]
    patience: String,
    #[serde(default = "ca")]
    ca: PathBuf,
    #[serde(default = "certificate")]
    certificate: PathBuf,
    #[serde(default = "key")]
    key: Reference,
    #[serde(default)]
    peer: Vec<WrittenPeer>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenPeer {
    name: PrincipalName,
    url: Option<String>,
    witness: Option<String>,
    log: Option<String>,
}

fn user() -> String {
    "reeve-witness".to_owned()
}

fn every() -> String {
    "5m".to_owned()
}

fn patience() -> String {
    "2s".to_owned()
}

fn ca() -> PathBuf {
    "/etc/reeve/witness/ca.crt".into()
}

fn certificate() -> PathBuf {
    "/etc/reeve/witness/own.crt".into()
}

fn key() -> Reference {
    Reference::File("/etc/reeve/witness/own.key".into())
}

impl WitnessConfig {
    /// Reads the file; without it nobody watches anybody.
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
        let written: Written = config::parse(label, text)?;
        written.meant().map_err(|problem| ConfigError::in_file(label, problem))
    }

    /// The peer of that name.
    #[must_use]
    pub fn peer(&self, name: &str) -> Option<&Peer> {
        self.peers.iter().find(|peer| peer.name.as_str() == name)
    }

    /// Those that are asked.
    pub fn asked(&self) -> impl Iterator<Item = (&Peer, &Url, &WitnessKey)> {
        self.peers.iter().filter_map(|peer| peer.asked.as_ref().map(|(url, key)| (peer, url, key)))
    }
}

impl Written {
    fn meant(self) -> Result<WitnessConfig, String> {
        let peers: Vec<Peer> = self
            .peer
            .into_iter()
            .map(|peer| {
                let name = peer.name.as_str().to_owned();
                peer.meant().map_err(|problem| format!("peer {name:?}: {problem}"))
            })
            .collect::<Result<_, _>>()?;
        if peers.is_empty() {
            return Err("has no [[peer]]: nobody would watch anybody".to_owned());
        }
        let mut names = BTreeSet::new();
        if let Some(twice) = peers.iter().find(|peer| !names.insert(peer.name.as_str())) {
            return Err(format!("peer {:?}: two have this name", twice.name.as_str()));
        }
        let mut logs = BTreeSet::new();
        let named = peers.iter().filter_map(|peer| peer.log.as_ref());
        if let Some(twice) = named.clone().find(|log| !logs.insert(log.name().to_owned())) {
            return Err(format!("log: {:?} is the log of two peers", twice.name()));
        }
        Ok(WitnessConfig {
            user: self.user,
            every: duration("every", &self.every, 10, 86_400)?,
            patience: duration("patience", &self.patience, 0, 30)?,
            ca: absolute("ca", self.ca)?,
            own: (absolute("certificate", self.certificate)?, self.key),
            peers,
        })
    }
}

impl WrittenPeer {
    fn meant(self) -> Result<Peer, String> {
        let asked = match (self.url, self.witness) {
            (Some(url), Some(witness)) => {
                let url = Url::parse(&url).map_err(|error| format!("url: {error}"))?;
                if url.scheme() != "https" || !url.username().is_empty() || url.password().is_some() {
                    return Err("url: begins with https://, without user and password".to_owned());
                }
                Some((url, witness.parse().map_err(|error| format!("witness: {error}"))?))
            }
            (None, None) => None,
            (Some(_), None) => {
                return Err(
                    "witness: is needed with url: the key that `reeve audit key --witness` shows there"
                        .to_owned(),
                );
            }
            (None, Some(_)) => return Err("url: is needed with witness: where to ask".to_owned()),
        };
        let log = self.log.map(|log| log.parse().map_err(|error| format!("log: {error}"))).transpose()?;
        if asked.is_none() && log.is_none() {
            return Err("is neither asked (url, witness) nor watched (log)".to_owned());
        }
        Ok(Peer { name: self.name, asked, log })
    }
}
