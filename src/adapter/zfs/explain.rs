//! Why a step failed, from what the tools write to stderr. Nothing else matches their words.

use crate::adapter::FailureReason;

/// What the tools of OpenZFS 2.1 to 2.3 say, and what it means; the first that is found counts.
const WORDS: &[(&str, FailureReason)] = &[
    ("permission denied", FailureReason::PermissionDenied),
    ("delegated permission is needed", FailureReason::PermissionDenied),
    ("has dependent clones", FailureReason::HasClones),
    ("clones of previous snapshots exist", FailureReason::HasClones),
    ("has children", FailureReason::HasChildren),
    ("it's being held", FailureReason::Held),
    ("tag already exists on this dataset", FailureReason::HoldExists),
    ("no such tag on this dataset", FailureReason::NoSuchHold),
    ("more recent snapshots or bookmarks exist", FailureReason::NewerExist),
    ("currently scrubbing", FailureReason::ScrubRunning),
    ("currently resilvering", FailureReason::ScrubRunning),
    ("there is no active scrub", FailureReason::NoScrub),
    ("scrub is paused", FailureReason::ScrubRunning),
    ("no such pool or dataset", FailureReason::NotFound),
    ("no such pool", FailureReason::PoolUnavailable),
    ("pool I/O is currently suspended", FailureReason::PoolUnavailable),
    ("dataset does not exist", FailureReason::NotFound),
    ("parent does not exist", FailureReason::NotFound),
    ("could not find any snapshots to destroy", FailureReason::NotFound),
    ("does not exist.", FailureReason::NotFound),
    ("No such file or directory", FailureReason::NotFound),
    ("dataset already exists", FailureReason::Exists),
    ("bookmark exists", FailureReason::Exists),
    ("filesystem already mounted", FailureReason::Exists),
    ("encryption root", FailureReason::Encryption),
    ("key not loaded", FailureReason::Encryption),
    ("encryption key", FailureReason::Encryption),
    ("pool or dataset is busy", FailureReason::Busy),
    ("dataset is busy", FailureReason::Busy),
    ("out of space", FailureReason::NoSpace),
    ("greater than available space", FailureReason::NoSpace),
    ("disk quota exceeded", FailureReason::NoSpace),
    ("less than current used", FailureReason::NoSpace),
    ("invalid property", FailureReason::InvalidProperty),
    ("bad numeric value", FailureReason::InvalidProperty),
    ("numeric value is too large", FailureReason::InvalidProperty),
    ("must be one of", FailureReason::InvalidProperty),
    ("must be power of 2", FailureReason::InvalidProperty),
    ("must be a multiple of", FailureReason::InvalidProperty),
    ("does not apply to datasets of this type", FailureReason::InvalidProperty),
    ("name is too long", FailureReason::InvalidName),
    ("invalid character", FailureReason::InvalidName),
    ("is not expected here", FailureReason::InvalidName),
    ("parent is not a filesystem", FailureReason::InvalidName),
    ("read-only", FailureReason::PoolUnavailable),
];

/// Why a step with this exit status and these last words failed.
pub(in crate::adapter) fn explain(_exit_code: i32, stderr: &[u8]) -> FailureReason {
    let said = String::from_utf8_lossy(stderr);
    // The names in a message are quoted, and an agent chose them: `tank/permission denied` is no reason.
    let said = without_quoted(&said);
    let found = WORDS.iter().find(|(words, _)| said.contains(words));
    found.map_or(FailureReason::Unrecognised, |(_, reason)| *reason)
}

fn without_quoted(said: &str) -> String {
    let mut plain = String::new();
    for line in said.lines() {
        // "it's being held" has a quote of its own, and its message names the snapshot without any.
        if line.contains("it's being held") {
            plain.push_str("it's being held\n");
            continue;
        }
        plain.extend(line.split('\'').step_by(2));
        plain.push('\n');
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_openzfs_says_is_understood() {
        use FailureReason as F;
        for (said, reason) in [
            ("cannot create 'tank/a': dataset already exists\n", F::Exists),
            ("cannot create 'nopool/x': no such pool 'nopool'\n", F::PoolUnavailable),
            ("cannot open 'tank/a#b': no such pool or dataset\n", F::NotFound),
            (
                "cannot destroy 'tank/a': filesystem has children\nuse '-r' to destroy the following datasets:\n",
                F::HasChildren,
            ),
            ("cannot destroy 'tank/a@s1': snapshot has dependent clones\n", F::HasClones),
            (
                "cannot destroy snapshot tank/a@s3: it's being held. Run 'zfs holds -r tank/a@s3' to see holders.\n",
                F::Held,
            ),
            ("cannot rollback to 'tank/a@s1': more recent snapshots or bookmarks exist\n", F::NewerExist),
            ("cannot unmount '/tank/q': pool or dataset is busy\n", F::Busy),
            ("cannot hold snapshot 'tank/c1@s1': tag already exists on this dataset\n", F::HoldExists),
            ("cannot release hold from snapshot 'tank/c1@s1': no such tag on this dataset\n", F::NoSuchHold),
            (
                "cannot scrub tank: currently scrubbing; use 'zpool scrub -s' to cancel scrub\n",
                F::ScrubRunning,
            ),
            ("cannot cancel scrubbing tank: there is no active scrub\n", F::NoScrub),
            ("bookmark 'tank/a#b1' does not exist.\n", F::NotFound),
            ("cannot create bookmark 'tank/a#b1': bookmark exists\n", F::Exists),
            ("cannot create snapshots : permission denied\n", F::PermissionDenied),
            ("cannot set property for 'tank/a': bad numeric value 'bogus'\n", F::InvalidProperty),
            ("cannot rename 'tank/deep': dataset name is too long\n", F::InvalidName),
            ("something new\n", F::Unrecognised),
            ("", F::Unrecognised),
        ] {
            assert_eq!(explain(1, said.as_bytes()), reason, "{said}");
        }
    }

    #[test]
    fn a_name_that_reads_like_a_reason_is_none() {
        let said = b"cannot open 'tank/permission denied': dataset does not exist\n";
        assert_eq!(explain(1, said), FailureReason::NotFound);
    }
}
