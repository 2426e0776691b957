//! `reeve approver drill`: root tries whether those who may approve are reached, answer, and read what they answer.

use std::time::Duration;

use clap::Args;
use serde_json::Value;

use super::super::block_on;
use super::super::gate::{GateArgs, LocalGate, mismatch};
use crate::cli::ask;
use crate::cli::exit::{Exit, Failure};
use crate::cli::screen::{Screen, harmless};
use crate::gate::protocol::{Answer, Call, Drill};
use crate::operation::Submission;
use crate::principal::PrincipalName;

/// How often it is asked whether it is over.
const LOOK: Duration = Duration::from_millis(500);

/// Try whether people are reached, answer, and see what is wrong
#[derive(Debug, Args)]
#[command(after_help = "\
Each of those who would be asked gets the request as it would be in earnest, and nothing can come of
any answer. Whoever answers hears that it was a drill, and so does everybody else at its end. What
they are asked is what people were asked last, or, with --as, what that agent would have to ask
people for now. With --claiming, the reason speaks of another name than the command: whoever reads
says no.

The exit code is 0 when everybody answered, and nobody said yes to a wrong target; else 1.

Examples:
  reeve approver drill
  reeve approver drill --claiming tank/media@older --within 5m
  reeve approver drill --as librarian zfs destroy tank/media@old")]
pub(super) struct DrillArgs {
    /// Seed a wrong target: the reason speaks of NAME, the command is about something else
    #[arg(long, value_name = "NAME")]
    claiming: Option<String>,
    /// How long people have to answer
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = humantime::parse_duration)]
    within: Duration,
    /// The agent that would ask
    #[arg(long = "as", value_name = "AGENT", requires = "resource", conflicts_with = "last")]
    agent: Option<String>,
    /// Of what kind: zfs, systemd, pct, git, ansible, tool
    #[arg(requires = "agent")]
    kind: Option<String>,
    /// What it would do
    #[arg(requires = "resource")]
    op: Option<String>,
    /// To what
    #[arg(requires = "kind")]
    resource: Option<String>,
    /// A parameter, more than once if need be
    #[arg(long, short, value_name = "NAME=VALUE", requires = "resource")]
    param: Vec<String>,
    /// Only show the report of the last one
    #[arg(long, conflicts_with_all = ["claiming", "within"])]
    last: bool,
    #[command(flatten)]
    gate: GateArgs,
}

impl DrillArgs {
    fn of(&self) -> Result<Option<Box<(PrincipalName, Submission)>>, Failure> {
        let (Some(agent), Some(kind), Some(op), Some(resource)) =
            (&self.agent, &self.kind, &self.op, &self.resource)
        else {
            return Ok(None);
        };
        let no_name = |_no_name| Failure::new(Exit::Usage, format!("{agent:?} is no agent's name"));
        let agent = PrincipalName::try_from(agent.clone()).map_err(no_name)?;
        let operation = ask::operation(kind, op, resource, &self.param)?;
        let submission = Submission { operation, reason: None, run_id: None, on_behalf_of: None };
        Ok(Some(Box::new((agent, submission))))
    }
}

/// Runs `reeve approver drill`.
pub(super) fn run(args: &DrillArgs, screen: Screen) -> Result<Exit, Failure> {
    let gate = args.gate.gate()?;
    let of = args.of()?;
    block_on(async {
        let begin = Drill::Begin { of, claims: args.claiming.clone(), within_s: args.within.as_secs() };
        let mut report = step(&gate, if args.last { Drill::Report } else { begin }).await?;
        if !args.last {
            screen.note(&format!("asked, until {}", text(&report, "/expires_at")));
            while report.get("final") != Some(&Value::Bool(true)) {
                tokio::time::sleep(LOOK).await;
                report = step(&gate, Drill::Report).await?;
            }
        }
        shown(&report, screen)
    })
}

async fn step(gate: &LocalGate<'_>, step: Drill) -> Result<Value, Failure> {
    let Answer::Document(document) = gate.ask(Call::Drill(step)).await? else { return Err(mismatch()) };
    Ok(document)
}

fn text(document: &Value, path: &str) -> String {
    document.pointer(path).and_then(Value::as_str).map(harmless).unwrap_or_default()
}

fn shown(report: &Value, screen: Screen) -> Result<Exit, Failure> {
    let people = report.get("people").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let missed = report.get("missed").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let is_right = |person: &Value| person.get("outcome").and_then(Value::as_str) == Some("right");
    let exit = if people.iter().all(is_right) && missed.is_empty() { Exit::Done } else { Exit::Failed };
    if screen.is_json() {
        screen.document(report)?;
        return Ok(exit);
    }
    screen.line(&format!("{} asks: {}", text(report, "/as"), text(report, "/command")))?;
    let claims = report.get("claims").and_then(Value::as_str).map(harmless);
    screen.facts(&[
        ("claims", claims),
        ("asked", Some(text(report, "/asked_at"))),
        ("until", Some(text(report, "/expires_at"))),
    ])?;
    let mut rows: Vec<Vec<String>> = people.iter().map(row).collect();
    rows.extend(missed.iter().map(|name| {
        let name = harmless(name.as_str().unwrap_or_default());
        vec![name, "-".to_owned(), "-".to_owned(), "could not be reached".to_owned()]
    }));
    screen.table(&["who", "answer", "after", "outcome"], &rows)?;
    Ok(exit)
}

fn row(person: &Value) -> Vec<String> {
    let after = person.get("after_ms").and_then(Value::as_u64);
    let after = after.map_or("-".to_owned(), |ms| format!("{}.{} s", ms / 1000, ms % 1000 / 100));
    let answer = person.get("answer").and_then(Value::as_str).unwrap_or("-");
    let is_sent = person.get("sent") == Some(&Value::Bool(true));
    let outcome = match person.get("outcome").and_then(Value::as_str) {
        Some("right") => "as it should be",
        Some("wrong") => "said yes to the wrong target",
        _ if is_sent => "no answer",
        _ => "could not be reached",
    };
    vec![text(person, "/name"), harmless(answer), after, outcome.to_owned()]
}
