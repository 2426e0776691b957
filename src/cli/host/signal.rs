//! `reeve signal`: how the channel to people is, and what it takes a human for.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::block_on;
use super::gate::{GateArgs, mismatch};
use crate::cli::exit::{Exit, Failure};
use crate::cli::screen::{Screen, harmless};
use crate::gate::protocol::{Answer, Call, SignalStep};

/// Look after the channel to people
#[derive(Debug, Args)]
pub(in crate::cli) struct SignalArgs {
    #[command(subcommand)]
    command: SignalCommand,
    #[command(flatten)]
    gate: GateArgs,
}

#[derive(Debug, Subcommand)]
enum SignalCommand {
    /// Show how the channel is: who is reached, what waits, how old the daemon is
    Status,
    /// Hand Signal the solution of the captcha that it wants
    #[command(after_help = "\
From this host's own address (over ssh -D, say), open https://signalcaptchas.org/challenge/generate.html
and solve it. What `Open Signal` links to is the solution; it is good for a moment.

Example:
  reeve signal captcha 'signalcaptcha://signal-hcaptcha.…'")]
    Captcha {
        /// What the page links to
        solution: String,
    },
}

/// Runs `reeve signal …`.
pub(in crate::cli) fn run(args: &SignalArgs, screen: Screen) -> Result<Exit, Failure> {
    let gate = args.gate.gate()?;
    match &args.command {
        SignalCommand::Status => {
            let answer = block_on(gate.ask(Call::Signal(SignalStep::Status)))?;
            let Answer::Document(document) = answer else { return Err(mismatch()) };
            status(&document, screen)
        }
        SignalCommand::Captcha { solution } => {
            let step = SignalStep::Captcha { solution: solution.clone() };
            let words = block_on(gate.done(Call::Signal(step)))?;
            if screen.is_json() {
                screen.document(&json!({"answer": words}))?;
            } else {
                screen.line(&harmless(&words))?;
            }
            Ok(Exit::Done)
        }
    }
}

fn status(document: &Value, screen: Screen) -> Result<Exit, Failure> {
    let is_up = document.get("up") == Some(&Value::Bool(true));
    let exit = if is_up { Exit::Done } else { Exit::Unreachable };
    if screen.is_json() {
        screen.document(document)?;
        return Ok(exit);
    }
    let text = |path: &str| document.pointer(path).and_then(Value::as_str).map(harmless);
    let number = |path: &str| document.pointer(path).filter(|value| value.is_u64()).map(Value::to_string);
    let names = document.get("reachable").and_then(Value::as_array).map(|names| {
        let names: Vec<String> = names.iter().filter_map(Value::as_str).map(harmless).collect();
        if names.is_empty() { "nobody".to_owned() } else { names.join(", ") }
    });
    let wants = document.get("captcha_wanted") == Some(&Value::Bool(true));
    screen.line(if is_up { "people can be asked" } else { "people cannot be asked" })?;
    screen.facts(&[
        ("why", text("/why")),
        ("reaches", names),
        ("daemon", text("/age")),
        ("heard", text("/last_heard_at")),
        ("waiting", number("/waiting")),
        ("held", number("/held_seconds").map(|seconds| format!("for {seconds} s, as the server wants"))),
        ("captcha", wants.then(|| "wanted: reeve help signal captcha".to_owned())),
        ("canary", text("/canary/trouble").or_else(|| text("/canary/taken_at"))),
    ])?;
    Ok(exit)
}
