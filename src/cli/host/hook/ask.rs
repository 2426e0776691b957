//! One question to the program or the server. Whatever is not a clear pass is a refusal.

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{Method, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use serde_json::{Value, json};

use super::config::{By, HookConfig};
use super::said;
use crate::cli::exit::with_causes;
use crate::cli::host::https;
use crate::sys::process::{self, Command};

/// How much of what a program or a server says is read.
const LONGEST: usize = 4096;
/// How much of that is handed on.
const WORDS: usize = 200;

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
        By::Server { url, ca } => {
            let asking = post((url, ca), question);
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
async fn post((url, ca): (&url::Url, &std::path::Path), question: &Value) -> Result<(), String> {
    let tls = https::client(ca)?;
    let request = https::request(Method::POST, url)
        .header(CONTENT_TYPE, "application/json")
        .body(Full::new(Bytes::from(question.to_string())))
        .map_err(|error| error.to_string())?;
    let response = https::send(&tls, url, request).await?;
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
