//! `reeve freeze` and `reeve thaw`: nothing more is done for an agent, or on the whole host, until somebody thaws it.

use clap::Args;
use serde_json::json;

use super::block_on;
use super::gate::GateArgs;
use crate::cli::exit::{Exit, Failure};
use crate::cli::screen::{Screen, harmless};
use crate::gate::protocol::Call;

/// Have nothing more done for an agent, or on the whole host, at once
#[derive(Debug, Args)]
#[command(after_help = "\
One person is enough, and everybody who may approve is told. What waits for people ends; what runs
comes to its own end. In the chat, FREEZE and a name does the same.

Examples:
  reeve freeze librarian --why 'it asks for the same again and again'
  reeve freeze host")]
pub(in crate::cli) struct FreezeArgs {
    /// The agent's name; `host` for everything
    who: String,
    /// Why, for the others to read
    #[arg(long, value_name = "TEXT")]
    why: Option<String>,
    #[command(flatten)]
    gate: GateArgs,
}

/// Let an agent, or the whole host, go on
#[derive(Debug, Args)]
#[command(after_help = "\
It takes root, or an approver by their Unix user. What was frozen since a budget was used up begins
with a whole one.

Example:
  reeve thaw librarian")]
pub(in crate::cli) struct ThawArgs {
    /// The agent's name; `host` for everything
    who: String,
    #[command(flatten)]
    gate: GateArgs,
}

/// Runs `reeve freeze NAME`.
pub(in crate::cli) fn freeze(args: &FreezeArgs, screen: Screen) -> Result<Exit, Failure> {
    let call = Call::Freeze { who: Some(args.who.clone()), why: args.why.clone() };
    say(&args.gate, call, screen)
}

/// Runs `reeve thaw NAME`.
pub(in crate::cli) fn thaw(args: &ThawArgs, screen: Screen) -> Result<Exit, Failure> {
    say(&args.gate, Call::Thaw { who: Some(args.who.clone()) }, screen)
}

fn say(gate: &GateArgs, call: Call, screen: Screen) -> Result<Exit, Failure> {
    let gate = gate.gate()?;
    let words = block_on(gate.done(call))?;
    if screen.is_json() {
        screen.document(&json!({"answer": words}))?;
    } else {
        screen.line(&harmless(&words))?;
    }
    Ok(Exit::Done)
}
