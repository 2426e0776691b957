//! What this host has added to the firewalls of vaults, and until when it stays: its own list, from which alone it removes.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{ArmError, Trouble};
use crate::sys::trusted_file;

/// Where it is: the folder of the user who acts at Azure.
pub(super) const RULES: &str = "/var/lib/reeve-azure/firewall.json";
const MAX_BYTES: usize = 1 << 20;

/// One rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OwnRule {
    /// The vault's id, in small letters.
    pub(super) vault: String,
    /// `20.1.2.3/32`.
    pub(super) address: String,
    /// Seconds since 1970: when it was added, and until when it stays.
    pub(super) since: u64,
    /// The same.
    pub(super) until: u64,
}

impl OwnRule {
    /// Whether its time is over. A clock that was set back has it over, too: nobody knows then how long it has been there.
    #[must_use]
    pub(super) fn is_over(&self, now: u64) -> bool {
        now >= self.until || now < self.since
    }
}

/// All of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OwnRules {
    rules: Vec<OwnRule>,
}

impl OwnRules {
    /// Reads the list. Without one nothing is this host's.
    ///
    /// # Errors
    /// When it is not to be trusted, or not understood.
    pub(super) fn read(path: &Path) -> Result<Self, ArmError> {
        let odd = |problem: String| {
            ArmError::new(Trouble::Other, format!("the list of rules {}: {problem}", path.display()))
        };
        match trusted_file::read(path, MAX_BYTES) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| odd(error.to_string())),
            Err(error) if error.is_not_found() => Ok(Self::default()),
            Err(error) => Err(odd(error.to_string())),
        }
    }

    /// What it added to a vault.
    pub(super) fn of<'a>(&'a self, vault: &'a str) -> impl Iterator<Item = &'a OwnRule> {
        self.rules.iter().filter(move |rule| rule.vault == vault)
    }

    /// The vaults with rules whose time is over.
    #[must_use]
    pub(super) fn due(&self, now: u64) -> Vec<String> {
        let mut vaults: Vec<String> =
            self.rules.iter().filter(|rule| rule.is_over(now)).map(|rule| rule.vault.clone()).collect();
        vaults.sort();
        vaults.dedup();
        vaults
    }

    /// With this one, in the place of one for the same address.
    #[must_use]
    pub(super) fn with(self, rule: OwnRule) -> Self {
        let mut kept = self.without(&rule.vault, &rule.address);
        kept.rules.push(rule);
        kept
    }

    /// Without one.
    #[must_use]
    pub(super) fn without(mut self, vault: &str, address: &str) -> Self {
        self.rules.retain(|rule| rule.vault != vault || rule.address != address);
        self
    }

    /// Writes the list, whole or not at all; an empty one is no file, so that nobody looks for what is due.
    ///
    /// # Errors
    /// When it cannot be written; then it is as it was.
    pub(super) fn write(&self, path: &Path) -> io::Result<()> {
        let missing = |done: io::Result<()>| match done {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            other => other,
        };
        if self.rules.is_empty() {
            return missing(std::fs::remove_file(path));
        }
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let beside = path.with_file_name(format!(".{name}.new"));
        missing(std::fs::remove_file(&beside))?;
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
        file.write_all(&serde_json::to_vec(self).map_err(io::Error::other)?)?;
        file.sync_all()?;
        std::fs::rename(&beside, path)?;
        path.parent().map_or(Ok(()), |directory| File::open(directory)?.sync_all())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::scratch::Scratch;

    fn rule(vault: &str, address: &str, until: u64) -> OwnRule {
        OwnRule { vault: vault.to_owned(), address: address.to_owned(), since: 100, until }
    }

    #[test]
    fn what_is_due_is_over_by_its_time_or_since_the_clock_was_set_back() {
        let rules = OwnRules::default()
            .with(rule("/a", "1/32", 200))
            .with(rule("/a", "2/32", 300))
            .with(rule("/b", "1/32", 400));
        assert_eq!(rules.due(150), [""; 0]);
        assert_eq!(rules.due(200), ["/a"]);
        assert_eq!(rules.due(500), ["/a", "/b"]);
        assert_eq!(rules.due(99), ["/a", "/b"], "the clock is before all of it");
        let addresses =
            |rules: &OwnRules| rules.of("/a").map(|rule| rule.address.clone()).collect::<Vec<_>>();
        assert_eq!(addresses(&rules), ["1/32", "2/32"]);
        assert_eq!(addresses(&rules.without("/a", "1/32")), ["2/32"]);
    }

    #[test]
    fn the_list_lasts_and_an_empty_one_is_no_file() {
        let dir = Scratch::new();
        let path = dir.path("firewall.json");
        let rules = OwnRules::default().with(rule("/a", "1/32", 200));
        rules.write(&path).unwrap();
        assert_eq!(OwnRules::read(&path).unwrap(), rules);
        rules.without("/a", "1/32").write(&path).unwrap();
        assert!(!path.exists());
        assert_eq!(OwnRules::read(&path).unwrap(), OwnRules::default());
        std::fs::write(&path, "{}").unwrap();
        assert!(OwnRules::read(&path).is_err(), "what is not understood is not nothing");
    }
}
