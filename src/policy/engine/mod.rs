//! The gate's side of the policy worker: one decision for each question, in time, whatever a policy does. Doubt is a refusal.

mod driver;
mod live;
mod nursery;

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::Value;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout};

use super::problem::Problem;
use super::source::PolicySource;
use super::verdict::PolicyDecision;
use super::wire::{Matched, QuestionRef, WorkerReport, frame};
use super::worker;
use crate::operation::{Digest, secret};
use crate::sys::process::ProcessError;
use driver::{Answer, Driver, Job, Order};
use live::Live;
use nursery::Nursery;

/// How long a caller waits at all: for its own decision, and for whatever is before it.
const PATIENCE: Duration = Duration::from_secs(5);

/// Questions that wait for the driver before callers wait for room.
const QUEUE: usize = 1024;

/// How long a worker may take to load a policy, unless told otherwise.
const LOAD_DEADLINE: Duration = Duration::from_secs(30);

/// How a worker is started.
#[derive(Debug, Clone)]
pub struct WorkerProgram {
    /// The program, by absolute path.
    pub path: PathBuf,
    /// Its arguments.
    pub args: Vec<OsString>,
    /// How long it may take to start and to load a policy. Nobody waits for it but a start and a reload, and a slow
    /// disk may have to read the program first.
    pub load_deadline: Duration,
}

impl Default for WorkerProgram {
    /// This program again, as a policy worker.
    fn default() -> Self {
        Self {
            path: "/proc/self/exe".into(),
            args: vec![worker::ARGUMENT.into()],
            load_deadline: LOAD_DEADLINE,
        }
    }
}

/// What a policy decides on.
#[derive(Debug, Clone)]
pub struct PolicyInput<'a> {
    /// The operation's name: `zfs.destroy`.
    pub tool: &'a str,
    /// Its parameters and `resource`.
    pub args: Value,
    /// Who asks, and in which circumstances.
    pub context: Value,
}

/// Is told how long each decision took, and what it was.
pub type Observer = Arc<dyn Fn(Duration, &PolicyDecision) + Send + Sync>;

/// Why there is no policy to decide by.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// The worker could not be started.
    #[error("the policy worker could not be started")]
    Process(#[source] ProcessError),
    /// The worker could not confine itself, and so it did not read the policy.
    #[error("the policy worker could not confine itself: {0}")]
    Unconfined(String),
    /// The policy's files are too large together.
    #[error("the policy is larger than 1 MiB")]
    TooLarge,
    /// The policy has mistakes.
    #[error("{}", listed(.0))]
    Rejected(Vec<Problem>),
    /// The worker ended while it read the policy.
    #[error(
        "the policy worker ended while it read the policy, which nests too deeply or takes too much memory"
    )]
    Died,
    /// The policy takes too long to load.
    #[error("the policy took longer than {0:?} to load")]
    Slow(Duration),
    /// The worker said something that it never says.
    #[error("the policy worker cannot be understood")]
    Garbled,
    /// The engine has ended, which it does with its runtime only.
    #[error("the policy engine has stopped")]
    Stopped,
}

fn listed(problems: &[Problem]) -> String {
    problems.iter().map(Problem::to_string).collect::<Vec<_>>().join("\n")
}

/// Decides by a policy in a worker process. Many may ask at once; it lives until it is dropped.
pub struct PolicyEngine {
    orders: mpsc::Sender<Order>,
    nursery: Arc<Nursery>,
    program: WorkerProgram,
    shared: Arc<Shared>,
    next_id: AtomicU64,
    observer: Option<Observer>,
}

/// What the driver keeps for the engine to read.
#[derive(Debug)]
struct Shared {
    state: std::sync::Mutex<(Digest, WorkerReport)>,
}

impl Shared {
    fn get(&self) -> (Digest, WorkerReport) {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }

    fn set(&self, revision: Digest, report: WorkerReport) {
        *self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = (revision, report);
    }
}

