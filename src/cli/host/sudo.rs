//! Which sudo a host has: the old one, or sudo-rs, which knows fewer settings.

use crate::sys::process::{self, Command, Exit};

const SUDO: &str = "/usr/bin/sudo";

/// The sudo that the launcher calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sudo {
    /// What it says of itself.
    pub(super) version: String,
    /// Whether it is sudo-rs.
    pub(super) is_rs: bool,
}

impl Sudo {
    /// Asks it.
    pub(super) fn of_this_host() -> Result<Self, String> {
        let done = process::run(&Command::new(SUDO).args(["--version"]))
            .map_err(|error| format!("{SUDO}: {error}"))?;
        // sudo-rs says it on standard error.
        let said = [done.stdout, done.stderr].concat();
        let said = String::from_utf8_lossy(&said).lines().next().unwrap_or_default().to_owned();
        match done.status {
            Exit::Code(0) if !said.is_empty() => Ok(Self::named(said)),
            Exit::Code(_) | Exit::Signal(_) => Err(format!("{SUDO} --version says nothing")),
        }
    }

    fn named(version: String) -> Self {
        Self { is_rs: version.starts_with("sudo-rs"), version }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sudo_rs_is_known_by_what_it_says_of_itself() {
        assert!(Sudo::named("sudo-rs 0.2.5".to_owned()).is_rs);
        assert!(!Sudo::named("Sudo version 1.9.16p2".to_owned()).is_rs);
    }
}
