//! A drill as it is kept, told and recorded.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::audit::{Event, EventKind};
use crate::gate::envelope::rfc3339;
use crate::job::{Approval, Job, State};

/// One drill. Times are milliseconds since 1970.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Drill {
    pub(super) id: String,
    /// What people are asked about. It is in no store of operations, and nothing takes it in hand.
    pub(super) job: Job,
    /// What the request claims to be about, where it is about something else.
    pub(super) claims: Option<String>,
    pub(super) asked: Vec<Asked>,
    /// Who would have been asked and could not be reached.
    missed: Vec<String>,
    pub(super) asked_at: u64,
    pub(super) expires_at: u64,
    pub(super) is_over: bool,
}

/// What one person was asked, and what they said.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Asked {
    pub(super) name: String,
    pub(super) approval: Approval,
    /// When the message was sent; nothing where it was not.
    pub(super) asked_at: Option<u64>,
    pub(super) answer: Option<Given>,
    /// Whether they know that it was a drill, or have nothing of which they could not know it. Before that was kept, people
    /// were told as it ended.
    #[serde(default = "yes")]
    pub(super) is_told: bool,
}

fn yes() -> bool {
    true
}

/// An answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Given {
    pub(super) is_yes: bool,
    pub(super) after_ms: u64,
}

impl Given {
    fn word(self) -> &'static str {
        if self.is_yes { "confirm" } else { "deny" }
    }
}

impl Drill {
    pub(super) fn new(
        id: String,
        (job, claims): (Job, Option<String>),
        (asked, missed): (Vec<Asked>, Vec<String>),
        asked_at: u64,
        within: Duration,
    ) -> Self {
        let within = u64::try_from(within.as_millis()).unwrap_or(u64::MAX);
        let expires_at = asked_at.saturating_add(within);
        Self { id, job, claims, asked, missed, asked_at, expires_at, is_over: false }
    }

    pub(super) fn one_mut(&mut self, name: &str) -> Option<&mut Asked> {
        self.asked.iter_mut().find(|one| one.name == name)
    }

    /// What one person was asked about, as if it waited.
    pub(super) fn job_of(&self, one: &Asked) -> Job {
        Job { state: State::Pending, approval: Some(one.approval.clone()), ..self.job.clone() }
    }

    /// Who does not know yet that it was one.
    pub(super) fn untold(&self) -> impl Iterator<Item = &Asked> {
        self.asked.iter().filter(|one| !one.is_told)
    }

    /// It is not over, so that who has a request and has said nothing knows nothing.
    pub(super) fn nobody_was_told(&mut self) {
        for one in
            self.asked.iter_mut().filter(|one| one.answer.is_none() && !one.approval.prompts.is_empty())
        {
            one.is_told = false;
        }
    }

    /// Whether everybody knows.
    pub(super) fn is_told(&self) -> bool {
        self.untold().next().is_none()
    }

    /// Whether nothing more is to come.
    pub(super) fn is_answered(&self) -> bool {
        self.asked.iter().all(|one| one.answer.is_some())
    }

    /// How somebody did.
    pub(super) fn outcome(&self, given: Option<Given>) -> &'static str {
        match (given, &self.claims) {
            (None, _) => "none",
            (Some(Given { is_yes: true, .. }), Some(_)) => "wrong",
            (Some(_), _) => "right",
        }
    }

    fn event(&self, state: &str) -> Event {
        Event::new(EventKind::Drill).with("drill", self.id.as_str()).with("state", state)
    }

    pub(super) fn begun(&self) -> Event {
        let tokens: Vec<Value> = self.asked.iter().map(|one| json!(one.approval.token)).collect();
        let asked: Vec<&str> = self.asked.iter().map(|one| one.name.as_str()).collect();
        self.event("begun")
            .operation(self.job.id.as_str())
            .with("command", self.job.submission.operation.without_secrets())
            .with("as", self.job.principal.as_str())
            .with("claims", json!(self.claims))
            .with("asked", json!(asked))
            .with("missed", json!(self.missed))
            .with("expires_at", self.expires_at)
            .with("token_sha256", json!(tokens))
    }

    pub(super) fn answered(&self, by: &str, given: Given) -> Event {
        self.event("answered")
            .with("by", by)
            .with("said", given.word())
            .with("after_ms", given.after_ms)
            .with("outcome", self.outcome(Some(given)))
    }

    pub(super) fn ended(&self) -> Event {
        let count =
            |outcome: &str| self.asked.iter().filter(|one| self.outcome(one.answer) == outcome).count();
        self.event("ended")
            .with("right", json!(count("right")))
            .with("wrong", json!(count("wrong")))
            .with("none", json!(count("none")))
    }

    /// Who answered what, and how fast.
    pub(super) fn report(&self) -> Value {
        let person = |one: &Asked| {
            json!({
                "name": one.name, "sent": one.asked_at.is_some(), "answer": one.answer.map(Given::word),
                "after_ms": one.answer.map(|given| given.after_ms), "outcome": self.outcome(one.answer),
            })
        };
        json!({
            "id": self.id, "command": self.job.submission.operation.command_line(), "as": self.job.principal,
            "claims": self.claims, "asked_at": rfc3339(self.asked_at), "expires_at": rfc3339(self.expires_at),
            "final": self.is_over, "people": self.asked.iter().map(person).collect::<Vec<_>>(),
            "missed": self.missed,
        })
    }
}
