//! Examples: a policy's own tests, without which it does not load.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Policy;
use crate::policy::Verdict;
use crate::policy::problem::Problem;
use crate::policy::wire::Question;

/// What a policy says about itself.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Example {
    pub(super) tool: String,
    pub(super) args: Value,
    pub(super) context: Value,
    pub(super) expect: Verdict,
    /// Where it stands, as a problem that has no words yet.
    pub(super) stands: Problem,
}

impl Example {
    /// What is wrong with it, if anything. An error is never what was expected, though it would decide as `deny` does.
    pub(super) fn run(&self, policy: &Policy) -> Option<Problem> {
        let question = Question {
            id: 0,
            tool: Cow::Borrowed(&self.tool),
            args: self.args.clone(),
            context: self.context.clone(),
        };
        let expect = self.expect.as_str();
        let came = match policy.try_rule(&question) {
            Ok(ruling) if ruling.verdict == self.expect => return None,
            Ok(ruling) => format!("{} ({:?})", ruling.verdict.as_str(), ruling.reason),
            Err(problem) => match &problem.place {
                Some(place) => format!("an error at line {}: {}", place.line, problem.message),
                None => format!("an error: {}", problem.message),
            },
        };
        let message = format!("this example expects {expect}, and what came out is {came}");
        Some(Problem { message, ..self.stands.clone() })
    }
}
