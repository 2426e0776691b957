//! `traces.toml`: where traces go, and how much may be on the way.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use url::Url;

use crate::config::value::{absolute, duration, system_authorities, web_address};
use crate::config::{self, ConfigError};
use crate::secret::Reference;

/// Where traces go.
#[derive(Debug, Clone, PartialEq)]
pub struct TracesConfig {
    /// The collector's address for traces, over OTLP/HTTP with JSON.
    pub endpoint: Url,
    /// The authorities that the collector's certificate may be from.
    pub ca: PathBuf,
    /// Where the token is of who may send to it.
    pub token: Option<Reference>,
    /// The Unix user that sends.
    pub user: String,
    /// Where it listens for spans.
    pub socket: PathBuf,
    /// The Unix users whose spans it takes.
    pub senders: Vec<String>,
    /// How many spans may wait in each process.
    pub queue: usize,
    /// The share of traces that are kept of those that no caller has decided on.
    pub sample: f64,
    /// How long it is tried to send a span.
    pub expires_after: Duration,
}

impl TracesConfig {
    /// Reads the file; without it there are no traces.
    ///
    /// # Errors
    /// When it is not to be trusted, or something in it is wrong, or this program was built without traces.
    pub fn read(path: &Path) -> Result<Option<Self>, ConfigError> {
        config::read_if_there(path, Self::parse)
    }

    /// What a text stands for.
    ///
    /// # Errors
    /// When something in it is wrong, or this program was built without traces.
    pub fn parse(label: &str, text: &str) -> Result<Self, ConfigError> {
        let written: AsWritten = config::parse(label, text)?;
        let meant = written.meant().map_err(|problem| ConfigError::in_file(label, problem))?;
        if cfg!(feature = "otlp") {
            return Ok(meant);
        }
        let problem =
            "this program was built without traces: build it with the feature `otlp`, or remove the file";
        Err(ConfigError::in_file(label, problem))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AsWritten {
    endpoint: String,
    #[serde(default = "system_authorities")]
    ca: PathBuf,
    token: Option<Reference>,
    #[serde(default = "default_user")]
    user: String,
    #[serde(default = "default_socket")]
    socket: PathBuf,
    #[serde(default = "default_senders")]
    senders: Vec<String>,
    #[serde(default = "default_queue")]
    queue: usize,
    #[serde(default = "default_sample")]
    sample: f64,
    #[serde(default = "default_expires_after")]
    expires_after: String,
}

fn default_user() -> String {
    "reeve-traces".to_owned()
}

fn default_socket() -> PathBuf {
    PathBuf::from("/run/reeve-traces/spans.sock")
}

fn default_senders() -> Vec<String> {
    vec!["reeve".to_owned(), "reeve-gate".to_owned()]
}

fn default_queue() -> usize {
    2048
}

fn default_sample() -> f64 {
    1.0
}

fn default_expires_after() -> String {
    "5m".to_owned()
}

impl AsWritten {
    fn meant(self) -> Result<TracesConfig, String> {
        if !(16..=65_536).contains(&self.queue) {
            return Err(format!("queue: {} is not from 16 to 65536", self.queue));
        }
        if !(0.0..=1.0).contains(&self.sample) {
            return Err(format!("sample: {} is not from 0.0 to 1.0", self.sample));
        }
        if self.senders.is_empty() || self.senders.len() > 8 {
            return Err("senders: is 1 to 8 Unix users".to_owned());
        }
        Ok(TracesConfig {
            endpoint: web_address("endpoint", &self.endpoint)?,
            ca: absolute("ca", self.ca)?,
            token: self.token,
            user: self.user,
            socket: absolute("socket", self.socket)?,
            senders: self.senders,
            queue: self.queue,
            sample: self.sample,
            expires_after: duration("expires_after", &self.expires_after, 1, 3_600)?,
        })
    }
}

#[cfg(test)]
#[cfg(feature = "otlp")]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<TracesConfig, String> {
        TracesConfig::parse("traces.toml", text).map_err(|error| error.to_string())
    }

    #[test]
    fn an_endpoint_is_enough_and_every_key_changes_what_it_says() {
        let least = "endpoint = \"https://otel.example.net:4318/v1/traces\"\n";
        let meant = parse(least).unwrap();
        assert_eq!(
            meant,
            TracesConfig {
                endpoint: Url::parse("https://otel.example.net:4318/v1/traces").unwrap(),
                ca: system_authorities(),
                token: None,
                user: "reeve-traces".to_owned(),
                socket: default_socket(),
                senders: default_senders(),
                queue: 2048,
                sample: 1.0,
                expires_after: Duration::from_secs(300),
            }
        );
        let all = format!(
            "{least}ca = \"/c\"\ntoken = \"/t\"\nuser = \"u\"\nsocket = \"/s\"\nsenders = [\"a\"]\nqueue = 16\nsample = 0.25\nexpires_after = \"1s\"\n"
        );
        assert_eq!(
            parse(&all).unwrap(),
            TracesConfig {
                ca: "/c".into(),
                token: Some(Reference::File("/t".into())),
                user: "u".to_owned(),
                socket: "/s".into(),
                senders: vec!["a".to_owned()],
                queue: 16,
                sample: 0.25,
                expires_after: Duration::from_secs(1),
                ..meant
            }
        );
    }

    #[test]
    fn what_makes_no_sense_is_named() {
        let least = "endpoint = \"http://127.0.0.1:4318/v1/traces\"\n";
        assert!(parse(least).is_ok());
        for (text, says) in [
            ("endpoint = \"http://otel.example.net/\"\n".to_owned(), "endpoint: begins with https://"),
            ("endpoint = \"http://localhost/\"\n".to_owned(), "endpoint: begins with https://"),
            ("endpoint = \"https://a:b@otel.example.net/\"\n".to_owned(), "endpoint: has a user or password"),
            (format!("{least}queue = 15\n"), "queue: 15 is not from 16 to 65536"),
            (format!("{least}sample = 1.5\n"), "sample: 1.5 is not from 0.0 to 1.0"),
            (format!("{least}sample = nan\n"), "sample: NaN is not from 0.0 to 1.0"),
            (format!("{least}senders = []\n"), "senders: is 1 to 8 Unix users"),
            (format!("{least}expires_after = \"0s\"\n"), "expires_after: \"0s\" is not from 1s to 1h"),
            (format!("{least}expires_after = \"soon\"\n"), "expires_after: \"soon\" is no duration"),
            (format!("{least}token = \"hunter2\"\n"), "says no place of a secret"),
            (format!("{least}quue = 99\n"), "quue"),
        ] {
            let error = parse(&text).unwrap_err();
            assert!(error.contains(says), "{text}: {error}");
        }
    }
}
