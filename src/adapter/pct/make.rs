//! Making containers: from a template, and by copying one.

use super::reader::{self, pct};
use super::{allowed, long_step};
use crate::adapter::{Action, Effects, Host, Object, Plan, PlanRefusal, Rule, UndoOffer};
use crate::operation::Operation;
use crate::operation::pct::{Creation, Hostname, PctOperation, SnapshotName, StorageName, VmId};

/// Root's own file of public keys for new containers: its path is fixed, so that no argument names a file.
pub(super) const KEYS: &str = "/etc/reeve/pct-ssh-keys";

/// What a copy is made of.
#[derive(Debug, Clone, Copy)]
pub(super) struct Copy<'a> {
    pub(super) vm: VmId,
    pub(super) to: VmId,
    pub(super) hostname: Option<&'a Hostname>,
    pub(super) snapshot: Option<&'a SnapshotName>,
    pub(super) full: bool,
    pub(super) storage: Option<&'a StorageName>,
}

/// Creates a container.
pub(super) fn create(host: &dyn Host, creation: &Creation) -> Result<Plan, PlanRefusal> {
    let settings = &host.settings().pct;
    allowed::creation(creation, settings)?;
    reader::absent(host, creation.vm)?;
    let what = format!("from {}, {} GiB on {}", creation.template, creation.gib, creation.storage);
    let kind = if creation.privileged { "privileged container" } else { "container" };
    let object = Object::new(Action::Create, kind, creation.vm.to_string(), None).becomes(what);
    let object = match &creation.hostname {
        Some(name) => object.note(name.as_str()),
        None => object,
    };
    Ok(made(creation.vm, object, arguments(creation)))
}

/// A plan that makes one container, which `destroy` takes away again.
fn made(vm: VmId, object: Object, args: Vec<String>) -> Plan {
    let undo = Operation::Pct(PctOperation::Destroy { vm, retire: false, related: false });
    let effects = Effects { objects: vec![object], undo: Some(undo.command_line()), ..Effects::none() };
    Plan { effects, steps: vec![long_step(pct(args))], undo: Some(UndoOffer::by(undo)), settled: false }
}

fn arguments(creation: &Creation) -> Vec<String> {
    let mut args = vec!["create".to_owned()];
    let mut give =
        |name: &str, value: Option<String>| args.extend(value.map(|value| format!("--{name}={value}")));
    give("rootfs", Some(format!("{}:{}", creation.storage, creation.gib)));
    give("unprivileged", Some(if creation.privileged { "0" } else { "1" }.to_owned()));
    give("hostname", creation.hostname.as_ref().map(ToString::to_string));
    give("memory", creation.memory.map(|mib| mib.to_string()));
    give("swap", creation.swap.map(|mib| mib.to_string()));
    give("cores", creation.cores.map(|count| count.to_string()));
    for (number, network) in creation.networks.iter().enumerate() {
        give(&format!("net{number}"), Some(network.to_string()));
    }
    give("tags", tags(creation));
    let features: Vec<String> =
        creation.features.iter().map(|feature| format!("{}=1", feature.as_str())).collect();
    give("features", (!features.is_empty()).then(|| features.join(",")));
    give("description", creation.description.as_ref().map(ToString::to_string));
    give("onboot", creation.onboot.then(|| "1".to_owned()));
    give("ssh-public-keys", creation.ssh_keys.then(|| KEYS.to_owned()));
    args.extend([creation.vm.to_string(), creation.template.to_string()]);
    args
}

fn tags(creation: &Creation) -> Option<String> {
    let tags: Vec<&str> = creation.tags.iter().map(crate::operation::pct::Tag::as_str).collect();
    (!tags.is_empty()).then(|| tags.join(";"))
}

/// Copies a container.
pub(super) fn copy(host: &dyn Host, copy: &Copy<'_>) -> Result<Plan, PlanRefusal> {
    let original = reader::present(host, copy.vm)?;
    original.unlocked()?;
    if let Some(place) = copy.storage {
        allowed::storage(place, &host.settings().pct)?;
    }
    if let Some(name) = copy.snapshot
        && reader::snapshots(host, copy.vm)?.find(name.as_str()).is_none()
    {
        return Err(PlanRefusal::new(
            Rule::PctNoSnapshot,
            format!("container {} has no snapshot {name}", copy.vm),
        ));
    }
    let is_linked = original.config.is_on("template") && !copy.full;
    if original.runs() && copy.snapshot.is_none() {
        let reason = format!("container {} runs: it can be copied from a snapshot only", copy.vm);
        return Err(PlanRefusal::new(Rule::PctRunning, reason));
    }
    if is_linked && copy.storage.is_some() {
        let reason =
            format!("a linked copy of template {} stays on its storage; full makes a whole one", copy.vm);
        return Err(PlanRefusal::new(Rule::PctTemplate, reason));
    }
    reader::absent(host, copy.to)?;
    // What is copied is what the snapshot has, where one is named.
    let then = copy.snapshot.map(|name| reader::config_of(host, copy.vm, name)).transpose()?;
    let config = then.as_ref().unwrap_or(&original.config);
    allowed::inherited(copy.vm, config, &host.settings().pct)?;
    let of = copy.snapshot.map_or_else(|| copy.vm.to_string(), |name| format!("{}@{name}", copy.vm));
    let way = if is_linked { "linked to" } else { "whole copy of" };
    let object = Object::new(Action::Create, "container", copy.to.to_string(), None)
        .was(format!("{} {}", copy.vm, config.digest()))
        .becomes(format!("{way} {of}"));
    let object = object.note(copy.hostname.map_or_else(|| original.note(), ToString::to_string));
    let mut args = vec!["clone".to_owned()];
    let mut give =
        |name: &str, value: Option<String>| args.extend(value.map(|value| format!("--{name}={value}")));
    give("hostname", copy.hostname.map(ToString::to_string));
    give("snapname", copy.snapshot.map(ToString::to_string));
    give("full", copy.full.then(|| "1".to_owned()));
    give("storage", copy.storage.map(ToString::to_string));
    args.extend([copy.vm.to_string(), copy.to.to_string()]);
    Ok(made(copy.to, object, args))
}
