//! `reeve policy`: does the policy load, and what would it say.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use super::block_on;
use crate::cli::ask::operation;
use crate::cli::exit::{Exit, Failure, with_causes};
use crate::cli::screen::{Screen, Tone, harmless, paint};
use crate::operation::{Effect, Operation};
use crate::policy::{
    ContractGrant, Contracts, PolicyDecision, PolicyEngine, PolicyError, PolicyInput, PolicySource, Verdict,
    WorkerProgram,
};
use crate::principal::PrincipalName;
use crate::sys::clock::Clock;
use crate::sys::host;

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
    Check(CheckArgs),
    Explain(ExplainArgs),
}

/// Load a policy and run its examples, confined as the gate would
#[derive(Debug, Args)]
#[command(after_help = "\
Every example(…) in the file must come out as it expects, or the gate keeps the policy out.

Example:
  reeve policy check /etc/reeve/policy.star && systemctl reload reeve-gate")]
struct CheckArgs {
    /// The policy
    #[arg(default_value = POLICY)]
    file: PathBuf,
}

/// Say what contract and policy would decide about an operation
#[derive(Debug, Args)]
#[command(after_help = "\
Nothing is read from the host, so the policy sees no effects: `reeve plan` asks the host itself.
What the policy should see besides is given with --context.

Examples:
  reeve policy explain --as librarian zfs destroy tank/media@old
  reeve policy explain --as librarian --policy ./policy.star --contracts ./contracts \\
        --context '{\"effects\": {\"bytes_freed\": 1073741824}}' zfs destroy tank/media@old")]
struct ExplainArgs {
    /// Whose contract
    #[arg(long = "as", value_name = "PRINCIPAL", value_parser = a_principal)]
    principal: PrincipalName,
    /// The policy
    #[arg(long, value_name = "FILE", default_value = POLICY)]
    policy: PathBuf,
    /// The directory of contracts
    #[arg(long, value_name = "DIR", default_value = CONTRACTS)]
    contracts: PathBuf,
    /// What the context shall hold besides, as a JSON object
    #[arg(long, value_name = "JSON", default_value = "{}")]
    context: String,
    /// What kind of thing: zfs
    kind: String,
    /// What to do
    op: String,
    /// To what
    resource: String,
    /// A parameter, more than once if need be
    #[arg(long, short, value_name = "NAME=VALUE")]
    param: Vec<String>,
}

fn a_principal(text: &str) -> Result<PrincipalName, String> {
    PrincipalName::try_from(text.to_owned()).map_err(|error| error.to_string())
}

/// Runs `reeve policy …`.
pub(in crate::cli) fn run(args: &PolicyArgs, screen: Screen, clock: &dyn Clock) -> Result<Exit, Failure> {
    match &args.command {
        PolicyCommand::Check(check) => load(&check.file, screen),
        PolicyCommand::Explain(wanted) => explain(wanted, screen, clock),
    }
}

/// A policy's file by its whole name, without links, as trusted files must be named.
fn source(path: &Path) -> Result<PolicySource, Failure> {
    let whole = path
        .canonicalize()
        .map_err(|error| Failure::new(Exit::Failed, format!("{}: {error}", path.display())))?;
    PolicySource::read(&whole).map_err(|error| Failure::new(Exit::Failed, with_causes(&error)))
}

fn load(path: &Path, screen: Screen) -> Result<Exit, Failure> {
    let source = source(path)?;
    let checked = block_on(async { Ok(PolicyEngine::check(&source, &WorkerProgram::default()).await) })?;
    let revision = source.revision();
    match checked {
        Ok(report) if screen.is_json() => {
            screen.document(&json!({
                "ok": true, "revision": revision, "examples": report.examples, "warnings": report.warnings
            }))?;
            Ok(Exit::Done)
        }
        Ok(report) => {
            let examples = report.examples;
            let plural = if examples == 1 { "example comes" } else { "examples come" };
            screen.line(&format!(
                "{} {}: {examples} {plural} out as expected",
                paint("✓", Tone::Good),
                path.display()
            ))?;
            for warning in &report.warnings {
                screen.line(&paint(&shown(&warning.to_string()), Tone::Warning))?;
            }
            if examples == 0 {
                screen.note("an example(…) in the file is its test; it has none");
            }
            Ok(Exit::Done)
        }
        Err(PolicyError::Rejected(problems)) if screen.is_json() => {
            screen.document(&json!({"ok": false, "revision": revision, "problems": problems}))?;
            Ok(Exit::Failed)
        }
        Err(PolicyError::Rejected(problems)) => {
            screen.line(&format!("{} {} is not loaded", paint("✗", Tone::Bad), path.display()))?;
            for problem in &problems {
                screen.line(&shown(&problem.to_string()))?;
            }
            Ok(Exit::Failed)
        }
        Err(error) => Err(Failure::new(Exit::Failed, with_causes(&error))),
    }
}

/// Several lines of foreign text.
fn shown(text: &str) -> String {
    text.lines().map(harmless).collect::<Vec<_>>().join("\n")
}

