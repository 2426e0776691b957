//! Drills: people are asked as if it were in earnest, each for themselves, and what they answer is written down and comes
//! to nothing. There is no operation behind it in hand or in the store, so there is nothing that an answer could begin.
//!
//! A drill outlives the gate: who was asked, or may have been, is told that it was one, whatever happens meanwhile.

mod record;
mod scene;
mod telling;

use std::sync::{Arc, MutexGuard};
use std::time::Duration;

use serde_json::Value;

use super::Gate;
use super::ask::excluded;
use super::noted::Noted;
use super::protocol::{Answer as GateAnswer, Drill as Step, Problem, ProblemKind};
use super::record::Unrecorded;
use crate::approval::people::Approver;
use crate::approval::prompt::{Answer, Drill as Heard, Settled, Stands};
use crate::approval::signal::SendError;
use crate::approval::token::Token;
use crate::approval::vote::{Pending, Refusal, SentPrompt};

use record::{Asked, Drill, Given};

/// Where the last one is kept.
const NOTE: &str = "drill";
/// How long people have: at least, and at most.
const WITHIN: (u64, u64) = (10, 24 * 3600);
/// How long its tokens are known to who answers late.
const REMEMBERED_MS: u64 = 24 * 3_600_000;

/// The last one: one at a time.
pub(super) struct Drills(Noted<Option<Drill>>);

impl Default for Drills {
    fn default() -> Self {
        Self(Noted::new(NOTE, None))
    }
}

impl Drills {
    fn now(&self) -> MutexGuard<'_, Option<Drill>> {
        self.0.now()
    }

    fn last(&self) -> Option<Drill> {
        self.now().clone()
    }
}

impl Gate {
    /// Takes one step, for root.
    pub(super) async fn drill(self: &Arc<Self>, step: Step) -> Result<GateAnswer, Problem> {
        match step {
            Step::Begin { of, claims, within_s } => {
                if !(WITHIN.0..=WITHIN.1).contains(&within_s) {
                    let why = format!("people have from {} s to {} s to answer", WITHIN.0, WITHIN.1);
                    return Err(Problem::new(ProblemKind::Invalid, why));
                }
                let scene = self.scene(of.map(|of| *of), claims.as_deref()).await?;
                self.begin_drill(scene, claims, Duration::from_secs(within_s)).await
            }
            Step::Report => match self.drills.last() {
                Some(drill) => Ok(GateAnswer::Document(drill.report())),
                None => Err(Problem::new(ProblemKind::NotFound, "there was no drill yet")),
            },
        }
    }

    async fn begin_drill(
        self: &Arc<Self>,
        job: crate::job::Job,
        claims: Option<String>,
        within: Duration,
    ) -> Result<GateAnswer, Problem> {
        let people = self.people.load_full();
        let (terms, names) = (super::ask::terms_of(&job), self.channel.reachable());
        let excluded = excluded(&job);
        let (reached, missed): (Vec<_>, Vec<_>) =
            people.eligible(terms.quorum(), &excluded).partition(|person| names.contains(&person.name));
        if reached.is_empty() {
            let why = "none of those who would be asked can be reached; nobody was asked";
            return Err(Problem::new(ProblemKind::NoChannel, why));
        }
        self.is_awake().await?;
        let mut texts = Vec::new();
        let mut asked = Vec::new();
        for person in reached {
            let (one, text) = self.ask_in_drill(&job, &person.name, within)?;
            asked.push(one);
            texts.push((person.clone(), text));
        }
        let missed = missed.iter().map(|person| person.name.clone()).collect();
        let drill = Drill::new(self.new_id("dr")?, (job, claims), (asked, missed), self.now_ms(), within);
        {
            let mut now = self.drills.now();
            let is_remembered = |other: &Drill| {
                self.now_ms().saturating_sub(other.expires_at) <= REMEMBERED_MS && !other.is_told()
            };
            if now.as_ref().is_some_and(|other| !other.is_over || is_remembered(other)) {
                let why = "another drill is not over yet, or not everybody has been told yet that it was one; its report is \
                           what `reeve approver drill --last` shows";
                return Err(Problem::new(ProblemKind::Busy, why));
            }
            *now = Some(drill.clone());
        }
        let begun = async {
            self.record(drill.begun()).await?;
            self.keep_drill().await
        };
        if let Err(error) = begun.await {
            *self.drills.now() = None;
            return Err(error.into());
        }
        let (asked, all_asked) = tokio::sync::oneshot::channel::<()>();
        let (gate, id) = (Arc::clone(self), drill.id);
        // Whoever asked for it may go away meanwhile; who was asked is told all the same.
        tokio::spawn(async move {
            gate.ask_all_in_drill(&id, texts).await;
            drop(asked);
            gate.watch_drill(id).await;
        });
        drop(all_asked.await);
        Ok(GateAnswer::Document(self.drills.last().map_or(Value::Null, |drill| drill.report())))
    }

