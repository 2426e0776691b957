//! Votes: judged, recorded, answered in the chat; the last one that was needed begins the execution.

use std::sync::Arc;

use serde_json::json;
use tokio::sync::MutexGuard;

use super::ask::excluded;
use super::due::run_when_due;
use super::live::Cell;
use super::permit::still_counting;
use super::protocol::{Answer as GateAnswer, Problem, ProblemKind};
use super::record::Unrecorded;
use super::{Gate, from_millis};
use crate::approval::identity::IdentityHeld;
use crate::approval::people::Approver;
use crate::approval::prompt::{Answer, Outcome, Settled, Stands};
use crate::approval::vote::{
    Candidate, Counted, LocalJudged, LocalVote, NotCounted, Pending, Refusal, judge_local,
};
use crate::audit::{Event, EventKind};
use crate::job::{Job, State};
use crate::policy::Timing;

/// What a voter is told: of a vote that counts, or of one that does not.
pub(super) type Heard = Result<Answer, Answer>;

/// The way that a vote came, as records have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Via {
    /// By the channel.
    Signal,
    /// Posted, under an approver's key.
    Webhook,
    /// From a person on this host.
    Host,
}

impl Via {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Signal => "signal",
            Self::Webhook => "webhook",
            Self::Host => "host",
        }
    }
}

impl Gate {
    /// A confirmation counts when its sender's identity holds, now, and nobody who is asked about it objects.
    pub(super) async fn confirmed(self: &Arc<Self>, candidate: Candidate, via: Via) -> Heard {
        let (id, approver) = (candidate.approval_id().to_owned(), candidate.approver().clone());
        let mut holds = self.is_still(&approver).await;
        if holds.is_ok() && self.hook.is_there() {
            self.admitted(&id, &approver, via).await?;
            // It may have taken its time over that.
            holds = self.is_still(&approver).await;
        }
        match holds {
            Ok(held) => self.counted(&id, via, |pending, now| candidate.count(held, pending, now)).await,
            Err(answer) => {
                let not_counted = NotCounted { approval_id: Some(id), by: approver.name, answer };
                self.not_counted(&not_counted, via).await
            }
        }
    }

    /// Whether somebody may approve now, with this account and this key. It may have waited since that was looked at, and the
    /// channel knows whose key an account has, and not whose account it is by then.
    pub(super) async fn is_still(&self, approver: &Approver) -> Result<IdentityHeld, Answer> {
        let held = self.channel.identity_holds(approver).await.map_err(|trouble| trouble.answer())?;
        let is_there = self.people.load().iter().any(|now| now == approver);
        if is_there { Ok(held) } else { Err(Answer::NotAnApprover) }
    }

    /// Puts a confirmation to the identity hook. What it keeps from counting is recorded with its reason, which is not the voter's
    /// to read.
    async fn admitted(&self, approval: &str, approver: &Approver, via: Via) -> Result<(), Answer> {
        let about = (self.identity.name.as_str(), approval);
        let Err(kept) = self.hook.admits(about, approver, via).await else { return Ok(()) };
        let event = uncounted(Some(approval), (&approver.name, via), &kept.why);
        Err(match self.record(event).await {
            Ok(_receipt) => kept.answer,
            Err(error) => unrecorded(&error),
        })
    }

    /// Takes one vote from a person on this host, whom the kernel named.
    pub(super) async fn vote_here(
        self: &Arc<Self>,
        unix_user: &str,
        approval: &str,
        vote: LocalVote<'_>,
    ) -> Result<GateAnswer, Problem> {
        let pending = match self.pending_named(approval).await {
            Some((_cell, pending)) => Some(pending),
            None => self.question_pending(approval).await.or_else(|| self.drill_pending(approval)),
        };
        let Some(pending) = pending else {
            return Err(Problem::new(ProblemKind::NotFound, "no approval of this id waits"));
        };
        let people = self.people.load_full();
        let heard = match judge_local(unix_user, vote, &pending, (&people, self.clock.now())) {
            LocalJudged::Stranger => {
                return Err(Problem::new(ProblemKind::Forbidden, "no approver is this Unix user"));
            }
            LocalJudged::Confirm(counted) => {
                if let Some(approver) = people.with_unix_user(unix_user) {
                    let too_late = |answer: Answer| Problem::new(ProblemKind::TooLate, answer.text());
                    let place = self.waiting.place(approver.uuid, Via::Host);
                    let _turn = place.ok_or_else(|| too_late(Answer::TooManyAtOnce))?.turn().await;
                    let admitted = self.admitted(counted.approval_id(), approver, Via::Host).await;
                    admitted.map_err(too_late)?;
                }
                // Judged again against the request and the people as they are by then.
                let again = |pending: &Pending, now| {
                    let people = self.people.load();
                    match judge_local(unix_user, vote, pending, (&people, now)) {
                        LocalJudged::Confirm(again) if again.by() == counted.by() => Ok(again),
                        LocalJudged::NotCounted(not_counted) => Err(not_counted.answer),
                        LocalJudged::Confirm(_) | LocalJudged::Refuse(_) | LocalJudged::Stranger => {
                            Err(Answer::NotAnApprover)
                        }
                    }
                };
                self.counted(counted.approval_id(), Via::Host, again).await
            }
            LocalJudged::Refuse(refusal) => self.refused(&refusal, Via::Host).await,
            LocalJudged::NotCounted(not_counted) => self.not_counted(&not_counted, Via::Host).await,
        };
        match heard {
            Ok(counts) => Ok(GateAnswer::Done(counts.about(&pending.about))),
            Err(does_not) => Err(Problem::new(ProblemKind::TooLate, does_not.about(&pending.about))),
        }
    }

