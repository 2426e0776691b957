//! Where spans go from a process: a bounded queue, and a task that takes them over a Unix socket to whoever sends them on.
//!
//! Whoever makes a span never waits. When nobody takes them the queue fills, and what finds no room in it is dropped.
//!
//! Each span is a line of JSON. What comes back are frames of nine bytes, which say of how many spans what became: that is all
//! that is heard of a process which speaks with strangers.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::mpsc;

use super::config::TracesConfig;
use super::span::Span;
use super::tracer::Counts;
use crate::sys::{ids, peer};

/// That so many spans are with the collector.
pub const EXPORTED: u8 = b'+';
/// That so many were refused there, or came too late.
pub const REJECTED: u8 = b'-';
/// How many are written at once.
const BATCH: usize = 64;
/// The first and the longest pause before the socket is tried again.
const PAUSE: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(5));

/// One end of the queue; without it, the task ends.
pub(super) struct Sink(mpsc::Sender<Span>);

impl Sink {
    pub(super) fn start(config: TracesConfig, counts: Counts) -> Self {
        let (sender, spans) = mpsc::channel(config.queue);
        tokio::spawn(hand_over(config, spans, counts));
        Self(sender)
    }

    /// Whether there was room.
    pub(super) fn take(&self, span: Span) -> bool {
        self.0.try_send(span).is_ok()
    }
}

async fn hand_over(config: TracesConfig, mut spans: mpsc::Receiver<Span>, counts: Counts) {
    let mut pause = PAUSE.0;
    // Nobody is spoken to before there is something to say.
    while let Some(first) = spans.recv().await {
        let mut first = Some(first);
        while first.is_some() {
            match connect(&config).await {
                Ok(stream) => {
                    pause = PAUSE.0;
                    converse(stream, &mut first, &mut spans, &counts).await;
                }
                Err(error) if spans.is_closed() => {
                    tracing::debug!(%error, "spans are left behind");
                    return counts("dropped", 1 + u64::try_from(spans.len()).unwrap_or(0));
                }
                Err(error) => {
                    tracing::debug!(%error, socket = %config.socket.display(), "nobody takes spans");
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(PAUSE.1);
                }
            }
        }
    }
}

/// Spans tell who does what: they go to nobody but the user who sends them.
async fn connect(config: &TracesConfig) -> io::Result<UnixStream> {
    let stream = UnixStream::connect(&config.socket).await?;
    let user = config.user.clone();
    let user = tokio::task::spawn_blocking(move || ids::user(&user)).await.map_err(io::Error::other)??;
    match user {
        Some(user) if user.uid == peer::credentials(&stream)?.uid => Ok(stream),
        Some(_) | None => Err(io::Error::new(io::ErrorKind::PermissionDenied, "it is not the user's socket")),
    }
}

/// Lasts until either side ends. What was written and not answered for is lost.
async fn converse(
    stream: UnixStream,
    first: &mut Option<Span>,
    spans: &mut mpsc::Receiver<Span>,
    counts: &Counts,
) {
    let open = Arc::new(AtomicU64::new(0));
    let (reader, writer) = stream.into_split();
    tokio::select! {
        () = write(writer, first, spans, &open) => {}
        () = hear(reader, &open, counts) => {}
    }
    match open.load(Ordering::Relaxed) {
        0 => {}
        lost => counts("lost", lost),
    }
}

async fn write(
    mut writer: OwnedWriteHalf,
    first: &mut Option<Span>,
    spans: &mut mpsc::Receiver<Span>,
    open: &AtomicU64,
) {
    let (mut batch, mut bytes) = (Vec::new(), Vec::new());
    loop {
        batch.extend(first.take());
        if batch.is_empty() && spans.recv_many(&mut batch, BATCH).await == 0 {
            return settle(open).await;
        }
        bytes.clear();
        for span in batch.drain(..) {
            if serde_json::to_writer(&mut bytes, &span).is_ok() {
                bytes.push(b'\n');
                open.fetch_add(1, Ordering::Relaxed);
            }
        }
        if writer.write_all(&bytes).await.is_err() {
            return;
        }
    }
}

/// Nothing more comes; what is still under way is waited for, for a while.
async fn settle(open: &AtomicU64) {
    for _ in 0..100 {
        if open.load(Ordering::Relaxed) == 0 {
            return;
        }
        tokio::time::sleep(PAUSE.0).await;
    }
}

async fn hear(mut reader: OwnedReadHalf, open: &AtomicU64, counts: &Counts) {
    let mut frame = [0; 9];
    while reader.read_exact(&mut frame).await.is_ok() {
        let [kind, count @ ..] = frame;
        let count = u64::from_le_bytes(count);
        let outcome = match kind {
            EXPORTED => "exported",
            REJECTED => "rejected",
            _unknown => return,
        };
        // More than was sent is none of ours.
        let less = open.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |open| open.checked_sub(count));
        if less.is_err() {
            return;
        }
        counts(outcome, count);
    }
}

#[cfg(test)]
mod tests;
