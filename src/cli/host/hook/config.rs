//! `hook.toml`: who is asked whether a vote may count.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use url::Url;

use crate::cli::exit::with_causes;
use crate::config::value::{absolute, duration, system_authorities, web_address};
use crate::config::{self, ConfigError};
use crate::sys::trusted_file;

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
    /// Its address, and by which authorities its certificate may be.
    Server { url: Url, ca: PathBuf },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Written {
    socket: PathBuf,
    gate_user: String,
    command: Option<Vec<String>>,
    url: Option<String>,
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

    /// The program is there, and only root or the hook's own user can have written it.
    pub(in crate::cli) fn check(&self) -> Result<(), String> {
        match &self.by {
            By::Command { program, .. } => trusted_file::check(program).map_err(|error| with_causes(&error)),
            By::Server { .. } => Ok(()),
        }
    }

    pub(in crate::cli) fn describe(&self) -> String {
        match &self.by {
            By::Command { program, .. } => program.display().to_string(),
            By::Server { url, .. } => url.to_string(),
        }
    }
}

impl Written {
    fn meant(self) -> Result<HookConfig, String> {
        let by = match (self.command, self.url) {
            (Some(command), None) => {
                if self.ca.is_some() {
                    return Err("ca: is for url".to_owned());
                }
                let [program, arguments @ ..] = command.as_slice() else {
                    return Err("command: is a list: the program, and its arguments".to_owned());
                };
                let program = absolute("command", program.into())?;
                By::Command { program, arguments: arguments.to_vec() }
            }
            (None, Some(url)) => {
                let url = web_address("url", &url)?;
                By::Server { url, ca: absolute("ca", self.ca.unwrap_or_else(system_authorities))? }
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
        let by = By::Server { url: Url::parse("https://people.example.net/may").unwrap(), ca: "/c".into() };
        assert_eq!((server.by, server.timeout), (by, Duration::from_secs(9)));
        assert_eq!((server.socket, server.gate_user.as_str()), ("/s".into(), "g"));
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
            ("url = \"http://people.example.net\"", "url: "),
            ("url = \"http://localhost\"", "url: "),
            ("url = \"https://b\"\ntimeout = \"2m\"", "timeout: "),
        ] {
            let refused = parse(text).unwrap_err();
            assert!(refused.contains(why), "{text}: {refused}");
        }
    }
}
