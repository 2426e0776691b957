//! `reeve policy replay`: what would have been decided otherwise, had another policy been in force.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use serde_json::{Map, Value, json};
use time::OffsetDateTime;

use super::{coloured, source};
use crate::audit::read::{self, Filter};
use crate::audit::{EventKind, Record};
use crate::cli::exit::{Exit, Failure, with_causes};
use crate::cli::host::block_on;
use crate::cli::screen::{Screen, Tone, harmless, paint};
use crate::policy::{Input, PolicyEngine, Verdict, WorkerProgram};
use crate::sys::clock::Clock;

/// Decide what was decided again by another policy, and say what would flip
#[derive(Debug, Args)]
#[command(after_help = "\
Each decision in the audit log holds what it was made from, so the candidate sees what the
policy saw then: the effects, the time, how often the caller had asked. What contracts refused
is not asked again. What other gateways asked by POST /evaluate is a group of its own. Nothing
is run, and nothing is put in force.

Example:
  reeve policy replay --candidate new.star --since 30d

The exit code is 0 when nothing would flip, else 1.")]
pub(super) struct ReplayArgs {
    /// The policy to try
    #[arg(long, value_name = "FILE")]
    candidate: PathBuf,
    /// How far back: 12h, 30d
    #[arg(long, value_name = "TIME", value_parser = a_time, default_value = "30d")]
    since: Duration,
    /// The log's directory, or one file of it
    #[arg(long, value_name = "PATH", default_value = "/var/log/reeve")]
    log: PathBuf,
    /// How many operations to name for each rule
    #[arg(long, value_name = "COUNT", default_value_t = 3)]
    samples: usize,
}

pub(super) fn a_time(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text).map_err(|_error| "want a time such as 12h or 30d".to_owned())
}

/// Which verdict and rule would become which.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Flip {
    from: (Verdict, String),
    to: (Verdict, String),
}

/// What the records of one kind came to.
#[derive(Debug, Default)]
struct Tally {
    replayed: usize,
    /// Decided by the contract, or too large to be held.
    without_input: usize,
    /// The same verdict by another rule.
    renamed: usize,
    flips: BTreeMap<Flip, Group>,
}

/// The decisions that would flip alike.
#[derive(Debug, Default)]
struct Group {
    count: usize,
    samples: Vec<Sample>,
}

/// One of them.
#[derive(Debug, serde::Serialize)]
struct Sample {
    seq: u64,
    time: String,
    operation: Option<String>,
    principal: Option<String>,
    tool: String,
    resource: Option<String>,
    /// The hosts that it was decided about.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    hosts: Vec<String>,
}

/// Of Reeve's own operations, and of what other gateways asked.
struct Replayed {
    operations: Tally,
    evaluations: Tally,
}

pub(super) fn run(args: &ReplayArgs, screen: Screen, clock: &dyn Clock) -> Result<Exit, Failure> {
    let source = source(&args.candidate)?;
    let since = OffsetDateTime::from(clock.now())
        .checked_sub(time::Duration::try_from(args.since).unwrap_or(time::Duration::MAX));
    let of = |kind| Filter { since, kind: Some(kind), ..Filter::default() };
    let replayed = block_on(async {
        let failed = |error| Failure::new(Exit::Failed, with_causes(&error));
        let engine = PolicyEngine::start(source, WorkerProgram::default()).await.map_err(failed)?;
        let operations = replay(args, of(EventKind::Decision), &engine).await?;
        let evaluations = replay(args, of(EventKind::Evaluation), &engine).await?;
        Ok(Replayed { operations, evaluations })
    })?;
    show(&replayed, screen)?;
    let is_same = replayed.operations.flips.is_empty() && replayed.evaluations.flips.is_empty();
    Ok(if is_same { Exit::Done } else { Exit::Failed })
}

