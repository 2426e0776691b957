//! Whose identity key has changed: their votes do not count, they are asked nothing, and everybody else is told once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tokio::sync::watch;

use super::Gate;
use super::record::Unrecorded;
use crate::approval::prompt::Notice;
use crate::audit::{Event, EventKind};

/// Where it is kept of whom people have been told.
const NOTE: &str = "changed_keys";

/// Tells of each change as it is seen.
pub(super) async fn watch(gate: Arc<Gate>, mut keys: watch::Receiver<BTreeMap<String, bool>>) {
    loop {
        let now = keys.borrow_and_update().clone();
        if let Err(error) = gate.keys_are(now).await {
            let error = &error as &dyn std::error::Error;
            tracing::error!(error, "that an identity key has changed is not on record");
        }
        if keys.changed().await.is_err() {
            return;
        }
    }
}

impl Gate {
    async fn keys_are(self: &Arc<Self>, keys: BTreeMap<String, bool>) -> Result<(), Unrecorded> {
        let told: BTreeSet<String> = self.store.note(NOTE)?.unwrap_or_default();
        // Of whom nothing is known yet, what was is so.
        let is_changed = |name: &String| keys.get(name).is_none_or(|holds| !holds);
        let known = keys.keys().chain(&told).filter(|name| is_changed(name));
        let now: BTreeSet<String> = known.cloned().collect();
        if told == now {
            return Ok(());
        }
        let news: Vec<String> = now.difference(&told).cloned().collect();
        for name in &news {
            tracing::warn!(approver = name, "an approver's identity key is not the enrolled one any more");
            self.announce_but(Notice::KeyChanged { name: name.clone() }, None, vec![name.clone()]);
        }
        // A crash before this has people told twice, which is better than not at all.
        let store = Arc::clone(&self.store);
        let kept = tokio::task::spawn_blocking(move || store.put_note(NOTE, &now)).await;
        kept.map_err(|_panicked| Unrecorded::Thread)??;
        for name in news {
            let event = Event::new(EventKind::AuthFailure)
                .with("reason", "identity_key_changed")
                .with("approver", name);
            self.record(event).await?;
        }
        Ok(())
    }
}
