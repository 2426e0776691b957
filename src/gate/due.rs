//! When what people approved begins: after its hold, in its window, and not later than it was approved for.

use std::sync::Arc;
use std::time::Duration;

use super::ask::excluded;
use super::end::End;
use super::live::Cell;
use super::permit::Permit;
use super::{Gate, act};
use crate::audit::EventKind;
use crate::job::{BootTime, Job, Runs, State};
use crate::policy::Timing;

/// How often it is looked whether the time has come. Clocks may be set meanwhile.
const LOOK: Duration = Duration::from_millis(500);

impl Gate {
    /// When something that has just been approved may begin.
    pub(super) fn runs(&self, timing: Timing) -> Runs {
        let now = self.now_ms();
        let (from, until) = timing.after(now, self.approvals.execute_within);
        Runs {
            from,
            until,
            held_until: self.boot_time(timing.hold),
            until_boot: self.boot_time(Duration::from_millis(until.saturating_sub(now))),
        }
    }

    /// An approval is not kept for a better moment: what was approved at noon does not run at night.
    pub(super) fn too_late(&self, job: &Job) -> bool {
        if let Some(runs) = job.approval.as_ref().and_then(|approval| approval.runs.as_ref()) {
            let is_this_boot = runs.until_boot.boot_id == self.identity.boot_id;
            return self.now_ms() > runs.until || (is_this_boot && self.is_past(&runs.until_boot));
        }
        let window = u64::try_from(self.approvals.execute_within.as_millis()).unwrap_or(u64::MAX);
        let by_wall = self.now_ms() > job.changed_at().saturating_add(window);
        let by_boot = job.approved_at.as_ref().is_some_and(|at| {
            let until = BootTime { boot_id: at.boot_id.clone(), ms: at.ms.saturating_add(window) };
            at.boot_id == self.identity.boot_id && self.is_past(&until)
        });
        by_wall || by_boot
    }

    /// How long until it may begin. Setting the wall clock ahead does not shorten a hold.
    fn left(&self, job: &Job) -> Duration {
        let Some(runs) = job.approval.as_ref().and_then(|approval| approval.runs.as_ref()) else {
            return Duration::ZERO;
        };
        let by_wall = runs.from.saturating_sub(self.now_ms());
        let is_this_boot = runs.held_until.boot_id == self.identity.boot_id;
        let by_boot = runs.held_until.ms.saturating_sub(self.boot_time(Duration::ZERO).ms);
        Duration::from_millis(by_wall.max(if is_this_boot { by_boot } else { 0 }))
    }
}

/// Waits until what people approved may begin, and begins it if they still may decide and nobody has said no.
pub(super) async fn run_when_due(gate: Arc<Gate>, cell: Arc<Cell>) {
    let permit = loop {
        let job = cell.job.lock().await;
        if job.state != State::Approved {
            return;
        }
        let left = gate.left(&job);
        if left.is_zero() {
            break Permit::by_people(&job, &gate.people.load(), &excluded(&job));
        }
        drop(job);
        tokio::time::sleep(left.min(LOOK)).await;
    };
    match permit {
        Some(permit) => act::run(gate, cell, permit).await,
        // Who may vote changed since the last yes.
        None => {
            let end = End::failed("the people who may decide changed meanwhile; ask again".to_owned());
            gate.finish(&cell, end, EventKind::Outcome).await;
        }
    }
}
