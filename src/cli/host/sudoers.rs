//! `reeve sudoers`: the rule that root gives away, for the wrappers that the configuration at hand has a use for.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use super::GATE_CONFIG;
use super::sudo::Sudo;
use crate::cli::exit::{Exit, Failure, with_causes};
use crate::cli::screen::Screen;
use crate::gate::config::GateConfig;
use crate::operation::catalogue;
use crate::policy::Contracts;
use crate::sys::host;

const FRAGMENT: &str = include_str!("../../../sudoers/reeve");
/// The same rules without the settings that sudo-rs does not know.
const FRAGMENT_RS: &str = include_str!("../../../sudoers/reeve-rs");
/// What a line that lets a wrapper be started begins with, up to the kind of operations that it is for.
const RULE: &str = "reeve-run ALL = (root:root) NOPASSWD: /usr/local/libexec/reeve/reeve-";

/// Print the sudo rule that this host's configuration needs
#[derive(Debug, Args)]
#[command(after_help = "\
It lets the launcher's user start the wrappers of those kinds of operations that some contract on this
host has, without arguments, and nothing else. Run it as root, who can read the contracts.

Example:
  reeve sudoers > /etc/sudoers.d/reeve.new && visudo -cf /etc/sudoers.d/reeve.new &&
        mv /etc/sudoers.d/reeve.new /etc/sudoers.d/reeve

sudo does not read files with a dot in their names, so a broken one is never in force.")]
pub(in crate::cli) struct SudoersArgs {
    /// Every wrapper, whatever the contracts have
    #[arg(long)]
    all: bool,
    /// The gate's configuration
    #[arg(long, value_name = "FILE", default_value = GATE_CONFIG, conflicts_with = "all")]
    gate: PathBuf,
}

/// Prints the fragment.
pub(in crate::cli) fn run(args: &SudoersArgs, screen: Screen) -> Result<Exit, Failure> {
    let whole = match Sudo::of_this_host() {
        Ok(sudo) if sudo.is_rs => FRAGMENT_RS,
        Ok(_) | Err(_) => FRAGMENT,
    };
    let fragment = if args.all { whole.to_owned() } else { for_kinds(whole, &granted_kinds(&args.gate)?) };
    if screen.is_json() {
        screen.document(&json!({"path": "/etc/sudoers.d/reeve", "fragment": fragment}))?;
    } else {
        screen.line(fragment.trim_end())?;
    }
    Ok(Exit::Done)
}

/// The fragment without the wrappers of other kinds.
fn for_kinds(whole: &str, kinds: &BTreeSet<&str>) -> String {
    let is_used = |line: &&str| {
        let kind = line.strip_prefix(RULE).and_then(|rest| rest.strip_suffix(" \"\""));
        kind.is_none_or(|kind| kinds.contains(kind))
    };
    whole.lines().filter(is_used).flat_map(|line| [line, "\n"]).collect()
}

/// The kinds of which some contract has an operation.
fn granted_kinds(gate: &Path) -> Result<BTreeSet<&'static str>, Failure> {
    let failed = |problem: String| {
        Failure::new(Exit::Failed, problem).hint("`reeve sudoers --all` prints the rule for every wrapper")
    };
    let config = GateConfig::read(gate, &host::hostname()?).map_err(|error| failed(with_causes(&error)))?;
    let contracts = Contracts::load(&config.contracts).map_err(|error| failed(with_causes(&error)))?;
    let has = |tool: &str| {
        contracts.names().filter_map(|name| contracts.get(name)).any(|contract| contract.has(tool))
    };
    let granted = catalogue().filter(|entry| has(&entry.name()));
    Ok(granted.map(|entry| entry.kind).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grant::WrapperName;

    fn rules(fragment: &str) -> Vec<&str> {
        fragment.lines().filter_map(|line| line.strip_prefix(RULE)).collect()
    }

    #[test]
    fn every_wrapper_has_its_line_and_there_is_no_other() {
        let wanted: Vec<String> = WrapperName::ALL
            .iter()
            .map(|name| format!("{} \"\"", name.as_str().strip_prefix("reeve-").unwrap()))
            .collect();
        for fragment in [FRAGMENT, FRAGMENT_RS] {
            assert_eq!(rules(fragment), wanted);
            let others = fragment.lines().filter(|line| line.contains("NOPASSWD") && !line.starts_with(RULE));
            assert_eq!(others.count(), 0);
        }
    }

    #[test]
    fn wrappers_that_no_contract_has_a_use_for_are_left_out() {
        assert_eq!(rules(&for_kinds(FRAGMENT, &BTreeSet::from(["zfs"]))), ["zfs \"\""]);
        assert_eq!(rules(&for_kinds(FRAGMENT, &BTreeSet::new())), [""; 0]);
        assert!(for_kinds(FRAGMENT, &BTreeSet::new()).contains("Defaults:reeve-run env_reset"));
    }
}
