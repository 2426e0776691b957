//! The section `[git]` of `gate.toml`.

use std::time::Duration;

use serde::Deserialize;

use super::config::{can_be_tolerated, tolerable};
use super::url::Url;
use crate::adapter::SettingsError;

/// How long one fetch may take when nobody says.
const FETCH_LIMIT: Duration = Duration::from_secs(10 * 60);
/// The shortest and the longest that it may be allowed.
const FETCH_LIMITS: std::ops::RangeInclusive<Duration> =
    Duration::from_secs(1)..=Duration::from_secs(6 * 60 * 60);

/// The section, as written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AsWritten {
    tolerated: Vec<String>,
    alternates: Vec<String>,
    fetch_limit: Option<String>,
    remote: Vec<RemoteAsWritten>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RemoteAsWritten {
    url: String,
    key: Option<String>,
    known_hosts: Option<String>,
    credentials: Option<String>,
}

/// What it means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GitSettings {
    /// Keys of a repository's configuration that are let pass, since what they say does not count.
    pub(super) tolerated: Vec<String>,
    /// Folders that a repository may share objects from.
    pub(super) alternates: Vec<String>,
    /// How long what brings a remote's commits may take.
    pub(super) fetch_limit: Duration,
    /// Where fetching is allowed from.
    pub(super) remotes: Vec<Remote>,
}

impl Default for GitSettings {
    fn default() -> Self {
        Self { tolerated: Vec::new(), alternates: Vec::new(), fetch_limit: FETCH_LIMIT, remotes: Vec::new() }
    }
}

/// A place that may be fetched from, and what opens it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Remote {
    /// Everything at or below this address.
    pub(super) url: Url,
    /// What opens it.
    pub(super) access: Access,
}

/// What opens a remote: always a file that is named, never a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Access {
    /// Nothing is needed.
    Open,
    /// An SSH key, and the hosts' own keys.
    Ssh { key: String, known_hosts: String },
    /// A file as `git-credential-store(1)` reads it.
    Credentials(String),
}

impl AsWritten {
    /// What the section means.
    ///
    /// # Errors
    /// Names the first value that makes no sense.
    pub fn meant(self) -> Result<GitSettings, SettingsError> {
        if let Some(key) = self.tolerated.iter().find(|key| !can_be_tolerated(key)) {
            let problem = format!("`{key}` cannot be let pass; these can: {}", tolerable());
            return Err(wrong("tolerated", problem));
        }
        if let Some(folder) = self.alternates.iter().find(|folder| !is_path(folder)) {
            return Err(wrong("alternates", format!("`{folder}` is no absolute path of plain characters")));
        }
        let fetch_limit = self.fetch_limit.as_deref().map_or(Ok(FETCH_LIMIT), fetch_limit)?;
        let remotes = self.remote.into_iter().map(RemoteAsWritten::meant).collect::<Result<_, _>>()?;
        Ok(GitSettings { tolerated: self.tolerated, alternates: self.alternates, fetch_limit, remotes })
    }
}

impl RemoteAsWritten {
    fn meant(self) -> Result<Remote, SettingsError> {
        let url = Url::parse(&self.url).map_err(|problem| wrong("remote.url", problem))?;
        for file in [&self.key, &self.known_hosts, &self.credentials].into_iter().flatten() {
            if !is_path(file) {
                return Err(wrong("remote", format!("`{file}` is no absolute path of plain characters")));
            }
        }
        let access = match (self.key, self.known_hosts, self.credentials) {
            (None, None, None) if !url.is_ssh() => Access::Open,
            (Some(key), Some(known_hosts), None) if url.is_ssh() => Access::Ssh { key, known_hosts },
            (None, None, Some(file)) if url.is_http() => Access::Credentials(file),
            _other if url.is_ssh() => {
                return Err(wrong("remote", "an ssh remote has a key and known_hosts, and nothing else"));
            }
            _other => {
                let problem = "a key and known_hosts are for ssh, and credentials for http and https";
                return Err(wrong("remote", problem));
            }
        };
        Ok(Remote { url, access })
    }
}

