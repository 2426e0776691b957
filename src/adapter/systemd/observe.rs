//! The second look: is each unit as it was to become, does that last, and what does the journal say when it is not so.

use serde_json::{Value, json};

use super::unit::{Activity, FileState, Unit};
use super::{ACTIONS, journal, reader};
use crate::adapter::{Happened, Host, Object, Plan, PlanRefusal, Verification};
use crate::operation::systemd::Verb;

/// What is known besides the host's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Knowing {
    /// Every step ended with status 0.
    StepsSucceeded,
    /// Nothing: the run was interrupted, or a step failed.
    Nothing,
}

/// What one unit shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Seen {
    Yes,
    No,
    Unclear,
}

/// One look at every unit of a plan.
struct Look {
    units: Vec<(Unit, Seen)>,
}

/// Looks, and where everything is as planned looks again after the time that it has to last.
pub(super) fn observe(plan: &Plan, host: &dyn Host, knowing: Knowing) -> Verification {
    let looked = Look::at(plan, host, knowing).and_then(|first| {
        if !first.is_all(Seen::Yes) || !plan.effects.objects.iter().any(must_last) {
            return Ok(first);
        }
        host.pause(host.settings().systemd.hold);
        let mut second = Look::at(plan, host, knowing)?;
        second.judge_against(&first, &plan.effects.objects);
        Ok(second)
    });
    match looked {
        Ok(look) => look.verification(host),
        Err(refusal) => Verification::new(Happened::CannotTell, Value::Null, Some(refusal.reason)),
    }
}

impl Look {
    fn at(plan: &Plan, host: &dyn Host, knowing: Knowing) -> Result<Self, PlanRefusal> {
        let names: Vec<&str> = plan.effects.objects.iter().map(|object| object.name.as_str()).collect();
        let units = reader::units(host, &names)?;
        let judged = units.into_iter().zip(&plan.effects.objects).map(|(unit, object)| {
            let seen = seen(&unit, object, knowing);
            (unit, seen)
        });
        Ok(Self { units: judged.collect() })
    }

    fn is_all(&self, wanted: Seen) -> bool {
        self.units.iter().all(|(_, seen)| *seen == wanted)
    }

    /// What runs in both looks, but not by the same start, has died in between.
    fn judge_against(&mut self, first: &Self, objects: &[Object]) {
        let pairs = self.units.iter_mut().zip(&first.units).zip(objects);
        for (((now, seen), (before, _)), object) in pairs {
            let is_same_run = now.invocation == before.invocation
                && now.properties.one("NRestarts") == before.properties.one("NRestarts");
            if *seen == Seen::Yes && must_last(object) && now.is_up() && !is_same_run {
                *seen = Seen::No;
            }
        }
    }

    fn verification(self, host: &dyn Host) -> Verification {
        let happened = if self.is_all(Seen::Yes) {
            Happened::Wholly
        } else if self.is_all(Seen::No) {
            Happened::NotAtAll
        } else if self.units.iter().any(|(_, seen)| *seen == Seen::Unclear) {
            Happened::CannotTell
        } else {
            Happened::Partly
        };
        let shown: Vec<Value> = self.units.iter().map(|(unit, _)| shown(unit)).collect();
        let amiss: Option<&Unit> =
            self.units.iter().find(|(_, seen)| *seen != Seen::Yes).map(|(unit, _)| unit);
        let verification = Verification::new(happened, json!({"units": shown}), amiss.map(words));
        match amiss.and_then(|unit| last_lines(host, unit)) {
            Some(lines) => verification.with_output(lines),
            None => verification,
        }
    }
}

/// A state of running must last; what is written into files does.
fn must_last(object: &Object) -> bool {
    match verb_of(object) {
        Some(Verb::Start | Verb::Restart | Verb::Reload | Verb::Stop) => true,
        Some(Verb::Enable | Verb::Disable | Verb::Mask | Verb::Unmask | Verb::ResetFailed) | None => false,
    }
}

fn verb_of(object: &Object) -> Option<Verb> {
    ACTIONS.into_iter().find(|(_, action)| *action == object.action).map(|(verb, _)| verb)
}

