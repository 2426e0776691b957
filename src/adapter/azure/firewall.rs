//! The firewall of a vault, opened to this host's own address for a while: what is let in is shown as it is and as it becomes.

use serde_json::json;

use super::reader::{ask, odd};
use super::{all_plain, step};
use crate::adapter::effects::Action;
use crate::adapter::{Effects, Happened, Host, Object, Plan, PlanRefusal, Rule, UndoOffer, Verification};
use crate::arm::{Answer, Firewall};
use crate::operation::Operation;
use crate::operation::azure::{AzureOperation, VaultName};

/// As much of what tells a firewall from others as binds an approval to it.
const MARK_SHOWN: usize = 16;

/// Lets this host's own address in.
pub(super) fn allow(vault: &VaultName, minutes: u32, host: &dyn Host) -> Result<Plan, PlanRefusal> {
    let wall = read("opening", vault, host)?;
    let Some(address) = wall.address.clone() else {
        return Err(odd());
    };
    if !wall.is_closed() {
        return Err(PlanRefusal::new(Rule::AzureFirewall, open(vault, &wall)));
    }
    let effects = effects(vault, &wall, &format!("lets in {address} for {minutes} minutes, beside"));
    if wall.lets_in(&address) {
        return Ok(Plan::settled(effects));
    }
    let back = AzureOperation::KeyvaultRemoveIp { vault: vault.clone() };
    let undo = Some(UndoOffer::by(Operation::Azure(back)));
    let effects =
        Effects { undo: Some("it is removed again after that time, or before".to_owned()), ..effects };
    let steps = vec![step(words("allow", vault, [address, minutes.to_string(), wall.mark]))];
    Ok(Plan { effects, steps, undo, settled: false })
}

/// Takes away what this host added.
pub(super) fn remove(vault: &VaultName, host: &dyn Host) -> Result<Plan, PlanRefusal> {
    let wall = read("firewall", vault, host)?;
    let ours: Vec<&str> =
        wall.added.iter().filter(|address| wall.lets_in(address)).map(String::as_str).collect();
    let effects = effects(vault, &wall, &format!("lets in {} no more, which is among", ours.join(", ")));
    if ours.is_empty() {
        return Ok(Plan::settled(effects));
    }
    let steps = vec![step(words("disallow", vault, [wall.mark.clone()]))];
    Ok(Plan { effects, steps, undo: None, settled: false })
}

/// What changes stands first, so that no list of others hides it; how the firewall is now is bound by what tells it from others.
fn effects(vault: &VaultName, wall: &Firewall, change: &str) -> Effects {
    let mark: String = wall.mark.chars().take(MARK_SHOWN).collect();
    let becomes = format!("{change} {} by address now (as it is: {mark})", wall.rules.len());
    let object = Object::new(Action::Set, "vault", vault.as_str(), Some(all_plain(&wall.id)));
    let object = object.becomes(all_plain(&becomes)).note(all_plain(&shown(wall)));
    Effects { objects: vec![object], ..Effects::none() }
}

fn shown(wall: &Firewall) -> String {
    match wall.rules.as_slice() {
        [] => "nobody is let in by address".to_owned(),
        rules => format!("let in by address: {}", rules.join(", ")),
    }
}

/// Why a rule would open nothing.
fn open(vault: &VaultName, wall: &Firewall) -> String {
    match wall.access.as_deref() {
        Some("Disabled") => format!(
            "public access to {vault} is switched off, so that no rule lets anybody in; switching it on is not for Reeve"
        ),
        _other => format!(
            "{vault} lets everybody in who is not kept out, so that a rule says nothing; that is not for Reeve to change"
        ),
    }
}

fn words<const N: usize>(what: &str, vault: &VaultName, more: [String; N]) -> Vec<String> {
    let (subscription, group, name) = vault.parts();
    let words = [what, subscription, group, name].map(str::to_owned);
    words.into_iter().chain(more).collect()
}

fn read(what: &str, vault: &VaultName, host: &dyn Host) -> Result<Firewall, PlanRefusal> {
    let Answer::Firewall(wall) = ask(host, words(what, vault, []), vault.as_str())? else {
        return Err(odd());
    };
    Ok(*wall)
}

/// Whether it is as it was to become; `is_over` says that nothing of it goes on. What was allowed is shown by the step's own words.
pub(super) fn look(vault: &VaultName, plan: &Plan, host: &dyn Host, is_over: bool) -> Verification {
    let wall = match read("firewall", vault, host) {
        Ok(wall) => wall,
        Err(refusal) => return Verification::new(Happened::CannotTell, json!({}), Some(refusal.reason)),
    };
    let args = plan.steps.first().map(|step| step.argv.args.as_slice()).unwrap_or_default();
    let is_so = match args {
        [_, what, _, _, _, address, ..] if what == "allow" => {
            wall.lets_in(address) && wall.has_added(address)
        }
        [_, what, ..] if what == "disallow" => !wall.added.iter().any(|address| wall.lets_in(address)),
        _other => false,
    };
    let result = json!({"lets_in": wall.rules, "added": wall.added, "closed": wall.is_closed()});
    // As it was, Azure may still be at it.
    match (is_so, is_over && args.last() == Some(&wall.mark)) {
        (true, _) => Verification::new(Happened::Wholly, result, None),
        (false, true) => Verification::new(Happened::NotAtAll, result, Some(all_plain(&shown(&wall)))),
        (false, false) => Verification::new(Happened::CannotTell, result, Some(all_plain(&shown(&wall)))),
    }
}
