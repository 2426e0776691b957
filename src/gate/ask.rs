//! Putting an operation to people, and what keeps an agent from nagging them.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use super::Gate;
use super::live::Cell;
use super::permit::binding;
use super::protocol::{Envelope, Problem, ProblemKind};
use super::record::Unrecorded;
use super::submit::Order;
use crate::approval::prompt::{Outcome, Stands};
use crate::approval::token::Token;
use crate::approval::vote::SentPrompt;
use crate::audit::EventKind;
use crate::job::{Approval, Job, State};
use crate::policy::ReviewTerms;

/// Why nobody is asked who could be reached a moment ago.
const ASLEEP: &str = "the Signal daemon does not answer";

/// What people are about to be told.
struct Asked {
    approval: Approval,
    text: String,
    excluded: Vec<String>,
}

impl Gate {
    /// The caller's operation that already waits for the same: one intent is one approval.
    pub(super) async fn joins(&self, job: &Job) -> Result<Option<Envelope>, Problem> {
        let digest = job.submission.operation.digest();
        for cell in self.live.all() {
            let other = cell.job.lock().await;
            let same = other.principal == job.principal && other.submission.operation.digest() == digest;
            if same
                && matches!(
                    other.state,
                    State::Pending | State::Superseded | State::Approved | State::Executing
                )
            {
                return Ok(Some(self.envelope(&other)));
            }
        }
        Ok(None)
    }

