//! `[pct]` in `gate.toml`: what containers may be made of, and what this host has around them.

use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::ops::RangeInclusive;

use serde::Deserialize;

use crate::adapter::SettingsError;
use crate::operation::pct::{Feature, StorageName, Template};

/// `[pct]` as meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PctSettings {
    /// The templates that containers may be made of.
    pub(super) templates: BTreeSet<Template>,
    /// The storages on which volumes may be made.
    pub(super) storages: BTreeSet<StorageName>,
    /// The bridges that containers may be put on.
    pub(super) bridges: BTreeSet<String>,
    /// The VLANs that interfaces may be put into.
    pub(super) vlans: Vec<RangeInclusive<u16>>,
    /// How many GiB a volume may have.
    pub(super) max_size: Option<NonZeroU32>,
    /// How many MiB of memory a container may have, and as many of swap.
    pub(super) max_memory: Option<NonZeroU32>,
    /// How many processors a container may have.
    pub(super) max_cores: Option<NonZeroU32>,
    /// What containers may do beyond plain ones.
    pub(super) features: BTreeSet<Feature>,
    /// Whether containers without a user namespace may be made.
    pub(super) privileged: bool,
    /// Whether new containers may be given the keys of root's own file.
    pub(super) ssh_keys: bool,
    /// The storages that are asked for backups before something is lost.
    pub(super) backups: Vec<StorageName>,
    /// The HA manager, and what becomes of the containers that it looks after.
    pub(super) ha: Ha,
}

/// What there is of the HA manager.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ha {
    /// This host has none; it is not asked.
    Absent,
    /// The containers that it looks after are not started, stopped or destroyed.
    Refuse,
    /// They are; it does what it is asked for later.
    Allow,
}

/// `[pct]` as written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PctAsWritten {
    templates: BTreeSet<Template>,
    storages: BTreeSet<StorageName>,
    bridges: BTreeSet<String>,
    vlans: Vec<String>,
    max_size: Option<NonZeroU32>,
    max_memory: Option<NonZeroU32>,
    max_cores: Option<NonZeroU32>,
    features: Vec<String>,
    privileged: bool,
    ssh_keys: bool,
    backups: Vec<StorageName>,
    ha: Option<Ha>,
}

impl Default for PctSettings {
    fn default() -> Self {
        Self {
            templates: BTreeSet::new(),
            storages: BTreeSet::new(),
            bridges: BTreeSet::new(),
            vlans: Vec::new(),
            max_size: None,
            max_memory: None,
            max_cores: None,
            features: BTreeSet::new(),
            privileged: false,
            ssh_keys: false,
            backups: Vec::new(),
            ha: Ha::Refuse,
        }
    }
}

impl PctAsWritten {
    /// What it means.
    ///
    /// # Errors
    /// The word of a feature that there is not.
    pub fn meant(self) -> Result<PctSettings, SettingsError> {
        let unknown = |word: &str| SettingsError {
            key: "pct.features".to_owned(),
            problem: format!("there is no feature {word:?}: nesting, keyctl"),
        };
        let known = |word: &String| Feature::from_word(word).ok_or_else(|| unknown(word));
        let features = self.features.iter().map(known).collect::<Result<_, _>>()?;
        let vlans = self.vlans.iter().map(|text| vlans(text)).collect::<Result<_, _>>()?;
        let Self { templates, storages, bridges, max_size, max_memory, max_cores, .. } = self;
        let Self { privileged, ssh_keys, backups, .. } = self;
        Ok(PctSettings {
            templates,
            storages,
            bridges,
            vlans,
            max_size,
            max_memory,
            max_cores,
            features,
            privileged,
            ssh_keys,
            backups,
            ha: self.ha.unwrap_or(Ha::Refuse),
        })
    }
}

/// `10` or `200-299`.
fn vlans(text: &str) -> Result<RangeInclusive<u16>, SettingsError> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let one = |text: &str| {
        text.parse::<u16>().ok().filter(|tag| (1..=4094).contains(tag) && tag.to_string() == text)
    };
    match (one(first), one(last)) {
        (Some(first), Some(last)) if first <= last => Ok(first..=last),
        (_, _) => Err(SettingsError {
            key: "pct.vlans".to_owned(),
            problem: format!("{text:?} is no VLAN from 1 to 4094, and no range of them: 10, 200-299"),
        }),
    }
}

impl PctSettings {
    /// Whether interfaces may be put into a VLAN.
    pub(super) fn allows_vlan(&self, tag: u16) -> bool {
        self.vlans.iter().any(|range| range.contains(&tag))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<PctSettings, String> {
        let written: PctAsWritten = toml::from_str(text).map_err(|error| error.message().to_owned())?;
        written.meant().map_err(|error| error.to_string())
    }

    #[test]
    fn nothing_is_allowed_from_the_beginning() {
        assert_eq!(read("").unwrap(), PctSettings::default());
        let written = "templates = []\nstorages = []\nbridges = []\nvlans = []\nfeatures = []\nprivileged = false\nssh_keys = false\n\
                       backups = []\nha = \"refuse\"\n";
        assert_eq!(read(written).unwrap(), PctSettings::default());
    }

    #[test]
    fn a_value_that_makes_no_sense_is_refused() {
        for (text, said) in [
            ("features = [\"fuse\"]", "pct.features: there is no feature \"fuse\": nesting, keyctl"),
            ("storages = [\"/etc\"]", "is no storage's name: a letter first, then a-z A-Z 0-9 _ - ."),
            (
                "vlans = [\"0\"]",
                "pct.vlans: \"0\" is no VLAN from 1 to 4094, and no range of them: 10, 200-299",
            ),
            (
                "vlans = [\"9-8\"]",
                "pct.vlans: \"9-8\" is no VLAN from 1 to 4094, and no range of them: 10, 200-299",
            ),
            ("max_size = 0", "invalid value: integer `0`, expected a nonzero u32"),
            ("max_memory = 0", "invalid value: integer `0`, expected a nonzero u32"),
            ("max_cores = -1", "invalid value: integer `-1`, expected a nonzero u32"),
            ("ha = \"on\"", "unknown variant `on`, expected one of `absent`, `refuse`, `allow`"),
            ("privileged = \"no\"", "invalid type: string \"no\", expected a boolean"),
            (
                "privilegd = true",
                "unknown field `privilegd`, expected one of `templates`, `storages`, `bridges`, `vlans`, `max_size`, `max_memory`, `max_cores`, `features`, `privileged`, `ssh_keys`, `backups`, `ha`",
            ),
        ] {
            assert_eq!(read(text).unwrap_err(), said);
        }
    }
}
