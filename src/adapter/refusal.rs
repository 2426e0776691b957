//! Why an operation is not planned, and why a step failed: values, in words that a caller may read.

use serde::{Deserialize, Serialize};

use crate::operation::Operation;

/// An operation that the host's state does not allow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanRefusal {
    /// The rule.
    pub rule: Rule,
    /// What stands in the way, by name.
    pub reason: String,
    /// Narrower operations, or those that can be undone, that would get nearer.
    pub alternatives: Vec<Operation>,
}

impl PlanRefusal {
    /// A refusal without alternatives.
    pub(super) fn new(rule: Rule, reason: impl Into<String>) -> Self {
        Self { rule, reason: reason.into(), alternatives: Vec::new() }
    }

    /// The same, with what could be asked instead.
    pub(super) fn or(mut self, alternatives: impl IntoIterator<Item = Operation>) -> Self {
        self.alternatives.extend(alternatives);
        self
    }
}

/// The rules by which a host's state refuses an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// The host could not be read, so nothing is known about it.
    HostUnreadable,
    /// What the operation acts on is not there.
    ZfsNotFound,
    /// What it would make is there already.
    ZfsExists,
    /// The pool is not imported.
    ZfsPoolMissing,
    /// Something lies below, and the operation is not recursive.
    ZfsChildren,
    /// A snapshot is held.
    ZfsHold,
    /// Clones depend on a snapshot.
    ZfsClones,
    /// Younger snapshots or bookmarks stand in the way.
    ZfsNewer,
    /// The thing is of another kind than the operation needs.
    ZfsKind,
    /// OpenZFS knows no such property.
    ZfsProperty,
    /// Too many objects for one operation.
    ZfsTooMany,
    /// The pool is busy with something else, or not busy with what should stop.
    ZfsBusy,
    /// Root's configuration has no such playbook.
    AnsibleNotFound,
    /// A playbook's variables are not as its schema says.
    AnsibleVars,
    /// A playbook is not the one that root's configuration pins.
    AnsibleAltered,
    /// A playbook would act in a dry run, or reaches beyond this host or its folder.
    AnsibleForbidden,
    /// A dry run cannot foresee what a task does.
    AnsibleUnforeseen,
    /// A dry run failed.
    AnsibleFailed,
    /// There is no such unit.
    SystemdNotFound,
    /// systemd does not understand the unit's file.
    SystemdBroken,
    /// Reeve, the way into the host, or the host itself stands on the unit.
    SystemdProtected,
    /// The unit is masked.
    SystemdMasked,
    /// The unit is being started or stopped right now.
    SystemdBusy,
    /// The unit's files are newer than what systemd has read.
    SystemdStale,
    /// The unit is not made for it.
    SystemdCannot,
    /// The unit does not run.
    SystemdNotRunning,
    /// What the unit's files are, or where they lie, does not allow it.
    SystemdFile,
    /// Too many units for one operation.
    SystemdTooMany,
    /// There is no repository that may be entered.
    GitRepository,
    /// The repository's configuration has a key that is not known to be harmless.
    GitConfig,
    /// The repository's objects come from elsewhere.
    GitAlternates,
    /// There is no such commit, branch, stash or kept state.
    GitNotFound,
    /// What would be made is there already.
    GitExists,
    /// Changes stand in the way.
    GitDirty,
    /// Untracked files stand in the way.
    GitUntracked,
    /// git was told not to look at some files.
    GitHidden,
    /// The history is cut off, and what lies behind the cut is not known.
    GitShallow,
    /// Two histories went apart.
    GitDiverged,
    /// No branch is checked out, or another one.
    GitDetached,
    /// There is no commit yet.
    GitUnborn,
    /// Nobody allowed fetching from there.
    GitRemote,
    /// The remote did not answer.
    GitUnreachable,
    /// A file has a name that Reeve does not take.
    GitPath,
    /// Too many objects for one operation.
    GitTooMany,
    /// There is no such container on this node.
    PctNotFound,
    /// What it would make is there already.
    PctExists,
    /// The container has no such snapshot, or none that is whole.
    PctNoSnapshot,
    /// The container has no such volume.
    PctNoVolume,
    /// Something works on the container, or left its lock behind.
    PctLocked,
    /// The container is protected.
    PctProtected,
    /// The container runs, and must not.
    PctRunning,
    /// The container does not run, and must.
    PctStopped,
    /// The container is a template, or a template's copy cannot be made so.
    PctTemplate,
    /// The HA manager looks after the container.
    PctHa,
    /// A volume would be made smaller.
    PctShrink,
    /// The container is retired.
    PctRetired,
    /// The container is not retired.
    PctNotRetired,
    /// Root's configuration does not allow it.
    PctNotAllowed,
    /// Root declared no such tool.
    ToolNotFound,
    /// A tool's arguments are not as its declaration says.
    ToolArguments,
    /// Of the hosts that a tool may reach, contract and lists leave none, or leave what its proxy cannot be told.
    ToolHosts,
    /// A tool has been run as often as one run may.
    ToolCalls,
    /// There is no such thing at Azure.
    AzureNotFound,
    /// Something is being done to it at Azure, or went wrong there.
    AzureBusy,
    /// Nothing of it runs at Azure.
    AzureNotRunning,
    /// Its revisions stand beside each other, and what is asked for would change none of those that serve.
    AzureSeveralRevisions,
    /// Not both this host's list and a tag at Azure claim it.
    AzureUnclaimed,
    /// Too many resources for one operation.
    AzureTooMany,
    /// A vault's firewall is not one that a rule opens.
    AzureFirewall,
    /// This host's own address is not known, or not one that may be let in.
    AzureAddress,
}

