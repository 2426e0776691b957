//! What one message means for the requests that wait: a pure decision, the strictest reading first.
//!
//! ```text
//! Inbound → judge → Judged::Confirm(Candidate) → (identity checked) → Candidate::count → Counted
//!                 → Judged::Refuse(Refusal)
//!                 → Judged::NotCounted(NotCounted)
//! ```
//! A refusal is always safe, so it needs less than a confirmation does.

mod count;
mod pending;
#[cfg(test)]
mod tests;

use std::time::SystemTime;

pub use count::{Candidate, Counted};
pub use pending::{Pending, SentPrompt};

use super::inbound::{Author, Inbound, MessageRef, Reaction};
use super::people::{Approver, People};
use super::prompt::Answer;
use super::reply::{self, Reply, Said};
use super::token::Token;

/// What a message means.
#[must_use]
#[derive(Debug)]
pub enum Judged {
    /// A confirmation that counts once the voter's identity has been checked.
    Confirm(Candidate),
    /// A refusal: the request has ended.
    Refuse(Refusal),
    /// It was meant for a request, or looks so, and does not count.
    NotCounted(NotCounted),
    /// It was not meant for us: nothing is recorded and nobody is answered.
    Nothing(Silence),
}

impl Judged {
    /// Which request it is about, when it is about one.
    pub fn approval_id(&self) -> Option<&str> {
        match self {
            Self::Confirm(candidate) => Some(candidate.approval_id()),
            Self::Refuse(refusal) => Some(&refusal.approval_id),
            Self::NotCounted(not_counted) => not_counted.approval_id.as_deref(),
            Self::Nothing(_) => None,
        }
    }
}

/// Somebody said no.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Which request.
    pub approval_id: String,
    /// Who.
    pub by: String,
    /// What they are told.
    pub answer: Answer,
}

/// A vote that does not count, and what its sender is told.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub struct NotCounted {
    /// Which request, when it is known.
    pub approval_id: Option<String>,
    /// Who.
    pub by: String,
    /// Why, as they are told.
    pub answer: Answer,
}

/// Why nobody is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Silence {
    /// The sender is not enrolled.
    Stranger,
    /// It has nothing to do with a request.
    Chatter,
}

/// What a person on the host asks for with `reeve approval confirm|deny`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LocalVote<'a> {
    /// Confirm, and the name that was repeated with it.
    Confirm(Option<&'a str>),
    /// Deny.
    Deny,
}

/// What a local vote means.
#[must_use]
#[derive(Debug)]
pub enum LocalJudged {
    /// A confirmation. The kernel said who it is, so nothing is left to check.
    Confirm(Counted),
    /// A refusal: the request has ended.
    Refuse(Refusal),
    /// It does not count.
    NotCounted(NotCounted),
    /// No approver is this Unix user.
    Stranger,
}

/// Reads `inbound` against the requests that wait and those that ended lately.
pub fn judge(inbound: &Inbound, pendings: &[Pending], people: &People, now: SystemTime) -> Judged {
    let Some(approver) = people.with_uuid(inbound.sender_uuid) else {
        return Judged::Nothing(Silence::Stranger);
    };
    let bench = Bench { inbound, pendings, approver, now };
    match (&inbound.reaction, &inbound.text) {
        (Some(reaction), _) => bench.reaction(reaction),
        (None, Some(text)) => bench.text(text),
        (None, None) => Judged::Nothing(Silence::Chatter),
    }
}

/// A vote on the host itself, by the Unix user whom the kernel named at the other end of the gate's socket.
pub fn judge_local(
    unix_user: &str,
    vote: LocalVote<'_>,
    pending: &Pending,
    voters: (&People, SystemTime),
) -> LocalJudged {
    let (people, now) = voters;
    let Some(approver) = people.with_unix_user(unix_user) else {
        return LocalJudged::Stranger;
    };
    let by = approver.name.clone();
    let judged = match vote {
        LocalVote::Confirm(repeated) => pending
            .admits_confirmation(approver, now)
            .and_then(|()| pending.admits_words(repeated))
            .map(|()| LocalJudged::Confirm(Counted::after(pending, approver))),
        LocalVote::Deny => pending.admits_refusal(now).map(|()| LocalJudged::Refuse(refusal(pending, &by))),
    };
    judged.unwrap_or_else(|answer| {
        LocalJudged::NotCounted(NotCounted { approval_id: Some(pending.approval_id.clone()), by, answer })
    })
}

