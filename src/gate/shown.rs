//! What people read of an operation: the question, and what takes its place as it goes on.

use std::sync::Arc;

use super::live::Cell;
use super::tell::QUOTED;
use super::{Gate, from_millis, lines};
use crate::adapter::{Effects, Growth, Plan};
use crate::approval::prompt::{CannotShow, Outcome, OutcomeFacts, PromptFacts, Stands, Undo, bytes, prompt};
use crate::approval::signal::Quote;
use crate::job::{Approval, Job};

impl Gate {
    /// How much more than was shown it may free: as people were told, where people were asked.
    pub(super) fn growth_of(&self, job: &Job) -> Growth {
        job.approval.as_ref().map_or(self.approvals.growth, |approval| approval.growth)
    }

    /// What people read of a job that stands so.
    pub(super) fn prompt_text(
        &self,
        job: &Job,
        approval: &Approval,
        stands: Stands<'_>,
    ) -> Result<String, CannotShow> {
        let plan = job.plan.as_ref();
        let objects = plan.map(|plan| lines::of(&plan.effects)).unwrap_or_default();
        let digest = plan.map(|plan| plan.effects.effects_digest().to_string()).unwrap_or_default();
        let behalf: Vec<String> = job.submission.on_behalf_of.iter().cloned().collect();
        prompt(&PromptFacts {
            host: &self.identity.name,
            stands,
            id: &approval.id,
            principal: job.principal.as_str(),
            on_behalf_of: &behalf,
            command_line: &job.submission.operation.command_line(),
            objects: &objects,
            dependents: plan.map_or(&[], |plan| &plan.effects.dependents),
            effects_digest: &digest,
            bytes_freed: plan.and_then(|plan| plan.effects.bytes_freed),
            frees_at_most: plan
                .and_then(|plan| plan.effects.bytes_freed)
                .filter(|freed| *freed > 0)
                .map(|freed| approval.growth.most(freed)),
            undo: plan.map_or(Undo::None, undo),
            reason: job.submission.reason.as_deref(),
            rule: job.decision.as_ref().map_or("", |decision| decision.reason.as_str()),
            terms: &approval.terms,
            repeat: approval.repeat.as_deref(),
            asked_at: from_millis(approval.created_at),
            expires_at: from_millis(approval.expires_at),
        })
    }

    /// Puts how it stands now in the place of the question. Only the last of an operation's messages need be right, so
    /// one that does not come through is only logged.
    pub(super) fn restate(self: &Arc<Self>, cell: &Arc<Cell>, job: &Job, stands: Stands<'_>) {
        let Some(approval) = &job.approval else { return };
        let Ok(text) = self.prompt_text(job, approval, stands) else { return };
        let news = match stands {
            Stands::Told(outcome @ Outcome::Approved { .. }) => Some(self.outcome_text(job, outcome)),
            Stands::Asked(_) | Stands::Given(_) | Stands::Told(_) => None,
        };
        let (gate, cell, prompts) = (Arc::clone(self), Arc::clone(cell), approval.first_prompts());
        let (id, command_line) = (approval.id.clone(), job.submission.operation.command_line());
        tokio::spawn(async move {
            let people = gate.people.load_full();
            for prompt in prompts {
                let Some(person) = people.named(&prompt.approver) else { continue };
                let mut sent = vec![gate.channel.edit(person, prompt.timestamp, &text).await];
                if let Some(news) = &news {
                    let text = command_line.chars().take(QUOTED).collect();
                    let quote = Quote { timestamp: prompt.timestamp, author: None, text };
                    sent.push(gate.channel.tell(person, news, Some(quote)).await);
                }
                for sent in sent {
                    match sent {
                        Ok(sent) => gate.note_edit(&cell, &id, (&prompt.approver, sent.timestamp)).await,
                        Err(error) => {
                            tracing::warn!(
                                approver = prompt.approver,
                                error = &error as &dyn std::error::Error,
                                "how it stands was not told"
                            );
                        }
                    }
                }
            }
        });
    }

    /// The message that tells an outcome.
    pub(super) fn outcome_text(&self, job: &Job, outcome: &Outcome) -> String {
        outcome.text(&OutcomeFacts {
            host: &self.identity.name,
            command_line: &job.submission.operation.command_line(),
            checkpoint: &self.checkpoint(),
        })
    }

    /// Keeps which message stands for the question now, so that a reply to it counts.
    async fn note_edit(&self, cell: &Cell, approval: &str, (approver, timestamp): (&str, u64)) {
        let mut job = cell.job.lock().await;
        let Some(own) = job.approval.as_mut().filter(|own| own.id == approval) else { return };
        let Some(prompt) = own.prompts.iter_mut().find(|prompt| prompt.approver == approver) else { return };
        prompt.edits.push(timestamp);
        if let Err(error) = self.keep(&job).await {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                operation = job.id,
                "an edit of a prompt is not kept"
            );
        }
    }
}

fn undo(plan: &Plan) -> Undo {
    match plan.undo.as_ref().and_then(|offer| offer.until) {
        Some(until) => Undo::For(until),
        None if plan.undo.is_some() => Undo::WithoutEnd,
        None => Undo::None,
    }
}

/// What differs in how much is freed, where more is than people were shown, or nobody can tell as it could be told then.
pub(super) fn freed_otherwise(shown: &Effects, now: &Effects) -> Option<String> {
    match (shown.bytes_freed, now.bytes_freed) {
        (Some(shown), Some(now)) if now > shown => {
            Some(format!("~ frees {}, shown were {}", bytes(now), bytes(shown)))
        }
        (Some(_), Some(_)) | (None, None) => None,
        (Some(shown), None) => {
            Some(format!("~ nobody can tell any more what it frees, shown were {}", bytes(shown)))
        }
        (None, Some(now)) => Some(format!("~ frees {}, which nobody could tell before", bytes(now))),
    }
}
