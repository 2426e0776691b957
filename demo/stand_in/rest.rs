//! As signal-cli-rest-api answers, with what it leaves out, and a web socket that keeps nothing.
#![allow(
    clippy::indexing_slicing,
    reason = "of JSON, by names: what is not there is null, and nothing panics"
)]

use std::io::{self, Write};
use std::net::TcpStream;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocket};
use tokio_tungstenite::tungstenite::{Error, Message};

use super::sse::params;
use super::web::{Request, respond, respond_json, told, withhold};
use super::world::World;

/// How often it pings.
const PING: Duration = Duration::from_secs(54);

/// Answers one request; true when the connection has served its purpose.
pub(super) fn answer(stream: &TcpStream, request: &Request, world: &World) -> io::Result<bool> {
    let parts: Vec<&str> = request.path.trim_start_matches('/').split('/').collect();
    match (request.method.as_str(), parts.as_slice()) {
        ("GET", ["v1", "health"]) => respond_json(stream, 204, &Value::Null),
        ("GET", ["v1", "about"]) => {
            let mode = if world.state().faults.polled { "normal" } else { "json-rpc" };
            called(
                stream,
                world,
                "version",
                json!({}),
                |_| json!({"versions": ["v1", "v2"], "build": 2, "mode": mode, "version": "0.98"}),
            )
        }
        ("GET", ["v1", "accounts"]) => called(stream, world, "listAccounts", json!({}), |listed| {
            listed.as_array().into_iter().flatten().map(|entry| entry["number"].clone()).collect()
        }),
        ("GET", ["v1", "identities", account]) => {
            called(stream, world, "listIdentities", json!({"account": account}), identities)
        }
        ("PUT", ["v1", "identities", account, "trust", who]) => {
            let number = request.json()["verified_safety_number"].clone();
            let params = json!({"account": account, "recipient": who, "verifiedSafetyNumber": number});
            match world.call("trust", &params) {
                None => withhold(stream).map(|()| true),
                Some(Ok(_)) => respond_json(stream, 204, &Value::Null),
                Some(Err(error)) => respond_json(stream, 400, &told(&error).1),
            }
        }
        ("POST", ["v1", "accounts", account, "rate-limit-challenge"]) => {
            let body = request.json();
            let (challenge, captcha) = (&body["challenge_token"], &body["captcha"]);
            let params = json!({"account": account, "challenge": challenge, "captcha": captcha});
            match world.call("submitRateLimitChallenge", &params) {
                None => withhold(stream).map(|()| true),
                Some(Ok(_)) => respond_json(stream, 204, &Value::Null),
                Some(Err(error)) => respond_json(stream, 400, &told(&error).1),
            }
        }
        ("POST", ["v2", "send"]) => send(stream, &request.json(), world),
        ("GET", ["v1", "receive", account]) => {
            let key = request.header("sec-websocket-key");
            if key.is_empty() || !world.has_account(account) {
                return respond(stream, 400, "text/plain", b"").map(|()| true);
            }
            receive(stream, &key, world).map(|()| true)
        }
        _ => respond(stream, 404, "text/plain", b"").map(|()| false),
    }
}

fn called(
    stream: &TcpStream,
    world: &World,
    method: &str,
    params: Value,
    shown: impl FnOnce(Value) -> Value,
) -> io::Result<bool> {
    match world.call(method, &params) {
        None => withhold(stream).map(|()| true),
        Some(Ok(result)) => respond_json(stream, 200, &shown(result)),
        Some(Err(error)) => respond_json(stream, 400, &told(&error).1),
    }
}

fn identities(listed: Value) -> Value {
    let shown = |entry: &Value| {
        json!({"number": "", "uuid": entry["uuid"], "status": entry["trustLevel"], "fingerprint": entry["fingerprint"],
            "added": entry["addedTimestamp"].to_string(), "safety_number": entry["safetyNumber"]})
    };
    listed.as_array().into_iter().flatten().map(shown).collect()
}

/// It names who was not reached, and is silent of an answer that names nobody.
fn send(stream: &TcpStream, body: &Value, world: &World) -> io::Result<bool> {
    let params = json!({"account": body["number"], "recipient": body["recipients"], "message": body["message"],
        "quoteTimestamp": body["quote_timestamp"], "editTimestamp": body["edit_timestamp"]});
    match world.call("send", &params) {
        None => withhold(stream).map(|()| true),
        Some(Ok(result)) => {
            let failed =
                result["results"].as_array().into_iter().flatten().filter(|one| one["type"] != "SUCCESS");
            let failed: Vec<Value> = failed
                .map(|one| json!({"uuid": one["recipientAddress"]["uuid"], "reason": one["type"]}))
                .collect();
            let mut sent = json!({"timestamp": result["timestamp"].to_string()});
            if !failed.is_empty() {
                sent["errors"] = json!({"recipients": failed});
            }
            respond_json(stream, 201, &json!([sent]))
        }
        Some(Err(error)) => match told(&error) {
            (-5, _) => {
                let tokens =
                    error.pointer("/data/response/results/0/token").filter(|token| token.is_string());
                let tokens: Vec<&Value> = tokens.into_iter().collect();
                respond_json(
                    stream,
                    429,
                    &json!({"error": "limited", "challenge_tokens": tokens, "account": body["number"]}),
                )
            }
            (_, told) => respond_json(stream, 400, &told),
        },
    }
}

fn receive(mut stream: &TcpStream, key: &str, world: &World) -> io::Result<()> {
    let accept = derive_accept_key(key.as_bytes());
    write!(
        stream,
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
    )?;
    let mut socket = WebSocket::from_raw_socket(stream.try_clone()?, Role::Server, None);
    let (lines, outgoing) = mpsc::channel();
    let number = world.receives(lines);
    let ended = loop {
        let message = match outgoing.recv_timeout(PING) {
            Ok(None) | Err(RecvTimeoutError::Disconnected) => break Ok(()),
            Ok(Some(line)) => Message::text(params(&line).to_string()),
            Err(RecvTimeoutError::Timeout) => Message::Ping(Vec::new().into()),
        };
        if world.state().faults.mute {
            continue;
        }
        if let Err(error) = socket.send(message) {
            break Err(error);
        }
    };
    world.hung_up(number);
    match ended {
        Err(Error::Io(error)) => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}
