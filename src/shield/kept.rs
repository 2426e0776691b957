//! Answers that are known from before: by the SHA-256 of what was asked, for a while, and not too many.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio::time::Instant;

/// What a text is known by.
pub(super) type Hash = [u8; 32];

/// What a text is known by.
pub(super) fn hash(text: &str) -> Hash {
    Sha256::digest(text.as_bytes()).into()
}

/// The answers.
#[derive(Debug)]
pub(super) struct Kept {
    most: usize,
    lasts: Duration,
    answers: HashMap<Hash, (bool, Instant)>,
    /// Oldest first.
    order: VecDeque<Hash>,
}

impl Kept {
    /// So many, for so long.
    pub(super) fn new(most: usize, lasts: Duration) -> Self {
        Self { most, lasts, answers: HashMap::new(), order: VecDeque::new() }
    }

    /// Whether it is an attack, where that is known.
    pub(super) fn of(&self, hash: &Hash, now: Instant) -> Option<bool> {
        let (attack, at) = self.answers.get(hash)?;
        (now.duration_since(*at) < self.lasts).then_some(*attack)
    }

    /// Keeps an answer. The oldest goes when there are too many.
    pub(super) fn keep(&mut self, hash: Hash, attack: bool, now: Instant) {
        if self.answers.insert(hash, (attack, now)).is_some() {
            self.order.retain(|known| *known != hash);
        }
        self.order.push_back(hash);
        while self.order.len() > self.most {
            if let Some(oldest) = self.order.pop_front() {
                self.answers.remove(&oldest);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_kept_for_a_while_and_not_too_many() {
        let (mut kept, now) = (Kept::new(2, Duration::from_secs(60)), Instant::now());
        let [one, two, three] = ["one", "two", "three"].map(hash);
        kept.keep(one, true, now);
        kept.keep(two, false, now);
        let later = now + Duration::from_secs(30);
        assert_eq!([one, two, three].map(|hash| kept.of(&hash, later)), [Some(true), Some(false), None]);
        // Said again it is young again, so that another one goes.
        kept.keep(one, false, later);
        kept.keep(three, true, later);
        assert_eq!([one, two, three].map(|hash| kept.of(&hash, later)), [Some(false), None, Some(true)]);
        assert_eq!((kept.answers.len(), kept.order.len()), (2, 2));
        assert_eq!(kept.of(&one, later + Duration::from_secs(60)), None);
    }

    #[test]
    fn with_no_room_nothing_is_kept() {
        let (mut kept, now) = (Kept::new(0, Duration::from_secs(60)), Instant::now());
        kept.keep(hash("one"), true, now);
        assert_eq!((kept.of(&hash("one"), now), kept.answers.len()), (None, 0));
    }
}
