//! What both sides of a grant for git have to agree on.

/// What stands before every subcommand, and switches off everything that a repository could make git run. Each line keeps
/// one thing in a repository's configuration from deciding; the wrapper's table has the environment that goes with it.
#[rustfmt::skip]
pub const FIRST: &[&str] = &[
    "--no-pager", "--no-replace-objects", "--literal-pathspecs",
    "-c", "core.fsmonitor=false",
    "-c", "core.hooksPath=/dev/null",
    "-c", "core.attributesFile=/dev/null",
    "-c", "core.excludesFile=/dev/null",
    "-c", "core.sshCommand=/bin/false",
    "-c", "core.askPass=/bin/false",
    "-c", "core.alternateRefsCommand=/bin/false",
    "-c", "core.commitGraph=false",
    "-c", "core.sparseCheckout=false",
    "-c", "core.untrackedCache=false",
    "-c", "core.quotePath=false",
    "-c", "advice.graftFileDeprecated=false",
    "-c", "color.ui=false",
    "-c", "commit.gpgSign=false",
    "-c", "credential.helper=",
    "-c", "fetch.prune=false",
    "-c", "fetch.pruneTags=false",
    "-c", "fetch.recurseSubmodules=false",
    "-c", "fetch.writeCommitGraph=false",
    "-c", "gc.auto=0",
    "-c", "http.followRedirects=false",
    "-c", "i18n.logOutputEncoding=UTF-8",
    "-c", "log.showSignature=false",
    "-c", "maintenance.auto=false",
    "-c", "rerere.enabled=false",
    "-c", "safe.bareRepository=explicit",
    "-c", "submodule.recurse=false",
];
