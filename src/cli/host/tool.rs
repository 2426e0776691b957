//! `reeve tool`: the tools that root declared, and how each is confined.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::GATE_CONFIG;
use crate::adapter::shown_tool;
use crate::cli::exit::{Exit, Failure, with_causes};
use crate::cli::screen::{Screen, harmless};
use crate::gate::config::GateConfig;
use crate::sys::host;

/// Show the declared tools
#[derive(Debug, Args)]
pub(in crate::cli) struct ToolArgs {
    /// The gate's configuration
    #[arg(long, global = true, display_order = 900, value_name = "FILE", default_value = GATE_CONFIG)]
    config: PathBuf,
    #[command(subcommand)]
    command: ToolCommand,
}

#[derive(Debug, Subcommand)]
enum ToolCommand {
    /// List the tools with what confines them
    List,
}

/// Runs `reeve tool …`.
pub(in crate::cli) fn run(args: &ToolArgs, screen: Screen) -> Result<Exit, Failure> {
    let ToolCommand::List = args.command;
    let name = host::hostname()?;
    let config = GateConfig::read(&args.config, &name).map_err(|error| {
        Failure::new(Exit::Failed, with_causes(&error)).hint("this reads gate.toml: run it as root")
    })?;
    let tools: Vec<Value> =
        config.adapters.tools.iter().map(|(name, declared)| shown_tool(name.as_str(), declared)).collect();
    if screen.is_json() {
        screen.document(&json!({"tools": tools}))?;
        return Ok(Exit::Done);
    }
    let rows: Vec<Vec<String>> = tools.iter().map(row).collect();
    screen.table(&["name", "tier", "workspace", "user", "program", "about"], &rows)?;
    Ok(Exit::Done)
}

fn row(tool: &Value) -> Vec<String> {
    let text = |key: &str| harmless(tool.get(key).and_then(Value::as_str).unwrap_or("-"));
    let known = |key: &str| tool.get(key).and_then(Value::as_str).map(harmless);
    let program = match (known("builtin"), known("module")) {
        (Some(builtin), _) => format!("built in: {builtin}"),
        (None, Some(module)) => format!("module: {module}"),
        (None, None) => text("program"),
    };
    vec![text("name"), text("tier"), text("workspace"), text("user"), program, text("about")]
}
