//! What of the gate's work is seen in traces. Nothing here decides anything, and nothing waits for it.

use std::collections::BTreeMap;
use std::time::Duration;

use super::protocol::{Answer, Call, Problem, ProblemKind};
use super::{Gate, from_millis};
use crate::grant::WrapperName;
use crate::job::Job;
use crate::launcher::Times;
use crate::operation::Submission;
use crate::principal::PrincipalName;
use crate::trace::{self, Context, Key, Kind, Value, Work};

/// What the launcher's spans are from.
const LAUNCHER: &str = "reeve-launcher";

impl Gate {
    /// A new operation of somebody's, in the trace of whoever asks for it.
    pub(super) fn new_job(&self, principal: PrincipalName, submission: Submission) -> Result<Job, Problem> {
        let mut job = Job::new(self.new_id("op")?, principal, submission, self.now_ms());
        job.trace = self.traces.place(trace::current());
        Ok(job)
    }

    /// Answers a call of the network side under the span that it came with.
    pub(super) async fn in_trace(
        &self,
        asked: Option<Context>,
        name: &'static str,
        answer: impl Future<Output = Result<Answer, Problem>>,
    ) -> Result<Answer, Problem> {
        let Some(context) = asked else { return answer.await };
        let mut work = self.traces.root(Some(context), name, Kind::Server);
        let answered = trace::within(work.context(), answer).await;
        if let Err(problem) = &answered {
            work.set(Key::Problem, word(problem.kind).as_str());
            // That the rules or people say no is what they are for.
            if matches!(
                problem.kind,
                ProblemKind::Unavailable | ProblemKind::AuditUnavailable | ProblemKind::NoChannel
            ) {
                work.failed();
            }
        }
        answered
    }

    /// A part of an operation that begins now.
    pub(super) fn work(&self, job: &Job, name: &str) -> Work<'_> {
        self.traces.work(job.trace.map(|place| place.here), name)
    }

    /// An operation has come to its end.
    pub(super) fn trace_ended(&self, job: &Job) {
        let Some(place) = &job.trace else { return };
        let operation = job.submission.operation.tool();
        let mut about: BTreeMap<Key, Value> = BTreeMap::from([
            (Key::Id, job.id.as_str().into()),
            (Key::Name, operation.as_str().into()),
            (Key::Principal, job.principal.as_str().into()),
            (Key::State, job.state.as_str().into()),
        ]);
        about.extend(job.outcome.exit_code.map(|code| (Key::ExitCode, i64::from(code).into())));
        about.extend(job.outcome.verified.map(|verified| (Key::Verified, verified.into())));
        self.traces.operation(place, (&operation, from_millis(job.created_at())), about);
    }

    /// People have decided, or did not in time.
    pub(super) fn trace_approval(&self, job: &Job, outcome: &str) {
        let Some(approval) = &job.approval else { return };
        let waited = Duration::from_millis(self.now_ms().saturating_sub(approval.created_at));
        let about = BTreeMap::from([(Key::Outcome, outcome.into())]);
        let when = (from_millis(approval.created_at), waited);
        let here = job.trace.map(|place| place.here);
        self.traces.part(here, ("reeve-gate", "approval"), when, about);
    }

    /// What the launcher tells of itself and of the wrapper: its clock is the host's, as ours is.
    pub(super) fn trace_launched(&self, work: &Work<'_>, wrapper: WrapperName, times: Option<Times>) {
        let (Some(times), true) = (times, work.is_kept()) else { return };
        let (now, boot) = (self.traces.clock().now(), self.traces.clock().boot());
        let at = |time: Duration| now - boot.saturating_sub(time);
        let launch = (at(times.heard), times.ended.saturating_sub(times.heard));
        let here = self.traces.part(work.context(), (LAUNCHER, "launch"), launch, BTreeMap::new());
        let ran = (at(times.started), times.ended.saturating_sub(times.started));
        let name = wrapper.as_str();
        self.traces.part(here, (name, "run"), ran, BTreeMap::new());
    }
}

/// What a call that is traced is called.
pub(super) fn name(call: &Call) -> &'static str {
    match call {
        Call::Submit { .. } => "submit",
        Call::Plan { .. } => "plan",
        Call::Evaluate { .. } => "evaluate",
        Call::Cancel { .. } => "cancel",
        Call::Get { .. }
        | Call::Follow { .. }
        | Call::List { .. }
        | Call::Pending
        | Call::Catalogue
        | Call::Directory { .. }
        | Call::Status
        | Call::Metrics
        | Call::Reload
        | Call::ReloadHere { .. }
        | Call::Enrol(_)
        | Call::Preflight
        | Call::WarnPermissions
        | Call::Note(_)
        | Call::Post(_)
        | Call::Drill(_)
        | Call::Signal(_)
        | Call::AddCheckpoint(_)
        | Call::Witness(_)
        | Call::Vote { .. }
        | Call::Freeze { .. }
        | Call::Thaw { .. }
        | Call::Checkpoint
        | Call::Show { .. } => "call",
    }
}

/// As the protocol writes it.
fn word(kind: ProblemKind) -> String {
    match serde_json::to_value(kind) {
        Ok(serde_json::Value::String(word)) => word,
        Ok(_) | Err(_) => String::new(),
    }
}
