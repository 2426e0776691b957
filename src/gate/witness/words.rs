//! What the peers said last of this log: kept, and shown beneath the checkpoints that they said it of.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::{Mutex, watch};

use crate::gate::record::Unrecorded;
use crate::job::{Store, StoreError};

/// Where it is kept.
const SAID: &str = "witness_said";

/// The words of all peers.
pub(super) struct Words {
    said: watch::Sender<BTreeMap<String, Said>>,
    /// One at a time: two who say something at once do not take it from each other.
    keeping: Mutex<()>,
}

/// What a peer said last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Said {
    pub(super) size: u64,
    pub(super) checkpoint: String,
    pub(super) line: String,
}

impl Words {
    /// What was said before the gate was stopped.
    pub(super) fn load(store: &Store) -> Result<Self, StoreError> {
        let said: BTreeMap<String, Said> = store.note(SAID)?.unwrap_or_default();
        Ok(Self { said: watch::Sender::new(said), keeping: Mutex::default() })
    }

    /// Of how many records each peer said something.
    pub(super) fn sizes(&self) -> BTreeMap<String, u64> {
        self.said.borrow().iter().map(|(peer, said)| (peer.clone(), said.size)).collect()
    }

    /// Of how many records one of them did.
    pub(super) fn size(&self, peer: &str) -> u64 {
        self.said.borrow().get(peer).map_or(0, |said| said.size)
    }

    /// Kept first, so that what people are shown is known after a restart, too.
    pub(super) async fn keep(&self, store: &Arc<Store>, peer: &str, said: Said) -> Result<(), Unrecorded> {
        let _one_at_a_time = self.keeping.lock().await;
        let mut all = self.said.borrow().clone();
        all.insert(peer.to_owned(), said);
        let (store, kept) = (Arc::clone(store), all.clone());
        let written = tokio::task::spawn_blocking(move || store.put_note(SAID, &kept)).await;
        written.map_err(|_panicked| Unrecorded::Thread)??;
        self.said.send_replace(all);
        Ok(())
    }

    /// The lines beneath this checkpoint, once all of these have said theirs, or it took too long.
    pub(super) async fn beneath(&self, note: &str, awaited: &[String], patience: Duration) -> Vec<String> {
        let mut said = self.said.subscribe();
        let has_said = |said: &BTreeMap<String, Said>, peer: &String| {
            said.get(peer).is_some_and(|said| said.checkpoint == note)
        };
        let all = said.wait_for(|said| awaited.iter().all(|peer| has_said(said, peer)));
        // Who is late says it beneath a later one.
        drop(tokio::time::timeout(patience, all).await);
        let said = self.said.borrow();
        said.values().filter(|said| said.checkpoint == note).map(|said| said.line.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn peers_that_answer_at_once_are_both_heard_now_and_after_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let store = Arc::new(Store::open(&dir.path().join("state.redb")).unwrap());
        let words = Words::load(&store).unwrap();
        let peers = ["host02", "host03", "host04"].map(str::to_owned);
        for size in 1..=20 {
            let note = format!("checkpoint of {size}");
            let said =
                |peer: &str| Said { size, checkpoint: note.clone(), line: format!("{peer} at {size}") };
            let (one, two, three) = tokio::join!(
                words.keep(&store, &peers[0], said(&peers[0])),
                words.keep(&store, &peers[1], said(&peers[1])),
                words.keep(&store, &peers[2], said(&peers[2])),
            );
            assert!(one.is_ok() && two.is_ok() && three.is_ok());
            let lines = peers.clone().map(|peer| format!("{peer} at {size}"));
            for words in [&words, &Words::load(&store).unwrap()] {
                assert_eq!(words.beneath(&note, &peers, Duration::ZERO).await, lines);
            }
        }
    }
}
