//! The one thread that writes: takes all that waits, writes it at once, syncs once, and only then answers.

use std::sync::Arc;
use std::time::SystemTime;

use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use tokio::sync::{mpsc, oneshot};

use super::canonical::CanonicalError;
use super::error::{AuditError, Outage};
use super::event::{Event, EventKind};
use super::record::{Draft, Receipt};
use super::rotation::Series;
use super::scan::TREE;
use super::status::{Head, Status};
use super::tree::{NodeHash, Tree};
use crate::sys::clock::Clock;

/// More than ever wait at once on one host; it bounds the memory of a batch, not its delay.
const LARGEST_BATCH: usize = 1024;

const TIME: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");

/// What waits for the writer.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) drafts: Vec<Draft>,
    pub(super) rotation: Rotation,
    pub(super) reply: oneshot::Sender<Result<Vec<Receipt>, AuditError>>,
}

/// Whether the records go to a new file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rotation {
    /// Only if the current file is full.
    WhenFull,
    /// In any case.
    Now,
}

/// What was repaired since the last batch that went through; it becomes a record at the head of the next.
#[derive(Debug, Default)]
pub(super) struct Repair {
    /// So many unacknowledged bytes were dropped.
    pub(super) dropped_bytes: u64,
    /// Length and hash of a torn line that a crash left.
    pub(super) torn: Option<Value>,
    /// Appends that were refused meanwhile.
    pub(super) refused: u64,
    /// Why, if it happened while running.
    pub(super) cause: Option<String>,
}

/// Everything the writing thread owns.
pub(super) struct Writer {
    pub(super) clock: Arc<dyn Clock>,
    pub(super) host: String,
    pub(super) series: Series,
    pub(super) acked: Receipt,
    /// The tree up to there.
    tree: Tree,
    pub(super) repair: Option<Repair>,
    pub(super) status: Arc<Status>,
    buffer: Vec<u8>,
}

impl Writer {
    pub(super) fn new(clock: Arc<dyn Clock>, host: String, series: Series, head: Head) -> Writer {
        let status = Arc::new(Status::new(head.clone()));
        let Head { last: acked, tree } = head;
        Writer { clock, host, series, acked, tree, repair: None, status, buffer: Vec::new() }
    }

    /// Serves until nobody can ask any more.
    pub(super) fn run(mut self, mut inbox: mpsc::Receiver<Request>) {
        let mut waiting = Vec::with_capacity(LARGEST_BATCH);
        while inbox.blocking_recv_many(&mut waiting, LARGEST_BATCH) > 0 {
            self.serve(&mut waiting);
        }
    }

    fn serve(&mut self, waiting: &mut Vec<Request>) {
        match self.commit(waiting) {
            Ok(receipts) => {
                for (request, receipts) in waiting.drain(..).zip(receipts) {
                    answer(request, Ok(receipts));
                }
            }
            Err(outage) => {
                let error = self.refuse(outage, waiting.len() as u64);
                for request in waiting.drain(..) {
                    answer(request, Err(error.clone()));
                }
            }
        }
    }

    /// Makes everything that waits durable, or nothing.
    pub(super) fn commit(&mut self, waiting: &[Request]) -> Result<Vec<Vec<Receipt>>, Outage> {
        if let Some(dropped) = self.series.make_ready(self.acked)? {
            self.repaired().dropped_bytes += dropped;
        }
        let asked = waiting.iter().any(|request| request.rotation == Rotation::Now);
        self.series.rotate_if_due(asked, self.acked)?;

        let mut lines = std::mem::take(&mut self.buffer);
        lines.clear();
        let (head, receipts) = self.encode(waiting, &mut lines).map_err(unencodable)?;
        let written = self.series.write(&lines, self.acked.seq + 1);
        self.buffer = lines;
        written?;

        self.status.committed(head.last.seq - self.acked.seq, &head);
        (self.acked, self.tree) = (head.last, head.tree);
        self.repair = None;
        Ok(receipts)
    }

    fn encode(
        &self,
        waiting: &[Request],
        lines: &mut Vec<u8>,
    ) -> Result<(Head, Vec<Vec<Receipt>>), CanonicalError> {
        let time = stamp(self.clock.now());
        let mut head = Head { last: self.acked, tree: self.tree.clone() };
        let mut push = |draft: &Draft| {
            let start = lines.len();
            head.last = draft.push_line(lines, head.last, &time);
            let line = lines.get(start..).unwrap_or_default();
            head.tree.push(NodeHash::leaf(line.strip_suffix(b"\n").unwrap_or(line)));
            head.last
        };
        for note in self.notes() {
            push(&Draft::new(&note, &self.host)?);
        }
        let receipts = waiting.iter().map(|request| request.drafts.iter().map(&mut push).collect()).collect();
        Ok((head, receipts))
    }

    /// What the log has to say about itself before anything else goes in.
    fn notes(&self) -> impl Iterator<Item = Event> {
        let link = self.series.needs_link(self.acked).map(|previous| {
            let hash = self.acked.hash.to_string();
            Event::new(EventKind::LogRotated)
                .with("previous_file", previous)
                .with("previous_hash", hash)
                .with(TREE, self.tree.to_value())
        });
        link.into_iter().chain(self.repair.as_ref().map(|repair| repair.event(self.acked)))
    }

    fn refuse(&mut self, outage: Outage, appends: u64) -> AuditError {
        let dropped = self.series.doubt();
        let error = AuditError::Unavailable(Arc::new(outage));
        let cause = chain_text(&error);
        tracing::error!(appends, cause, "the audit log refused records");
        let repair = self.repaired();
        repair.dropped_bytes += dropped;
        repair.refused += appends;
        repair.cause = Some(cause);
        self.status.refused(appends);
        error
    }

    fn repaired(&mut self) -> &mut Repair {
        self.repair.get_or_insert_default()
    }
}

impl Repair {
    fn event(&self, acked: Receipt) -> Event {
        let mut event = Event::new(EventKind::LogRecovered)
            .with("after_seq", acked.seq)
            .with("dropped_bytes", self.dropped_bytes)
            .with("refused_appends", self.refused);
        if let Some(torn) = &self.torn {
            event = event.with("torn", torn.clone());
        }
        match &self.cause {
            Some(cause) => event.with("cause", cause.as_str()),
            None => event,
        }
    }
}

/// The caller may have gone away; its record stands all the same, and there is nobody left to tell.
fn answer(request: Request, result: Result<Vec<Receipt>, AuditError>) {
    drop(request.reply.send(result));
}

/// Only our own notes are encoded here, and they are integers and short text; were one to fail, nothing is written.
fn unencodable(error: CanonicalError) -> Outage {
    Outage::Io { doing: "encode a note of", source: std::io::Error::other(error) }
}

fn chain_text(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

/// RFC 3339 in UTC with milliseconds. A clock outside the years 0 to 9999 reads as the epoch: such a host's time is
/// worthless, and the order of records does not depend on it.
pub(super) fn stamp(now: SystemTime) -> String {
    let time = OffsetDateTime::from(now);
    time.format(TIME).unwrap_or_else(|_| "1970-01-01T00:00:00.000Z".to_owned())
}

/// The name of the thread, as `ps -L` shows it.
pub(super) const THREAD: &str = "audit-writer";
