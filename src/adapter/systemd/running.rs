//! Starting, stopping, restarting and reloading: what would run afterwards, and what would not.

use super::closure::Units;
use super::protected::Protection;
use super::reader::{self, Files, sentence};
use super::unit::{Activity, Load, Unit};
use super::{object, several, step};
use crate::adapter::{Action, Effects, Host, Object, Plan, PlanRefusal, Rule, Step, UndoOffer};
use crate::operation::Operation;
use crate::operation::systemd::{SystemdOperation, UnitName, Verb};

/// How many units may change in one operation: their files are all read.
const MOST_CHANGED: usize = 64;

/// Starts a unit, and others with it.
pub(super) fn start(host: &dyn Host, names: &[&UnitName]) -> Result<Plan, PlanRefusal> {
    let mut planning = Planning::new(host);
    let wanted = planning.wanted(names, Verb::Start)?;
    let down: Vec<Unit> = wanted.iter().filter(|unit| !unit.is_up()).cloned().collect();
    if down.is_empty() {
        return Ok(Plan::settled(Effects::none()));
    }
    let changes = planning.starting(&down)?;
    let mut objects = planning.stopped(&changes.stopped)?;
    for unit in &down {
        objects.push(planning.object(Action::Start, unit)?.becomes("active"));
    }
    let undo = if changes.stopped.is_empty() {
        offer(Verb::Stop, &down)
    } else if changes.stopped.iter().all(can_be_started) {
        // Starting what conflicts with it stops it again.
        offer(Verb::Start, &changes.stopped)
    } else {
        None
    };
    let planned = plan(planning.step(Verb::Start, &down), objects, names_of(&changes.pulled_in), undo);
    Ok(leaving(planned, &changes))
}

/// Stops a unit, and others with it.
pub(super) fn stop(host: &dyn Host, names: &[&UnitName]) -> Result<Plan, PlanRefusal> {
    let mut planning = Planning::new(host);
    let wanted = planning.wanted(names, Verb::Stop)?;
    let up: Vec<Unit> = wanted.iter().filter(|unit| unit.is_up()).cloned().collect();
    if up.is_empty() {
        return Ok(Plan::settled(Effects::none()));
    }
    let with_them: Vec<Unit> = planning.units.stopping_with(&up)?.into_iter().filter(Unit::is_up).collect();
    let mut stopping: Vec<Unit> = with_them.into_iter().rev().chain(up.iter().cloned()).collect();
    // What nothing needs any more comes back with what needs it.
    let undo = if stopping.iter().all(can_be_started) {
        offer(Verb::Start, up.iter().chain(stopping.iter()))
    } else {
        None
    };
    stopping.extend(planning.units.unneeded_without(&stopping, &[])?);
    let following = planning.units.following(&stopping)?;
    planning.may_be_pulled_in(&following)?;
    let objects = planning.stopped(&stopping)?;
    Ok(plan(planning.step(Verb::Stop, &up), objects, names_of(&following), undo))
}

/// Stops and starts a unit, with what must not run without it.
pub(super) fn restart(host: &dyn Host, name: &UnitName) -> Result<Plan, PlanRefusal> {
    let mut planning = Planning::new(host);
    let wanted = planning.wanted(&[name], Verb::Restart)?;
    let with_it: Vec<Unit> = planning.units.stopping_with(&wanted)?.into_iter().filter(Unit::is_up).collect();
    let changes = planning.starting(&wanted)?;
    let mut objects = planning.stopped(&changes.stopped)?;
    for unit in with_it.iter().chain(&wanted) {
        planning.protection.permits(unit)?;
        objects.push(planning.object(Action::Restart, unit)?.becomes("active"));
    }
    let was_up = wanted.iter().any(Unit::is_up);
    let undo = if !was_up && changes.stopped.is_empty() { offer(Verb::Stop, &wanted) } else { None };
    let planned = plan(planning.step(Verb::Restart, &wanted), objects, names_of(&changes.pulled_in), undo);
    let mut plan = leaving(planned, &changes);
    if was_up && changes.stopped.is_empty() {
        // It runs before and after: there is nothing to take back.
        plan.effects.reversible = true;
    }
    Ok(plan)
}

