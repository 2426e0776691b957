//! The rules in force: contracts and policy, with one digest over both. The strictest of both decides.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::contract::{Circumstances, ContractGrant, Contracts, Refusal};
use super::engine::{PolicyEngine, PolicyInput};
use super::evaluation::about_each;
use super::screened::Looked;
use super::verdict::{PolicyDecision, ReviewTerms, Verdict};
use super::wire::Matched;
use crate::adapter::{Effects, Past};
use crate::domains::{DomainLists, found_in};
use crate::grant::RunAs;
use crate::operation::{Digest, Effect, Operation, Submission};
use crate::principal::PrincipalName;
use crate::screening::Screening;
use crate::screening::settings::Stage;
use crate::shield::Shield;

/// The Unix user that what is done at Azure is done as.
const AZURE_USER: &str = "reeve-azure";

/// Contracts and policy, loaded together.
#[derive(Debug)]
pub struct Rules {
    /// What may be asked for at all.
    pub contracts: Contracts,
    /// What decides each case.
    pub engine: Arc<PolicyEngine>,
    /// The digest of both.
    pub revision: Digest,
    /// The lists of domains that rules may ask about: an input as the time is, and so no part of the digest.
    pub lists: Arc<DomainLists>,
    /// What looks for texts that are made to mislead.
    pub screening: Arc<Screening>,
    /// What asks Prompt Shields about such texts.
    pub shield: Arc<Shield>,
}

/// What a decision is made from, besides the rules.
#[derive(Debug)]
pub struct Question<'a> {
    /// Who asks.
    pub caller: &'a PrincipalName,
    /// For what.
    pub submission: &'a Submission,
    /// What would happen, once that is known.
    pub effects: Option<&'a Effects>,
    /// What of the past it would leave, where the caller's contract asks for that.
    pub past: Option<&'a [Past]>,
    /// The gate itself asks, since what was put aside has been kept for its time.
    pub scheduled: bool,
    /// The host's name.
    pub host: &'a str,
    /// The time.
    pub now_ms: u64,
    /// How often the caller asked lately.
    pub recent: Recent,
}

/// How often a caller asked lately, this time included.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Recent {
    /// In the last minute.
    pub minute: u64,
    /// In the last hour.
    pub hour: u64,
    /// In the last hour, in the last two, and so on to the last 24.
    pub hours: Vec<u64>,
    /// In the last hour, by operation.
    pub tools: BTreeMap<String, u64>,
}

impl Recent {
    /// As it would be once the caller had asked for this operation, too.
    #[must_use]
    pub fn and(mut self, tool: String) -> Self {
        self.minute += 1;
        self.hour += 1;
        self.hours.iter_mut().for_each(|count| *count += 1);
        *self.tools.entry(tool).or_default() += 1;
        self
    }
}

/// What the policy is asked: all that it can know.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    /// The operation's name.
    pub tool: String,
    /// Its parameters and `resource`.
    pub args: Value,
    /// Who asks, and in which circumstances.
    pub context: Value,
}

impl Asked {
    /// As the engine takes it.
    #[must_use]
    pub fn input(&self) -> PolicyInput<'_> {
        PolicyInput { tool: &self.tool, args: self.args.clone(), context: self.context.clone() }
    }
}

/// A decision, and from what it was made, for the record.
#[derive(Debug)]
pub struct Ruled {
    /// What was decided.
    pub decision: PolicyDecision,
    /// What the policy was asked and what came of it, so that it can be decided again; nothing where the contract
    /// refused and the policy was not asked.
    pub input: Option<Input>,
    /// What screening found in the request.
    pub looked: Looked,
}

/// What a decision was made from, as the audit log holds it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// What the policy was asked.
    pub asked: Asked,
    /// The hosts with each of which as `context["domain"]` it was asked so; none where it was asked once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<String>,
    /// The mildest that the contract let pass.
    pub contract: Verdict,
    /// What was decided.
    pub verdict: Verdict,
    /// By which rule.
    pub rule: String,
}

impl Input {
    /// What another policy makes of the same. What the contract let pass at least still holds.
    pub async fn again_by(&self, engine: &PolicyEngine) -> PolicyDecision {
        let decision = about_each(engine, &self.asked, &self.hosts).await;
        if self.contract <= decision.verdict {
            return decision;
        }
        PolicyDecision { verdict: self.contract, rule: "contract".to_owned(), ..decision }
    }
}

/// A decision with all that it was made of.
#[derive(Debug)]
pub struct Explained {
    /// What was decided.
    pub decision: PolicyDecision,
    /// What the contract says.
    pub by_contract: PolicyDecision,
    /// What the policy says, when it was asked: what the contract does not grant, it is not asked about.
    pub by_policy: Option<PolicyDecision>,
    /// The policy's rules that matched, in order.
    pub matched: Vec<Matched>,
}

