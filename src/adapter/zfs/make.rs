//! Making things: snapshots, datasets, clones.

use super::item::Kind;
use super::reader::{self, Scope};
use crate::adapter::{Action, Argv, Effects, Host, Object, Plan, PlanRefusal, Rule, Step, UndoOffer};
use crate::operation::Operation;
use crate::operation::zfs::{DatasetName, Setting, ShortName, SnapshotName, Target, ZfsOperation};

/// Takes a snapshot, or one of every dataset below in one transaction.
pub(super) fn snapshot(
    host: &dyn Host,
    dataset: &DatasetName,
    name: &ShortName,
    recursive: bool,
) -> Result<Plan, PlanRefusal> {
    let scope = if recursive { Scope::Tree } else { Scope::Itself };
    let items = reader::present_list(host, dataset.as_str(), scope)?;
    let taken = format!("{dataset}@{name}");
    if !recursive {
        reader::free(host, &taken)?;
    }
    let clashing: Vec<&str> = items
        .iter()
        .filter(|item| item.kind == Kind::Snapshot && item.short() == name.as_str())
        .map(|item| item.name.as_str())
        .collect();
    if !clashing.is_empty() {
        let reason = format!("snapshots of that name exist already: {}", reader::names(clashing));
        return Err(PlanRefusal::new(Rule::ZfsExists, reason));
    }
    let objects = items
        .iter()
        .filter(|item| item.kind.is_dataset())
        .map(|item| Object::new(Action::Snapshot, "snapshot", format!("{}@{name}", item.name), None))
        .collect();
    let mut args = vec!["snapshot"];
    args.extend(recursive.then_some("-r"));
    args.push(&taken);
    let undo =
        SnapshotName::try_from(taken.clone()).ok().map(|taken| destroy(Target::Snapshot(taken), recursive));
    Ok(made(objects, Argv::zfs(args), undo))
}

/// Creates a filesystem, or a volume.
pub(super) fn create(
    host: &dyn Host,
    dataset: &DatasetName,
    size: Option<u64>,
    properties: &[Setting],
) -> Result<Plan, PlanRefusal> {
    room_for(host, dataset)?;
    let kind = if size.is_some() { Kind::Volume } else { Kind::Filesystem };
    let mut args = vec!["create".to_owned()];
    if let Some(bytes) = size {
        args.extend(["-V".to_owned(), bytes.to_string()]);
    }
    args.extend(options(properties));
    args.push(dataset.to_string());
    let object =
        Object::new(Action::Create, kind.as_str(), dataset.as_str(), None).becomes(words(properties));
    let undo = destroy(Target::Dataset(dataset.clone()), false);
    Ok(made(vec![object], Argv::zfs(args), Some(undo)))
}

/// Makes a writable dataset of a snapshot.
pub(super) fn clone(
    host: &dyn Host,
    snapshot: &SnapshotName,
    target: &DatasetName,
    properties: &[Setting],
) -> Result<Plan, PlanRefusal> {
    if snapshot.dataset().pool() != target.pool() {
        return Err(PlanRefusal::new(Rule::ZfsKind, format!("{target} is in another pool than {snapshot}")));
    }
    let origin = reader::present(host, snapshot.as_str())?;
    let kind = reader::present(host, origin.dataset())?.kind;
    room_for(host, target)?;
    let mut args = vec!["clone".to_owned()];
    args.extend(options(properties));
    args.extend([snapshot.to_string(), target.to_string()]);
    let mut becomes = format!("clone of {snapshot} (guid {})", origin.guid);
    if !properties.is_empty() {
        becomes = format!("{becomes} {}", words(properties));
    }
    let object = Object::new(Action::Create, kind.as_str(), target.as_str(), None).becomes(becomes);
    Ok(made(vec![object], Argv::zfs(args), Some(destroy(Target::Dataset(target.clone()), false))))
}

/// That there is no such dataset yet, and that it would lie in a filesystem.
pub(super) fn room_for(host: &dyn Host, dataset: &DatasetName) -> Result<(), PlanRefusal> {
    reader::absent(host, dataset.as_str())?;
    let Some((parent, _)) = dataset.as_str().rsplit_once('/') else {
        let reason = format!("{dataset} would be a pool, which Reeve does not create");
        return Err(PlanRefusal::new(Rule::ZfsKind, reason));
    };
    let parent = reader::present(host, parent)?;
    if parent.kind == Kind::Filesystem {
        return Ok(());
    }
    let reason = format!("{} is a {}, in which nothing can lie", parent.name, parent.kind.as_str());
    Err(PlanRefusal::new(Rule::ZfsKind, reason))
}

fn made(objects: Vec<Object>, argv: Argv, undo: Option<Operation>) -> Plan {
    let words = undo.as_ref().map(Operation::command_line);
    let effects = Effects { objects, undo: words, ..Effects::none() };
    Plan { effects, steps: vec![Step::zfs(argv)], undo: undo.map(UndoOffer::by), settled: false }
}

fn destroy(target: Target, recursive: bool) -> Operation {
    Operation::Zfs(ZfsOperation::Destroy { target, recursive, clones: false, quarantine: false })
}

fn options(properties: &[Setting]) -> impl Iterator<Item = String> {
    properties.iter().flat_map(|setting| ["-o".to_owned(), setting.assignment()])
}

fn words(properties: &[Setting]) -> String {
    properties.iter().map(Setting::assignment).collect::<Vec<_>>().join(" ")
}
