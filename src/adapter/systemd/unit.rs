//! A unit as systemd shows it, read strictly: a state that is not known here is no state.

use super::properties::Properties;

/// What is asked of systemd for each unit.
pub(super) const ASKED: &str = "Id,Names,Description,LoadState,ActiveState,SubState,UnitFileState,FragmentPath,DropInPaths,\
NeedDaemonReload,Job,Transient,CanStart,CanStop,CanReload,RefuseManualStart,RefuseManualStop,Type,RemainAfterExit,Result,\
NRestarts,MainPID,ExecMainStatus,InvocationID,ActiveEnterTimestamp,StateChangeTimestamp,Requires,Requisite,BindsTo,Wants,Upholds,\
RequiredBy,RequisiteOf,BoundBy,WantedBy,UpheldBy,StopWhenUnneeded,ConsistsOf,PropagatesStopTo,PropagatesReloadTo,Conflicts,ConflictedBy,Triggers,TriggeredBy,\
OnSuccess,OnFailure,SuccessAction,FailureAction,StartLimitAction,JobTimeoutAction,StatusText,MemoryCurrent,TasksCurrent,\
ConditionResult,ConditionTimestamp";

/// Properties that end the host when they come into force, and what they say when they do not.
const ACTIONS: [&str; 4] = ["SuccessAction", "FailureAction", "StartLimitAction", "JobTimeoutAction"];

/// Whether systemd has read the unit's file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Load {
    Loaded,
    NotFound,
    Masked,
    Broken,
}

/// The state that all kinds of units have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Activity {
    Active,
    Reloading,
    Inactive,
    Failed,
    Activating,
    Deactivating,
    Maintenance,
}

/// Whether the unit is started at boot, as far as its files say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FileState {
    None,
    Enabled,
    Disabled,
    Static,
    Masked,
    Indirect,
    Linked,
    Alias,
    Generated,
    Transient,
    /// Until the next boot only.
    Runtime,
    Bad,
}

/// A unit.
#[derive(Debug, Clone)]
pub(super) struct Unit {
    pub(super) id: String,
    pub(super) names: Vec<String>,
    pub(super) load: Load,
    pub(super) active: Activity,
    pub(super) sub: String,
    pub(super) file_state: FileState,
    pub(super) fragment: Option<String>,
    /// Files on disk are newer than what systemd has read.
    pub(super) is_stale: bool,
    /// It is being started or stopped right now.
    pub(super) has_job: bool,
    /// What of it ends the whole host: `FailureAction=reboot`.
    pub(super) ends_host_by: Option<String>,
    pub(super) invocation: Option<String>,
    pub(super) properties: Properties,
}

impl Load {
    fn of(word: &str) -> Option<Self> {
        Some(match word {
            "loaded" => Self::Loaded,
            "not-found" => Self::NotFound,
            "masked" => Self::Masked,
            "stub" | "bad-setting" | "error" | "merged" => Self::Broken,
            _unknown => return None,
        })
    }
}

impl Activity {
    fn of(word: &str) -> Option<Self> {
        Some(match word {
            "active" => Self::Active,
            "reloading" | "refreshing" => Self::Reloading,
            "inactive" => Self::Inactive,
            "failed" => Self::Failed,
            "activating" => Self::Activating,
            "deactivating" => Self::Deactivating,
            "maintenance" => Self::Maintenance,
            _unknown => return None,
        })
    }

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Reloading => "reloading",
            Self::Inactive => "inactive",
            Self::Failed => "failed",
            Self::Activating => "activating",
            Self::Deactivating => "deactivating",
            Self::Maintenance => "maintenance",
        }
    }
}

impl FileState {
    fn of(word: &str) -> Option<Self> {
        Some(match word {
            "" => Self::None,
            "enabled" => Self::Enabled,
            "disabled" => Self::Disabled,
            "static" => Self::Static,
            "masked" => Self::Masked,
            "indirect" => Self::Indirect,
            "linked" => Self::Linked,
            "alias" => Self::Alias,
            "generated" => Self::Generated,
            "transient" => Self::Transient,
            "enabled-runtime" | "masked-runtime" | "linked-runtime" => Self::Runtime,
            "bad" => Self::Bad,
            _unknown => return None,
        })
    }

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::None => "without a file",
            Self::Enabled => "enabled",
            Self::Disabled => "disabled",
            Self::Static => "static",
            Self::Masked => "masked",
            Self::Indirect => "indirect",
            Self::Linked => "linked",
            Self::Alias => "alias",
            Self::Generated => "generated",
            Self::Transient => "transient",
            Self::Runtime => "set until the next boot only",
            Self::Bad => "bad",
        }
    }
}

impl Unit {
    /// Makes a unit of what was shown of it; None when that is not all, or not known.
    pub(super) fn of(properties: Properties) -> Option<Self> {
        let truth = |name: &str| match properties.one(name)? {
            "yes" => Some(true),
            "no" => Some(false),
            _unknown => None,
        };
        let ends = |name: &&str| properties.some(name).is_some_and(|action| action != "none");
        let ending = ACTIONS.iter().find(|name| ends(name));
        Some(Self {
            id: properties.some("Id")?.to_owned(),
            names: properties.list("Names"),
            load: Load::of(properties.one("LoadState")?)?,
            active: Activity::of(properties.one("ActiveState")?)?,
            sub: properties.some("SubState")?.to_owned(),
            file_state: FileState::of(properties.one("UnitFileState")?)?,
            fragment: properties.some("FragmentPath").map(str::to_owned),
            is_stale: truth("NeedDaemonReload")?,
            has_job: properties.some("Job").is_some_and(|job| job != "0"),
            ends_host_by: ending.map(|name| format!("{name}={}", properties.some(name).unwrap_or_default())),
            invocation: properties.some("InvocationID").map(str::to_owned),
            properties,
        })
    }

