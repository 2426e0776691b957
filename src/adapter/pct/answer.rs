//! Answers to reads: what Proxmox's tools print, as values.

use serde_json::{Map, Value, json};

use super::parse::Config;
use super::reader;
use super::set::decoded;
use crate::adapter::foreign::all_harmless;
use crate::adapter::{Host, PlanRefusal, ReadAnswer, Rule};
use crate::operation::pct::{SnapshotName, VmId, VmRange};

/// Keys whose values may be secrets that somebody keeps in a container's environment.
const HIDDEN: [&str; 2] = ["env", "lxc.environment"];

fn answered(result: Value) -> ReadAnswer {
    ReadAnswer { result: all_harmless(result), exit_code: 0 }
}

/// The containers of a range.
pub(super) fn list(host: &dyn Host, range: VmRange) -> Result<ReadAnswer, PlanRefusal> {
    let listed = reader::list(host)?;
    let is_asked = |vm: &str| VmId::try_from(vm.to_owned()).is_ok_and(|vm| range.holds(vm));
    let containers: Vec<Value> = listed
        .iter()
        .filter(|one| is_asked(&one.vm))
        .map(|one| json!({"vmid": number(&one.vm), "name": one.name, "status": one.status.word(), "lock": one.lock}))
        .collect();
    Ok(answered(json!({"containers": containers})))
}

/// What a container does now.
pub(super) fn status(host: &dyn Host, vm: VmId) -> Result<ReadAnswer, PlanRefusal> {
    let status = reader::status(host, vm)?.ok_or_else(|| reader::missing(vm))?;
    let pairs: Map<String, Value> =
        status.pairs.iter().map(|(key, value)| (key.clone(), number(value))).collect();
    Ok(answered(pairs.into()))
}

/// A container's configuration, or that of one of its snapshots.
pub(super) fn config(
    host: &dyn Host,
    vm: VmId,
    snapshot: Option<&SnapshotName>,
) -> Result<ReadAnswer, PlanRefusal> {
    let config = match snapshot {
        None => reader::config(host, vm)?.ok_or_else(|| reader::missing(vm))?,
        Some(name) => {
            if reader::snapshots(host, vm)?.find(name.as_str()).is_none() {
                let reason = format!("container {vm} has no snapshot {name}");
                return Err(PlanRefusal::new(Rule::PctNoSnapshot, reason));
            }
            reader::config_of(host, vm, name)?
        }
    };
    Ok(answered(shown(&config)))
}

fn shown(config: &Config) -> Value {
    let one = |key: &str, value: &str| match key {
        hidden if HIDDEN.contains(&hidden) => json!("(not shown)"),
        "description" => json!(decoded(value).trim_end()),
        _other => json!(value),
    };
    let keys: Map<String, Value> =
        config.keys.iter().map(|(key, value)| (key.clone(), one(key, value))).collect();
    let raw: Vec<Value> =
        config.raw.iter().map(|(key, value)| json!({"key": key, "value": one(key, value)})).collect();
    json!({"config": keys, "raw": raw, "digest": config.digest()})
}

/// A container's snapshots.
pub(super) fn snapshots(host: &dyn Host, vm: VmId) -> Result<ReadAnswer, PlanRefusal> {
    let found = reader::snapshots(host, vm)?;
    let all: Vec<Value> = found
        .all
        .iter()
        .map(|one| json!({"name": one.name, "parent": one.parent, "taken": one.taken, "description": one.description}))
        .collect();
    let newest = found.newest().map(|one| one.name.clone());
    Ok(answered(json!({"snapshots": all, "newest": newest, "stands_on": found.below_current})))
}

/// A number where the text is one that reads back the same.
fn number(text: &str) -> Value {
    match text.parse::<u64>() {
        Ok(number) if number.to_string() == text => json!(number),
        Ok(_) | Err(_) => json!(text),
    }
}
