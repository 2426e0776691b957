//! One message at a time, in order, and how long the server wants none. What waits meanwhile is bounded: when it is too much,
//! the oldest news go before any question.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;

use super::sending::SendError;

/// How many messages wait at most.
const MOST: usize = 256;
/// How long nothing is sent while the server wants a captcha solved.
const CAPTCHA_PAUSE: Duration = Duration::from_secs(600);
/// Nothing is held for longer than the server has ever asked for.
const LONGEST: Duration = Duration::from_secs(48 * 3600);

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
    patience: Duration,
}

#[derive(Default)]
struct State {
    is_sending: bool,
    waiting: VecDeque<(Worth, oneshot::Sender<Turn>)>,
    held: Option<Held>,
    dropped: BTreeMap<Worth, u64>,
    results: BTreeMap<&'static str, u64>,
}

#[derive(Clone)]
struct Held {
    until: Instant,
    captcha: Option<String>,
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
    /// One that sends nothing for `pause` when the server does not say how long, and keeps no question for longer than
    /// `patience`.
    pub(super) fn new(pause: Duration, patience: Duration) -> Self {
        Self { state: Mutex::default(), released: Notify::new(), pause, patience }
    }

    /// Waits for the turn.
    pub(super) async fn turn(self: &Arc<Self>, worth: Worth) -> Result<Turn, SendError> {
        let turn = {
            let mut state = self.state();
            if let Some(left) = state.left().filter(|left| worth == Worth::Question && *left > self.patience)
            {
                return Err(SendError::RateLimited { retry_after: Some(left.as_secs()) });
            }
            if !state.is_sending {
                state.is_sending = true;
                return Ok(Turn(Some(Arc::clone(self))));
            }
            let (go, turn) = oneshot::channel();
            state.waiting.retain(|(_, other)| !other.is_closed());
            state.waiting.push_back((worth, go));
            if state.waiting.len() > MOST {
                state.make_room();
            }
            turn
        };
        turn.await.map_err(|_dropped| SendError::Dropped)
    }

    /// Waits, with the turn in hand, until the server wants messages again.
    pub(super) async fn until_free(&self) {
        loop {
            let released = self.released.notified();
            let Some(left) = self.state().left() else { return };
            tokio::select! {
                () = tokio::time::sleep(left) => {}
                () = released => {}
            }
        }
    }

