//! What root's configuration lets containers be made of and have: what is asked for, and what a copy takes over.

use std::num::NonZeroU32;
use std::str::FromStr;

use super::parse::Config;
use super::settings::PctSettings;
use crate::adapter::{PlanRefusal, Rule};
use crate::operation::pct::{Creation, Feature, Key, Network, Setting, StorageName, VmId, Wanted};

/// MiB of memory and of swap where a configuration does not say: Proxmox's own.
const USUAL_MIB: u32 = 512;
/// Keys that a copy may take over besides those that may be set: none of them reaches out of the container.
const HARMLESS: [&str; 13] = [
    "arch",
    "cmode",
    "console",
    "debug",
    "digest",
    "lock",
    "ostype",
    "parent",
    "snaptime",
    "template",
    "timezone",
    "tty",
    "unprivileged",
];
/// What a copied mount point may say besides its volume.
const MOUNT_WORDS: [&str; 5] = ["mp", "backup", "ro", "size", "replicate"];

/// That a new container may be made so. Nothing is allowed from the beginning.
pub(super) fn creation(creation: &Creation, settings: &PctSettings) -> Result<(), PlanRefusal> {
    if !settings.templates.contains(&creation.template) {
        return Err(not_allowed("pct.templates", creation.template.as_str()));
    }
    storage(&creation.storage, settings)?;
    size(creation.gib, settings)?;
    memory(creation.memory.unwrap_or(USUAL_MIB), settings)?;
    memory(creation.swap.unwrap_or(USUAL_MIB), settings)?;
    cores(creation.cores, settings)?;
    creation.networks.iter().try_for_each(|asked| network(asked, settings))?;
    creation.features.iter().try_for_each(|asked| feature(*asked, settings))?;
    if creation.privileged && !settings.privileged {
        return Err(privileged());
    }
    if creation.ssh_keys && !settings.ssh_keys {
        return Err(not_allowed("pct.ssh_keys", "ssh_keys"));
    }
    Ok(())
}

/// That a key may be set to what it shall be, where the configuration has it so.
pub(super) fn setting(setting: &Setting, config: &Config, settings: &PctSettings) -> Result<(), PlanRefusal> {
    let now = config.get(setting.key().as_str());
    match setting.wanted() {
        Wanted::Plain(value) => number(setting.key().as_str(), value, settings),
        Wanted::Network(asked) => match now.and_then(|now| Network::from_str(now).ok()) {
            Some(now) => changed_network(asked, &now, settings),
            None => network(asked, settings),
        },
        Wanted::Volume(_) if now.is_some() => {
            let reason = format!("{} is taken already", setting.key().as_str());
            Err(PlanRefusal::new(Rule::PctExists, reason))
        }
        Wanted::Volume(volume) => {
            size(volume.gib(), settings)?;
            storage(volume.storage(), settings)
        }
    }
}

/// That a key may go back to Proxmox's own value: of processors that is all of the host's.
pub(super) fn deletion(key: &Key, settings: &PctSettings) -> Result<(), PlanRefusal> {
    match key.as_str() {
        "cores" => cores(None, settings),
        "memory" | "swap" => memory(USUAL_MIB, settings),
        _other => Ok(()),
    }
}

fn number(key: &str, value: &str, settings: &PctSettings) -> Result<(), PlanRefusal> {
    let Ok(number) = value.parse::<u32>() else { return Ok(()) };
    match key {
        "cores" => cores(Some(number), settings),
        "memory" | "swap" => memory(number, settings),
        _other => Ok(()),
    }
}

/// That volumes may be made on a storage.
pub(super) fn storage(storage: &StorageName, settings: &PctSettings) -> Result<(), PlanRefusal> {
    allowed(settings.storages.contains(storage), "pct.storages", storage.as_str())
}

/// That a volume may be so large.
pub(super) fn size(gib: u32, settings: &PctSettings) -> Result<(), PlanRefusal> {
    at_most(gib, settings.max_size, "pct.max_size", "GiB")
}

fn memory(mib: u32, settings: &PctSettings) -> Result<(), PlanRefusal> {
    at_most(mib, settings.max_memory, "pct.max_memory", "MiB")
}

fn cores(count: Option<u32>, settings: &PctSettings) -> Result<(), PlanRefusal> {
    // Without a number a container has all of the host's.
    at_most(count.unwrap_or(u32::MAX), settings.max_cores, "pct.max_cores", "cores")
}

fn at_most(asked: u32, most: Option<NonZeroU32>, key: &str, unit: &str) -> Result<(), PlanRefusal> {
    let Some(most) = most.filter(|most| asked > most.get()) else { return Ok(()) };
    let asked = if asked == u32::MAX { "all".to_owned() } else { asked.to_string() };
    let reason = format!("{asked} {unit} is more than this host's configuration allows ({key} = {most})");
    Err(PlanRefusal::new(Rule::PctNotAllowed, reason))
}

