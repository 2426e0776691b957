//! An operation on containers from its JSON: every field typed, none left over.

use std::str::FromStr;

use serde_json::Value;

use super::{Creation, Feature, Key, Network, PctOperation, Setting, SnapshotName, Tag, VmId};
use crate::operation::{Invalid, fields::Fields};

/// A volume's GiB.
pub(super) const GIB: (u64, u64) = (1, 65_536);
/// MiB of memory.
pub(super) const MEMORY: (u64, u64) = (16, 16_777_216);
/// MiB of swap.
pub(super) const SWAP: (u64, u64) = (0, 16_777_216);
/// Processors.
pub(super) const CORES: (u64, u64) = (1, 8192);
/// Seconds to wait for a shutdown.
pub(super) const TIMEOUT: (u64, u64) = (1, 3600);
/// How many interfaces, tags or changes one operation may name.
pub(super) const MOST: usize = 16;

impl PctOperation {
    /// Makes the operation `op` on `resource`.
    pub(in crate::operation) fn from_parts(
        op: &str,
        resource: &str,
        params: &mut Fields,
    ) -> Result<Self, Invalid> {
        match op {
            "list" => Ok(Self::List { range: named(resource)? }),
            "status" | "config" | "snapshots" => Self::read(op, named(resource)?, params),
            "start" | "shutdown" | "reboot" | "stop" | "unlock" | "unretire" => {
                Self::of_state(op, named(resource)?, params)
            }
            "snapshot" | "rollback" | "delete-snapshot" => Self::of_snapshots(op, named(resource)?, params),
            "create" => create(named(resource)?, params).map(|creation| Self::Create(Box::new(creation))),
            "clone" => clone(named(resource)?, params),
            "set" => set(named(resource)?, params),
            "resize" => Ok(Self::Resize {
                vm: named(resource)?,
                disk: params.required("disk")?,
                gib: gib(params)?,
                before: params.parsed("before")?,
            }),
            "destroy" => destroy(named(resource)?, params),
            "purge" => Ok(Self::Purge { vm: named(resource)?, related: params.switch("related")? }),
            other => {
                Err(Invalid::at("/op", format!("pct has no operation {other:?}; GET /host/ops lists them")))
            }
        }
    }

    fn read(op: &str, vm: VmId, params: &mut Fields) -> Result<Self, Invalid> {
        match op {
            "status" => Ok(Self::Status { vm }),
            "config" => Ok(Self::Config { vm, snapshot: params.parsed("snapshot")? }),
            _snapshots => Ok(Self::Snapshots { vm }),
        }
    }

    fn of_state(op: &str, vm: VmId, params: &mut Fields) -> Result<Self, Invalid> {
        match op {
            "start" => Ok(Self::Start { vm }),
            "shutdown" => Ok(Self::Shutdown { vm, timeout: small(params, "timeout", TIMEOUT)? }),
            "reboot" => Ok(Self::Reboot { vm, timeout: small(params, "timeout", TIMEOUT)? }),
            "stop" => Ok(Self::Stop { vm }),
            "unretire" => Ok(Self::Unretire { vm }),
            _unlock => Ok(Self::Unlock { vm }),
        }
    }

    fn of_snapshots(op: &str, vm: VmId, params: &mut Fields) -> Result<Self, Invalid> {
        let name: SnapshotName = params.required("name")?;
        match op {
            "snapshot" => Ok(Self::Snapshot { vm, name, description: params.parsed("description")? }),
            "rollback" => Ok(Self::Rollback { vm, name, start: params.switch("start")? }),
            _delete => Ok(Self::DeleteSnapshot { vm, name }),
        }
    }
}

fn named<T: TryFrom<String, Error = Invalid>>(resource: &str) -> Result<T, Invalid> {
    T::try_from(resource.to_owned()).map_err(|invalid| invalid.under("/resource"))
}

fn small(params: &mut Fields, name: &str, (least, most): (u64, u64)) -> Result<Option<u32>, Invalid> {
    let number = params.number(name, least, most)?;
    Ok(number.and_then(|number| u32::try_from(number).ok()))
}

fn gib(params: &mut Fields) -> Result<u32, Invalid> {
    small(params, "size", GIB)?.ok_or_else(|| Invalid::at("/params/size", "is missing"))
}

