//! Reads of containers, in which "could not be read" and "is not there" are never the same.

use super::parse::{self, Backup, Config, Snapshots, State};
use super::settings::{Ha, PctSettings};
use crate::adapter::{Argv, Host, PlanRefusal, Program, Rule, ToolOutput};
use crate::operation::Operation;
use crate::operation::pct::{OWN_TAGS, PctOperation, SnapshotName, StorageName, VmId};

/// The tag of a container that waits to be purged.
pub(super) const RETIRED: &str = "reeve-retired";
/// The tag of a retired container that had started with the host.
pub(super) const WAS_ONBOOT: &str = "reeve-was-onboot";

/// What is known of a container when something is planned for it.
#[derive(Debug)]
pub(super) struct Container {
    pub(super) vm: VmId,
    pub(super) state: State,
    /// Its first process, as the host numbers it, where it runs.
    pub(super) pid: Option<String>,
    pub(super) config: Config,
}

/// A refusal because nothing is known.
pub(super) fn unreadable(reason: impl Into<String>) -> PlanRefusal {
    PlanRefusal::new(Rule::HostUnreadable, reason)
}

/// `pct` with arguments: options first, each joined with its value, so that none takes an operand for one.
pub(super) fn pct(args: impl IntoIterator<Item = impl Into<String>>) -> Argv {
    Argv::new(Program::Pct, args)
}

/// Runs a read that must succeed without a word on the side.
fn text(host: &dyn Host, argv: &Argv) -> Result<String, PlanRefusal> {
    whole(run(host, argv)?, argv)
}

fn run(host: &dyn Host, argv: &Argv) -> Result<ToolOutput, PlanRefusal> {
    host.read(argv).map_err(|error| unreadable(error.to_string()))
}

fn whole(output: ToolOutput, argv: &Argv) -> Result<String, PlanRefusal> {
    // An error behind half an answer comes with status 0, too.
    if output.exit_code != 0 || !output.stderr.is_empty() {
        return Err(unreadable(format!("{} could not read the host", argv.program.name())));
    }
    let stdout = String::from_utf8(output.stdout);
    stdout.map_err(|_| unreadable(format!("{} printed no text", argv.program.name())))
}

/// Runs a read of one container; None when the tool says, in exactly the words for it, that it is not on this node.
fn of_one(host: &dyn Host, vm: VmId, args: &[&str]) -> Result<Option<String>, PlanRefusal> {
    let argv = pct(args.iter().copied());
    let output = run(host, &argv)?;
    // What else went wrong ends with the same numbers: only the words tell.
    let is_absent = output.exit_code != 0 && output.stdout.is_empty() && says_absent(vm, &output.stderr);
    if is_absent { Ok(None) } else { whole(output, &argv).map(Some) }
}

