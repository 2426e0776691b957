//! signal-cli-rest-api, put into signal-cli's words. It answers less than it was told by signal-cli and drops messages when it is
//! busy or nobody listens, so what it brings is said to be lossy wherever somebody looks after the host.

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use http::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

use super::request::{self, Answer, error, not_done};
use super::session::hand_on;
use super::upstream::Upstream;

/// The longest message, and the longest part of one.
const LONGEST: usize = 256 << 10;
/// How long it may take until messages come.
const CONNECTING: Duration = Duration::from_secs(20);
/// signal-cli's codes: no such method, wrong parameters, refused, limited, a captcha that is not taken.
const NO_METHOD: i64 = -32601;
const WRONG_PARAMS: i64 = -32602;
const REFUSED: i64 = -1;
const LIMITED: i64 = -5;
const CAPTCHA_REJECTED: i64 = -6;

/// Makes one call.
pub(super) async fn call(upstream: &Upstream, method: &str, params: &Value) -> Result<Answer, String> {
    let text = |name: &str| params.get(name).and_then(Value::as_str);
    match (method, text("account")) {
        ("version", _) => version(upstream).await,
        ("listAccounts", _) => accounts(upstream).await,
        ("listIdentities", Some(account)) => identities(upstream, account, text("number")).await,
        ("trust", Some(account)) => {
            trust(upstream, account, (text("recipient"), text("verifiedSafetyNumber"))).await
        }
        ("send", Some(account)) => send(upstream, account, params).await,
        ("submitRateLimitChallenge", Some(account)) => {
            solve(upstream, account, (text("challenge"), text("captcha"))).await
        }
        ("listIdentities" | "trust" | "send" | "submitRateLimitChallenge", None) => {
            Ok(Err(error(WRONG_PARAMS, "Method requires valid account parameter")))
        }
        _ => Ok(Err(error(NO_METHOD, "Method not implemented"))),
    }
}

/// Its own version: signal-cli's it does not tell.
async fn version(upstream: &Upstream) -> Result<Answer, String> {
    let about = match ask(upstream, Method::GET, &["v1", "about"], None).await? {
        (StatusCode::OK, bytes) => parsed(upstream, &bytes)?,
        (other, bytes) => return not_done(other, &bytes),
    };
    let mode = about.get("mode").and_then(Value::as_str).unwrap_or_default();
    if !mode.starts_with("json-rpc") {
        super::said(&format!(
            "the server runs in mode {mode:?}, in which messages are not pushed: start it with MODE=json-rpc"
        ));
        return Ok(Err(error(REFUSED, "signal-cli-rest-api is not in a mode of json-rpc")));
    }
    let version = about.get("version").and_then(Value::as_str).unwrap_or("unknown");
    Ok(Ok(json!({"version": format!("rest-api-{version}")})))
}

async fn accounts(upstream: &Upstream) -> Result<Answer, String> {
    match ask(upstream, Method::GET, &["v1", "accounts"], None).await? {
        (StatusCode::OK, bytes) => {
            let numbers: Vec<String> =
                serde_json::from_slice(&bytes).map_err(|error| upstream.told(&error))?;
            Ok(Ok(numbers.iter().map(|number| json!({"number": number})).collect()))
        }
        (other, bytes) => not_done(other, &bytes),
    }
}