impl Rule {
    /// The rule's name in answers and in the audit log.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::HostUnreadable => "host-unreadable",
            Self::ZfsNotFound => "zfs-not-found",
            Self::ZfsExists => "zfs-exists",
            Self::ZfsPoolMissing => "zfs-pool-missing",
            Self::ZfsChildren => "zfs-children",
            Self::ZfsHold => "zfs-hold",
            Self::ZfsClones => "zfs-clones",
            Self::ZfsNewer => "zfs-newer",
            Self::ZfsKind => "zfs-kind",
            Self::ZfsProperty => "zfs-property",
            Self::ZfsTooMany => "zfs-too-many",
            Self::ZfsBusy => "zfs-busy",
            Self::AnsibleNotFound => "ansible-not-found",
            Self::AnsibleVars => "ansible-vars",
            Self::AnsibleAltered => "ansible-altered",
            Self::AnsibleForbidden => "ansible-forbidden",
            Self::AnsibleUnforeseen => "ansible-unforeseen",
            Self::AnsibleFailed => "ansible-failed",
            Self::SystemdNotFound => "systemd-not-found",
            Self::SystemdBroken => "systemd-broken",
            Self::SystemdProtected => "systemd-protected",
            Self::SystemdMasked => "systemd-masked",
            Self::SystemdBusy => "systemd-busy",
            Self::SystemdStale => "systemd-stale",
            Self::SystemdCannot => "systemd-cannot",
            Self::SystemdNotRunning => "systemd-not-running",
            Self::SystemdFile => "systemd-file",
            Self::SystemdTooMany => "systemd-too-many",
            Self::GitRepository => "git-repository",
            Self::GitConfig => "git-config",
            Self::GitAlternates => "git-alternates",
            Self::GitNotFound => "git-not-found",
            Self::GitExists => "git-exists",
            Self::GitDirty => "git-dirty",
            Self::GitUntracked => "git-untracked",
            Self::GitHidden => "git-hidden",
            Self::GitShallow => "git-shallow",
            Self::GitDiverged => "git-diverged",
            Self::GitDetached => "git-detached",
            Self::GitUnborn => "git-unborn",
            Self::GitRemote => "git-remote",
            Self::GitUnreachable => "git-unreachable",
            Self::GitPath => "git-path",
            Self::GitTooMany => "git-too-many",
            Self::PctNotFound => "pct-not-found",
            Self::PctExists => "pct-exists",
            Self::PctNoSnapshot => "pct-no-snapshot",
            Self::PctNoVolume => "pct-no-volume",
            Self::PctLocked => "pct-locked",
            Self::PctProtected => "pct-protected",
            Self::PctRunning => "pct-running",
            Self::PctStopped => "pct-stopped",
            Self::PctTemplate => "pct-template",
            Self::PctHa => "pct-ha",
            Self::PctShrink => "pct-shrink",
            Self::PctRetired => "pct-retired",
            Self::PctNotRetired => "pct-not-retired",
            Self::PctNotAllowed => "pct-not-allowed",
            Self::ToolNotFound => "tool-not-found",
            Self::ToolArguments => "tool-arguments",
            Self::ToolHosts => "tool-hosts",
            Self::ToolCalls => "tool-calls",
            Self::AzureNotFound => "azure-not-found",
            Self::AzureBusy => "azure-busy",
            Self::AzureNotRunning => "azure-not-running",
            Self::AzureSeveralRevisions => "azure-several-revisions",
            Self::AzureUnclaimed => "azure-unclaimed",
            Self::AzureTooMany => "azure-too-many",
            Self::AzureFirewall => "azure-firewall",
            Self::AzureAddress => "azure-address",
        }
    }
}

