//! What others may know of the log without asking the writer: cached values, no disk.

use std::fmt;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use serde::Serialize;

use super::record::Receipt;
use super::tree::Tree;

/// How often what has happened since the log was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counters {
    /// Records made durable.
    pub records: u64,
    /// Appends refused because the log could not take them.
    pub errors: u64,
    /// Writes, each with one sync.
    pub batches: u64,
}

/// Where the log stands: its last durable record, and the tree over all of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// The last record.
    pub last: Receipt,
    /// The tree up to it.
    pub tree: Tree,
}

type Observer = Box<dyn Fn(Duration) + Send + Sync>;

/// Shared between the writer and everybody who holds the log.
pub(super) struct Status {
    healthy: AtomicBool,
    head: ArcSwap<Head>,
    records: AtomicU64,
    errors: AtomicU64,
    batches: AtomicU64,
    observer: OnceLock<Observer>,
}

impl Status {
    pub(super) fn new(head: Head) -> Status {
        Status {
            healthy: AtomicBool::new(true),
            head: ArcSwap::from_pointee(head),
            records: AtomicU64::new(0),
            errors: AtomicU64::new(0),
            batches: AtomicU64::new(0),
            observer: OnceLock::new(),
        }
    }

    pub(super) fn healthy(&self) -> bool {
        self.healthy.load(Ordering::Acquire)
    }

    pub(super) fn last(&self) -> Receipt {
        self.head.load().last
    }

    pub(super) fn head(&self) -> Head {
        Head::clone(&self.head.load())
    }

    pub(super) fn counters(&self) -> Counters {
        Counters {
            records: self.records.load(Ordering::Relaxed),
            errors: self.errors.load(Ordering::Relaxed),
            batches: self.batches.load(Ordering::Relaxed),
        }
    }

    pub(super) fn committed(&self, records: u64, head: &Head) {
        if records > 0 {
            self.head.store(head.clone().into());
            self.records.fetch_add(records, Ordering::Relaxed);
            self.batches.fetch_add(1, Ordering::Relaxed);
        }
        self.healthy.store(true, Ordering::Release);
    }

    pub(super) fn refused(&self, appends: u64) {
        self.errors.fetch_add(appends, Ordering::Relaxed);
        self.healthy.store(false, Ordering::Release);
    }

    /// The first observer stays: there is one set of metrics in a process.
    pub(super) fn observe_with(&self, observer: Observer) {
        self.observer.get_or_init(|| observer);
    }

    pub(super) fn observed(&self, took: Duration) {
        if let Some(observer) = self.observer.get() {
            observer(took);
        }
    }
}

impl fmt::Debug for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (healthy, last) = (self.healthy(), self.last());
        f.debug_struct("Status").field("healthy", &healthy).field("last", &last).finish_non_exhaustive()
    }
}
