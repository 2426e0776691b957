//! `reeve lists`: brings lists of domains from where they are published, and says how each is.

mod download;
mod fetch;

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::json;

use super::block_on;
use crate::cli::exit::{Exit, Failure, with_causes};
use crate::cli::screen::{Screen, Tone, harmless, paint};
use crate::domains::config::ListsConfig;
use crate::domains::{DomainLists, State};
use crate::sys::clock::Clock;

/// Where the lists are named, unless it is said otherwise.
const CONFIG: &str = "/etc/reeve/lists.toml";

/// Fetch and check the lists of domains that rules ask about
#[derive(Debug, Args)]
pub(in crate::cli) struct ListsArgs {
    /// The file that names the lists
    #[arg(long, global = true, display_order = 900, value_name = "FILE", default_value = CONFIG)]
    config: PathBuf,
    #[command(subcommand)]
    command: ListsCommand,
}

#[derive(Debug, Subcommand)]
enum ListsCommand {
    /// Read each list as the gate would, and name the lines that it would skip
    Check,
    /// Fetch the lists whose time has come; reeve-lists.timer runs this
    #[command(after_help = "\
A list is fetched over https only, from the host that is named: no redirect leads to another one.
What is not a list, or too large, changes nothing; the one before stays.

Example:
  runuser -u reeve-lists -- reeve lists fetch --now")]
    Fetch {
        /// Fetch all of them, whether their time has come or not
        #[arg(long)]
        now: bool,
    },
}

/// Runs `reeve lists …`.
pub(in crate::cli) fn run(args: &ListsArgs, screen: Screen, clock: &dyn Clock) -> Result<Exit, Failure> {
    let config =
        ListsConfig::read(&args.config).map_err(|error| Failure::new(Exit::Failed, with_causes(&error)))?;
    match &args.command {
        ListsCommand::Check => check(config, screen, clock),
        ListsCommand::Fetch { now } => block_on(fetch::run(&config, screen, clock, *now)),
    }
}

fn check(config: ListsConfig, screen: Screen, clock: &dyn Clock) -> Result<Exit, Failure> {
    let states = states(config, clock);
    let ok = states.iter().all(|state| state.problem.is_none());
    if screen.is_json() {
        screen.document(&json!({"ok": ok, "lists": states}))?;
    } else {
        for state in &states {
            screen.line(&told(state))?;
        }
    }
    Ok(if ok { Exit::Done } else { Exit::Failed })
}

fn states(config: ListsConfig, clock: &dyn Clock) -> Vec<State> {
    let lists = DomainLists::of(config, None);
    lists.look(clock.now());
    lists.states()
}

/// What `reeve check` says of the lists.
pub(super) fn finding(path: &Path, clock: &dyn Clock) -> Result<String, String> {
    let config = ListsConfig::read(path).map_err(|error| with_causes(&error))?;
    let states = states(config, clock);
    let wrong: Vec<String> =
        states.iter().filter(|state| state.problem.is_some()).map(told_of_problem).collect();
    if !wrong.is_empty() {
        return Err(wrong.join("\n"));
    }
    let each = states.iter().map(|state| {
        format!(
            "{} {} entries, {} lines skipped",
            state.name,
            state.entries.unwrap_or_default(),
            state.bad_count
        )
    });
    let each: Vec<String> = each.collect();
    Ok(if each.is_empty() { "none".to_owned() } else { each.join("; ") })
}

fn told_of_problem(state: &State) -> String {
    format!("{}: {}", state.name, state.problem.as_deref().unwrap_or_default())
}

fn told(state: &State) -> String {
    let mut lines = vec![match &state.problem {
        Some(_) => format!("{} {}", paint("✗", Tone::Bad), harmless(&told_of_problem(state))),
        None => {
            let entries = state.entries.unwrap_or_default();
            format!(
                "{} {}: {entries} entries, {} lines skipped",
                paint("✓", Tone::Good),
                state.name,
                state.bad_count
            )
        }
    }];
    lines.extend(
        state
            .bad
            .iter()
            .map(|bad| paint(&format!("    line {}: {}", bad.line, harmless(&bad.problem)), Tone::Warning)),
    );
    lines.join("\n")
}