/// Why a step failed, as far as its tool can be understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailureReason {
    /// What it acts on is not there (any more).
    NotFound,
    /// What it would make is there already.
    Exists,
    /// Something lies below.
    HasChildren,
    /// Clones depend on it.
    HasClones,
    /// A snapshot is held.
    Held,
    /// The hold is there already.
    HoldExists,
    /// There is no such hold.
    NoSuchHold,
    /// Younger snapshots or bookmarks stand in the way.
    NewerExist,
    /// In use, so that it cannot be unmounted or changed.
    Busy,
    /// A property's name or value was not taken.
    InvalidProperty,
    /// A name was not taken.
    InvalidName,
    /// No space, or a quota is reached.
    NoSpace,
    /// The pool is not imported, suspended or read-only.
    PoolUnavailable,
    /// A scrub or resilver runs already.
    ScrubRunning,
    /// No scrub runs.
    NoScrub,
    /// The tool was not allowed to.
    PermissionDenied,
    /// Encryption forbids it: a key is missing, or a dataset would leave its encryption root.
    Encryption,
    /// A task of a playbook failed.
    TaskFailed,
    /// The playbook asks for what no playbook may do.
    PlaybookRefused,
    /// The unit did not start, or ended with an error.
    UnitFailed,
    /// The unit took longer than its own file allows.
    UnitTimedOut,
    /// A unit that it needs did not start.
    DependencyFailed,
    /// The unit was started too often in too short a time.
    StartedTooOften,
    /// Another start or stop took its place.
    JobCancelled,
    /// The unit is masked.
    UnitMasked,
    /// The unit cannot do that.
    NotApplicable,
    /// It would write over changes or files.
    WouldOverwrite,
    /// Two histories went apart.
    Diverged,
    /// Changes do not fit together.
    Conflict,
    /// It is not (any more) what it was when it was planned.
    Moved,
    /// The remote did not let it in.
    NotLetIn,
    /// The remote's key is not one that is known.
    UnknownHost,
    /// The remote did not answer.
    Unreachable,
    /// Something else works on it, or left its lock behind.
    Locked,
    /// It is protected.
    Protected,
    /// It runs already.
    AlreadyRunning,
    /// It does not run.
    NotRunning,
    /// It runs, or did not stop in time.
    StillRunning,
    /// It did not start.
    DidNotStart,
    /// The cluster has no quorum.
    NoQuorum,
    /// It was begun, or may have been, and nobody saw its end.
    EndUnseen,
    /// Not everybody whose word it takes says that it is this host's.
    Unclaimed,
    /// This host's own address is not known, or not one that may be let in.
    Unfit,
    /// Reeve does not know what the tool said.
    Unrecognised,
}

impl FailureReason {
    /// The reason in answers and in the audit log.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotFound => "not-found",
            Self::Exists => "exists",
            Self::HasChildren => "has-children",
            Self::HasClones => "has-clones",
            Self::Held => "held",
            Self::HoldExists => "hold-exists",
            Self::NoSuchHold => "no-such-hold",
            Self::NewerExist => "newer-exist",
            Self::Busy => "busy",
            Self::InvalidProperty => "invalid-property",
            Self::InvalidName => "invalid-name",
            Self::NoSpace => "no-space",
            Self::PoolUnavailable => "pool-unavailable",
            Self::ScrubRunning => "scrub-running",
            Self::NoScrub => "no-scrub",
            Self::PermissionDenied => "permission-denied",
            Self::Encryption => "encryption",
            Self::TaskFailed => "task-failed",
            Self::PlaybookRefused => "playbook-refused",
            Self::UnitFailed => "unit-failed",
            Self::UnitTimedOut => "unit-timed-out",
            Self::DependencyFailed => "dependency-failed",
            Self::StartedTooOften => "started-too-often",
            Self::JobCancelled => "job-cancelled",
            Self::UnitMasked => "unit-masked",
            Self::NotApplicable => "not-applicable",
            Self::WouldOverwrite => "would-overwrite",
            Self::Diverged => "diverged",
            Self::Conflict => "conflict",
            Self::Moved => "moved",
            Self::NotLetIn => "not-let-in",
            Self::UnknownHost => "unknown-host",
            Self::Unreachable => "unreachable",
            Self::Locked => "locked",
            Self::Protected => "protected",
            Self::AlreadyRunning => "already-running",
            Self::NotRunning => "not-running",
            Self::StillRunning => "still-running",
            Self::DidNotStart => "did-not-start",
            Self::NoQuorum => "no-quorum",
            Self::EndUnseen => "end-unseen",
            Self::Unclaimed => "unclaimed",
            Self::Unfit => "unfit",
            Self::Unrecognised => "unrecognised",
        }
    }
}