    /// Counts how an attempt came out; says whether it is to be made again, once the server wants messages.
    pub(super) fn came_out<T>(&self, result: &Result<T, SendError>) -> bool {
        let mut state = self.state();
        *state.results.entry(result.as_ref().err().map_or("success", SendError::label)).or_default() += 1;
        let (pause, captcha) = match result {
            Ok(_) => {
                state.held = None;
                return false;
            }
            Err(SendError::RateLimited { retry_after }) => {
                (retry_after.map_or(self.pause, Duration::from_secs), None)
            }
            Err(SendError::NeedsCaptcha { challenge }) => (CAPTCHA_PAUSE, Some(challenge.clone())),
            Err(_) => return false,
        };
        state.held = Some(Held { until: Instant::now() + pause.min(LONGEST), captcha });
        true
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
            waiting: state.waiting.iter().filter(|(_, other)| !other.is_closed()).count(),
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
                let next = state.waiting.pop_front();
                state.is_sending = next.is_some();
                next
            };
            let Some((_, go)) = next else { return };
            match go.send(Turn(Some(Arc::clone(self)))) {
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

    /// Gives one message up: the oldest news, or else the question that came last.
    fn make_room(&mut self) {
        let oldest = self.waiting.iter().position(|(worth, _)| *worth == Worth::News);
        let given_up = match oldest {
            Some(oldest) => self.waiting.remove(oldest),
            None => self.waiting.pop_back(),
        };
        if let Some((worth, _)) = given_up {
            *self.dropped.entry(worth).or_default() += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(60);

    fn outbox() -> Outbox {
        Outbox::new(Duration::from_secs(30), PATIENCE)
    }

    type Log = Arc<Mutex<Vec<usize>>>;

    fn limited(seconds: u64) -> Result<(), SendError> {
        Err(SendError::RateLimited { retry_after: Some(seconds) })
    }

    /// Takes its turn, and tells when it had it.
    fn waits(
        outbox: &Arc<Outbox>,
        worth: Worth,
        name: usize,
        log: &Log,
    ) -> tokio::task::JoinHandle<Result<(), SendError>> {
        let (outbox, log) = (Arc::clone(outbox), Arc::clone(log));
        tokio::spawn(async move {
            let _turn = outbox.turn(worth).await?;
            outbox.until_free().await;
            log.lock().unwrap().push(name);
            Ok(())
        })
    }

    async fn all_wait(outbox: &Outbox, count: usize) {
        while outbox.traffic().waiting < count {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn what_the_server_does_not_want_yet_is_held_and_sent_in_its_order() {
        let (outbox, log) = (Arc::new(outbox()), Log::default());
        let first = outbox.turn(Worth::Question).await.unwrap();
        assert!(outbox.came_out(&limited(1)));
        let mut all = Vec::new();
        for name in 0..5 {
            let worth = if name % 2 == 0 { Worth::News } else { Worth::Question };
            all.push(waits(&outbox, worth, name, &log));
            all_wait(&outbox, name + 1).await;
        }
        assert!(log.lock().unwrap().is_empty());
        let begun = Instant::now();
        outbox.until_free().await;
        assert!(outbox.traffic().waiting == 5 && begun.elapsed() < Duration::from_secs(30));
        assert!(!outbox.came_out(&Ok(())));
        drop(first);
        for one in all {
            one.await.unwrap().unwrap();
        }
        assert_eq!(*log.lock().unwrap(), [0, 1, 2, 3, 4]);
        assert_eq!(outbox.traffic().results, [("rate_limited", 1), ("success", 1)].into());
    }

    #[tokio::test]
    async fn a_question_is_not_kept_for_longer_than_somebody_would_wait_for_it() {
        let outbox = Arc::new(outbox());
        let turn = outbox.turn(Worth::News).await.unwrap();
        outbox.came_out(&limited(86_400));
        let refused = outbox.turn(Worth::Question).await.err();
        assert!(
            matches!(refused, Some(SendError::RateLimited { retry_after: Some(86_390..=86_400) })),
            "{refused:?}"
        );
        outbox.release();
        drop(turn);
        assert!(outbox.turn(Worth::Question).await.is_ok());
    }

    #[tokio::test]
    async fn when_too_much_waits_the_oldest_news_go_before_any_question() {
        let (outbox, log) = (Arc::new(outbox()), Log::default());
        let turn = outbox.turn(Worth::News).await.unwrap();
        let mut all = Vec::new();
        for name in 0..MOST {
            let worth = if name % 2 == 0 { Worth::Question } else { Worth::News };
            all.push(waits(&outbox, worth, name, &log));
            all_wait(&outbox, name + 1).await;
        }
        let last = waits(&outbox, Worth::Question, MOST, &log);
        assert_eq!(all.remove(1).await.unwrap(), Err(SendError::Dropped), "the oldest of the news");
        assert_eq!(outbox.traffic().dropped, [(Worth::News, 1)].into());
        drop(turn);
        for one in all.into_iter().chain([last]) {
            one.await.unwrap().unwrap();
        }
        let log = log.lock().unwrap();
        assert!(log.is_sorted() && log.len() == MOST && !log.contains(&1), "{log:?}");
    }

    #[tokio::test]
    async fn a_turn_that_nobody_takes_any_more_goes_to_the_next() {
        let (outbox, log) = (Arc::new(outbox()), Log::default());
        let turn = outbox.turn(Worth::News).await.unwrap();
        let gone = waits(&outbox, Worth::News, 0, &log);
        all_wait(&outbox, 1).await;
        let next = waits(&outbox, Worth::News, 1, &log);
        all_wait(&outbox, 2).await;
        gone.abort();
        assert!(gone.await.is_err());
        drop(turn);
        next.await.unwrap().unwrap();
        assert_eq!(*log.lock().unwrap(), [1]);
        assert!(outbox.turn(Worth::News).await.is_ok());
    }

    #[tokio::test]
    async fn a_captcha_is_known_until_it_is_solved() {
        let outbox = outbox();
        assert!(outbox.came_out::<()>(&Err(SendError::NeedsCaptcha { challenge: "ch-1".into() })));
        assert_eq!(outbox.captcha().as_deref(), Some("ch-1"));
        assert!(outbox.traffic().held_for.is_some_and(|left| left > PATIENCE));
        outbox.release();
        assert_eq!((outbox.captcha(), outbox.traffic().held_for), (None, None));
    }
}
