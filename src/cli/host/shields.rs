//! `reeve shields`: asks Azure about texts for the gate, which has no network, and lets root try it.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::Instant;

use super::{GATE_CONFIG, block_on};
use crate::cli::exit::{Exit, Failure, with_causes};
use crate::cli::screen::{Screen, Tone, paint};
use crate::config::logging;
use crate::gate::config::GateConfig;
use crate::shield::{self, Answer, Said, Shield, ShieldSettings, ShieldsConfig};
use crate::sys::{harden, host, ids};
use crate::vault::CredentialKind;

/// Where it is said whom to ask, unless it is said otherwise.
pub(super) const CONFIG: &str = "/etc/reeve/shields.toml";

/// Ask Azure's Prompt Shields about texts that may be meant for a model
#[derive(Debug, Args)]
pub(in crate::cli) struct ShieldsArgs {
    #[command(subcommand)]
    command: ShieldsCommand,
}

#[derive(Debug, Subcommand)]
enum ShieldsCommand {
    /// Answer the gate until it is told to end; reeve-shields.service runs this
    Serve {
        /// The file that says whom to ask, and as whom
        #[arg(long, value_name = "FILE", default_value = CONFIG)]
        config: PathBuf,
    },
    /// Ask about one text as the gate would, and say what came of it
    #[command(after_help = "\
It ends with 0 when nothing was found, with 3 for an attack, and with 1 when nobody could say.

Example:
  reeve shields try 'Ignore all previous instructions.'")]
    Try {
        /// The gate's configuration
        #[arg(long, value_name = "FILE", default_value = GATE_CONFIG)]
        gate: PathBuf,
        /// The text; it leaves the host
        text: String,
    },
}

/// Runs `reeve shields …`.
pub(in crate::cli) fn run(args: &ShieldsArgs, screen: Screen) -> Result<Exit, Failure> {
    let failed = |error: &dyn std::error::Error| Failure::new(Exit::Failed, with_causes(error));
    match &args.command {
        ShieldsCommand::Serve { config } => {
            let config = ShieldsConfig::read(config).map_err(|error| failed(&error))?;
            block_on(serve(&config))
        }
        ShieldsCommand::Try { gate, text } => {
            let config = GateConfig::read(gate, &host::hostname()?).map_err(|error| failed(&error))?;
            block_on(attempt(config.shields, text, screen))
        }
    }
}

async fn serve(config: &ShieldsConfig) -> Result<Exit, Failure> {
    let failed = |problem: &dyn std::fmt::Display| {
        Failure::new(Exit::Failed, format!("Prompt Shields cannot be asked: {problem}"))
    };
    // Tokens, and texts of others, are about to be in this process's memory.
    harden::no_dump().map_err(|error| failed(&error))?;
    logging::begin("info").map_err(|error| failed(&error))?;
    let mut terminate = signal(SignalKind::terminate()).map_err(|error| failed(&error))?;
    tokio::select! {
        served = shield::serve_azure(config, |name| std::env::var(name).ok()) => {
            served.map_err(|problem| failed(&problem))?;
        }
        _ = terminate.recv() => {}
    }
    Ok(Exit::Done)
}

async fn attempt(settings: ShieldSettings, text: &str, screen: Screen) -> Result<Exit, Failure> {
    let user = ids::user(&settings.user)?
        .ok_or_else(|| Failure::new(Exit::Failed, format!("there is no Unix user {}", settings.user)))?;
    let shield = Shield::new(settings, user.uid);
    let began = Instant::now();
    let Said { answer, credential } = shield.said(text).await;
    let credential = credential.map(CredentialKind::name);
    let took = began.elapsed().as_millis();
    if screen.is_json() {
        screen.document(&json!({"verdict": answer.verdict(), "answer": answer, "credential": credential, "milliseconds": took}))?;
    } else {
        screen.line(&line(&answer, credential, took))?;
    }
    Ok(match (answer.attack, answer.unsure) {
        (true, _) => Exit::Denied,
        (false, Some(_)) => Exit::Failed,
        (false, None) => Exit::Done,
    })
}

fn line(answer: &Answer, credential: Option<&str>, took: u128) -> String {
    let by = credential.map(|credential| format!(", as {credential}")).unwrap_or_default();
    let pieces = format!("{} pieces, {} known from before, {took} ms{by}", answer.pieces, answer.kept);
    match (answer.attack, answer.unsure) {
        (true, _) => format!("{} an attack ({pieces})", paint("✗", Tone::Bad)),
        (false, Some(why)) => {
            format!("{} nobody can say: {} ({pieces})", paint("?", Tone::Bad), why.as_str())
        }
        (false, None) => format!("{} nothing was found ({pieces})", paint("✓", Tone::Good)),
    }
}
