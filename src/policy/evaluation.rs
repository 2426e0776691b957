//! A verdict about a tool that another gateway runs: the strictest about each host that its arguments name.

use serde_json::{Map, Value, json};

use super::engine::{PolicyEngine, PolicyInput};
use super::rules::{Asked, Input, Recent, Rules};
use super::screened::Looked;
use super::verdict::{PolicyDecision, Verdict};
use crate::domains::{Domain, DomainBounds, Found, found_in};
use crate::operation::secret::{Secrets, hidden};
use crate::principal::PrincipalName;
use crate::screening::settings::{Mode, Stage};
use crate::shield::Shielded;

/// The most hosts that a call may name: each is decided about.
const MOST_DOMAINS: usize = 64;

/// What a verdict is wanted about.
#[derive(Debug)]
pub struct ToolCall<'a> {
    /// Who asks, by certificate.
    pub caller: &'a PrincipalName,
    /// The tool's name.
    pub tool: &'a str,
    /// Its arguments.
    pub args: &'a Map<String, Value>,
    /// The circumstances, as the caller tells them.
    pub context: &'a Map<String, Value>,
    /// This host's name.
    pub host: &'a str,
    /// The time.
    pub now_ms: u64,
    /// How often the caller asked lately.
    pub recent: &'a Recent,
    /// What stands in place of what is known of all this: for trying rules out, and empty where something is decided.
    pub instead: &'a Map<String, Value>,
}

/// A verdict, and what it is about.
#[derive(Debug)]
pub struct Evaluated {
    /// What was decided.
    pub decision: PolicyDecision,
    /// What the policy was asked and what came of it, so that it can be decided again; nothing where it was not asked.
    pub input: Option<Input>,
    /// The hosts that the arguments name.
    pub found: Found,
    /// What screening found in them.
    pub looked: Looked,
}

impl Rules {
    /// The strictest of what the caller's contract says of the hosts that the arguments name, and what the policy says with each of
    /// them as `context["domain"]`. Of the circumstances, what Reeve knows itself is never taken from the caller.
    pub async fn evaluate(&self, call: &ToolCall<'_>) -> Evaluated {
        let found = domains_of(call);
        let contract = self.contracts.get(call.caller);
        let deny = |rule: &str, reason: &str| PolicyDecision::deny(rule, reason, self.revision.clone());
        if let Some(Err(refusal)) = contract.map(|contract| contract.check_domains(&found)) {
            return refused(deny(refusal.rule, &refusal.reason), found);
        }
        if found.domains.len() > MOST_DOMAINS {
            let reason = format!("the arguments name more than {MOST_DOMAINS} hosts");
            return refused(deny("too-many-domains", &reason), found);
        }
        let asked = self.asked_about(call, &found);
        // Where a host stands in place of those that are found, all of them would be asked the same.
        let is_one = call.instead.contains_key("domain");
        let names = found.domains.iter().filter(|_| !is_one).map(|domain| domain.as_str().to_owned());
        let hosts: Vec<String> = names.collect();
        let decision = about_each(&self.engine, &asked, &hosts).await;
        let (verdict, rule) = (decision.verdict, decision.rule.clone());
        let is_screened = self.screening.mode(Stage::Arguments) != Mode::Off;
        let texts =
            is_screened.then(|| (Stage::Arguments, json!({"args": call.args, "context": call.context})));
        let looked = Looked::at(&self.screening, texts.into_iter().collect());
        let (looked, shielded) = tokio::join!(looked, self.shield_against(call, verdict));
        let looked = looked.and(shielded);
        let input = Input { asked, hosts, contract: Verdict::Allow, verdict, rule };
        Evaluated { decision: looked.tighten(decision), input: Some(input), found, looked }
    }

    /// What Prompt Shields say; nothing where it is no already.
    async fn shield_against(&self, call: &ToolCall<'_>, verdict: Verdict) -> Option<Shielded> {
        if verdict == Verdict::Deny || !self.shield.asks(Stage::Arguments) {
            return None;
        }
        // What leaves the host has no secret in it.
        let told = json!({"args": call.args, "context": call.context});
        self.shield.look_at(Stage::Arguments, &hidden(&told)).await
    }

    /// What the policy is asked, and what the log holds of it: secrets by their digests, in what the caller says of the
    /// circumstances as well.
    fn asked_about(&self, call: &ToolCall<'_>, found: &Found) -> Asked {
        let (args, said) = (Value::Object(call.args.clone()), Value::Object(call.context.clone()));
        let secrets = Secrets::of(&json!([args, said]));
        let mut context = secrets.hidden(&said);
        if let Value::Object(context) = &mut context {
            context.extend(self.known_of(call, found));
            context.extend(call.instead.clone());
        }
        Asked { tool: call.tool.to_owned(), args: secrets.hidden(&args), context }
    }

    /// What rules may know of hosts: those that the arguments name, and which of them are in which list.
    pub(super) fn about_domains(&self, caller: &PrincipalName, found: &Found) -> Map<String, Value> {
        let names: Vec<&str> = found.domains.iter().map(Domain::as_str).collect();
        let bounds = self.contracts.get(caller).map(|contract| contract.domains()).unwrap_or_default();
        let allowed: Vec<&str> = bounds.iter().flat_map(DomainBounds::allowed).collect();
        let denied: Vec<&str> = bounds.iter().flat_map(DomainBounds::denied).collect();
        let about = [
            ("domain", json!(names.first())),
            ("domains", json!(names)),
            ("domains_unreadable", json!(found.unreadable)),
            ("domain_lists", self.lists.matches(found)),
            ("agent_allowed_domains", json!(allowed)),
            ("agent_denied_domains", json!(denied)),
        ];
        about.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }

    fn known_of(&self, call: &ToolCall<'_>, found: &Found) -> Map<String, Value> {
        let known = [
            ("agent_id", json!(call.caller)),
            ("roles", json!(self.roles_of(call.caller))),
            ("host", json!(call.host)),
            ("scheduled", json!(false)),
            ("now", json!(call.now_ms / 1000)),
            ("recent", json!(call.recent)),
            ("effect", json!("unknown")),
            ("reversible", json!(false)),
            ("effects", Value::Null),
        ];
        let known = known.map(|(name, value)| (name.to_owned(), value));
        known.into_iter().chain(self.about_domains(call.caller, found)).collect()
    }
}

fn refused(decision: PolicyDecision, found: Found) -> Evaluated {
    Evaluated { decision, input: None, found, looked: Looked::default() }
}

/// The strictest that a policy says of the same with each of these hosts as `context["domain"]`; asked once where there is none.
pub(super) async fn about_each(engine: &PolicyEngine, asked: &Asked, hosts: &[String]) -> PolicyDecision {
    let Some((first, others)) = hosts.split_first() else { return engine.decide(&asked.input()).await };
    let mut strictest = engine.decide(&about(asked, first)).await;
    for host in others {
        if strictest.verdict == Verdict::Deny {
            break;
        }
        strictest = strictest.strictest(engine.decide(&about(asked, host)).await);
    }
    strictest
}

fn about<'a>(asked: &'a Asked, host: &str) -> PolicyInput<'a> {
    let mut input = asked.input();
    if let Value::Object(context) = &mut input.context {
        context.insert("domain".to_owned(), json!(host));
    }
    input
}

/// The hosts that the arguments name, and the one that the caller names besides: it can only add.
fn domains_of(call: &ToolCall<'_>) -> Found {
    let said = call.context.get("domain").cloned().unwrap_or_default();
    found_in(&json!({"args": call.args, "domain": said}))
}
