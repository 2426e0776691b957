//! The lists of domains that rules ask about: looked at in the background, so that no decision waits for a file.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use super::Gate;
use super::record::Unrecorded;
use crate::audit::{Event, EventKind};
use crate::domains::config::ListsConfig;
use crate::domains::{Changed, DomainLists};

/// How often it is looked whether a list's time has come.
const LOOK: Duration = Duration::from_secs(15);

/// What is in force is in force; it is told of again at the next change.
pub(super) fn unrecorded(error: Unrecorded) {
    tracing::error!(error = &error as &dyn std::error::Error, "a change of a list is not recorded");
}

impl Gate {
    /// Looks at the lists for as long as the gate lives.
    pub(super) async fn keep_lists(self: Arc<Self>) {
        loop {
            tokio::time::sleep(LOOK).await;
            self.look_at_lists().await.unwrap_or_else(unrecorded);
        }
    }

    /// Looks at the lists whose time has come, and tells of those that changed.
    pub(super) async fn look_at_lists(&self) -> Result<(), Unrecorded> {
        let (lists, now) = (Arc::clone(&self.rules.load().lists), self.clock.now());
        let looked = tokio::task::spawn_blocking(move || lists.look(now)).await;
        self.tell_of_lists(looked.map_err(|_panicked| Unrecorded::Thread)?).await
    }

    /// The lists of a configuration as they are to be in force, with what has changed by it. The same configuration keeps those that
    /// are in force already.
    pub(super) async fn lists_of(
        &self,
        config: ListsConfig,
    ) -> Result<(Arc<DomainLists>, Vec<Changed>), Unrecorded> {
        let (rules, now, kept) = (self.rules.load_full(), self.clock.now(), self.sources.state.join("lists"));
        let looking = tokio::task::spawn_blocking(move || {
            let lists = if *rules.lists.config() == config {
                Arc::clone(&rules.lists)
            } else {
                Arc::new(DomainLists::of(config, Some(&kept)))
            };
            let changed = lists.look(now);
            (lists, changed)
        });
        looking.await.map_err(|_panicked| Unrecorded::Thread)
    }

    /// Records, logs and counts what has changed.
    pub(super) async fn tell_of_lists(&self, changed: Vec<Changed>) -> Result<(), Unrecorded> {
        self.metrics.lists_are(&self.rules.load().lists.states());
        for Changed { state, is_other } in changed {
            let (list, entries) = (state.name.as_str(), state.entries.unwrap_or_default());
            for bad in &state.bad {
                tracing::warn!(list, line = bad.line, problem = bad.problem, "a line of a list was skipped");
            }
            match &state.problem {
                Some(problem) => tracing::error!(
                    list,
                    entries,
                    problem,
                    "a list is not as it must be; what was in force stays"
                ),
                None => tracing::info!(list, entries, skipped = state.bad_count, "a list is in force"),
            }
            let event = Event::new(EventKind::DomainList)
                .with("list", list)
                .with("is_other", is_other)
                .with("entries", json!(state.entries))
                .with("skipped_lines", json!(state.bad_count))
                .with("problem", json!(state.problem));
            self.record(event).await?;
        }
        Ok(())
    }
}
