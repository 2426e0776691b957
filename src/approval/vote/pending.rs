//! A request as a vote sees it, and who may vote on it how.

use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use crate::approval::inbound::Inbound;
use crate::approval::people::Approver;
use crate::approval::prompt::{Answer, Settled};
use crate::approval::token::TokenHash;

/// A request that waits for people, or has ended lately.
#[derive(Debug, Clone)]
pub struct Pending {
    /// Its name in records.
    pub approval_id: String,
    /// Its token, hashed.
    pub token: TokenHash,
    /// The prompts that were sent, several for one person after a repetition.
    pub prompts: Vec<SentPrompt>,
    /// When it was made.
    pub created_at: SystemTime,
    /// When it lapses.
    pub expires_at: SystemTime,
    /// Who may vote: the rule's group, or every approver.
    pub group: Option<String>,
    /// Who may not: the requester, and everybody on whose behalf it was asked.
    pub excluded: Vec<String>,
    /// How many people must confirm.
    pub needed: u32,
    /// Who has.
    pub confirmed_by: Vec<String>,
    /// How it ended, if it has.
    pub settled: Option<Settled>,
}

/// A prompt that reached the channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SentPrompt {
    /// Who got it.
    pub approver: String,
    /// Its timestamp, which is its identity.
    pub timestamp: u64,
}

impl Pending {
    pub(super) fn was_put_to(&self, approver: &Approver, timestamp: u64) -> bool {
        self.prompts.iter().any(|prompt| prompt.approver == approver.name && prompt.timestamp == timestamp)
    }

    /// How many people have confirmed: people, not messages.
    pub(super) fn given(&self) -> u32 {
        let mut names: Vec<_> = self.confirmed_by.iter().collect();
        names.sort_unstable();
        names.dedup();
        u32::try_from(names.len()).unwrap_or(u32::MAX)
    }

    /// Whether the person may vote at all, now.
    pub(super) fn admits(&self, approver: &Approver, now: SystemTime) -> Result<(), Answer> {
        if approver.is_among(&self.excluded) {
            return Err(Answer::OwnRequest);
        }
        if !approver.is_in(self.group.as_deref()) {
            return Err(Answer::NotAnApprover);
        }
        if let Some(how) = &self.settled {
            return Err(Answer::AlreadyDecided { how: how.clone() });
        }
        if now >= self.expires_at {
            return Err(Answer::Expired { at: self.expires_at, now });
        }
        Ok(())
    }

    /// Whether the person may add a confirmation, now.
    pub(super) fn admits_confirmation(&self, approver: &Approver, now: SystemTime) -> Result<(), Answer> {
        self.admits(approver, now)?;
        if self.confirmed_by.contains(&approver.name) {
            return Err(Answer::AlreadyCounted { given: self.given(), needed: self.needed });
        }
        Ok(())
    }

    /// Whether a confirmation may come in this message. Signal delivers late and twice; edits change what was said
    /// to something else; and a group is read by people whom nobody enrolled.
    pub(super) fn admits_message(&self, inbound: &Inbound, now: SystemTime) -> Result<(), Answer> {
        if inbound.group.is_some() {
            return Err(Answer::InGroup);
        }
        if inbound.edited {
            return Err(Answer::Edited);
        }
        let sent_at = SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(inbound.sent_at()));
        match sent_at {
            Some(sent_at) if sent_at < self.created_at => Err(Answer::OlderThanQuestion),
            Some(sent_at) if sent_at < self.expires_at => Ok(()),
            Some(_) | None => Err(Answer::Expired { at: self.expires_at, now }),
        }
    }
}
