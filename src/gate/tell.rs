//! Outcomes go back to everybody who was asked, as replies to their prompts, with a place in the audit log that they keep.

use std::sync::Arc;
use std::time::Duration;

use super::Gate;
use crate::approval::channel::Channel;
use crate::approval::inbound::Inbound;
use crate::approval::people::Approver;
use crate::approval::prompt::{Outcome, Stands};
use crate::approval::signal::Quote;
use crate::approval::vote::SentPrompt;
use crate::job::Job;

/// How much of a message is repeated where it is quoted.
pub(super) const QUOTED: usize = 40;
/// How long an outcome waits for a channel that is down, as it is when the gate has just begun.
const CHANNEL_PATIENCE: Duration = Duration::from_secs(60);
/// How often it is looked for meanwhile.
const LOOK: Duration = Duration::from_millis(200);

impl Gate {
    /// Tells those who were asked how it ended. Whether they hear it changes nothing about what happened.
    pub(super) async fn tell(&self, job: &Job, outcome: &Outcome) {
        let Some(approval) = &job.approval else { return };
        let command_line = job.submission.operation.command_line();
        let text = self.outcome_text(job, outcome);
        let now = self.prompt_text(job, approval, Stands::Told(outcome)).ok();
        self.answer_prompts(approval.first_prompts(), &command_line, (text, now));
    }

    /// Sends news as a reply to each of these prompts, and puts what it says now in its place.
    pub(super) fn answer_prompts(
        &self,
        prompts: Vec<SentPrompt>,
        about: &str,
        (text, now): (String, Option<String>),
    ) {
        let people = self.people.load_full();
        let about: String = about.chars().take(QUOTED).collect();
        let (channel, witnesses) = (self.channel.clone(), Arc::clone(&self.witnesses));
        // In the background: a chat that hangs must not hold the operation's lock.
        tokio::spawn(async move {
            until_up(&channel).await;
            let text = witnesses.beneath(text).await;
            for prompt in prompts {
                let Some(person) = people.named(&prompt.approver) else { continue };
                let quote = Quote { timestamp: prompt.timestamp, author: None, text: about.clone() };
                if let Err(error) = channel.tell(person, &text, Some(quote)).await {
                    tracing::warn!(
                        approver = person.name,
                        error = &error as &dyn std::error::Error,
                        "an outcome was not told"
                    );
                }
                let Some(now) = &now else { continue };
                if let Err(error) = channel.edit(person, prompt.timestamp, now).await {
                    tracing::warn!(
                        approver = person.name,
                        error = &error as &dyn std::error::Error,
                        "a prompt does not show how it ended"
                    );
                }
            }
        });
    }

    /// Answers a message in the chat, quoting it, without keeping the next vote waiting.
    pub(super) fn reply(&self, to: Approver, text: String, inbound: &Inbound) {
        let said: String = inbound.text.as_deref().unwrap_or("").split_whitespace().take(1).collect();
        let quote = Quote { timestamp: inbound.timestamp, author: Some(inbound.sender_uuid), text: said };
        let channel = self.channel.clone();
        tokio::spawn(async move {
            if let Err(error) = channel.tell(&to, &text, Some(quote)).await {
                tracing::warn!(
                    approver = to.name,
                    error = &error as &dyn std::error::Error,
                    "an answer was not sent"
                );
            }
        });
    }
}

/// Waits for the channel, but not for ever: what cannot be told is only logged.
async fn until_up(channel: &Channel) {
    let mut waited = Duration::ZERO;
    while !channel.is_up() && waited < CHANNEL_PATIENCE {
        tokio::time::sleep(LOOK).await;
        waited += LOOK;
    }
}
