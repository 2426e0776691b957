//! The rules in force: contracts and policy, with one digest over both.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Map, Value, json};

use crate::adapter::{Effects, Plan};
use crate::grant::RunAs;
use crate::operation::{Digest, Effect, Submission};
use crate::policy::{ContractGrant, Contracts, PolicyDecision, PolicyEngine, PolicyInput, Refusal, Verdict};
use crate::principal::PrincipalName;

const HOUR_MS: u64 = 3_600_000;

/// Contracts and policy, loaded together.
pub(super) struct Rules {
    pub(super) contracts: Contracts,
    pub(super) engine: Arc<PolicyEngine>,
    pub(super) revision: Digest,
}

/// What a decision is made from, besides the rules.
pub(super) struct Question<'a> {
    pub(super) caller: &'a PrincipalName,
    pub(super) submission: &'a Submission,
    pub(super) plan: Option<&'a Plan>,
    /// The gate itself asks, since what was put aside has been kept for its time.
    pub(super) scheduled: bool,
    pub(super) host: &'a str,
    pub(super) now_ms: u64,
}

impl Rules {
    pub(super) fn new(contracts: Contracts, engine: PolicyEngine) -> Self {
        let revision = Digest::of(&json!([contracts.revision(), engine.revision()]));
        Self { contracts, engine: Arc::new(engine), revision }
    }

    /// The digests of contracts and policy.
    pub(super) fn parts(&self) -> (Digest, Digest) {
        (self.contracts.revision().clone(), self.engine.revision())
    }

    /// The strictest of contract and policy. The contract alone decides what the policy never sees.
    pub(super) async fn decide(&self, question: &Question<'_>, recent: &Recent) -> PolicyDecision {
        let by_contract = self.by_contract(question);
        if by_contract.verdict == Verdict::Deny {
            return by_contract;
        }
        let operation = &question.submission.operation;
        let mut args = operation.params();
        args.insert("resource".to_owned(), json!(operation.resource()));
        let context = self.context(question, recent);
        let tool = operation.tool();
        let input = PolicyInput { tool: &tool, args: Value::Object(args), context };
        let by_policy = self.engine.decide(&input).await;
        let mut decision = by_policy.strictest(by_contract);
        decision.revision = self.revision.clone();
        decision
    }

    /// What the caller's contract says, before the policy is asked.
    pub(super) fn by_contract(&self, question: &Question<'_>) -> PolicyDecision {
        let deny = |rule: &str, reason: &str| PolicyDecision::deny(rule, reason, self.revision.clone());
        let Some(contract) = self.contracts.get(question.caller) else {
            return deny("no-contract", "the caller has no contract on this host");
        };
        let granted = match contract.check(&question.submission.operation) {
            Ok(granted) => granted,
            Err(refusal) => return deny(refusal.rule, &refusal.reason),
        };
        if let Some(plan) = question.plan
            && let Err(refusal) = within(&granted, &plan.effects)
        {
            return deny(refusal.rule, &refusal.reason);
        }
        PolicyDecision {
            verdict: granted.at_least(),
            rule: "contract".to_owned(),
            reason: "the caller's contract".to_owned(),
            terms: None,
            keep: None,
            revision: self.revision.clone(),
        }
    }

    /// The Unix user that steps run as: root when the contract names none for this operation, nobody when it does not
    /// grant it (any more).
    pub(super) fn run_as(&self, caller: &PrincipalName, submission: &Submission) -> Option<RunAs> {
        let granted = self.contracts.get(caller)?.check(&submission.operation).ok()?;
        Some(granted.run_as().map_or(RunAs::Root, |user| RunAs::User(user.to_owned())))
    }

    /// Sets what Reeve knows in the circumstances of a tool that it does not run.
    pub(super) fn stand_in_context(
        &self,
        caller: &PrincipalName,
        host: &str,
        (now_ms, recent): (u64, &Recent),
        context: &mut Map<String, Value>,
    ) {
        let roles = self.contracts.get(caller).map(|contract| contract.roles().clone()).unwrap_or_default();
        let known = [
            ("agent_id", json!(caller)),
            ("roles", json!(roles)),
            ("host", json!(host)),
            ("scheduled", json!(false)),
            ("now", json!(now_ms / 1000)),
            ("recent", recent.counts(caller, now_ms)),
            ("effect", json!("unknown")),
            ("reversible", json!(false)),
            ("effects", Value::Null),
            ("domain_lists", json!({})),
            ("agent_allowed_domains", json!([])),
            ("agent_denied_domains", json!([])),
        ];
        context.extend(known.map(|(name, value)| (name.to_owned(), value)));
    }

    fn context(&self, question: &Question<'_>, recent: &Recent) -> Value {
        let operation = &question.submission.operation;
        let effects = question.plan.map(|plan| &plan.effects);
        let roles = self.contracts.get(question.caller).map(|contract| contract.roles().clone());
        json!({
            "agent_id": question.caller,
            "roles": roles.unwrap_or_default(),
            "on_behalf_of": question.submission.on_behalf_of,
            "host": question.host,
            "scheduled": question.scheduled,
            "effect": operation.effect(),
            "reversible": effects.map_or(operation.effect() == Effect::Read, |effects| effects.reversible),
            "effects": effects,
            "now": question.now_ms / 1000,
            "recent": recent.counts(question.caller, question.now_ms),
            "domain": null,
            "domain_lists": {},
            "agent_allowed_domains": [],
            "agent_denied_domains": [],
        })
    }
}

/// Whether what would happen is within the contract, which the operation alone cannot tell: clones can be anywhere.
fn within(granted: &ContractGrant, effects: &Effects) -> Result<(), Refusal> {
    let objects = u64::try_from(effects.objects.len()).unwrap_or(u64::MAX);
    granted.check_effects(objects, effects.bytes_freed)?;
    let there_now = effects.objects.iter().filter(|object| object.guid.is_some());
    granted.check_names(there_now.map(|object| object.name.as_str()))
}

/// How often callers asked lately: an input of rules, kept here so that rules need no memory of their own.
#[derive(Default)]
pub(super) struct Recent {
    asked: Mutex<HashMap<PrincipalName, VecDeque<u64>>>,
}

/// The most that is counted for one caller.
const MOST_COUNTED: usize = 10_000;

impl Recent {
    pub(super) fn note(&self, caller: &PrincipalName, now_ms: u64) {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let times = asked.entry(caller.clone()).or_default();
        times.push_back(now_ms);
        while times.len() > MOST_COUNTED || times.front().is_some_and(|first| first + HOUR_MS < now_ms) {
            times.pop_front();
        }
    }

    fn counts(&self, caller: &PrincipalName, now_ms: u64) -> Value {
        let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let within = |window: u64| {
            let times = asked.get(caller);
            times.map_or(0, |times| times.iter().rev().take_while(|at| **at + window >= now_ms).count())
        };
        json!({"minute": within(60_000), "hour": within(HOUR_MS)})
    }
}
