//! One message at a time, and how long the server wants none. Questions go before news, and each kind goes in its order. What
//! waits is bounded: a question by its time, and all of them by their number; when they are too many, the oldest news are given
//! up before any question.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, oneshot};
use tokio::time::{Instant, timeout_at};

use super::sending::SendError;

/// How many messages wait at most.
const MOST: usize = 256;
/// Nothing is held for longer than the server has ever asked for.
const LONGEST: Duration = Duration::from_secs(48 * 3600);

/// The least that is waited is doubled so often.
const LONGEST_LEAST: u32 = 5;

/// What a message is worth when not all of them can wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Worth {
    /// How something ended, what everybody should know, an answer to a vote.
    News,
    /// What somebody has to decide about.
    Question,
}

impl Worth {
    /// The metric's label.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::News => "news",
            Self::Question => "question",
        }
    }
}

/// How sending goes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Traffic {
    /// How many messages wait.
    pub waiting: usize,
    /// For how long nothing is sent, because the server wants none.
    pub held_for: Option<Duration>,
    /// The challenge that it wants solved first.
    pub captcha: Option<String>,
    /// How many messages were given up because too many waited.
    pub dropped: BTreeMap<Worth, u64>,
    /// How many attempts to send came out how.
    pub results: BTreeMap<&'static str, u64>,
}

/// Whose turn it is.
pub(super) struct Outbox {
    state: Mutex<State>,
    released: Notify,
    pause: Duration,
    captcha_pause: Duration,
}

#[derive(Default)]
struct State {
    is_sending: bool,
    waiting: VecDeque<Waits>,
    held: Option<Held>,
    dropped: BTreeMap<Worth, u64>,
    results: BTreeMap<&'static str, u64>,
}

/// A message that waits for its turn.
struct Waits {
    /// How long: a question until then, and news for as long as it takes.
    until: Option<Instant>,
    go: oneshot::Sender<Turn>,
}

impl Waits {
    fn worth(&self) -> Worth {
        if self.until.is_some() { Worth::Question } else { Worth::News }
    }
}

#[derive(Clone)]
struct Held {
    until: Instant,
    captcha: Option<String>,
    /// How many attempts in a row the server did not want before this one.
    before: u32,
}

impl Held {
    /// The least that is waited, whatever the server says: longer with each attempt in a row that it does not want.
    fn least(before: u32) -> Duration {
        Duration::from_secs(1 << before.min(LONGEST_LEAST))
    }
}

/// The turn to send, passed on when it is dropped.
pub(super) struct Turn(Option<Arc<Outbox>>);

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(outbox) = self.0.take() {
            outbox.pass_on();
        }
    }
}

impl Outbox {
    /// One that sends nothing for `pause` when the server does not say how long, and for `captcha_pause` when it wants a captcha
    /// solved.
    pub(super) fn new(pause: Duration, captcha_pause: Duration) -> Self {
        Self { state: Mutex::default(), released: Notify::new(), pause, captcha_pause }
    }

    /// Waits for the turn: a question until then, and news, which have no such time, for as long as it takes.
    pub(super) async fn turn(self: &Arc<Self>, until: Option<Instant>) -> Result<Turn, SendError> {
        let turn = {
            let mut state = self.state();
            state.in_time(until)?;
            if !state.is_sending {
                state.is_sending = true;
                return Ok(Turn(Some(Arc::clone(self))));
            }
            let (go, turn) = oneshot::channel();
            state.waiting.retain(|other| !other.go.is_closed());
            state.waiting.push_back(Waits { until, go });
            if state.waiting.len() > MOST {
                state.make_room();
            }
            turn
        };
        let given = match until {
            None => turn.await.ok(),
            // A turn that comes at that very moment is passed on when it is dropped with the rest.
            Some(until) => timeout_at(until, turn).await.ok().and_then(Result::ok),
        };
        match given {
            Some(turn) => Ok(turn),
            None => Err(self.state().in_time(until).err().unwrap_or(SendError::Dropped)),
        }
    }

