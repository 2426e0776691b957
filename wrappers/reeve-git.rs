//! All that will ever run for Reeve in a user's repositories, as that user and never as root.
//!
//! What a repository could make git run is switched off by the arguments that come first and by the environment; the
//! rest of the table is which subcommands there are, and with which arguments. Left out on purpose: every way to give git
//! a command, a configuration or a file's name to write to (`-c` but for the two lines that open a remote, `--output`,
//! `--upload-pack`, `--exec`, `--git-dir`), `gc`, `push`, `config` that writes, and everything that asks an editor.

use std::process::ExitCode;

use reeve::grant::WrapperName;
use reeve::wrapper::git::FIRST;
use reeve::wrapper::{
    Arguments, Directory, Lifetime, Operands::*, Opt, Opt::*, Program, RunsAs, Subcommand, Table, form,
};

/// Nothing of the user's or the host's configuration counts, nobody is asked for a password, and `.git` is not looked for.
#[rustfmt::skip]
pub(crate) const ENVIRONMENT: &[(&str, &str)] = &[
    ("GIT_DIR", ".git"), ("GIT_WORK_TREE", "."),
    ("GIT_CONFIG_NOSYSTEM", "1"), ("GIT_CONFIG_GLOBAL", "/dev/null"), ("GIT_ATTR_NOSYSTEM", "1"),
    ("GIT_GRAFT_FILE", "/dev/null"), ("GIT_NO_LAZY_FETCH", "1"), ("GIT_OPTIONAL_LOCKS", "0"),
    ("GIT_TERMINAL_PROMPT", "0"), ("GIT_PROXY_COMMAND", ""), ("GIT_ASKPASS", "/bin/false"), ("SSH_ASKPASS", "/bin/false"), ("GIT_EDITOR", "/bin/false"),
    ("GIT_ALLOW_PROTOCOL", "file:git:http:https:ssh"), ("GIT_SSH_VARIANT", "ssh"),
    ("GIT_AUTHOR_NAME", "Reeve"), ("GIT_AUTHOR_EMAIL", "reeve@localhost"),
    ("GIT_COMMITTER_NAME", "Reeve"), ("GIT_COMMITTER_EMAIL", "reeve@localhost"),
];

/// Exactly this word.
macro_rules! word {
    ($word:literal) => {
        |text: &str| text == $word
    };
}

#[rustfmt::skip]
const PLAIN: &[Opt] = &[
    Flag("--no-color"), Flag("--no-ext-diff"), Flag("--no-textconv"), Flag("--no-renames"), Flag("-z"), Flag("--numstat"),
    Flag("--ignore-submodules=dirty"), Flag("--ignore-submodules=all"), Flag("--patch"), Flag("--binary"), Flag("--full-index"),
    Flag("--cached"), Flag("--name-only"), Flag("--diff-filter=D"), Flag("--no-show-signature"), Flag("--diff-merges=first-parent"),
    Joined("--format=", is_format), Flag("--end-of-options"), Flag("--"),
];

#[rustfmt::skip]
const STATUS: &[Opt] = &[
    Flag("--porcelain=v2"), Flag("-z"), Flag("--branch"), Flag("--no-renames"), Flag("--ignore-submodules=dirty"),
    Flag("--untracked-files=no"), Flag("--untracked-files=all"), Flag("--ignored=traditional"), Flag("--"),
];

#[rustfmt::skip]
const LOG: &[Opt] = &[
    Flag("-z"), Flag("--no-show-signature"), Flag("--no-color"), Flag("--walk-reflogs"), Flag("--end-of-options"),
    Joined("--max-count=", form::number), Joined("--format=", is_format),
];

const STASH: &[Opt] = &[
    Flag("--quiet"),
    Flag("--all"),
    Flag("--include-untracked"),
    Value("--message", is_stash_message),
    Flag("--"),
];

