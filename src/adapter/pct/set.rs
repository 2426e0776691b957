//! Changing a container's configuration and making its volumes larger, bound to what they are now.

use std::str::FromStr;

use super::parse::{Config, bytes};
use super::reader::{self, Container, pct};
use super::state::changing;
use super::{allowed, slow_step, snapshot};
use crate::adapter::{Action, Effects, Host, Object, Plan, PlanRefusal, Rule, UndoOffer};
use crate::operation::Operation;
use crate::operation::pct::{Disk, Key, Network, PctOperation, Setting, SnapshotName, VmId, Wanted};

/// What is asked of a configuration.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked<'a> {
    pub(super) vm: VmId,
    pub(super) changes: &'a [Setting],
    pub(super) delete: &'a [Key],
    pub(super) before: Option<&'a SnapshotName>,
}

/// Changes a configuration.
pub(super) fn plan(host: &dyn Host, asked: &Asked<'_>) -> Result<Plan, PlanRefusal> {
    let container = reader::present(host, asked.vm)?;
    container.in_service()?;
    container.unlocked()?;
    let config = &container.config;
    let changes: Vec<&Setting> = asked.changes.iter().filter(|setting| !is_so(setting, config)).collect();
    let delete: Vec<&Key> = asked.delete.iter().filter(|key| config.get(key.as_str()).is_some()).collect();
    let object = described(&container, &changes, &delete);
    if changes.is_empty() && delete.is_empty() {
        return Ok(Plan::settled(Effects { objects: vec![object], ..Effects::none() }));
    }
    let settings = &host.settings().pct;
    changes.iter().try_for_each(|setting| allowed::setting(setting, config, settings))?;
    delete.iter().try_for_each(|key| allowed::deletion(key, settings))?;
    let changes: Vec<Setting> = changes.into_iter().map(|setting| kept(setting, config)).collect();
    let changes: Vec<&Setting> = changes.iter().collect();
    let object = described(&container, &changes, &delete);
    let undo = back(&container, &changes, &delete).or_else(|| to_snapshot(asked));
    let loses = delete.iter().any(|key| key.is_mount_point());
    let (mut objects, mut steps) = (Vec::new(), Vec::new());
    if let Some(name) = asked.before {
        let (taken, taking) = snapshot::taking(host, &container, name, None)?;
        objects.push(taken);
        steps.push(taking);
    }
    objects.push(object);
    steps.push(slow_step(pct(arguments(asked.vm, &changes, &delete))));
    let words = undo.as_ref().map(Operation::command_line);
    let effects = Effects { objects, reversible: undo.is_some() && !loses, undo: words, ..Effects::none() };
    Ok(Plan { effects, steps, undo: undo.map(UndoOffer::by), settled: false })
}

fn arguments(vm: VmId, changes: &[&Setting], delete: &[&Key]) -> Vec<String> {
    let mut args = vec!["set".to_owned()];
    args.extend(changes.iter().map(|setting| format!("--{}={}", setting.key().as_str(), setting.value())));
    let keys: Vec<&str> = delete.iter().map(|key| key.as_str()).collect();
    args.extend((!keys.is_empty()).then(|| format!("--delete={}", keys.join(","))));
    args.push(vm.to_string());
    args
}

/// What an interface has and the change does not name stays: its guards, its address, where it is.
fn kept(setting: &Setting, config: &Config) -> Setting {
    let now = config.get(setting.key().as_str()).and_then(|now| Network::from_str(now).ok());
    now.map_or_else(|| setting.clone(), |now| setting.keeping(&now))
}

fn described(container: &Container, changes: &[&Setting], delete: &[&Key]) -> Object {
    let keys =
        changes.iter().map(|setting| setting.key().as_str()).chain(delete.iter().map(|key| key.as_str()));
    let was: Vec<String> =
        keys.map(|key| format!("{key}={}", container.config.get(key).unwrap_or("(not set)"))).collect();
    let new = changes.iter().map(|setting| format!("{}={}", setting.key().as_str(), setting.value()));
    let new: Vec<String> =
        new.chain(delete.iter().map(|key| format!("{}=(not set)", key.as_str()))).collect();
    changing(container, Action::Set).was(was.join(" ")).becomes(new.join(" "))
}

/// Whether a configuration has a setting, in the form in which Proxmox writes it.
pub(super) fn is_so(setting: &Setting, config: &Config) -> bool {
    let Some(now) = config.get(setting.key().as_str()) else { return false };
    let has = |key: &str, value: &str| now.split(',').any(|part| part == format!("{key}={value}"));
    match setting.wanted() {
        Wanted::Plain(value) => match setting.key().as_str() {
            "description" => decoded(now).trim_end() == value,
            "tags" => sorted(value) == sorted(now),
            _other => now == value,
        },
        Wanted::Network(network) => network.parts().all(|(key, value)| has(key, value)),
        Wanted::Volume(volume) => {
            let is_there = now.split(':').next() == Some(volume.storage().as_str());
            is_there
                && volume.parts().all(|(key, value)| has(key, value))
                && now.split(',').any(|part| {
                    part.strip_prefix("size=").and_then(bytes) == Some(u64::from(volume.gib()) << 30)
                })
        }
    }
}

fn sorted(tags: &str) -> Vec<&str> {
    let mut tags: Vec<&str> = tags.split([';', ',', ' ']).filter(|tag| !tag.is_empty()).collect();
    tags.sort_unstable();
    tags.dedup();
    tags
}

