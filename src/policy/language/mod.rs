//! The policy language: Starlark without clock, randomness, files or network, with verdicts, examples and a few helpers.
//!
//! Everything here runs in the worker process only: a few kilobytes of text can overflow the parser's stack, and one call
//! can take all memory there is. The limits in `limits` catch honest mistakes early; the worker's end is what holds.

mod builtins;
mod examples;
mod fixes;
mod helpers;
mod limits;
mod load;
mod profiles;
#[cfg(test)]
mod reference;
mod ruling;
mod session;
mod survey;
mod typos;

use starlark::environment::{FrozenModule, Module};
use starlark::eval::Evaluator;
use starlark::values::{OwnedFrozenValue, Value};

pub use helpers::HOURS;
pub(super) use ruling::Ruling;
pub use typos::CONTEXT;

use super::problem::{Place, Problem};
use super::source::PolicySource;
use super::wire::{Matched, MatchedIn, Question};
use profiles::Profiles;
use session::{RuleCall, Session};

/// How many things that are wrong are told of at once.
const MOST_TOLD: usize = 50;

/// How much of a line is shown, in characters.
const MOST_SHOWN: usize = 400;

/// A policy that has loaded and whose examples came out as expected.
pub(super) struct Policy {
    evaluate: OwnedFrozenValue,
    profiles: Profiles,
    found: Found,
}

/// What was seen of a policy while it loaded.
#[derive(Default)]
pub(super) struct Found {
    pub(super) examples: usize,
    pub(super) rules: usize,
    /// What looks wrong without being an error.
    pub(super) warnings: Vec<Problem>,
    /// Rules that no example comes to.
    pub(super) untried: Vec<Problem>,
    /// How many those are, which may be more than are told of.
    pub(super) untried_count: usize,
}

/// What came of a question.
pub(super) struct Ruled {
    pub(super) ruling: Ruling,
    /// What was returned, in order.
    pub(super) matched: Vec<Matched>,
    /// The rules that were come to.
    calls: Vec<RuleCall>,
}

impl Policy {
    /// Parses, runs the top level of every file, and then every example.
    pub(super) fn load(source: &PolicySource) -> Result<Self, Vec<Problem>> {
        let loaded = load::load(source).map_err(|problem| vec![problem])?;
        let file = &source.main().name;
        let evaluate = evaluate_function(&loaded.module, file).map_err(|problem| vec![problem])?;
        let profiles = Profiles::of(&loaded.module, file).map_err(|problem| vec![problem])?;
        let mut policy = Self { evaluate, profiles, found: Found::default() };
        let (mut failed, mut reached) = (Vec::new(), Vec::new());
        for example in &loaded.examples {
            match example.run(&policy) {
                Ok(calls) => reached.extend(calls),
                Err(problem) => failed.push(problem),
            }
        }
        if !failed.is_empty() {
            return Err(told(failed));
        }
        let untried = loaded.survey.untried(&reached);
        policy.found = Found {
            examples: loaded.examples.len(),
            rules: loaded.survey.rules(),
            warnings: told(loaded.warnings),
            untried_count: untried.len(),
            untried: told(untried),
        };
        Ok(policy)
    }

    pub(super) fn found(&self) -> &Found {
        &self.found
    }

    /// The principals that have a profile, in order.
    pub(super) fn profiles(&self) -> Vec<String> {
        self.profiles.names()
    }

    /// One decision, with what was returned, in order, when that is wanted. What fails is a refusal by `policy-error`.
    pub(super) fn rule(&self, question: &Question<'_>) -> (Ruling, Vec<Matched>) {
        match self.try_rule(question) {
            Ok(ruled) => (ruled.ruling, ruled.matched),
            Err(problem) => (Ruling::error(&problem), Vec::new()),
        }
    }

    fn try_rule(&self, question: &Question<'_>) -> Result<Ruled, Problem> {
        let session = Session::asking(question);
        let rulings = self.rulings(question, &session)?;
        let mut ruling = ruling::strictest_of(rulings.policy.iter().cloned());
        // A profile adds to what the policy says and takes nothing away, whatever it returns.
        if let Some(profile) = &rulings.profile {
            ruling = ruling::strictest(ruling, ruling::strictest_of(profile.iter().cloned()));
        }
        let calls = session.calls();
        let matched = if question.explain { rulings.matched(&calls) } else { Vec::new() };
        Ok(Ruled { ruling, matched, calls })
    }