/// Every decision of the log, in order, with what it was made from where it holds that.
pub(super) fn recorded(
    log: &Path,
    filter: Filter,
) -> Result<impl Iterator<Item = Result<(Record, Option<Input>), Failure>>, Failure> {
    let unreadable = |error: read::ReadError| {
        Failure::new(Exit::Failed, with_causes(&error))
            .hint("the log is readable by root and by the gate; `reeve audit verify` says whether it holds")
    };
    read::is_there(log).map_err(unreadable)?;
    Ok(read::export(log, filter).map(move |entry| {
        let record = entry.map_err(unreadable)?.record;
        let input = record.detail.get("input").cloned().map(serde_json::from_value).transpose();
        let input = input.map_err(|error| {
            Failure::new(
                Exit::Failed,
                format!("record {} holds no input that is understood: {error}", record.seq),
            )
        })?;
        Ok((record, input))
    }))
}

async fn replay(args: &ReplayArgs, filter: Filter, engine: &PolicyEngine) -> Result<Tally, Failure> {
    let mut tally = Tally::default();
    for decided in recorded(&args.log, filter)? {
        let (record, Some(input)) = decided? else {
            tally.without_input += 1;
            continue;
        };
        let again = input.again_by(engine).await;
        let (verdict, rule) = (again.verdict, again.rule);
        tally.replayed += 1;
        if verdict == input.verdict {
            tally.renamed += usize::from(rule != input.rule);
            continue;
        }
        let flip = Flip { from: (input.verdict, input.rule), to: (verdict, rule) };
        let group = tally.flips.entry(flip).or_default();
        group.count += 1;
        if group.samples.len() < args.samples {
            let resource = input.asked.args.get("resource").and_then(Value::as_str).map(str::to_owned);
            let (seq, time, tool) = (record.seq, record.time, input.asked.tool);
            let (operation, principal, hosts) = (record.operation, record.principal, input.hosts);
            group.samples.push(Sample { seq, time, operation, principal, tool, resource, hosts });
        }
    }
    Ok(tally)
}

fn show(replayed: &Replayed, screen: Screen) -> Result<(), Failure> {
    let Replayed { operations, evaluations } = replayed;
    if screen.is_json() {
        let mut document = as_json(operations);
        document.insert("evaluations".to_owned(), Value::Object(as_json(evaluations)));
        return screen.document(&Value::Object(document));
    }
    show_tally(operations, screen)?;
    if evaluations.replayed + evaluations.without_input > 0 {
        screen.line("")?;
        screen.line(&paint("tools of other gateways", Tone::Strong))?;
        show_tally(evaluations, screen)?;
    }
    Ok(())
}

impl Tally {
    fn flipped(&self) -> usize {
        self.flips.values().map(|group| group.count).sum()
    }
}

fn as_json(tally: &Tally) -> Map<String, Value> {
    let side = |(verdict, rule): &(Verdict, String)| json!({"verdict": verdict.as_str(), "rule": rule});
    let flip = |(flip, group): (&Flip, &Group)| json!({"from": side(&flip.from), "to": side(&flip.to), "count": group.count, "samples": group.samples});
    let flips: Vec<Value> = tally.flips.iter().map(flip).collect();
    let counts = [
        ("replayed", json!(tally.replayed)),
        ("without_input", json!(tally.without_input)),
        ("renamed", json!(tally.renamed)),
        ("flipped", json!(tally.flipped())),
        ("flips", json!(flips)),
    ];
    counts.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn show_tally(tally: &Tally, screen: Screen) -> Result<(), Failure> {
    let count = |count: usize| count.to_string();
    screen.facts(&[
        ("decided again", Some(count(tally.replayed))),
        ("would flip", Some(count(tally.flipped()))),
        ("other rule", Some(format!("{}, with the same verdict", tally.renamed))),
        ("not asked", Some(format!("{}, by contract alone or too large", tally.without_input))),
    ])?;
    for (flip, group) in &tally.flips {
        let (from, to) = (&flip.from, &flip.to);
        screen.line(&format!(
            "{:>6}  {} by {}  →  {} by {}",
            group.count,
            coloured(from.0),
            harmless(&from.1),
            coloured(to.0),
            harmless(&to.1)
        ))?;
        for sample in &group.samples {
            let resource = sample.resource.as_deref().unwrap_or_default();
            let principal = sample.principal.as_deref().unwrap_or_default();
            let hosts = sample.hosts.join(" ");
            let text = format!("{}  {principal}  {} {resource}{hosts}", sample.time, sample.tool);
            screen.line(&paint(&format!("          {}", harmless(&text)), Tone::Faint))?;
        }
    }
    Ok(())
}
