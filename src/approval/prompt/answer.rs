//! What a person hears back about their vote. Every vote gets one: silence means that it was lost.

use std::time::SystemTime;

use super::drill::Drill;
use super::outcome::{audit, capped};
use super::shape::clock_time;
use crate::approval::order::Whom;
use crate::approval::reply::Malformed;

/// How many names are listed where somebody meant another.
const NAMES_SHOWN: usize = 20;
/// How much of a request's command is repeated; the request has all of it.
const COMMAND_LIMIT: usize = 120;

/// The answer to one message of an approver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// A confirmation that counts, more are needed.
    Recorded {
        /// How many have confirmed.
        given: u32,
        /// How many must.
        needed: u32,
    },
    /// The confirmation that was still missing.
    RecordedLast {
        /// How many must confirm, and have.
        needed: u32,
    },
    /// The confirmation that was still missing, of what does not run at once.
    RecordedHeld {
        /// How many must confirm, and have.
        needed: u32,
        /// When it runs.
        at: SystemTime,
        /// When the vote was counted.
        now: SystemTime,
    },
    /// The name of what is lost for good was not repeated, or another was.
    NotRepeated,
    /// Nothing more is done for them.
    Frozen {
        /// For whom.
        who: String,
    },
    /// They may go on.
    Thawed {
        /// Who.
        who: String,
    },
    /// Where the audit log stands.
    Checkpoint {
        /// As outcomes have it.
        checkpoint: String,
    },
    /// Nobody of that name is frozen.
    NotFrozen,
    /// They were frozen again after that was said.
    FrozenAnew,
    /// Nobody of that name may ask for anything here, so nobody was frozen.
    NobodyCalled {
        /// Who may.
        names: Vec<String>,
    },
    /// Nobody is enrolled anew.
    Stopped {
        /// Who would have been.
        who: String,
    },
    /// Nobody was about to be enrolled anew.
    NothingToStop,
    /// The account has sent back what was sent to it.
    EnrolmentAnswered,
    /// It has sent something else.
    NotEnrolled,
    /// An answer to a drill.
    Drill(Drill),
    /// A refusal: it ends the request.
    Refused,
    /// The same person again.
    AlreadyCounted {
        /// How many have confirmed.
        given: u32,
        /// How many must.
        needed: u32,
    },
    /// The request has ended before this vote.
    AlreadyDecided {
        /// How.
        how: Settled,
    },
    /// Too late.
    Expired {
        /// When it lapsed.
        at: SystemTime,
        /// When the vote was judged.
        now: SystemTime,
    },
    /// The message is older than the question.
    OlderThanQuestion,
    /// The person is not in the group that the rule asks for.
    NotAnApprover,
    /// The person asked for it, or it was asked on their behalf.
    OwnRequest,
    /// The token fits no request.
    UnknownToken,
    /// The token is one request's and the quoted message another's.
    Contradiction,
    /// The text begins like a vote and is none.
    Malformed(Malformed),
    /// A reply to a prompt that says neither confirm nor deny.
    NotAVote,
    /// A reaction that is not a refusal.
    ReactionApprovesNothing,
    /// An edited message.
    Edited,
    /// A message in a group chat.
    InGroup,
    /// The account's identity key is not the one that was enrolled.
    IdentityChanged,
    /// The audit log or the store did not take the vote. What cannot be recorded does not happen.
    NotRecorded,
    /// This host's own check of who votes has refused it.
    HookRefused,
    /// It did not answer.
    HookSilent,
    /// Too many messages of the same person are being looked at.
    TooManyAtOnce,
    /// Whether the identity key is still the one that was enrolled could not be found out.
    IdentityUnknown,
}

/// How a request ended, as people are told when they vote after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settled {
    /// Enough people confirmed, and it has not begun.
    Approved,
    /// Enough people confirmed, and it has begun or is over.
    Begun,
    /// Somebody refused.
    Refused {
        /// Who.
        by: String,
    },
    /// Nobody decided in time.
    Expired,
    /// The asker took it back.
    Cancelled,
    /// The host changed; people were asked anew.
    Superseded,
    /// What was asked about is not so any more.
    Void,
    /// Too few people could be told of it, so that nobody was really asked.
    NotAsked,
    /// It was a drill.
    Drill,
}