/// Has a unit read its configuration again.
pub(super) fn reload(host: &dyn Host, name: &UnitName) -> Result<Plan, PlanRefusal> {
    let mut planning = Planning::new(host);
    let wanted = planning.wanted(&[name], Verb::Reload)?;
    let Some(unit) = wanted.first() else { return Err(reader::unreadable("no unit to reload")) };
    if unit.active != Activity::Active {
        let reason = format!("{} is {}, and only what runs can be reloaded", unit.id, unit.active.as_str());
        return Err(PlanRefusal::new(Rule::SystemdNotRunning, reason));
    }
    if !unit.says_yes("CanReload") {
        let restart = Operation::Systemd(SystemdOperation::act(Verb::Restart, name.clone()));
        let reason = format!("{} cannot be reloaded", unit.id);
        return Err(PlanRefusal::new(Rule::SystemdCannot, reason).or(Some(restart)));
    }
    let with_it = planning.units.reloading_with(unit)?;
    for other in &with_it {
        planning.protection.permits(other)?;
    }
    let objects = vec![planning.object(Action::Reload, unit)?.becomes("active")];
    Ok(plan(planning.step(Verb::Reload, &wanted), objects, names_of(&with_it), None))
}

/// Forgets that a unit failed.
pub(super) fn reset_failed(host: &dyn Host, name: &UnitName) -> Result<Plan, PlanRefusal> {
    let planning = Planning::new(host);
    let unit = reader::present(host, name.as_str())?;
    planning.protection.permits(&unit)?;
    if unit.active != Activity::Failed {
        return Ok(Plan::settled(Effects::none()));
    }
    let objects = vec![planning.object(Action::ResetFailed, &unit)?.becomes("inactive")];
    Ok(plan(planning.step(Verb::ResetFailed, &[unit]), objects, Vec::new(), None))
}

/// What starting some units brings along.
struct Changes {
    pulled_in: Vec<Unit>,
    stopped: Vec<Unit>,
}

struct Planning<'h> {
    host: &'h dyn Host,
    units: Units<'h>,
    protection: Protection<'h>,
}

impl<'h> Planning<'h> {
    fn new(host: &'h dyn Host) -> Self {
        let protection = Protection::new(&host.settings().systemd);
        Self { host, units: Units::new(host), protection }
    }

    /// The units that were named, by their own names, each of which may be changed in this way now.
    fn wanted(&self, names: &[&UnitName], verb: Verb) -> Result<Vec<Unit>, PlanRefusal> {
        let mut wanted: Vec<Unit> = Vec::new();
        for name in names {
            let unit = reader::present(self.host, name.as_str())?;
            self.protection.permits(&unit)?;
            self.ready(&unit, verb)?;
            if wanted.iter().all(|other| other.id != unit.id) {
                wanted.push(unit);
            }
        }
        Ok(wanted)
    }

    fn ready(&self, unit: &Unit, verb: Verb) -> Result<(), PlanRefusal> {
        let refuse = |rule, why: &str| Err(PlanRefusal::new(rule, format!("{} {why}", unit.id)));
        let starts = matches!(verb, Verb::Start | Verb::Restart);
        if unit.has_job {
            return refuse(Rule::SystemdBusy, "is being started or stopped right now");
        }
        if starts && unit.load == Load::Masked {
            let name = UnitName::try_from(unit.id.clone()).ok();
            let unmask = name.map(|name| Operation::Systemd(SystemdOperation::act(Verb::Unmask, name)));
            return refuse(Rule::SystemdMasked, "is masked").map_err(|refusal| refusal.or(unmask));
        }
        if (starts || verb == Verb::Reload) && unit.is_stale {
            return refuse(
                Rule::SystemdStale,
                "has files that are newer than what systemd has read: what would run is not what lies there",
            );
        }
        if starts && (unit.says_yes("RefuseManualStart") || !unit.says_yes("CanStart")) {
            return refuse(Rule::SystemdCannot, "cannot be started by hand");
        }
        let stops = verb == Verb::Stop || (verb == Verb::Restart && unit.is_up());
        if stops && unit.says_yes("RefuseManualStop") {
            return refuse(Rule::SystemdCannot, "cannot be stopped by hand");
        }
        Ok(())
    }

