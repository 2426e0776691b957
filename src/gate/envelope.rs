//! A job as its caller sees it.

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::decide::shown;
use super::protocol::{ApprovalView, AuditRef, Envelope, Undo, WaitingApproval};
use super::{Gate, from_millis};
use crate::approval::people::People;
use crate::job::{Approval, Job, State};
use crate::operation::Operation;
use crate::policy::Timing;

/// In how many seconds to ask again about an operation that runs.
const RUNNING: u64 = 1;
/// In how many seconds to ask again about one that waits for people.
const WAITING: u64 = 5;

impl Gate {
    /// The envelope of a job.
    pub(super) fn envelope(&self, job: &Job) -> Envelope {
        Envelope {
            id: job.id.clone(),
            principal: job.principal.clone(),
            state: job.state,
            is_final: job.state.is_final(),
            version: job.version(),
            operation: job.submission.operation.to_value(),
            asked: job.asked.as_ref().map(Operation::to_value),
            created_at: rfc3339(job.created_at()),
            decision: job.decision.as_ref().map(shown),
            effects: job.effects().and_then(|effects| serde_json::to_value(effects).ok()),
            result: job.outcome.result.clone(),
            exit_code: job.outcome.exit_code,
            verified: job.outcome.verified,
            error: job.outcome.error.clone(),
            undo: job.outcome.undo.clone().map(|op| Undo { op, until: job.outcome.undo_until.map(rfc3339) }),
            audit: job.audit.clone().map(|(seq, hash)| AuditRef { seq, hash }),
            approval: waiting(job).map(|approval| view(approval, &self.people.load())),
            retry_after: retry_after(job.state),
        }
    }
}

/// The job in the list of what waits for people.
pub(super) fn waiting_approval(job: &Job, people: &People) -> Option<WaitingApproval> {
    waiting(job).map(|approval| WaitingApproval {
        operation: job.id.clone(),
        principal: job.principal.clone(),
        command: job.submission.operation.command_line(),
        approval: view(approval, people),
    })
}

fn waiting(job: &Job) -> Option<&Approval> {
    let waits = |approval: &&Approval| match job.state {
        State::Pending => true,
        // What runs at once does not wait.
        State::Approved => approval.terms.timing() != Timing::default(),
        State::Proposed
        | State::Denied
        | State::Refused
        | State::Expired
        | State::Cancelled
        | State::Superseded
        | State::Executing
        | State::Succeeded
        | State::Failed
        | State::Unknown => false,
    };
    job.approval.as_ref().filter(waits)
}

fn view(approval: &Approval, people: &People) -> ApprovalView {
    let (quorum, confirmed) = (approval.terms.quorum(), &approval.confirmed_by);
    let groups =
        confirmed.iter().filter_map(|name| people.named(name)).map(|person| person.groups.as_slice());
    ApprovalView {
        id: approval.id.clone(),
        expires_at: rfc3339(approval.expires_at),
        needed: quorum.needed(),
        given: quorum.needed().saturating_sub(quorum.missing(groups)),
        groups: quorum.groups().clone(),
        runs_at: approval.runs.as_ref().map(|runs| rfc3339(runs.from)),
        repeat: approval.repeat.clone(),
    }
}

fn retry_after(state: State) -> Option<u64> {
    match state {
        State::Pending => Some(WAITING),
        State::Proposed | State::Approved | State::Executing | State::Superseded | State::Unknown => {
            Some(RUNNING)
        }
        State::Denied
        | State::Refused
        | State::Expired
        | State::Cancelled
        | State::Succeeded
        | State::Failed => None,
    }
}

/// A time in the form of RFC 3339, in UTC, to the millisecond.
pub(super) fn rfc3339(millis: u64) -> String {
    OffsetDateTime::from(from_millis(millis)).format(&Rfc3339).unwrap_or_default()
}
