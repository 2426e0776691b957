//! The operations on Proxmox containers.

mod catalogue;
mod names;
mod network;
mod parse;
mod setting;
mod show;

pub(in crate::operation) use catalogue::CATALOGUE;
pub use names::{Disk, Hostname, Line, OWN_TAGS, SnapshotName, StorageName, Tag, Template, VmId, VmRange};
pub use network::{Network, Volume};
pub use setting::{Key, Setting, Wanted, settable};

/// What can be done to containers, with everything that it needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PctOperation {
    /// The containers of a range of numbers.
    List {
        /// Which.
        range: VmRange,
    },
    /// What a container does now.
    Status {
        /// Which.
        vm: VmId,
    },
    /// A container's configuration.
    Config {
        /// Which.
        vm: VmId,
        /// That of a snapshot; that of now when absent.
        snapshot: Option<SnapshotName>,
    },
    /// A container's snapshots.
    Snapshots {
        /// Which.
        vm: VmId,
    },
    /// Starts a container.
    Start {
        /// Which.
        vm: VmId,
    },
    /// Asks a container to shut itself down, and waits.
    Shutdown {
        /// Which.
        vm: VmId,
        /// For how many seconds; Proxmox's own time when absent.
        timeout: Option<u32>,
    },
    /// Shuts a container down, killing it when it takes too long, and starts it again.
    Reboot {
        /// Which.
        vm: VmId,
        /// After how many seconds it is killed; Proxmox's own time when absent.
        timeout: Option<u32>,
    },
    /// Takes a snapshot.
    Snapshot {
        /// Of what.
        vm: VmId,
        /// Its name.
        name: SnapshotName,
        /// What it is for.
        description: Option<Line>,
    },
    /// Creates a container.
    Create(Box<Creation>),
    /// Copies a container.
    Clone {
        /// Which.
        vm: VmId,
        /// The number of the copy.
        to: VmId,
        /// The copy's host name.
        hostname: Option<Hostname>,
        /// Of which snapshot; of now when absent.
        snapshot: Option<SnapshotName>,
        /// A template's whole copy, where a linked one would be made.
        full: bool,
        /// Where the copy's volumes go; where the original's are when absent.
        storage: Option<StorageName>,
    },
    /// Changes a container's configuration.
    Set {
        /// Whose.
        vm: VmId,
        /// Keys with their new values, in the order of their names.
        changes: Vec<Setting>,
        /// Keys that go back to Proxmox's own value.
        delete: Vec<Key>,
        /// A snapshot that is taken first.
        before: Option<SnapshotName>,
    },
    /// Makes a volume larger.
    Resize {
        /// Whose.
        vm: VmId,
        /// Which.
        disk: Disk,
        /// To how many GiB.
        gib: u32,
        /// A snapshot that is taken first.
        before: Option<SnapshotName>,
    },
    /// Takes a retirement back.
    Unretire {
        /// Whose.
        vm: VmId,
    },
    /// Kills a container.
    Stop {
        /// Which.
        vm: VmId,
    },
    /// Takes a container back to a snapshot.
    Rollback {
        /// Which.
        vm: VmId,
        /// To what.
        name: SnapshotName,
        /// Start it afterwards.
        start: bool,
    },
    /// Destroys a snapshot.
    DeleteSnapshot {
        /// Of what.
        vm: VmId,
        /// Which.
        name: SnapshotName,
    },
    /// Destroys a container with its volumes and snapshots.
    Destroy {
        /// Which.
        vm: VmId,
        /// Keep it instead: protected, marked, and not started with the host.
        retire: bool,
        /// Take it out of backup and replication jobs and HA too.
        related: bool,
    },
    /// Destroys a retired container for good.
    Purge {
        /// Which.
        vm: VmId,
        /// Take it out of backup and replication jobs and HA too.
        related: bool,
    },
    /// Takes a lock away that something left behind.
    Unlock {
        /// Whose.
        vm: VmId,
    },
}

/// What a new container is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Creation {
    /// Its number.
    pub vm: VmId,
    /// What it is made from.
    pub template: Template,
    /// Where its root file system goes.
    pub storage: StorageName,
    /// How large that is.
    pub gib: u32,
    /// Its host name.
    pub hostname: Option<Hostname>,
    /// MiB of memory; Proxmox's 512 when absent.
    pub memory: Option<u32>,
    /// MiB of swap; Proxmox's 512 when absent.
    pub swap: Option<u32>,
    /// Processors; all of the host when absent.
    pub cores: Option<u32>,
    /// Its interfaces, `net0` first.
    pub networks: Vec<Network>,
    /// Its tags.
    pub tags: Vec<Tag>,
    /// What it may do beyond a plain container.
    pub features: Vec<Feature>,
    /// What it is for.
    pub description: Option<Line>,
    /// Start it with the host.
    pub onboot: bool,
    /// Without a user namespace, so that root inside is root of the host.
    pub privileged: bool,
    /// Let in who holds the keys of root's own file.
    pub ssh_keys: bool,
}

/// What a container may do beyond a plain one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Feature {
    /// Run containers itself.
    Nesting,
    /// Use the kernel's keyrings.
    Keyctl,
}

impl Feature {
    /// Every feature that can be asked for, by its word.
    pub(in crate::operation) const WORDS: &'static [&'static str] = &["nesting", "keyctl"];

    /// The word in requests, in settings and for `pct`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Nesting => "nesting",
            Self::Keyctl => "keyctl",
        }
    }

    /// The feature of a word.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Nesting, Self::Keyctl].into_iter().find(|feature| feature.as_str() == word)
    }
}

impl PctOperation {
    /// The container that it is about; none for a list.
    pub fn vm(&self) -> Option<VmId> {
        match self {
            Self::List { .. } => None,
            Self::Create(creation) => Some(creation.vm),
            Self::Status { vm }
            | Self::Config { vm, .. }
            | Self::Snapshots { vm }
            | Self::Start { vm }
            | Self::Shutdown { vm, .. }
            | Self::Reboot { vm, .. }
            | Self::Snapshot { vm, .. }
            | Self::Clone { vm, .. }
            | Self::Set { vm, .. }
            | Self::Resize { vm, .. }
            | Self::Unretire { vm }
            | Self::Stop { vm }
            | Self::Rollback { vm, .. }
            | Self::DeleteSnapshot { vm, .. }
            | Self::Destroy { vm, .. }
            | Self::Purge { vm, .. }
            | Self::Unlock { vm } => Some(*vm),
        }
    }
}
