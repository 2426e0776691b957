//! Moving a dataset into its pool's quarantine instead of destroying it.

use std::time::Duration;

use super::item::Kind;
use super::reader::{self, Scope};
use super::rename::{is_quarantined, moved};
use crate::adapter::{Argv, Host, Plan, PlanRefusal, Rule, Step, UndoOffer};
use crate::operation::Operation;
use crate::operation::zfs::{DatasetName, QUARANTINE, Target, ZfsOperation};

/// How long what is in quarantine stays there at least.
const KEPT: Duration = Duration::from_secs(7 * 24 * 3600);

/// Makes the quarantine, unless it is there, and moves the dataset into it under a name that holds its guid.
pub(super) fn plan(host: &dyn Host, target: &Target) -> Result<Plan, PlanRefusal> {
    let from = target.dataset();
    if is_quarantined(&from) {
        let reason = format!("{from} is in quarantine already; purge destroys it for good");
        return Err(PlanRefusal::new(Rule::ZfsExists, reason));
    }
    let tree = reader::present_list(host, from.as_str(), Scope::Tree)?;
    let guid = tree.first().filter(|top| top.name == from.as_str()).map(|top| top.guid.clone());
    let guid = guid.ok_or_else(|| reader::unreadable(format!("zfs list answered without {from}")))?;
    let container = format!("{}/{QUARANTINE}", from.pool());
    let to = resting_place(&container, &from, &guid)?;
    reader::absent(host, to.as_str())?;
    let mut steps = Vec::new();
    match reader::find(host, &container)? {
        Some(item) if item.kind == Kind::Filesystem => {}
        Some(_) => return Err(PlanRefusal::new(Rule::ZfsKind, format!("{container} is no filesystem"))),
        None => steps.push(Step::zfs(Argv::zfs([
            "create",
            "-o",
            "canmount=off",
            "-o",
            "mountpoint=none",
            &container,
        ]))),
    }
    steps.push(Step::zfs(Argv::zfs(["rename", from.as_str(), to.as_str()])));
    let undo = Operation::Zfs(ZfsOperation::Rename { dataset: to.clone(), to: from.clone() });
    let words = format!("{} within 7 days", undo.command_line());
    Ok(Plan {
        effects: moved(&tree, &from, &to, Some(words)),
        steps,
        undo: Some(UndoOffer { operation: undo, until: Some(KEPT) }),
        settled: false,
    })
}

/// What destroys for good what a plan puts into quarantine.
pub(super) fn purge(plan: &Plan) -> Option<Operation> {
    let Operation::Zfs(ZfsOperation::Rename { dataset, .. }) = &plan.undo.as_ref()?.operation else {
        return None;
    };
    is_quarantined(dataset).then(|| Operation::Zfs(ZfsOperation::Purge { dataset: dataset.clone() }))
}

/// The last part of the name and the guid, so that two datasets of one name can rest side by side.
fn resting_place(container: &str, from: &DatasetName, guid: &str) -> Result<DatasetName, PlanRefusal> {
    let last = from.as_str().rsplit('/').next().unwrap_or_default();
    DatasetName::try_from(format!("{container}/{last}-{guid}"))
        .or_else(|_too_long| DatasetName::try_from(format!("{container}/{guid}")))
        .map_err(|invalid| PlanRefusal::new(Rule::ZfsKind, format!("its name in quarantine {invalid}")))
}