impl PolicyEngine {
    /// Starts a worker and lets it load the policy.
    ///
    /// # Errors
    /// When there is no worker, or the policy does not load or one of its examples does not come out as expected.
    pub async fn start(source: PolicySource, program: WorkerProgram) -> Result<Self, PolicyError> {
        let nursery = Arc::new(Nursery::open().map_err(|source| {
            PolicyError::Process(ProcessError::Start { program: program.path.clone(), source })
        })?);
        let (live, report) = Live::start(&nursery, &program, &source).await?;
        let shared = Arc::new(Shared { state: std::sync::Mutex::new((source.revision(), report)) });
        let (orders, inbox) = mpsc::channel(QUEUE);
        let driver = Driver::new(inbox, live, source, program.clone(), nursery.clone(), shared.clone());
        tokio::spawn(driver.run());
        Ok(Self { orders, nursery, program, shared, next_id: AtomicU64::new(1), observer: None })
    }

    /// Has every decision's duration told to somebody.
    #[must_use]
    pub fn observed_by(mut self, observer: Observer) -> Self {
        self.observer = Some(observer);
        self
    }

    /// Loads a policy without deciding by it: for `reeve policy check`.
    ///
    /// # Errors
    /// As [`PolicyEngine::start`].
    pub async fn check(source: &PolicySource, program: &WorkerProgram) -> Result<WorkerReport, PolicyError> {
        let nursery = Nursery::open().map_err(|source| {
            PolicyError::Process(ProcessError::Start { program: program.path.clone(), source })
        })?;
        let (live, report) = Live::start(&nursery, program, source).await?;
        live.end(&nursery);
        Ok(report)
    }

    /// Decides. What cannot be decided in time is refused.
    pub async fn decide(&self, input: &PolicyInput<'_>) -> PolicyDecision {
        let begun = Instant::now();
        let (decision, _unasked) = self.answer(input, false).await;
        if let Some(observer) = &self.observer {
            observer(begun.elapsed(), &decision);
        }
        decision
    }

    /// Decides, and says which rules matched, in order: the decision is the strictest of them. Nobody observes it.
    pub async fn explain(&self, input: &PolicyInput<'_>) -> (PolicyDecision, Vec<Matched>) {
        self.answer(input, true).await
    }

    async fn answer(&self, input: &PolicyInput<'_>, explain: bool) -> Answer {
        let refused = |(rule, reason)| (PolicyDecision::deny(rule, reason, self.revision()), Vec::new());
        self.ask(input, explain).await.unwrap_or_else(refused)
    }

    async fn ask(
        &self,
        input: &PolicyInput<'_>,
        explain: bool,
    ) -> Result<Answer, (&'static str, &'static str)> {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        // Whoever asks: what a policy has not seen, it cannot say in a reason.
        let args = secret::hidden(&input.args);
        let question = QuestionRef { id, tool: input.tool, args: &args, context: &input.context, explain };
        let frame = frame(&question).map_err(|_too_large| {
            ("policy-input-too-large", "this is more than the policy can be asked about")
        })?;
        let (reply, answer) = oneshot::channel();
        let order = Order::Decide(Job::new(id, frame, reply));
        let decided = async {
            self.orders.send(order).await.ok()?;
            answer.await.ok()
        };
        match timeout(PATIENCE, decided).await {
            Ok(Some(answer)) => Ok(answer),
            Ok(None) => Err(("policy-worker-died", "the policy engine has stopped")),
            Err(_elapsed) => Err(("policy-timeout", "the policy had too much else to decide")),
        }
    }

    /// Loads a policy in a new worker and decides by it from then on. One that does not load changes nothing.
    ///
    /// # Errors
    /// As [`PolicyEngine::start`].
    pub async fn reload(&self, source: PolicySource) -> Result<WorkerReport, PolicyError> {
        let (live, report) = Live::start(&self.nursery, &self.program, &source).await?;
        let (done, swapped) = oneshot::channel();
        let order = Order::Swap { live: Box::new(live), source, report: Box::new(report.clone()), done };
        self.orders.send(order).await.map_err(|_stopped| PolicyError::Stopped)?;
        swapped.await.map_err(|_stopped| PolicyError::Stopped)?;
        Ok(report)
    }

    /// The digest of the policy that decides now.
    #[must_use]
    pub fn revision(&self) -> Digest {
        self.shared.get().0
    }

    /// What the worker said about itself and the policy when it loaded it.
    #[must_use]
    pub fn report(&self) -> WorkerReport {
        self.shared.get().1
    }
}

impl std::fmt::Debug for PolicyEngine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PolicyEngine").field("revision", &self.revision()).finish_non_exhaustive()
    }
}
