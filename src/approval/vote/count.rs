//! From a confirmation to a counted one: the voter's identity is checked in between, and the request looked at again.

use std::time::SystemTime;

use super::pending::Pending;
use crate::approval::identity::IdentityHeld;
use crate::approval::people::Approver;
use crate::approval::prompt::Answer;

/// A confirmation that counts if its sender is still who was enrolled.
#[must_use]
#[derive(Debug)]
pub struct Candidate {
    approval_id: String,
    approver: Approver,
}

impl Candidate {
    pub(super) fn new(pending: &Pending, approver: &Approver) -> Self {
        Self { approval_id: pending.approval_id.clone(), approver: approver.clone() }
    }

    /// Which request.
    pub fn approval_id(&self) -> &str {
        &self.approval_id
    }

    /// Whose identity must be checked.
    pub fn approver(&self) -> &Approver {
        &self.approver
    }

    /// Counts it against the request as it is now: while the identity was checked, it may have ended.
    pub fn count(
        self,
        identity: IdentityHeld,
        pending: &Pending,
        now: SystemTime,
    ) -> Result<Counted, Answer> {
        if identity.approver() != self.approver.name || pending.approval_id != self.approval_id {
            return Err(Answer::IdentityUnknown);
        }
        pending.admits_confirmation(&self.approver, now)?;
        Ok(Counted::after(pending, &self.approver))
    }
}

/// One more person has confirmed.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub struct Counted {
    approval_id: String,
    by: String,
    given: u32,
    needed: u32,
}

impl Counted {
    pub(super) fn after(pending: &Pending, by: &Approver) -> Self {
        let needed = pending.quorum.needed();
        let given = needed.saturating_sub(pending.missing_after(Some(by)));
        Self { approval_id: pending.approval_id.clone(), by: by.name.clone(), given, needed }
    }

    /// Which request.
    pub fn approval_id(&self) -> &str {
        &self.approval_id
    }

    /// Who confirmed.
    pub fn by(&self) -> &str {
        &self.by
    }

    /// How many of those who must confirm have, this one included.
    pub fn given(&self) -> u32 {
        self.given
    }

    /// Whether that is enough. A request that needs nobody was never put to people, so it is not approved by one.
    pub fn approves(&self) -> bool {
        self.needed > 0 && self.given >= self.needed
    }

    /// What the voter is told.
    pub fn answer(&self) -> Answer {
        if self.approves() {
            return Answer::RecordedLast { needed: self.needed };
        }
        Answer::Recorded { given: self.given, needed: self.needed }
    }
}
