//! The proof in people's phones: the signed checkpoint in each outcome, and the news of each day, or that there are none.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::record::Unrecorded;
use super::{Gate, from_millis};
use crate::approval::prompt::Notice;
use crate::audit::{SignedCheckpoint, checkpoint_line};
use crate::job::StoreError;

/// Where the last day's end is kept, and the key that people were told of.
const DAY: &str = "day";
const KEY: &str = "checkpoint_key";
/// How often it is looked whether the time of day has come.
const LOOK: Duration = Duration::from_secs(5);
const DAY_MS: u64 = 86_400_000;

/// The end of the last day that people were told of.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Told {
    at: u64,
    seq: u64,
}

impl Gate {
    /// What people keep: the last record for whoever types, and the signed checkpoint for whoever pastes.
    pub(super) fn checkpoint(&self) -> String {
        let head = self.audit.head();
        let signed = SignedCheckpoint::sign(&self.signer, head.tree.size(), head.tree.root());
        format!("{}\n{signed}", checkpoint_line(&head.last))
    }

    /// Tells people when the key that signs checkpoints is another than it was: who put it there could be anybody.
    pub(super) fn keep_signer(self: &Arc<Self>) -> Result<(), StoreError> {
        let key = self.signer.public().to_string();
        let before: Option<String> = self.store.note(KEY)?;
        if before.as_ref() == Some(&key) {
            return Ok(());
        }
        self.store.put_note(KEY, &key)?;
        if let Some(before) = before {
            self.announce(Notice::NewKey { before, key }, None);
        }
        Ok(())
    }

    /// Tells the news of a day that has ended.
    async fn tell_day(self: &Arc<Self>, minute: u32) -> Result<(), Unrecorded> {
        let (store, now) = (Arc::clone(&self.store), self.now_ms());
        let last: Option<Told> = blocking(move || store.note(DAY)).await?;
        let told = Told { at: now, seq: self.audit.last().seq };
        // Nothing was told yet, or by a clock that was ahead: from here on.
        let Some(last) = last.filter(|last| last.at <= now) else { return self.keep_day(told).await };
        if !is_due(last.at, now, minute) {
            return Ok(());
        }
        let store = Arc::clone(&self.store);
        let jobs = blocking(move || store.since(last.at)).await?;
        let mut operations: BTreeMap<&'static str, u64> = BTreeMap::new();
        for job in jobs {
            *operations.entry(job.state.as_str()).or_default() += 1;
        }
        let notice = Notice::Day {
            since: from_millis(last.at),
            now: from_millis(now),
            records: told.seq.saturating_sub(last.seq),
            operations: operations.into_iter().map(|(state, count)| (state.to_owned(), count)).collect(),
            checkpoint: self.checkpoint_seen().await,
        };
        // Kept first: a day that is not told is seen, and one that is told every few seconds is not read.
        self.keep_day(told).await?;
        self.announce(notice, None);
        Ok(())
    }

    async fn keep_day(&self, told: Told) -> Result<(), Unrecorded> {
        let store = Arc::clone(&self.store);
        blocking(move || store.put_note(DAY, &told)).await
    }
}

/// Tells people each day at that minute (UTC) what was, also when it was nothing: so that silence means something.
pub(super) async fn tell_days(gate: Arc<Gate>, minute: u32) {
    loop {
        if let Err(error) = gate.tell_day(minute).await {
            tracing::error!(error = &error as &dyn std::error::Error, "the day's news are not told");
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Whether that minute of a day has passed since.
fn is_due(last: u64, now: u64, minute: u32) -> bool {
    let of_day = u64::from(minute) * 60_000;
    let latest = now.checked_sub(of_day).map(|since| since - since % DAY_MS + of_day);
    latest.is_some_and(|latest| last < latest)
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, Unrecorded> {
    Ok(tokio::task::spawn_blocking(work).await.map_err(|_panicked| Unrecorded::Thread)??)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_told_once_after_its_minute_and_after_a_gap_once() {
        const HOUR: u64 = 3_600_000;
        let noon = 20 * DAY_MS + 12 * HOUR;
        assert!(!is_due(noon, noon + HOUR, 8 * 60), "eight was before");
        assert!(!is_due(noon, noon + 20 * HOUR - 1, 8 * 60));
        assert!(is_due(noon, noon + 20 * HOUR, 8 * 60), "eight the next day");
        assert!(!is_due(noon + 20 * HOUR, noon + 30 * HOUR, 8 * 60), "once");
        assert!(is_due(noon, noon + 5 * DAY_MS, 8 * 60));
        assert!(is_due(noon, 21 * DAY_MS, 0), "midnight is a minute, too");
    }
}
