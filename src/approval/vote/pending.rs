//! A request as a vote sees it, and who may vote on it how.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use crate::approval::inbound::Inbound;
use crate::approval::people::Approver;
use crate::approval::prompt::{Answer, Settled};
use crate::approval::reply::{Malformed, cleaned};
use crate::approval::token::TokenHash;
use crate::policy::Quorum;

/// A request that waits for people, or has ended lately.
#[derive(Debug, Clone)]
pub struct Pending {
    /// Its name in records.
    pub approval_id: String,
    /// What it is about, as a person would type it: what an answer names.
    pub about: String,
    /// Its token, hashed.
    pub token: TokenHash,
    /// The prompts that were sent, several for one person after a repetition.
    pub prompts: Vec<SentPrompt>,
    /// When it was made.
    pub created_at: SystemTime,
    /// When it lapses.
    pub expires_at: SystemTime,
    /// How many people of which groups must confirm.
    pub quorum: Quorum,
    /// What a confirmation must repeat: the name of what is lost for good.
    pub repeat: Option<String>,
    /// Who may not: the requester, and everybody on whose behalf it was asked.
    pub excluded: Vec<String>,
    /// Who has confirmed, with the groups that they are in.
    pub confirmed_by: BTreeMap<String, Vec<String>>,
    /// Enough people have, and it has not begun: a no still stops it.
    pub is_approved: bool,
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
    /// Those of its edits: phones quote a message by its newest.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub edits: Vec<u64>,
    /// When that person's phone said that it has it, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivered_at: Option<u64>,
    /// When it said that it was read; not every phone does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_at: Option<u64>,
}

impl SentPrompt {
    /// One that has just been sent.
    pub fn new(approver: &str, timestamp: u64) -> Self {
        Self {
            approver: approver.to_owned(),
            timestamp,
            edits: Vec::new(),
            delivered_at: None,
            read_at: None,
        }
    }

    /// That person's phone has it, or it was read. Says whether that was not known.
    pub fn arrived(&mut self, is_read: bool, now: u64) -> bool {
        let news = self.delivered_at.is_none() || (is_read && self.read_at.is_none());
        self.delivered_at.get_or_insert(now);
        if is_read {
            self.read_at.get_or_insert(now);
        }
        news
    }
}

impl Pending {
    pub(super) fn was_put_to(&self, approver: &Approver, timestamp: u64) -> bool {
        let is_it = |prompt: &SentPrompt| prompt.timestamp == timestamp || prompt.edits.contains(&timestamp);
        self.prompts.iter().any(|prompt| prompt.approver == approver.name && is_it(prompt))
    }

    /// How many of those who must confirm have: people, not messages.
    pub(super) fn given(&self) -> u32 {
        self.quorum.needed().saturating_sub(self.missing_after(None))
    }

    /// How many must still confirm when one more does.
    pub(super) fn missing_after(&self, one_more: Option<&Approver>) -> u32 {
        let others =
            self.confirmed_by.iter().filter(|(name, _)| one_more.is_none_or(|one| one.name != **name));
        let groups = others.map(|(_, groups)| groups.as_slice());
        self.quorum.missing(groups.chain(one_more.map(|one| one.groups.as_slice())))
    }

    /// Whether the person may vote at all, now.
    pub(super) fn admits(&self, approver: &Approver, now: SystemTime) -> Result<(), Answer> {
        if approver.is_among(&self.excluded) {
            return Err(Answer::OwnRequest);
        }
        if !approver.is_asked_by(&self.quorum) {
            return Err(Answer::NotAnApprover);
        }
        self.admits_refusal(now)
    }

    /// Whether anybody who is enrolled may refuse it, now. A no is always safe, so it needs neither the rule's group nor a
    /// clean hand: who asked for it may say no as well.
    pub(super) fn admits_refusal(&self, now: SystemTime) -> Result<(), Answer> {
        if let Some(how) = &self.settled {
            return Err(Answer::AlreadyDecided { how: how.clone() });
        }
        // Once it is approved there is no time to answer in but the one until it begins.
        if now >= self.expires_at && !self.is_approved {
            return Err(Answer::Expired { at: self.expires_at, now });
        }
        Ok(())
    }

    /// Whether the person may add a confirmation, now.
    pub(super) fn admits_confirmation(&self, approver: &Approver, now: SystemTime) -> Result<(), Answer> {
        self.admits(approver, now)?;
        if self.is_approved {
            return Err(Answer::AlreadyDecided { how: Settled::Approved });
        }
        if self.confirmed_by.contains_key(&approver.name) {
            return Err(Answer::AlreadyCounted { given: self.given(), needed: self.quorum.needed() });
        }
        Ok(())
    }

    /// Whether a confirmation says what it must besides yes. Where nothing must be repeated, nothing may stand there.
    pub(super) fn admits_words(&self, repeated: Option<&str>) -> Result<(), Answer> {
        match (&self.repeat, repeated) {
            (None, None) => Ok(()),
            (None, Some(_)) => Err(Answer::Malformed(Malformed::NotAToken)),
            (Some(name), Some(said)) if cleaned(name) == said => Ok(()),
            (Some(_), _) => Err(Answer::NotRepeated),
        }
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
