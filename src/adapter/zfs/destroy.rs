//! Destroying by exact names: what people approved is a list, and only what is on it is ever named to OpenZFS.
//! `-r`, `-R` and `-f` never are, so that what appeared meanwhile makes a step fail instead of going with the rest.

use super::item::{Item, Kind};
use super::order::{Act, Forest, MOST, too_many};
use super::reader::{self, Scope};
use super::{holds, rename::is_quarantined};
use crate::adapter::{Action, Argv, Basis, Effects, Host, Object, Plan, PlanRefusal, Rule, Step};
use crate::operation::Operation;
use crate::operation::zfs::{BookmarkName, DatasetName, SnapshotName, Target, ZfsOperation};

/// How many dry runs are made to learn what would be freed; more are not worth the wait.
const DRY_RUNS: usize = 20;
/// How long the list of snapshots in one argument may grow.
const LONGEST_LIST: usize = 2000;

/// How far a destruction reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reach {
    /// To what lies below.
    pub(super) below: bool,
    /// To clones, wherever they are.
    pub(super) clones: bool,
}

/// Destroys a dataset, a snapshot or a bookmark.
pub(super) fn plan(host: &dyn Host, target: &Target, reach: Reach) -> Result<Plan, PlanRefusal> {
    match target {
        Target::Dataset(name) => dataset(host, name, reach),
        Target::Snapshot(name) => snapshot(host, name, reach),
        Target::Bookmark(name) => bookmark(host, name),
    }
}

/// Destroys what is in quarantine, with all that is below.
pub(super) fn purge(host: &dyn Host, name: &DatasetName) -> Result<Plan, PlanRefusal> {
    dataset(host, name, Reach { below: true, clones: false })
}

fn dataset(host: &dyn Host, name: &DatasetName, reach: Reach) -> Result<Plan, PlanRefusal> {
    let mut forest = Forest::default();
    forest.add(host, name.as_str())?;
    if !reach.below {
        refuse_inhabited(&forest, name)?;
    }
    if forest.len() > MOST {
        return Err(too_many(forest.len()).or(instead(name)));
    }
    resolve_clones(host, &mut forest, reach).map_err(|refusal| refusal.or(instead(name)))?;
    holds::none_among(host, forest.items()).map_err(|refusal| refusal.or(instead(name)))?;
    nameable(forest.items())?;
    let acts = forest.acts()?;
    Ok(plan_of(&acts, Freed { bytes: forest.used(), basis: Basis::Computed }, outside(&forest, name)))
}

fn snapshot(host: &dyn Host, name: &SnapshotName, reach: Reach) -> Result<Plan, PlanRefusal> {
    let short = name.short();
    let doomed = match reach.below {
        false => vec![reader::present(host, name.as_str())?],
        true => reader::present_list(host, name.dataset().as_str(), Scope::Tree)?
            .into_iter()
            .filter(|item| item.kind == Kind::Snapshot && item.short() == short.as_str())
            .collect(),
    };
    if doomed.is_empty() {
        return Err(PlanRefusal::new(
            Rule::ZfsNotFound,
            format!("{name} does not exist, nor does any below"),
        ));
    }
    let mut forest = Forest::default();
    let clones: Vec<&str> = doomed.iter().flat_map(|item| &item.clones).map(String::as_str).collect();
    if !clones.is_empty() && !reach.clones {
        return Err(has_clones(&clones));
    }
    for clone in clones {
        forest.add(host, clone)?;
    }
    forest.add_clones(host)?;
    let doomed: Vec<Item> =
        doomed.into_iter().filter(|item| forest.items().all(|other| other.name != item.name)).collect();
    if forest.len() + doomed.len() > MOST {
        return Err(too_many(forest.len() + doomed.len()));
    }
    holds::none_among(host, forest.items().chain(&doomed))?;
    nameable(forest.items().chain(&doomed))?;
    let dependents = forest.items().map(|item| item.name.clone()).collect();
    let freed = if forest.len() == 0 { reclaimed(host, &doomed) } else { added_up(&doomed, forest.used()) };
    let mut acts = forest.acts()?;
    acts.extend(by_dataset(doomed));
    Ok(plan_of(&acts, freed, dependents))
}

fn bookmark(host: &dyn Host, name: &BookmarkName) -> Result<Plan, PlanRefusal> {
    let item = reader::present(host, name.as_str())?;
    let object = Object::new(Action::Destroy, "bookmark", name.as_str(), Some(item.guid));
    let effects = Effects { objects: vec![object], reversible: false, ..Effects::none() };
    let step = Step::zfs(Argv::zfs(["destroy", name.as_str()]));
    Ok(Plan { effects, steps: vec![step], undo: None, settled: false })
}

/// The steps that destroy these snapshots by name.
pub(super) fn snapshot_steps(snapshots: &[Item]) -> Vec<Step> {
    let mut lists: Vec<String> = Vec::new();
    for item in snapshots {
        match lists.last_mut() {
            Some(list) if same_dataset(list, item) && list.len() + item.short().len() < LONGEST_LIST => {
                list.push(',');
                list.push_str(item.short());
            }
            Some(_) | None => lists.push(item.name.clone()),
        }
    }
    lists.into_iter().map(|list| Step::zfs(Argv::zfs(["destroy".to_owned(), list]))).collect()
}

fn same_dataset(list: &str, item: &Item) -> bool {
    list.split_once('@').is_some_and(|(dataset, _)| dataset == item.dataset())
}

/// What is destroyed, as an object of the effects.
pub(super) fn doomed(item: &Item) -> Object {
    Object::new(Action::Destroy, item.kind.as_str(), &item.name, Some(item.guid.clone())).bytes(item.used)
}