    /// Counts a confirmation against the request as it is now, and goes on when it was the last that was needed.
    async fn counted(
        self: &Arc<Self>,
        approval: &str,
        via: Via,
        count: impl FnOnce(&Pending, std::time::SystemTime) -> Result<Counted, Answer>,
    ) -> Heard {
        if self.questions.get(approval).await.is_some() {
            return self.question_counted(approval, via, count).await;
        }
        if let Some(pending) = self.drill_pending(approval) {
            let counted = count(&pending, self.clock.now())?;
            return self.drill_answered(approval, counted.by(), true).await;
        }
        let (cell, _) = self.pending_named(approval).await.ok_or(Answer::UnknownToken)?;
        let mut job = cell.job.lock().await;
        let pending = self.as_pending(&job).ok_or(Answer::UnknownToken)?;
        let counted = count(&pending, self.clock.now())?;
        self.take_confirmation((&cell, &mut job), &counted, via).await.map_err(|error| unrecorded(&error))?;
        Ok(match self.waits(&job).filter(|_| counted.approves()) {
            Some(Outcome::Approved { by: _, at, now }) => {
                Answer::RecordedHeld { needed: pending.quorum.needed(), at, now }
            }
            Some(_) | None => counted.answer(),
        })
    }

    async fn take_confirmation(
        self: &Arc<Self>,
        (cell, job): (&Arc<Cell>, &mut MutexGuard<'_, Job>),
        counted: &Counted,
        via: Via,
    ) -> Result<(), Unrecorded> {
        let event = self.vote_event(job, (counted.by(), via), "confirm").with("given", counted.given());
        let people = self.people.load_full();
        let mut confirmed = Job::clone(job);
        if let Some(approval) = confirmed.approval.as_mut() {
            // Who is no longer enrolled no longer counts.
            let mut names = still_counting(approval, &people, &excluded(job));
            names.insert(counted.by().to_owned(), Vec::new());
            approval.confirmed_by = names.into_keys().collect();
            approval.runs = counted.approves().then(|| self.runs(approval.terms.timing()));
        }
        if !counted.approves() {
            self.record(event).await?;
            self.keep(&confirmed).await?;
            **job = confirmed;
            self.restate(cell, job, Stands::Given(counted.given()));
            return Ok(());
        }
        let before = std::mem::replace(&mut **job, confirmed);
        if let Err(error) = self.advance(cell, job, State::Approved, event).await {
            **job = before;
            return Err(error);
        }
        self.approval_closed(job, "approved");
        if let Some(waits) = self.waits(job) {
            self.restate(cell, job, Stands::Told(&waits));
        }
        tokio::spawn(run_when_due(Arc::clone(self), Arc::clone(cell)));
        Ok(())
    }

    /// What people are told of what is approved and does not begin at once.
    fn waits(&self, job: &Job) -> Option<Outcome> {
        let approval = job.approval.as_ref()?;
        let (at, now) = (approval.runs.as_ref()?.from, self.now_ms());
        let waits = approval.terms.timing() != Timing::default() && at > now;
        let by = approval.confirmed_by.clone();
        waits.then(|| Outcome::Approved { by, at: from_millis(at), now: from_millis(now) })
    }

    pub(super) async fn refused(self: &Arc<Self>, refusal: &Refusal, via: Via) -> Heard {
        if let Some(heard) = self.question_refused(refusal, via).await {
            return heard;
        }
        if let Some(heard) = self.drill_refused(refusal).await {
            return heard;
        }
        let (cell, _) = self.pending_named(&refusal.approval_id).await.ok_or(Answer::UnknownToken)?;
        let mut job = cell.job.lock().await;
        let pending = self.as_pending(&job).ok_or(Answer::UnknownToken)?;
        if let Some(how) = pending.settled {
            return Err(Answer::AlreadyDecided { how });
        }
        let event = self.vote_event(&job, (&refusal.by, via), "deny");
        let mut refused = Job::clone(&job);
        if let Some(approval) = refused.approval.as_mut() {
            approval.denied_by = Some(refusal.by.clone());
        }
        refused.outcome.error = Some("a person refused it".to_owned());
        let before = std::mem::replace(&mut *job, refused);
        if let Err(error) = self.advance(&cell, &mut job, State::Refused, event).await {
            *job = before;
            return Err(unrecorded(&error));
        }
        self.approval_closed(&job, if pending.is_approved { "vetoed" } else { "refused" });
        self.tell(&job, &Outcome::Refused { by: refusal.by.clone() }).await;
        Ok(Answer::Refused)
    }

    /// Records a vote that does not count.
    pub(super) async fn not_counted(&self, not_counted: &NotCounted, via: Via) -> Heard {
        let NotCounted { approval_id, by, answer } = not_counted;
        let event = uncounted(approval_id.as_deref(), (by, via), &answer.text());
        Err(match self.record(event).await {
            Ok(_receipt) => not_counted.answer.clone(),
            Err(error) => unrecorded(&error),
        })
    }

    fn vote_event(&self, job: &Job, (by, via): (&str, Via), vote: &str) -> Event {
        let approval = job.approval.as_ref();
        self.event(EventKind::Vote, job)
            .with("approval", json!(approval.map(|approval| &approval.id)))
            .with("binds", json!(approval.map(|approval| &approval.binds)))
            .with("by", by)
            .with("via", via.as_str())
            .with("vote", vote)
            .with("counted", true)
    }

    /// Requests that wait or ended lately, as the judge sees them.
    pub(super) async fn pendings(&self) -> Vec<Pending> {
        let mut pendings = self.questions.pendings(&self.people.load_full()).await;
        pendings.extend(self.drill_pendings());
        for cell in self.live.all() {
            pendings.extend(self.as_pending(&*cell.job.lock().await));
        }
        pendings
    }

    /// The request of that id, or of the operation of that id.
    async fn pending_named(&self, name: &str) -> Option<(Arc<Cell>, Pending)> {
        for cell in self.live.all() {
            let job = cell.job.lock().await;
            let found = self.as_pending(&job).filter(|pending| pending.approval_id == name || job.id == name);
            if let Some(pending) = found {
                drop(job);
                return Some((cell, pending));
            }
        }
        None
    }

    pub(super) fn as_pending(&self, job: &Job) -> Option<Pending> {
        let approval = job.approval.as_ref().filter(|_| job.state != State::Proposed)?;
        let people = self.people.load();
        Some(Pending {
            approval_id: approval.id.clone(),
            about: job.submission.operation.command_line(),
            token: approval.token,
            prompts: approval.prompts.clone(),
            created_at: from_millis(approval.created_at),
            expires_at: from_millis(approval.expires_at),
            quorum: approval.terms.quorum().clone(),
            repeat: approval.repeat.clone(),
            excluded: excluded(job),
            confirmed_by: still_counting(approval, &people, &excluded(job)),
            is_approved: job.state == State::Approved,
            settled: settled(job),
        })
    }
}

fn uncounted(approval: Option<&str>, (by, via): (&str, Via), why: &str) -> Event {
    Event::new(EventKind::Vote)
        .with("approval", json!(approval))
        .with("by", by)
        .with("via", via.as_str())
        .with("counted", false)
        .with("why", why)
}

fn settled(job: &Job) -> Option<Settled> {
    match job.state {
        State::Proposed | State::Pending | State::Approved => None,
        State::Refused => {
            let by =
                job.approval.as_ref().and_then(|approval| approval.denied_by.clone()).unwrap_or_default();
            Some(Settled::Refused { by })
        }
        State::Expired => Some(Settled::Expired),
        State::Cancelled => Some(Settled::Cancelled),
        State::Superseded | State::Denied => Some(Settled::Superseded),
        // It waited for people until then, so it ended before it was put to all who had to be told.
        State::Failed if before(job) == Some(State::Pending) => Some(Settled::NotAsked),
        State::Executing | State::Succeeded | State::Failed | State::Unknown => Some(Settled::Begun),
    }
}

/// The state that it was in before.
fn before(job: &Job) -> Option<State> {
    job.history.iter().rev().nth(1).map(|change| change.state)
}

/// A vote that cannot be recorded does not count, and the voter hears that.
pub(super) fn unrecorded(error: &Unrecorded) -> Answer {
    tracing::error!(error = error as &dyn std::error::Error, "a vote could not be recorded");
    Answer::NotRecorded
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operation::{Operation, Submission};
    use crate::principal::PrincipalName;

    fn job(states: &[State]) -> Job {
        let value = json!({"kind": "zfs", "op": "destroy", "resource": "tank/a@old", "params": {}});
        let operation = Operation::from_value(value).unwrap();
        let submission = Submission { operation, reason: None, run_id: None, on_behalf_of: None };
        let who = PrincipalName::try_from("librarian".to_owned()).unwrap();
        let mut job = Job::new("op_1".to_owned(), who, submission, 1_000);
        for next in states {
            job.become_state(*next, 1_000).unwrap();
        }
        job
    }

    #[test]
    fn of_what_ran_and_failed_nobody_is_told_that_nothing_ran() {
        assert_eq!(settled(&job(&[State::Pending, State::Failed])), Some(Settled::NotAsked));
        let states = [State::Pending, State::Approved, State::Executing, State::Failed];
        assert_eq!(settled(&job(&states)), Some(Settled::Begun));
        assert_eq!(settled(&job(&[State::Approved, State::Executing, State::Failed])), Some(Settled::Begun));
        assert_eq!(settled(&job(&[State::Pending])), None);
    }
}
