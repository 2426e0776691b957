//! What a connection is doing, and how long it may go on doing nothing.
//!
//! hyper has one deadline for a request's head, which also runs while a connection is idle; here a head that has begun and
//! a connection between requests have a deadline each, and a connection of HTTP/2 has the second too.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

/// What one connection is doing. Times are milliseconds since the connection began, and are never 0.
pub(super) struct Activity {
    began: Instant,
    requests: AtomicUsize,
    /// When the last request ended; [`NEVER`] before one did.
    idle_since: AtomicU64,
    /// When the first byte came after that; 0 before it does.
    head_since: AtomicU64,
}

/// A request that is being answered; it ends when this is dropped, with the last byte of its answer.
pub(super) struct InFlight(Arc<Activity>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.idle_since.store(self.0.now(), Ordering::Release);
        self.0.requests.fetch_sub(1, Ordering::Release);
    }
}

impl Activity {
    pub(super) fn new() -> Arc<Self> {
        let activity = Self {
            began: Instant::now(),
            requests: AtomicUsize::new(0),
            idle_since: AtomicU64::new(NEVER),
            head_since: AtomicU64::new(0),
        };
        Arc::new(activity)
    }

    /// A request's head is complete.
    pub(super) fn request(self: &Arc<Self>) -> InFlight {
        self.requests.fetch_add(1, Ordering::Release);
        self.head_since.store(0, Ordering::Release);
        InFlight(Arc::clone(self))
    }

    /// Waits until a head has taken longer than `head`, or nothing was asked for `idle`. With HTTP/2, `head` is for the first
    /// bytes of the connection only: afterwards frames come that belong to no request.
    pub(super) async fn is_over(&self, head: Duration, idle: Duration, protocol: Protocol) {
        loop {
            let now = Instant::now();
            // A head that begins in the meantime is seen after this at the latest.
            let mut again = now + head.min(idle);
            if self.requests.load(Ordering::Acquire) == 0 {
                let deadline = self.deadline(head, idle, protocol);
                if now >= deadline {
                    return;
                }
                again = again.min(deadline);
            }
            tokio::time::sleep_until(again).await;
        }
    }

    fn deadline(&self, head: Duration, idle: Duration, protocol: Protocol) -> Instant {
        let at = |milliseconds| self.began + Duration::from_millis(milliseconds);
        let idle_since = self.idle_since.load(Ordering::Acquire);
        let head_since = match protocol {
            Protocol::Http1 => self.head_since.load(Ordering::Acquire),
            Protocol::Http2 => 0,
        };
        if head_since > 0 {
            return at(head_since) + head;
        }
        // A connection on which nothing was ever asked has the shorter time.
        if idle_since == NEVER { self.began + head } else { at(idle_since) + idle }
    }

    fn received(&self) {
        if self.requests.load(Ordering::Acquire) == 0 && self.head_since.load(Ordering::Acquire) == 0 {
            self.head_since.store(self.now(), Ordering::Release);
        }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX).saturating_add(NEVER + 1)
    }
}

const NEVER: u64 = 1;

/// What was agreed on in the handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    Http1,
    Http2,
}

/// A stream that notes when something is received.
pub(super) struct Watched<S> {
    stream: S,
    activity: Arc<Activity>,
}

impl<S> Watched<S> {
    pub(super) fn new(stream: S, activity: Arc<Activity>) -> Self {
        Self { stream, activity }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(cx, buf);
        if buf.filled().len() > before {
            self.activity.received();
        }
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
