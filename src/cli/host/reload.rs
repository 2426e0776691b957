//! `reeve reload`: root has the gate read its files again. What would be weaker waits for people, unless root says that it
//! need not.

use clap::Args;
use serde_json::Value;

use super::block_on;
use super::gate::{GateArgs, mismatch};
use crate::cli::exit::{Exit, Failure};
use crate::cli::screen::{Screen, Tone, harmless, paint};
use crate::config::difference::Difference;
use crate::gate::protocol::{Answer, Call};

/// Have the gate read configuration, contracts, policy and lists again
#[derive(Debug, Args)]
#[command(after_help = "\
It takes root. What would let something be approved that could not be before is put to those who may
approve now, under the rules that are in force now. When enough of them say yes, it comes into
force; when a file has changed until then, it does not. --weaken asks nobody, and tells everybody.

Examples:
  reeve check && reeve reload
  reeve reload --weaken")]
pub(in crate::cli) struct ReloadArgs {
    /// Bring it into force even if it weakens approvals; everybody who may approve is told
    #[arg(long)]
    weaken: bool,
    #[command(flatten)]
    gate: GateArgs,
}

/// Runs `reeve reload`.
pub(in crate::cli) fn run(args: &ReloadArgs, screen: Screen) -> Result<Exit, Failure> {
    let gate = args.gate.gate()?;
    match block_on(gate.ask(Call::ReloadHere { weaken: args.weaken }))? {
        Answer::Document(done) if done.get("reloaded") == Some(&Value::Bool(true)) => {
            in_force(screen, &done)?;
            Ok(Exit::Done)
        }
        Answer::Document(asked) => waits(screen, &asked),
        Answer::Operation(_)
        | Answer::Followed { .. }
        | Answer::Plan { .. }
        | Answer::Verdict { .. }
        | Answer::Operations { .. }
        | Answer::Approvals(_)
        | Answer::Status(_)
        | Answer::Done(_)
        | Answer::Text(_)
        | Answer::Cosigned(_) => Err(mismatch()),
    }
}

fn in_force(screen: Screen, done: &Value) -> Result<(), Failure> {
    if screen.is_json() {
        return screen.document(done);
    }
    screen.line(&harmless(done.get("detail").and_then(Value::as_str).unwrap_or_default()))?;
    for one in done.get("changed").and_then(Value::as_array).into_iter().flatten() {
        if let Ok(difference) = serde_json::from_value::<Difference>(one.clone()) {
            screen.line(&format!("  {}", harmless(&difference.to_string())))?;
        }
    }
    Ok(())
}

fn waits(screen: Screen, asked: &Value) -> Result<Exit, Failure> {
    if screen.is_json() {
        screen.document(asked)?;
        return Ok(Exit::Waits);
    }
    let text = |path: &str| asked.pointer(path).and_then(Value::as_str).map(harmless);
    screen.line(&paint("waits for people", Tone::Warning))?;
    for line in asked.get("weaker").and_then(Value::as_array).into_iter().flatten() {
        screen.line(&format!("  {}", harmless(line.as_str().unwrap_or_default())))?;
    }
    screen.facts(&[
        ("why", text("/detail")),
        ("files", text("/files")),
        ("id", text("/approval/id")),
        ("expires", text("/approval/expires_at")),
    ])?;
    Ok(Exit::Waits)
}
