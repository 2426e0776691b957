//! `bridge.toml`: where signal-cli is, by what it speaks HTTP, and whom it must belong to.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use url::Url;

use crate::config::value::{absolute, duration, system_authorities, web_address};
use crate::config::{self, ConfigError};
use crate::secret::Reference;

/// How signal-cli is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::cli) struct BridgeConfig {
    /// Where the gate finds it.
    pub(in crate::cli) socket: PathBuf,
    /// The Unix user of the gate.
    pub(in crate::cli) gate_user: String,
    pub(in crate::cli) transport: Transport,
    pub(in crate::cli) url: Url,
    /// How it is known that the right one answers.
    pub(in crate::cli) trust: Trust,
    /// How long nothing at all may come before the connection counts as dead.
    pub(in crate::cli) silence: Duration,
}

/// What speaks HTTP for signal-cli.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(in crate::cli) enum Transport {
    /// Its own daemon, with `--http`.
    Http,
    /// bbernhard's signal-cli-rest-api.
    RestApi,
}

/// How it is known that the right one answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::cli) enum Trust {
    /// On this host: it runs as this Unix user.
    User(String),
    /// Elsewhere: its certificate is from these authorities. What it may ask of us in turn is a certificate and its key.
    Certificate { ca: PathBuf, own: Option<(PathBuf, Reference)> },
}

impl Transport {
    /// Said wherever somebody looks after the host.
    pub(in crate::cli) fn describe(self) -> &'static str {
        match self {
            Self::Http => "signal-cli over HTTP",
            Self::RestApi => "signal-cli-rest-api, which loses messages: prefer signal-cli's own daemon",
        }
    }

    /// Its keep-alive comes every 15 s or, over the other, every 54 s.
    fn silence(self) -> Duration {
        match self {
            Self::Http => Duration::from_secs(45),
            Self::RestApi => Duration::from_secs(75),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(default = "socket")]
    socket: PathBuf,
    #[serde(default = "gate_user")]
    gate_user: String,
    transport: Transport,
    url: String,
    user: Option<String>,
    ca: Option<PathBuf>,
    certificate: Option<PathBuf>,
    key: Option<Reference>,
    silence: Option<String>,
}

fn socket() -> PathBuf {
    "/run/reeve-bridge/socket".into()
}

fn gate_user() -> String {
    "reeve-gate".to_owned()
}

impl BridgeConfig {
    /// Reads the file; without it there is no bridge.
    pub(in crate::cli) fn read(path: &Path) -> Result<Option<Self>, ConfigError> {
        config::read_if_there(path, Self::parse)
    }

    /// What a text stands for.
    pub(in crate::cli) fn parse(label: &str, text: &str) -> Result<Self, ConfigError> {
        let written: Written = config::parse(label, text)?;
        written.meant().map_err(|problem| ConfigError::in_file(label, problem))
    }
}

impl Written {
    fn meant(self) -> Result<BridgeConfig, String> {
        let url = web_address("url", &self.url)?;
        if url.query().is_some() || url.fragment().is_some() {
            return Err("url: ends with a path: what follows `?` or `#` is not sent".to_owned());
        }
        let silence = match &self.silence {
            Some(silence) => duration("silence", silence, 1, 600)?,
            None => self.transport.silence(),
        };
        let tls_only = [
            ("ca", self.ca.is_some()),
            ("certificate", self.certificate.is_some()),
            ("key", self.key.is_some()),
        ];
        let trust = match (url.scheme(), self.user) {
            ("http", Some(user)) => {
                if let Some((key, _)) = tls_only.iter().find(|(_, is_there)| *is_there) {
                    return Err(format!("{key}: is for https://"));
                }
                Trust::User(user)
            }
            ("http", None) => {
                return Err("user: is needed with http://, the Unix user who runs what listens there: any \
                            user of this host could listen in its place"
                    .to_owned());
            }
            (_, Some(_)) => return Err("user: is for http:// on this host".to_owned()),
            (_, None) => {
                let own = match (self.certificate, self.key) {
                    (Some(certificate), Some(key)) => Some((absolute("certificate", certificate)?, key)),
                    (None, None) => None,
                    (Some(_), None) | (None, Some(_)) => {
                        return Err("certificate and key: both or neither".to_owned());
                    }
                };
                Trust::Certificate { ca: absolute("ca", self.ca.unwrap_or_else(system_authorities))?, own }
            }
        };
        Ok(BridgeConfig {
            socket: absolute("socket", self.socket)?,
            gate_user: self.gate_user,
            transport: self.transport,
            url,
            trust,
            silence,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<BridgeConfig, String> {
        BridgeConfig::parse("bridge.toml", text).map_err(|error| error.to_string())
    }

    const HTTP: &str = "transport = \"http\"\nurl = \"http://127.0.0.1:8080\"\nuser = \"signal\"\n";
    const REST: &str = "transport = \"rest-api\"\nurl = \"https://signal.example.net/api\"\n";

    #[test]
    fn every_key_changes_its_value() {
        let least = parse(HTTP).unwrap();
        assert_eq!((least.transport, least.silence), (Transport::Http, Duration::from_secs(45)));
        assert_eq!((least.gate_user.as_str(), least.trust), ("reeve-gate", Trust::User("signal".into())));
        assert_eq!(least.socket, Path::new("/run/reeve-bridge/socket"));
        let rest = parse(REST).unwrap();
        assert_eq!((rest.transport, rest.silence), (Transport::RestApi, Duration::from_secs(75)));
        assert_eq!(rest.trust, Trust::Certificate { ca: system_authorities(), own: None });
        let all = "socket = \"/a\"\ngate_user = \"g\"\nca = \"/b\"\ncertificate = \"/c\"\nkey = \"/d\"\nsilence = \"9s\"\n";
        let whole = parse(&format!("{REST}{all}")).unwrap();
        let own = Some((PathBuf::from("/c"), Reference::File("/d".into())));
        assert_eq!((whole.socket, whole.gate_user.as_str()), (PathBuf::from("/a"), "g"));
        assert_eq!(whole.trust, Trust::Certificate { ca: "/b".into(), own });
        assert_eq!(whole.silence, Duration::from_secs(9));
        let fetched = parse(&format!("{REST}certificate = \"/c\"\nkey = \"@kv:bridge\"\n")).unwrap();
        let own = Some((PathBuf::from("/c"), "@kv:bridge".parse().unwrap()));
        assert_eq!(fetched.trust, Trust::Certificate { ca: system_authorities(), own });
    }

    #[test]
    fn without_tls_it_is_this_host_by_its_number_and_a_user_of_it() {
        let refused = |text: &str, key: &str| {
            let why = parse(text).unwrap_err();
            assert!(why.contains(key), "{text}: {why}");
        };
        for url in [
            "http://localhost:8080",
            "http://10.0.0.1",
            "http://0.0.0.0:8080",
            "ws://127.0.0.1",
            "http://u@127.0.0.1",
            "https://host.example.net/?a=b",
        ] {
            refused(&HTTP.replace("http://127.0.0.1:8080", url), "url: ");
        }
        assert!(parse(&HTTP.replace("127.0.0.1", "[::1]")).is_ok());
        refused(&HTTP.replace("user = \"signal\"", ""), "user: is needed");
        refused(&format!("{HTTP}ca = \"/a\""), "ca: is for https://");
        refused(&format!("{REST}user = \"signal\""), "user: is for http://");
        refused(&format!("{REST}key = \"/a\""), "both or neither");
        refused(&format!("{REST}silence = \"0s\""), "silence: ");
        refused(&REST.replace("rest-api", "dbus"), "transport");
    }
}