/// One message before the judge.
struct Bench<'a> {
    inbound: &'a Inbound,
    pendings: &'a [Pending],
    approver: &'a Approver,
    now: SystemTime,
}

impl<'a> Bench<'a> {
    fn reaction(&self, reaction: &Reaction) -> Judged {
        let Some(pending) = self.prompted_by(reaction.target) else {
            return Judged::Nothing(Silence::Chatter);
        };
        if reaction.removed {
            return Judged::Nothing(Silence::Chatter);
        }
        if reaction.refuses() {
            return self.refuse(pending);
        }
        self.not_counted(Some(pending), Answer::ReactionApprovesNothing)
    }

    fn text(&self, text: &str) -> Judged {
        let quoted = self.inbound.quote_of.and_then(|quote| self.prompted_by(quote));
        match reply::parse(text, quoted.is_some()) {
            None => match quoted {
                Some(pending) => self.not_counted(Some(pending), Answer::NotAVote),
                None => Judged::Nothing(Silence::Chatter),
            },
            Some(Reply::Malformed(reason)) => self.not_counted(quoted, Answer::Malformed(reason)),
            Some(Reply::Confirm(Said { token, name })) => {
                self.addressed(token, quoted, |pending| self.confirm(pending, name.as_deref()))
            }
            Some(Reply::Deny(Said { token, name: _ })) => {
                self.addressed(token, quoted, |pending| self.refuse(pending))
            }
        }
    }

    /// Finds the one request that token and quotation mean. When they mean two, neither is meant.
    fn addressed(
        &self,
        token: Option<Token>,
        quoted: Option<&'a Pending>,
        vote: impl FnOnce(&'a Pending) -> Judged,
    ) -> Judged {
        let Some(token) = token else {
            return match quoted {
                Some(pending) => vote(pending),
                None => self.not_counted(None, Answer::Malformed(reply::Malformed::NoToken)),
            };
        };
        // All are compared, so that the time taken tells nothing about which one it was.
        let meant =
            self.pendings.iter().fold(None, |found, p| if p.token.matches(&token) { Some(p) } else { found });
        match (meant, quoted) {
            (None, quoted) => self.not_counted(quoted, Answer::UnknownToken),
            (Some(meant), Some(quoted)) if meant.approval_id != quoted.approval_id => {
                self.not_counted(Some(meant), Answer::Contradiction)
            }
            (Some(meant), _) => vote(meant),
        }
    }

    /// The request that we asked this very person about in the message referred to.
    fn prompted_by(&self, message: MessageRef) -> Option<&'a Pending> {
        match message.author {
            Author::Us => self.pendings.iter().find(|p| p.was_put_to(self.approver, message.timestamp)),
            Author::Other => None,
        }
    }

    fn refuse(&self, pending: &Pending) -> Judged {
        match pending.admits_refusal(self.now) {
            Ok(()) => Judged::Refuse(refusal(pending, &self.approver.name)),
            Err(answer) => self.not_counted(Some(pending), answer),
        }
    }

    fn confirm(&self, pending: &Pending, repeated: Option<&str>) -> Judged {
        let admitted = pending.admits_confirmation(self.approver, self.now);
        let admitted = admitted.and_then(|()| pending.admits_message(self.inbound, self.now));
        match admitted.and_then(|()| pending.admits_words(repeated)) {
            Ok(()) => Judged::Confirm(Candidate::new(pending, self.approver)),
            Err(answer) => self.not_counted(Some(pending), answer),
        }
    }

    fn not_counted(&self, pending: Option<&Pending>, answer: Answer) -> Judged {
        let approval_id = pending.map(|pending| pending.approval_id.clone());
        Judged::NotCounted(NotCounted { approval_id, by: self.approver.name.clone(), answer })
    }
}

fn refusal(pending: &Pending, by: &str) -> Refusal {
    Refusal { approval_id: pending.approval_id.clone(), by: by.to_owned(), answer: Answer::Refused }
}
