//! What the fake remembers.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::Fail;

/// What an empty dataset refers to.
pub(super) const EMPTY: u64 = 24_576;

/// All pools.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct State {
    pub(super) pools: BTreeMap<String, Pool>,
    pub(super) exported: BTreeMap<String, Pool>,
    pub(super) datasets: BTreeMap<String, Dataset>,
    pub(super) txg: u64,
    pub(super) writes: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Pool {
    pub(super) guid: u64,
    pub(super) vdevs: Vec<(String, u64)>,
    pub(super) size: u64,
    pub(super) scan: Option<Scan>,
    /// The datasets of a pool that is exported.
    pub(super) away: BTreeMap<String, Dataset>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Scan {
    pub(super) state: String,
    pub(super) start: u64,
    pub(super) end: u64,
    pub(super) paused: u64,
    pub(super) examined: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Dataset {
    pub(super) volume: bool,
    pub(super) sparse: bool,
    pub(super) guid: u64,
    pub(super) createtxg: u64,
    pub(super) creation: u64,
    pub(super) referenced: u64,
    pub(super) written: u64,
    pub(super) mounted: bool,
    pub(super) local: BTreeMap<String, String>,
    pub(super) snapshots: Vec<Snapshot>,
    pub(super) bookmarks: Vec<Bookmark>,
    /// The guid of the snapshot that it is a clone of.
    pub(super) origin: Option<u64>,
    pub(super) allowed: BTreeMap<String, BTreeSet<String>>,
    pub(super) files: Vec<Written>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Snapshot {
    pub(super) name: String,
    pub(super) guid: u64,
    pub(super) createtxg: u64,
    pub(super) creation: u64,
    pub(super) referenced: u64,
    pub(super) written: u64,
    pub(super) used: u64,
    pub(super) holds: BTreeMap<String, u64>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Bookmark {
    pub(super) name: String,
    pub(super) guid: u64,
    pub(super) createtxg: u64,
    pub(super) creation: u64,
    pub(super) referenced: u64,
}

/// A file that `fake-write` made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Written {
    pub(super) path: String,
    pub(super) txg: u64,
    pub(super) at: u64,
}

impl State {
    pub(super) fn next_txg(&mut self) -> u64 {
        self.txg += 1;
        self.txg
    }

    /// The dataset, or OpenZFS's words for there being none.
    pub(super) fn dataset(&self, name: &str) -> Result<&Dataset, Fail> {
        self.datasets.get(name).ok_or_else(|| no_dataset(name))
    }

    pub(super) fn dataset_mut(&mut self, name: &str) -> Result<&mut Dataset, Fail> {
        self.datasets.get_mut(name).ok_or_else(|| no_dataset(name))
    }

    /// The snapshot, or OpenZFS's words for there being none.
    pub(super) fn snapshot(&self, name: &str) -> Result<&Snapshot, Fail> {
        self.find_snapshot(name).ok_or_else(|| no_dataset(name))
    }

    pub(super) fn find_snapshot(&self, name: &str) -> Option<&Snapshot> {
        let (dataset, short) = name.split_once('@')?;
        self.datasets.get(dataset)?.snapshots.iter().find(|snapshot| snapshot.name == short)
    }

    pub(super) fn snapshot_mut(&mut self, name: &str) -> Option<&mut Snapshot> {
        let (dataset, short) = name.split_once('@')?;
        self.datasets.get_mut(dataset)?.snapshots.iter_mut().find(|snapshot| snapshot.name == short)
    }

    pub(super) fn find_bookmark(&self, name: &str) -> Option<&Bookmark> {
        let (dataset, short) = name.split_once('#')?;
        self.datasets.get(dataset)?.bookmarks.iter().find(|bookmark| bookmark.name == short)
    }

    /// The datasets below `name`, without itself.
    pub(super) fn below(&self, name: &str) -> Vec<String> {
        let prefix = format!("{name}/");
        self.datasets.keys().filter(|other| other.starts_with(&prefix)).cloned().collect()
    }

    /// The clones of the snapshot with that guid, newest first as OpenZFS lists them.
    pub(super) fn clones(&self, guid: u64) -> Vec<String> {
        let mut clones: Vec<(&u64, &String)> = self
            .datasets
            .iter()
            .filter(|(_, dataset)| dataset.origin == Some(guid))
            .map(|(name, dataset)| (&dataset.createtxg, name))
            .collect();
        clones.sort();
        clones.into_iter().rev().map(|(_, name)| name.clone()).collect()
    }

    /// The whole name of the snapshot with that guid.
    pub(super) fn snapshot_of_guid(&self, guid: u64) -> Option<String> {
        self.datasets.iter().find_map(|(name, dataset)| {
            let found = dataset.snapshots.iter().find(|snapshot| snapshot.guid == guid)?;
            Some(format!("{name}@{}", found.name))
        })
    }

    /// What a dataset takes with its snapshots and all that is below.
    pub(super) fn used(&self, name: &str) -> u64 {
        let own = |dataset: &Dataset| {
            let reserved = match (dataset.volume, dataset.sparse) {
                (true, false) => dataset.local.get("volsize").and_then(|size| size.parse().ok()).unwrap_or(0),
                (true, true) | (false, _) => 0,
            };
            let shared =
                dataset.origin.map_or(0, |_| dataset.referenced - dataset.written.min(dataset.referenced));
            let snapshots: u64 = dataset.snapshots.iter().map(|snapshot| snapshot.used).sum();
            dataset.referenced - shared + snapshots + reserved
        };
        let all = self.below(name);
        self.datasets.get(name).map_or(0, own)
            + all.iter().filter_map(|below| self.datasets.get(below)).map(own).sum::<u64>()
    }
}

/// OpenZFS's words for a dataset or snapshot that is not there.
pub(super) fn no_dataset(name: &str) -> Fail {
    Fail::say(format!("cannot open '{name}': dataset does not exist"))
}

pub(super) fn pool_of(name: &str) -> &str {
    name.split(['/', '@', '#']).next().unwrap_or(name)
}

pub(super) fn parent_of(name: &str) -> Option<&str> {
    name.rsplit_once('/').map(|(parent, _)| parent)
}

/// 64 random bits: as with real guids, every second one is too large for a signed number.
pub(super) fn guid() -> u64 {
    let mut bytes = [0; 8];
    match reeve::sys::random::fill(&mut bytes) {
        Ok(()) => u64::from_le_bytes(bytes),
        Err(_) => u64::from(std::process::id()),
    }
}
