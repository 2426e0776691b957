//! Enabling, disabling, masking and unmasking: what is started at boot, and what can be started at all.

use super::closure::Units;
use super::protected::Protection;
use super::reader::{self, Files};
use super::unit::{FileState, Unit};
use super::{object, own_name, step};
use crate::adapter::{Action, Argv, Effects, Host, Object, Plan, PlanRefusal, Rule, Step, UndoOffer};
use crate::operation::Operation;
use crate::operation::systemd::{SystemdOperation, UnitName, Verb};

/// Where a mask lies, and every file that root itself put there.
const CONFIGURED: &str = "/etc/systemd/system";
/// How many units one unit's `Also=` may bring along.
const MOST_ALONG: usize = 31;

/// Where a unit's file shall be taken, and back.
struct Way {
    verb: Verb,
    action: Action,
    to: FileState,
    back: Verb,
}

/// Has a unit started at boot.
pub(super) fn enable(host: &dyn Host, name: &UnitName) -> Result<Plan, PlanRefusal> {
    let to_enabled =
        Way { verb: Verb::Enable, action: Action::Enable, to: FileState::Enabled, back: Verb::Disable };
    go(host, name, &to_enabled)
}

/// Takes away what has a unit started at boot.
pub(super) fn disable(host: &dyn Host, name: &UnitName) -> Result<Plan, PlanRefusal> {
    let to_disabled =
        Way { verb: Verb::Disable, action: Action::Disable, to: FileState::Disabled, back: Verb::Enable };
    go(host, name, &to_disabled)
}

fn go(host: &dyn Host, name: &UnitName, way: &Way) -> Result<Plan, PlanRefusal> {
    let protection = Protection::new(&host.settings().systemd);
    let unit = reader::present(host, name.as_str())?;
    protection.permits(&unit)?;
    if unit.file_state == way.to {
        return Ok(Plan::settled(Effects::none()));
    }
    settable(&unit)?;
    let own = own_name(&unit)?;
    let mut objects = Vec::new();
    let mut is_exact = true;
    for (member, files) in along(host, unit)? {
        protection.permits(&member)?;
        names_are_free(&protection, &member, &files)?;
        if member.file_state == way.to {
            // It stays as it is; taking the operation back would not leave it so.
            is_exact = false;
            continue;
        }
        settable(&member)?;
        not_linked(host, &member)?;
        objects.push(object(way.action, &member, &files).becomes(way.to.as_str()));
    }
    let undo = is_exact.then(|| back_by(way.back, own.clone()));
    Ok(plan(step(host, way.verb, [own.as_str()]), objects, undo))
}

/// Makes it impossible to start a unit.
pub(super) fn mask(host: &dyn Host, name: &UnitName) -> Result<Plan, PlanRefusal> {
    let protection = Protection::new(&host.settings().systemd);
    let unit = reader::present(host, name.as_str())?;
    protection.permits(&unit)?;
    if unit.file_state == FileState::Masked {
        return Ok(Plan::settled(Effects::none()));
    }
    if unit.file_state == FileState::Runtime {
        return Err(until_reboot(&unit));
    }
    if unit.fragment.as_deref() == Some(&format!("{CONFIGURED}/{}", unit.id)) {
        let disable = Operation::Systemd(SystemdOperation::act(Verb::Disable, own_name(&unit)?));
        let reason = format!("the file of {} lies where its mask would: systemd cannot mask it", unit.id);
        return Err(PlanRefusal::new(Rule::SystemdFile, reason).or(Some(disable)));
    }
    // What must not run without it does not start any more, at the next boot at the latest.
    for other in Units::new(host).stopping_with(std::slice::from_ref(&unit))? {
        protection.permits(&other).map_err(|refusal| PlanRefusal {
            reason: format!("it could not start any more: {}", refusal.reason),
            ..refusal
        })?;
    }
    let objects =
        vec![object(Action::Mask, &unit, &Files::of(host, &unit)?).becomes(FileState::Masked.as_str())];
    let own = own_name(&unit)?;
    Ok(plan(step(host, Verb::Mask, [own.as_str()]), objects, Some(back_by(Verb::Unmask, own))))
}

/// Takes a mask away.
pub(super) fn unmask(host: &dyn Host, name: &UnitName) -> Result<Plan, PlanRefusal> {
    let protection = Protection::new(&host.settings().systemd);
    let unit = reader::present(host, name.as_str())?;
    protection.permits(&unit)?;
    match unit.file_state {
        FileState::Masked => {}
        FileState::Runtime => return Err(until_reboot(&unit)),
        FileState::None
        | FileState::Enabled
        | FileState::Disabled
        | FileState::Static
        | FileState::Indirect
        | FileState::Linked
        | FileState::Alias
        | FileState::Generated
        | FileState::Transient
        | FileState::Bad => return Ok(Plan::settled(Effects::none())),
    }
    let is_here = unit.fragment.as_deref().is_none_or(|path| path.starts_with(CONFIGURED));
    if !is_here {
        let reason =
            format!("{} is masked by a file outside of {CONFIGURED}, which systemctl leaves there", unit.id);
        return Err(PlanRefusal::new(Rule::SystemdFile, reason));
    }
    let objects = vec![object(Action::Unmask, &unit, &Files::of(host, &unit)?).becomes("not masked")];
    let own = own_name(&unit)?;
    Ok(plan(step(host, Verb::Unmask, [own.as_str()]), objects, Some(back_by(Verb::Mask, own))))
}

