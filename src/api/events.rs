//! `GET /host/op/{id}/events`: an operation's states, and what its tools let be seen, as server-sent events.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
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
    let is_over = envelope.is_final && envelope.version <= seen.version;
    if is_over {
        // Tells a client that connects again by itself to stop doing so.
        return Ok(answer::empty(StatusCode::NO_CONTENT));
    }
    let (chunks, receiver) = mpsc::channel(QUEUE);
    let follower = Follower { shared: Arc::clone(asked.shared), caller: asked.caller.name.clone(), id, seen };
    tokio::spawn(async move {
        tokio::select! {
            () = follower.follow(&chunks) => {}
            // The caller went away; the operation goes on.
            () = chunks.closed() => {}
        }
    });
    Ok(answer::events(receiver))
}

/// How much of an operation the caller has seen: the id of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Seen {
    version: u64,
    output: u64,
}

struct Follower {
    shared: Arc<Shared>,
    caller: PrincipalName,
    id: String,
    seen: Seen,
}

impl Follower {
    async fn follow(mut self, chunks: &mpsc::Sender<Bytes>) {
        let mut wait = Duration::ZERO;
        loop {
            let next = tokio::select! {
                () = self.shared.stop.cancelled() => return,
                next = self.next(wait) => next,
            };
            wait = KEEP_ALIVE;
            // A stream that breaks off is taken up again with Last-Event-ID, and a problem is told by its status then.
            let Some((envelope, output, count)) = next else { return };
            let is_final = envelope.is_final;
            for chunk in self.events(&envelope, output, count) {
                if chunks.send(chunk).await.is_err() {
                    return;
                }
            }
            if is_final {
                return;
            }
        }
    }

    async fn next(&self, wait: Duration) -> Option<(Box<Envelope>, Vec<Value>, u64)> {
        let wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        let Seen { version: seen, output } = self.seen;
        let call = Call::Follow { op: self.id.clone(), wait_ms, seen, output };
        match self.shared.ask(&self.caller, call, KEEP_ALIVE * 2).await {
            Ok(Answer::Followed { envelope, output, count }) => Some((envelope, output, count)),
            Ok(_) | Err(_) => None,
        }
    }

    /// What is new, output before the state that it led to.
    fn events(&mut self, envelope: &Envelope, output: Vec<Value>, count: u64) -> Vec<Bytes> {
        let mut events = Vec::new();
        let first = count.saturating_sub(u64::try_from(output.len()).unwrap_or(count));
        if first > self.seen.output {
            let missing = json!({"missing": first - self.seen.output});
            events.push(event(Seen { output: first, ..self.seen }, "output", &missing));
        }
        for (number, entry) in (first + 1..).zip(&output) {
            self.seen.output = number;
            events.push(event(self.seen, "output", entry));
        }
        if envelope.version > self.seen.version {
            self.seen.version = envelope.version;
            events.extend(serde_json::to_value(envelope).ok().map(|state| event(self.seen, "state", &state)));
        }
        if events.is_empty() {
            events.push(KEEP_ALIVE_COMMENT);
        }
        events
    }
}

const KEEP_ALIVE_COMMENT: Bytes = Bytes::from_static(b": still here\n\n");

/// One event. JSON as serde writes it has no line breaks, so it is one line of data.
fn event(Seen { version, output }: Seen, name: &str, data: &Value) -> Bytes {
    format!("id: {version}.{output}\nevent: {name}\ndata: {data}\n\n").into()
}

/// `VERSION.OUTPUT`, or a version alone.
fn last_event_id(headers: &HeaderMap) -> Result<Seen, Fault> {
    let Some(id) = headers.get("last-event-id") else { return Ok(Seen::default()) };
    let number = |text: &str| {
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| text.parse().ok()).flatten().ok_or(Fault::LastEventId)
    };
    let id = id.to_str().map_err(|_not_text| Fault::LastEventId)?;
    let (version, output) = id.split_once('.').unwrap_or((id, "0"));
    Ok(Seen { version: number(version)?, output: number(output)? })
}