/// It lists everybody's. An entry that does not say whose it is may be anybody's, and stays.
async fn identities(upstream: &Upstream, account: &str, of: Option<&str>) -> Result<Answer, String> {
    let listed = match ask(upstream, Method::GET, &["v1", "identities", account], None).await? {
        (StatusCode::OK, bytes) => parsed(upstream, &bytes)?,
        (other, bytes) => return not_done(other, &bytes),
    };
    let Value::Array(listed) = listed else { return Err(upstream.named("lists no identities")) };
    let text = |entry: &Value, name: &str| entry.get(name).and_then(Value::as_str).map(str::to_owned);
    let may_be_meant = |entry: &&Value| {
        let uuid = text(entry, "uuid").filter(|uuid| !uuid.is_empty());
        of.is_none_or(|of| uuid.is_none_or(|uuid| uuid.eq_ignore_ascii_case(of)))
    };
    let entry = |entry: &Value| {
        // A number, or the text of one; an entry without either counts as the newest.
        let added = text(entry, "added").and_then(|added| added.parse::<u64>().ok());
        let added = added.or_else(|| entry.get("added").and_then(Value::as_u64));
        json!({"uuid": text(entry, "uuid").filter(|uuid| !uuid.is_empty()), "fingerprint": text(entry, "fingerprint"),
            "trustLevel": text(entry, "status"), "safetyNumber": text(entry, "safety_number").unwrap_or_default(),
            "addedTimestamp": added})
    };
    Ok(Ok(listed.iter().filter(may_be_meant).map(entry).collect()))
}

async fn trust(
    upstream: &Upstream,
    account: &str,
    (who, number): (Option<&str>, Option<&str>),
) -> Result<Answer, String> {
    let (Some(who), Some(number)) = (who, number) else {
        return Ok(Err(error(WRONG_PARAMS, "trust needs recipient and verifiedSafetyNumber")));
    };
    let body = json!({"verified_safety_number": number});
    match ask(upstream, Method::PUT, &["v1", "identities", account, "trust", who], Some(&body)).await? {
        (status, _) if status.is_success() => Ok(Ok(json!({}))),
        (StatusCode::BAD_REQUEST, _) => Ok(Err(error(REFUSED, "Failed to set the trust"))),
        (other, bytes) => not_done(other, &bytes),
    }
}

/// Of a solution that is not taken it says no more than that something went wrong.
async fn solve(
    upstream: &Upstream,
    account: &str,
    (challenge, captcha): (Option<&str>, Option<&str>),
) -> Result<Answer, String> {
    let (Some(challenge), Some(captcha)) = (challenge, captcha) else {
        return Ok(Err(error(WRONG_PARAMS, "submitRateLimitChallenge needs challenge and captcha")));
    };
    let body = json!({"challenge_token": challenge, "captcha": captcha});
    let path = ["v1", "accounts", account, "rate-limit-challenge"];
    match ask(upstream, Method::POST, &path, Some(&body)).await? {
        (status, _) if status.is_success() => Ok(Ok(json!({}))),
        (StatusCode::BAD_REQUEST, _) => Ok(Err(error(CAPTCHA_REJECTED, "Captcha rejected"))),
        // An old one, which cannot be told.
        (StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED, _) => {
            Ok(Err(error(NO_METHOD, "Method not implemented")))
        }
        (other, bytes) => not_done(other, &bytes),
    }
}

async fn send(upstream: &Upstream, account: &str, params: &Value) -> Result<Answer, String> {
    let Some(to) = params.pointer("/recipient/0").and_then(Value::as_str) else {
        return Ok(Err(error(WRONG_PARAMS, "send needs a recipient")));
    };
    // Plain text, or a `*` in somebody's file name would be made bold; and no copy for ourselves.
    let mut body =
        json!({"number": account, "recipients": [to], "text_mode": "normal", "notify_self": false});
    for (name, theirs) in [
        ("message", "message"),
        ("quoteTimestamp", "quote_timestamp"),
        ("quoteAuthor", "quote_author"),
        ("quoteMessage", "quote_message"),
        ("editTimestamp", "edit_timestamp"),
    ] {
        if let (Some(value), Some(body)) = (params.get(name), body.as_object_mut()) {
            body.insert(theirs.to_owned(), value.clone());
        }
    }
    match ask(upstream, Method::POST, &["v2", "send"], Some(&body)).await? {
        (StatusCode::CREATED, bytes) => sent(upstream, &parsed(upstream, &bytes)?, to),
        (StatusCode::TOO_MANY_REQUESTS, bytes) => Ok(Err(limited(&parsed(upstream, &bytes)?, to))),
        (StatusCode::BAD_REQUEST, _) => Ok(Err(error(REFUSED, "Failed to send message"))),
        (other, bytes) => not_done(other, &bytes),
    }
}

