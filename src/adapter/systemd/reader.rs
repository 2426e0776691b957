//! Reads of units, in which "could not be read" and "is not there" are never the same.

use sha2::{Digest as _, Sha256};

use super::properties::Properties;
use super::unit::{ASKED, Load, Unit};
use crate::adapter::{Argv, Host, PlanRefusal, Rule, ToolOutput};

/// How many units are asked about in one call.
const AT_ONCE: usize = 64;

/// A refusal because nothing is known.
pub(super) fn unreadable(reason: impl Into<String>) -> PlanRefusal {
    PlanRefusal::new(Rule::HostUnreadable, reason)
}

/// Runs a read.
pub(super) fn run(host: &dyn Host, argv: &Argv) -> Result<ToolOutput, PlanRefusal> {
    host.read(argv).map_err(|error| unreadable(error.to_string()))
}

/// What a read printed that ended well.
pub(super) fn text(host: &dyn Host, argv: &Argv) -> Result<Vec<u8>, PlanRefusal> {
    let output = run(host, argv)?;
    if output.exit_code != 0 {
        return Err(unreadable(format!("{} could not be asked", argv.program.name())));
    }
    Ok(output.stdout)
}

/// `systemctl show` of these properties.
pub(super) fn show_argv(properties: &str, names: &[&str]) -> Argv {
    let options = ["--no-pager", "show", "--timestamp=us+utc", "--property", properties, "--"];
    Argv::systemctl(options.into_iter().chain(names.iter().copied()))
}

/// The units of these names, in this order, whether they exist or not.
pub(super) fn units(host: &dyn Host, names: &[&str]) -> Result<Vec<Unit>, PlanRefusal> {
    let mut units = Vec::new();
    for some in names.chunks(AT_ONCE) {
        let printed = text(host, &show_argv(ASKED, some))?;
        let blocks = Properties::blocks(&printed).filter(|blocks| blocks.len() == some.len());
        let blocks = blocks.ok_or_else(|| unreadable("systemctl show printed something unknown"))?;
        for (block, name) in blocks.into_iter().zip(some) {
            let unit = Unit::of(block).filter(|unit| unit.all_names().any(|known| known == *name));
            units
                .push(unit.ok_or_else(|| unreadable(format!("systemctl show did not answer about {name}")))?);
        }
    }
    Ok(units)
}

/// The unit of that name, whether it exists or not.
pub(super) fn unit(host: &dyn Host, name: &str) -> Result<Unit, PlanRefusal> {
    units(host, &[name])?
        .pop()
        .ok_or_else(|| unreadable(format!("systemctl show did not answer about {name}")))
}

/// The unit of that name, which must exist and be one that systemd understands. A masked one exists.
pub(super) fn present(host: &dyn Host, name: &str) -> Result<Unit, PlanRefusal> {
    let unit = unit(host, name)?;
    match unit.load {
        Load::Loaded | Load::Masked => Ok(unit),
        Load::NotFound if unit.is_up() => Ok(unit),
        Load::NotFound => Err(PlanRefusal::new(Rule::SystemdNotFound, format!("there is no unit {name}"))),
        Load::Broken => Err(PlanRefusal::new(
            Rule::SystemdBroken,
            format!("systemd does not understand the file of {name}"),
        )),
    }
}

/// A unit's file with its drop-ins, as they lie on disk.
#[derive(Debug)]
pub(super) struct Files {
    content: Vec<u8>,
}

impl Files {
    /// Reads them; a unit that has none has no content.
    pub(super) fn of(host: &dyn Host, unit: &Unit) -> Result<Self, PlanRefusal> {
        let output = run(host, &Argv::systemctl(["--no-pager", "cat", "--", &unit.id]))?;
        let has_none = unit.fragment.is_none() && output.exit_code == 1 && output.stdout.is_empty();
        if output.exit_code != 0 && !has_none {
            return Err(unreadable(format!("the files of {} cannot be read", unit.id)));
        }
        Ok(Self { content: output.stdout })
    }

    /// What tells these files from all others.
    pub(super) fn identity(&self) -> String {
        let digest = Sha256::digest(&self.content);
        digest.iter().fold("sha256:".to_owned(), |text, byte| format!("{text}{byte:02x}"))
    }

    /// The words behind a key of `[Install]`, in all of them; None when they are not plain names.
    pub(super) fn installs(&self, key: &str) -> Option<Vec<String>> {
        let text = std::str::from_utf8(&self.content).ok()?.replace("\\\n", " ");
        let mut section = "";
        let mut words = Vec::new();
        for line in text.lines().map(str::trim) {
            if line.starts_with('[') {
                section = line;
            }
            let value =
                line.split_once('=').filter(|(name, _)| section == "[Install]" && name.trim_end() == key);
            words.extend(
                value.into_iter().flat_map(|(_, value)| value.split_ascii_whitespace()).map(str::to_owned),
            );
        }
        // `%i` and its kin name another unit for each instance.
        let is_plain = |word: &String| !word.contains(['%', '"', '\'']);
        words.iter().all(is_plain).then_some(words)
    }
}

/// Names for a sentence: the first ten, and how many more there are.
pub(super) fn sentence<'a>(all: impl IntoIterator<Item = &'a str>) -> String {
    const SHOWN: usize = 10;
    let all: Vec<&str> = all.into_iter().collect();
    let shown = all.iter().take(SHOWN).copied().collect::<Vec<_>>().join(", ");
    match all.len().checked_sub(SHOWN) {
        None | Some(0) => shown,
        Some(more) => format!("{shown} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(text: &str) -> Files {
        Files { content: text.as_bytes().to_vec() }
    }

    #[test]
    fn what_is_installed_along_is_read_from_every_file() {
        let both = files(
            "# /etc/a.service\n[Unit]\nAlso=not.service\n[Install]\n# Also=neither.service\nAlso = b.socket \\\n  c.timer\n\n\
             # /etc/a.service.d/x.conf\n[Install]\nAlso=d.path\nAlias=e.service\n",
        );
        assert_eq!(both.installs("Also").unwrap(), ["b.socket", "c.timer", "d.path"]);
        assert_eq!(both.installs("Alias").unwrap(), ["e.service"]);
        assert_eq!(both.installs("WantedBy").unwrap(), Vec::<String>::new());
    }

    #[test]
    fn a_name_that_differs_for_each_instance_is_not_read() {
        assert_eq!(files("[Install]\nAlso=a@%i.socket\n").installs("Also"), None);
    }

    #[test]
    fn identity_is_the_content() {
        assert_ne!(files("a").identity(), files("b").identity());
        assert_eq!(
            files("").identity(),
            "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
    }
}
