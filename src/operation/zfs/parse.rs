//! A ZFS operation from its JSON: every field typed, none left over.

use serde_json::Value;

use super::{DatasetName, ListedType, PropertyName, QUARANTINE, ScrubAction, Setting, Target, ZfsOperation};
use crate::operation::{Invalid, fields::Fields};

/// A volume's size: 1 MiB to 1 PiB.
const SIZE: (u64, u64) = (1 << 20, 1 << 50);
/// How many properties one operation may name.
const MAX_PROPERTIES: usize = 32;

impl ZfsOperation {
    /// Makes the operation `op` on `resource`.
    pub(in crate::operation) fn from_parts(
        op: &str,
        resource: &str,
        params: &mut Fields,
    ) -> Result<Self, Invalid> {
        Ok(match op {
            "list" => Self::List {
                dataset: named(resource)?,
                recursive: params.switch("recursive")?,
                types: listed_types(params)?,
            },
            "get" => Self::Get { target: named(resource)?, properties: property_names(params)? },
            "diff" => Self::Diff { from: named(resource)?, to: params.parsed("to")? },
            "pool-status" => Self::PoolStatus { pool: named(resource)? },
            "scrub" => Self::Scrub { pool: named(resource)?, action: scrub_action(params)? },
            "rename" => rename(named(resource)?, params)?,
            "destroy" => destroy(named(resource)?, params)?,
            "purge" => purge(named(resource)?)?,
            "snapshot" | "create" | "set" => Self::on_dataset(op, named(resource)?, params)?,
            "clone" | "hold" | "release" | "bookmark" | "rollback" => {
                Self::on_snapshot(op, resource, params)?
            }
            other => {
                return Err(Invalid::at(
                    "/op",
                    format!("zfs has no operation {other:?}; GET /host/ops lists them"),
                ));
            }
        })
    }

    fn on_dataset(op: &str, dataset: DatasetName, params: &mut Fields) -> Result<Self, Invalid> {
        match op {
            "snapshot" => {
                let (name, recursive) = (params.required("name")?, params.switch("recursive")?);
                dataset.snapshot(&name).map_err(|invalid| invalid.under("/params/name"))?;
                Ok(Self::Snapshot { dataset, name, recursive })
            }
            "create" => {
                let size = params.number("size", SIZE.0, SIZE.1)?;
                Ok(Self::Create { dataset, size, properties: settings(params)? })
            }
            _set => {
                let setting = Setting::new(params.required_text("property")?, params.required_text("value")?);
                Ok(Self::Set { dataset, setting: setting.map_err(|invalid| invalid.under("/params"))? })
            }
        }
    }

    fn on_snapshot(op: &str, resource: &str, params: &mut Fields) -> Result<Self, Invalid> {
        let snapshot: super::SnapshotName = named(resource)?;
        match op {
            "clone" => Ok(Self::Clone {
                snapshot,
                target: params.required("target")?,
                properties: settings(params)?,
            }),
            "hold" => Ok(Self::Hold { snapshot, tag: params.required("tag")? }),
            "release" => Ok(Self::Release { snapshot, tag: params.required("tag")? }),
            "bookmark" => {
                let name = params.required("name")?;
                snapshot.dataset().bookmark(&name).map_err(|invalid| invalid.under("/params/name"))?;
                Ok(Self::Bookmark { snapshot, name })
            }
            _rollback => Ok(Self::Rollback { snapshot, destroy_newer: params.switch("destroy_newer")? }),
        }
    }
}

fn named<T: TryFrom<String, Error = Invalid>>(resource: &str) -> Result<T, Invalid> {
    T::try_from(resource.to_owned()).map_err(|invalid| invalid.under("/resource"))
}

fn listed_types(params: &mut Fields) -> Result<Vec<ListedType>, Invalid> {
    let types = texts(params, "types")?;
    types
        .iter()
        .map(|(pointer, text)| match text.as_str() {
            "filesystem" => Ok(ListedType::Filesystem),
            "volume" => Ok(ListedType::Volume),
            "snapshot" => Ok(ListedType::Snapshot),
            "bookmark" => Ok(ListedType::Bookmark),
            _stranger => Err(Invalid::at(pointer, "is filesystem, volume, snapshot or bookmark")),
        })
        .collect()
}

