//! Deleting: only what both this host's own list and a tag at Azure claim, each resource by itself, as it was seen.

use serde_json::json;

use super::reader::{ask, odd, unreadable};
use super::{AT_REST, all_plain, step};
use crate::adapter::effects::Action;
use crate::adapter::{Basis, Effects, Happened, Host, Object, Plan, PlanRefusal, Rule, Verification};
use crate::arm::{Answer, Claimable, Word};
use crate::operation::azure::TargetName;

/// As many resources as one operation deletes.
const MOST: usize = 32;
/// As many as a refusal names.
const NAMED: usize = 5;
/// States in which nothing is being done to a resource.
const RESTING: [&str; 4] = [AT_REST, "Failed", "Canceled", "Cancelled"];

/// What goes, and by which steps: what lies below something first.
pub(super) fn plan(target: &TargetName, host: &dyn Host) -> Result<Plan, PlanRefusal> {
    let (subscription, group, _) = target.parts();
    let words = ["claimed", subscription, group].map(str::to_owned).into();
    let group = format!("{subscription}/{group}");
    let Answer::Claimed(all) = ask(host, words, &format!("resource group {group}"))? else {
        return Err(odd());
    };
    let mut going = chosen(target, &all)?;
    going.sort_by_key(|one| (std::cmp::Reverse(one.name.matches('/').count()), one.name.clone()));
    let (mut objects, mut steps) = (Vec::new(), Vec::new());
    for one in going {
        let name = TargetName::try_from(format!("{group}/{}", one.name));
        let name =
            name.map_err(|_odd| unreadable(format!("{} has a name that is not taken", all_plain(&one.id))))?;
        let mark = resting(one, &name)?;
        let created = one.created.clone().unwrap_or_default();
        let version = one.version.clone().unwrap_or_default();
        let object = Object::new(Action::Destroy, "resource", name.as_str(), Some(all_plain(&one.id)));
        let object = object.was(all_plain(&format!("made {created}, {version}")));
        let place = one.location.as_ref().map(|place| format!(" in {place}")).unwrap_or_default();
        objects.push(object.note(all_plain(&format!("{}{place}", one.kind))));
        steps.push(step(words_for("delete", &name, Some(mark))));
    }
    let effects = Effects {
        objects,
        bytes_freed: None,
        bytes_basis: Basis::Nothing,
        reversible: false,
        ..Effects::none()
    };
    Ok(Plan { effects, steps, undo: None, settled: false })
}

/// What both claim of what was asked for. What only one of them claims is a doubt, and ends it.
fn chosen<'a>(target: &TargetName, all: &'a [Claimable]) -> Result<Vec<&'a Claimable>, PlanRefusal> {
    let (_, _, resource) = target.parts();
    let asked = |one: &&Claimable| match resource {
        Some(resource) => one.name == resource,
        None => one.is_half_claimed(),
    };
    let first: Vec<&Claimable> = all.iter().filter(asked).collect();
    if first.is_empty() {
        return Err(match resource {
            Some(_) => PlanRefusal::new(Rule::AzureNotFound, format!("there is no {target}")),
            None => PlanRefusal::new(
                Rule::AzureUnclaimed,
                format!("nothing in {target} is claimed, neither by this host's list nor by a tag"),
            ),
        });
    }
    // It would go with what is above it.
    let below = |one: &Claimable| first.iter().any(|above| one.name.starts_with(&format!("{}/", above.name)));
    let going: Vec<&Claimable> =
        all.iter().filter(|one| first.iter().any(|first| first.name == one.name) || below(one)).collect();
    let doubts: Vec<&&Claimable> = going.iter().filter(|one| !one.is_claimed()).collect();
    if !doubts.is_empty() {
        let named: Vec<String> = doubts.iter().take(NAMED).map(|one| doubt(one)).collect();
        let more = doubts.len().saturating_sub(NAMED);
        let more = if more > 0 { format!("; and {more} more") } else { String::new() };
        let reason = format!("not both claim {}{more}", named.join("; "));
        return Err(PlanRefusal::new(Rule::AzureUnclaimed, reason));
    }
    if going.len() > MOST {
        let reason = format!("{} resources are too many for one operation: at most {MOST}", going.len());
        return Err(PlanRefusal::new(Rule::AzureTooMany, reason));
    }
    Ok(going)
}