/// What somebody hears in the chat whose key has signed a vote, so that a key in other hands is noticed.
pub fn by_webhook(answer: &str) -> String {
    format!("By webhook, signed with your key: {answer}")
}

impl Answer {
    /// The message, with what the request is about: who answered another than was meant sees it there.
    pub fn about(&self, command_line: &str) -> String {
        let text = self.text();
        if self.names_its_request() {
            format!("{text}\n  {}", capped(command_line, COMMAND_LIMIT))
        } else {
            text
        }
    }

    /// Whether its reader is told which request it was. Only who was asked is, and never where an account may be in other
    /// hands, or where the request itself has to be read again.
    fn names_its_request(&self) -> bool {
        match self {
            Self::Recorded { .. }
            | Self::RecordedLast { .. }
            | Self::RecordedHeld { .. }
            | Self::Refused
            | Self::AlreadyCounted { .. }
            | Self::AlreadyDecided { .. }
            | Self::Expired { .. }
            | Self::OlderThanQuestion
            | Self::NotAVote
            | Self::ReactionApprovesNothing
            | Self::Edited
            | Self::InGroup => true,
            Self::NotRepeated
            | Self::Frozen { .. }
            | Self::Thawed { .. }
            | Self::Checkpoint { .. }
            | Self::NotFrozen
            | Self::FrozenAnew
            | Self::NobodyCalled { .. }
            | Self::Stopped { .. }
            | Self::NothingToStop
            | Self::EnrolmentAnswered
            | Self::NotEnrolled
            | Self::Drill(_)
            | Self::NotAnApprover
            | Self::OwnRequest
            | Self::UnknownToken
            | Self::Contradiction
            | Self::Malformed(_)
            | Self::IdentityChanged
            | Self::NotRecorded
            | Self::HookRefused
            | Self::HookSilent
            | Self::TooManyAtOnce
            | Self::IdentityUnknown => false,
        }
    }

