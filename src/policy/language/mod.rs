//! The policy language: Starlark without clock, randomness, files or network, with `allow`, `deny`, `review`, `under` and `example`.
//!
//! Everything here runs in the worker process only: a few kilobytes of text can overflow the parser's stack, and one call
//! can take all memory there is. The limits in `limits` catch honest mistakes early; the worker's end is what holds.

mod builtins;
mod examples;
mod limits;
mod load;
mod ruling;

use starlark::environment::{FrozenModule, Module};
use starlark::eval::Evaluator;
use starlark::values::OwnedFrozenValue;

pub(super) use ruling::Ruling;

use super::problem::{Place, Problem};
use super::source::PolicySource;
use super::wire::Question;

/// A policy that has loaded and whose examples came out as expected.
pub(super) struct Policy {
    evaluate: OwnedFrozenValue,
    examples: usize,
    warnings: Vec<Problem>,
}

impl Policy {
    /// Parses, runs the top level of every file, and then every example.
    pub(super) fn load(source: &PolicySource) -> Result<Self, Vec<Problem>> {
        let loaded = load::load(source).map_err(|problem| vec![problem])?;
        let evaluate =
            evaluate_function(&loaded.module, &source.main().name).map_err(|problem| vec![problem])?;
        let policy = Self { evaluate, examples: loaded.examples.len(), warnings: loaded.warnings };
        let failed: Vec<Problem> =
            loaded.examples.iter().filter_map(|example| example.run(&policy)).collect();
        if failed.is_empty() { Ok(policy) } else { Err(failed) }
    }

    pub(super) fn examples(&self) -> usize {
        self.examples
    }

    pub(super) fn warnings(&self) -> &[Problem] {
        &self.warnings
    }

    /// One decision. What fails is a refusal by the rule `policy-error`.
    pub(super) fn rule(&self, question: &Question<'_>) -> Ruling {
        self.try_rule(question).unwrap_or_else(|problem| Ruling::error(&problem))
    }

    fn try_rule(&self, question: &Question<'_>) -> Result<Ruling, Problem> {
        Module::with_temp_heap(|module| {
            let heap = module.heap();
            let arguments = [
                heap.alloc(question.tool.as_ref()),
                heap.alloc(&question.args),
                heap.alloc(&question.context),
            ];
            let mut evaluator = Evaluator::new(&module);
            let evaluate = heap.access_owned_frozen_value(&self.evaluate);
            limits::evaluation(&mut evaluator)
                .and_then(|()| evaluator.eval_function(evaluate, &arguments, &[]))
                .map_err(|error| problem(&error))
                .and_then(|value| {
                    ruling::read(value).map_err(|message| Problem::in_file("evaluate", message))
                })
        })
    }
}

fn evaluate_function(module: &FrozenModule, file: &str) -> Result<OwnedFrozenValue, Problem> {
    let missing = "has no function evaluate(tool, args, context)";
    let evaluate = module.get("evaluate").map_err(|_missing| Problem::in_file(file, missing))?;
    if evaluate.value().get_type() != "function" {
        return Err(Problem::in_file(
            file,
            "evaluate is no function: write def evaluate(tool, args, context):",
        ));
    }
    Ok(evaluate)
}

/// An error of the interpreter as a problem at a place.
fn problem(error: &starlark::Error) -> Problem {
    let message = error.without_diagnostic().to_string().lines().collect::<Vec<_>>().join("; ");
    match error.span() {
        Some(span) => at(span, message),
        None => Problem::in_file("policy", message),
    }
}

fn at(span: &starlark::codemap::FileSpan, message: impl Into<String>) -> Problem {
    let resolved = span.resolve_span();
    let text = span.file.source_line(resolved.begin.line).to_owned();
    let end =
        if resolved.end.line == resolved.begin.line { resolved.end.column } else { text.chars().count() };
    let place = Place {
        line: resolved.begin.line + 1,
        column: resolved.begin.column + 1,
        width: end.saturating_sub(resolved.begin.column).max(1),
        text,
    };
    Problem { file: span.filename().to_owned(), place: Some(place), message: message.into() }
}
