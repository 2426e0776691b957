//! Setting a property, bound to the value that it has.

use super::reader;
use crate::adapter::{Action, Argv, Effects, Host, Object, Plan, PlanRefusal, Step, UndoOffer};
use crate::operation::Operation;
use crate::operation::zfs::{DatasetName, Setting, ZfsOperation};

/// Sets a property of a dataset.
pub(super) fn plan(host: &dyn Host, dataset: &DatasetName, setting: &Setting) -> Result<Plan, PlanRefusal> {
    let item = reader::present(host, dataset.as_str())?;
    let (value, source) = reader::property(host, dataset.as_str(), setting.name())?;
    let was = format!("{}={value} ({source})", setting.name());
    let object = Object::new(Action::Set, item.kind.as_str(), dataset.as_str(), Some(item.guid))
        .was(was)
        .becomes(setting.assignment());
    if source == "local" && is_same(setting, &value) {
        return Ok(Plan::settled(Effects { objects: vec![object], ..Effects::none() }));
    }
    let undo = back(dataset, setting, &value);
    let words = undo.as_ref().map(|operation| match source.as_str() {
        "local" => operation.command_line(),
        inherited => format!("{} (now {inherited}; then local)", operation.command_line()),
    });
    let effects =
        Effects { objects: vec![object], reversible: undo.is_some(), undo: words, ..Effects::none() };
    let step = Step::zfs(Argv::zfs(["set".to_owned(), setting.assignment(), dataset.to_string()]));
    Ok(Plan { effects, steps: vec![step], undo: undo.map(UndoOffer::by), settled: false })
}

/// The operation that sets the value of before; none when that is no value that may be set.
fn back(dataset: &DatasetName, setting: &Setting, value: &str) -> Option<Operation> {
    let value = if is_in_bytes(setting.name()) && value == "0" { "none" } else { value };
    // A user property that is not set reads as `-`, which could be set, but is not the same.
    if value == "-" {
        return None;
    }
    let setting = Setting::new(setting.name().to_owned(), value.to_owned()).ok()?;
    Some(Operation::Zfs(ZfsOperation::Set { dataset: dataset.clone(), setting }))
}

/// Whether a value as `zfs get -p` prints it is the one asked for: `10485760` is `10M`, `0` is `none` where bytes are
/// meant, and `xattr=sa` reads back as `on` from OpenZFS 2.3.
pub(super) fn is_same(asked: &Setting, read: &str) -> bool {
    if read == asked.value() || (asked.name() == "xattr" && read == "on" && asked.value() == "sa") {
        return true;
    }
    if !is_in_bytes(asked.name()) {
        return false;
    }
    match (bytes(read), bytes(asked.value())) {
        (Some(read), Some(asked)) => read == asked,
        (Some(_), None) | (None, Some(_)) | (None, None) => false,
    }
}

fn is_in_bytes(name: &str) -> bool {
    matches!(name, "quota" | "refquota" | "reservation" | "refreservation" | "recordsize" | "volsize")
}

fn bytes(value: &str) -> Option<u64> {
    if value == "none" {
        return Some(0);
    }
    let units = [('K', 10), ('M', 20), ('G', 30), ('T', 40), ('P', 50)];
    let unit = units.into_iter().find_map(|(unit, shift)| Some((value.strip_suffix(unit)?, shift)));
    let (digits, shift) = unit.unwrap_or((value, 0));
    digits.parse::<u64>().ok()?.checked_mul(1 << shift)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn same(name: &str, asked: &str, read: &str) -> bool {
        is_same(&Setting::new(name.to_owned(), asked.to_owned()).unwrap(), read)
    }

    #[test]
    fn a_value_is_recognised_in_the_form_in_which_openzfs_prints_it() {
        for (name, asked, read) in [
            ("quota", "10M", "10485760"),
            ("quota", "none", "0"),
            ("recordsize", "64K", "65536"),
            ("filesystem_limit", "none", "none"),
            ("xattr", "sa", "on"),
            ("atime", "off", "off"),
        ] {
            assert!(same(name, asked, read), "{name}={asked} {read}");
        }
    }

    #[test]
    fn another_value_is_not_taken_for_the_one_asked_for() {
        for (name, asked, read) in [
            ("quota", "10M", "10485761"),
            ("filesystem_limit", "none", "0"),
            ("xattr", "dir", "on"),
            ("com.x:y", "1K", "1024"),
            ("quota", "none", "-"),
            ("compression", "zstd-fast", "zstd"),
        ] {
            assert!(!same(name, asked, read), "{name}={asked} {read}");
        }
    }
}