fn says_absent(vm: VmId, stderr: &[u8]) -> bool {
    let stderr = String::from_utf8_lossy(stderr);
    let node = stderr
        .strip_prefix("Configuration file 'nodes/")
        .and_then(|rest| rest.strip_suffix(&format!("/lxc/{vm}.conf' does not exist\n")));
    node.is_some_and(|node| !node.is_empty() && node.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'))
}

fn odd(what: &str) -> PlanRefusal {
    unreadable(format!("{what} printed what Reeve does not know"))
}

/// The refusal for a container that is not there.
pub(super) fn missing(vm: VmId) -> PlanRefusal {
    PlanRefusal::new(Rule::PctNotFound, format!("there is no container {vm} on this node"))
}

/// Every container of this node.
pub(super) fn list(host: &dyn Host) -> Result<Vec<parse::Listed>, PlanRefusal> {
    let text = text(host, &pct(["list"]))?;
    parse::list(&text).ok_or_else(|| odd("pct list"))
}

/// A container's configuration, with what waits for its next start; None when there is no such container.
pub(super) fn config(host: &dyn Host, vm: VmId) -> Result<Option<Config>, PlanRefusal> {
    let Some(text) = of_one(host, vm, &["config", &vm.to_string()])? else { return Ok(None) };
    Config::read(&text).map(Some).ok_or_else(|| odd("pct config"))
}

/// The configuration that a running container has, without what waits for its next start.
pub(super) fn current(host: &dyn Host, vm: VmId) -> Result<Config, PlanRefusal> {
    let text = of_one(host, vm, &["config", "--current=1", &vm.to_string()])?.ok_or_else(|| missing(vm))?;
    Config::read(&text).ok_or_else(|| odd("pct config"))
}

/// A snapshot's configuration; the snapshot is known to be there.
pub(super) fn config_of(host: &dyn Host, vm: VmId, name: &SnapshotName) -> Result<Config, PlanRefusal> {
    let args = ["config", &format!("--snapshot={name}"), &vm.to_string()];
    let text = of_one(host, vm, &args)?.ok_or_else(|| missing(vm))?;
    Config::read(&text).ok_or_else(|| odd("pct config"))
}

/// What `pct status --verbose` says; None when there is no such container.
pub(super) fn status(host: &dyn Host, vm: VmId) -> Result<Option<Status>, PlanRefusal> {
    let Some(text) = of_one(host, vm, &["status", "--verbose=1", &vm.to_string()])? else { return Ok(None) };
    let pairs = parse::pairs(&text).ok_or_else(|| odd("pct status"))?;
    let state = match pairs.get("status").map(String::as_str) {
        Some("running") => State::Running,
        Some("stopped") => State::Stopped,
        Some(_) | None => return Err(odd("pct status")),
    };
    if pairs.get("vmid").is_some_and(|shown| *shown != vm.to_string()) {
        return Err(odd("pct status"));
    }
    Ok(Some(Status { state, pairs }))
}

/// What a container does now.
#[derive(Debug)]
pub(super) struct Status {
    pub(super) state: State,
    pub(super) pairs: std::collections::BTreeMap<String, String>,
}

/// A container's snapshots; the container is known to be there.
pub(super) fn snapshots(host: &dyn Host, vm: VmId) -> Result<Snapshots, PlanRefusal> {
    let text = of_one(host, vm, &["listsnapshot", &vm.to_string()])?.ok_or_else(|| missing(vm))?;
    parse::snapshots(&text).ok_or_else(|| odd("pct listsnapshot"))
}

/// The backups that lie on these storages.
pub(super) fn backups(
    host: &dyn Host,
    vm: VmId,
    storages: &[StorageName],
) -> Result<Vec<Backup>, PlanRefusal> {
    let mut found = Vec::new();
    for storage in storages {
        let args = ["list", "--content=backup", &format!("--vmid={vm}"), storage.as_str()];
        let text = text(host, &Argv::new(Program::Pvesm, args))?;
        found.extend(parse::backups(&text).ok_or_else(|| odd("pvesm list"))?);
    }
    Ok(found)
}

/// Whether the HA manager looks after the container.
pub(super) fn is_ha(host: &dyn Host, vm: VmId, settings: &PctSettings) -> Result<bool, PlanRefusal> {
    if settings.ha == Ha::Absent {
        return Ok(false);
    }
    let text = text(host, &Argv::new(Program::HaManager, ["config"]))?;
    let all = parse::ha(&text).ok_or_else(|| odd("ha-manager config"))?;
    Ok(all.contains(&vm.to_string().as_str()))
}

/// The container, which must be there.
pub(super) fn present(host: &dyn Host, vm: VmId) -> Result<Container, PlanRefusal> {
    let config = config(host, vm)?.ok_or_else(|| missing(vm))?;
    let Status { state, mut pairs } = status(host, vm)?.ok_or_else(|| missing(vm))?;
    Ok(Container { vm, state, pid: pairs.remove("pid"), config })
}

/// That there is no container of that number on this node.
pub(super) fn absent(host: &dyn Host, vm: VmId) -> Result<(), PlanRefusal> {
    match config(host, vm)? {
        None => Ok(()),
        Some(_) => Err(PlanRefusal::new(Rule::PctExists, format!("there is a container {vm} already"))),
    }
}

impl Container {
    pub(super) fn runs(&self) -> bool {
        self.state == State::Running
    }

    pub(super) fn is_retired(&self) -> bool {
        self.config.tags().contains(&RETIRED)
    }

    /// That nothing else works on it.
    pub(super) fn unlocked(&self) -> Result<(), PlanRefusal> {
        match self.config.get("lock") {
            None => Ok(()),
            Some(lock) => {
                let reason = format!(
                    "container {} is locked ({lock}): something works on it, or left that behind",
                    self.vm
                );
                Err(PlanRefusal::new(Rule::PctLocked, reason)
                    .or([Operation::Pct(PctOperation::Unlock { vm: self.vm })]))
            }
        }
    }

    /// That it does not wait to be purged.
    pub(super) fn in_service(&self) -> Result<(), PlanRefusal> {
        if !self.is_retired() {
            return Ok(());
        }
        let reason = format!("container {} is retired", self.vm);
        Err(PlanRefusal::new(Rule::PctRetired, reason)
            .or([Operation::Pct(PctOperation::Unretire { vm: self.vm })]))
    }

    /// That it is no template, which neither runs nor has snapshots.
    pub(super) fn no_template(&self) -> Result<(), PlanRefusal> {
        if !self.config.is_on("template") {
            return Ok(());
        }
        Err(PlanRefusal::new(Rule::PctTemplate, format!("container {} is a template", self.vm)))
    }

    /// Whether the HA manager looks after it, and that this stands in nobody's way.
    pub(super) fn ha(&self, host: &dyn Host) -> Result<bool, PlanRefusal> {
        let settings = &host.settings().pct;
        let is_ha = is_ha(host, self.vm, settings)?;
        if is_ha && settings.ha != Ha::Allow {
            let reason = format!(
                "the HA manager looks after container {}, and this host's configuration leaves it to that",
                self.vm
            );
            return Err(PlanRefusal::new(Rule::PctHa, reason));
        }
        Ok(is_ha)
    }

    /// Its own tags, without Reeve's.
    pub(super) fn others_tags(&self) -> Vec<&str> {
        self.config.tags().into_iter().filter(|tag| !tag.starts_with(OWN_TAGS)).collect()
    }

    /// Its name for people: `web`, or nothing when it has none.
    pub(super) fn note(&self) -> String {
        self.config.get("hostname").unwrap_or("no host name").to_owned()
    }
}

/// Names for a sentence: the first ten, and how many more there are.
pub(super) fn names<'a>(all: impl IntoIterator<Item = &'a str>) -> String {
    const SHOWN: usize = 10;
    let all: Vec<&str> = all.into_iter().collect();
    let shown = all.iter().take(SHOWN).copied().collect::<Vec<_>>().join(", ");
    match all.len().checked_sub(SHOWN) {
        None | Some(0) => shown,
        Some(more) => format!("{shown} and {more} more"),
    }
}
