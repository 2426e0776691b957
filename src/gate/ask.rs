//! Putting an operation to people, and what keeps an agent from nagging them.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use super::live::Cell;
use super::permit::binding;
use super::protocol::{Envelope, Problem, ProblemKind};
use super::record::Unrecorded;
use super::{Gate, from_millis};
use crate::adapter::{Object, Plan};
use crate::approval::people::People;
use crate::approval::prompt::{ObjectLine, PromptFacts, Undo, prompt};
use crate::approval::token::Token;
use crate::approval::vote::SentPrompt;
use crate::audit::EventKind;
use crate::job::{Approval, Job, State};
use crate::policy::ReviewTerms;

impl Gate {
    /// The caller's operation that already waits for the same: one intent is one approval.
    pub(super) async fn joins(&self, job: &Job) -> Result<Option<Envelope>, Problem> {
        let digest = job.submission.operation.digest();
        for cell in self.live.all() {
            let other = cell.job.lock().await;
            let same = other.principal == job.principal && other.submission.operation.digest() == digest;
            if same && matches!(other.state, State::Pending | State::Approved | State::Executing) {
                return Ok(Some(self.envelope(&other)));
            }
        }
        Ok(None)
    }

    /// Whether people may be asked now: somebody can be reached, not too much waits, and the same was not just refused.
    pub(super) async fn may_ask(&self, job: &Job) -> Result<(), Problem> {
        let (terms, excluded) = (terms_of(job), excluded(job));
        let people = self.people.load();
        let voters = people.eligible(terms.group(), &excluded);
        if let Err(none) = self.channel.enough_of(voters, terms.approvals()) {
            self.metrics.approval_ended("no_channel", Duration::ZERO);
            return Err(Problem::new(ProblemKind::NoChannel, format!("{none}; nobody was asked")));
        }
        let digest = job.submission.operation.digest();
        let (mut own, mut overall) = (0, 0);
        for cell in self.live.all() {
            let other = cell.job.lock().await;
            if other.state == State::Pending {
                overall += 1;
                own += usize::from(other.principal == job.principal);
            }
            let was_refused = matches!(other.state, State::Refused | State::Expired);
            let same = other.principal == job.principal && other.submission.operation.digest() == digest;
            if was_refused && same {
                self.cooled_down(&other)?;
            }
        }
        if own >= self.approvals.per_principal || overall >= self.approvals.overall {
            return Err(Problem::new(
                ProblemKind::Busy,
                format!(
                    "{own} operations of the caller and {overall} in all wait for people; wait for one to end"
                ),
            ));
        }
        Ok(())
    }

    fn cooled_down(&self, other: &Job) -> Result<(), Problem> {
        let cool_down = u64::try_from(self.approvals.cool_down.as_millis()).unwrap_or(u64::MAX);
        let until = other.changed_at().saturating_add(cool_down);
        let left = until.saturating_sub(self.now_ms());
        if left == 0 {
            return Ok(());
        }
        let what = format!("the same was {} a moment ago", other.state.as_str());
        Err(Problem {
            retry_after: Some(left.div_ceil(1000)),
            operation: Some(other.id.clone()),
            ..Problem::new(ProblemKind::CoolDown, what)
        })
    }

    /// Asks people. When nobody could be told, the operation fails at once instead of waiting for nobody.
    pub(super) async fn ask(&self, cell: &Arc<Cell>) -> Result<(), Problem> {
        let mut job = cell.job.lock().await;
        let token = Token::generate().map_err(|_error| {
            Problem::new(ProblemKind::Unavailable, "the host gives no randomness; nothing ran")
        })?;
        let approval = self.approval(&job, &token)?;
        let text = match self.prompt_text(&job, &approval, &token) {
            Ok(text) => text,
            Err(why) => return self.cannot_ask(cell, &mut job, &why.to_string(), ProblemKind::Denied).await,
        };
        let event = self
            .event(EventKind::ApprovalAsked, &job)
            .with("approval", approval.id.as_str())
            .with("binds", approval.binds.as_str())
            .with("needed", approval.terms.approvals())
            .with("group", json!(approval.terms.group()))
            .with("expires_at", approval.expires_at)
            .with("token_sha256", json!(approval.token));
        let (people, terms, excluded) = (self.people.load_full(), approval.terms.clone(), excluded(&job));
        job.approval = Some(approval);
        self.advance(cell, &mut job, State::Pending, event).await?;
        self.metrics.approvals_pending.inc();
        // Sending may take long, and votes of those who were told first must not wait for it.
        drop(job);
        let prompts = self.send_prompts(&people, &terms, &excluded, &text).await;
        let told = prompts.len();
        let mut job = cell.job.lock().await;
        if let Some(approval) = job.approval.as_mut() {
            approval.prompts.extend(prompts);
        }
        self.keep(&job).await?;
        if job.state == State::Pending && told < usize::try_from(terms.approvals()).unwrap_or(usize::MAX) {
            self.metrics.approvals_pending.dec();
            return self
                .cannot_ask(cell, &mut job, "too few of the people could be told", ProblemKind::NoChannel)
                .await;
        }
        Ok(())
    }