fn create(vm: VmId, params: &mut Fields) -> Result<Creation, Invalid> {
    Ok(Creation {
        vm,
        template: params.required("template")?,
        storage: params.required("storage")?,
        gib: gib(params)?,
        hostname: params.parsed("hostname")?,
        memory: small(params, "memory", MEMORY)?,
        swap: small(params, "swap", SWAP)?,
        cores: small(params, "cores", CORES)?,
        networks: texts(params, "networks", Network::from_str)?,
        tags: texts(params, "tags", |text| Tag::try_from(text.to_owned()))?,
        features: features(params)?,
        description: params.parsed("description")?,
        onboot: params.switch("onboot")?,
        privileged: params.switch("privileged")?,
        ssh_keys: params.switch("ssh_keys")?,
    })
}

fn features(params: &mut Fields) -> Result<Vec<Feature>, Invalid> {
    let features = texts(params, "features", |word| {
        Feature::from_word(word)
            .ok_or_else(|| Invalid::here(format!("is none of {}", Feature::WORDS.join(", "))))
    })?;
    let mut once = features.clone();
    once.sort_unstable();
    once.dedup();
    if once.len() < features.len() {
        return Err(Invalid::at("/params/features", "names one twice"));
    }
    Ok(features)
}

/// A list of texts, each of which is read.
fn texts<T>(
    params: &mut Fields,
    name: &str,
    read: impl Fn(&str) -> Result<T, Invalid>,
) -> Result<Vec<T>, Invalid> {
    let place = params.pointer(name);
    let items = params.array(name)?.unwrap_or_default();
    if items.len() > MOST {
        return Err(Invalid::at(place, format!("has at most {MOST} items")));
    }
    let read_one = |(number, item): (usize, Value)| {
        let place = format!("{place}/{number}");
        let Value::String(text) = item else { return Err(Invalid::at(place, "is a string")) };
        read(&text).map_err(|invalid| invalid.under(&place))
    };
    items.into_iter().enumerate().map(read_one).collect()
}

fn clone(vm: VmId, params: &mut Fields) -> Result<PctOperation, Invalid> {
    Ok(PctOperation::Clone {
        vm,
        to: params.required("to")?,
        hostname: params.parsed("hostname")?,
        snapshot: params.parsed("snapshot")?,
        full: params.switch("full")?,
        storage: params.parsed("storage")?,
    })
}

fn set(vm: VmId, params: &mut Fields) -> Result<PctOperation, Invalid> {
    let changes = settings(params)?;
    let mut delete = texts(params, "delete", |key| Key::try_from(key.to_owned()))?;
    delete.sort();
    delete.dedup();
    if changes.is_empty() && delete.is_empty() {
        return Err(Invalid::at("/params/changes", "is missing, and so is delete: nothing would be set"));
    }
    if let Some(both) = delete.iter().find(|key| changes.iter().any(|change| change.key() == *key)) {
        return Err(Invalid::at("/params/delete", format!("names {}, which is also set", both.as_str())));
    }
    Ok(PctOperation::Set { vm, changes, delete, before: params.parsed("before")? })
}

fn settings(params: &mut Fields) -> Result<Vec<Setting>, Invalid> {
    let place = params.pointer("changes");
    let map = params.object("changes")?.unwrap_or_default();
    if map.len() > MOST {
        return Err(Invalid::at(place, format!("has at most {MOST} members")));
    }
    let mut settings: Vec<Setting> = Vec::new();
    for (key, value) in map {
        let place = format!("{place}/{key}");
        let Value::String(value) = value else { return Err(Invalid::at(place, "is a string")) };
        settings.push(Setting::new(key, value).map_err(|invalid| Invalid::at(place, invalid.problem))?);
    }
    settings.sort_by(|a, b| a.key().cmp(b.key()));
    Ok(settings)
}

fn destroy(vm: VmId, params: &mut Fields) -> Result<PctOperation, Invalid> {
    let (retire, related) = (params.switch("retire")?, params.switch("related")?);
    if retire && related {
        return Err(Invalid::at(
            "/params/related",
            "is for what is destroyed; a retired container stays in its jobs",
        ));
    }
    Ok(PctOperation::Destroy { vm, retire, related })
}
