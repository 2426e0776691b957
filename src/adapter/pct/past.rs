//! Which snapshots a plan leaves of the container that it takes something from.

use std::collections::BTreeSet;

use super::reader;
use crate::adapter::{Action, Host, Past, Plan, PlanRefusal};
use crate::operation::pct::VmId;

/// The container, with the youngest of its snapshots that does not go with the plan.
pub(super) fn kept(vm: VmId, plan: &Plan, host: &dyn Host) -> Result<Vec<Past>, PlanRefusal> {
    let objects = &plan.effects.objects;
    if objects.is_empty() {
        return Ok(Vec::new());
    }
    let name = format!("container {vm}");
    let gone: BTreeSet<&str> = objects
        .iter()
        .filter(|object| object.action == Action::Destroy)
        .map(|object| object.name.as_str())
        .collect();
    if gone.contains(vm.to_string().as_str()) {
        let help = format!("{name} goes with all of its snapshots; ask for it with retire, which keeps them");
        return Ok(vec![Past { name, youngest: None, help }]);
    }
    let snapshots = reader::snapshots(host, vm)?;
    let left =
        snapshots.all.iter().filter(|snapshot| !gone.contains(format!("{vm}@{}", snapshot.name).as_str()));
    let taken = left.filter_map(|snapshot| host.local_time(&snapshot.taken));
    let help = format!("take one first, with pct.snapshot of {vm}");
    Ok(vec![Past { name, youngest: taken.max(), help }])
}