    fn rulings(&self, question: &Question<'_>, session: &Session) -> Result<Rulings, Problem> {
        Module::with_temp_heap(|module| {
            let heap = module.heap();
            let arguments = [
                heap.alloc(question.tool.as_ref()),
                heap.alloc(&question.args),
                heap.alloc(&question.context),
            ];
            let mut evaluator = Evaluator::new(&module);
            evaluator.extra = Some(session.lent());
            limits::evaluation(&mut evaluator).map_err(|error| problem(&error))?;
            let evaluate = heap.access_owned_frozen_value(&self.evaluate);
            let policy = called(&mut evaluator, evaluate, &arguments)?;
            let policy = read(policy, EVALUATE)?;
            let profile = match self.profiles.of_caller(&heap, &question.context) {
                Some(function) => Some(called(&mut evaluator, function, &arguments)?),
                None => None,
            };
            // A profile that has nothing to say says nothing.
            let profile = profile.filter(|said| !said.is_none());
            let profile = profile.map(|said| read(said, profiles::NAME)).transpose()?;
            Ok(Rulings { policy, profile })
        })
    }
}

const EVALUATE: &str = "evaluate";

fn called<'v>(
    evaluator: &mut Evaluator<'v, '_, '_>,
    function: Value<'v>,
    arguments: &[Value<'v>],
) -> Result<Value<'v>, Problem> {
    evaluator.eval_function(function, arguments, &[]).map_err(|error| problem(&error))
}

fn read(said: Value<'_>, by: &str) -> Result<Vec<Ruling>, Problem> {
    ruling::read(said).map_err(|message| Problem::in_file(by, message))
}

/// What `evaluate` and the caller's profile returned, each in its order.
struct Rulings {
    policy: Vec<Ruling>,
    profile: Option<Vec<Ruling>>,
}

impl Rulings {
    /// Each with the place of the call that made it, as far as that can be told: a dict may be written out.
    fn matched(&self, calls: &[RuleCall]) -> Vec<Matched> {
        let mut open: Vec<Option<&RuleCall>> = calls.iter().map(Some).collect();
        let mut place_of = |ruling: &Ruling| {
            let made = |call: &&RuleCall| {
                call.verdict == ruling.verdict
                    && call.reason.as_deref().unwrap_or_default() == ruling.reason
                    && call.rule.as_ref().is_none_or(|rule| *rule == ruling.rule)
            };
            let found = open.iter_mut().find(|slot| slot.as_ref().is_some_and(made))?;
            found.take().map(|call| call.stands.clone())
        };
        let of_policy = self.policy.iter().map(|ruling| (MatchedIn::Policy, ruling));
        let of_profile = self.profile.iter().flatten().map(|ruling| (MatchedIn::Profile, ruling));
        let all = of_policy.chain(of_profile);
        all.map(|(within, ruling)| Matched {
            within,
            verdict: ruling.verdict,
            rule: ruling.rule.clone(),
            reason: ruling.reason.clone(),
            stands: place_of(ruling),
        })
        .collect()
    }
}

/// As many as anybody reads, and how many there are besides.
fn told(mut problems: Vec<Problem>) -> Vec<Problem> {
    let more = problems.len().saturating_sub(MOST_TOLD);
    if more > 0 {
        problems.truncate(MOST_TOLD);
        let file = problems.last().map(|problem| problem.file.clone()).unwrap_or_default();
        problems.push(Problem::in_file(&file, format!("and {more} more like these")));
    }
    problems
}

fn evaluate_function(module: &FrozenModule, file: &str) -> Result<OwnedFrozenValue, Problem> {
    let help = "write def evaluate(tool, args, context): and below it return deny(\"not yet\")";
    let wrong = |message: &str| Problem::in_file(file, message).help(help);
    let missing = |_missing| wrong("has no function evaluate(tool, args, context)");
    let evaluate = module.get(EVALUATE).map_err(missing)?;
    if evaluate.value().get_type() != "function" {
        return Err(wrong("evaluate is no function"));
    }
    Ok(evaluate)
}

/// An error of the interpreter as a problem at a place.
fn problem(error: &starlark::Error) -> Problem {
    let message = error.without_diagnostic().to_string().lines().collect::<Vec<_>>().join("; ");
    match error.span() {
        Some(span) => at_fixed(span, message),
        None => Problem { help: fixes::fix(&message), ..Problem::in_file("policy", message) },
    }
}

/// A problem at a place, with what would put it right where that can be told.
fn at_fixed(span: &starlark::codemap::FileSpan, message: impl Into<String>) -> Problem {
    let message = message.into();
    Problem { help: fixes::fix(&message), ..at(span, message) }
}

fn at(span: &starlark::codemap::FileSpan, message: impl Into<String>) -> Problem {
    let resolved = span.resolve_span();
    let text: String = span.file.source_line(resolved.begin.line).chars().take(MOST_SHOWN).collect();
    let end =
        if resolved.end.line == resolved.begin.line { resolved.end.column } else { text.chars().count() };
    let place = Place {
        line: resolved.begin.line + 1,
        column: resolved.begin.column + 1,
        width: end.saturating_sub(resolved.begin.column).clamp(1, MOST_SHOWN),
        text,
    };
    Problem { file: span.filename().to_owned(), place: Some(place), message: message.into(), help: None }
}
