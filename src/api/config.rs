//! `reeved.toml`: as it is written, and as it is meant. Nothing past this file sees the first.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use toml::Spanned;

use super::identity::{Identities, Name};
use crate::config::{self, ConfigError};
use crate::principal::PrincipalName;
use crate::secret::{Consumer, Places, PlacesAsWritten, Reference};
use crate::trace::config::TracesConfig;

/// The configuration of `reeved`.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Where to hear callers.
    pub listen: SocketAddr,
    /// Where to answer `GET /metrics` without TLS: an address of this host's loopback only.
    pub metrics_listen: Option<SocketAddr>,
    /// The gate's socket.
    pub gate_socket: PathBuf,
    /// The Unix user that the gate must run as.
    pub gate_user: String,
    /// What to log, as `RUST_LOG` would say it.
    pub log: String,
    /// The file that says where traces go.
    pub traces_file: PathBuf,
    /// What it says, when there is one.
    pub traces: Option<TracesConfig>,
    pub(super) tls: TlsFiles,
    pub(super) secrets: Places,
    pub(super) limits: Limits,
    pub(super) identities: Identities,
}

/// Where the certificates are.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TlsFiles {
    /// The server's chain, its own certificate first.
    pub(super) certificate: PathBuf,
    /// Where the server's key is.
    pub(super) key: Reference,
    /// The authorities that issue callers' certificates.
    pub(super) client_ca: PathBuf,
    /// Their revocation lists. When given, every authority in use must have one.
    pub(super) crl: Option<PathBuf>,
}

/// How much callers may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Limits {
    pub(super) connections: usize,
    pub(super) connections_per_principal: usize,
    pub(super) requests_per_second: u32,
    pub(super) burst: u32,
    pub(super) handshake_timeout: Duration,
    pub(super) header_timeout: Duration,
    pub(super) body_timeout: Duration,
    pub(super) idle_timeout: Duration,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    listen: SocketAddr,
    metrics_listen: Option<Spanned<SocketAddr>>,
    #[serde(default = "gate_socket")]
    gate_socket: PathBuf,
    #[serde(default = "gate_user")]
    gate_user: String,
    #[serde(default = "log")]
    log: Spanned<String>,
    #[serde(default = "traces")]
    traces: PathBuf,
    #[serde(default)]
    allow_cn: bool,
    tls: TlsFiles,
    secrets: Option<Spanned<PlacesAsWritten>>,
    #[serde(default)]
    limits: WrittenLimits,
    #[serde(default)]
    identity: Vec<Spanned<WrittenIdentity>>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenLimits {
    connections: Option<Spanned<u32>>,
    connections_per_principal: Option<Spanned<u32>>,
    requests_per_second: Option<Spanned<u32>>,
    burst: Option<Spanned<u32>>,
    handshake_timeout: Option<Spanned<String>>,
    header_timeout: Option<Spanned<String>>,
    body_timeout: Option<Spanned<String>>,
    idle_timeout: Option<Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenIdentity {
    uri: Option<String>,
    dns: Option<String>,
    cn: Option<String>,
    principal: PrincipalName,
}

fn gate_socket() -> PathBuf {
    "/run/reeve/gate.sock".into()
}

fn gate_user() -> String {
    "reeve-gate".to_owned()
}

fn traces() -> PathBuf {
    "/etc/reeve/traces.toml".into()
}

fn log() -> Spanned<String> {
    Spanned::new(0..0, "info".to_owned())
}

impl Settings {
    /// Reads the file, which only root or this process's user may have written.
    ///
    /// # Errors
    /// Says which key is wrong, where it stands and what it should be.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let mut settings = Self::parse(&path.display().to_string(), &config::read_text(path)?)?;
        settings.traces = TracesConfig::read(&settings.traces_file)?;
        Ok(settings)
    }

    /// Reads everything that the settings name, and puts nothing in force.
    ///
    /// # Errors
    /// As a server that starts would have them.
    pub fn check(self) -> Result<(), super::LiveError> {
        super::live::Live::load(self, 0).map(drop)
    }

    /// When the server's certificate, the first authority and the first revocation list end, in Unix time.
    ///
    /// # Errors
    /// As [`Self::check`].
    pub fn ends(self) -> Result<Vec<(&'static str, i64)>, super::LiveError> {
        let live = super::live::Live::load(self, 0)?;
        let mut ends = vec![("server", live.ends.server), ("client_ca", live.ends.client_ca)];
        let list = live.verifier.revocations().and_then(|revocations| revocations.first_end());
        ends.extend(list.map(|end| ("crl", super::live::seconds(end))));
        Ok(ends)
    }

    /// Reads configuration from text; `label` is what errors call the file.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn parse(label: &str, text: &str) -> Result<Self, ConfigError> {
        let written: Written = config::parse(label, text)?;
        Page { label, text }.meant(written)
    }
}

/// The text that places point into.
struct Page<'a> {
    label: &'a str,
    text: &'a str,
}

