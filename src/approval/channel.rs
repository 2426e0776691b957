//! The way to people, or the lack of one. Without one, what needs a person is refused at once, not left to wait.

use std::sync::Arc;

use tokio::time::Instant;
use uuid::Uuid;

use super::identity::{IdentityHeld, IdentityTrouble, Seen};
use super::people::{Approver, People};
use super::signal::{CaptchaError, Link, Quote, SendError, SentMessage, Status, Traffic};
use crate::policy::Quorum;

/// How people are reached.
#[derive(Clone)]
pub enum Channel {
    /// Over Signal.
    Signal(Link),
    /// Not at all: none is configured.
    None,
}

/// One question that is put to people, one after another: all of them together in the time that a question waits.
pub struct Asking<'a>(Option<(&'a Link, Instant)>);

impl Asking<'_> {
    /// Puts it to one of them. See [`Link::ask`].
    pub async fn of(&self, to: &Approver, text: &str) -> Result<SentMessage, SendError> {
        match self.0 {
            Some((link, until)) => link.ask(to, text, until).await,
            None => Err(SendError::Down),
        }
    }
}

/// Too few approvers can be reached to decide the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no channel: {reachable} of the approvers who may decide can be reached, {needed} are needed")]
pub struct NoChannel {
    /// How many can be reached.
    pub reachable: u32,
    /// How many must confirm.
    pub needed: u32,
}

impl Channel {
    /// Begins to ask people. See [`Link::patient_until`].
    pub fn asking(&self) -> Asking<'_> {
        match self {
            Self::Signal(link) => Asking(Some((link, link.patient_until()))),
            Self::None => Asking(None),
        }
    }

    /// Sends what may wait. See [`Link::tell`].
    pub async fn tell(
        &self,
        to: &Approver,
        text: &str,
        quote: Option<Quote>,
    ) -> Result<SentMessage, SendError> {
        match self {
            Self::Signal(link) => link.tell(to, text, quote).await,
            Self::None => Err(SendError::Down),
        }
    }

    /// Whether there is an answer at this moment. See [`Link::is_awake`].
    pub async fn is_awake(&self) -> bool {
        match self {
            Self::Signal(link) => link.is_awake().await,
            Self::None => false,
        }
    }

    /// How sending goes. See [`Link::traffic`].
    pub fn traffic(&self) -> Traffic {
        match self {
            Self::Signal(link) => link.traffic(),
            Self::None => Traffic::default(),
        }
    }

    /// Hands over a captcha's solution. See [`Link::solve_captcha`].
    pub async fn solve_captcha(&self, solution: &str) -> Result<(), CaptchaError> {
        match self {
            Self::Signal(link) => link.solve_captcha(solution).await,
            Self::None => Err(CaptchaError::NotWanted),
        }
    }

    /// Puts another text in the place of one that a person was sent. See [`Link::edit`].
    pub async fn edit(&self, to: &Approver, timestamp: u64, text: &str) -> Result<SentMessage, SendError> {
        match self {
            Self::Signal(link) => link.edit(to, timestamp, text).await,
            Self::None => Err(SendError::Down),
        }
    }

    /// Checks a voter's identity. See [`Link::identity_holds`].
    pub async fn identity_holds(&self, approver: &Approver) -> Result<IdentityHeld, IdentityTrouble> {
        match self {
            Self::Signal(link) => link.identity_holds(approver).await,
            Self::None => Err(IdentityTrouble::Unchecked),
        }
    }

    /// The identity key that any account has now. See [`Link::newest_identity`].
    pub async fn newest_identity(&self, account: Uuid) -> Result<Seen, IdentityTrouble> {
        match self {
            Self::Signal(link) => link.newest_identity(account).await,
            Self::None => Err(IdentityTrouble::Unchecked),
        }
    }

    /// Has an account's key trusted that was compared. See [`Link::trust`].
    pub async fn trust(&self, account: Uuid, safety_number: &str) -> Result<(), SendError> {
        match self {
            Self::Signal(link) => link.trust(account, safety_number).await,
            Self::None => Err(SendError::Down),
        }
    }

    /// Other people may approve from now on. See [`Link::set_people`].
    pub fn set_people(&self, people: Arc<People>) {
        match self {
            Self::Signal(link) => link.set_people(people),
            Self::None => {}
        }
    }

    /// Why nobody can be reached, when there is a way to people and it is closed.
    pub fn trouble(&self) -> Option<&'static str> {
        match self {
            Self::Signal(link) => match link.status() {
                Status::Up { .. } => None,
                Status::Down(why) => Some(why.describe()),
            },
            Self::None => None,
        }
    }

    /// Whether anybody could be reached at all.
    pub fn is_up(&self) -> bool {
        match self {
            Self::Signal(link) => link.is_up(),
            Self::None => false,
        }
    }

    /// The names of those who can be asked.
    pub fn reachable(&self) -> Vec<String> {
        match self {
            Self::Signal(link) => link.reachable(),
            Self::None => Vec::new(),
        }
    }

    fn is_held(&self) -> bool {
        match self {
            Self::Signal(link) => link.is_held(),
            Self::None => false,
        }
    }

    /// Those of `voters` who can be asked now, if they are enough. If not, looks again for whoever asks a second time.
    pub fn enough_of<'a>(
        &self,
        voters: impl Iterator<Item = &'a Approver>,
        quorum: &Quorum,
    ) -> Result<Vec<&'a Approver>, NoChannel> {
        // What the server wants nothing of for longer than a question waits reaches nobody.
        let names = if self.is_held() { Vec::new() } else { self.reachable() };
        let voters: Vec<_> = voters.filter(|voter| names.contains(&voter.name)).collect();
        let needed = quorum.needed();
        match quorum.missing(voters.iter().map(|voter| voter.groups.as_slice())) {
            0 => Ok(voters),
            missing => {
                if let Self::Signal(link) = self {
                    link.look_again();
                }
                Err(NoChannel { reachable: needed.saturating_sub(missing), needed })
            }
        }
    }
}
