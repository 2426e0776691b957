//! Why `pct` failed, from its own words; the first that fits.

use crate::adapter::FailureReason;

const WORDS: &[(&str, FailureReason)] = &[
    ("please run as root", FailureReason::PermissionDenied),
    ("no quorum", FailureReason::NoQuorum),
    ("CT is locked (", FailureReason::Locked),
    ("can't lock file", FailureReason::Locked),
    ("protection mode enabled", FailureReason::Protected),
    ("used in HA resources", FailureReason::Busy),
    ("already running", FailureReason::AlreadyRunning),
    ("container is running", FailureReason::StillRunning),
    ("of a running container is only possible", FailureReason::StillRunning),
    ("container did not stop", FailureReason::StillRunning),
    // Before "does not exist": it is what a container that does not exist is said to be.
    ("not running", FailureReason::NotRunning),
    ("is not most recent snapshot", FailureReason::NewerExist),
    ("already exists", FailureReason::Exists),
    ("already used", FailureReason::Exists),
    ("does not exist", FailureReason::NotFound),
    ("out of space", FailureReason::NoSpace),
    ("No space left", FailureReason::NoSpace),
    ("not enough free space", FailureReason::NoSpace),
    ("systemctl start pve-container@", FailureReason::DidNotStart),
    ("detected modified configuration", FailureReason::Busy),
    ("400 ", FailureReason::InvalidProperty),
];

/// See [`crate::adapter::explain`].
pub(super) fn explain(stderr: &[u8]) -> FailureReason {
    let stderr = String::from_utf8_lossy(stderr);
    let found = WORDS.iter().find(|(words, _)| stderr.contains(words));
    found.map_or(FailureReason::Unrecognised, |(_, reason)| *reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_pct_says_is_understood() {
        for (said, reason) in [
            ("CT is locked (backup)\n", FailureReason::Locked),
            ("can't lock file '/run/lock/lxc/pve-config-100.lock' - got timeout\n", FailureReason::Locked),
            ("can't remove CT 100 - protection mode enabled\n", FailureReason::Protected),
            ("CT 999 not running\n", FailureReason::NotRunning),
            ("VM 100 not running\n", FailureReason::NotRunning),
            ("CT 100 already running\n", FailureReason::AlreadyRunning),
            ("unable to destroy CT 100 - container is running\n", FailureReason::StillRunning),
            ("container did not stop\n", FailureReason::StillRunning),
            ("Configuration file 'nodes/pve/lxc/999.conf' does not exist\n", FailureReason::NotFound),
            ("snapshot name 'x' already used\n", FailureReason::Exists),
            (
                "can't rollback, 'a' is not most recent snapshot on 'local-zfs:subvol-100-disk-0'\n",
                FailureReason::NewerExist,
            ),
            ("command 'systemctl start pve-container@100' failed: exit code 1\n", FailureReason::DidNotStart),
            ("cluster not ready - no quorum?\n", FailureReason::NoQuorum),
            ("400 Parameter verification failed.\n", FailureReason::InvalidProperty),
            ("something else\n", FailureReason::Unrecognised),
        ] {
            assert_eq!(explain(said.as_bytes()), reason, "{said}");
        }
    }
}