impl GitSettings {
    /// What opens this address; none where it is not allowed.
    pub(super) fn access(&self, url: &Url) -> Option<&Access> {
        self.remotes.iter().find(|remote| url.is_within(&remote.url)).map(|remote| &remote.access)
    }
}

fn fetch_limit(written: &str) -> Result<Duration, SettingsError> {
    let limit = humantime::parse_duration(written).ok().filter(|limit| FETCH_LIMITS.contains(limit));
    limit.ok_or_else(|| wrong("fetch_limit", format!("{written:?} is no time from 1 s to 6 h")))
}

fn wrong(key: &str, problem: impl Into<String>) -> SettingsError {
    SettingsError { key: format!("git.{key}"), problem: problem.into() }
}

/// These stand in a line that a shell reads (`core.sshCommand`, `credential.helper`), so they have no character that
/// means anything to it.
fn is_path(path: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-' | b'/');
    path.starts_with('/') && path.bytes().all(plain) && path.split('/').all(|part| part != "..")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meant(text: &str) -> Result<GitSettings, String> {
        let written: AsWritten = toml::from_str(text).map_err(|error| error.message().to_owned())?;
        written.meant().map_err(|error| error.to_string())
    }

    #[test]
    fn every_key_changes_what_is_meant() {
        let settings = meant(
            "tolerated = [\"core.hookspath\"]\nalternates = [\"/srv/objects\"]\nfetch_limit = \"1h\"\n\
             [[remote]]\nurl = \"https://git.example.net/\"\ncredentials = \"/etc/reeve/git/credentials\"\n\
             [[remote]]\nurl = \"ssh://git@git.example.net/team/\"\nkey = \"/etc/k\"\nknown_hosts = \"/etc/h\"\n",
        )
        .unwrap();
        assert_eq!(settings.tolerated, ["core.hookspath"]);
        assert_eq!(settings.alternates, ["/srv/objects"]);
        assert_eq!(settings.fetch_limit, Duration::from_secs(3600));
        let access = |url: &str| settings.access(&Url::parse(url).unwrap()).cloned();
        assert_eq!(
            access("https://git.example.net/a"),
            Some(Access::Credentials("/etc/reeve/git/credentials".to_owned()))
        );
        let ssh = Access::Ssh { key: "/etc/k".to_owned(), known_hosts: "/etc/h".to_owned() };
        assert_eq!(access("git@git.example.net:team/a"), Some(ssh));
        assert_eq!(access("git@git.example.net:other/a"), None);
        assert_eq!(access("http://git.example.net/a"), None);
        assert_eq!(meant("").unwrap(), GitSettings::default());
    }

    #[test]
    fn what_would_open_a_door_is_no_setting() {
        for (text, problem) in [
            ("tolerated = [\"core.fsmonitor\"]", "git.tolerated: `core.fsmonitor` cannot be let pass"),
            ("alternates = [\"objects\"]", "git.alternates: `objects` is no absolute path"),
            ("[[remote]]\nurl = \"ext::sh\"", "git.remote.url: "),
            ("[[remote]]\nurl = \"ssh://h/\"", "git.remote: an ssh remote has a key"),
            ("[[remote]]\nurl = \"ssh://h/\"\nkey = \"/a\"", "git.remote: an ssh remote has a key"),
            (
                "[[remote]]\nurl = \"https://h/\"\nkey = \"/a\"\nknown_hosts = \"/b\"",
                "git.remote: a key and known_hosts",
            ),
            (
                "[[remote]]\nurl = \"https://h/\"\ncredentials = \"/a;id\"",
                "git.remote: `/a;id` is no absolute path",
            ),
            ("[[remote]]\nurl = \"https://h/\"\npassword = \"x\"", "unknown field `password`"),
            ("fetch_limit = \"soon\"", "git.fetch_limit: \"soon\" is no time"),
            ("fetch_limit = \"0s\"", "git.fetch_limit: \"0s\" is no time"),
            ("fetch_limit = \"7h\"", "git.fetch_limit: \"7h\" is no time"),
            ("remotes = []", "unknown field `remotes`"),
        ] {
            let refused = meant(text).unwrap_err();
            assert!(refused.starts_with(problem), "{text}: {refused}");
        }
    }
}