#[rustfmt::skip]
pub(crate) static TABLE: Table = Table { wrapper: WrapperName::Git, programs: &[Program {
    path: "/usr/bin/git",
    prefix: FIRST,
    runs_as: RunsAs::User,
    directory: Directory::Repository,
    environment: ENVIRONMENT,
    lifetime: Lifetime::Supervised,
    arguments: Arguments::Subcommands(&[
        Subcommand { name: "config", options: &[Flag("--local"), Flag("--no-includes"), Flag("-z"), Flag("--list")], operands: None },
        Subcommand { name: "count-objects", options: &[Flag("-v")], operands: None },
        Subcommand { name: "status", options: STATUS, operands: None },
        Subcommand { name: "status", options: STATUS, operands: Each(is_path) },
        Subcommand { name: "rev-parse", options: &[Flag("--verify"), Flag("--quiet"), Flag("--end-of-options")], operands: Exactly(&[is_revision]) },
        Subcommand { name: "rev-parse", options: &[Flag("--is-shallow-repository")], operands: None },
        Subcommand { name: "rev-list", options: &[Flag("--left-right"), Flag("--count"), Flag("--end-of-options")],
            operands: Exactly(&[is_range, word!("--")]) },
        Subcommand { name: "log", options: LOG, operands: Then(&[is_commit, word!("--")], is_path) },
        Subcommand { name: "log", options: LOG, operands: Then(&[is_commit], is_exclusion) },
        Subcommand { name: "log", options: LOG, operands: Exactly(&[word!("refs/stash"), word!("--")]) },
        Subcommand { name: "show", options: PLAIN, operands: Exactly(&[is_commit, word!("--")]) },
        Subcommand { name: "diff", options: PLAIN, operands: None },
        Subcommand { name: "diff", options: PLAIN, operands: Each(is_path) },
        Subcommand { name: "diff", options: PLAIN, operands: Then(&[is_commit], is_side_or_path) },
        Subcommand { name: "for-each-ref", options: &[Joined("--format=", is_format)], operands: Each(is_namespace) },
        Subcommand { name: "ls-files", options: &[Flag("-z"), Flag("-v"), Flag("--others"), Flag("--cached")], operands: None },
        Subcommand { name: "ls-tree", options: &[Flag("-r"), Flag("-z"), Flag("--name-only"), Flag("--full-tree")], operands: Exactly(&[is_commit]) },
        Subcommand { name: "update-ref", options: &[Value("-m", word!("reeve: keep"))], operands: Exactly(&[is_kept_ref, is_kept, is_nothing]) },
        Subcommand { name: "update-ref", options: &[Value("-m", is_log_message)], operands: Exactly(&[word!("HEAD"), is_commit, is_commit]) },
        Subcommand { name: "update-ref", options: &[Flag("-d")], operands: Exactly(&[is_kept_ref, is_commit]) },
        Subcommand { name: "stash", options: STASH, operands: None },
        Subcommand { name: "stash", options: STASH, operands: Many(is_stashed) },
        Subcommand { name: "stash", options: &[], operands: Exactly(&[word!("drop"), is_stash_place]) },
        Subcommand { name: "stash", options: &[], operands: Exactly(&[word!("apply"), word!("--index"), word!("--quiet"), is_commit]) },
        Subcommand { name: "reset", options: &[Flag("--hard"), Flag("--quiet"), Flag("--no-recurse-submodules")], operands: Exactly(&[is_commit]) },
        Subcommand { name: "restore", options: &[Flag("--quiet"), Flag("--worktree"), Flag("--overlay"), Flag("--no-recurse-submodules"),
            Joined("--source=", is_commit), Flag("--")], operands: Exactly(&[word!(".")]) },
        Subcommand { name: "switch", options: &[Flag("--quiet"), Flag("--no-guess"), Flag("--no-recurse-submodules"),
            Flag("--no-overwrite-ignore"), Flag("--no-track"), Value("-c", is_branch)], operands: Exactly(&[is_branch]) },
        Subcommand { name: "merge", options: &[Flag("--ff-only"), Flag("--quiet"), Flag("--no-overwrite-ignore")], operands: Exactly(&[is_commit]) },
        Subcommand { name: "-c", options: &[], operands: Exactly(&[opens_remote, word!("ls-remote"), word!("--quiet"), word!("--heads"),
            word!("--tags"), word!("--refs"), word!("--"), is_address]) },
        Subcommand { name: "-c", options: &[], operands: Then(&[opens_remote, word!("fetch"), word!("--quiet"), word!("--no-tags"), word!("--no-prune"),
            word!("--no-recurse-submodules"), word!("--no-auto-maintenance"), word!("--no-write-fetch-head"), word!("--"), is_address],
            is_refspec) },
    ]),
}, Program {
    path: "/usr/bin/stat",
    prefix: &["--printf=%f %s %i %.9Y %.9Z\\0", "--"],
    runs_as: RunsAs::User,
    directory: Directory::Repository,
    environment: &[],
    lifetime: Lifetime::Supervised,
    arguments: Arguments::Plain(&[], Many(is_path)),
}] };

/// A commit by its whole id, or one of the first three parents of it.
fn is_commit(text: &str) -> bool {
    let id = ["^1", "^2", "^3"].iter().find_map(|parent| text.strip_suffix(parent)).unwrap_or(text);
    matches!(id.len(), 40 | 64) && id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Zeros in the place of an id: there is no such ref yet.
fn is_nothing(text: &str) -> bool {
    is_commit(text) && text.bytes().all(|byte| byte == b'0')
}

fn is_range(text: &str) -> bool {
    text.split_once("...").is_some_and(|(ours, theirs)| is_commit(ours) && is_commit(theirs))
}

fn is_branch(text: &str) -> bool {
    let plain = |byte: u8| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-' | b'+' | b'@' | b'#' | b'=')
    };
    let is_part = |part: &str| !part.is_empty() && !part.starts_with(['-', '.']) && part.bytes().all(plain);
    text.len() <= 200 && !text.contains("..") && text.split('/').all(is_part)
}

/// A name with steps back, as a commit.
fn is_revision(text: &str) -> bool {
    let Some(name) = text.strip_suffix("^{commit}") else { return false };
    let end = name.find(['~', '^']).unwrap_or(name.len());
    let (name, steps) = name.split_at(end);
    is_branch(name) && steps.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'~' | b'^'))
}

