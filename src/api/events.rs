//! `GET /host/op/{id}/events`: an operation's states as server-sent events, as they come.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use tokio::sync::mpsc;

use super::answer::{self, Answer as Reply};
use super::endpoint::{Asked, Failure};
use super::operations;
use super::server::Shared;
use super::status::Fault;
use crate::gate::protocol::{Answer, Call, Envelope};
use crate::principal::PrincipalName;

/// How long nothing may be sent, so that whatever lies between does not take the stream for dead.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// How many events wait for a slow reader before the gate is no longer asked for more.
const QUEUE: usize = 4;

/// Begins a stream. What is wrong with the question is told by a status, before any event.
pub(super) async fn stream(asked: &Asked<'_>, id: String, headers: &HeaderMap) -> Result<Reply, Failure> {
    let seen = last_event_id(headers)?;
    let envelope = operations::get(asked, &id, Duration::ZERO, 0).await?;
    if envelope.is_final && envelope.version <= seen {
        // Tells a client that connects again by itself to stop doing so.
        return Ok(answer::empty(StatusCode::NO_CONTENT));
    }
    let (chunks, receiver) = mpsc::channel(QUEUE);
    let follower = Follower { shared: Arc::clone(asked.shared), caller: asked.caller.name.clone(), id, seen };
    tokio::spawn(async move {
        tokio::select! {
            () = follower.follow(envelope, &chunks) => {}
            // The caller went away; the operation goes on.
            () = chunks.closed() => {}
        }
    });
    Ok(answer::events(receiver))
}

struct Follower {
    shared: Arc<Shared>,
    caller: PrincipalName,
    id: String,
    /// The version that the caller has.
    seen: u64,
}

impl Follower {
    async fn follow(mut self, mut envelope: Envelope, chunks: &mpsc::Sender<Bytes>) {
        loop {
            let chunk =
                if envelope.version > self.seen { event(&envelope) } else { Some(KEEP_ALIVE_COMMENT) };
            self.seen = self.seen.max(envelope.version);
            let Some(chunk) = chunk else { return };
            if chunks.send(chunk).await.is_err() || envelope.is_final {
                return;
            }
            let next = tokio::select! {
                () = self.shared.stop.cancelled() => return,
                next = self.next() => next,
            };
            // A stream that breaks off is taken up again with Last-Event-ID, and a problem is told by its status then.
            let Some(next) = next else { return };
            envelope = next;
        }
    }

    async fn next(&self) -> Option<Envelope> {
        let wait_ms = u64::try_from(KEEP_ALIVE.as_millis()).unwrap_or(u64::MAX);
        let call = Call::Get { op: self.id.clone(), wait_ms, seen: self.seen };
        match self.shared.ask(&self.caller, call, KEEP_ALIVE * 2).await {
            Ok(Answer::Operation(envelope)) => Some(*envelope),
            Ok(_) | Err(_) => None,
        }
    }
}

const KEEP_ALIVE_COMMENT: Bytes = Bytes::from_static(b": still here\n\n");

/// One event. JSON as serde writes it has no line breaks, so it is one line of data.
fn event(envelope: &Envelope) -> Option<Bytes> {
    let data = serde_json::to_string(envelope).ok()?;
    Some(format!("id: {}\nevent: state\ndata: {data}\n\n", envelope.version).into())
}

fn last_event_id(headers: &HeaderMap) -> Result<u64, Fault> {
    let Some(id) = headers.get("last-event-id") else { return Ok(0) };
    let id = id.to_str().ok().filter(|id| id.bytes().all(|byte| byte.is_ascii_digit()));
    id.and_then(|id| id.parse().ok()).ok_or(Fault::LastEventId)
}
