//! The handle everybody holds: hand over an event, get a receipt once it is durable.

use std::path::PathBuf;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::error::AuditError;
use super::event::Event;
use super::open::open;
use super::record::{Draft, Receipt};
use super::status::{Counters, Head, Status};
use super::writer::{Request, Rotation, THREAD};
use crate::sys::clock::Clock;

/// So many appends may wait before the next one waits for room; far above what a gate has in hand.
const WAITING_ROOM: usize = 4096;

/// Where the log is and how it is kept.
#[derive(Clone, Debug)]
pub struct AuditConfig {
    /// The current file, `/var/log/reeve/audit.jsonl`. The directory above it must exist.
    pub path: PathBuf,
    /// A file of at least this length makes room for the next.
    pub rotate_bytes: u64,
    /// The host's name, in every record.
    pub host: String,
}

/// The audit log, open for appending. Clones share one writer; the last one to go closes the file.
#[derive(Clone, Debug)]
pub struct AuditLog {
    handle: Arc<Handle>,
}

#[derive(Debug)]
struct Handle {
    host: String,
    clock: ClockHandle,
    status: Arc<Status>,
    /// None only while the last handle is being dropped.
    outbox: Option<mpsc::Sender<Request>>,
    thread: Option<JoinHandle<()>>,
}

struct ClockHandle(Arc<dyn Clock>);

impl AuditLog {
    /// Opens the log and follows every record of the current file. A torn last line is dropped and recorded; anything
    /// else that does not hold together is an error, and nothing is changed.
    pub fn open(config: AuditConfig, clock: Arc<dyn Clock>) -> Result<AuditLog, AuditError> {
        let (host, path) = (config.host.clone(), config.path.clone());
        let writer = open(config, Arc::clone(&clock))?;
        let status = Arc::clone(&writer.status);
        let (outbox, inbox) = mpsc::channel(WAITING_ROOM);
        let thread = thread::Builder::new().name(THREAD.to_owned()).spawn(move || writer.run(inbox));
        let thread = thread.map_err(|error| AuditError::io("start a writer for", path, error))?;
        let clock = ClockHandle(clock);
        let handle = Handle { host, clock, status, outbox: Some(outbox), thread: Some(thread) };
        Ok(AuditLog { handle: Arc::new(handle) })
    }

    /// Records the event. When this returns a receipt, the record survives a power cut.
    pub async fn append(&self, event: Event) -> Result<Receipt, AuditError> {
        let drafts = self.drafts(std::slice::from_ref(&event))?;
        let receipts = self.send(drafts, Rotation::WhenFull).await?;
        receipts.last().copied().ok_or(AuditError::Closed)
    }

    /// Records the events one behind the other, nothing between them: all of them or none.
    pub async fn append_all(&self, events: Vec<Event>) -> Result<Vec<Receipt>, AuditError> {
        let drafts = self.drafts(&events)?;
        self.send(drafts, Rotation::WhenFull).await
    }

    /// [`AuditLog::append`] for a thread without an async runtime; it panics on one that has.
    pub fn append_blocking(&self, event: Event) -> Result<Receipt, AuditError> {
        let drafts = self.drafts(std::slice::from_ref(&event))?;
        let (request, answer) = request(drafts, Rotation::WhenFull);
        self.outbox()?.blocking_send(request).map_err(|_| AuditError::Closed)?;
        let receipts = answer.blocking_recv().map_err(|_| AuditError::Closed)??;
        receipts.last().copied().ok_or(AuditError::Closed)
    }

    /// Begins a new file now, for whoever keeps the full ones elsewhere. Returns the last record.
    pub async fn rotate(&self) -> Result<Receipt, AuditError> {
        self.send(Vec::new(), Rotation::Now).await?;
        Ok(self.last())
    }

    /// Whether the last append went through. An append is always worth trying: it repairs what can be repaired.
    #[must_use]
    pub fn healthy(&self) -> bool {
        self.handle.status.healthy()
    }

    /// The last durable record.
    #[must_use]
    pub fn last(&self) -> Receipt {
        self.handle.status.last()
    }

    /// The last durable record and the tree up to it, as one.
    #[must_use]
    pub fn head(&self) -> Head {
        self.handle.status.head()
    }

    /// What has been counted since the log was opened.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.handle.status.counters()
    }

    /// Calls this with the time each append took, from the caller's view. The first observer stays.
    pub fn observe_appends(&self, observer: impl Fn(Duration) + Send + Sync + 'static) {
        self.handle.status.observe_with(Box::new(observer));
    }

    /// Encodes on the caller's thread; an event that cannot be recorded never reaches the writer.
    fn drafts(&self, events: &[Event]) -> Result<Vec<Draft>, AuditError> {
        let host = &self.handle.host;
        Ok(events.iter().map(|event| Draft::new(event, host)).collect::<Result<_, _>>()?)
    }

    async fn send(&self, drafts: Vec<Draft>, rotation: Rotation) -> Result<Vec<Receipt>, AuditError> {
        let clock = &self.handle.clock.0;
        let began = clock.boot();
        let (request, answer) = request(drafts, rotation);
        self.outbox()?.send(request).await.map_err(|_| AuditError::Closed)?;
        let result = answer.await.map_err(|_| AuditError::Closed)?;
        self.handle.status.observed(clock.boot().saturating_sub(began));
        result
    }

    fn outbox(&self) -> Result<&mpsc::Sender<Request>, AuditError> {
        self.handle.outbox.as_ref().ok_or(AuditError::Closed)
    }
}

fn request(drafts: Vec<Draft>, rotation: Rotation) -> (Request, Answer) {
    let (reply, answer) = oneshot::channel();
    (Request { drafts, rotation, reply }, answer)
}

type Answer = oneshot::Receiver<Result<Vec<Receipt>, AuditError>>;

impl Drop for Handle {
    /// Waits for the writer, so that whoever opens the log next finds it closed.
    fn drop(&mut self) {
        self.outbox = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the writer of the audit log panicked");
        }
    }
}

impl std::fmt::Debug for ClockHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Clock")
    }
}
