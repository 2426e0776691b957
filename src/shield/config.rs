//! `shields.toml`: whom the process that asks Azure asks, and as whom.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use url::Url;

use crate::config::{self, ConfigError};
use crate::vault::{AzureAsWritten, AzureSettings, server_address};

/// Whom it asks, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShieldsConfig {
    /// The resource's own address.
    pub endpoint: Url,
    /// Where it listens.
    pub socket: PathBuf,
    /// The Unix user of the gate.
    pub gate_user: String,
    /// How many pieces are asked about at once.
    pub at_once: usize,
    /// How many answers are kept.
    pub cache_entries: usize,
    /// For how long.
    pub cache_for: Duration,
    /// As whom Azure is asked.
    pub azure: AzureSettings,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AsWritten {
    endpoint: String,
    #[serde(default = "socket")]
    socket: PathBuf,
    #[serde(default = "gate_user")]
    gate_user: String,
    #[serde(default = "at_once")]
    at_once: usize,
    #[serde(default = "cache_entries")]
    cache_entries: usize,
    #[serde(default = "cache_for")]
    cache_for: String,
    #[serde(default)]
    azure: AzureAsWritten,
}

fn socket() -> PathBuf {
    PathBuf::from("/run/reeve-shields/socket")
}

fn gate_user() -> String {
    "reeve-gate".to_owned()
}

fn at_once() -> usize {
    8
}

fn cache_entries() -> usize {
    10_000
}

fn cache_for() -> String {
    "1h".to_owned()
}

impl ShieldsConfig {
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
}

impl AsWritten {
    fn meant(self) -> Result<ShieldsConfig, String> {
        let cache_for = humantime::parse_duration(&self.cache_for).ok();
        let cache_for = cache_for.filter(|lasts| lasts.as_secs() <= 86_400);
        if !self.socket.is_absolute() {
            return Err("socket: is not an absolute path".to_owned());
        }
        if !(1..=64).contains(&self.at_once) {
            return Err("at_once: is not from 1 to 64".to_owned());
        }
        if self.cache_entries > 1_000_000 {
            return Err("cache_entries: is not from 0 to 1000000".to_owned());
        }
        Ok(ShieldsConfig {
            endpoint: server_address(&self.endpoint).map_err(|problem| format!("endpoint: {problem}"))?,
            socket: self.socket,
            gate_user: self.gate_user,
            at_once: self.at_once,
            cache_entries: self.cache_entries,
            cache_for: cache_for.ok_or("cache_for: is not from 0s to 24h")?,
            azure: self.azure.meant_for_one()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEAST: &str =
        "endpoint = \"https://test.cognitiveservices.azure.com\"\nazure.credentials = [\"managed\"]\n";

    fn read(more: &str) -> Result<ShieldsConfig, String> {
        ShieldsConfig::parse("shields.toml", &format!("{LEAST}{more}")).map_err(|error| error.to_string())
    }

    #[test]
    fn every_key_changes_its_value() {
        let config = read(
            "socket = \"/s\"\ngate_user = \"g\"\nat_once = 3\ncache_entries = 0\ncache_for = \"0s\"\n\
             azure.client_id = \"c\"\nazure.patience = \"4s\"\n",
        )
        .unwrap();
        assert_eq!(config.endpoint.as_str(), "https://test.cognitiveservices.azure.com/");
        assert_eq!((config.socket.to_str(), config.gate_user.as_str()), (Some("/s"), "g"));
        assert_eq!((config.at_once, config.cache_entries, config.cache_for), (3, 0, Duration::ZERO));
        let azure = (config.azure.client_id.as_deref(), config.azure.patience);
        assert_eq!(azure, (Some("c"), Duration::from_secs(4)));
        let defaults = read("").unwrap();
        assert_eq!(defaults.socket, Path::new("/run/reeve-shields/socket"));
        assert_eq!((defaults.gate_user.as_str(), defaults.at_once), ("reeve-gate", 8));
        let cache = (defaults.cache_entries, defaults.cache_for);
        assert_eq!(cache, (10_000, Duration::from_secs(3600)));
    }

    #[test]
    fn what_cannot_be_meant_is_refused_by_name() {
        for (text, problem) in [
            ("socket = \"s\"", "socket: is not an absolute path"),
            ("at_once = 0", "at_once: is not from 1 to 64"),
            ("cache_entries = 1000001", "cache_entries: is not from 0 to 1000000"),
            ("cache_for = \"2d\"", "cache_for: is not from 0s to 24h"),
            ("cache = 1", "unknown key"),
        ] {
            let refusal = read(text).unwrap_err();
            assert!(refusal.contains(problem), "{text}: {refusal}");
        }
        let endpoint = "endpoint = \"https://a.example\"";
        for credentials in
            ["", "azure.credentials = []", "azure.credentials = [\"managed\", \"environment\"]"]
        {
            let text = format!("{endpoint}\n{credentials}\n");
            let refusal = ShieldsConfig::parse("shields.toml", &text).unwrap_err().to_string();
            assert!(refusal.contains("azure.credentials: has to name the one"), "{refusal}");
        }
        for endpoint in ["http://a.example", "https://a.example/path", "a.example", "https://127.0.0.1"] {
            let text = format!("endpoint = \"{endpoint}\"");
            let refusal = ShieldsConfig::parse("shields.toml", &text).unwrap_err().to_string();
            assert!(refusal.contains("endpoint: "), "{refusal}");
        }
    }
}