impl Page<'_> {
    fn wrong(&self, place: Range<usize>, problem: impl Into<String>) -> ConfigError {
        ConfigError::at(self.label, self.text, place, problem)
    }

    fn meant(&self, written: Written) -> Result<Settings, ConfigError> {
        let metrics_listen = written.metrics_listen.map(|address| self.loopback(&address)).transpose()?;
        let log = written.log;
        if let Err(error) = config::logging::check(log.get_ref()) {
            return Err(self.wrong(log.span(), format!("is not a log filter such as `info`: {error}")));
        }
        Ok(Settings {
            listen: written.listen,
            metrics_listen,
            gate_socket: written.gate_socket,
            gate_user: written.gate_user,
            log: log.into_inner(),
            traces_file: written.traces,
            traces: None,
            tls: written.tls,
            secrets: self.secrets(written.secrets)?,
            limits: self.limits(&written.limits)?,
            identities: self.identities(written.identity, CommonNames::from(written.allow_cn))?,
        })
    }

    fn secrets(&self, written: Option<Spanned<PlacesAsWritten>>) -> Result<Places, ConfigError> {
        let place = written.as_ref().map_or(0..0, Spanned::span);
        let written = written.map(Spanned::into_inner).unwrap_or_default();
        written.meant(Consumer::Front).map_err(|problem| self.wrong(place, problem))
    }

    /// Metrics name principals and say what the host is asked to do: without TLS, they stay on the host.
    fn loopback(&self, address: &Spanned<SocketAddr>) -> Result<SocketAddr, ConfigError> {
        if address.get_ref().ip().is_loopback() {
            return Ok(*address.get_ref());
        }
        let problem = "is not a loopback address; `GET /metrics` over TLS serves other hosts";
        Err(self.wrong(address.span(), problem))
    }

    fn limits(&self, written: &WrittenLimits) -> Result<Limits, ConfigError> {
        let count = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
        Ok(Limits {
            connections: count(self.number(written.connections.as_ref(), 1024, 1_000_000)?),
            connections_per_principal: count(self.number(
                written.connections_per_principal.as_ref(),
                64,
                1_000_000,
            )?),
            requests_per_second: self.number(written.requests_per_second.as_ref(), 100, 1_000_000)?,
            burst: self.number(written.burst.as_ref(), 200, 1_000_000)?,
            handshake_timeout: self.time(written.handshake_timeout.as_ref(), 10)?,
            header_timeout: self.time(written.header_timeout.as_ref(), 10)?,
            body_timeout: self.time(written.body_timeout.as_ref(), 30)?,
            idle_timeout: self.time(written.idle_timeout.as_ref(), 120)?,
        })
    }

    fn number(&self, written: Option<&Spanned<u32>>, default: u32, most: u32) -> Result<u32, ConfigError> {
        let Some(number) = written else { return Ok(default) };
        if (1..=most).contains(number.get_ref()) {
            return Ok(*number.get_ref());
        }
        Err(self.wrong(number.span(), format!("is not from 1 to {most}")))
    }

    fn time(&self, written: Option<&Spanned<String>>, default: u64) -> Result<Duration, ConfigError> {
        let Some(text) = written else { return Ok(Duration::from_secs(default)) };
        match humantime::parse_duration(text.get_ref()) {
            Ok(time) if (SHORTEST..=LONGEST).contains(&time) => Ok(time),
            Ok(_) | Err(_) => Err(self.wrong(text.span(), "is not a time from 100ms to 1h, such as `10s`")),
        }
    }

    fn identities(
        &self,
        written: Vec<Spanned<WrittenIdentity>>,
        common_names: CommonNames,
    ) -> Result<Identities, ConfigError> {
        let mut seen = HashSet::new();
        let mut identities = Vec::new();
        for identity in written {
            let place = identity.span();
            let identity = identity.into_inner();
            let principal = identity.principal.clone();
            let name = name(identity, common_names).map_err(|problem| self.wrong(place.clone(), problem))?;
            if !seen.insert(name.clone()) {
                return Err(self.wrong(place, format!("{name} stands twice; the first alone would count")));
            }
            identities.push((name, principal));
        }
        Ok(Identities::new(identities))
    }
}

const SHORTEST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(3600);

/// Whether a common name may say who somebody is.
#[derive(Clone, Copy)]
enum CommonNames {
    Allowed,
    Refused,
}

impl From<bool> for CommonNames {
    fn from(allow_cn: bool) -> Self {
        if allow_cn { Self::Allowed } else { Self::Refused }
    }
}

fn name(identity: WrittenIdentity, common_names: CommonNames) -> Result<Name, &'static str> {
    let name = match (identity.uri, identity.dns, identity.cn) {
        (Some(uri), None, None) => Name::Uri(uri),
        (None, Some(dns), None) => Name::Dns(dns),
        (None, None, Some(cn)) => match common_names {
            CommonNames::Allowed => Name::Common(cn),
            CommonNames::Refused => return Err("`cn` needs `allow_cn = true` at the top of the file"),
        },
        _none_or_several => return Err("an identity has exactly one of `uri`, `dns` and `cn`"),
    };
    if name.value().is_empty() || name.value().contains('*') {
        return Err("an identity is one exact value; there are no wildcards");
    }
    Ok(name)
}

#[cfg(test)]
mod tests;