fn seen(unit: &Unit, object: &Object, knowing: Knowing) -> Seen {
    let Some(verb) = verb_of(object) else { return Seen::Unclear };
    let has_moved = object.note.as_deref() != Some(&unit.details());
    let was_up = object.was.as_deref().is_some_and(|was| {
        !was.starts_with(Activity::Inactive.as_str()) && !was.starts_with(Activity::Failed.as_str())
    });
    match verb {
        Verb::Start => running(unit, has_moved, knowing),
        Verb::Restart if !was_up => running(unit, has_moved, knowing),
        // It was up before: only another run tells that it was restarted, and not by whom.
        Verb::Restart => match (running(unit, has_moved, knowing), has_moved, knowing) {
            (Seen::Yes, true, Knowing::StepsSucceeded) => Seen::Yes,
            (Seen::Yes, true, Knowing::Nothing) => Seen::Unclear,
            (Seen::Yes, false, _) => Seen::No,
            (otherwise @ (Seen::No | Seen::Unclear), _, _) => otherwise,
        },
        Verb::Stop => match unit.active {
            Activity::Inactive | Activity::Failed => Seen::Yes,
            Activity::Deactivating => Seen::Unclear,
            Activity::Active | Activity::Reloading | Activity::Activating | Activity::Maintenance => Seen::No,
        },
        Verb::Reload => match (unit.active, knowing) {
            (Activity::Active, Knowing::StepsSucceeded) => Seen::Yes,
            (Activity::Active, Knowing::Nothing) => Seen::Unclear,
            (Activity::Reloading | Activity::Activating, _) => Seen::Unclear,
            (Activity::Inactive | Activity::Failed | Activity::Deactivating | Activity::Maintenance, _) => {
                Seen::No
            }
        },
        Verb::ResetFailed => is(unit.active != Activity::Failed),
        Verb::Enable => is(unit.file_state == FileState::Enabled),
        Verb::Disable => is(unit.file_state == FileState::Disabled),
        Verb::Mask => is(unit.file_state == FileState::Masked),
        Verb::Unmask => is(unit.file_state != FileState::Masked && unit.file_state != FileState::Runtime),
    }
}

fn is(so: bool) -> Seen {
    if so { Seen::Yes } else { Seen::No }
}

fn running(unit: &Unit, has_moved: bool, knowing: Knowing) -> Seen {
    match unit.active {
        Activity::Active | Activity::Reloading | Activity::Maintenance => Seen::Yes,
        Activity::Activating | Activity::Deactivating => Seen::Unclear,
        Activity::Failed => Seen::No,
        // What does something once and is over is not seen running any more.
        Activity::Inactive if unit.is_over_when_done() && has_moved => match knowing {
            Knowing::StepsSucceeded => is(unit.properties.one("Result") == Some("success")),
            Knowing::Nothing => Seen::Unclear,
        },
        // systemd forgets what nothing else refers to as soon as it is over.
        Activity::Inactive if unit.is_over_when_done() && unit.is_forgotten() => Seen::Unclear,
        Activity::Inactive => Seen::No,
    }
}

fn shown(unit: &Unit) -> Value {
    json!({
        "unit": unit.id, "active": unit.active.as_str(), "sub": unit.sub, "enabled": unit.properties.some("UnitFileState"),
        "result": unit.properties.some("Result"), "since": unit.properties.some("StateChangeTimestamp"),
    })
}

fn words(unit: &Unit) -> String {
    let result = unit.properties.some("Result").filter(|result| *result != "success");
    let why = result.map(|result| format!(": {result}")).unwrap_or_default();
    let was_asked = unit.properties.some("ConditionTimestamp").is_some();
    let unmet =
        if was_asked && unit.says_no("ConditionResult") { ", since its conditions are not met" } else { "" };
    let is_untold = unit.is_over_when_done() && unit.is_forgotten();
    let untold = if is_untold { "; systemd has kept nothing of its last run" } else { "" };
    let (active, files) = (unit.active.as_str(), unit.file_state.as_str());
    format!("{} is {active} ({}){why}, and {files}{unmet}{untold}", unit.id, unit.sub)
}

/// The last lines of the journal; without them the verification stands as well.
fn last_lines(host: &dyn Host, unit: &Unit) -> Option<Value> {
    let lines = host.settings().systemd.last_lines;
    if lines == 0 {
        return None;
    }
    let read = reader::text(host, &journal::last_lines(&unit.id, lines)).ok()?;
    journal::interpret(&read).ok()
}