    fn starting(&mut self, roots: &[Unit]) -> Result<Changes, PlanRefusal> {
        let pulled_in = self.units.starting_for(roots)?;
        let all: Vec<Unit> = roots.iter().chain(&pulled_in).cloned().collect();
        let following = self.units.following(&all)?;
        self.may_be_pulled_in(&pulled_in)?;
        self.may_be_pulled_in(&following)?;
        let stopped = self.units.stopped_by_starting(&all)?;
        Ok(Changes { pulled_in, stopped })
    }

    fn may_be_pulled_in(&self, units: &[Unit]) -> Result<(), PlanRefusal> {
        units.iter().try_for_each(|unit| self.protection.may_be_pulled_in(unit))
    }

    /// Units that would stop, none of which may be protected.
    fn stopped(&mut self, stopping: &[Unit]) -> Result<Vec<Object>, PlanRefusal> {
        if stopping.len() > MOST_CHANGED {
            let reason =
                format!("{} units would stop; {MOST_CHANGED} is the most for one operation", stopping.len());
            return Err(PlanRefusal::new(Rule::SystemdTooMany, reason));
        }
        let mut objects = Vec::new();
        for unit in stopping {
            self.protection.permits(unit).map_err(|refusal| PlanRefusal {
                reason: format!("it would stop, too: {}", refusal.reason),
                ..refusal
            })?;
            let awakening = self.units.awakening(unit, stopping)?;
            let object = self.object(Action::Stop, unit)?.becomes("inactive");
            let object = if awakening.is_empty() {
                object
            } else {
                let by = sentence(awakening.iter().map(|other| other.id.as_str()));
                object.was(format!("{}, started again by {by}", unit.state()))
            };
            objects.push(object);
        }
        Ok(objects)
    }

    fn step(&self, verb: Verb, units: &[Unit]) -> Step {
        step(self.host, verb, units.iter().map(|unit| unit.id.as_str()))
    }

    fn object(&self, action: Action, unit: &Unit) -> Result<Object, PlanRefusal> {
        Ok(object(action, unit, &Files::of(self.host, unit)?))
    }
}

fn can_be_started(unit: &Unit) -> bool {
    let runs_again = !unit.says_yes("RefuseManualStart") && !unit.says_yes("Transient");
    runs_again && unit.load == Load::Loaded && !unit.is_over_when_done()
}

/// The operation that starts or stops these again.
fn offer<'u>(verb: Verb, units: impl IntoIterator<Item = &'u Unit>) -> Option<UndoOffer> {
    let mut names: Vec<UnitName> = Vec::new();
    for unit in units {
        // What is no name that Reeve takes, or cannot be changed, cannot be put back.
        let name = UnitName::try_from(unit.id.clone()).ok().filter(|name| name.kind().can_be_changed())?;
        if !names.contains(&name) {
            names.push(name);
        }
    }
    several(verb, names).map(|operation| UndoOffer::by(Operation::Systemd(operation)))
}

/// What was pulled in stays when the start is taken back: who may name a unit may not name all that it needs. So the start
/// is not wholly taken back, and says so.
fn leaving(mut plan: Plan, changes: &Changes) -> Plan {
    if let (false, true, Some(words)) =
        (changes.pulled_in.is_empty(), changes.stopped.is_empty(), plan.effects.undo.as_mut())
    {
        words.push_str(" (what it pulled in goes on)");
        plan.effects.reversible = false;
    }
    plan
}

fn names_of(units: &[Unit]) -> Vec<String> {
    units.iter().map(|unit| unit.id.clone()).collect()
}

fn plan(step: Step, objects: Vec<Object>, dependents: Vec<String>, undo: Option<UndoOffer>) -> Plan {
    let words = undo.as_ref().map(|offer| offer.operation.command_line());
    let effects = Effects { objects, dependents, reversible: undo.is_some(), undo: words, ..Effects::none() };
    Plan { effects, steps: vec![step], undo, settled: false }
}
