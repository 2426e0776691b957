//! A policy on trial: what the live one has decided it decides again from the same input, and what would be otherwise is
//! counted and recorded. Nothing waits for it, and nothing of what it says or does changes a verdict.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use super::{Gate, causes};
use crate::audit::{Event, EventKind};
use crate::job::Job;
use crate::operation::Digest;
use crate::policy::{Input, PolicyDecision, PolicyEngine, PolicySource, WorkerProgram};
use crate::principal::PrincipalName;

/// How many decisions the policy on trial may be behind; those beyond are not put to it.
const BEHIND: usize = 64;
/// How long a start and a reload wait for it to load; it is counted as failed until the next one.
const LOAD_DEADLINE: Duration = Duration::from_secs(5);
/// Rules by which the engine refuses for a policy that cannot decide.
const FAILED: [&str; 4] = ["policy-error", "policy-timeout", "policy-worker-died", "policy-input-too-large"];

/// The policy on trial.
#[derive(Debug)]
pub(super) enum Trial {
    /// There is none.
    None,
    /// It does not load; why, on one line.
    Broken(String),
    /// It decides beside.
    Ready(Box<PolicyEngine>),
}

impl Trial {
    /// Loads it. One that does not load is no reason for anything else not to.
    pub(super) async fn load(path: Option<&Path>) -> Self {
        let Some(path) = path else { return Self::None };
        let source = match PolicySource::read(path) {
            Ok(source) => source,
            Err(error) => return Self::broken(path, &error),
        };
        let program = WorkerProgram { load_deadline: LOAD_DEADLINE, ..WorkerProgram::default() };
        match PolicyEngine::start(source, program).await {
            Ok(engine) => Self::Ready(Box::new(engine)),
            Err(error) => Self::broken(path, &error),
        }
    }

    fn broken(path: &Path, error: &dyn std::error::Error) -> Self {
        let why = causes(error);
        tracing::warn!(path = %path.display(), why, "the shadow policy does not load; nothing else depends on it");
        Self::Broken(why)
    }

    /// What the record of a start or a reload says of it.
    pub(super) fn told(&self) -> Value {
        match self {
            Self::None => Value::Null,
            Self::Broken(why) => json!({"loaded": false, "why": why}),
            Self::Ready(engine) => json!({"loaded": true, "policy": engine.revision()}),
        }
    }
}

/// The policy on trial, and the places in its line.
pub(super) struct Shadow {
    trial: ArcSwap<Trial>,
    places: Arc<Semaphore>,
}

impl Shadow {
    pub(super) fn new(trial: Trial) -> Self {
        Self { trial: ArcSwap::from_pointee(trial), places: Arc::new(Semaphore::new(BEHIND)) }
    }

    /// Puts another on trial.
    pub(super) fn set(&self, trial: Trial) {
        self.trial.store(Arc::new(trial));
    }
}

/// What was decided, for whom.
pub(super) struct Lived {
    principal: String,
    /// The id of the operation, or the number of the record of what another gateway asked.
    about: About,
    input: Input,
    revision: Digest,
}

enum About {
    Operation(String),
    Evaluation(u64),
}

impl Lived {
    /// What was decided on a job; nothing where the policy was not asked.
    pub(super) fn of(job: &Job, decision: &PolicyDecision) -> Option<Self> {
        let (principal, about) = (job.principal.to_string(), About::Operation(job.id.clone()));
        let input = job.input.clone()?;
        Some(Self { principal, about, input, revision: decision.revision.clone() })
    }

    /// What another gateway asked, by which rules it was decided, and the number of its record.
    pub(super) fn evaluated(caller: &PrincipalName, input: Input, (revision, seq): (Digest, u64)) -> Self {
        Self { principal: caller.to_string(), about: About::Evaluation(seq), input, revision }
    }
}

impl Gate {
    /// Puts what was decided to the policy on trial, when there is one, and does not wait for it.
    pub(super) fn try_beside(self: &Arc<Self>, lived: Option<Lived>) {
        let trial = self.shadow.trial.load_full();
        let Some(lived) = lived.filter(|_| !matches!(*trial, Trial::None)) else { return };
        let Ok(place) = Arc::clone(&self.shadow.places).try_acquire_owned() else {
            self.metrics.shadowed("skipped");
            return;
        };
        let gate = Arc::clone(self);
        tokio::spawn(async move {
            let outcome = match &*trial {
                Trial::None => return,
                Trial::Broken(_) => "failed",
                Trial::Ready(engine) => gate.compare(&lived, engine).await,
            };
            gate.metrics.shadowed(outcome);
            drop(place);
        });
    }

    async fn compare(&self, lived: &Lived, engine: &PolicyEngine) -> &'static str {
        let beside = lived.input.again_by(engine).await;
        let has_failed =
            FAILED.contains(&beside.rule.as_str()) && !FAILED.contains(&lived.input.rule.as_str());
        let is_same = beside.verdict == lived.input.verdict;
        if is_same && !has_failed {
            return if beside.rule == lived.input.rule { "same" } else { "other_rule" };
        }
        let outcome = if has_failed { "failed" } else { "other_verdict" };
        let event = Event::new(EventKind::Shadow).principal(lived.principal.as_str());
        let event = match &lived.about {
            About::Operation(operation) => event.operation(operation.as_str()),
            About::Evaluation(seq) => event.with("evaluation", *seq),
        };
        let event = event
            .with("outcome", outcome)
            .with("tool", lived.input.asked.tool.as_str())
            .with("live", json!({"verdict": lived.input.verdict, "rule": lived.input.rule, "rules": lived.revision}))
            .with("shadow", json!({"verdict": beside.verdict, "rule": beside.rule, "reason": beside.reason, "policy": engine.revision()}));
        if let Err(error) = self.record(event).await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "what the shadow policy says is not recorded"
            );
        }
        outcome
    }
}
