//! `lists.toml`: which lists of domains there are, where they come from, and what they may be at most.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use url::Url;

use super::list::Limits;
use crate::config::{self, ConfigError};

/// Every list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListsConfig {
    /// The Unix user that fetches.
    pub user: String,
    /// Where it puts what it fetched.
    pub directory: PathBuf,
    /// The lists.
    pub lists: Vec<ListConfig>,
}

/// One list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListConfig {
    /// What policies call it.
    pub name: String,
    /// Where it comes from.
    pub origin: Origin,
    /// How often it is fetched, or its file is looked at.
    pub refresh: Duration,
    /// How large it may be.
    pub max_bytes: usize,
    /// How much may be in it.
    pub limits: Limits,
    /// How many entries of a hundred there must be of as many as the last good one had.
    pub least_of_last: usize,
    /// Whether tools may reach what is in it.
    pub tools: Tools,
}

/// What a list is for the proxies of tools.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tools {
    /// Nothing: the policy alone asks it.
    #[default]
    Any,
    /// What is in it is never reached by a tool.
    Never,
}

/// Where a list comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A file of root's.
    File(PathBuf),
    /// An address, and the authorities that its server's certificate may be from.
    Url {
        /// The address.
        url: Url,
        /// A file of certificates.
        ca: PathBuf,
    },
}

impl Default for ListsConfig {
    fn default() -> Self {
        Self { user: default_user(), directory: default_directory(), lists: Vec::new() }
    }
}

