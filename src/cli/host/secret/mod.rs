//! `reeve secret`: brings secrets from vaults, and says where each is from. None of it shows a value.

mod fetch;

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{GATE_CONFIG, block_on};
use crate::cli::exit::{Exit, Failure, with_causes};
use crate::cli::screen::Screen;
use crate::secret::Consumer;
use crate::sys::clock::Clock;
use crate::vault::{VaultsConfig, Wanted};

/// Where the vaults are named, unless it is said otherwise.
const CONFIG: &str = "/etc/reeve/secrets.toml";

/// Fetch the secrets that configuration names in vaults, and say how each is
#[derive(Debug, Args)]
pub(in crate::cli) struct SecretArgs {
    /// The file that names the vaults
    #[arg(long, global = true, display_order = 900, value_name = "FILE", default_value = CONFIG)]
    config: PathBuf,
    #[command(subcommand)]
    command: SecretCommand,
}

#[derive(Debug, Subcommand)]
enum SecretCommand {
    /// Bring each secret that configuration names as @kv:NAME; reeve-secrets.timer runs this
    #[command(after_help = "\
Of a secret that cannot be had, the last good value stays. Nothing of a value is printed.

Example:
  systemctl restart reeve-secrets && systemctl reload reeved")]
    Fetch(Configurations),
    /// Show for whom each is, where it is from, since when, and what is wrong
    List,
}

/// What is looked through for references.
#[derive(Debug, Args)]
struct Configurations {
    /// The gate's configuration
    #[arg(long, value_name = "FILE", default_value = GATE_CONFIG)]
    gate: PathBuf,
    /// The configuration of the network side
    #[arg(long, value_name = "FILE", default_value = "/etc/reeve/reeved.toml")]
    reeved: PathBuf,
}

impl Configurations {
    fn wanted(&self) -> Result<Wanted, Failure> {
        let mut wanted = Wanted::default();
        for (consumer, path) in [(Consumer::Gate, &self.gate), (Consumer::Front, &self.reeved)] {
            wanted
                .add_file(consumer, path)
                .map_err(|error| Failure::new(Exit::Failed, with_causes(&error)))?;
        }
        Ok(wanted)
    }
}

/// Runs `reeve secret …`.
pub(in crate::cli) fn run(args: &SecretArgs, screen: Screen, clock: &dyn Clock) -> Result<Exit, Failure> {
    let config =
        VaultsConfig::read(&args.config).map_err(|error| Failure::new(Exit::Failed, with_causes(&error)))?;
    match &args.command {
        SecretCommand::Fetch(configurations) => {
            let wanted = configurations.wanted()?;
            block_on(fetch::run(&config, &wanted, screen, clock))
        }
        SecretCommand::List => fetch::list(&config, screen, clock),
    }
}
