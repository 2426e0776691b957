//! `reeve azure`: one command at Azure. The wrapper `reeve-azure` starts it, as the user who has the host's identity there.

mod claims;
mod examine;

use std::path::Path;

use clap::Args;
use serde_json::{Value, json};

use super::block_on;
use crate::arm::{self, ArmConfig, ArmError, Command, Trouble};
use crate::cli::exit::{Exit, Failure, with_causes};
use crate::cli::screen::Screen;
use crate::sys::clock::Clock;
use crate::sys::{harden, host};
pub(super) use examine::told;

/// Where it is said which subscriptions there are. The wrapper lets nobody name another.
pub(super) const CONFIG: &str = "/etc/reeve/azure.toml";

/// Do one thing at Azure; reeve-azure starts this with the words of a grant
#[derive(Debug, Args)]
#[command(after_help = "\
By hand, root says which resources are this host's. What is to be deleted takes that, and a tag that
says the same at Azure.

`examine` is no word of a grant. It looks who this host is to Azure by azure.toml, whether it sees
each subscription, and what it may do there, and writes that down for reeve doctor;
reeve-azure-examine.timer runs it. What could not be looked at is said to be so, never a pass.

Examples:
  reeve azure claim production/web-rg/microsoft.app/containerapps/shop
  reeve azure claims
  reeve azure unclaim production/web-rg/microsoft.app/containerapps/shop
  systemctl restart reeve-azure-examine && reeve doctor")]
pub(in crate::cli) struct AzureArgs {
    /// What to do, and where
    #[arg(value_name = "WORD", required = true)]
    words: Vec<String>,
}

/// Runs `reeve azure …`. What it prints is one JSON document a line, whoever asks.
pub(in crate::cli) fn run(args: &AzureArgs, screen: Screen, clock: &dyn Clock) -> Result<Exit, Failure> {
    // Tokens are about to be in this process's memory.
    harden::no_dump().map_err(|error| Failure::new(Exit::Failed, error.to_string()))?;
    if args.words == [examine::WORD] {
        return examine::run(screen, clock);
    }
    match work(&args.words, screen) {
        Ok(()) => Ok(Exit::Done),
        Err(error) => {
            eprintln!("reeve azure: {error}");
            Ok(Exit::At(error.trouble.status()))
        }
    }
}

fn work(words: &[String], screen: Screen) -> Result<(), ArmError> {
    let other = |why: String| ArmError::new(Trouble::Other, why);
    let path = host::prefixed(CONFIG);
    let config = || ArmConfig::read(Path::new(&path)).map_err(|error| other(with_causes(&error)));
    if let Some(asked) = claims::Asked::parse(words)? {
        return claims::run(&asked, &config()?, screen);
    }
    let mut progress = |value: Value| {
        // Whoever does not listen any more has ended this process, or will.
        drop(screen.line(&json!({ "progress": value }).to_string()));
    };
    if words == ["expire"] {
        let config = config()?;
        let closed = block_on(async { Ok(arm::expire(&config, &mut progress).await) });
        return closed.map_err(|failure| other(failure.message))?;
    }
    let (command, config) = (Command::parse(words)?, config()?);
    let answered = block_on(async { Ok(arm::run(&config, &command, &mut progress).await) });
    let answered = answered.map_err(|failure| other(failure.message))??;
    let line = json!(answered).to_string();
    screen.line(&line).map_err(|error| other(error.message))
}
