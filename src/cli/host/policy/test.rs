//! `reeve policy test`: a directory of cases, each decided as the gate would decide it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use serde_json::{Map, Value, json};

use super::cases::{self, Case, What};
use super::{POLICY, junit, rules, source, whole};
use crate::cli::exit::{Exit, Failure, with_causes};
use crate::cli::host::block_on;
use crate::cli::screen::{Screen, Tone, harmless, paint};
use crate::policy::{KeepFor, PolicyDecision, PolicySource, Question, Quorum, ReviewTerms, Rules, ToolCall};

/// The host that cases are about.
const HOST: &str = "host01";

/// Decide a directory of cases, and say which do not come out as they should
#[derive(Debug, Args)]
#[command(after_help = "\
DIR holds cases in TOML files, in itself or in DIR/cases. What is tested is DIR/policy.star with
DIR/contracts, where they are there and no others are named; without contracts, the policy alone.

  [[case]]
  name = \"destroying asks the storage people\"
  as = \"librarian\"
  operation = \"zfs.destroy\"
  resource = \"tank/media@old\"
  expect = \"review\"
  group = \"storage\"

Examples:
  reeve policy test ./policy
  reeve policy test ./policy --policy /etc/reeve/policy.star --junit report.xml

The exit code is 0 when every case comes out as it should, else 1.")]
pub(super) struct TestArgs {
    /// The directory of cases
    directory: PathBuf,
    /// The policy
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// The directory of contracts
    #[arg(long, value_name = "DIR")]
    contracts: Option<PathBuf>,
    /// Write the results to this file as JUnit XML, too
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
}

/// A case, and what is wrong with what came of it.
pub(super) struct Outcome {
    pub(super) case: Case,
    pub(super) wrong: Vec<String>,
}

pub(super) fn run(args: &TestArgs, screen: Screen) -> Result<Exit, Failure> {
    let directory = whole(&args.directory)?;
    let cases = cases_of(&directory)?;
    let policy = args.policy.clone().unwrap_or_else(|| there(&directory, "policy.star", POLICY));
    let source = source(&policy)?;
    let contracts =
        args.contracts.clone().or_else(|| Some(directory.join("contracts")).filter(|path| path.is_dir()));
    let outcomes = block_on(decide(cases, contracts.as_deref(), source))?;
    if let Some(path) = &args.junit {
        std::fs::write(path, junit::report(&outcomes))
            .map_err(|error| Failure::new(Exit::Failed, format!("{}: {error}", path.display())))?;
    }
    show(&outcomes, screen)
}

fn there(directory: &Path, name: &str, otherwise: &str) -> PathBuf {
    let beside = directory.join(name);
    if beside.is_file() { beside } else { PathBuf::from(otherwise) }
}

fn cases_of(directory: &Path) -> Result<Vec<Case>, Failure> {
    let failed = |error| Failure::new(Exit::Failed, with_causes(&error));
    let mut cases = cases::read(directory).map_err(failed)?;
    let below = directory.join("cases");
    if below.is_dir() {
        cases.extend(cases::read(&below).map_err(failed)?);
    }
    if cases.is_empty() {
        return Err(Failure::new(Exit::Failed, format!("{} has no cases", directory.display()))
            .hint("write a [[case]] into a .toml file there; `reeve help policy test` shows one"));
    }
    Ok(cases)
}

/// What cases are decided by: the policy, and contracts where there are any.
struct Judge {
    rules: Rules,
    has_contracts: bool,
}

async fn decide(
    cases: Vec<Case>,
    contracts: Option<&Path>,
    source: PolicySource,
) -> Result<Vec<Outcome>, Failure> {
    let rules = rules(contracts, source).await?;
    let judge = Judge { rules, has_contracts: contracts.is_some() };
    let mut outcomes = Vec::new();
    for case in cases {
        let decision = judge.decide(&case).await;
        let wrong = wrong(&case, &decision);
        outcomes.push(Outcome { case, wrong });
    }
    Ok(outcomes)
}

