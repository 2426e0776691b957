//! Questions to people that are about no operation. They are asked, answered and told as those about operations are, by
//! the same judge, and they live as long as the gate does.

mod view;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde_json::json;
use tokio::sync::Mutex;

use super::change::Change;
use super::protocol::{Problem, ProblemKind};
use super::record::Unrecorded;
use super::vote::Via;
use super::{Gate, from_millis};
use crate::approval::people::People;
use crate::approval::prompt::{
    Answer, CannotShow, ObjectLine, Outcome, OutcomeFacts, PromptFacts, Settled, Stands, Undo, prompt,
};
use crate::approval::token::{Token, TokenHash};
use crate::approval::vote::{Counted, Pending, Refusal, SentPrompt};
use crate::audit::{Event, EventKind};
use crate::policy::ReviewTerms;

/// How long a question that has ended is still known to who answers it late.
const REMEMBERED_MS: u64 = 24 * 3_600_000;

/// All of them.
#[derive(Default)]
pub(super) struct Questions(Mutex<BTreeMap<String, Question>>);

/// What people read of it.
#[derive(Debug, Clone)]
pub(super) struct Shown {
    pub(super) principal: String,
    pub(super) command_line: String,
    pub(super) objects: Vec<ObjectLine>,
    pub(super) digest: String,
    pub(super) rule: String,
}

/// One question.
#[derive(Debug, Clone)]
pub(super) struct Question {
    pub(super) id: String,
    pub(super) shown: Shown,
    pub(super) terms: ReviewTerms,
    pub(super) about: Change,
    token: TokenHash,
    prompts: Vec<SentPrompt>,
    created_at: u64,
    pub(super) expires_at: u64,
    excluded: Vec<String>,
    confirmed_by: BTreeSet<String>,
    is_approved: bool,
    pub(super) settled: Option<Settled>,
    pub(super) ended_at: u64,
}

impl Question {
    /// The question as the judge sees it.
    fn pending(&self, people: &People) -> Pending {
        Pending {
            approval_id: self.id.clone(),
            about: self.shown.command_line.clone(),
            token: self.token,
            prompts: self.prompts.clone(),
            created_at: from_millis(self.created_at),
            expires_at: from_millis(self.expires_at),
            quorum: self.terms.quorum().clone(),
            repeat: None,
            excluded: self.excluded.clone(),
            confirmed_by: self.counting(people),
            is_approved: self.is_approved,
            settled: self.settled.clone(),
        }
    }

    /// Who has confirmed and still may.
    fn counting(&self, people: &People) -> BTreeMap<String, Vec<String>> {
        let may_vote = people.eligible(self.terms.quorum(), &self.excluded);
        let have = may_vote.filter(|person| self.confirmed_by.contains(&person.name));
        have.map(|person| (person.name.clone(), person.groups.clone())).collect()
    }

    /// Whether those who have confirmed and still may are enough.
    pub(super) fn is_carried(&self, people: &People) -> bool {
        let counting = self.counting(people);
        self.terms.quorum().missing(counting.values().map(Vec::as_slice)) == 0
    }

    pub(super) fn confirmed_by(&self) -> Vec<String> {
        self.confirmed_by.iter().cloned().collect()
    }

    /// Who was asked.
    pub(super) fn asked(&self) -> Vec<String> {
        self.prompts.iter().map(|prompt| prompt.approver.clone()).collect()
    }

    fn text(&self, host: &str, stands: Stands<'_>) -> Result<String, CannotShow> {
        prompt(&PromptFacts {
            host,
            stands,
            id: &self.id,
            principal: &self.shown.principal,
            on_behalf_of: &[],
            command_line: &self.shown.command_line,
            objects: &self.shown.objects,
            dependents: &[],
            effects_digest: &self.shown.digest,
            bytes_freed: None,
            frees_at_most: None,
            undo: Undo::None,
            reason: None,
            rule: &self.shown.rule,
            terms: &self.terms,
            repeat: None,
            asked_at: from_millis(self.created_at),
            expires_at: from_millis(self.expires_at),
        })
    }
}

impl Questions {
    /// As the judge sees them.
    pub(super) async fn pendings(&self, people: &People) -> Vec<Pending> {
        self.0.lock().await.values().map(|question| question.pending(people)).collect()
    }

    /// One of them, as it is now.
    pub(super) async fn get(&self, id: &str) -> Option<Question> {
        self.0.lock().await.get(id).cloned()
    }

    /// All of them, as they are now.
    pub(super) async fn all(&self) -> Vec<Question> {
        self.0.lock().await.values().cloned().collect()
    }

