//! `reeve show`: all that a request to people is about, where the message has room for the first few objects only.

use clap::Args;
use serde_json::Value;

use super::block_on;
use super::gate::{GateArgs, mismatch};
use crate::cli::exit::{Exit, Failure};
use crate::cli::screen::{Screen, Tone, harmless, paint};
use crate::gate::protocol::{Answer, Call};

/// Show, on the host itself, all that a request to people is about
#[derive(Debug, Args)]
#[command(after_help = "\
A message names the first five objects, tells how many there are, and has the digest of all of them.
Compare that digest with the one that is shown here.

Example:
  reeve show ap_01JD3VKQ2T9F6M8R4B7WXY5ZAC")]
pub(in crate::cli) struct ShowArgs {
    /// The approval's or the operation's id
    id: String,
    #[command(flatten)]
    gate: GateArgs,
}

/// Runs `reeve show ID`.
pub(in crate::cli) fn run(args: &ShowArgs, screen: Screen) -> Result<Exit, Failure> {
    let gate = args.gate.gate()?;
    let answer = block_on(gate.ask(Call::Show { id: args.id.clone() }))?;
    let Answer::Document(document) = answer else { return Err(mismatch()) };
    if screen.is_json() {
        screen.document(&document)?;
        return Ok(Exit::Done);
    }
    let text = |path: &str| document.pointer(path).and_then(Value::as_str).map(harmless);
    let number = |path: &str| document.pointer(path).map(Value::to_string);
    screen.line(&paint(&text("/command").unwrap_or_default(), Tone::Strong))?;
    screen.facts(&[
        ("who", text("/operation/principal")),
        ("for", text("/on_behalf_of")),
        ("why", text("/reason")),
        ("rule", text("/operation/decision/reason")),
        ("state", text("/operation/state")),
        ("frees", number("/operation/effects/bytes_freed").filter(|bytes| bytes != "null")),
        ("undo", text("/operation/effects/undo")),
        ("effects", text("/effects_digest")),
        ("id", text("/operation/id")),
    ])?;
    let objects = document.pointer("/operation/effects/objects").and_then(Value::as_array);
    for object in objects.into_iter().flatten() {
        let part = |key: &str| object.get(key).and_then(Value::as_str).map(harmless);
        let change = match (part("was"), part("becomes")) {
            (None, None) => String::new(),
            (was, becomes) => format!("  {} → {}", was.unwrap_or_default(), becomes.unwrap_or_default()),
        };
        let word = |key| part(key).unwrap_or_default();
        screen.line(&format!("  {} {} {}{change}", word("action"), word("kind"), word("name")))?;
    }
    for prompt in document.get("prompts").and_then(Value::as_array).into_iter().flatten() {
        screen.line(&format!("  {}", arrived(prompt)))?;
    }
    Ok(Exit::Done)
}

/// Who was asked when, and when their phone had it.
fn arrived(prompt: &Value) -> String {
    let part = |key: &str| prompt.get(key).and_then(Value::as_str).map(harmless);
    let mut text =
        format!("asked {} at {}", part("approver").unwrap_or_default(), part("sent_at").unwrap_or_default());
    match part("delivered_at") {
        Some(at) => text.push_str(&format!(", on the phone at {at}")),
        None => text.push_str(", on no phone yet"),
    }
    if let Some(at) = part("read_at") {
        text.push_str(&format!(", read at {at}"));
    }
    text
}
