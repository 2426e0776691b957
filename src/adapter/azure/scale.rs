//! Scaling a container app. To Azure the scale belongs to what a revision is made from: another one is a new revision, which takes the place
//! of the one that serves, replica for replica.

use serde_json::json;

use super::{AT_REST, all_plain, reader, step};
use crate::adapter::effects::Action;
use crate::adapter::{Effects, Happened, Host, Object, Plan, PlanRefusal, Rule, UndoOffer, Verification};
use crate::arm::App;
use crate::operation::Operation;
use crate::operation::azure::{AppName, AzureOperation};

/// What a scale does to an app at rest.
pub(super) fn plan(app: &AppName, seen: &App, (min, max): (u32, u32)) -> Result<Plan, PlanRefusal> {
    if !seen.is_single() {
        let mode = all_plain(seen.mode.as_deref().unwrap_or("not known"));
        let reason = format!(
            "{app} may have several revisions (its mode is {mode}): a new one would have the scale, and those that serve would keep theirs"
        );
        return Err(PlanRefusal::new(Rule::AzureSeveralRevisions, reason));
    }
    let Some(revision) = seen.serving() else {
        let latest = all_plain(seen.latest.as_deref().unwrap_or("not known"));
        let reason = format!(
            "what serves of {app} is not its latest revision, {latest}: that one is being made, or does not come up"
        );
        return Err(PlanRefusal::new(Rule::AzureBusy, reason));
    };
    let was = seen.scale();
    let object = Object::new(Action::Set, "app", app.as_str(), Some(seen.id.clone()));
    let object = object.was(shown(was)).becomes(shown((min, max)));
    let undo = format!("scale it back to {}, by another new revision", shown(was));
    if seen.serves_at((min, max)) {
        let effects = Effects { objects: vec![object], ..Effects::none() };
        return Ok(Plan::settled(effects));
    }
    let name = format!("{app}/{}", all_plain(&revision.name));
    let replaced = Object::new(Action::Restart, "revision", name, revision.created.clone());
    let replaced = replaced.note(format!(
        "a new revision takes its place: {} replicas, {} % of the requests",
        revision.replicas.len(),
        revision.traffic
    ));
    let effects = Effects { objects: vec![object, replaced], undo: Some(undo), ..Effects::none() };
    let back = AzureOperation::Scale { app: app.clone(), min: was.0, max: was.1 };
    let mut args = reader::place("scale", app);
    args.extend([min.to_string(), max.to_string()]);
    let undo = Some(UndoOffer::by(Operation::Azure(back)));
    Ok(Plan { effects, steps: vec![step(args)], undo, settled: false })
}

/// What Azure shows now: the revision that serves, not only what the next one would be made from. `is_over` says that nothing of it goes on.
pub(super) fn look(
    app: &AppName,
    wanted: (u32, u32),
    (plan, host): (&Plan, &dyn Host),
    is_over: bool,
) -> Verification {
    let seen = match reader::read_app(host, app) {
        Ok(seen) => seen,
        Err(refusal) => return Verification::new(Happened::CannotTell, json!({}), Some(refusal.reason)),
    };
    let serves: Vec<String> = seen.revisions.iter().map(|revision| all_plain(&revision.name)).collect();
    let state = all_plain(&seen.state);
    let result = json!({"min": seen.min, "max": seen.max, "state": state, "revisions": serves});
    let is_at_rest = seen.state == AT_REST;
    if is_at_rest && seen.is_single() && seen.serves_at(wanted) {
        return Verification::new(Happened::Wholly, result, None);
    }
    let was = plan.effects.objects.first().and_then(|object| object.was.clone());
    let is_as_before = was == Some(shown(seen.scale())) && seen.serves_at(seen.scale());
    // As it was, Azure may still be at it.
    let happened =
        if is_over && is_at_rest && is_as_before { Happened::NotAtAll } else { Happened::CannotTell };
    let revisions = seen.revisions.iter();
    let has: Vec<String> = revisions
        .map(|revision| format!("{} has {}", all_plain(&revision.name), shown(revision.scale())))
        .collect();
    let reason = if has.is_empty() { "no revision of it is active".to_owned() } else { has.join(", ") };
    Verification::new(happened, result, Some(reason))
}

fn shown((min, max): (u32, u32)) -> String {
    format!("{min} to {max} replicas")
}
