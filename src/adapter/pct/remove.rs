//! Destroying containers, and what comes before it when it shall be possible to take it back: retirement.

use std::time::Duration;

use super::parse::Backup;
use super::reader::{self, Container, RETIRED, WAS_ONBOOT, pct};
use super::state::changing;
use super::{long_step, snapshot, step};
use crate::adapter::{Action, Basis, Effects, Host, Object, Plan, PlanRefusal, Rule, Step, UndoOffer};
use crate::operation::Operation;
use crate::operation::pct::{PctOperation, Setting, VmId};

/// How long a retirement is certain to be there to be taken back.
const KEPT: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// How far a destruction reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// The container.
    Itself,
    /// Its place in backup and replication jobs and HA too.
    Related,
}

impl Reach {
    pub(super) fn of(related: bool) -> Self {
        if related { Self::Related } else { Self::Itself }
    }
}

/// Destroys a container.
pub(super) fn destroy(host: &dyn Host, vm: VmId, reach: Reach) -> Result<Plan, PlanRefusal> {
    let container = reader::present(host, vm)?;
    if container.is_retired() {
        let related = reach == Reach::Related;
        let instead =
            [PctOperation::Purge { vm, related }, PctOperation::Unretire { vm }].map(Operation::Pct);
        return Err(PlanRefusal::new(Rule::PctRetired, format!("container {vm} is retired")).or(instead));
    }
    unprotected(&container)?;
    let effects = going(host, &container, reach)?;
    Ok(Plan { effects, steps: vec![destruction(vm, reach)], undo: None, settled: false })
}

/// Destroys a retired container.
pub(super) fn purge(host: &dyn Host, vm: VmId, reach: Reach) -> Result<Plan, PlanRefusal> {
    let container = reader::present(host, vm)?;
    if !container.is_retired() {
        let retire = Operation::Pct(PctOperation::Destroy { vm, retire: true, related: false });
        let reason = format!("container {vm} is not retired");
        return Err(PlanRefusal::new(Rule::PctNotRetired, reason).or([retire]));
    }
    let effects = going(host, &container, reach)?;
    let open = step(pct(["set".to_owned(), "--protection=0".to_owned(), vm.to_string()]));
    let steps = if container.config.is_on("protection") {
        vec![open, destruction(vm, reach)]
    } else {
        vec![destruction(vm, reach)]
    };
    Ok(Plan { effects, steps, undo: None, settled: false })
}

fn destruction(vm: VmId, reach: Reach) -> Step {
    let mut args = vec!["destroy".to_owned()];
    args.extend((reach == Reach::Related).then(|| "--purge=1".to_owned()));
    args.push(vm.to_string());
    long_step(pct(args))
}

fn unprotected(container: &Container) -> Result<(), PlanRefusal> {
    if !container.config.is_on("protection") {
        return Ok(());
    }
    let vm = container.vm;
    let off = Setting::new("protection".to_owned(), "0".to_owned()).ok();
    let open = off.map(|off| {
        Operation::Pct(PctOperation::Set { vm, changes: vec![off], delete: Vec::new(), before: None })
    });
    Err(PlanRefusal::new(Rule::PctProtected, format!("container {vm} is protected")).or(open))
}

fn stopped(container: &Container) -> Result<(), PlanRefusal> {
    if !container.runs() {
        return Ok(());
    }
    let vm = container.vm;
    let end = Operation::Pct(PctOperation::Shutdown { vm, timeout: None });
    Err(PlanRefusal::new(Rule::PctRunning, format!("container {vm} runs")).or([end]))
}