/// That none of these snapshots has clones.
pub(super) fn no_clones<'a>(items: impl IntoIterator<Item = &'a Item>) -> Result<(), PlanRefusal> {
    let clones: Vec<&str> = items.into_iter().flat_map(|item| &item.clones).map(String::as_str).collect();
    if clones.is_empty() { Ok(()) } else { Err(has_clones(&clones)) }
}

/// That every name is one of those that Reeve takes: OpenZFS also has names with blanks, and parts that begin with `-`.
pub(super) fn nameable<'a>(items: impl IntoIterator<Item = &'a Item>) -> Result<(), PlanRefusal> {
    let strange = |item: &&Item| Target::try_from(item.name.clone()).is_err();
    let strange: Vec<&str> = items.into_iter().filter(strange).map(|item| item.name.as_str()).collect();
    if strange.is_empty() {
        return Ok(());
    }
    let reason = format!("names that Reeve does not take: {}", reader::names(strange));
    Err(PlanRefusal::new(Rule::ZfsKind, reason))
}

fn has_clones(clones: &[&str]) -> PlanRefusal {
    let reason = format!("clones depend on it: {}", reader::names(clones.iter().copied()));
    PlanRefusal::new(Rule::ZfsClones, reason)
}

fn resolve_clones(host: &dyn Host, forest: &mut Forest, reach: Reach) -> Result<(), PlanRefusal> {
    if reach.clones {
        return forest.add_clones(host);
    }
    let outside = forest.clones_outside();
    if outside.is_empty() { Ok(()) } else { Err(has_clones(&outside)) }
}

/// Without `recursive`, a dataset that has children or snapshots is not destroyed.
fn refuse_inhabited(forest: &Forest, name: &DatasetName) -> Result<(), PlanRefusal> {
    let is_inside = |item: &&Item| item.name != name.as_str() && item.kind != Kind::Bookmark;
    let inside: Vec<&str> = forest.items().filter(is_inside).map(|item| item.name.as_str()).collect();
    if inside.is_empty() {
        return Ok(());
    }
    let reason = format!("{name} has children or snapshots: {}", reader::names(inside));
    Err(PlanRefusal::new(Rule::ZfsChildren, reason).or(instead(name)))
}

/// What can be undone instead of destroying a dataset.
fn instead(name: &DatasetName) -> Option<Operation> {
    let target = Target::Dataset(name.clone());
    let quarantine = ZfsOperation::Destroy { target, recursive: false, clones: false, quarantine: true };
    (!is_quarantined(name)).then_some(Operation::Zfs(quarantine))
}

/// What goes along although it does not lie below what was named.
fn outside(forest: &Forest, name: &DatasetName) -> Vec<String> {
    let inside = |item: &&Item| {
        let rest = item.dataset().strip_prefix(name.as_str());
        !rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    forest.items().filter(inside).map(|item| item.name.clone()).collect()
}

#[derive(Debug, Clone, Copy)]
struct Freed {
    bytes: Option<u64>,
    basis: Basis,
}

/// What OpenZFS itself says that destroying these snapshots gives back; where it does not say, their sizes added up.
fn reclaimed(host: &dyn Host, snapshots: &[Item]) -> Freed {
    let steps = snapshot_steps(snapshots);
    if steps.len() > DRY_RUNS {
        return added_up(snapshots, Some(0));
    }
    let mut bytes = Some(0);
    for act in steps {
        let dry: Vec<String> = ["destroy", "-nvp"]
            .into_iter()
            .map(str::to_owned)
            .chain(act.argv.args.into_iter().skip(1))
            .collect();
        let said = reader::run(host, &Argv::zfs(dry)).ok().filter(|output| output.exit_code == 0);
        let said = said.and_then(|output| {
            let stdout = String::from_utf8(output.stdout).ok()?;
            stdout.lines().find_map(|line| line.strip_prefix("reclaim\t")?.parse::<u64>().ok())
        });
        bytes = bytes.zip(said).map(|(sum, more): (u64, u64)| sum.saturating_add(more));
    }
    match bytes {
        Some(_) => Freed { bytes, basis: Basis::Reported },
        None => added_up(snapshots, Some(0)),
    }
}

fn added_up(snapshots: &[Item], others: Option<u64>) -> Freed {
    let own: Option<u64> = snapshots.iter().map(|item| item.used).sum();
    Freed { bytes: own.zip(others).map(|(own, others)| own.saturating_add(others)), basis: Basis::Computed }
}

fn by_dataset(mut snapshots: Vec<Item>) -> Vec<Act> {
    snapshots.reverse();
    snapshots.into_iter().map(|item| Act::Snapshots(vec![item])).collect()
}

fn plan_of(acts: &[Act], freed: Freed, dependents: Vec<String>) -> Plan {
    let mut steps = Vec::new();
    let mut objects = Vec::new();
    for act in acts {
        match act {
            Act::Snapshots(snapshots) => {
                objects.extend(snapshots.iter().map(doomed));
                steps.extend(snapshot_steps(snapshots));
            }
            Act::Dataset(item, bookmarks) => {
                objects.extend(bookmarks.iter().chain([item]).map(doomed));
                steps.push(Step::zfs(Argv::zfs(["destroy", &item.name])));
            }
        }
    }
    let (bytes_freed, bytes_basis) = (freed.bytes, freed.basis);
    let effects = Effects { objects, bytes_freed, bytes_basis, dependents, reversible: false, undo: None };
    Plan { effects, steps, undo: None, settled: false }
}
