//! signal-cli's own daemon with `--http`: calls are posted, messages come as server-sent events.

use std::convert::Infallible;
use std::time::Duration;

use http::header::CONTENT_TYPE;
use http::{Method, StatusCode};
use http_body_util::BodyExt;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use super::request::{self, Answer, not_done};
use super::session::hand_on;
use super::sse::{Event, Parser};
use super::upstream::Upstream;

/// Each call has a request of its own, so one id does.
const ID: u64 = 1;
/// How long the head of the events may take: older daemons send it with the first keep-alive, after 15 s.
const HEAD: Duration = Duration::from_secs(25);

/// What a call is answered.
#[derive(Deserialize)]
struct Answered {
    id: Value,
    #[serde(default)]
    result: Option<Value>,
    #[serde(default)]
    error: Option<Value>,
}

/// Posts one call.
pub(super) async fn call(upstream: &Upstream, method: &str, params: Value) -> Result<Answer, String> {
    let body = json!({"jsonrpc": "2.0", "id": ID, "method": method, "params": params});
    let asked = request::with_json(Method::POST, &upstream.at(&["api", "v1", "rpc"]), &body)?;
    let (status, bytes) = upstream.exchange(asked).await?;
    match status {
        StatusCode::OK => {}
        StatusCode::CREATED => return Err(upstream.named("took a call for a notification")),
        other => return not_done(other, &bytes),
    }
    let answered: Answered = serde_json::from_slice(&bytes).map_err(|error| upstream.told(&error))?;
    match answered {
        Answered { error: Some(error), .. } => Ok(Err(error)),
        Answered { id, result, error: None } if id == json!(ID) => Ok(Ok(result.unwrap_or(Value::Null))),
        Answered { .. } => Err(upstream.named("answers another call than was made")),
    }
}

/// Hands on what comes for the account, until the stream ends or falls silent.
pub(super) async fn listen(
    upstream: &Upstream,
    account: &str,
    silence: Duration,
    (lines, opened): (&mpsc::Sender<Value>, oneshot::Sender<()>),
) -> Result<Infallible, String> {
    let mut url = upstream.at(&["api", "v1", "events"]);
    url.query_pairs_mut().append_pair("account", account);
    let mut connection = upstream.connect().await?;
    let asked = timeout(HEAD, connection.send_request(request::get(&url)?)).await;
    let asked = asked.map_err(|_elapsed| upstream.named("does not begin to send events"))?;
    let response = asked.map_err(|error| upstream.told(&error))?;
    let kind = response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if response.status() != StatusCode::OK || !kind.starts_with("text/event-stream") {
        return Err(
            upstream.named(&format!("answers {} instead of events (has it the account?)", response.status()))
        );
    }
    // Whoever waits for it may have given up waiting.
    opened.send(()).unwrap_or_default();
    let (mut body, mut parser) = (response.into_body(), Parser::default());
    loop {
        let frame = timeout(silence, body.frame()).await;
        let frame =
            frame.map_err(|_elapsed| upstream.named("has fallen silent: no event and no keep-alive"))?;
        let frame = frame.ok_or_else(|| upstream.named("ended the events"))?;
        let Ok(bytes) = frame.map_err(|error| upstream.told(&error))?.into_data() else { continue };
        for event in parser.take(&bytes) {
            match event {
                Event::Message(data) => hand_on(lines, Some(&data)).await?,
                Event::TooLong => hand_on(lines, None).await?,
            }
        }
    }
}
