//! The properties that `show` reads. Left out on purpose: `Environment`, credentials, and whatever else holds a secret where it is set.

use serde::{Deserialize, Serialize};

use crate::operation::Invalid;

/// Every property that can be asked for, in systemd's own spelling.
#[rustfmt::skip]
pub const PROPERTIES: &[&str] = &[
    "ActiveEnterTimestamp", "ActiveExitTimestamp", "ActiveState", "After", "AllowIsolate", "Before", "BindsTo", "BoundBy",
    "CPUUsageNSec", "CanReload", "CanStart", "CanStop", "ConditionResult", "ConditionTimestamp", "ConflictedBy", "Conflicts",
    "ConsistsOf", "ControlGroup", "ControlPID", "Description", "Documentation", "DropInPaths", "ExecMainCode",
    "ExecMainExitTimestamp", "ExecMainPID", "ExecMainStartTimestamp", "ExecMainStatus", "ExecReload", "ExecStart",
    "ExecStartPost", "ExecStartPre", "ExecStop", "ExecStopPost", "FragmentPath", "Group", "Id", "InactiveEnterTimestamp",
    "InactiveExitTimestamp", "InvocationID", "Job", "LastTriggerUSec", "Listen", "LoadError", "LoadState", "MainPID",
    "MemoryCurrent", "MemoryPeak", "NAccepted", "NConnections", "NRestarts", "Names", "NeedDaemonReload",
    "NextElapseUSecMonotonic", "NextElapseUSecRealtime", "OnFailure", "OnSuccess", "PIDFile", "PartOf", "Paths",
    "PropagatesStopTo", "RefuseManualStart", "RefuseManualStop", "RemainAfterExit", "RequiredBy", "Requires",
    "RequiresMountsFor", "RequisiteOf", "Restart", "RestartUSec", "Result", "Slice", "SourcePath", "StateChangeTimestamp",
    "StatusErrno", "StatusText", "SubState", "TasksCurrent", "TimeoutStartUSec", "TimeoutStopUSec", "TimersCalendar",
    "TimersMonotonic", "Transient", "TriggeredBy", "Triggers", "Type", "UnitFilePreset", "UnitFileState", "Unit", "User",
    "WantedBy", "Wants", "WatchdogUSec", "What", "Where", "WorkingDirectory",
];

/// One of [`PROPERTIES`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Property(String);

impl Property {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Property {
    type Error = Invalid;

    fn try_from(name: String) -> Result<Self, Invalid> {
        if PROPERTIES.contains(&name.as_str()) {
            return Ok(Self(name));
        }
        Err(Invalid::here("is not a property that Reeve shows; GET /host/ops lists them"))
    }
}

impl From<Property> for String {
    fn from(property: Property) -> Self {
        property.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn properties_that_hold_secrets_and_what_is_no_property_are_not_shown() {
        for name in [
            "Environment",
            "EnvironmentFiles",
            "SetCredential",
            "StandardInputData",
            "",
            "-p",
            "Id,Environment",
        ] {
            assert!(Property::try_from(name.to_owned()).is_err(), "{name}");
        }
        assert_eq!(Property::try_from("MainPID".to_owned()).unwrap().as_str(), "MainPID");
    }
}