impl ListsConfig {
    /// Reads the file; without it there are no lists.
    ///
    /// # Errors
    /// When it is not to be trusted, or something in it is wrong.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        Ok(config::read_if_there(path, Self::parse)?.unwrap_or_default())
    }

    /// The lists that a text stands for.
    ///
    /// # Errors
    /// When something in it is wrong.
    pub fn parse(label: &str, text: &str) -> Result<Self, ConfigError> {
        let written: AsWritten = config::parse(label, text)?;
        let wrong = |problem: String| ConfigError::in_file(label, problem);
        let directory =
            absolute(written.directory).map_err(|problem| wrong(format!("directory: {problem}")))?;
        let (mut lists, mut names) = (Vec::new(), BTreeSet::new());
        for list in written.list {
            let name = list.name.clone();
            let list = list.meant().map_err(|problem| wrong(format!("list {name:?}: {problem}")))?;
            if !names.insert(name) {
                return Err(wrong(format!("list {:?}: stands there twice", list.name)));
            }
            lists.push(list);
        }
        Ok(Self { user: written.user, directory, lists })
    }

    /// Where the fetched text of a list is.
    #[must_use]
    pub fn fetched(&self, list: &ListConfig) -> PathBuf {
        self.directory.join(format!("{}.list", list.name))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AsWritten {
    #[serde(default = "default_user")]
    user: String,
    #[serde(default = "default_directory")]
    directory: PathBuf,
    #[serde(default)]
    list: Vec<ListAsWritten>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListAsWritten {
    name: String,
    file: Option<PathBuf>,
    url: Option<String>,
    ca: Option<PathBuf>,
    #[serde(default = "default_refresh")]
    refresh: String,
    #[serde(default = "default_megabytes")]
    max_megabytes: usize,
    #[serde(default = "default_entries")]
    max_entries: usize,
    #[serde(default = "default_patterns")]
    max_patterns: usize,
    #[serde(default = "default_least")]
    least_of_last: usize,
    #[serde(default)]
    tools: Tools,
}

fn default_user() -> String {
    "reeve-lists".to_owned()
}

fn default_directory() -> PathBuf {
    PathBuf::from("/var/lib/reeve-lists")
}

fn default_refresh() -> String {
    "24h".to_owned()
}

const fn default_megabytes() -> usize {
    32
}

const fn default_entries() -> usize {
    500_000
}

const fn default_patterns() -> usize {
    Limits::PATTERNS
}

const fn default_least() -> usize {
    50
}

impl ListAsWritten {
    fn meant(self) -> Result<ListConfig, String> {
        let is_name = self.name.starts_with(|c: char| c.is_ascii_alphanumeric())
            && self.name.len() <= 64
            && self.name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'));
        if !is_name {
            return Err(
                "name: is 1 to 64 letters, digits and `_ . -`, beginning with a letter or digit".to_owned()
            );
        }
        let origin = match (self.file, self.url, self.ca) {
            (Some(file), None, None) => {
                Origin::File(absolute(file).map_err(|problem| format!("file: {problem}"))?)
            }
            (None, Some(url), ca) => {
                let ca = ca.unwrap_or_else(|| PathBuf::from("/etc/ssl/certs/ca-certificates.crt"));
                Origin::Url {
                    url: https(&url)?,
                    ca: absolute(ca).map_err(|problem| format!("ca: {problem}"))?,
                }
            }
            (Some(_), None, Some(_)) => return Err("ca: is for a url".to_owned()),
            (Some(_), Some(_), _) | (None, None, _) => {
                return Err("comes from a file or a url, one of them".to_owned());
            }
        };
        let refresh =
            humantime::parse_duration(&self.refresh).map_err(|error| format!("refresh: {error}"))?;
        within("refresh, in seconds,", refresh.as_secs(), 60, 30 * 86_400)?;
        within("max_megabytes", self.max_megabytes, 1, 256)?;
        within("max_entries", self.max_entries, 1, 5_000_000)?;
        within("max_patterns", self.max_patterns, 0, 10_000)?;
        within("least_of_last", self.least_of_last, 0, 100)?;
        let limits = Limits { entries: self.max_entries, patterns: self.max_patterns };
        let max_bytes = self.max_megabytes << 20;
        Ok(ListConfig {
            name: self.name,
            origin,
            refresh,
            max_bytes,
            limits,
            least_of_last: self.least_of_last,
            tools: self.tools,
        })
    }
}

fn https(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| format!("url: {error}"))?;
    if url.scheme() != "https" || !url.username().is_empty() || url.password().is_some() {
        return Err("url: begins with https://, and has no user or password in it".to_owned());
    }
    Ok(url)
}

fn absolute(path: PathBuf) -> Result<PathBuf, String> {
    if path.is_absolute() { Ok(path) } else { Err(format!("{} is not an absolute path", path.display())) }
}

fn within<T: PartialOrd + std::fmt::Display>(key: &str, value: T, least: T, most: T) -> Result<(), String> {
    if value >= least && value <= most {
        Ok(())
    } else {
        Err(format!("{key} {value} is not from {least} to {most}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(lines: &str) -> Result<ListConfig, ConfigError> {
        let config = ListsConfig::parse("lists.toml", &format!("[[list]]\nname = \"ads\"\n{lines}"))?;
        Ok(config.lists.into_iter().next().unwrap())
    }

    #[test]
    fn every_key_changes_what_it_says() {
        let plain = list("file = \"/a\"").unwrap();
        for line in [
            "refresh = \"1h\"",
            "max_megabytes = 1",
            "max_entries = 10",
            "max_patterns = 0",
            "least_of_last = 0",
            "tools = \"never\"",
        ] {
            assert_ne!(list(&format!("file = \"/a\"\n{line}")).unwrap(), plain, "{line}");
        }
        assert_ne!(list("file = \"/b\"").unwrap(), plain);
        let fetched = list("url = \"https://lists.example/a\"").unwrap();
        assert_ne!(list("url = \"https://lists.example/a\"\nca = \"/ca.pem\"").unwrap(), fetched);
        let config = ListsConfig::parse("lists.toml", "user = \"fetcher\"\ndirectory = \"/d\"").unwrap();
        assert_eq!((config.user.as_str(), config.directory.to_str()), ("fetcher", Some("/d")));
        assert_eq!(config.fetched(&plain), Path::new("/d/ads.list"));
    }

    #[test]
    fn what_cannot_be_meant_is_refused_by_name() {
        for (lines, problem) in [
            ("", "one of them"),
            ("file = \"/a\"\nurl = \"https://a.example\"", "one of them"),
            ("file = \"a\"", "file: "),
            ("file = \"/a\"\nca = \"/b\"", "ca: "),
            ("url = \"http://lists.example/a\"", "url: begins with https"),
            ("url = \"https://me@lists.example/a\"", "url: begins with https"),
            ("url = \"file:///etc/passwd\"", "url: begins with https"),
            ("file = \"/a\"\nrefresh = \"5s\"", "refresh"),
            ("file = \"/a\"\nmax_megabytes = 0", "max_megabytes"),
            ("file = \"/a\"\nmax_entries = 0", "max_entries"),
            ("file = \"/a\"\nmax_patterns = 99999", "max_patterns"),
            ("file = \"/a\"\nleast_of_last = 101", "least_of_last"),
            ("file = \"/a\"\nrefesh = \"1h\"", "did you mean `refresh`"),
            ("file = \"/a\"\ntools = \"nevr\"", "did you mean `never`"),
        ] {
            let said = list(lines).unwrap_err().to_string();
            assert!(said.contains(problem), "{lines}: {said}");
        }
        let twice = "[[list]]\nname = \"a\"\nfile = \"/a\"\n[[list]]\nname = \"a\"\nfile = \"/b\"\n";
        assert!(ListsConfig::parse("l", twice).unwrap_err().to_string().contains("twice"));
        for name in ["", "../x", ".x", "a/b"] {
            let text = format!("[[list]]\nname = \"{name}\"\nfile = \"/a\"");
            assert!(ListsConfig::parse("l", &text).is_err(), "{name}");
        }
    }
}