/// Everything that goes with the container, and what stays.
fn going(host: &dyn Host, container: &Container, reach: Reach) -> Result<Effects, PlanRefusal> {
    stopped(container)?;
    container.unlocked()?;
    let vm = container.vm;
    if container.ha(host)? && reach == Reach::Itself {
        let related = Operation::Pct(PctOperation::Destroy { vm, retire: false, related: true });
        let reason = format!("the HA manager looks after container {vm}");
        return Err(PlanRefusal::new(Rule::PctHa, reason).or((!container.is_retired()).then_some(related)));
    }
    let settings = &host.settings().pct;
    let backups = reader::backups(host, vm, &settings.backups)?;
    let kept = kept(&backups, settings.backups.is_empty());
    let digits = vm.to_string();
    let volumes = container.config.volumes(&digits);
    let bytes: Option<u64> = volumes.iter().map(|volume| volume.bytes).sum();
    let snapshots = reader::snapshots(host, vm)?;
    let whole = changing(container, Action::Destroy).becomes(kept).bytes(bytes);
    let objects: Vec<Object> =
        std::iter::once(whole).chain(snapshots.all.iter().map(|one| snapshot::doomed(vm, one))).collect();
    let mut dependents: Vec<String> =
        volumes.iter().map(|volume| format!("{} {}", volume.key, volume.name)).collect();
    dependents.extend(
        (reach == Reach::Related).then(|| "its place in backup and replication jobs and HA".to_owned()),
    );
    Ok(Effects {
        objects,
        bytes_freed: bytes,
        bytes_basis: Basis::Computed,
        dependents,
        reversible: false,
        undo: None,
    })
}

/// What remains of it, which people should know before they say yes, and which is bound for that reason.
fn kept(backups: &[Backup], is_blind: bool) -> String {
    let newest = backups.iter().max_by(|a, b| a.volume.cmp(&b.volume));
    match newest {
        _ if is_blind => "gone; nobody looked for backups (pct.backups is empty)".to_owned(),
        None => "gone; no backup was found".to_owned(),
        Some(newest) => {
            let stay = match backups.len() {
                1 => "1 backup stays".to_owned(),
                count => format!("{count} backups stay"),
            };
            format!("gone; {stay}, the newest {} ({} bytes)", newest.volume, newest.bytes)
        }
    }
}

/// Retires a container: protected, tagged, and not started with the host. It keeps its volumes and snapshots.
pub(super) fn retire(host: &dyn Host, vm: VmId) -> Result<Plan, PlanRefusal> {
    let container = reader::present(host, vm)?;
    let object =
        changing(&container, Action::Retire).becomes("retired: protected, tagged, not started with the host");
    if container.is_retired() {
        return Ok(Plan::settled(Effects { objects: vec![object], ..Effects::none() }));
    }
    unprotected(&container)?;
    stopped(&container)?;
    container.unlocked()?;
    let mut tags = container.others_tags();
    tags.push(RETIRED);
    tags.extend(container.config.is_on("onboot").then_some(WAS_ONBOOT));
    let args = [
        "set".to_owned(),
        "--protection=1".to_owned(),
        "--onboot=0".to_owned(),
        format!("--tags={}", tags.join(";")),
        vm.to_string(),
    ];
    let undo = Operation::Pct(PctOperation::Unretire { vm });
    let effects = Effects { objects: vec![object], undo: Some(undo.command_line()), ..Effects::none() };
    let undo = UndoOffer { operation: undo, until: Some(KEPT) };
    Ok(Plan { effects, steps: vec![step(pct(args))], undo: Some(undo), settled: false })
}

/// Takes a retirement back.
pub(super) fn unretire(host: &dyn Host, vm: VmId) -> Result<Plan, PlanRefusal> {
    let container = reader::present(host, vm)?;
    let object = changing(&container, Action::Unretire).becomes("as before it was retired");
    if !container.is_retired() {
        return Ok(Plan::settled(Effects { objects: vec![object], ..Effects::none() }));
    }
    container.unlocked()?;
    let onboot = if container.config.tags().contains(&WAS_ONBOOT) { "--onboot=1" } else { "--onboot=0" };
    let tags = container.others_tags();
    let tags =
        if tags.is_empty() { "--delete=tags".to_owned() } else { format!("--tags={}", tags.join(";")) };
    let args = ["set".to_owned(), "--protection=0".to_owned(), onboot.to_owned(), tags, vm.to_string()];
    let undo = Operation::Pct(PctOperation::Destroy { vm, retire: true, related: false });
    let effects = Effects { objects: vec![object], undo: Some(undo.command_line()), ..Effects::none() };
    Ok(Plan { effects, steps: vec![step(pct(args))], undo: Some(UndoOffer::by(undo)), settled: false })
}
