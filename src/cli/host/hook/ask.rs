//! One question to the program or the server. Whatever is not a clear pass is a refusal.

use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{Method, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use url::Url;

use super::config::{By, HookConfig, Trust, owner};
use super::said;
use crate::cli::exit::with_causes;
use crate::cli::host::https;
use crate::sys::process::{self, Command};
use crate::sys::tcp_peer;

/// How much of what a program or a server says is read.
const LONGEST: usize = 4096;
/// How much of that is handed on.
const WORDS: usize = 200;
/// How often it is looked whether a connection was accepted.
const LOOK: Duration = Duration::from_millis(10);

/// The verdict, as the gate reads it.
pub(super) async fn verdict(config: &HookConfig, question: &Value) -> Value {
    let asked = match &config.by {
        By::Command { program, arguments } => {
            let command = Command::new(program)
                .args(arguments)
                .stdin(format!("{question}\n"))
                .deadline(config.timeout)
                .max_output(LONGEST);
            // It waits for the program, and others ask meanwhile.
            match tokio::task::spawn_blocking(move || run(&command)).await {
                Ok(asked) => asked,
                Err(error) => Err(error.to_string()),
            }
        }
        By::Server { url, trust } => {
            let asking = post((url, trust), question);
            let asked = tokio::time::timeout(config.timeout, asking).await;
            asked.unwrap_or_else(|_elapsed| Err("no answer in time".to_owned()))
        }
    };
    match asked {
        Ok(()) => json!({"verdict": "pass"}),
        Err(why) => {
            said(&why);
            let why: String = why.chars().take(WORDS).collect();
            json!({"verdict": "refuse", "why": why})
        }
    }
}

/// It passes by ending with 0, in time.
fn run(command: &Command) -> Result<(), String> {
    let ended = process::run(command).map_err(|error| with_causes(&error))?;
    if ended.timed_out {
        return Err("the program did not end in time".to_owned());
    }
    if ended.status.success() {
        return Ok(());
    }
    let words = String::from_utf8_lossy(&ended.stdout).lines().next().unwrap_or_default().to_owned();
    Err(format!("the program ended with {:?}: {words}", ended.status))
}

/// It passes by saying so.
async fn post((url, trust): (&Url, &Trust), question: &Value) -> Result<(), String> {
    let request = https::request(Method::POST, url)
        .header(CONTENT_TYPE, "application/json")
        .body(Full::new(Bytes::from(question.to_string())))
        .map_err(|error| error.to_string())?;
    let response = match trust {
        Trust::Certificate(ca) => https::send(&https::client(ca)?, url, request).await?,
        Trust::User(name) => https::send_on(accepted(url, name).await?, url, request).await?,
    };
    let status = response.status();
    let body = Limited::new(response.into_body(), LONGEST).collect().await;
    let body = body.map_err(|error| format!("the server's answer broke off: {error}"))?.to_bytes();
    let answer: Value = serde_json::from_slice(&body).unwrap_or_default();
    match (status, answer.get("verdict").and_then(Value::as_str)) {
        (StatusCode::OK, Some("pass")) => Ok(()),
        (status, _) => {
            let why = answer.get("why").and_then(Value::as_str).unwrap_or_default();
            Err(format!("the server answers {status}: {why}"))
        }
    }
}

/// A connection that a process of that user has accepted. Nothing is said before that is known: any user can listen where the
/// server did before it fell.
async fn accepted(url: &Url, name: &str) -> Result<TcpStream, String> {
    let user = name.to_owned();
    // Looking a user up may ask a server elsewhere, so it has a thread of its own.
    let owner =
        tokio::task::spawn_blocking(move || owner(&user)).await.map_err(|error| error.to_string())??;
    let stream = https::connect(url, 80).await?;
    let failed = |error: std::io::Error| with_causes(&error);
    let (own, peer) = (stream.local_addr().map_err(failed)?, stream.peer_addr().map_err(failed)?);
    loop {
        match tcp_peer::accepted_by(own, peer).map_err(failed)? {
            Some(uid) if uid == owner => return Ok(stream),
            Some(uid) => {
                return Err(format!(
                    "{url} is answered by a process of uid {uid}, and `user` is {name}: nothing was said to it"
                ));
            }
            None => tokio::time::sleep(LOOK).await,
        }
    }
}
