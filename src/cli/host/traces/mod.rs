//! `reeve traces`: takes spans to a collector of OpenTelemetry. The gate has no network, and this has nothing else.

mod export;
mod post;

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use super::block_on;
use crate::cli::exit::{Exit, Failure, with_causes};
use crate::secret::{Consumer, PlacesAsWritten, Reference, Secret};
use crate::sys::clock::Clock;
use crate::sys::harden;
use crate::trace::config::TracesConfig;

/// Where it is said where traces go, unless it is said otherwise.
const CONFIG: &str = "/etc/reeve/traces.toml";

/// Take traces to a collector of OpenTelemetry
#[derive(Debug, Args)]
pub(in crate::cli) struct TracesArgs {
    /// The file that says where traces go
    #[arg(long, global = true, display_order = 900, value_name = "FILE", default_value = CONFIG)]
    config: PathBuf,
    #[command(subcommand)]
    command: TracesCommand,
}

#[derive(Debug, Subcommand)]
enum TracesCommand {
    /// Take spans from reeved and the gate and send them on, until told to end; reeve-traces.service runs this
    Export,
}

/// Runs `reeve traces …`.
pub(in crate::cli) fn run(args: &TracesArgs, clock: &dyn Clock) -> Result<Exit, Failure> {
    let config = TracesConfig::read(&args.config)
        .map_err(|error| Failure::new(Exit::Failed, with_causes(&error)))?
        .ok_or_else(|| {
            let why = format!("{}: is not there, so there are no traces", args.config.display());
            Failure::new(Exit::Failed, why)
        })?;
    // The token for the collector is about to be in this process's memory.
    harden::no_dump().map_err(|error| Failure::new(Exit::Failed, with_causes(&error)))?;
    match args.command {
        TracesCommand::Export => block_on(export::run(&config, clock)),
    }
}

/// What `reeve check` says of the traces.
pub(super) fn finding(path: &Path) -> Result<String, String> {
    let Some(config) = TracesConfig::read(path).map_err(|error| with_causes(&error))? else {
        return Ok("none: operations leave no traces".to_owned());
    };
    if let Some(token) = &config.token {
        self::token(token)?;
    }
    Ok(config.endpoint.to_string())
}

/// The token, as it is now: it changes without a restart.
fn token(reference: &Reference) -> Result<Secret, String> {
    let places = PlacesAsWritten::default().meant(Consumer::Traces)?;
    places.read(reference).map(|found| found.value).map_err(|error| with_causes(&error))
}