/// What a commit is compared with, to see what would be lost.
fn is_exclusion(text: &str) -> bool {
    matches!(text, "--not" | "--branches" | "--tags" | "--remotes" | "--")
        || is_commit(text)
        || text.strip_prefix("--exclude=").is_some_and(is_branch)
}

fn is_side_or_path(text: &str) -> bool {
    text == "--" || is_commit(text) || is_path(text)
}

/// A file or folder below the repository's top, written so that it can be no option.
fn is_path(text: &str) -> bool {
    let is_part = |part: &str| !matches!(part, "" | "." | "..") && !part.eq_ignore_ascii_case(".git");
    let path = text.strip_prefix("./").filter(|path| path.len() <= 1024);
    path.is_some_and(|path| path.split('/').all(is_part) && !path.chars().any(char::is_control))
}

/// A file to put away, or everything.
fn is_stashed(text: &str) -> bool {
    text == "." || is_path(text)
}

/// Fields, closed by NULs, and nothing that would run or hide anything (`%(trailers)`, colours, padding).
fn is_format(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'%' | b'(' | b')' | b':' | b',');
    text.len() <= 200 && text.bytes().all(plain) && !text.contains("trailers")
}

fn is_namespace(text: &str) -> bool {
    matches!(text, "refs/heads" | "refs/remotes" | "refs/tags" | "refs/reeve/undo")
}

fn is_kept_ref(text: &str) -> bool {
    text.strip_prefix("refs/reeve/undo/").is_some_and(|name| name.contains('/') && is_branch(name))
}

/// What is kept: a commit, or the newest stash, if it has the words of this keeping.
fn is_kept(text: &str) -> bool {
    let stash = text.strip_prefix("refs/stash^{/reeve undo ").and_then(|rest| rest.strip_suffix("$}"));
    is_commit(text) || stash.is_some_and(is_name)
}

fn is_log_message(text: &str) -> bool {
    matches!(text, "reeve: reset" | "reeve: restore")
}

fn is_stash_message(text: &str) -> bool {
    let name = text.strip_prefix("reeve undo ").or_else(|| text.strip_prefix("reeve stash "));
    name.is_some_and(is_name)
}

fn is_name(text: &str) -> bool {
    is_branch(text) && !text.contains('/')
}

fn is_stash_place(text: &str) -> bool {
    let number = text.strip_prefix("stash@{").and_then(|rest| rest.strip_suffix('}'));
    number.is_some_and(form::number)
}

/// The two settings by which a remote is opened, and the one that opens none. The files are named, and never their
/// content; a shell reads these lines, so that a path has plain characters only.
fn opens_remote(text: &str) -> bool {
    const SSH: &str = "core.sshCommand=/usr/bin/ssh -F /dev/null -oBatchMode=yes -oIdentitiesOnly=yes \
                       -oStrictHostKeyChecking=yes -oGlobalKnownHostsFile=/dev/null -oConnectTimeout=10 -oUserKnownHostsFile=";
    let ssh = text.strip_prefix(SSH).and_then(|rest| rest.split_once(" -oIdentityFile="));
    let store = text.strip_prefix("credential.helper=store --file=");
    text == "core.sshCommand=/bin/false"
        || ssh.is_some_and(|(hosts, key)| is_file(hosts) && is_file(key))
        || store.is_some_and(is_file)
}

fn is_file(path: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-' | b'/');
    path.starts_with('/') && path.bytes().all(plain) && path.split('/').all(|part| part != "..")
}

/// `https://host/path`, and `host:path` for ssh. `ext::` and the like are none.
fn is_address(text: &str) -> bool {
    let plain = |byte: u8| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-' | b'+' | b'@' | b'~' | b'/' | b':')
    };
    let schemes = ["https://", "http://", "ssh://", "git://", "file://"];
    let rest = schemes.iter().find_map(|scheme| text.strip_prefix(scheme)).or_else(|| short_form(text));
    let is_safe = |part: &str| !part.starts_with('-') && part != "..";
    text.len() <= 1300
        && !text.contains("::")
        && rest.is_some_and(|rest| rest.bytes().all(plain) && rest.split(['/', '@', ':']).all(is_safe))
}

fn short_form(text: &str) -> Option<&str> {
    let (host, _path) = text.split_once(':')?;
    (!host.is_empty() && !host.contains('/') && !text.contains("://")).then_some(text)
}

/// From the remote's branches to where they are kept here, and tags that are new.
fn is_refspec(text: &str) -> bool {
    const ALL: &str = "+refs/heads/*:refs/remotes/";
    if text == "refs/tags/*:refs/tags/*" {
        return true;
    }
    if let Some(remote) = text.strip_prefix(ALL).and_then(|rest| rest.strip_suffix("/*")) {
        return is_name(remote);
    }
    let pair = text.strip_prefix("+refs/heads/").and_then(|rest| rest.split_once(":refs/remotes/"));
    pair.is_some_and(|(branch, here)| is_branch(branch) && is_branch(here) && here.ends_with(branch))
}

fn main() -> ExitCode {
    reeve::wrapper::main(&TABLE)
}
