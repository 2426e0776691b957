//! The operations on ZFS.

mod catalogue;
mod names;
mod parse;
mod property;
mod show;

pub(super) use catalogue::CATALOGUE;
pub use names::{BookmarkName, DatasetName, HoldTag, PoolName, QUARANTINE, ShortName, SnapshotName, Target};
pub use property::{PropertyName, Setting, settable};

/// What can be done to ZFS, with everything that it needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ZfsOperation {
    /// Datasets, snapshots and bookmarks at and below a dataset.
    List {
        /// Where to begin.
        dataset: DatasetName,
        /// Everything below it, or itself and its snapshots only.
        recursive: bool,
        /// What to list; empty for filesystems and volumes.
        types: Vec<ListedType>,
    },
    /// Properties of one thing.
    Get {
        /// Of what.
        target: Target,
        /// Which; empty for those that are used most.
        properties: Vec<PropertyName>,
    },
    /// Files that differ between a snapshot and a later snapshot or now.
    Diff {
        /// The older side.
        from: SnapshotName,
        /// The younger side: a snapshot of the same dataset, or now.
        to: Option<ShortName>,
    },
    /// Health, devices and errors of a pool.
    PoolStatus {
        /// Which pool.
        pool: PoolName,
    },
    /// Takes a snapshot.
    Snapshot {
        /// Of what.
        dataset: DatasetName,
        /// Its short name.
        name: ShortName,
        /// Of everything below too, in one transaction.
        recursive: bool,
    },
    /// Creates a filesystem, or a volume when a size is given.
    Create {
        /// What.
        dataset: DatasetName,
        /// The volume's bytes.
        size: Option<u64>,
        /// Properties from the beginning.
        properties: Vec<Setting>,
    },
    /// Makes a writable dataset of a snapshot.
    Clone {
        /// From what.
        snapshot: SnapshotName,
        /// The new dataset.
        target: DatasetName,
        /// Properties from the beginning.
        properties: Vec<Setting>,
    },
    /// Sets a property.
    Set {
        /// Of what.
        dataset: DatasetName,
        /// Which, and to what.
        setting: Setting,
    },
    /// Gives a dataset another name in its pool.
    Rename {
        /// What.
        dataset: DatasetName,
        /// Its new name.
        to: DatasetName,
    },
    /// Gives a snapshot another name.
    RenameSnapshot {
        /// What.
        snapshot: SnapshotName,
        /// Its new short name.
        to: ShortName,
    },
    /// Keeps a snapshot from being destroyed.
    Hold {
        /// What.
        snapshot: SnapshotName,
        /// By which tag.
        tag: HoldTag,
    },
    /// Takes a hold away.
    Release {
        /// From what.
        snapshot: SnapshotName,
        /// By which tag.
        tag: HoldTag,
    },
    /// Keeps a snapshot's place in history without its data.
    Bookmark {
        /// Of what.
        snapshot: SnapshotName,
        /// The bookmark's short name.
        name: ShortName,
    },
    /// Checks every block of a pool.
    Scrub {
        /// Which pool.
        pool: PoolName,
        /// Start or go on, pause, stop.
        action: ScrubAction,
    },
    /// Takes a dataset back to a snapshot.
    Rollback {
        /// To what.
        snapshot: SnapshotName,
        /// Destroy the snapshots and bookmarks that are younger, which OpenZFS demands.
        destroy_newer: bool,
    },
    /// Destroys.
    Destroy {
        /// What.
        target: Target,
        /// What lies below it and its snapshots too.
        recursive: bool,
        /// Clones of its snapshots, wherever they are, too.
        clones: bool,
        /// Move the dataset into the pool's quarantine instead, from where a rename brings it back.
        quarantine: bool,
    },
    /// Destroys a dataset in quarantine for good, with all that is below.
    Purge {
        /// What.
        dataset: DatasetName,
    },
}

/// What `list` can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListedType {
    /// Filesystems.
    Filesystem,
    /// Volumes.
    Volume,
    /// Snapshots.
    Snapshot,
    /// Bookmarks.
    Bookmark,
}

/// What `scrub` does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScrubAction {
    /// Start, or go on after a pause.
    Start,
    /// Pause.
    Pause,
    /// Stop for good.
    Stop,
}

impl ListedType {
    /// The word in requests and in `zfs list -t`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Filesystem => "filesystem",
            Self::Volume => "volume",
            Self::Snapshot => "snapshot",
            Self::Bookmark => "bookmark",
        }
    }
}

impl ScrubAction {
    /// The word in requests.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Pause => "pause",
            Self::Stop => "stop",
        }
    }
}
