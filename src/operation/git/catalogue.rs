//! The catalogue's part on git.

use super::parse::MAX_LOG;
use crate::operation::catalogue::{Entry, Field, optional, required};
use crate::operation::{Effect, Realm, Shape};

const fn entry(op: &'static str, effect: Effect, fields: &'static [Field], about: &'static str) -> Entry {
    Entry { kind: "git", op, effect, about, resource: Shape::Repository, realm: Realm::Repository, fields }
}

const PATH: Field = optional("path", Shape::FilePath, "only what is at or below this path");

/// The operations, in the order of the documentation.
pub(in crate::operation) static CATALOGUE: &[Entry] = &[
    entry(
        "status",
        Effect::Read,
        &[],
        "Reads the branch, how it stands to its upstream, and every file that is not as committed.",
    ),
    entry(
        "log",
        Effect::Read,
        &[
            optional("revision", Shape::Revision, "from where back; the current commit when absent"),
            optional("count", Shape::Number(1, MAX_LOG), "how many at most; 20 when absent"),
            PATH,
        ],
        "Lists commits, newest first.",
    ),
    entry(
        "diff",
        Effect::Read,
        &[
            optional(
                "from",
                Shape::Revision,
                "the older side; what is staged when absent, the current commit with staged",
            ),
            optional("to", Shape::Revision, "the younger side; the files when absent"),
            PATH,
            optional("staged", Shape::Switch, "what is staged is the younger side"),
        ],
        "Reads what differs between commits, what is staged, and the files.",
    ),
    entry(
        "show",
        Effect::Read,
        &[required("revision", Shape::Revision, "which commit")],
        "Reads one commit with what it changed.",
    ),
    entry("branches", Effect::Read, &[], "Lists branches, local and remote."),
    entry("stashes", Effect::Read, &[], "Lists stashes, and what was kept before a reset or a clean."),
    entry(
        "fetch",
        Effect::Change,
        &[
            optional("remote", Shape::Remote, "from where; origin when absent"),
            optional("branch", Shape::Branch, "only this one"),
            optional("tags", Shape::Switch, "new tags too"),
        ],
        "Fetches a remote's branches.",
    ),
    entry(
        "pull",
        Effect::Change,
        &[],
        "Fetches the current branch's upstream and goes forward to it; a branch that diverged stays.",
    ),
    entry(
        "checkout",
        Effect::Change,
        &[
            required("branch", Shape::Branch, "which branch"),
            optional("create", Shape::Switch, "make it"),
            optional("at", Shape::Revision, "from where it is made; the current commit when absent"),
        ],
        "Goes to a branch; changes that it would overwrite keep it from happening.",
    ),
    entry(
        "stash",
        Effect::Change,
        &[
            required("name", Shape::StashName, "under which name"),
            optional("untracked", Shape::Switch, "untracked files too"),
        ],
        "Puts changes away under a name.",
    ),
    entry(
        "stash-pop",
        Effect::Change,
        &[required("name", Shape::StashName, "under which name it was put away")],
        "Brings back what was put away under a name.",
    ),
    entry(
        "restore",
        Effect::Change,
        &[required("from", Shape::Kept, "what the reset or clean kept")],
        "Takes back a reset or a clean.",
    ),
    entry(
        "reset",
        Effect::Destroy,
        &[required("to", Shape::Revision, "the commit to go back to")],
        "Takes the branch, what is staged and the files to a commit; what is lost is kept aside first.",
    ),
    entry(
        "clean",
        Effect::Destroy,
        &[
            optional("paths", Shape::FilePaths, "only what is at or below these; everything when absent"),
            optional("ignored", Shape::Switch, "ignored files too"),
        ],
        "Removes untracked files; they are kept aside first.",
    ),
    entry(
        "purge",
        Effect::Destroy,
        &[required("name", Shape::Kept, "what the reset or clean kept")],
        "Forgets for good what was kept before a reset or a clean.",
    ),
];
