//! What phones say of the questions that they got: kept with each prompt, and told when a question is on nobody's phone.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::mpsc;
use uuid::Uuid;

use super::Gate;
use super::envelope::rfc3339;
use crate::alarm::What;
use crate::approval::people::Approver;
use crate::approval::signal::Receipt;
use crate::approval::vote::SentPrompt;
use crate::job::{Approval, State};

/// How often it is looked whether a question is on nobody's phone.
const LOOK: Duration = Duration::from_millis(500);

/// How many receipts are remembered that came before it was known what they are of.
const REMEMBERED: usize = 512;

/// Receipts that came before it was known what they are of: a phone can be quicker than the daemon's own answer.
#[derive(Default)]
pub(super) struct Early(Mutex<VecDeque<(Uuid, u64, bool)>>);

impl Early {
    fn all(&self) -> MutexGuard<'_, VecDeque<(Uuid, u64, bool)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn remember(&self, receipt: &Receipt) {
        let mut all = self.all();
        all.extend(receipt.of.iter().map(|timestamp| (receipt.from, *timestamp, receipt.is_read)));
        let too_many = all.len().saturating_sub(REMEMBERED);
        all.drain(..too_many);
    }

    /// Whether it has come, and whether it said that the message was read.
    fn take(&self, from: Uuid, timestamp: u64) -> Option<bool> {
        let mut all = self.all();
        let is_it = |(person, message, _): &(Uuid, u64, bool)| *person == from && *message == timestamp;
        let found: Vec<bool> = all.iter().filter(|one| is_it(one)).map(|(_, _, is_read)| *is_read).collect();
        all.retain(|one| !is_it(one));
        (!found.is_empty()).then(|| found.contains(&true))
    }
}

/// Hears what phones say.
pub(super) async fn listen(gate: Arc<Gate>, mut receipts: mpsc::Receiver<Receipt>) {
    while let Some(receipt) = receipts.recv().await {
        gate.arrived(&receipt).await;
    }
}

/// Tells of questions that are on nobody's phone in time, each once.
pub(super) async fn watch(gate: Arc<Gate>, within: Duration) {
    let within = u64::try_from(within.as_millis()).unwrap_or(u64::MAX);
    let mut told = BTreeSet::new();
    loop {
        tokio::time::sleep(LOOK).await;
        gate.tell_undelivered(within, &mut told).await;
    }
}

impl Gate {
    /// A phone has some of our messages. It may say so of what it was sent, and of nothing else.
    async fn arrived(&self, receipt: &Receipt) {
        let people = self.people.load_full();
        let Some(person) = people.with_uuid(receipt.from) else { return };
        // Remembered first: whoever keeps a prompt from now on finds it.
        self.early.remember(receipt);
        for cell in self.live.all() {
            let mut job = cell.job.lock().await;
            let Some(approval) = job.approval.as_mut() else { continue };
            let mut is_news = false;
            for prompt in approval.prompts.iter_mut().filter(|prompt| prompt.approver == person.name) {
                is_news |= self.has_arrived(person, prompt);
            }
            if is_news && let Err(error) = self.keep(&job).await {
                let error = &error as &dyn std::error::Error;
                tracing::error!(error, operation = job.id, "that a question has arrived is not kept");
            }
        }
    }

    /// Notes with a prompt that it has arrived, when that was heard. Says whether it is news.
    pub(super) fn has_arrived(&self, person: &Approver, prompt: &mut SentPrompt) -> bool {
        let Some(is_read) = self.early.take(person.uuid, prompt.timestamp) else { return false };
        let (was_there, was_read) = (prompt.delivered_at.is_some(), prompt.read_at.is_some());
        if !was_there {
            self.metrics.signal.prompt_is("delivered");
        }
        if is_read && !was_read {
            self.metrics.signal.prompt_is("read");
        }
        prompt.arrived(is_read, self.now_ms())
    }

    async fn tell_undelivered(&self, within: u64, told: &mut BTreeSet<String>) {
        let now = self.now_ms();
        let mut waiting = BTreeSet::new();
        for cell in self.live.all() {
            let job = cell.job.lock().await;
            let Some(approval) = job.approval.as_ref().filter(|_| job.state == State::Pending) else {
                continue;
            };
            waiting.insert(approval.id.clone());
            let is_late = now.saturating_sub(approval.created_at) > within;
            // Who answers has it, whatever their phone says.
            let is_there = !approval.confirmed_by.is_empty()
                || approval.prompts.iter().any(|prompt| prompt.delivered_at.is_some());
            if is_late && !is_there && told.insert(approval.id.clone()) {
                tracing::warn!(operation = job.id, "a question is on nobody's phone");
                self.metrics.signal.prompt_is("undelivered");
                self.alarm(What::NotDelivered { operation: job.id.clone() });
            }
        }
        told.retain(|approval| waiting.contains(approval));
    }
}

/// Who was sent the question when, and when their phone had it, for people on the host.
pub(super) fn shown(approval: &Approval) -> Vec<Value> {
    let prompts = approval.prompts.iter();
    prompts
        .map(|prompt| {
            json!({
                "approver": prompt.approver, "sent_at": rfc3339(prompt.timestamp),
                "delivered_at": prompt.delivered_at.map(rfc3339), "read_at": prompt.read_at.map(rfc3339),
            })
        })
        .collect()
}
