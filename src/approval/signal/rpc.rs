//! Calls over one connection: lines out, lines in, answers matched by id because the daemon answers out of order.

use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::sync::{mpsc, oneshot};

use super::wire::{Line, Request, RpcError};

/// The longest line that is read. A message has a few kilobytes.
const LINE_LIMIT: u64 = 1 << 20;
/// The notification that brings a message.
pub(super) const RECEIVE: &str = "receive";
/// How many calls may wait to be written.
const OUTGOING: usize = 64;

/// Why a call has no result.
#[derive(Debug, Clone)]
pub(super) enum CallError {
    /// It was not sent.
    Down,
    /// The connection broke before the answer.
    Lost,
    /// No answer in time.
    Timeout,
    /// The daemon answered with an error.
    Refused(RpcError),
}

type Answer = Result<Value, RpcError>;

/// The calls that wait for an answer.
#[derive(Default)]
pub(super) struct Waiting {
    calls: Mutex<HashMap<u64, oneshot::Sender<Answer>>>,
}

impl Waiting {
    /// Ends every call that waits: the connection is gone.
    pub(super) fn fail_all(&self) {
        self.calls().clear();
    }

    fn settle(&self, id: &Value, answer: Answer) {
        let id = id.as_u64().or_else(|| id.as_str()?.parse().ok());
        if let Some(caller) = id.and_then(|id| self.calls().remove(&id)) {
            // The caller may have given up in this very moment; then nobody wants the answer.
            drop(caller.send(answer));
        }
    }

    fn calls(&self) -> MutexGuard<'_, HashMap<u64, oneshot::Sender<Answer>>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes a call's place in the table away again, however the call ends.
struct Place<'a> {
    waiting: &'a Waiting,
    id: u64,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.waiting.calls().remove(&self.id);
    }
}

/// The calling side of one connection.
pub(super) struct Rpc {
    outgoing: mpsc::Sender<String>,
    waiting: Arc<Waiting>,
    next_id: AtomicU64,
}

impl Rpc {
    /// The calling side, and the lines that a writer must send.
    pub(super) fn new() -> (Self, mpsc::Receiver<String>) {
        let (outgoing, lines) = mpsc::channel(OUTGOING);
        (Self { outgoing, waiting: Arc::default(), next_id: AtomicU64::new(1) }, lines)
    }

    /// The table that the reader settles.
    pub(super) fn waiting(&self) -> Arc<Waiting> {
        Arc::clone(&self.waiting)
    }

    /// Calls and waits for the answer, at most so long.
    pub(super) async fn call(
        &self,
        method: &str,
        params: Value,
        limit: Duration,
    ) -> Result<Value, CallError> {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let request = Request { jsonrpc: "2.0", id, method, params };
        let mut line = serde_json::to_string(&request).map_err(|_| CallError::Down)?;
        line.push('\n');
        let (caller, answer) = oneshot::channel();
        self.waiting.calls().insert(id, caller);
        let _place = Place { waiting: &self.waiting, id };
        let exchange = async {
            self.outgoing.send(line).await.map_err(|_| CallError::Down)?;
            answer.await.map_err(|_| CallError::Lost)?.map_err(CallError::Refused)
        };
        tokio::time::timeout(limit, exchange).await.unwrap_or(Err(CallError::Timeout))
    }
}

/// Writes lines until nobody calls any more or the connection breaks. It alone writes, so that a caller who gives up
/// leaves no half line behind.
pub(super) async fn write(
    mut to: impl AsyncWrite + Unpin,
    mut lines: mpsc::Receiver<String>,
) -> io::Result<()> {
    while let Some(line) = lines.recv().await {
        to.write_all(line.as_bytes()).await?;
    }
    Ok(())
}

/// Reads lines until the connection ends: answers go to their callers, notifications to `notify`, which must not block,
/// for while nobody reads here the daemon receives for nobody.
pub(super) async fn read(
    from: impl AsyncRead + Unpin,
    waiting: Arc<Waiting>,
    mut notify: impl FnMut(&str, Option<Value>),
) -> io::Result<()> {
    let mut reader = BufReader::new(from);
    let mut bytes = Vec::new();
    loop {
        bytes.clear();
        (&mut reader).take(LINE_LIMIT).read_until(b'\n', &mut bytes).await?;
        if bytes.last() != Some(&b'\n') {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        // A line that cannot be read is told as an empty message, to be counted. One odd line is no reason to hang up:
        // what was on its way would be lost.
        let Ok(line) = serde_json::from_slice::<Line>(&bytes) else {
            notify(RECEIVE, None);
            continue;
        };
        match line {
            Line { method: Some(method), params, .. } => notify(&method, params),
            Line { id: Some(id), error: Some(error), .. } => waiting.settle(&id, Err(error)),
            Line { id: Some(id), result, .. } => waiting.settle(&id, Ok(result.unwrap_or(Value::Null))),
            Line { .. } => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tokio::io::duplex;

    use super::*;

    const SOON: Duration = Duration::from_secs(5);

    /// A connection whose far end is `daemon`, which gets the requests and what it writes is read.
    async fn with_daemon<F: Future<Output = ()>>(
        daemon: impl FnOnce(tokio::io::DuplexStream) -> F,
        client: impl AsyncFnOnce(&Rpc),
    ) {
        let (near, far) = duplex(1 << 16);
        let (rpc, lines) = Rpc::new();
        let (from, to) = tokio::io::split(near);
        let waiting = rpc.waiting();
        let connection = async {
            let end = tokio::select! {
                end = read(from, rpc.waiting(), |_, _| {}) => end,
                end = write(to, lines) => end,
            };
            waiting.fail_all();
            end
        };
        tokio::select! {
            () = client(&rpc) => {}
            ((), _) = async { tokio::join!(daemon(far), connection) } => panic!("the connection ended first"),
        }
    }

    #[tokio::test]
    async fn answers_find_their_callers_out_of_order() {
        let daemon = async |far| {
            let mut far = BufReader::new(far);
            let mut line = String::new();
            far.read_line(&mut line).await.unwrap();
            far.read_line(&mut line).await.unwrap();
            far.write_all(b"{\"id\":\"2\",\"result\":\"second\"}\n{\"id\":1,\"result\":\"first\"}\n")
                .await
                .unwrap();
            std::future::pending::<()>().await;
        };
        with_daemon(daemon, async |rpc: &Rpc| {
            let (first, second) =
                tokio::join!(rpc.call("a", json!({}), SOON), rpc.call("b", json!({}), SOON));
            assert_eq!((first.unwrap(), second.unwrap()), (json!("first"), json!("second")));
        })
        .await;
    }

    #[tokio::test]
    async fn a_lost_answer_is_a_timeout_and_leaves_nothing_behind() {
        with_daemon(
            async |_far| std::future::pending::<()>().await,
            async |rpc: &Rpc| {
                let lost = rpc.call("a", json!({}), Duration::from_millis(10)).await;
                assert!(matches!(lost, Err(CallError::Timeout)));
                assert!(rpc.waiting.calls().is_empty());
            },
        )
        .await;
    }

    #[tokio::test]
    async fn a_line_without_end_ends_the_connection() {
        let endless = std::io::Cursor::new(vec![b' '; (LINE_LIMIT + 1) as usize]);
        assert!(read(endless, Arc::default(), |_, _| {}).await.is_err());
    }
}