impl Judge {
    async fn decide(&self, case: &Case) -> PolicyDecision {
        let (rules, caller) = (&self.rules, &case.caller);
        match &case.what {
            What::Operation(submission) => {
                let (now_ms, recent) = (case.now_ms, case.recent.clone());
                let question = Question {
                    caller,
                    submission,
                    effects: None,
                    past: None,
                    scheduled: false,
                    host: HOST,
                    now_ms,
                    recent,
                };
                let mut asked = rules.asked(&question);
                if let Value::Object(context) = &mut asked.context {
                    context.extend(case.context.clone());
                }
                if self.has_contracts {
                    return rules.explain(&question, &asked).await.decision;
                }
                rules.engine.decide(&asked.input()).await
            }
            What::Tool(tool, args) => {
                let none = Map::new();
                let args = args.as_object().unwrap_or(&none);
                let (now_ms, recent, instead) = (case.now_ms, &case.recent, &case.context);
                let call =
                    ToolCall { caller, tool, args, context: &none, host: HOST, now_ms, recent, instead };
                rules.evaluate(&call).await.decision
            }
        }
    }
}

/// What is not as the case says.
fn wrong(case: &Case, decision: &PolicyDecision) -> Vec<String> {
    let expect = &case.expect;
    let mut wrong = Vec::new();
    if decision.verdict != expect.verdict {
        wrong.push(format!(
            "expects {}, and what came out is {} by {} ({:?})",
            expect.verdict.as_str(),
            decision.verdict.as_str(),
            decision.rule,
            decision.reason
        ));
    }
    let mut compare = |what: &str, expected: Option<String>, came: Option<String>| {
        if expected.is_some() && expected != came {
            let came = came.unwrap_or_else(|| "nothing".to_owned());
            wrong.push(format!(
                "expects {what} {}, and what came out is {came}",
                expected.unwrap_or_default()
            ));
        }
    };
    let (quorum, timing) =
        (decision.terms.as_ref().map(ReviewTerms::quorum), decision.terms.as_ref().map(ReviewTerms::timing));
    let groups = quorum.map(Quorum::groups).filter(|groups| !groups.is_empty());
    let names = |groups: &BTreeMap<String, u32>| groups.keys().cloned().collect::<Vec<_>>().join(" and ");
    let time = |time: Duration| humantime::format_duration(time).to_string();
    let count = |count: u32| count.to_string();
    compare("the rule", expect.rule.clone(), Some(decision.rule.clone()));
    compare("approvals", expect.approvals.map(count), quorum.map(Quorum::needed).map(count));
    compare("the group", expect.group.clone(), groups.map(names));
    compare("the groups", expect.groups.as_ref().map(numbers), groups.map(numbers));
    compare("hold", expect.hold.map(time), timing.map(|timing| time(timing.hold)));
    let window = timing.and_then(|timing| timing.window);
    compare("window", expect.window.map(String::from), window.map(String::from));
    compare("keep", expect.keep.map(time), decision.keep.map(KeepFor::time).map(time));
    wrong
}

/// `1 of owners, 2 of storage`.
fn numbers(groups: &BTreeMap<String, u32>) -> String {
    let one = |(name, number): (&String, &u32)| format!("{number} of {name}");
    groups.iter().map(one).collect::<Vec<_>>().join(", ")
}

fn show(outcomes: &[Outcome], screen: Screen) -> Result<Exit, Failure> {
    let failed = outcomes.iter().filter(|outcome| !outcome.wrong.is_empty()).count();
    let exit = if failed == 0 { Exit::Done } else { Exit::Failed };
    if screen.is_json() {
        let cases: Vec<Value> = outcomes
            .iter()
            .map(|outcome| {
                let case = &outcome.case;
                json!({"name": case.name, "file": case.file, "line": case.line, "ok": outcome.wrong.is_empty(), "wrong": outcome.wrong})
            })
            .collect();
        screen.document(&json!({"ok": failed == 0, "cases": cases}))?;
        return Ok(exit);
    }
    for outcome in outcomes {
        let case = &outcome.case;
        let sign = if outcome.wrong.is_empty() { paint("✓", Tone::Good) } else { paint("✗", Tone::Bad) };
        screen.line(&format!("{sign} {}", harmless(&case.name)))?;
        for wrong in &outcome.wrong {
            let place = format!("{}:{}", case.file.display(), case.line);
            screen.line(&format!("    {}: {}", harmless(&place), harmless(wrong)))?;
        }
    }
    screen.line(&format!("{} of {} come out as they should", outcomes.len() - failed, outcomes.len()))?;
    Ok(exit)
}