    /// The message.
    pub fn text(&self) -> String {
        match self {
            Self::Recorded { given, needed } => {
                format!("✅ Recorded: {given} of {needed} have confirmed. If it was a mistake, DENY stops it.")
            }
            Self::RecordedLast { needed } => {
                format!("✅ Recorded: {needed} of {needed} have confirmed. It runs now; the outcome follows.")
            }
            Self::RecordedHeld { needed, at, now } => format!(
                "✅ Recorded: {needed} of {needed} have confirmed. It runs at {}; until then a DENY from any of you stops it.",
                clock_time(*at, *now)
            ),
            Self::Frozen { who } => format!("🧊 {} THAW {who} lets it go on.", frozen(who)),
            Self::Thawed { who } => format!("{who} may go on."),
            Self::Checkpoint { checkpoint } => audit(checkpoint),
            Self::NotFrozen => "Nothing was changed: nobody of that name is frozen.".to_owned(),
            Self::FrozenAnew => {
                "Nothing was changed: that was frozen again after you sent this. Send it again if you mean it.".to_owned()
            }
            Self::NobodyCalled { names } => {
                let shown: Vec<&str> = names.iter().take(NAMES_SHOWN).map(String::as_str).collect();
                format!(
                    "NOT FROZEN: nobody of that name may ask for anything here. It is one of {}; or send FREEZE host.",
                    shown.join(", ")
                )
            }
            Self::NotRepeated => {
                "Not counted: what would be lost cannot be brought back. Read on the request what it is, and send its whole \
                 name with the word, as the request's last line shows."
                    .to_owned()
            }
            Self::Stopped { who } => format!("⛔ Recorded: {who} is not enrolled anew."),
            Self::NothingToStop => {
                "Nothing was changed: nobody of that name is about to be enrolled anew, or it is you.".to_owned()
            }
            Self::EnrolmentAnswered => "✅ Recorded. Root writes it down now; when you may approve, everybody hears.".to_owned(),
            Self::NotEnrolled => "Not counted: that is not what was sent to you. Send back its last line.".to_owned(),
            Self::Drill(drill) => drill.text(),
            Self::Refused => "⛔ Recorded: refused. Nothing will run.".to_owned(),
            Self::AlreadyCounted { given, needed } => {
                format!(
                    "Nothing was changed: you have confirmed this before, and a person counts once. {given} of {needed} have confirmed."
                )
            }
            Self::AlreadyDecided { how } => format!("Not counted: this request {}.", how.clause()),
            Self::Expired { at, now } => {
                format!("⌛ Not counted: this request expired at {}. Nothing will run.", clock_time(*at, *now))
            }
            Self::OlderThanQuestion => {
                "Not counted: your message is older than this request. Send it again if you mean it.".to_owned()
            }
            Self::NotAnApprover => "Not counted: you are not among the people who may decide this request.".to_owned(),
            Self::OwnRequest => "Not counted: you asked for this yourself. Somebody else must decide.".to_owned(),
            Self::UnknownToken => {
                "Not counted: no request of this host has this token. It may be over, or another host's.".to_owned()
            },
            Self::Contradiction => {
                "Not counted: the token belongs to one request and the quoted message to another. Send the token alone, or reply \
                 with the word alone."
                    .to_owned()
            }
            Self::Malformed(Malformed::NotAToken) => {
                "Not counted: send CONFIRM or DENY with the token as one half of the request's last line shows it, and no \
                 other words; or reply to the request with the word."
                    .to_owned()
            }
            Self::Malformed(Malformed::NoToken) => {
                "Not counted: it is not clear which request you mean. Add its token, or send the word as a reply to the \
                 request."
                    .to_owned()
            }
            Self::NotAVote => "Not a vote. Reply CONFIRM or DENY.".to_owned(),
            Self::ReactionApprovesNothing => {
                "Not counted: a reaction approves nothing. Reply CONFIRM or DENY. (👎 refuses.)".to_owned()
            }
            Self::Edited => "Not counted: an edited message does not vote. Send a new one.".to_owned(),
            Self::InGroup => "Not counted: votes are taken in this chat only, not in groups.".to_owned(),
            Self::IdentityChanged => {
                "Not counted: the safety number of your account has changed since you were enrolled. An administrator \
                 must compare it and enrol you anew."
                    .to_owned()
            }
            Self::NotRecorded => {
                "Not counted: the host could not record your vote. An administrator must look at its audit log.".to_owned()
            }
            Self::HookRefused => {
                "Not counted: this host's own check of who votes says no. An administrator can see why in the audit log."
                    .to_owned()
            }
            Self::HookSilent => {
                "Not counted: this host's own check of who votes did not answer. Send your vote again, or tell an \
                 administrator."
                    .to_owned()
            }
            Self::TooManyAtOnce => {
                "Not counted: what you sent before is still being looked at. Wait for the answers to that, and then send this \
                 again. DENY, FREEZE and STOP need not wait."
                    .to_owned()
            }
            Self::IdentityUnknown => {
                "Not counted: your safety number could not be checked just now. Send your vote again.".to_owned()
            }
        }
    }
}

impl Settled {
    fn clause(&self) -> String {
        match self {
            Self::Approved => "has already been approved; until it begins, DENY stops it".to_owned(),
            Self::Begun => "was approved, and it is too late to stop it".to_owned(),
            Self::Refused { by } => format!("was refused by {by}"),
            Self::Expired => "has expired; nothing ran".to_owned(),
            Self::Cancelled => "was cancelled by whoever asked".to_owned(),
            Self::Void => "is void: what it was about has changed since".to_owned(),
            Self::NotAsked => "is void: too few of you could be told of it, and nothing ran".to_owned(),
            Self::Drill => "was a drill, of which nothing could come".to_owned(),
            Self::Superseded => "was replaced by a newer one, because the host has changed".to_owned(),
        }
    }
}

/// Who is frozen, and what that means.
fn frozen(who: &str) -> String {
    if who == Whom::Host.as_str() {
        return "The whole host is frozen. Nothing that anybody asks for is done, and what waited has ended."
            .to_owned();
    }
    format!("{who} is frozen. Nothing that it asks for is done, and what waited has ended.")
}
