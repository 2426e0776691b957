//! Why git failed, from what it writes to stderr. Nothing else matches its words.

use crate::adapter::FailureReason;

/// What git 2.39 to 2.47 and ssh say, and what it means; the first that is found counts.
const WORDS: &[(&str, FailureReason)] = &[
    ("would be overwritten by", FailureReason::WouldOverwrite),
    ("already exists, no checkout", FailureReason::WouldOverwrite),
    ("Not possible to fast-forward", FailureReason::Diverged),
    ("Diverging branches", FailureReason::Diverged),
    ("CONFLICT (", FailureReason::Conflict),
    ("Conflicts in index", FailureReason::Conflict),
    ("needs merge", FailureReason::Conflict),
    ("index.lock': File exists", FailureReason::Busy),
    (".lock': File exists", FailureReason::Busy),
    ("reference already exists", FailureReason::Exists),
    ("but expected", FailureReason::Moved),
    ("Authentication failed", FailureReason::NotLetIn),
    ("could not read Username", FailureReason::NotLetIn),
    ("could not read Password", FailureReason::NotLetIn),
    ("Permission denied (", FailureReason::NotLetIn),
    ("Host key verification failed", FailureReason::UnknownHost),
    ("Could not resolve host", FailureReason::Unreachable),
    ("Couldn't connect to server", FailureReason::Unreachable),
    ("Failed to connect", FailureReason::Unreachable),
    ("Connection refused", FailureReason::Unreachable),
    ("Connection timed out", FailureReason::Unreachable),
    ("unable to connect", FailureReason::Unreachable),
    ("does not appear to be a git repository", FailureReason::NotFound),
    ("Repository not found", FailureReason::NotFound),
    ("not found", FailureReason::NotFound),
    ("not a valid SHA1", FailureReason::NotFound),
    ("did not match any file(s)", FailureReason::NotFound),
    ("transport '", FailureReason::PermissionDenied),
    ("No space left on device", FailureReason::NoSpace),
    ("Disk quota exceeded", FailureReason::NoSpace),
    ("Permission denied", FailureReason::PermissionDenied),
    ("insufficient permission", FailureReason::PermissionDenied),
    ("Could not read from remote repository", FailureReason::Unreachable),
];

/// Why git failed with these last words.
pub(super) fn explain(stderr: &[u8]) -> FailureReason {
    let said = String::from_utf8_lossy(stderr);
    // What a remote says stands behind this word, and a remote can say anything.
    let own: Vec<&str> = said.lines().filter(|line| !line.starts_with("remote:")).collect();
    let own = own.join("\n");
    let found = WORDS.iter().find(|(words, _)| own.contains(words));
    found.map_or(FailureReason::Unrecognised, |(_, reason)| *reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_git_says_is_understood() {
        use FailureReason as F;
        for (said, reason) in [
            (
                "error: Your local changes to the following files would be overwritten by checkout:\n\ta\n",
                F::WouldOverwrite,
            ),
            ("fatal: Not possible to fast-forward, aborting.\n", F::Diverged),
            ("CONFLICT (content): Merge conflict in a\n", F::Conflict),
            ("fatal: Unable to create '/srv/a/.git/index.lock': File exists.\n", F::Busy),
            (
                "fatal: update_ref failed for ref 'HEAD': cannot lock ref 'HEAD': is at 1 but expected 2\n",
                F::Moved,
            ),
            ("fatal: Authentication failed for 'https://h/a'\n", F::NotLetIn),
            (
                "git@h: Permission denied (publickey).\nfatal: Could not read from remote repository.\n",
                F::NotLetIn,
            ),
            (
                "Host key verification failed.\nfatal: Could not read from remote repository.\n",
                F::UnknownHost,
            ),
            ("fatal: unable to access 'http://h/': Failed to connect to h port 80\n", F::Unreachable),
            ("fatal: refs/stash^{/reeve undo x$}: not a valid SHA1\n", F::NotFound),
            ("something new\n", F::Unrecognised),
            ("remote: Permission denied (publickey)\nsomething new\n", F::Unrecognised),
        ] {
            assert_eq!(explain(said.as_bytes()), reason, "{said}");
        }
    }
}
