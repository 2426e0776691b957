//! Has every piece of a text judged, a few at a time, as far as nobody knows from before.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::kept::{Hash, Kept, hash};
use super::pieces::pieces;
use super::wire::{Answer, Why};
use crate::vault::CredentialKind;

/// Whoever can say whether a piece of text is an attack.
pub trait Judge: Send + Sync + 'static {
    /// Whether it is, or why that cannot be said until then.
    fn judge(&self, piece: &str, until: Instant) -> impl Future<Output = Result<bool, Why>> + Send;

    /// As whom it asks, where that is known.
    fn credential(&self) -> Option<CredentialKind> {
        None
    }
}

/// Has texts judged.
pub struct Looker<J> {
    judge: Arc<J>,
    places: Arc<Semaphore>,
    kept: Mutex<Kept>,
}

impl<J: Judge> Looker<J> {
    /// So many pieces are judged at once; so many answers are kept, for so long.
    pub fn new(judge: J, at_once: usize, kept: (usize, Duration)) -> Self {
        let (most, lasts) = kept;
        Self {
            judge: Arc::new(judge),
            places: Arc::new(Semaphore::new(at_once)),
            kept: Mutex::new(Kept::new(most, lasts)),
        }
    }

    /// As whom it is asked.
    pub(super) fn credential(&self) -> Option<CredentialKind> {
        self.judge.credential()
    }

    /// Has a text judged, to its last piece.
    pub async fn look_at(&self, text: &str, patience: Duration) -> Answer {
        let (now, mut answer) = (Instant::now(), Answer { pieces: 0, kept: 0, attack: false, unsure: None });
        let mut open: BTreeMap<Hash, String> = BTreeMap::new();
        for piece in pieces(text) {
            answer.pieces += 1;
            let hash = hash(piece);
            match self.kept().of(&hash, now) {
                Some(attack) => {
                    answer.kept += 1;
                    answer.attack |= attack;
                }
                None => drop(open.insert(hash, piece.to_owned())),
            }
        }
        let mut judged = JoinSet::new();
        for (hash, piece) in open {
            let (judge, places) = (Arc::clone(&self.judge), Arc::clone(&self.places));
            judged.spawn(async move {
                let judging = async {
                    let _place = places.acquire().await;
                    judge.judge(&piece, now + patience).await
                };
                let said = tokio::time::timeout_at(now + patience, judging).await;
                (hash, said.unwrap_or(Err(Why::Timeout)))
            });
        }
        while let Some(said) = judged.join_next().await {
            match said {
                Ok((hash, Ok(attack))) => {
                    answer.attack |= attack;
                    self.kept().keep(hash, attack, Instant::now());
                }
                // What nobody could say is asked again the next time.
                Ok((_, Err(why))) => answer.unsure = answer.unsure.max(Some(why)),
                Err(_panicked) => answer.unsure = Some(Why::Unreadable),
            }
        }
        answer
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    /// Finds `attack`, does not know `?`, and thinks for ever about `slow`.
    #[derive(Default)]
    struct Reader {
        asked: AtomicUsize,
        at_once: AtomicUsize,
        most_at_once: AtomicUsize,
    }

    impl Judge for Arc<Reader> {
        async fn judge(&self, piece: &str, _until: Instant) -> Result<bool, Why> {
            self.asked.fetch_add(1, Ordering::Relaxed);
            let now = self.at_once.fetch_add(1, Ordering::Relaxed) + 1;
            self.most_at_once.fetch_max(now, Ordering::Relaxed);
            // So that others get their turn meanwhile.
            for _turn in 0..50 {
                tokio::task::yield_now().await;
            }
            if piece.contains("slow") {
                std::future::pending::<()>().await;
            }
            self.at_once.fetch_sub(1, Ordering::Relaxed);
            if piece.contains('?') { Err(Why::Refused) } else { Ok(piece.contains("attack")) }
        }
    }

    /// For what must happen; a busy machine is slow.
    const PATIENCE: Duration = Duration::from_secs(30);
    /// For what never happens.
    const SHORT: Duration = Duration::from_millis(50);

    fn looker() -> (Arc<Reader>, Looker<Arc<Reader>>) {
        let reader = Arc::new(Reader::default());
        let looker = Looker::new(Arc::clone(&reader), 3, (100, Duration::from_secs(60)));
        (reader, looker)
    }

    fn answer(pieces: usize, kept: usize, attack: bool, unsure: Option<Why>) -> Answer {
        Answer { pieces, kept, attack, unsure }
    }

    #[tokio::test]
    async fn an_attack_is_found_in_whichever_piece_it_stands() {
        for place in 0..5 {
            let (_, looker) = looker();
            let long = |from: usize, to: usize| {
                (from..to).map(|line| format!("line {line:05}\n")).collect::<String>()
            };
            let text = format!("{}attack{}", long(0, place * 700), long(place * 700, 4000));
            let found = looker.look_at(&text, PATIENCE).await;
            assert_eq!((found.attack, found.unsure), (true, None), "{place}");
            assert_eq!(found.pieces, 5);
        }
    }

    #[tokio::test]
    async fn what_was_said_is_kept_and_what_could_not_be_said_is_asked_again() {
        let (reader, looker) = looker();
        for (text, first, second) in [
            ("clean", answer(1, 0, false, None), answer(1, 1, false, None)),
            ("attack", answer(1, 0, true, None), answer(1, 1, true, None)),
            ("?", answer(1, 0, false, Some(Why::Refused)), answer(1, 0, false, Some(Why::Refused))),
            ("slow", answer(1, 0, false, Some(Why::Timeout)), answer(1, 0, false, Some(Why::Timeout))),
        ] {
            let patience = if text == "slow" { SHORT } else { PATIENCE };
            assert_eq!(looker.look_at(text, patience).await, first, "{text}");
            assert_eq!(looker.look_at(text, patience).await, second, "{text} again");
        }
        assert_eq!(reader.asked.load(Ordering::Relaxed), 6);
    }

    #[tokio::test]
    async fn only_so_many_are_judged_at_once_and_the_same_piece_once() {
        let (reader, looker) = looker();
        let text: String = (0..20_000).map(|line| format!("{line:06}\n")).collect();
        let found = looker.look_at(&text, PATIENCE).await;
        assert_eq!((found.unsure, found.pieces), (None, 16));
        assert_eq!(reader.most_at_once.load(Ordering::Relaxed), 3);
        let before = reader.asked.load(Ordering::Relaxed);
        let same = looker.look_at(&"x".repeat(91_000), PATIENCE).await;
        assert_eq!((same.pieces, same.unsure), (10, None));
        assert_eq!(reader.asked.load(Ordering::Relaxed) - before, 1);
    }
}