fn property_names(params: &mut Fields) -> Result<Vec<PropertyName>, Invalid> {
    let names = texts(params, "properties")?;
    names
        .into_iter()
        .map(|(pointer, text)| PropertyName::try_from(text).map_err(|invalid| invalid.under(&pointer)))
        .collect()
}

fn texts(params: &mut Fields, name: &str) -> Result<Vec<(String, String)>, Invalid> {
    let items = params.array(name)?.unwrap_or_default();
    if items.len() > MAX_PROPERTIES {
        return Err(Invalid::at(params.pointer(name), format!("has at most {MAX_PROPERTIES} items")));
    }
    let place = params.pointer(name);
    items
        .into_iter()
        .enumerate()
        .map(|(position, item)| match item {
            Value::String(text) => Ok((format!("{place}/{position}"), text)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
                Err(Invalid::at(format!("{place}/{position}"), "is a string"))
            }
        })
        .collect()
}

fn settings(params: &mut Fields) -> Result<Vec<Setting>, Invalid> {
    let place = params.pointer("properties");
    let map = params.object("properties")?.unwrap_or_default();
    if map.len() > MAX_PROPERTIES {
        return Err(Invalid::at(place, format!("has at most {MAX_PROPERTIES} members")));
    }
    map.into_iter()
        .map(|(name, value)| {
            let Value::String(value) = value else {
                return Err(Invalid::at(format!("{place}/{name}"), "is a string"));
            };
            Setting::new(name.clone(), value)
                .map_err(|invalid| Invalid::at(format!("{place}/{name}"), invalid.problem))
        })
        .collect()
}

fn scrub_action(params: &mut Fields) -> Result<ScrubAction, Invalid> {
    match params.text("action")?.as_deref() {
        None | Some("start") => Ok(ScrubAction::Start),
        Some("pause") => Ok(ScrubAction::Pause),
        Some("stop") => Ok(ScrubAction::Stop),
        Some(_) => Err(Invalid::at("/params/action", "is start, pause or stop")),
    }
}

fn rename(target: Target, params: &mut Fields) -> Result<ZfsOperation, Invalid> {
    match target {
        Target::Dataset(dataset) => {
            let to: DatasetName = params.required("to")?;
            if dataset.pool() != to.pool() {
                return Err(Invalid::at("/params/to", "is in another pool; a rename stays in its pool"));
            }
            if to.is_within(&dataset) {
                return Err(Invalid::at("/params/to", "is the dataset itself or lies below it"));
            }
            Ok(ZfsOperation::Rename { dataset, to })
        }
        Target::Snapshot(snapshot) => {
            let to = params.required("to")?;
            snapshot.dataset().snapshot(&to).map_err(|invalid| invalid.under("/params/to"))?;
            Ok(ZfsOperation::RenameSnapshot { snapshot, to })
        }
        Target::Bookmark(_) => {
            Err(Invalid::at("/resource", "is a bookmark; OpenZFS renames datasets and snapshots only"))
        }
    }
}

fn destroy(target: Target, params: &mut Fields) -> Result<ZfsOperation, Invalid> {
    let (recursive, clones) = (params.switch("recursive")?, params.switch("clones")?);
    let quarantine = params.switch("quarantine")?;
    let is_dataset = matches!(target, Target::Dataset(_));
    let is_root = target.dataset().as_str() == target.as_str() && !target.as_str().contains('/');
    if is_root {
        return Err(Invalid::at(
            "/resource",
            "is a pool's root dataset, which only `zpool destroy` can destroy",
        ));
    }
    if quarantine && !is_dataset {
        return Err(Invalid::at("/params/quarantine", "is for filesystems and volumes"));
    }
    if quarantine && (recursive || clones) {
        return Err(Invalid::at(
            "/params/quarantine",
            "moves the dataset with all that is below; leave recursive and clones out",
        ));
    }
    Ok(ZfsOperation::Destroy { target, recursive, clones, quarantine })
}

fn purge(dataset: DatasetName) -> Result<ZfsOperation, Invalid> {
    let inside = dataset.as_str().strip_prefix(dataset.pool()).and_then(|rest| rest.strip_prefix('/'));
    let is_quarantined =
        inside.and_then(|rest| rest.strip_prefix(QUARANTINE)).is_some_and(|rest| rest.starts_with('/'));
    if is_quarantined {
        return Ok(ZfsOperation::Purge { dataset });
    }
    Err(Invalid::at("/resource", format!("is not in quarantine; purge takes POOL/{QUARANTINE}/NAME")))
}