    async fn cannot_ask(
        &self,
        cell: &Cell,
        job: &mut tokio::sync::MutexGuard<'_, Job>,
        why: &str,
        kind: ProblemKind,
    ) -> Result<(), Problem> {
        job.outcome.error = Some(format!("{why}; nothing ran"));
        let event = self.event(EventKind::ApprovalClosed, job).with("outcome", "not_asked").with("why", why);
        self.advance(cell, job, State::Failed, event).await?;
        self.metrics.approval_ended("no_channel", Duration::ZERO);
        Err(Problem { operation: Some(job.id.clone()), ..Problem::new(kind, format!("{why}; nothing ran")) })
    }

    fn approval(&self, job: &Job, token: &Token) -> Result<Approval, Problem> {
        let plan = job.plan.as_ref().ok_or_else(|| Problem::from(Unrecorded::Thread))?;
        let (terms, now) = (terms_of(job), self.now_ms());
        let ttl = u64::try_from(terms.ttl().as_millis()).unwrap_or(u64::MAX);
        Ok(Approval {
            id: self.new_id("ap")?,
            token: token.hash(),
            binds: binding(&job.submission.operation, plan, &self.rules.load().revision),
            prompts: Vec::new(),
            created_at: now,
            expires_at: now.saturating_add(ttl),
            expires_boot_ms: self.boot_ms().saturating_add(ttl),
            boot_id: self.identity.boot_id.clone(),
            confirmed_by: Vec::new(),
            denied_by: None,
            terms,
        })
    }

    fn prompt_text(
        &self,
        job: &Job,
        approval: &Approval,
        token: &Token,
    ) -> Result<String, crate::approval::prompt::CannotShow> {
        let plan = job.plan.as_ref();
        let objects: Vec<ObjectLine> =
            plan.map(|plan| plan.effects.objects.iter().map(line).collect()).unwrap_or_default();
        let digest = plan.map(|plan| plan.effects.effects_digest().to_string()).unwrap_or_default();
        let behalf: Vec<String> = job.submission.on_behalf_of.iter().cloned().collect();
        prompt(&PromptFacts {
            host: &self.identity.name,
            token,
            principal: job.principal.as_str(),
            on_behalf_of: &behalf,
            command_line: &job.submission.operation.command_line(),
            objects: &objects,
            effects_digest: &digest,
            bytes_freed: plan.and_then(|plan| plan.effects.bytes_freed),
            undo: plan.map_or(Undo::None, undo),
            reason: job.submission.reason.as_deref(),
            rule: job.decision.as_ref().map_or("", |decision| decision.reason.as_str()),
            needed: approval.terms.approvals(),
            given: 0,
            asked_at: from_millis(approval.created_at),
            expires_at: from_millis(approval.expires_at),
        })
    }

    async fn send_prompts(
        &self,
        people: &People,
        terms: &ReviewTerms,
        excluded: &[String],
        text: &str,
    ) -> Vec<SentPrompt> {
        let mut prompts = Vec::new();
        for person in people.eligible(terms.group(), excluded) {
            match self.channel.send(person, text, None).await {
                Ok(sent) => {
                    prompts.push(SentPrompt { approver: person.name.clone(), timestamp: sent.timestamp })
                }
                Err(error) => {
                    tracing::warn!(
                        approver = person.name,
                        error = &error as &dyn std::error::Error,
                        "a prompt was not sent"
                    );
                }
            }
        }
        prompts
    }

    /// Counts an approval that ended.
    pub(super) fn approval_closed(&self, job: &Job, how: &str) {
        let asked_at = job.approval.as_ref().map_or(0, |approval| approval.created_at);
        self.metrics.approvals_pending.dec();
        self.metrics.approval_ended(how, Duration::from_millis(self.now_ms().saturating_sub(asked_at)));
    }

    /// Milliseconds since boot.
    pub(super) fn boot_ms(&self) -> u64 {
        u64::try_from(self.clock.boot().as_millis()).unwrap_or(u64::MAX)
    }
}

/// Who has to say yes.
pub(super) fn terms_of(job: &Job) -> ReviewTerms {
    job.decision.as_ref().and_then(|decision| decision.terms.clone()).unwrap_or_default()
}

/// Who may not vote: the caller, and whomever it says that it acts for.
pub(super) fn excluded(job: &Job) -> Vec<String> {
    let mut names = vec![job.principal.to_string()];
    names.extend(job.submission.on_behalf_of.clone());
    names
}

fn line(object: &Object) -> ObjectLine {
    ObjectLine { kind: object.kind.clone(), name: object.name.clone() }
}

fn undo(plan: &Plan) -> Undo {
    match plan.undo.as_ref().and_then(|offer| offer.until) {
        Some(until) => Undo::For(until),
        None if plan.undo.is_some() => Undo::WithoutEnd,
        None => Undo::None,
    }
}
