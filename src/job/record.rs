//! An operation as it is kept: all that is needed to answer for it, to go on with it, and to look into it after a crash.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::State;
use crate::adapter::{Effects, Growth, Plan};
use crate::approval::token::TokenHash;
use crate::approval::vote::SentPrompt;
use crate::operation::{Digest, Operation, Submission};
use crate::policy::{Input, KeepFor, PolicyDecision, ReviewTerms};
use crate::principal::PrincipalName;
use crate::trace::{Context, Place};

/// One operation from its submission to its end. Times are milliseconds since 1970.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Job {
    /// `op_…`.
    pub id: String,
    /// Who submitted it.
    pub principal: PrincipalName,
    /// What was submitted.
    pub submission: Submission,
    /// What the caller asked for, where the rules had it done in a way that can be taken back.
    #[serde(default)]
    pub asked: Option<Operation>,
    /// How long what it puts aside is kept.
    #[serde(default)]
    pub keep: Option<KeepFor>,
    /// The gate submitted it itself, to destroy for good what was put aside by the operation of this id.
    #[serde(default)]
    pub purges: Option<String>,
    /// Where it is in its trace, when it has one.
    #[serde(default)]
    pub trace: Option<Place>,
    /// Where it is.
    pub state: State,
    /// Every change of state, the first included.
    pub history: Vec<Change>,
    /// What was decided.
    pub decision: Option<PolicyDecision>,
    /// What that was made from, until it is recorded.
    #[serde(skip)]
    pub input: Option<Input>,
    /// What screening found in it, until that is recorded.
    #[serde(skip)]
    pub screened: Option<Value>,
    /// The Unix user that it acts as, where that is not root.
    #[serde(default)]
    pub run_as: Option<String>,
    /// What was planned when it was decided; its digest is what people approve.
    pub plan: Option<Plan>,
    /// The approval that it waits for, or had.
    pub approval: Option<Approval>,
    /// When it was approved, by the boot clock.
    pub approved_at: Option<BootTime>,
    /// Until when, by the boot clock, something that was granted may still begin or run.
    pub may_run_until: Option<BootTime>,
    /// What became of it.
    pub outcome: Outcome,
    /// The last audit record about it.
    pub audit: Option<(u64, String)>,
}

/// One change of state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// To what.
    pub state: State,
    /// When.
    pub at: u64,
}

/// A time on the boot clock, which means nothing in another boot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BootTime {
    /// Which boot.
    pub boot_id: String,
    /// Milliseconds since it began.
    pub ms: u64,
}

/// What an operation came to.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// Structured, per operation.
    pub result: Option<Value>,
    /// The tool's exit status.
    pub exit_code: Option<i32>,
    /// Whether the host was read again and is as it should be.
    pub verified: Option<bool>,
    /// Why it failed, in words for the caller.
    pub error: Option<String>,
    /// How to take it back.
    pub undo: Option<Value>,
    /// Until when it can be taken back.
    pub undo_until: Option<u64>,
    /// What destroys for good what was put aside, and when it is asked for.
    #[serde(default)]
    pub purge: Option<Purge>,
}

/// What destroys for good what an operation put aside.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Purge {
    /// The operation.
    pub operation: Operation,
    /// When it is asked for.
    pub at: u64,
}

/// What people are asked. The token itself is nowhere but in their phones.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Approval {
    /// `ap_…`.
    pub id: String,
    /// SHA-256 of the token.
    pub token: TokenHash,
    /// How many, of which group.
    pub terms: ReviewTerms,
    /// SHA-256 over what was shown: the operation, its effects and the policy revision.
    pub binds: Digest,
    /// The prompts that were sent.
    pub prompts: Vec<SentPrompt>,
    /// When it was asked.
    pub created_at: u64,
    /// When it ends by the wall clock.
    pub expires_at: u64,
    /// When it ends by the boot clock, so that setting the wall clock back does not keep it alive.
    pub expires_boot: BootTime,
    /// Who said yes, by name.
    pub confirmed_by: Vec<String>,
    /// Who said no.
    pub denied_by: Option<String>,
    /// When it may begin; absent until it is approved.
    #[serde(default)]
    pub runs: Option<Runs>,
    /// What a yes must repeat: the name of what is lost for good.
    #[serde(default)]
    pub repeat: Option<String>,
    /// How much more than people were shown it may free.
    #[serde(default)]
    pub growth: Growth,
}

/// When what was approved may begin. Times on the boot clock hold in their boot only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Runs {
    /// Not before.
    pub from: u64,
    /// Not later.
    pub until: u64,
    /// Not before its hold is over.
    pub held_until: BootTime,
    /// Not later.
    pub until_boot: BootTime,
}

impl Approval {
    /// The first message of each person that was asked.
    pub fn first_prompts(&self) -> Vec<SentPrompt> {
        let mut first: Vec<SentPrompt> = Vec::new();
        for prompt in &self.prompts {
            if first.iter().all(|other| other.approver != prompt.approver) {
                first.push(prompt.clone());
            }
        }
        first
    }
}

impl Job {
    /// A job that has just been read.
    pub fn new(id: String, principal: PrincipalName, submission: Submission, at: u64) -> Self {
        Self {
            id,
            principal,
            submission,
            state: State::Proposed,
            history: vec![Change { state: State::Proposed, at }],
            decision: None,
            input: None,
            screened: None,
            run_as: None,
            asked: None,
            keep: None,
            purges: None,
            trace: None,
            plan: None,
            approval: None,
            approved_at: None,
            may_run_until: None,
            outcome: Outcome::default(),
            audit: None,
        }
    }

    /// Goes to another state, when it may follow.
    pub fn become_state(&mut self, next: State, at: u64) -> Result<(), IllegalChange> {
        if !self.state.may_become(next) {
            return Err(IllegalChange { id: self.id.clone(), from: self.state, to: next });
        }
        self.state = next;
        self.history.push(Change { state: next, at });
        Ok(())
    }

    /// The same, with what is done for it now under another span.
    #[must_use]
    pub fn under(mut self, span: Option<Context>) -> Self {
        if let (Some(place), Some(span)) = (&mut self.trace, span) {
            place.here = span;
        }
        self
    }

    /// How many states it has been in; the version of its envelope.
    pub fn version(&self) -> u64 {
        u64::try_from(self.history.len()).unwrap_or(u64::MAX)
    }

    /// When it was submitted.
    pub fn created_at(&self) -> u64 {
        self.history.first().map_or(0, |change| change.at)
    }

    /// When it last changed.
    pub fn changed_at(&self) -> u64 {
        self.history.last().map_or(0, |change| change.at)
    }

    /// What would happen, as it was planned.
    pub fn effects(&self) -> Option<&Effects> {
        self.plan.as_ref().map(|plan| &plan.effects)
    }
}

/// A change of state that the life of an operation does not have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("operation {id} cannot go from {} to {}", from.as_str(), to.as_str())]
pub struct IllegalChange {
    /// Whose.
    pub id: String,
    /// From.
    pub from: State,
    /// To.
    pub to: State,
}