/// A description as it was before Proxmox put it into one line: `%0A` is a line end.
pub(super) fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some((plain, coded)) = rest.split_once('%') {
        bytes.extend(plain.as_bytes());
        match coded.get(..2).and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = coded.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(b'%');
                rest = coded;
            }
        }
    }
    bytes.extend(rest.as_bytes());
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The operation that sets everything as it was; none when a value of before is none that may be set.
fn back(container: &Container, changes: &[&Setting], delete: &[&Key]) -> Option<Operation> {
    let (mut old, mut gone) = (Vec::new(), Vec::new());
    let keys = changes.iter().map(|setting| setting.key()).chain(delete.iter().copied());
    for key in keys {
        match container.config.get(key.as_str()) {
            Some(value) => {
                let value = if key.as_str() == "description" {
                    decoded(value).trim_end().to_owned()
                } else {
                    value.to_owned()
                };
                old.push(Setting::new(key.as_str().to_owned(), value).ok()?);
            }
            None => gone.push(key.clone()),
        }
    }
    old.sort_by(|a, b| a.key().cmp(b.key()));
    gone.sort();
    Some(Operation::Pct(PctOperation::Set { vm: container.vm, changes: old, delete: gone, before: None }))
}

fn to_snapshot(asked: &Asked<'_>) -> Option<Operation> {
    let name = asked.before?.clone();
    Some(Operation::Pct(PctOperation::Rollback { vm: asked.vm, name, start: false }))
}

/// Makes a volume larger. Nothing makes it smaller again, a snapshot included.
pub(super) fn resize(
    host: &dyn Host,
    (vm, disk): (VmId, Disk),
    gib: u32,
    before: Option<&SnapshotName>,
) -> Result<Plan, PlanRefusal> {
    allowed::size(gib, &host.settings().pct)?;
    let container = reader::present(host, vm)?;
    container.in_service()?;
    container.unlocked()?;
    let key = disk.to_string();
    let volume = container.config.volume(&key).filter(|volume| !volume.name.starts_with('/'));
    let volume = volume.ok_or_else(|| {
        PlanRefusal::new(Rule::PctNoVolume, format!("{key} of container {vm} is no volume of a storage"))
    })?;
    let asked = u64::from(gib) << 30;
    let was = volume.bytes.map_or_else(|| "of unknown size".to_owned(), |bytes| format!("{bytes} bytes"));
    let object = changing(&container, Action::Resize)
        .was(format!("{key} {}, {was}", volume.name))
        .becomes(format!("{key} {gib} GiB"));
    match volume.bytes {
        Some(bytes) if bytes == asked => {
            return Ok(Plan::settled(Effects { objects: vec![object], ..Effects::none() }));
        }
        Some(bytes) if bytes > asked => {
            let reason =
                format!("{key} of container {vm} has {bytes} bytes already, and cannot be made smaller");
            return Err(PlanRefusal::new(Rule::PctShrink, reason));
        }
        Some(_) | None => {}
    }
    let (mut objects, mut steps) = (Vec::new(), Vec::new());
    if let Some(name) = before {
        let (taken, taking) = snapshot::taking(host, &container, name, None)?;
        objects.push(taken);
        steps.push(taking);
    }
    objects.push(object);
    steps.push(slow_step(pct(["resize".to_owned(), vm.to_string(), key, format!("{gib}G")])));
    let effects = Effects { objects, reversible: false, ..Effects::none() };
    Ok(Plan { effects, steps, undo: None, settled: false })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> Config {
        Config::read(&format!("rootfs: local-zfs:subvol-101-disk-0,size=8G\n{text}")).unwrap()
    }

    fn so(key: &str, value: &str, now: &str) -> bool {
        is_so(&Setting::new(key.to_owned(), value.to_owned()).unwrap(), &config(&format!("{key}: {now}\n")))
    }

    #[test]
    fn a_value_is_recognised_in_the_form_in_which_proxmox_writes_it() {
        assert!(so("memory", "512", "512"));
        assert!(so("tags", "b;a", "a;b"));
        assert!(so("description", "a: b", "a%3A b%0A"));
        let written = "name=eth0,bridge=vmbr0,hwaddr=BC:24:11:00:65:00,ip=dhcp,type=veth";
        assert!(so("net0", "ip=dhcp,name=eth0,bridge=vmbr0", written));
        assert!(so("mp0", "local-zfs:8,mp=/data", "local-zfs:subvol-101-disk-1,mp=/data,size=8G"));
    }

    #[test]
    fn another_value_is_not_taken_for_the_one_asked_for() {
        assert!(!so("memory", "512", "5120"));
        assert!(!so("tags", "a", "a;b"));
        assert!(!so("net0", "name=eth0,bridge=vmbr1", "name=eth0,bridge=vmbr0,type=veth"));
        assert!(!so("mp0", "local-zfs:8,mp=/data", "local-zfs:subvol-101-disk-1,mp=/data,size=80G"));
        assert!(!is_so(&Setting::new("onboot".to_owned(), "0".to_owned()).unwrap(), &config("")));
    }

    #[test]
    fn a_description_is_decoded_whatever_it_holds() {
        assert_eq!(decoded("a%3A b%0Ac"), "a: b\nc");
        assert_eq!(decoded("100%"), "100%");
        assert_eq!(decoded("%zz%C3%A4"), "%zzä");
    }
}