fn explain(args: &ExplainArgs, screen: Screen, clock: &dyn Clock) -> Result<Exit, Failure> {
    let operation = operation(&args.kind, &args.op, &args.resource, &args.param)?;
    let extra: Map<String, Value> = serde_json::from_str(&args.context)
        .map_err(|error| Failure::new(Exit::Usage, format!("--context is not a JSON object: {error}")))?;
    let directory = args
        .contracts
        .canonicalize()
        .map_err(|error| Failure::new(Exit::Failed, format!("{}: {error}", args.contracts.display())))?;
    let contracts =
        Contracts::load(&directory).map_err(|error| Failure::new(Exit::Failed, with_causes(&error)))?;
    let granted = contract_says(&contracts, &args.principal, &operation);
    let source = source(&args.policy)?;
    let mut context = context(args, &contracts, &operation, clock)?;
    context.extend(extra);
    let policy = block_on(policy_says(&source, &operation, Value::Object(context)))?;
    show(screen, &operation, granted, &policy)
}

type Refused = (String, String);

fn contract_says(
    contracts: &Contracts,
    principal: &PrincipalName,
    operation: &Operation,
) -> Result<ContractGrant, Refused> {
    let Some(contract) = contracts.get(principal) else {
        return Err(("no-contract".to_owned(), format!("{principal} has no contract on this host")));
    };
    contract.check(operation).map_err(|refusal| (refusal.rule.to_owned(), refusal.reason))
}

fn context(
    args: &ExplainArgs,
    contracts: &Contracts,
    operation: &Operation,
    clock: &dyn Clock,
) -> Result<Map<String, Value>, Failure> {
    let roles = contracts.get(&args.principal).map(|contract| contract.roles().clone()).unwrap_or_default();
    let now = OffsetSeconds::of(clock);
    let context = json!({
        "agent_id": args.principal, "roles": roles, "on_behalf_of": null, "host": host::hostname()?,
        "effect": operation.effect(), "reversible": operation.effect() == Effect::Read, "effects": null,
        "now": now.0, "recent": {"minute": 0, "hour": 0}, "domain": null, "domain_lists": {},
        "agent_allowed_domains": [], "agent_denied_domains": [],
    });
    Ok(context.as_object().cloned().unwrap_or_default())
}

/// Seconds since 1970, as policies count.
struct OffsetSeconds(i64);

impl OffsetSeconds {
    fn of(clock: &dyn Clock) -> Self {
        Self(time::OffsetDateTime::from(clock.now()).unix_timestamp())
    }
}

async fn policy_says(
    source: &PolicySource,
    operation: &Operation,
    context: Value,
) -> Result<PolicyDecision, Failure> {
    let engine = PolicyEngine::start(source.clone(), WorkerProgram::default())
        .await
        .map_err(|error| Failure::new(Exit::Failed, with_causes(&error)))?;
    let mut args = operation.params();
    args.insert("resource".to_owned(), json!(operation.resource()));
    let tool = operation.tool();
    Ok(engine.decide(&PolicyInput { tool: &tool, args: Value::Object(args), context }).await)
}

fn show(
    screen: Screen,
    operation: &Operation,
    granted: Result<ContractGrant, Refused>,
    policy: &PolicyDecision,
) -> Result<Exit, Failure> {
    let (contract, contract_verdict) = match &granted {
        Ok(grant) => ("grants it".to_owned(), grant.at_least()),
        Err((rule, reason)) => (format!("{rule}: {reason}"), Verdict::Deny),
    };
    // What the contract does not grant, the gate never asks the policy about.
    let verdict = contract_verdict.max(policy.verdict);
    let exit = match verdict {
        Verdict::Allow => Exit::Done,
        Verdict::Review => Exit::Waits,
        Verdict::Deny => Exit::Denied,
    };
    if screen.is_json() {
        screen.document(&json!({
            "verdict": verdict.as_str(),
            "contract": {"verdict": contract_verdict.as_str(), "says": contract},
            "policy": {"verdict": policy.verdict.as_str(), "rule": policy.rule, "reason": policy.reason},
        }))?;
        return Ok(exit);
    }
    screen.line(&format!(
        "{}  {}",
        paint(&harmless(&operation.command_line()), Tone::Strong),
        coloured(verdict)
    ))?;
    screen.facts(&[
        ("contract", Some(format!("{} {}", coloured(contract_verdict), harmless(&contract)))),
        (
            "policy",
            Some(format!(
                "{} by {}: {}",
                coloured(policy.verdict),
                harmless(&policy.rule),
                harmless(&policy.reason)
            )),
        ),
    ])?;
    Ok(exit)
}

fn coloured(verdict: Verdict) -> String {
    let tone = match verdict {
        Verdict::Allow => Tone::Good,
        Verdict::Review => Tone::Warning,
        Verdict::Deny => Tone::Bad,
    };
    paint(verdict.as_str(), tone)
}
