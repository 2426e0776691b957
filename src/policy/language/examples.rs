//! Examples: a policy's own tests, without which it does not load.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Policy;
use super::session::RuleCall;
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
    /// The rules that it came to; or what is wrong with it. An error is never what was expected, though it would decide
    /// as `deny` does.
    pub(super) fn run(&self, policy: &Policy) -> Result<Vec<RuleCall>, Problem> {
        let question = Question {
            id: 0,
            tool: Cow::Borrowed(&self.tool),
            args: self.args.clone(),
            context: self.context.clone(),
            explain: true,
        };
        let (came, help) = match policy.try_rule(&question) {
            Ok(ruled) if ruled.ruling.verdict == self.expect => return Ok(ruled.calls),
            Ok(ruled) => {
                let (verdict, rule) = (ruled.ruling.verdict.as_str(), &ruled.ruling.rule);
                let came = format!("{verdict} ({:?})", ruled.ruling.reason);
                (came, format!("write expect = \"{verdict}\" if that is right, or change the rule {rule}"))
            }
            Err(problem) => {
                let came = match &problem.place {
                    Some(place) => format!("an error at line {}: {}", place.line, problem.message),
                    None => format!("an error: {}", problem.message),
                };
                let help = problem.help.unwrap_or_else(|| {
                    "an example's args and context hold what it gives them and nothing else".to_owned()
                });
                (came, help)
            }
        };
        let message = format!("this example expects {}, and what came out is {came}", self.expect.as_str());
        Err(Problem { message, help: Some(help), ..self.stands.clone() })
    }
}