impl Rules {
    /// Contracts and a policy as one.
    #[must_use]
    pub fn new(contracts: Contracts, engine: PolicyEngine) -> Self {
        let revision = Digest::of(&json!([contracts.revision(), engine.revision()]));
        Self {
            contracts,
            engine: Arc::new(engine),
            revision,
            lists: Arc::default(),
            screening: Arc::default(),
            shield: Arc::default(),
        }
    }

    /// With lists of domains.
    #[must_use]
    pub fn with_lists(self, lists: Arc<DomainLists>) -> Self {
        Self { lists, ..self }
    }

    /// With screening.
    #[must_use]
    pub fn with_screening(self, screening: Arc<Screening>) -> Self {
        Self { screening, ..self }
    }

    /// With Prompt Shields.
    #[must_use]
    pub fn with_shield(self, shield: Arc<Shield>) -> Self {
        Self { shield, ..self }
    }

    /// The digests of contracts and policy.
    #[must_use]
    pub fn parts(&self) -> (Digest, Digest) {
        (self.contracts.revision().clone(), self.engine.revision())
    }

    /// The strictest of contract and policy. The contract alone decides what the policy never sees.
    pub async fn decide(&self, question: &Question<'_>) -> Ruled {
        let by_contract = self.by_contract(question);
        let contract = by_contract.verdict;
        if contract == Verdict::Deny {
            return Ruled { decision: by_contract, input: None, looked: Looked::default() };
        }
        let asked = self.asked(question);
        let by_policy = self.engine.decide(&asked.input()).await;
        let decision = self.both(by_policy, by_contract);
        let (verdict, rule) = (decision.verdict, decision.rule.clone());
        // Screening comes last and is no part of the input: another policy is compared with this one, not with it.
        let looked = self.look_at(question.submission, &asked.args, verdict).await;
        let decision = looked.tighten(decision);
        let input = Input { asked, hosts: Vec::new(), contract, verdict, rule };
        Ruled { decision, input: Some(input), looked }
    }

    /// The same with its reasons. `asked` is what [`Rules::asked`] makes of the question, or what stands for it.
    pub async fn explain(&self, question: &Question<'_>, asked: &Asked) -> Explained {
        let by_contract = self.by_contract(question);
        if by_contract.verdict == Verdict::Deny {
            let decision = by_contract.clone();
            return Explained { decision, by_contract, by_policy: None, matched: Vec::new() };
        }
        let (by_policy, matched) = self.engine.explain(&asked.input()).await;
        let decision = self.both(by_policy.clone(), by_contract.clone());
        Explained { decision, by_contract, by_policy: Some(by_policy), matched }
    }

    async fn look_at(&self, submission: &Submission, args: &Value, verdict: Verdict) -> Looked {
        let written = json!({
            "reason": submission.reason, "run_id": submission.run_id, "on_behalf_of": submission.on_behalf_of,
        });
        // What leaves the host has no secret in it.
        let told = submission.operation.secrets().hidden(&written);
        let texts = vec![(Stage::Reasons, written), (Stage::Arguments, args.clone())];
        let screening = Looked::at(&self.screening, texts);
        if verdict == Verdict::Deny {
            // It is no already, and nothing leaves the host for it.
            return screening.await;
        }
        let (looked, reasons, arguments) = tokio::join!(
            screening,
            self.shield.look_at(Stage::Reasons, &told),
            self.shield.look_at(Stage::Arguments, args),
        );
        looked.and(reasons.into_iter().chain(arguments))
    }

    fn both(&self, by_policy: PolicyDecision, mut by_contract: PolicyDecision) -> PolicyDecision {
        let revision = self.revision.clone();
        // A contract says how many, not how soon: the time is the policy's, where that asks people too.
        if let (Some(ours), Some(theirs)) = (&by_policy.terms, &by_contract.terms) {
            by_contract.terms = ReviewTerms::new(theirs.quorum().needed(), None, ours.ttl()).ok();
        }
        PolicyDecision { revision, ..by_policy.strictest(by_contract) }
    }

