//! `reeve policy suggest`: what was asked, as examples and as narrower rules for somebody to read. It prints and changes nothing.

mod habits;
mod starlark;

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use serde_json::{Map, Value, json};
use time::OffsetDateTime;

use super::replay::{a_time, recorded};
use super::{CONTRACTS, POLICY, a_principal, shown, source, whole};
use crate::audit::EventKind;
use crate::audit::read::Filter;
use crate::cli::exit::{Exit, Failure, with_causes};
use crate::cli::host::block_on;
use crate::cli::screen::Screen;
use crate::operation::{Entry, catalogue};
use crate::policy::{Contracts, Input, PolicyEngine, Verdict, WorkerProgram};
use crate::principal::PrincipalName;
use crate::sys::clock::Clock;
use habits::Habits;

/// Turn what was decided into examples and narrower rules, to be read before they are used
#[derive(Debug, Args)]
#[command(after_help = "\
Printed is text for a policy: an example(…) for each kind of decision in the audit log, which the
policy as it stands decides the same, and for each principal a profile that lets pass what it has
asked for and has people look at the rest. A profile can only tighten. Named besides are operations
that a contract grants and nobody has asked for. Nothing is written anywhere.

Example:
  reeve policy suggest --as librarian --since 90d >suggested.star")]
pub(super) struct SuggestArgs {
    /// Of this principal only
    #[arg(long = "as", value_name = "PRINCIPAL", value_parser = a_principal)]
    principal: Option<PrincipalName>,
    /// The policy as it stands
    #[arg(long, value_name = "FILE", default_value = POLICY)]
    policy: PathBuf,
    /// The directory of contracts
    #[arg(long, value_name = "DIR", default_value = CONTRACTS)]
    contracts: PathBuf,
    /// How far back: 12h, 30d
    #[arg(long, value_name = "TIME", value_parser = a_time, default_value = "30d")]
    since: Duration,
    /// The log's directory, or one file of it
    #[arg(long, value_name = "PATH", default_value = "/var/log/reeve")]
    log: PathBuf,
}

pub(super) fn run(args: &SuggestArgs, screen: Screen, clock: &dyn Clock) -> Result<Exit, Failure> {
    let failed = |message: String| Failure::new(Exit::Failed, message);
    let source = source(&args.policy)?;
    let contracts = Contracts::load(&whole(&args.contracts)?).map_err(|error| failed(with_causes(&error)))?;
    let since = OffsetDateTime::from(clock.now())
        .checked_sub(time::Duration::try_from(args.since).unwrap_or(time::Duration::MAX));
    let filter = Filter { since, kind: Some(EventKind::Decision), ..Filter::default() };
    let mut habits = Habits::default();
    for decided in recorded(&args.log, filter)? {
        let (record, Some(input)) = decided? else { continue };
        let Some(principal) = record.principal else { continue };
        if args.principal.as_ref().is_none_or(|wanted| wanted.as_str() == principal) {
            habits.add(&principal, input);
        }
    }
    let examples = block_on(async {
        let engine = PolicyEngine::start(source, WorkerProgram::default()).await;
        let engine = engine.map_err(|error| failed(with_causes(&error)))?;
        let mut examples = Vec::new();
        for (count, input) in habits.samples() {
            examples.push((count, example(&engine, input).await));
        }
        Ok(examples)
    })?;
    show(args, screen, &Found { habits, examples, contracts })
}

/// What there is to be said.
struct Found {
    habits: Habits,
    /// How often it was decided so, and the example; nothing where the policy decides otherwise by now.
    examples: Vec<(usize, Option<String>)>,
    contracts: Contracts,
}