/// That an interface may be put where it asks to be.
fn network(asked: &Network, settings: &PctSettings) -> Result<(), PlanRefusal> {
    allowed(settings.bridges.contains(asked.bridge()), "pct.bridges", asked.bridge())?;
    match asked.tag() {
        Some(tag) => allowed(settings.allows_vlan(tag), "pct.vlans", &format!("VLAN {tag}")),
        None => Ok(()),
    }
}

/// The same, of one that is there: it stays where it is, whatever is allowed, and goes nowhere else from there.
fn changed_network(asked: &Network, now: &Network, settings: &PctSettings) -> Result<(), PlanRefusal> {
    let is_moved = asked.bridge() != now.bridge() || asked.tag().is_some_and(|tag| now.tag() != Some(tag));
    if is_moved { network(&asked.keeping(now), settings) } else { Ok(()) }
}

fn feature(asked: Feature, settings: &PctSettings) -> Result<(), PlanRefusal> {
    allowed(settings.features.contains(&asked), "pct.features", asked.as_str())
}

fn privileged() -> PlanRefusal {
    not_allowed("pct.privileged", "a container without a user namespace")
}

/// That a container of this configuration could have been made: what is refused to a new one is not copied either.
pub(super) fn inherited(vm: VmId, config: &Config, settings: &PctSettings) -> Result<(), PlanRefusal> {
    let never = |what: &str| {
        let reason = format!("container {vm} has {what}, which Reeve gives to no container");
        PlanRefusal::new(Rule::PctNotAllowed, reason)
    };
    if let Some((key, _)) = config.raw.first() {
        return Err(never(key));
    }
    if !config.is_on("unprivileged") && !settings.privileged {
        return Err(privileged());
    }
    cores(config.get("cores").and_then(|cores| cores.parse().ok()), settings)?;
    for key in ["memory", "swap"] {
        memory(
            config.get(key).map_or(Some(USUAL_MIB), |mib| mib.parse().ok()).unwrap_or(u32::MAX),
            settings,
        )?;
    }
    for (key, value) in &config.keys {
        if key == "features" {
            features(value, settings)
                .map_err(|strange| strange.unwrap_or_else(|| never(&format!("features {value}"))))?;
        } else if key == "rootfs" || is_volume(key) {
            volume(config, key, value, settings).ok_or_else(|| never(&format!("{key} {value}")))??;
        } else if key.starts_with("net") && Key::try_from(key.clone()).is_ok() {
            let interface = Network::from_str(value).map_err(|_strange| never(&format!("{key} {value}")))?;
            network(&interface, settings)?;
        } else if Key::try_from(key.clone()).is_err() && !HARMLESS.contains(&key.as_str()) {
            return Err(never(key));
        }
    }
    Ok(())
}

/// The outer `Err` is a feature that has no name here.
fn features(value: &str, settings: &PctSettings) -> Result<(), Option<PlanRefusal>> {
    for part in value.split(',') {
        let (word, is_on) = part.split_once('=').ok_or(None)?;
        let asked = Feature::from_word(word).ok_or(None)?;
        if is_on != "0" {
            feature(asked, settings).map_err(Some)?;
        }
    }
    Ok(())
}

fn is_volume(key: &str) -> bool {
    let digits = key.strip_prefix("mp").or_else(|| key.strip_prefix("unused"));
    digits.is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()))
}

/// None for what is no volume of a storage, or says more than a new one could.
fn volume(
    config: &Config,
    key: &str,
    value: &str,
    settings: &PctSettings,
) -> Option<Result<(), PlanRefusal>> {
    let volume = config.volume(key)?;
    let (place, _name) = volume.name.split_once(':')?;
    let place = StorageName::try_from(place.to_owned()).ok()?;
    let known = |part: &str| part.split_once('=').is_some_and(|(word, _)| MOUNT_WORDS.contains(&word));
    value.split(',').skip(1).all(known).then_some(())?;
    let gib = volume.bytes.map_or(0, |bytes| bytes.div_ceil(1 << 30));
    Some(storage(&place, settings).and_then(|()| size(u32::try_from(gib).unwrap_or(u32::MAX), settings)))
}

fn allowed(is_allowed: bool, key: &str, what: &str) -> Result<(), PlanRefusal> {
    if is_allowed { Ok(()) } else { Err(not_allowed(key, what)) }
}

fn not_allowed(key: &str, what: &str) -> PlanRefusal {
    PlanRefusal::new(
        Rule::PctNotAllowed,
        format!("{what} is not among what this host's configuration allows ({key})"),
    )
}
