//! What an operation has let its caller see of a tool's output so far: the last entries, numbered, and no more than fit.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::Value;
use tokio::sync::watch;

/// How many bytes of JSON are kept for callers that come late.
const KEPT_BYTES: usize = 256 * 1024;

/// The entries of one operation.
pub(super) struct Output {
    kept: Mutex<Kept>,
    count: watch::Sender<u64>,
}

#[derive(Default)]
struct Kept {
    entries: VecDeque<(Value, usize)>,
    bytes: usize,
    /// How many there have been, those that were let go of included.
    count: u64,
}

impl Default for Output {
    fn default() -> Self {
        Self { kept: Mutex::default(), count: watch::channel(0).0 }
    }
}

impl Output {
    /// Adds an entry; the oldest make room for it.
    pub(super) fn push(&self, entry: Value) {
        let size = entry.to_string().len();
        let mut kept = self.kept();
        kept.entries.push_back((entry, size));
        kept.bytes += size;
        kept.count += 1;
        while kept.bytes > KEPT_BYTES {
            let Some((_, size)) = kept.entries.pop_front() else { break };
            kept.bytes -= size;
        }
        let count = kept.count;
        drop(kept);
        self.count.send_replace(count);
    }

    /// The entries after the first `seen`, as far as they are kept, and how many there have been in all.
    pub(super) fn after(&self, seen: u64) -> (Vec<Value>, u64) {
        let kept = self.kept();
        let missing = usize::try_from(kept.count.saturating_sub(seen)).unwrap_or(usize::MAX);
        let skip = kept.entries.len().saturating_sub(missing);
        (kept.entries.iter().skip(skip).map(|(entry, _)| entry.clone()).collect(), kept.count)
    }

    /// A receiver of how many there have been.
    pub(super) fn counts(&self) -> watch::Receiver<u64> {
        self.count.subscribe()
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_comes_after_is_seen_once_and_in_order() {
        let output = Output::default();
        (0..5).for_each(|number| output.push(json!(number)));
        assert_eq!(output.after(0), (vec![json!(0), json!(1), json!(2), json!(3), json!(4)], 5));
        assert_eq!(output.after(3), (vec![json!(3), json!(4)], 5));
        assert_eq!(output.after(5), (vec![], 5));
        assert_eq!(output.after(9), (vec![], 5));
    }

    #[test]
    fn the_oldest_make_room_and_are_still_counted() {
        let output = Output::default();
        let entry = json!("x".repeat(KEPT_BYTES / 4));
        (0..9).for_each(|_| output.push(entry.clone()));
        let (entries, count) = output.after(0);
        assert_eq!((entries.len(), count), (3, 9));
    }
}
