//! What the gate knows and keeps in the store, so that a restart forgets none of it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;

use super::record::Unrecorded;
use crate::job::Store;

/// One thing of that kind.
pub(super) struct Noted<T> {
    /// What the store calls it.
    name: &'static str,
    now: Mutex<T>,
    /// One at a time: an older copy is never written over a newer one.
    keeping: Arc<tokio::sync::Mutex<()>>,
}

impl<T: Clone + Serialize + Send + 'static> Noted<T> {
    /// As it is in the store.
    pub(super) fn new(name: &'static str, now: T) -> Self {
        Self { name, now: Mutex::new(now), keeping: Arc::default() }
    }

    /// What is so now.
    pub(super) fn now(&self) -> MutexGuard<'_, T> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps what is so when its turn comes.
    pub(super) async fn keep(&self, store: &Arc<Store>) -> Result<(), Unrecorded> {
        let keeping = Arc::clone(&self.keeping).lock_owned().await;
        let (store, name, now) = (Arc::clone(store), self.name, self.now().clone());
        let written = tokio::task::spawn_blocking(move || {
            // Until it is written, whether or not somebody still waits for that.
            let _keeping = keeping;
            store.put_note(name, &now)
        });
        Ok(written.await.map_err(|_panicked| Unrecorded::Thread)??)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn of_what_is_kept_by_many_at_once_the_store_has_the_last() {
        let dir = tempfile::tempdir().unwrap();
        let store = Arc::new(Store::open(&dir.path().join("state.redb")).unwrap());
        let noted = Arc::new(Noted::new("numbers", Vec::new()));
        for round in 0..20 {
            let all: Vec<_> = (0..8)
                .map(|one| {
                    let (noted, store) = (Arc::clone(&noted), Arc::clone(&store));
                    tokio::spawn(async move {
                        noted.now().push(round * 8 + one);
                        noted.keep(&store).await
                    })
                })
                .collect();
            for one in all {
                assert!(one.await.unwrap().is_ok());
            }
            assert_eq!(store.note("numbers").unwrap(), Some(noted.now().clone()));
        }
    }
}
