//! `reeve approver`: who may approve, as `gate.toml` says.

mod add;
mod drill;
mod entry;
mod recover;
mod remove;

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::GATE_CONFIG;
use crate::cli::exit::{Exit, Failure, with_causes};
use crate::cli::screen::{Screen, harmless};
use crate::gate::config::GateConfig;
use crate::sys::host;

/// Show, enrol, try and take out those who may approve
#[derive(Debug, Args)]
pub(in crate::cli) struct ApproverArgs {
    /// The gate's configuration
    #[arg(long, global = true, display_order = 900, value_name = "FILE", default_value = GATE_CONFIG)]
    config: PathBuf,
    #[command(subcommand)]
    command: ApproverCommand,
}

#[derive(Debug, Subcommand)]
enum ApproverCommand {
    /// List the approvers with their groups and identities
    List,
    Add(add::AddArgs),
    Recover(recover::RecoverArgs),
    Remove(remove::RemoveArgs),
    Drill(drill::DrillArgs),
}

/// Runs `reeve approver …`.
pub(in crate::cli) fn run(args: &ApproverArgs, screen: Screen) -> Result<Exit, Failure> {
    match &args.command {
        ApproverCommand::List => list(&config(&args.config)?, screen),
        ApproverCommand::Add(add) => add::run(add, &args.config, &config(&args.config)?, screen),
        ApproverCommand::Recover(recover) => recover::run(recover, &args.config, screen),
        ApproverCommand::Remove(remove) => remove::run(remove, &args.config, &config(&args.config)?, screen),
        ApproverCommand::Drill(drill) => drill::run(drill, screen),
    }
}

fn config(file: &Path) -> Result<GateConfig, Failure> {
    let name = host::hostname()?;
    GateConfig::read(file, &name).map_err(|error| {
        Failure::new(Exit::Failed, with_causes(&error)).hint("this reads gate.toml: run it as root")
    })
}

fn list(config: &GateConfig, screen: Screen) -> Result<Exit, Failure> {
    let people: Vec<Value> = config
        .people
        .iter()
        .map(|person| {
            json!({
                "name": person.name, "groups": person.groups, "unix_user": person.unix_user,
                "uuid": person.uuid.to_string(), "fingerprint": person.fingerprint.to_string(),
            })
        })
        .collect();
    if screen.is_json() {
        screen.document(&json!({"approvers": people}))?;
        return Ok(Exit::Done);
    }
    let rows: Vec<Vec<String>> = config
        .people
        .iter()
        .map(|person| {
            let unix_user = person.unix_user.as_deref().unwrap_or("-");
            [person.name.as_str(), &person.groups.join(","), unix_user, &person.uuid.to_string()]
                .map(harmless)
                .to_vec()
        })
        .collect();
    screen.table(&["name", "groups", "unix user", "signal account"], &rows)?;
    Ok(Exit::Done)
}
