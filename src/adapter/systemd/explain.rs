//! Why a step failed, from what `systemctl` and `journalctl` write to stderr. Nothing else matches their words.

use crate::adapter::FailureReason;

/// What they say, and what it means; the first that is found counts.
const WORDS: &[(&str, FailureReason)] = &[
    ("Interactive authentication required", FailureReason::PermissionDenied),
    ("Access denied", FailureReason::PermissionDenied),
    ("Permission denied", FailureReason::PermissionDenied),
    ("insufficient permissions", FailureReason::PermissionDenied),
    ("a timeout was exceeded", FailureReason::UnitTimedOut),
    ("A dependency job for ", FailureReason::DependencyFailed),
    ("attempted too often", FailureReason::StartedTooOften),
    ("start of the service was attempted too often", FailureReason::StartedTooOften),
    (" canceled.", FailureReason::JobCancelled),
    ("Job for ", FailureReason::UnitFailed),
    (" is masked.", FailureReason::UnitMasked),
    (" is masked", FailureReason::UnitMasked),
    (" not found.", FailureReason::NotFound),
    (" does not exist", FailureReason::NotFound),
    (" not loaded.", FailureReason::NotFound),
    ("already exists", FailureReason::Exists),
    ("is not applicable for unit", FailureReason::NotApplicable),
    ("may be requested by dependency only", FailureReason::NotApplicable),
    ("is not active, cannot reload", FailureReason::NotApplicable),
    ("Transaction contains conflicting jobs", FailureReason::Busy),
    ("is destructive", FailureReason::Busy),
];

/// Why a step with these last words failed. Names of units hold none of the words above: they have no blanks.
pub(super) fn explain(_exit_code: i32, stderr: &[u8]) -> FailureReason {
    let said = String::from_utf8_lossy(stderr);
    let found = WORDS.iter().find(|(words, _)| said.contains(words));
    found.map_or(FailureReason::Unrecognised, |(_, reason)| *reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_systemctl_says_is_understood() {
        use FailureReason as F;
        for (said, reason) in [
            (
                "Job for a.service failed because the control process exited with error code.\nSee \"systemctl status\"\n",
                F::UnitFailed,
            ),
            ("Job for a.service failed because a timeout was exceeded.\n", F::UnitTimedOut),
            (
                "A dependency job for a.service failed. See 'journalctl -xe' for details.\n",
                F::DependencyFailed,
            ),
            ("Job for a.service canceled.\n", F::JobCancelled),
            ("Failed to start a.service: Unit a.service is masked.\n", F::UnitMasked),
            ("Failed to start a.service: Unit a.service not found.\n", F::NotFound),
            ("Failed to enable unit: Unit a.service does not exist\n", F::NotFound),
            (
                "Failed to reload a.service: Job type reload is not applicable for unit a.service.\n",
                F::NotApplicable,
            ),
            ("Failed to mask unit: File '/etc/systemd/system/a.service' already exists\n", F::Exists),
            ("Failed to start a.service: Interactive authentication required.\n", F::PermissionDenied),
            ("something new\n", F::Unrecognised),
            ("", F::Unrecognised),
        ] {
            assert_eq!(explain(1, said.as_bytes()), reason, "{said}");
        }
    }
}