    /// Whether people may be asked now: somebody can be reached, not too much waits, and the same was not just refused.
    pub(super) async fn may_ask(&self, job: &Job) -> Result<(), Problem> {
        let (terms, excluded) = (terms_of(job), excluded(job));
        let people = self.people.load();
        let voters = people.eligible(terms.quorum(), &excluded);
        if let Err(none) = self.channel.enough_of(voters, terms.quorum()) {
            self.metrics.approval_ended("no_channel", Duration::ZERO);
            self.alarm_of_refusal(job, &none.to_string());
            return Err(Problem::new(ProblemKind::NoChannel, format!("{none}; nobody was asked")));
        }
        if let Err(asleep) = self.is_awake().await {
            self.metrics.approval_ended("no_channel", Duration::ZERO);
            self.alarm_of_refusal(job, ASLEEP);
            return Err(asleep);
        }
        if let Some((left, id)) = self.cooling.left(job, self.now_ms()) {
            return Err(Problem {
                retry_after: Some(left),
                operation: Some(id),
                ..Problem::new(
                    ProblemKind::CoolDown,
                    "the same was refused, left unanswered or taken back a moment ago",
                )
            });
        }
        // Whoever is told no asks about the next thing, and the next: people are not to be worn down that way either.
        let (unwelcome, left) = self.cooling.of(&job.principal, self.now_ms());
        if unwelcome >= self.approvals.patience {
            let detail = format!(
                "{unwelcome} requests of the caller were refused, left unanswered or taken back lately; people are asked nothing more for now"
            );
            return Err(Problem { retry_after: Some(left), ..Problem::new(ProblemKind::CoolDown, detail) });
        }
        let (mut own, mut overall) = (0, 0);
        for cell in self.live.all() {
            let other = cell.job.lock().await;
            if other.state == State::Pending {
                overall += 1;
                own += usize::from(other.principal == job.principal);
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

    /// Whether anybody can be asked anything at this moment: nobody waits for a daemon that hangs, person after person.
    pub(super) async fn is_awake(&self) -> Result<(), Problem> {
        if self.channel.is_awake().await {
            return Ok(());
        }
        Err(Problem::new(ProblemKind::NoChannel, format!("{ASLEEP}; nobody was asked")))
    }

    /// Asks people. When too few could be told, the operation fails at once instead of waiting for nobody.
    ///
    /// The caller's next submission may be decided as soon as this one waits: from then on a retry joins it.
    pub(super) async fn ask(&self, cell: &Arc<Cell>, order: Option<Order>) -> Result<(), Problem> {
        let asked = self.set_pending(cell).await?;
        drop(order);
        let terms = asked.approval.terms.clone();
        let people = self.people.load_full();
        let (mut told, asking) = (Vec::new(), self.channel.asking());
        for person in people.eligible(terms.quorum(), &asked.excluded) {
            if !self.still_asks(cell).await {
                return Ok(());
            }
            match asking.of(person, &asked.text).await {
                Ok(sent) => {
                    told.push(person.groups.as_slice());
                    let prompt = SentPrompt::new(&person.name, sent.timestamp);
                    self.note_prompt(cell, &asked.approval.id, prompt).await;
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
        if terms.quorum().missing(told) > 0 {
            return self
                .cannot_ask(cell, "too few of the people could be told", ProblemKind::NoChannel)
                .await;
        }
        Ok(())
    }

    /// Makes the approval and takes the job to Pending, recorded and stored, before anybody is told.
    async fn set_pending(&self, cell: &Arc<Cell>) -> Result<Asked, Problem> {
        let mut job = cell.job.lock().await;
        let token = Token::generate().map_err(|_error| {
            Problem::new(ProblemKind::Unavailable, "the host gives no randomness; nothing ran")
        })?;
        let approval = self.approval(&job, &token)?;
        let text = self
            .prompt_text(&job, &approval, Stands::Asked(&token))
            .map_err(|why| Problem::new(ProblemKind::Denied, format!("{why}, so nobody can approve it")))?;
        let event = self
            .event(EventKind::ApprovalAsked, &job)
            .with("approval", approval.id.as_str())
            .with("binds", approval.binds.as_str())
            .with("needed", approval.terms.quorum().needed())
            .with("groups", json!(approval.terms.quorum().groups()))
            .with("hold_seconds", approval.terms.timing().hold.as_secs())
            .with("window", json!(approval.terms.timing().window))
            .with("repeat", json!(approval.repeat))
            .with(
                "frees_at_most",
                json!(
                    job.effects()
                        .and_then(|shown| shown.bytes_freed)
                        .map(|freed| approval.growth.most(freed))
                ),
            )
            .with("expires_at", approval.expires_at)
            .with("token_sha256", json!(approval.token));
        let before = job.approval.replace(approval.clone());
        if let Err(error) = self.advance(cell, &mut job, State::Pending, event).await {
            job.approval = before;
            return Err(error.into());
        }
        Ok(Asked { approval, text, excluded: excluded(&job) })
    }

    /// Whether there is still something to ask: somebody may have said no, or taken it back, while others were told.
    async fn still_asks(&self, cell: &Cell) -> bool {
        let job = cell.job.lock().await;
        let is_over = job.approval.as_ref().is_some_and(|approval| approval.expires_at <= self.now_ms());
        matches!(job.state, State::Pending | State::Approved) && !is_over
    }

    /// Keeps which message a person got, so that a reply to it counts. Without it the token still does.
    async fn note_prompt(&self, cell: &Cell, approval: &str, prompt: SentPrompt) {
        let mut job = cell.job.lock().await;
        let Some(own) = job.approval.as_mut().filter(|own| own.id == approval) else { return };
        own.prompts.push(prompt);
        let people = self.people.load_full();
        if let Some(prompt) = own.prompts.last_mut()
            && let Some(person) = people.named(&prompt.approver)
        {
            self.has_arrived(person, prompt);
        }
        if let Err(error) = self.keep(&job).await {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                operation = job.id,
                "a prompt is not kept"
            );
        }
    }

    async fn cannot_ask(&self, cell: &Cell, why: &str, kind: ProblemKind) -> Result<(), Problem> {
        let mut job = cell.job.lock().await;
        if job.state != State::Pending {
            return Ok(());
        }
        let event = self.event(EventKind::ApprovalClosed, &job).with("outcome", "not_asked").with("why", why);
        let before = job.outcome.error.replace(format!("{why}; nothing ran"));
        if let Err(error) = self.advance(cell, &mut job, State::Failed, event).await {
            job.outcome.error = before;
            return Err(error.into());
        }
        self.metrics.approval_ended("no_channel", Duration::ZERO);
        self.alarm_of_refusal(&job, why);
        // Who was told before the others could not be has a request in the chat that is none any more.
        self.tell(&job, &Outcome::Void { why: why.to_owned() }).await;
        Err(Problem { operation: Some(job.id.clone()), ..Problem::new(kind, format!("{why}; nothing ran")) })
    }

    pub(super) fn approval(&self, job: &Job, token: &Token) -> Result<Approval, Problem> {
        let plan = job.plan.as_ref().ok_or_else(|| Problem::from(Unrecorded::Thread))?;
        let decision = job.decision.as_ref().ok_or_else(|| Problem::from(Unrecorded::Thread))?;
        let (terms, now) = (terms_of(job), self.now_ms());
        let ttl = u64::try_from(terms.ttl().as_millis()).unwrap_or(u64::MAX);
        Ok(Approval {
            id: self.new_id("ap")?,
            token: token.hash(),
            binds: binding(&job.submission.operation, plan, &decision.revision),
            prompts: Vec::new(),
            created_at: now,
            expires_at: now.saturating_add(ttl),
            expires_boot: self.boot_time(terms.ttl()),
            confirmed_by: Vec::new(),
            denied_by: None,
            runs: None,
            growth: self.approvals.growth,
            repeat: plan.loses_for_good().then(|| job.submission.operation.resource()),
            terms,
        })
    }

    /// Counts an approval that ended.
    pub(super) fn approval_closed(&self, job: &Job, how: &str) {
        let asked_at = job.approval.as_ref().map_or(0, |approval| approval.created_at);
        self.trace_approval(job, how);
        self.metrics.approval_ended(how, Duration::from_millis(self.now_ms().saturating_sub(asked_at)));
    }
}

/// Who has to say yes.
pub(super) fn terms_of(job: &Job) -> ReviewTerms {
    job.decision.as_ref().and_then(|decision| decision.terms.clone()).unwrap_or_default()
}

/// Who may not vote: the caller, and whomever it says that it acts for.
pub(super) fn excluded(job: &Job) -> Vec<String> {
    let mut names = vec![job.principal.to_string()];
    names.extend(job.submission.on_behalf_of.iter().flat_map(|behalf| chain(behalf)));
    names
}

/// Everybody whom a caller names as the ones it acts for. It may name one or a chain of them, in whatever words it likes:
/// whoever could be meant is, since one voter too few is safe.
fn chain(behalf: &str) -> Vec<String> {
    let is_of_a_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let words = behalf.split(|c| !is_of_a_name(c)).filter(|word| !word.is_empty());
    let bare = words.clone().map(|word| word.trim_matches(['.', '_', '-']));
    let all = [behalf].into_iter().chain(words).chain(bare).map(str::to_owned);
    all.collect::<std::collections::BTreeSet<_>>().into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_of_a_chain_is_named_however_it_is_written() {
        for text in
            ["alice,bob", "alice > bob", "alice -> bob", "bob (for alice)", "alice@host/bob", "alice; bob."]
        {
            let names = chain(text);
            for name in ["alice", "bob"] {
                assert!(names.iter().any(|one| one == name), "{text}: {names:?}");
            }
        }
        assert_eq!(chain("carol.w"), ["carol.w"]);
        let account = "84a58df5-0d2c-4f6e-9a0b-2f6f5a1c7e11";
        assert_eq!(chain(account), [account]);
    }
}
