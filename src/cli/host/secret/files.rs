//! The configuration files that name secrets, and which of their keys do.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::cli::exit::{Exit, Failure, with_causes};
use crate::cli::host::GATE_CONFIG;
use crate::config::written::{self, Written};
use crate::secret::{Consumer, Reference};
use crate::sys::host;
use crate::vault::Wanted;

/// What is looked through for references.
#[derive(Debug, Args)]
pub(in crate::cli::host) struct Configurations {
    /// The gate's configuration
    #[arg(long, value_name = "FILE", default_value = GATE_CONFIG)]
    gate: PathBuf,
    /// The configuration of the network side
    #[arg(long, value_name = "FILE", default_value = "/etc/reeve/reeved.toml")]
    reeved: PathBuf,
    /// The file that says how people are told
    #[arg(long, value_name = "FILE", default_value = "/etc/reeve/alarms.toml")]
    alarms: PathBuf,
    /// The file that says where traces go
    #[arg(long, value_name = "FILE", default_value = "/etc/reeve/traces.toml")]
    traces: PathBuf,
    /// The file that says how signal-cli is reached elsewhere
    #[arg(long, value_name = "FILE", default_value = "/etc/reeve/bridge.toml")]
    bridge: PathBuf,
    /// The file that says which hosts watch this one's log
    #[arg(long, value_name = "FILE", default_value = "/etc/reeve/witness.toml")]
    witness: PathBuf,
}

/// One of them.
pub(super) struct Configuration<'a> {
    pub(super) consumer: Consumer,
    pub(super) path: &'a Path,
    /// The keys that take a secret.
    pub(super) keys: &'static [&'static str],
}

impl Configurations {
    /// These, and what says how people are told in its own place.
    pub(in crate::cli::host) fn of(gate: &Path, reeved: &Path) -> Self {
        let [alarms, traces, bridge, witness] = ["alarms", "traces", "bridge", "witness"]
            .map(|name| host::prefixed(&format!("/etc/reeve/{name}.toml")));
        Self { gate: gate.to_owned(), reeved: reeved.to_owned(), alarms, traces, bridge, witness }
    }

    pub(super) fn all(&self) -> [Configuration<'_>; 6] {
        let one = |consumer, path, keys| Configuration { consumer, path, keys };
        [
            one(Consumer::Gate, self.gate.as_path(), &[]),
            one(Consumer::Front, self.reeved.as_path(), &["tls.key"]),
            one(Consumer::Alarms, self.alarms.as_path(), &["webhook.key", "ntfy.token", "mail.password"]),
            one(Consumer::Traces, self.traces.as_path(), &["token"]),
            one(Consumer::Bridge, self.bridge.as_path(), &["key"]),
            one(Consumer::Witness, self.witness.as_path(), &["key"]),
        ]
    }

    pub(in crate::cli::host) fn wanted(&self) -> Result<Wanted, Failure> {
        let mut wanted = Wanted::default();
        for one in self.all() {
            wanted
                .add_file(one.consumer, one.path)
                .map_err(|error| Failure::new(Exit::Failed, with_causes(&error)))?;
        }
        Ok(wanted)
    }
}

impl Configuration<'_> {
    /// The values of its keys that take a secret.
    pub(super) fn secrets(&self, text: &str) -> Result<Vec<Written>, String> {
        let label = self.path.display().to_string();
        let mut found = written::values(&label, text).map_err(|error| with_causes(&error))?;
        found.retain(|written| self.keys.contains(&written.kind().as_str()));
        Ok(found)
    }
}

/// Who may read a file of this name besides its owner, as the installer has it. Where nothing is said, nobody.
pub(super) fn readers(path: &Path) -> u32 {
    match path.file_name().and_then(|name| name.to_str()) {
        Some("gate.toml" | "reeved.toml") => 0o040,
        Some("alarms.toml" | "bridge.toml" | "secrets.toml" | "traces.toml" | "witness.toml") => 0o044,
        Some(_) | None => 0,
    }
}

/// What stands where a secret is named.
pub(super) enum Stands {
    /// Where one is.
    Named(Reference),
    /// One itself.
    Plain,
}

impl Stands {
    pub(super) fn of(written: &Written) -> Self {
        written.text.parse().map_or(Self::Plain, Self::Named)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_that_takes_a_secret_is_looked_at() {
        let configurations = Configurations {
            gate: "/etc/reeve/gate.toml".into(),
            reeved: "/etc/reeve/reeved.toml".into(),
            alarms: "/etc/reeve/alarms.toml".into(),
            traces: "/etc/reeve/traces.toml".into(),
            bridge: "/etc/reeve/bridge.toml".into(),
            witness: "/etc/reeve/witness.toml".into(),
        };
        for one in configurations.all() {
            for key in one.keys {
                let line = |value: &str| match (one.consumer, key.split_once('.')) {
                    (Consumer::Alarms, Some((table, name))) => {
                        format!("[[{table}]]\nname = \"a\"\n{name} = \"{value}\"\n")
                    }
                    (_, Some((table, name))) => format!("[{table}]\n{name} = \"{value}\"\n"),
                    (_, None) => format!("{key} = \"{value}\"\n"),
                };
                let found = one.secrets(&line("hunter2")).unwrap();
                assert!(
                    matches!(found.as_slice(), [only] if matches!(Stands::of(only), Stands::Plain)),
                    "{key}"
                );
                let found = one.secrets(&line("@kv:a")).unwrap();
                assert!(matches!(Stands::of(&found[0]), Stands::Named(Reference::Vault(_))), "{key}");
            }
        }
    }

    #[test]
    fn a_file_is_read_by_whom_the_installer_lets_read_it_and_any_other_by_its_owner() {
        let readers = |path: &str| readers(Path::new(path));
        assert_eq!([readers("/etc/reeve/gate.toml"), readers("/etc/reeve/alarms.toml")], [0o040, 0o044]);
        assert_eq!([readers("/srv/other.toml"), readers("/")], [0, 0]);
    }
}