/// Who claims it, and who does not.
fn doubt(one: &Claimable) -> String {
    let host = match one.host {
        Word::Claims => "this host's list has it",
        Word::Silent => "this host's list does not have it",
        Word::Other => "this host's list has another one of its name",
    };
    let tag = match one.tag {
        Word::Claims => "its tag says so",
        Word::Silent => "it has no tag that says so",
        Word::Other => "its tag names another host",
    };
    format!("{} ({host}, {tag})", all_plain(&one.name))
}

/// By what it is told from what it was before, if nothing is being done to it.
fn resting(one: &Claimable, name: &TargetName) -> Result<String, PlanRefusal> {
    if let Some(state) = one.state.as_deref().filter(|state| !RESTING.contains(state)) {
        let reason = format!("something is being done to {name} just now: {}", all_plain(state));
        return Err(PlanRefusal::new(Rule::AzureBusy, reason));
    }
    let nothing =
        || unreadable(format!("Azure says nothing by which {name} can be told from what it was before"));
    one.mark.clone().ok_or_else(nothing)
}

fn words_for(what: &str, name: &TargetName, mark: Option<String>) -> Vec<String> {
    let (subscription, group, resource) = name.parts();
    let words = [what, subscription, group, resource.unwrap_or_default()].map(str::to_owned);
    words.into_iter().chain(mark).collect()
}

/// Whether each of them is there; `is_over` says that nothing of it goes on.
pub(super) fn look(plan: &Plan, host: &dyn Host, is_over: bool) -> Verification {
    let (mut gone, mut left, mut unseen) = (Vec::new(), Vec::new(), None);
    for object in &plan.effects.objects {
        match is_there(&object.name, host) {
            Ok(true) => left.push(object.name.clone()),
            Ok(false) => gone.push(object.name.clone()),
            Err(why) => unseen = Some(why),
        }
    }
    let result = json!({"gone": gone, "left": left});
    let (happened, reason) = match (unseen, left.is_empty(), gone.is_empty()) {
        (Some(why), _, _) => (Happened::CannotTell, Some(why)),
        (None, true, _) => (Happened::Wholly, None),
        (None, false, false) => (Happened::Partly, Some(told("still there", &left))),
        (None, false, true) if is_over => (Happened::NotAtAll, Some(told("still there", &left))),
        // Azure may be at it.
        (None, false, true) => (Happened::CannotTell, Some(told("still there", &left))),
    };
    Verification::new(happened, result, reason)
}

fn told(what: &str, names: &[String]) -> String {
    let named: Vec<&str> = names.iter().take(NAMED).map(String::as_str).collect();
    format!("{} {what}: {}", names.len(), named.join(", "))
}

fn is_there(name: &str, host: &dyn Host) -> Result<bool, String> {
    let name = TargetName::try_from(name.to_owned()).map_err(|_odd| format!("{name} is no resource"))?;
    let answer = ask(host, words_for("there", &name, None), name.as_str());
    let Answer::There(is_there) = answer.map_err(|refusal| refusal.reason)? else { return Err(odd().reason) };
    Ok(is_there)
}

/// The words of the program's last line, as far as they are Azure's own code: a word that steers nothing.
pub(super) fn code(stderr: &[u8]) -> Option<String> {
    let said = String::from_utf8_lossy(stderr);
    let line = said.lines().rfind(|line| line.starts_with("reeve azure: "))?;
    let why = line.strip_prefix("reeve azure: ")?;
    let code = match why.strip_prefix("HTTP ") {
        Some(rest) => rest.split_once(' ').map(|(_, code)| code)?,
        None => why.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')'))?,
    };
    let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_');
    (!code.is_empty() && code.len() <= 64 && code.chars().all(is_word)).then(|| code.to_owned())
}