    /// What the caller's contract says, before the policy is asked.
    #[must_use]
    pub fn by_contract(&self, question: &Question<'_>) -> PolicyDecision {
        let Some(contract) = self.contracts.get(question.caller) else {
            let reason = "the caller has no contract on this host";
            return PolicyDecision::deny("no-contract", reason, self.revision.clone());
        };
        let digest = contract.digest().clone();
        let deny = |rule: &str, reason: &str| {
            PolicyDecision::deny(rule, reason, self.revision.clone()).of_contract(digest.clone())
        };
        let granted = match contract.check(&question.submission.operation) {
            Ok(granted) => granted,
            Err(refusal) => return deny(refusal.rule, &refusal.reason),
        };
        let (now, recent) = (question.now_ms / 1000, &question.recent);
        let circumstances = Circumstances { reason: question.submission.reason.as_deref(), now, recent };
        if let Err(refusal) = granted.check_circumstances(&circumstances) {
            return deny(refusal.rule, &refusal.reason);
        }
        let found = found_in(&args(&question.submission.operation));
        if let Err(refusal) = contract.check_domains(&found) {
            return deny(refusal.rule, &refusal.reason);
        }
        if let Some(effects) = question.effects
            && let Err(refusal) = within(&granted, effects)
                .and_then(|()| granted.check_past(question.past, question.now_ms / 1000))
        {
            return deny(refusal.rule, &refusal.reason);
        }
        PolicyDecision {
            verdict: granted.at_least(),
            rule: "contract".to_owned(),
            reason: "the caller's contract".to_owned(),
            terms: granted
                .approvals()
                .and_then(|count| ReviewTerms::new(count, None, ReviewTerms::DEFAULT_TTL).ok()),
            keep: None,
            contract: Some(digest),
            revision: self.revision.clone(),
        }
    }

    /// The Unix user that steps run as: root when the contract names none for this operation, nobody when it does not
    /// grant it (any more).
    #[must_use]
    pub fn run_as(&self, caller: &PrincipalName, submission: &Submission) -> Option<RunAs> {
        let granted = self.contracts.get(caller)?.check(&submission.operation).ok()?;
        // Whoever asks: the host's identity at Azure is this user's alone.
        if matches!(submission.operation, Operation::Azure(_)) {
            return Some(RunAs::User(AZURE_USER.to_owned()));
        }
        Some(granted.run_as().map_or(RunAs::Root, |user| RunAs::User(user.to_owned())))
    }

    /// What the contract asks for that is not there: a snapshot before this.
    #[must_use]
    pub fn past_lost(
        &self,
        caller: &PrincipalName,
        submission: &Submission,
        (past, now_ms): (Option<&[Past]>, u64),
    ) -> Option<Refusal> {
        let granted = self.contracts.get(caller)?.check(&submission.operation);
        granted.and_then(|granted| granted.check_past(past, now_ms / 1000)).err()
    }

    /// Whether the caller's contract asks for a snapshot before this.
    #[must_use]
    pub fn wants_past(&self, caller: &PrincipalName, submission: &Submission) -> bool {
        let granted = self.contracts.get(caller).map(|contract| contract.check(&submission.operation));
        matches!(granted, Some(Ok(granted)) if granted.snapshot_first().is_some())
    }

    /// What the policy is asked, and what the log holds of it: secrets by their digests.
    #[must_use]
    pub fn asked(&self, question: &Question<'_>) -> Asked {
        let operation = &question.submission.operation;
        let (effects, secrets) = (question.effects, operation.secrets());
        let args = secrets.hidden(&args(operation));
        let mut context = json!({
            "agent_id": question.caller,
            "roles": self.roles_of(question.caller),
            "on_behalf_of": question.submission.on_behalf_of,
            "host": question.host,
            "scheduled": question.scheduled,
            "effect": operation.effect(),
            "reversible": effects.map_or(operation.effect() == Effect::Read, |effects| effects.reversible),
            "effects": secrets.hidden(&json!(effects)),
            "now": question.now_ms / 1000,
            "recent": question.recent,
        });
        if let Value::Object(context) = &mut context {
            context.extend(self.about_domains(question.caller, &found_in(&args)));
        }
        Asked { tool: operation.tool(), args, context }
    }

    /// What a caller may do besides, and the roles whose contracts hold for it.
    pub(super) fn roles_of(&self, caller: &PrincipalName) -> Vec<Value> {
        let Some(contract) = self.contracts.get(caller) else { return Vec::new() };
        let roles = contract.roles().iter().map(|role| json!(role));
        roles.chain(contract.named_roles().iter().map(|name| json!(name))).collect()
    }
}

/// An operation's parameters and `resource`, as policies see them.
fn args(operation: &Operation) -> Value {
    let mut args = operation.params();
    args.insert("resource".to_owned(), json!(operation.resource()));
    Value::Object(args)
}

/// Whether what would happen is within the contract, which the operation alone cannot tell: clones can be anywhere.
fn within(granted: &ContractGrant, effects: &Effects) -> Result<(), Refusal> {
    let objects = u64::try_from(effects.objects.len()).unwrap_or(u64::MAX);
    granted.check_effects(objects, effects.bytes_freed)?;
    let there_now = effects.objects.iter().filter(|object| object.guid.is_some());
    granted.check_names(there_now.map(|object| object.name.as_str()))
}
