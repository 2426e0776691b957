//! `reeve policy explain`: which rules matched, in order, and why the strictest won.

use std::path::PathBuf;

use clap::Args;
use serde_json::{Map, Value, json};

use super::{CONTRACTS, POLICY, a_principal, coloured, place, rules, source};
use crate::cli::ask::operation;
use crate::cli::exit::{Exit, Failure};
use crate::cli::host::block_on;
use crate::cli::screen::{Screen, Tone, harmless, paint};
use crate::operation::{Operation, Submission};
use crate::policy::{Explained, HOURS, Matched, MatchedIn, Question, Recent, Verdict};
use crate::principal::PrincipalName;
use crate::sys::clock::Clock;
use crate::sys::host;

/// Say what contract and policy would decide about an operation
#[derive(Debug, Args)]
#[command(after_help = "\
Nothing is read from the host, so the policy sees no effects: `reeve plan` asks the host itself.
What the policy should see besides is given with --context.

Examples:
  reeve policy explain --as librarian zfs destroy tank/media@old
  reeve policy explain --as librarian --policy ./policy.star --contracts ./contracts \\
        --context '{\"effects\": {\"bytes_freed\": 1073741824}}' zfs destroy tank/media@old")]
pub(super) struct ExplainArgs {
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
    /// Why, as the caller would say it
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
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

pub(super) fn run(args: &ExplainArgs, screen: Screen, clock: &dyn Clock) -> Result<Exit, Failure> {
    let operation = operation(&args.kind, &args.op, &args.resource, &args.param)?;
    let extra: Map<String, Value> = serde_json::from_str(&args.context)
        .map_err(|error| Failure::new(Exit::Usage, format!("--context is not a JSON object: {error}")))?;
    let (source, host) = (source(&args.policy)?, host::hostname()?);
    let seconds = time::OffsetDateTime::from(clock.now()).unix_timestamp();
    let submission = Submission { operation, reason: args.reason.clone(), run_id: None, on_behalf_of: None };
    let explained = block_on(async {
        let rules = rules(Some(&args.contracts), source).await?;
        let question = Question {
            caller: &args.principal,
            submission: &submission,
            effects: None,
            past: None,
            scheduled: false,
            host: &host,
            now_ms: u64::try_from(seconds).unwrap_or_default() * 1000,
            recent: Recent { hours: vec![0; HOURS.unsigned_abs() as usize], ..Recent::default() },
        };
        let mut asked = rules.asked(&question);
        if let Value::Object(context) = &mut asked.context {
            context.extend(extra);
        }
        Ok(rules.explain(&question, &asked).await)
    })?;
    show(screen, &submission.operation, &explained)
}

fn show(screen: Screen, operation: &Operation, explained: &Explained) -> Result<Exit, Failure> {
    let decision = &explained.decision;
    let exit = match decision.verdict {
        Verdict::Allow => Exit::Done,
        Verdict::Review => Exit::Waits,
        Verdict::Deny => Exit::Denied,
    };
    let why = why(explained);
    if screen.is_json() {
        let part = |part: &crate::policy::PolicyDecision| json!({"verdict": part.verdict.as_str(), "rule": part.rule, "reason": part.reason});
        screen.document(&json!({
            "verdict": decision.verdict.as_str(), "rule": decision.rule, "reason": decision.reason,
            "contract": part(&explained.by_contract), "policy": explained.by_policy.as_ref().map(part),
            "matched": explained.matched, "why": why, "revision": decision.revision,
        }))?;
        return Ok(exit);
    }
    screen.line(&format!(
        "{}  {}",
        paint(&harmless(&operation.command_line()), Tone::Strong),
        coloured(decision.verdict)
    ))?;
    screen.facts(&[
        ("contract", Some(part(&explained.by_contract))),
        ("policy", explained.by_policy.as_ref().map(part)),
    ])?;
    for (number, matched) in (1..).zip(&explained.matched) {
        screen.line(&line(number, matched))?;
    }
    screen.line(&harmless(&why))?;
    Ok(exit)
}

fn part(decision: &crate::policy::PolicyDecision) -> String {
    format!("{} by {}: {}", coloured(decision.verdict), harmless(&decision.rule), harmless(&decision.reason))
}

/// `  2. review  destroying needs a person  (policy.star:5:16)`.
fn line(number: usize, matched: &Matched) -> String {
    let from = match (&matched.stands, matched.within) {
        (Some(stands), _) => place(stands),
        (None, MatchedIn::Policy) => "evaluate".to_owned(),
        (None, MatchedIn::Profile) => "the caller's profile".to_owned(),
    };
    let text = if matched.reason.is_empty() { &matched.rule } else { &matched.reason };
    let profile = if matched.within == MatchedIn::Profile { ", of the caller's profile" } else { "" };
    let (verdict, text, from) = (coloured(matched.verdict), harmless(text), harmless(&from));
    format!("  {number}. {verdict}  {text}  {}", paint(&format!("({from}{profile})"), Tone::Faint))
}

/// Why it is this verdict and no other.
fn why(explained: &Explained) -> String {
    let decision = &explained.decision;
    let Some(by_policy) = &explained.by_policy else {
        return "the contract does not grant it, so the policy is not asked".to_owned();
    };
    if explained.by_contract.verdict > by_policy.verdict {
        return format!("the contract asks for {} at least", explained.by_contract.verdict.as_str());
    }
    let (all, verdict) = (explained.matched.len(), decision.verdict);
    let strictest = explained.matched.iter().filter(|matched| matched.verdict == verdict).count();
    match (all, strictest) {
        (0, _) => format!("no rule returned a verdict, which is {}", verdict.as_str()),
        (1, _) => "one rule matched".to_owned(),
        (_, 0) => format!("the rules that matched cannot be had together, which is {}", verdict.as_str()),
        (_, 1) => format!("{} is the strictest of {all}", verdict.as_str()),
        (_, count) if verdict == Verdict::Review => {
            format!("review is the strictest of {all}; the terms of all {count} reviews hold")
        }
        (_, count) => {
            format!("{} is the strictest of {all}; the first of {count} is named", verdict.as_str())
        }
    }
}