    /// Its name and its other names.
    pub(super) fn all_names(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.id.as_str()).chain(self.names.iter().map(String::as_str))
    }

    /// What stands behind the last dot.
    pub(super) fn kind(&self) -> &str {
        self.id.rsplit('.').next().unwrap_or_default()
    }

    /// Whether anything of it runs, or is about to.
    pub(super) fn is_up(&self) -> bool {
        match self.active {
            Activity::Active
            | Activity::Reloading
            | Activity::Activating
            | Activity::Deactivating
            | Activity::Maintenance => true,
            Activity::Inactive | Activity::Failed => false,
        }
    }

    /// Whether systemd knows nothing of it but its files: it has not run since the boot, or nothing refers to it any more.
    pub(super) fn is_forgotten(&self) -> bool {
        !self.is_up() && self.properties.some("StateChangeTimestamp").is_none()
    }

    /// A service that does something once and is over.
    pub(super) fn is_over_when_done(&self) -> bool {
        self.properties.one("Type") == Some("oneshot") && self.properties.one("RemainAfterExit") == Some("no")
    }

    pub(super) fn says_yes(&self, property: &str) -> bool {
        self.properties.one(property) == Some("yes")
    }

    pub(super) fn says_no(&self, property: &str) -> bool {
        self.properties.one(property) == Some("no")
    }

    /// The units in a property.
    pub(super) fn related(&self, property: &str) -> Vec<String> {
        self.properties.list(property)
    }

    /// Activity and files in words, as an approval binds to them.
    pub(super) fn state(&self) -> String {
        format!("{}, {}", self.active.as_str(), self.file_state.as_str())
    }

    /// The details, and since when: what tells one run from the next.
    pub(super) fn details(&self) -> String {
        match self.properties.some("StateChangeTimestamp") {
            Some(since) => format!("{} since {since}", self.sub),
            None => self.sub.clone(),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A unit as `systemctl show` prints one, with these properties otherwise.
    pub(in crate::adapter::systemd) fn shown(id: &str, otherwise: &[(&str, &str)]) -> String {
        let usual = [
            ("LoadState", "loaded"),
            ("ActiveState", "active"),
            ("SubState", "running"),
            ("UnitFileState", "enabled"),
            ("NeedDaemonReload", "no"),
            ("Job", ""),
            ("Type", "simple"),
            ("RemainAfterExit", "no"),
            ("Result", "success"),
            ("CanStart", "yes"),
            ("CanStop", "yes"),
            ("CanReload", "yes"),
            ("RefuseManualStart", "no"),
            ("RefuseManualStop", "no"),
            ("Transient", "no"),
            ("SuccessAction", "none"),
            ("FailureAction", "none"),
            ("FragmentPath", "/usr/lib/systemd/system/x"),
            ("NRestarts", "0"),
            ("InvocationID", "a1"),
        ];
        let mut lines = vec![format!("Id={id}")];
        if otherwise.iter().all(|(name, _)| *name != "Names") {
            lines.push(format!("Names={id}"));
        }
        let is_usual = |name: &str| otherwise.iter().all(|(other, _)| *other != name);
        lines.extend(
            usual.iter().filter(|(name, _)| is_usual(name)).map(|(name, value)| format!("{name}={value}")),
        );
        lines.extend(otherwise.iter().map(|(name, value)| format!("{name}={value}")));
        lines.join("\n") + "\n"
    }

    fn unit(otherwise: &[(&str, &str)]) -> Option<Unit> {
        Unit::of(Properties::blocks(shown("a.service", otherwise).as_bytes())?.pop()?)
    }

    #[test]
    fn a_state_that_is_not_known_is_no_state() {
        assert!(unit(&[]).is_some());
        for (name, value) in [
            ("ActiveState", "wobbly"),
            ("LoadState", ""),
            ("UnitFileState", "perhaps"),
            ("NeedDaemonReload", "maybe"),
            ("Id", ""),
            ("SubState", ""),
        ] {
            assert!(unit(&[(name, value)]).is_none(), "{name}={value}");
        }
    }

    #[test]
    fn what_ends_the_host_is_seen() {
        assert_eq!(unit(&[]).unwrap().ends_host_by, None);
        let ends = unit(&[("FailureAction", "reboot-force")]).unwrap();
        assert_eq!(ends.ends_host_by.as_deref(), Some("FailureAction=reboot-force"));
    }

    #[test]
    fn a_unit_on_its_way_counts_as_up() {
        for (state, is_up) in [
            ("active", true),
            ("activating", true),
            ("deactivating", true),
            ("reloading", true),
            ("inactive", false),
            ("failed", false),
        ] {
            assert_eq!(unit(&[("ActiveState", state)]).unwrap().is_up(), is_up, "{state}");
        }
    }
}