/// An example that comes true: with as little in its context as the policy needs to decide the same.
async fn example(engine: &PolicyEngine, input: &Input) -> Option<String> {
    let whole = input.asked.context.as_object().cloned().unwrap_or_default();
    for names in
        [&["agent_id", "effect"][..], &["agent_id", "effect", "reversible", "roles", "scheduled"][..]]
    {
        let small: Map<String, Value> = whole
            .iter()
            .filter(|(name, _)| names.contains(&name.as_str()))
            .map(|(n, v)| (n.clone(), v.clone()))
            .collect();
        if let Some(verdict) = decided_alike(engine, input, &small).await {
            return Some(starlark::example(&input.asked, &small, verdict));
        }
    }
    let verdict = decided_alike(engine, input, &whole).await?;
    Some(starlark::example(&input.asked, &whole, verdict))
}

/// The policy's verdict with this context, where it comes to what was decided, by the same rule.
async fn decided_alike(
    engine: &PolicyEngine,
    input: &Input,
    context: &Map<String, Value>,
) -> Option<Verdict> {
    let mut asked = input.asked.clone();
    asked.context = Value::Object(context.clone());
    let decision = engine.decide(&asked.input()).await;
    let is_alike = decision.verdict.max(input.contract) == input.verdict && decision.rule != "policy-error";
    let is_by_rule = input.rule == "contract" || decision.rule == input.rule;
    (is_alike && is_by_rule).then_some(decision.verdict)
}

fn show(args: &SuggestArgs, screen: Screen, found: &Found) -> Result<Exit, Failure> {
    let span = humantime::format_duration(args.since).to_string();
    let profiles: Vec<(&str, String)> =
        found.habits.principals().map(|name| (name, found.habits.profile(name, &span))).collect();
    let unused: Vec<(&str, Vec<String>)> = profiles
        .iter()
        .filter_map(|(name, _)| Some((*name, unused(found, name)?)))
        .filter(|(_, tools)| !tools.is_empty())
        .collect();
    let otherwise: usize =
        found.examples.iter().filter(|(_, text)| text.is_none()).map(|(count, _)| count).sum();
    if screen.is_json() {
        let examples: Vec<Value> = found
            .examples
            .iter()
            .filter_map(|(count, text)| Some(json!({"count": count, "example": text.as_ref()?})))
            .collect();
        let profiles: Map<String, Value> =
            profiles.iter().map(|(name, text)| ((*name).to_owned(), json!(text))).collect();
        let unused: Map<String, Value> =
            unused.iter().map(|(name, tools)| ((*name).to_owned(), json!(tools))).collect();
        screen.document(&json!({
            "examples": examples, "decided_otherwise_now": otherwise, "profiles": profiles, "unused": unused,
        }))?;
        return Ok(Exit::Done);
    }
    if profiles.is_empty() {
        screen.note("nothing was decided by the policy in this time");
        return Ok(Exit::Done);
    }
    screen.line("# Suggested from what was decided; read it before it becomes part of a policy.")?;
    for (count, text) in &found.examples {
        if let Some(text) = text {
            screen.line(&shown(&format!("# {count} times\n{text}")))?;
        }
    }
    if otherwise > 0 {
        screen.line(&format!("# {otherwise} decisions would be others by now: see reeve policy replay"))?;
    }
    for (_, text) in &profiles {
        screen.line("")?;
        screen.line(&shown(text))?;
    }
    screen.line("")?;
    screen.line(&shown(&habits::profiles(profiles.iter().map(|(name, _)| *name))))?;
    for (name, tools) in &unused {
        let tools = tools.join(", ");
        screen.line(&shown(&format!(
            "# the contract of {name} grants what it never asked for in {span}: {tools}"
        )))?;
    }
    Ok(Exit::Done)
}

/// What a principal's contract grants and it has not asked for.
fn unused(found: &Found, name: &str) -> Option<Vec<String>> {
    let principal = PrincipalName::try_from(name.to_owned()).ok()?;
    let contract = found.contracts.get(&principal)?;
    let tools = catalogue().map(Entry::name);
    Some(tools.filter(|tool| contract.has(tool) && !found.habits.asked(name, tool)).collect())
}
