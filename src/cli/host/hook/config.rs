//! `hook.toml`: who is asked whether a vote may count.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use url::Url;

use crate::cli::exit::with_causes;
use crate::config::value::{absolute, duration, system_authorities, web_address};
use crate::config::{self, ConfigError};
use crate::sys::{ids, trusted_file};

/// Who is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::cli) struct HookConfig {
    /// Where the gate asks.
    pub(in crate::cli) socket: PathBuf,
    /// The Unix user of the gate.
    pub(in crate::cli) gate_user: String,
    pub(in crate::cli) by: By,
    /// How long the answer may take.
    pub(in crate::cli) timeout: Duration,
}

/// A program, or a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::cli) enum By {
    /// Its path and its arguments. There is no shell.
    Command { program: PathBuf, arguments: Vec<String> },
    /// Its address.
    Server { url: Url, trust: Trust },
}

/// How it is known that the right server answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::cli) enum Trust {
    /// On this host: it runs as this Unix user.
    User(String),
    /// Elsewhere: its certificate is from these authorities.
    Certificate(PathBuf),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Written {
    socket: PathBuf,
    gate_user: String,
    command: Option<Vec<String>>,
    url: Option<String>,
    user: Option<String>,
    ca: Option<PathBuf>,
    timeout: String,
}

impl Default for Written {
    fn default() -> Self {
        Self {
            socket: "/run/reeve-hook/socket".into(),
            gate_user: "reeve-gate".to_owned(),
            command: None,
            url: None,
            user: None,
            ca: None,
            timeout: "5s".to_owned(),
        }
    }
}

impl HookConfig {
    /// Reads the file; without it nobody is asked.
    pub(in crate::cli) fn read(path: &Path) -> Result<Option<Self>, ConfigError> {
        config::read_if_there(path, Self::parse)
    }

    /// What a text stands for.
    pub(in crate::cli) fn parse(label: &str, text: &str) -> Result<Self, ConfigError> {
        let written: Written = config::parse(label, text)?;
        written.meant().map_err(|problem| ConfigError::in_file(label, problem))
    }

    /// The program is there, and only root or the hook's own user can have written it; or there is the server's user.
    pub(in crate::cli) fn check(&self) -> Result<(), String> {
        match &self.by {
            By::Command { program, .. } => trusted_file::check(program).map_err(|error| with_causes(&error)),
            By::Server { trust: Trust::User(name), .. } => owner(name).map(drop),
            By::Server { trust: Trust::Certificate(_), .. } => Ok(()),
        }
    }

    pub(in crate::cli) fn describe(&self) -> String {
        match &self.by {
            By::Command { program, .. } => program.display().to_string(),
            By::Server { url, .. } => url.to_string(),
        }
    }
}

/// The user whose process must answer.
pub(super) fn owner(name: &str) -> Result<u32, String> {
    let user = ids::user(name).map_err(|error| format!("user: {error}"))?;
    user.map(|user| user.uid).ok_or_else(|| format!("user: there is no Unix user {name}"))
}

impl Written {
    fn meant(self) -> Result<HookConfig, String> {
        let by = match (self.command, self.url) {
            (Some(command), None) => {
                for (key, is_there) in [("ca", self.ca.is_some()), ("user", self.user.is_some())] {
                    if is_there {
                        return Err(format!("{key}: is for url"));
                    }
                }
                let [program, arguments @ ..] = command.as_slice() else {
                    return Err("command: is a list: the program, and its arguments".to_owned());
                };
                let program = absolute("command", program.into())?;
                By::Command { program, arguments: arguments.to_vec() }
            }
            (None, Some(url)) => {
                let url = web_address("url", &url)?;
                let trust = match (url.scheme(), self.user, self.ca) {
                    ("http", Some(user), None) => Trust::User(user),
                    ("http", None, None) => {
                        return Err(
                            "user: is needed with http://, the Unix user who runs what listens there: any \
                                    user of this host could listen in its place, and let every vote pass"
                                .to_owned(),
                        );
                    }
                    ("http", _, Some(_)) => return Err("ca: is for https://".to_owned()),
                    (_, Some(_), _) => return Err("user: is for http:// on this host".to_owned()),
                    (_, None, ca) => {
                        Trust::Certificate(absolute("ca", ca.unwrap_or_else(system_authorities))?)
                    }
                };
                By::Server { url, trust }
            }
            (None, None) | (Some(_), Some(_)) => {
                return Err("has either a command or a url: who is asked".to_owned());
            }
        };
        Ok(HookConfig {
            socket: absolute("socket", self.socket)?,
            gate_user: self.gate_user,
            by,
            timeout: duration("timeout", &self.timeout, 1, 60)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<HookConfig, String> {
        HookConfig::parse("hook.toml", text).map_err(|error| error.to_string())
    }

    #[test]
    fn every_key_changes_its_value() {
        let command = parse("command = [\"/bin/ask\", \"--all\", \"$(x)\"]\n").unwrap();
        let by = By::Command { program: "/bin/ask".into(), arguments: vec!["--all".into(), "$(x)".into()] };
        assert_eq!((command.by, command.timeout), (by, Duration::from_secs(5)));
        assert_eq!(
            (command.socket, command.gate_user.as_str()),
            ("/run/reeve-hook/socket".into(), "reeve-gate")
        );
        let server = "url = \"https://people.example.net/may\"\nca = \"/c\"\ntimeout = \"9s\"\nsocket = \"/s\"\ngate_user = \"g\"\n";
        let server = parse(server).unwrap();
        let trust = Trust::Certificate("/c".into());
        let by = By::Server { url: Url::parse("https://people.example.net/may").unwrap(), trust };
        assert_eq!((server.by, server.timeout), (by, Duration::from_secs(9)));
        assert_eq!((server.socket, server.gate_user.as_str()), ("/s".into(), "g"));
        let here = parse("url = \"http://127.0.0.1:9090/may\"\nuser = \"people\"\n").unwrap();
        let url = Url::parse("http://127.0.0.1:9090/may").unwrap();
        assert_eq!(here.by, By::Server { url, trust: Trust::User("people".to_owned()) });
    }

    #[test]
    fn what_nobody_can_be_asked_by_is_refused() {
        for (text, why) in [
            ("", "either a command or a url"),
            ("command = [\"/a\"]\nurl = \"https://b\"", "either a command or a url"),
            ("command = []", "command: "),
            ("command = [\"ask\"]", "command: "),
            ("command = \"/bin/sh -c ask\"", "command"),
            ("command = [\"/a\"]\nca = \"/c\"", "ca: "),
            ("command = [\"/a\"]\nuser = \"root\"", "user: is for url"),
            ("url = \"http://people.example.net\"", "url: "),
            ("url = \"http://127.0.0.1:9090\"", "user: is needed"),
            ("url = \"http://127.0.0.1:9090\"\nuser = \"a\"\nca = \"/c\"", "ca: is for https"),
            ("url = \"https://b\"\nuser = \"a\"", "user: is for http"),
            ("url = \"http://localhost\"", "url: "),
            ("url = \"https://b\"\ntimeout = \"2m\"", "timeout: "),
        ] {
            let refused = parse(text).unwrap_err();
            assert!(refused.contains(why), "{text}: {refused}");
        }
    }
}