/// The unit, and those that its file has enabled and disabled with it (`Also=`), to the last.
fn along(host: &dyn Host, unit: Unit) -> Result<Vec<(Unit, Files)>, PlanRefusal> {
    let mut members: Vec<(Unit, Files)> = Vec::new();
    let mut next = vec![unit];
    while let Some(unit) = next.pop() {
        if members.iter().any(|(member, _)| member.id == unit.id) {
            continue;
        }
        let files = Files::of(host, &unit)?;
        let names = files.installs("Also").ok_or_else(|| unclear(&unit))?;
        if members.len() + names.len() > MOST_ALONG {
            let reason = format!("{} brings more than {MOST_ALONG} others along", unit.id);
            return Err(PlanRefusal::new(Rule::SystemdTooMany, reason));
        }
        for name in names {
            next.push(reader::present(host, &name)?);
        }
        members.push((unit, files));
    }
    Ok(members)
}

/// Enabling a unit gives it its `Alias=` names, and makes it something that others cannot run without: none of these may be
/// protected. `WantedBy=` only starts it with them.
fn names_are_free(protection: &Protection<'_>, unit: &Unit, files: &Files) -> Result<(), PlanRefusal> {
    let aliases = files.installs("Alias").ok_or_else(|| unclear(unit))?;
    if protection.holds(aliases.iter().map(String::as_str)) {
        let reason =
            format!("{} takes the name of a unit that Reeve, or the way into this host, stands on", unit.id);
        return Err(PlanRefusal::new(Rule::SystemdProtected, reason));
    }
    for key in ["RequiredBy", "UpheldBy"] {
        let bound = files.installs(key).ok_or_else(|| unclear(unit))?;
        if let Some(other) = bound.iter().find(|other| protection.holds([other.as_str()])) {
            let reason =
                format!("{} would tie {other} to itself ({key}), which this host stands on", unit.id);
            return Err(PlanRefusal::new(Rule::SystemdProtected, reason));
        }
    }
    Ok(())
}

fn unclear(unit: &Unit) -> PlanRefusal {
    let reason = format!("the file of {} names others by a pattern", unit.id);
    PlanRefusal::new(Rule::SystemdFile, reason)
}

/// Whether enabling and disabling mean something for the unit's file, and can be taken back.
fn settable(unit: &Unit) -> Result<(), PlanRefusal> {
    let why = match unit.file_state {
        FileState::Enabled | FileState::Disabled => return Ok(()),
        FileState::Runtime => return Err(until_reboot(unit)),
        FileState::Masked => {
            let reason = format!("{} is masked", unit.id);
            let name = UnitName::try_from(unit.id.clone()).ok();
            let unmask = name.map(|name| Operation::Systemd(SystemdOperation::act(Verb::Unmask, name)));
            return Err(PlanRefusal::new(Rule::SystemdMasked, reason).or(unmask));
        }
        FileState::Static => "is static: its file does not say what would start it",
        FileState::Indirect => "only brings others along; enable those",
        FileState::Linked => return Err(linked(unit)),
        FileState::Alias => "is another unit's name",
        FileState::Generated => "is generated, at boot and with every reload of systemd",
        FileState::Transient => "is transient: it has no file that stays",
        FileState::None => "has no file",
        FileState::Bad => "has a file that systemd does not understand",
    };
    Err(PlanRefusal::new(Rule::SystemdFile, format!("{} {why}", unit.id)))
}

/// A unit whose file lies elsewhere is there by a link, which `disable` would take away with the others.
fn not_linked(host: &dyn Host, unit: &Unit) -> Result<(), PlanRefusal> {
    if unit.file_state != FileState::Enabled {
        return Ok(());
    }
    let argv = Argv::systemctl(["--no-pager", "--full", "is-enabled", "--", &unit.id]);
    let printed = String::from_utf8(reader::text(host, &argv)?)
        .map_err(|_no_text| reader::unreadable("systemctl is-enabled printed no text"))?;
    if !printed.starts_with("enabled\n") {
        return Err(reader::unreadable(format!("systemctl does not say how {} is enabled", unit.id)));
    }
    let template = unit.id.split_once('@').map(|(prefix, _)| format!("{prefix}@.{}", unit.kind()));
    let is_itself = |link: &str| {
        let name = link.trim_start().strip_prefix(CONFIGURED).and_then(|rest| rest.strip_prefix('/'));
        name.is_some_and(|name| name == unit.id || Some(name) == template.as_deref())
    };
    if printed.lines().any(is_itself) { Err(linked(unit)) } else { Ok(()) }
}

fn linked(unit: &Unit) -> PlanRefusal {
    let reason =
        format!("{} is linked from somewhere else: disabling it would take the unit itself away", unit.id);
    PlanRefusal::new(Rule::SystemdFile, reason)
}

fn until_reboot(unit: &Unit) -> PlanRefusal {
    let reason = format!("{} was set until the next boot only, which could not be put back", unit.id);
    PlanRefusal::new(Rule::SystemdFile, reason)
}

fn back_by(verb: Verb, name: UnitName) -> UndoOffer {
    UndoOffer::by(Operation::Systemd(SystemdOperation::act(verb, name)))
}

fn plan(step: Step, objects: Vec<Object>, undo: Option<UndoOffer>) -> Plan {
    let words = undo.as_ref().map(|offer| offer.operation.command_line());
    let effects = Effects { objects, reversible: undo.is_some(), undo: words, ..Effects::none() };
    Plan { effects, steps: vec![step], undo, settled: false }
}
