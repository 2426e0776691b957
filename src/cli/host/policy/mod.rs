//! `reeve policy`: does the policy load, what does it say, and to what.

mod cases;
mod check;
mod explain;
mod junit;
mod replay;
mod suggest;
mod test;

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use crate::cli::exit::{Exit, Failure, with_causes};
use crate::cli::screen::{Screen, Tone, harmless, paint};
use crate::policy::{Contracts, PolicyEngine, PolicySource, Problem, Rules, Verdict, WorkerProgram};
use crate::principal::PrincipalName;
use crate::sys::clock::Clock;

const POLICY: &str = "/etc/reeve/policy.star";
const CONTRACTS: &str = "/etc/reeve/contracts";

/// Try the policy and the contracts before they are in force
#[derive(Debug, Args)]
pub(in crate::cli) struct PolicyArgs {
    #[command(subcommand)]
    command: PolicyCommand,
}

#[derive(Debug, Subcommand)]
enum PolicyCommand {
    Check(check::CheckArgs),
    Test(test::TestArgs),
    Explain(explain::ExplainArgs),
    Replay(replay::ReplayArgs),
    Suggest(suggest::SuggestArgs),
}

/// Runs `reeve policy …`.
pub(in crate::cli) fn run(args: &PolicyArgs, screen: Screen, clock: &dyn Clock) -> Result<Exit, Failure> {
    match &args.command {
        PolicyCommand::Check(wanted) => check::run(wanted, screen),
        PolicyCommand::Test(wanted) => test::run(wanted, screen),
        PolicyCommand::Explain(wanted) => explain::run(wanted, screen, clock),
        PolicyCommand::Replay(wanted) => replay::run(wanted, screen, clock),
        PolicyCommand::Suggest(wanted) => suggest::run(wanted, screen, clock),
    }
}

fn a_principal(text: &str) -> Result<PrincipalName, String> {
    PrincipalName::try_from(text.to_owned()).map_err(|error| error.to_string())
}

/// A path by its whole name, without links, as trusted files must be named.
fn whole(path: &Path) -> Result<PathBuf, Failure> {
    path.canonicalize().map_err(|error| Failure::new(Exit::Failed, format!("{}: {error}", path.display())))
}

fn source(path: &Path) -> Result<PolicySource, Failure> {
    PolicySource::read(&whole(path)?).map_err(|error| Failure::new(Exit::Failed, with_causes(&error)))
}

/// Contracts and policy as the gate would load them; without a directory of contracts there are none.
async fn rules(contracts: Option<&Path>, source: PolicySource) -> Result<Rules, Failure> {
    let contracts = match contracts {
        Some(directory) => Contracts::load(&whole(directory)?)
            .map_err(|error| Failure::new(Exit::Failed, with_causes(&error)))?,
        None => Contracts::none(),
    };
    let engine = PolicyEngine::start(source, WorkerProgram::default())
        .await
        .map_err(|error| Failure::new(Exit::Failed, with_causes(&error)))?;
    Ok(Rules::new(contracts, engine))
}

/// Several lines of foreign text.
fn shown(text: &str) -> String {
    text.lines().map(harmless).collect::<Vec<_>>().join("\n")
}

/// `policy.star:5:16`, where a rule stands.
fn place(stands: &Problem) -> String {
    match &stands.place {
        Some(place) => format!("{}:{}:{}", stands.file, place.line, place.column),
        None => stands.file.clone(),
    }
}

fn coloured(verdict: Verdict) -> String {
    let tone = match verdict {
        Verdict::Allow => Tone::Good,
        Verdict::Review => Tone::Warning,
        Verdict::Deny => Tone::Bad,
    };
    paint(verdict.as_str(), tone)
}