/// One answer or a list of one. It names who was not reached, and nobody who was.
fn sent(upstream: &Upstream, answer: &Value, to: &str) -> Result<Answer, String> {
    let answer = answer.get(0).unwrap_or(answer);
    let timestamp = answer.get("timestamp");
    let timestamp = timestamp
        .and_then(|timestamp| timestamp.as_u64().or_else(|| timestamp.as_str()?.parse().ok()))
        .ok_or_else(|| upstream.named("says of no message that it was sent"))?;
    let failures = answer.pointer("/errors/recipients").and_then(Value::as_array);
    let kind = match failures.and_then(|failures| failures.first()) {
        // There was one recipient, so whoever is named is that one.
        Some(failure) => failure.get("reason").and_then(Value::as_str).unwrap_or("UNKNOWN_FAILURE"),
        None => "SUCCESS",
    };
    Ok(Ok(json!({"timestamp": timestamp, "results": [{"recipientAddress": {"uuid": to}, "type": kind}]})))
}

fn limited(answer: &Value, to: &str) -> Value {
    let token = answer.pointer("/challenge_tokens/0").and_then(Value::as_str);
    let result = json!({"recipientAddress": {"uuid": to}, "type": "RATE_LIMIT_FAILURE", "token": token});
    json!({"code": LIMITED, "message": "Failed to send message", "data": {"response": {"results": [result]}}})
}

/// Hands on what comes for the account, until it ends or falls silent.
pub(super) async fn listen(
    upstream: &Upstream,
    account: &str,
    silence: Duration,
    (lines, opened): (&mpsc::Sender<Value>, oneshot::Sender<()>),
) -> Result<Infallible, String> {
    let mut url = upstream.at(&["v1", "receive", account]);
    let scheme = if url.scheme() == "https" { "wss" } else { "ws" };
    url.set_scheme(scheme).map_err(|()| upstream.named("has no web socket"))?;
    let asked = url.as_str().into_client_request().map_err(|error| upstream.told(&error))?;
    let limits = WebSocketConfig::default().max_message_size(Some(LONGEST)).max_frame_size(Some(LONGEST));
    let connecting = async {
        let (stream, ends) = upstream.open().await?;
        if let Some(ends) = ends {
            upstream.accepted(ends).await?;
        }
        let upgraded = tokio_tungstenite::client_async_with_config(asked, stream, Some(limits)).await;
        let (socket, _response) = upgraded.map_err(|error| upstream.told(&error))?;
        Ok(socket)
    };
    let connected: Result<_, String> = timeout(CONNECTING, connecting)
        .await
        .unwrap_or_else(|_elapsed| Err(upstream.named("does not begin to send messages")));
    let mut socket = connected?;
    // Whoever waits for it may have given up waiting.
    opened.send(()).unwrap_or_default();
    loop {
        let next = timeout(silence, socket.next()).await;
        let next = next.map_err(|_elapsed| upstream.named("has fallen silent: no message and no ping"))?;
        let next = next.ok_or_else(|| upstream.named("ended the messages"))?;
        match next.map_err(|error| upstream.told(&error))? {
            Message::Text(text) => hand_on(lines, Some(text.as_bytes())).await?,
            Message::Binary(_) => hand_on(lines, None).await?,
            Message::Close(_) => return Err(upstream.named("ended the messages")),
            // It is answered as soon as more is read.
            Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {}
        }
    }
}

async fn ask(
    upstream: &Upstream,
    method: Method,
    path: &[&str],
    body: Option<&Value>,
) -> Result<(StatusCode, Bytes), String> {
    let url = upstream.at(path);
    let asked = match body {
        Some(body) => request::with_json(method, &url, body)?,
        None => request::get(&url)?,
    };
    upstream.exchange(asked).await
}

fn parsed(upstream: &Upstream, bytes: &Bytes) -> Result<Value, String> {
    serde_json::from_slice(bytes).map_err(|error| upstream.told(&error))
}