    /// Asks one after another. That somebody may have been asked is kept before they are.
    async fn ask_all_in_drill(self: &Arc<Self>, id: &str, texts: Vec<(Approver, String)>) {
        let asking = self.channel.asking();
        for (person, text) in texts {
            if self.drills.last().is_none_or(|drill| drill.id != id || self.now_ms() >= drill.expires_at) {
                return;
            }
            self.note_drill(&person.name, |one, _now| one.is_told = false);
            self.keep_drill_or_say("whom a drill reaches is not kept").await;
            let sent = asking.of(&person, &text).await;
            self.note_drill(&person.name, |one, now| match &sent {
                Ok(sent) => {
                    one.approval.prompts.push(SentPrompt::new(&one.name, sent.timestamp));
                    one.asked_at.get_or_insert(now);
                }
                // It may have arrived all the same.
                Err(SendError::Timeout) => {}
                Err(_) => one.is_told = true,
            });
            if let Err(error) = &sent {
                let error = error as &dyn std::error::Error;
                tracing::warn!(approver = person.name, error, "somebody could not be asked in a drill");
            }
            self.keep_drill_or_say("whom a drill reached is not kept").await;
        }
    }

    /// What one person is asked: with a token of their own, so that each answers for themselves.
    fn ask_in_drill(
        &self,
        job: &crate::job::Job,
        name: &str,
        within: Duration,
    ) -> Result<(Asked, String), Problem> {
        let token = Token::generate()
            .map_err(|_error| Problem::new(ProblemKind::Unavailable, "the host gives no randomness"))?;
        let mut approval = self.approval(job, &token)?;
        let within_ms = u64::try_from(within.as_millis()).unwrap_or(u64::MAX);
        approval.expires_at = approval.created_at.saturating_add(within_ms);
        approval.expires_boot = self.boot_time(within);
        let text = self
            .prompt_text(job, &approval, Stands::Asked(&token))
            .map_err(|why| Problem::new(ProblemKind::Denied, format!("{why}, so nobody can be asked")))?;
        Ok((Asked { name: name.to_owned(), approval, asked_at: None, answer: None, is_told: true }, text))
    }

    /// What was asked in a drill, as the judge sees it; each request is one person's.
    pub(super) fn drill_pendings(&self) -> Vec<Pending> {
        let Some(drill) = self.drills.last() else { return Vec::new() };
        if self.now_ms().saturating_sub(drill.expires_at) > REMEMBERED_MS && drill.is_over {
            return Vec::new();
        }
        let pending = |one: &Asked| {
            let pending = self.as_pending(&drill.job_of(one))?;
            let is_settled = drill.is_over || one.answer.is_some();
            Some(Pending { settled: is_settled.then_some(Settled::Drill), ..pending })
        };
        drill.asked.iter().filter_map(pending).collect()
    }

    /// One of them.
    pub(super) fn drill_pending(&self, approval: &str) -> Option<Pending> {
        self.drill_pendings().into_iter().find(|pending| pending.approval_id == approval)
    }

    /// All that was shown in a drill, for people on the host.
    pub(super) fn drill_shown(&self, approval: &str) -> Option<Value> {
        let drill = self.drills.last().filter(|drill| !drill.is_over)?;
        let one = drill.asked.iter().find(|one| one.approval.id == approval)?;
        self.whole(&drill.job_of(one))
    }

    /// A no to a drill; nothing when it was to something else.
    pub(super) async fn drill_refused(self: &Arc<Self>, refusal: &Refusal) -> Option<Result<Answer, Answer>> {
        let pending = self.drill_pending(&refusal.approval_id)?;
        if let Some(how) = pending.settled {
            return Some(Err(Answer::AlreadyDecided { how }));
        }
        Some(self.drill_answered(&refusal.approval_id, &refusal.by, false).await)
    }

    /// Somebody has answered. It is written down, and that is all that comes of it.
    pub(super) async fn drill_answered(
        self: &Arc<Self>,
        approval: &str,
        by: &str,
        is_yes: bool,
    ) -> Result<Answer, Answer> {
        let now = self.now_ms();
        let Some(drill) = self.drills.last() else { return Err(Answer::UnknownToken) };
        // A token that somebody else was sent says nothing of who answers with it.
        let Some(one) = drill.asked.iter().find(|one| one.approval.id == approval && one.name == by) else {
            return Err(Answer::UnknownToken);
        };
        let given = Given { is_yes, after_ms: now.saturating_sub(one.asked_at.unwrap_or(drill.asked_at)) };
        if let Err(error) = self.record(drill.answered(by, given)).await {
            tracing::error!(error = &error as &dyn std::error::Error, "an answer to a drill is not recorded");
            return Err(Answer::NotRecorded);
        }
        self.note_drill(by, |one, _now| one.answer = one.answer.or(Some(given)));
        self.keep_drill_or_say("an answer to a drill is not kept").await;
        self.metrics.drill_answered(drill.outcome(Some(given)));
        self.show_drill(&drill, one);
        let after = Duration::from_millis(given.after_ms);
        Ok(Answer::Drill(Heard { claims: drill.claims, is_yes, after }))
    }

    fn note_drill(&self, name: &str, change: impl FnOnce(&mut Asked, u64)) {
        let now = self.now_ms();
        if let Some(one) = self.drills.now().as_mut().and_then(|drill| drill.one_mut(name)) {
            change(one, now);
        }
    }

    async fn keep_drill(&self) -> Result<(), Unrecorded> {
        self.drills.0.keep(&self.store).await
    }

    async fn keep_drill_or_say(&self, what: &str) {
        if let Err(error) = self.keep_drill().await {
            tracing::error!(error = &error as &dyn std::error::Error, "{what}");
        }
    }
}
