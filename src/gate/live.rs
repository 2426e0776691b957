//! The operations that are in hand: each behind its own lock, with a version that waiters watch.

use std::collections::{HashMap, VecDeque};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;

use tokio::sync::{OwnedMutexGuard, Semaphore, watch};

use super::output::Output;
use crate::job::{Job, State};
use crate::launcher::client::Cancellation;
use crate::operation::Operation;
use crate::principal::PrincipalName;

/// How many finished operations are kept to be asked for without the store; reads are kept nowhere else.
const RECENT: usize = 512;

/// One operation in hand.
pub(super) struct Cell {
    /// The job. Held across its change of state and the writes that go with it, so that those never overlap.
    pub(super) job: tokio::sync::Mutex<Job>,
    /// What its caller may see of what its tools print.
    pub(super) output: Output,
    /// Ends its tool before its time.
    pub(super) cancellation: Cancellation,
    version: watch::Sender<u64>,
}

impl Cell {
    fn new(job: Job) -> Arc<Self> {
        let (version, _) = watch::channel(job.version());
        Arc::new(Self {
            job: tokio::sync::Mutex::new(job),
            output: Output::default(),
            cancellation: Cancellation::default(),
            version,
        })
    }

    /// Tells waiters that the job has reached this version.
    pub(super) fn announce(&self, version: u64) {
        self.version.send_replace(version);
    }

    /// A receiver of versions.
    pub(super) fn versions(&self) -> watch::Receiver<u64> {
        self.version.subscribe()
    }
}

/// How many tools read the host at once, for everybody and for one caller.
const READING: usize = 16;
const READING_EACH: usize = 4;
/// How many calls of one caller are in hand at once.
const CALLS_EACH: usize = 128;

/// How many operations have begun to change a place since the gate's start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Changes(u64);

impl Changes {
    /// One more begins.
    pub(super) fn begin(&mut self) {
        self.0 += 1;
    }
}

/// What one operation of a place has at a time.
type Turn = Arc<tokio::sync::Mutex<Changes>>;

/// Every operation in hand.
pub(super) struct Live {
    cells: Mutex<Cells>,
    orders: Mutex<HashMap<PrincipalName, Arc<tokio::sync::Mutex<()>>>>,
    turns: Mutex<HashMap<String, Turn>>,
    reading: Arc<Semaphore>,
    reading_each: Mutex<HashMap<PrincipalName, Arc<Semaphore>>>,
    calls_each: Mutex<HashMap<PrincipalName, Arc<Semaphore>>>,
}

impl Default for Live {
    fn default() -> Self {
        Self {
            cells: Mutex::default(),
            orders: Mutex::default(),
            turns: Mutex::default(),
            reading: Arc::new(Semaphore::new(READING)),
            reading_each: Mutex::default(),
            calls_each: Mutex::default(),
        }
    }
}

#[derive(Default)]
struct Cells {
    by_id: HashMap<String, Arc<Cell>>,
    finished: VecDeque<String>,
}

impl Live {
    /// Takes a job in hand.
    pub(super) fn insert(&self, job: Job) -> Arc<Cell> {
        let (id, is_final) = (job.id.clone(), job.state.is_final());
        let cell = Cell::new(job);
        lock(&self.cells).by_id.insert(id.clone(), Arc::clone(&cell));
        if is_final {
            self.finished(&id);
        }
        cell
    }

    /// The operation with that id, while it is in hand.
    pub(super) fn get(&self, id: &str) -> Option<Arc<Cell>> {
        lock(&self.cells).by_id.get(id).cloned()
    }

    /// Every operation in hand.
    pub(super) fn all(&self) -> Vec<Arc<Cell>> {
        lock(&self.cells).by_id.values().cloned().collect()
    }

    /// How many operations in hand have not ended.
    pub(super) fn unfinished(&self) -> usize {
        let cells = lock(&self.cells);
        cells.by_id.len().saturating_sub(cells.finished.len())
    }

    /// Lets go of a finished operation once enough later ones have finished.
    pub(super) fn finished(&self, id: &str) {
        let mut cells = lock(&self.cells);
        cells.finished.push_back(id.to_owned());
        while cells.finished.len() > RECENT {
            if let Some(oldest) = cells.finished.pop_front() {
                cells.by_id.remove(&oldest);
            }
        }
    }

    /// How many operations of a caller have not ended.
    pub(super) async fn unfinished_of(&self, caller: &PrincipalName) -> usize {
        let mut count = 0;
        for cell in self.all() {
            let job = cell.job.lock().await;
            // One whose end cannot be told takes no part any more.
            let counts = !job.state.is_final() && job.state != State::Unknown;
            count += usize::from(job.principal == *caller && counts);
        }
        count
    }

    /// The places for reading the host: a pool that hangs must not take every thread.
    pub(super) fn reading_place(&self) -> Arc<Semaphore> {
        Arc::clone(&self.reading)
    }

    /// One caller's places for reading the host.
    pub(super) fn reading_place_of(&self, caller: &PrincipalName) -> Arc<Semaphore> {
        places(&self.reading_each, caller, READING_EACH)
    }

    /// One caller's places for calls, so that nobody's waiting keeps others out.
    pub(super) fn call_place_of(&self, caller: &PrincipalName) -> Arc<Semaphore> {
        places(&self.calls_each, caller, CALLS_EACH)
    }

    /// What keeps a caller's submissions from being decided side by side: two of the same would be two intents.
    pub(super) fn order_of(&self, caller: &PrincipalName) -> Arc<tokio::sync::Mutex<()>> {
        Arc::clone(lock(&self.orders).entry(caller.clone()).or_default())
    }

    /// What keeps two changes of the same place from running side by side, and counts them: one turn, or as many as may
    /// be taken beside each other. Places come from operations that contracts grant, so the table does not grow without
    /// bound.
    fn turns_of(&self, operation: &Operation) -> Vec<Turn> {
        let place = operation.place();
        let mut turns = lock(&self.turns);
        let names = (0..operation.beside()).map(|number| format!("{number} {place}"));
        names.map(|name| Arc::clone(turns.entry(name).or_default())).collect()
    }

    /// Waits for a turn.
    pub(super) async fn turn(&self, operation: &Operation) -> OwnedMutexGuard<Changes> {
        if let Some(turn) = self.turn_if_free(operation) {
            return turn;
        }
        let all = self.turns_of(operation).into_iter().map(|turn| Box::pin(turn.lock_owned()));
        first_of(all.collect()).await
    }

    /// A turn, when there is one to have at once.
    pub(super) fn turn_if_free(&self, operation: &Operation) -> Option<OwnedMutexGuard<Changes>> {
        self.turns_of(operation).into_iter().find_map(|turn| turn.try_lock_owned().ok())
    }
}

/// What the first of these comes to; the others are let go, with their places in their queues.
async fn first_of<F: Future + Unpin>(mut all: Vec<F>) -> F::Output {
    std::future::poll_fn(|context| {
        for one in &mut all {
            if let Poll::Ready(output) = Pin::new(one).poll(context) {
                return Poll::Ready(output);
            }
        }
        Poll::Pending
    })
    .await
}

fn places(
    all: &Mutex<HashMap<PrincipalName, Arc<Semaphore>>>,
    caller: &PrincipalName,
    most: usize,
) -> Arc<Semaphore> {
    Arc::clone(lock(all).entry(caller.clone()).or_insert_with(|| Arc::new(Semaphore::new(most))))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