    /// Waits, with the turn in hand, until the server wants messages again; not at all when that is too late.
    pub(super) async fn until_free(&self, until: Option<Instant>) -> Result<(), SendError> {
        loop {
            let released = self.released.notified();
            let left = {
                let state = self.state();
                state.in_time(until)?;
                state.left()
            };
            let Some(left) = left else { return Ok(()) };
            tokio::select! {
                () = tokio::time::sleep(left) => {}
                () = released => {}
            }
        }
    }

    /// Counts how an attempt came out; says whether it is to be made again, once the server wants messages. Questions for
    /// which that is too late wait no longer.
    pub(super) fn came_out<T>(&self, result: &Result<T, SendError>) -> bool {
        let mut state = self.state();
        *state.results.entry(result.as_ref().err().map_or("success", SendError::label)).or_default() += 1;
        let before = state.held.as_ref().map_or(0, |held| held.before.saturating_add(1));
        let (pause, captcha) = match result {
            Ok(_) => {
                state.held = None;
                return false;
            }
            Err(SendError::RateLimited { retry_after }) => {
                let said = retry_after.map(|said| Duration::from_secs(said).max(Held::least(before)));
                (said.unwrap_or(self.pause), None)
            }
            Err(SendError::NeedsCaptcha { challenge }) => (self.captcha_pause, Some(challenge.clone())),
            Err(_) => return false,
        };
        state.held = Some(Held { until: Instant::now() + pause.min(LONGEST), captcha, before });
        state.give_up_late();
        true
    }

    /// Whether what waits until then may still wait for the server.
    pub(super) fn is_in_time(&self, until: Option<Instant>) -> bool {
        self.state().in_time(until).is_ok()
    }

    /// The challenge that is to be solved.
    pub(super) fn captcha(&self) -> Option<String> {
        self.state().held.as_ref().and_then(|held| held.captcha.clone())
    }

    /// The server wants messages again.
    pub(super) fn release(&self) {
        self.state().held = None;
        self.released.notify_waiters();
    }

    /// How it goes.
    pub(super) fn traffic(&self) -> Traffic {
        let state = self.state();
        Traffic {
            waiting: state.waiting.iter().filter(|other| !other.go.is_closed()).count(),
            held_for: state.left(),
            captcha: state.held.as_ref().and_then(|held| held.captcha.clone()),
            dropped: state.dropped.clone(),
            results: state.results.clone(),
        }
    }

    fn pass_on(self: &Arc<Self>) {
        loop {
            let next = {
                let mut state = self.state();
                let next = state.next();
                state.is_sending = next.is_some();
                next
            };
            let Some(next) = next else { return };
            match next.go.send(Turn(Some(Arc::clone(self)))) {
                Ok(()) => return,
                // Nobody waits there any more: the next one.
                Err(mut turn) => drop(turn.0.take()),
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// How long the server still wants nothing.
    fn left(&self) -> Option<Duration> {
        let left = self.held.as_ref()?.until.saturating_duration_since(Instant::now());
        (!left.is_zero()).then_some(left)
    }

    /// Whether what waits until then may wait for the server.
    fn in_time(&self, until: Option<Instant>) -> Result<(), SendError> {
        let (Some(until), Some(left), Some(held)) = (until, self.left(), &self.held) else { return Ok(()) };
        if held.until <= until {
            return Ok(());
        }
        Err(SendError::RateLimited { retry_after: Some(left.as_secs()) })
    }

    /// Wakes the questions for which the server is free too late.
    fn give_up_late(&mut self) {
        let Some(free) = self.held.as_ref().map(|held| held.until) else { return };
        self.waiting.retain(|other| other.until.is_none_or(|until| free <= until));
    }

    /// Whose turn is next: a question, for which somebody waits, before any news.
    fn next(&mut self) -> Option<Waits> {
        let question = self.waiting.iter().position(|other| other.worth() == Worth::Question);
        self.waiting.remove(question.unwrap_or(0))
    }

    /// Gives one message up: the oldest news, or else the question that came last.
    fn make_room(&mut self) {
        let oldest = self.waiting.iter().position(|other| other.worth() == Worth::News);
        let given_up = match oldest {
            Some(oldest) => self.waiting.remove(oldest),
            None => self.waiting.pop_back(),
        };
        if let Some(given_up) = given_up {
            *self.dropped.entry(given_up.worth()).or_default() += 1;
        }
    }
}
