//! `reeve secret`: brings secrets from vaults, and says where each is from. None of it shows a value.

mod examine;
mod fetch;
mod files;
mod write;

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::block_on;
use crate::cli::exit::{Exit, Failure, with_causes};
use crate::cli::screen::Screen;
use crate::sys::clock::Clock;
use crate::vault::VaultsConfig;
pub(super) use examine::show;
pub(super) use files::Configurations;

/// Where the vaults are named, unless it is said otherwise.
pub(super) const CONFIG: &str = "/etc/reeve/secrets.toml";

/// Fetch the secrets that configuration names in vaults, put them there, and say how each is
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
    Fetch(FetchArgs),
    /// Show for whom each is, where it is from, since when, and what is wrong
    List(Configurations),
    /// Look whether the host's identity in Azure is what it should be, and write that down for reeve doctor
    #[command(after_help = "\
Who the host is and until when, which roles it has, whether it reads the secret that each vault
names as its canary, and whether it reads nothing else: that is tried. reeve-secrets.service does
it after each round. What could not be looked at is said to be so, and is never a pass.

Example:
  systemctl restart reeve-secrets && reeve doctor")]
    Examine(Configurations),
    /// Put a value into a vault, and have configuration name it there
    #[command(after_help = "\
The value comes on standard input. It is read back from the vault and compared before FILE is
rewritten, which keeps its owner and is readable for no more than before; on any failure FILE stays
as it is, and the vault gives out what it gave out before.

Examples:
  reeve secret set @kv:main/smtp <password --as cli
  reeve secret set @kv:reeve-tls --file /etc/reeve/reeved.toml --key tls.key <server.key")]
    Set(write::SetArgs),
    /// Move the secrets that stand in configuration into a vault
    #[command(after_help = "\
A value of somebody else under the same name in the vault is left alone, and nothing is moved then.

Examples:
  reeve secret migrate --dry-run
  reeve secret migrate --files --as cli")]
    Migrate(write::MigrateArgs),
}

#[derive(Debug, Args)]
struct FetchArgs {
    #[command(flatten)]
    configurations: Configurations,
    /// Then look what reeve secret examine looks at, and say nothing about it
    #[arg(long)]
    examine: bool,
}

/// Runs `reeve secret …`.
pub(in crate::cli) fn run(args: &SecretArgs, screen: Screen, clock: &dyn Clock) -> Result<Exit, Failure> {
    let config =
        VaultsConfig::read(&args.config).map_err(|error| Failure::new(Exit::Failed, with_causes(&error)))?;
    match &args.command {
        SecretCommand::Fetch(args) => {
            let wanted = args.configurations.wanted()?;
            block_on(async {
                let exit = fetch::run(&config, &wanted, screen, clock).await?;
                if args.examine {
                    examine::look(&config, &wanted, clock).await?;
                }
                Ok(exit)
            })
        }
        SecretCommand::List(configurations) => fetch::list(&config, configurations, screen, clock),
        SecretCommand::Examine(configurations) => {
            let wanted = configurations.wanted()?;
            block_on(examine::run(&config, &wanted, screen, clock))
        }
        SecretCommand::Set(args) => block_on(write::set(&config, args, screen)),
        SecretCommand::Migrate(args) => block_on(write::migrate(&config, args, screen)),
    }
}