    /// Ends one, when it has not ended: the one who ends it tells people.
    pub(super) async fn end(&self, id: &str, how: Settled, now: u64) -> Option<Question> {
        let mut all = self.0.lock().await;
        let question = all.get_mut(id).filter(|question| question.settled.is_none())?;
        question.settled = Some(how);
        question.ended_at = now;
        let ended = question.clone();
        all.retain(|_, other| other.settled.is_none() || now.saturating_sub(other.ended_at) < REMEMBERED_MS);
        Some(ended)
    }
}

impl Gate {
    /// Asks everybody who may answer. Too few reachable: nobody is asked.
    pub(super) async fn put_question(
        self: &Arc<Self>,
        shown: Shown,
        terms: ReviewTerms,
        about: Change,
    ) -> Result<Question, Problem> {
        let (people, excluded) = (self.people.load_full(), vec![shown.principal.clone()]);
        let voters = people.eligible(terms.quorum(), &excluded);
        if let Err(none) = self.channel.enough_of(voters, terms.quorum()) {
            return Err(Problem::new(ProblemKind::NoChannel, format!("{none}; nobody was asked")));
        }
        self.is_awake().await?;
        let token = Token::generate()
            .map_err(|_error| Problem::new(ProblemKind::Unavailable, "the host gives no randomness"))?;
        let now = self.now_ms();
        let ttl = terms.ttl();
        let question = Question {
            id: self.new_id("ap")?,
            token: token.hash(),
            prompts: Vec::new(),
            created_at: now,
            expires_at: now.saturating_add(u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX)),
            confirmed_by: BTreeSet::new(),
            is_approved: false,
            settled: None,
            ended_at: 0,
            shown,
            terms,
            excluded,
            about,
        };
        let text = question
            .text(&self.identity.name, Stands::Asked(&token))
            .map_err(|why| Problem::new(ProblemKind::Denied, format!("{why}, so nobody can approve it")))?;
        let event = Event::new(EventKind::ApprovalAsked)
            .principal(question.shown.principal.as_str())
            .with("about", question.shown.command_line.as_str())
            .with("approval", question.id.as_str())
            .with("binds", question.shown.digest.as_str())
            .with("needed", question.terms.quorum().needed())
            .with("groups", json!(question.terms.quorum().groups()))
            .with("expires_at", question.expires_at)
            .with("token_sha256", json!(question.token));
        self.record(event).await?;
        self.questions.0.lock().await.insert(question.id.clone(), question.clone());
        self.send_question(question, &text).await
    }

    async fn send_question(self: &Arc<Self>, question: Question, text: &str) -> Result<Question, Problem> {
        let people = self.people.load_full();
        let (mut told, asking) = (Vec::new(), self.channel.asking());
        for person in people.eligible(question.terms.quorum(), &question.excluded) {
            match asking.of(person, text).await {
                Ok(sent) => {
                    told.push(person.groups.as_slice());
                    if let Some(own) = self.questions.0.lock().await.get_mut(&question.id) {
                        own.prompts.push(SentPrompt::new(&person.name, sent.timestamp));
                    }
                }
                Err(error) => {
                    let error = &error as &dyn std::error::Error;
                    tracing::warn!(approver = person.name, error, "a question was not sent");
                }
            }
        }
        if question.terms.quorum().missing(told) > 0 {
            self.close_question(&question.id, Settled::Void, "too few of the people could be told").await;
            return Err(Problem::new(ProblemKind::NoChannel, "too few of the people could be told"));
        }
        let (gate, id, ttl) = (Arc::clone(self), question.id.clone(), question.terms.ttl());
        tokio::spawn(async move {
            tokio::time::sleep(ttl).await;
            let is_approved = gate.questions.get(&id).await.is_some_and(|question| question.is_approved);
            if !is_approved {
                gate.close_question(&id, Settled::Expired, "nobody decided in time").await;
            }
        });
        Ok(self.questions.get(&question.id).await.unwrap_or(question))
    }

    /// Ends a question that nobody answered, or that is about nothing any more, and tells those who were asked.
    pub(super) async fn close_question(self: &Arc<Self>, id: &str, how: Settled, why: &str) {
        let (outcome, word) = match &how {
            Settled::Expired => (Outcome::Expired, "expired"),
            Settled::Refused { by } => (Outcome::Refused { by: by.clone() }, "refused"),
            Settled::Approved
            | Settled::Begun
            | Settled::Cancelled
            | Settled::Superseded
            | Settled::Void
            | Settled::NotAsked
            | Settled::Drill => (Outcome::Void { why: why.to_owned() }, "void"),
        };
        let Some(question) = self.questions.end(id, how, self.now_ms()).await else { return };
        let event = Event::new(EventKind::ApprovalClosed)
            .principal(question.shown.principal.as_str())
            .with("approval", id)
            .with("outcome", word)
            .with("why", why);
        if let Err(error) = self.record(event).await {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "the end of a question is not recorded"
            );
        }
        self.tell_asked(&question, &outcome);
    }

    /// Tells everybody who was asked how it ended: as a reply to the question, and in its place.
    pub(super) fn tell_asked(&self, question: &Question, outcome: &Outcome) {
        let facts = OutcomeFacts {
            host: &self.identity.name,
            command_line: &question.shown.command_line,
            checkpoint: &self.checkpoint(),
        };
        let news = (outcome.text(&facts), question.text(&self.identity.name, Stands::Told(outcome)).ok());
        self.answer_prompts(question.prompts.clone(), &question.shown.command_line, news);
    }

    /// Counts a yes to a question, if it is to one.
    pub(super) async fn question_counted(
        self: &Arc<Self>,
        id: &str,
        via: Via,
        count: impl FnOnce(&Pending, SystemTime) -> Result<Counted, Answer>,
    ) -> Result<Answer, Answer> {
        let people = self.people.load_full();
        let mut all = self.questions.0.lock().await;
        let question = all.get_mut(id).ok_or(Answer::UnknownToken)?;
        let counted = count(&question.pending(&people), self.clock.now())?;
        let event =
            self.question_event(question, (counted.by(), via), "confirm").with("given", counted.given());
        self.record(event).await.map_err(|error| not_recorded(&error))?;
        question.confirmed_by.insert(counted.by().to_owned());
        if !counted.approves() {
            self.restate_question(question, Stands::Given(counted.given()));
            return Ok(counted.answer());
        }
        question.is_approved = true;
        let timing = question.terms.timing();
        let now = self.now_ms();
        let (from, _until) = timing.after(now, self.approvals.execute_within);
        let (gate, id) = (Arc::clone(self), id.to_owned());
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(from.saturating_sub(now))).await;
            gate.change_rules(&id).await;
        });
        if from <= now {
            return Ok(counted.answer());
        }
        let (at, now) = (from_millis(from), from_millis(now));
        let by = question.confirmed_by();
        self.restate_question(question, Stands::Told(&Outcome::Approved { by, at, now }));
        Ok(Answer::RecordedHeld { needed: question.terms.quorum().needed(), at, now })
    }

    /// Takes a no to a question; nothing when it is about an operation.
    pub(super) async fn question_refused(
        self: &Arc<Self>,
        refusal: &Refusal,
        via: Via,
    ) -> Option<Result<Answer, Answer>> {
        let question = self.questions.get(&refusal.approval_id).await?;
        if let Some(how) = question.settled {
            return Some(Err(Answer::AlreadyDecided { how }));
        }
        // A no holds whether or not it can be recorded.
        let event = self.question_event(&question, (&refusal.by, via), "deny");
        if let Err(error) = self.record(event).await {
            tracing::error!(error = &error as &dyn std::error::Error, "a refusal is not recorded");
        }
        let how = Settled::Refused { by: refusal.by.clone() };
        self.close_question(&refusal.approval_id, how, "a person refused it").await;
        Some(Ok(Answer::Refused))
    }

    /// A question by its id, as the judge sees it.
    pub(super) async fn question_pending(&self, id: &str) -> Option<Pending> {
        let people = self.people.load_full();
        self.questions.get(id).await.map(|question| question.pending(&people))
    }

    fn question_event(&self, question: &Question, (by, via): (&str, Via), vote: &str) -> Event {
        Event::new(EventKind::Vote)
            .principal(question.shown.principal.as_str())
            .with("approval", question.id.as_str())
            .with("binds", question.shown.digest.as_str())
            .with("by", by)
            .with("via", via.as_str())
            .with("vote", vote)
            .with("counted", true)
    }

    /// Shows in the question itself where it stands. Replies to the edit count as replies to the question.
    fn restate_question(self: &Arc<Self>, question: &Question, stands: Stands<'_>) {
        let Ok(text) = question.text(&self.identity.name, stands) else { return };
        let (gate, id, prompts) = (Arc::clone(self), question.id.clone(), question.prompts.clone());
        tokio::spawn(async move {
            let people = gate.people.load_full();
            for prompt in prompts {
                let Some(person) = people.named(&prompt.approver) else { continue };
                let Ok(edit) = gate.channel.edit(person, prompt.timestamp, &text).await else { continue };
                let mut all = gate.questions.0.lock().await;
                let own = all
                    .get_mut(&id)
                    .and_then(|own| own.prompts.iter_mut().find(|own| own.approver == prompt.approver));
                if let Some(own) = own {
                    own.edits.push(edit.timestamp);
                }
            }
        });
    }
}

fn not_recorded(error: &Unrecorded) -> Answer {
    tracing::error!(error = error as &dyn std::error::Error, "a vote could not be recorded");
    Answer::NotRecorded
}
