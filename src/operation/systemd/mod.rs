//! The operations on systemd.

mod catalogue;
mod journal;
mod names;
mod parse;
mod show;
mod shown;

pub(in crate::operation) use catalogue::CATALOGUE;
pub use journal::{Priority, Since};
pub use names::{GrantedUnit, SYSTEM, Subject, UnitKind, UnitName};
pub use shown::{PROPERTIES, Property};

use super::Effect;

/// What can be done to systemd, with everything that it needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SystemdOperation {
    /// The units that systemd has in memory.
    List {
        /// Of which kinds; all when empty.
        kinds: Vec<UnitKind>,
        /// In which states; all when empty.
        states: Vec<ListedState>,
    },
    /// The unit files of the host, whether anything of them runs or not.
    Files {
        /// Of which kinds; all when empty.
        kinds: Vec<UnitKind>,
    },
    /// How a unit, or the whole host, is doing.
    Status {
        /// Which.
        of: Subject,
    },
    /// A unit's properties.
    Show {
        /// Of what.
        unit: UnitName,
        /// Which; those that are used most when empty.
        properties: Vec<Property>,
    },
    /// The last lines of the journal, of a unit or of the whole host.
    Logs {
        /// Of what.
        of: Subject,
        /// How many lines at most.
        lines: u32,
        /// From when on.
        since: Option<Since>,
        /// Only what is as urgent as this, or more.
        priority: Option<Priority>,
    },
    /// Changes a unit.
    Act {
        /// How.
        verb: Verb,
        /// Which.
        unit: UnitName,
        /// More of them, all by the same command; only `start` and `stop` have any.
        also: Vec<UnitName>,
    },
}

/// A unit's state in `list`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListedState {
    /// Running, mounted, listening, reached.
    Active,
    /// None of that.
    Inactive,
    /// Ended with an error.
    Failed,
    /// On its way up.
    Activating,
    /// On its way down.
    Deactivating,
}

/// How a unit is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verb {
    /// Starts it now.
    Start,
    /// Stops and starts it, or starts it.
    Restart,
    /// Has it read its configuration again.
    Reload,
    /// Has it started at boot, or by what it names in `[Install]`.
    Enable,
    /// Takes `mask` back.
    Unmask,
    /// Forgets that it failed, and how often it was started lately.
    ResetFailed,
    /// Stops it now.
    Stop,
    /// Takes `enable` back.
    Disable,
    /// Makes it impossible to start.
    Mask,
}

impl SystemdOperation {
    /// An operation on one unit.
    pub fn act(verb: Verb, unit: UnitName) -> Self {
        Self::Act { verb, unit, also: Vec::new() }
    }

    /// Whether it names no more units than one operation may.
    pub fn is_within_bounds(&self) -> bool {
        match self {
            Self::Act { also, .. } => also.len() <= parse::MOST_ALSO,
            Self::List { .. }
            | Self::Files { .. }
            | Self::Status { .. }
            | Self::Show { .. }
            | Self::Logs { .. } => true,
        }
    }
}

impl Verb {
    /// All, in the order of the documentation.
    pub const ALL: [Self; 9] = [
        Self::Start,
        Self::Restart,
        Self::Reload,
        Self::Enable,
        Self::Unmask,
        Self::ResetFailed,
        Self::Stop,
        Self::Disable,
        Self::Mask,
    ];

    /// The word in requests and for `systemctl`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Restart => "restart",
            Self::Reload => "reload",
            Self::Enable => "enable",
            Self::Unmask => "unmask",
            Self::ResetFailed => "reset-failed",
            Self::Stop => "stop",
            Self::Disable => "disable",
            Self::Mask => "mask",
        }
    }

    /// Whether several units can be named in one command.
    pub fn takes_several(self) -> bool {
        match self {
            Self::Start | Self::Stop => true,
            Self::Restart
            | Self::Reload
            | Self::Enable
            | Self::Unmask
            | Self::ResetFailed
            | Self::Disable
            | Self::Mask => false,
        }
    }

    fn effect(self) -> Effect {
        match self {
            Self::Start | Self::Restart | Self::Reload | Self::Enable | Self::Unmask | Self::ResetFailed => {
                Effect::Change
            }
            Self::Stop | Self::Disable | Self::Mask => Effect::Destroy,
        }
    }
}

impl ListedState {
    /// All.
    pub const ALL: [Self; 5] =
        [Self::Active, Self::Inactive, Self::Failed, Self::Activating, Self::Deactivating];

    /// The word in requests and for `systemctl --state`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Inactive => "inactive",
            Self::Failed => "failed",
            Self::Activating => "activating",
            Self::Deactivating => "deactivating",
        }
    }
}
