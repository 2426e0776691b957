//! Verdicts about tools that other gateways run: the identity is the certificate's, and nothing is done.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::Gate;
use super::protocol::{Answer, Problem};
use super::record::with_input;
use super::shadow::Lived;
use crate::audit::{Event, EventKind};
use crate::domains::{Domain, Found};
use crate::operation::{Digest, named};
use crate::policy::{Evaluated, PolicyDecision, ToolCall};
use crate::principal::PrincipalName;

/// The most hosts that a record names.
const MOST_RECORDED: usize = 64;

impl Gate {
    /// A verdict about a tool that another gateway runs. Of the circumstances, what Reeve knows itself is never taken
    /// from the caller; Reeve's own operations are answered only where the caller's contract has them.
    pub(super) async fn evaluate(
        self: &Arc<Self>,
        caller: &PrincipalName,
        tool: &str,
        args: Map<String, Value>,
        context: Map<String, Value>,
    ) -> Result<Answer, Problem> {
        self.known(caller)?;
        let rules = self.rules.load_full();
        let now_ms = self.now_ms();
        let event = Event::new(EventKind::Evaluation)
            .principal(caller.as_str())
            .with("tool", tool)
            .with("args_digest", Digest::of(&Value::Object(args.clone())).as_str());
        let contract = rules.contracts.get(caller);
        let event = match contract.map(|contract| contract.digest().as_str()) {
            Some(digest) => event.with("contract", digest),
            None => event,
        };
        let granted = named(tool).is_none() || contract.is_some_and(|contract| contract.has(tool));
        let (decision, event, input) = if granted {
            let (host, recent) = (self.identity.name.as_str(), &self.history.of(caller, now_ms));
            let call = ToolCall {
                caller,
                tool,
                args: &args,
                context: &context,
                host,
                now_ms,
                recent,
                instead: &Map::new(),
            };
            let Evaluated { decision, input, found, looked } = rules.evaluate(&call).await;
            self.count_screened(&looked);
            let event = told_of_domains(event, &found);
            let event = match looked.shown() {
                Some(shown) => event.with("screening", shown),
                None => event,
            };
            (decision, event, input)
        } else {
            let reason = "the caller's contract does not have this";
            (PolicyDecision::deny("contract", reason, rules.revision.clone()), event, None)
        };
        self.metrics.decided("tool", "other", decision.verdict.as_str());
        let event = event.with("verdict", decision.verdict.as_str()).with("rule", decision.rule);
        let event = event.with("rules", rules.revision.as_str());
        let receipt = self.record(with_input(event, input.as_ref())).await?;
        self.try_beside(
            input.map(|input| Lived::evaluated(caller, input, (rules.revision.clone(), receipt.seq))),
        );
        Ok(Answer::Verdict { verdict: decision.verdict.as_str().to_owned(), reason: decision.reason })
    }
}

/// As many of the hosts that arguments name as a record holds, and how many there are.
fn told_of_domains(event: Event, found: &Found) -> Event {
    let names: Vec<&str> = found.domains.iter().take(MOST_RECORDED).map(Domain::as_str).collect();
    if names.is_empty() && found.unreadable == 0 {
        return event;
    }
    event
        .with("domains", json!(names))
        .with("domains_count", json!(found.domains.len()))
        .with("domains_unreadable", json!(found.unreadable))
}
