//! A repository's own configuration: read without its includes before anything else is, and refused when it holds a key
//! that is not known to be harmless. Most of what a hostile repository can make git run begins with a key.

use crate::adapter::{PlanRefusal, Rule};

/// Keys that only say how files are stored, shown and merged by git itself; `*` stands for any subsection.
#[rustfmt::skip]
const HARMLESS: &[&str] = &[
    "advice.*", "branch.*.description", "branch.*.merge", "branch.*.pushremote", "branch.*.rebase", "branch.*.remote",
    "branch.autosetupmerge", "branch.autosetuprebase", "branch.sort", "checkout.defaultremote",
    "color.ui", "core.abbrev", "core.autocrlf", "core.bigfilethreshold", "core.checkstat", "core.commitgraph",
    "core.compression", "core.eol", "core.filemode", "core.ignorecase", "core.logallrefupdates", "core.loosecompression",
    "core.multipackindex", "core.precomposeunicode", "core.preloadindex", "core.quotepath", "core.repositoryformatversion",
    "core.safecrlf", "core.sharedrepository", "core.symlinks", "core.trustctime", "core.untrackedcache",
    "core.whitespace", "diff.algorithm", "diff.colormoved", "diff.mnemonicprefix", "diff.renamelimit", "diff.renames",
    "extensions.objectformat", "fetch.parallel", "fetch.prune", "fetch.prunetags", "gc.auto", "gc.autodetach",
    "gc.pruneexpire", "gc.reflogexpire", "gc.reflogexpireunreachable", "http.postbuffer", "i18n.commitencoding",
    "index.threads", "index.version", "init.defaultbranch", "log.date", "log.decorate", "merge.conflictstyle",
    "merge.ff", "merge.renames", "pack.threads", "pack.window", "pull.ff", "pull.rebase", "push.autosetupremote",
    "push.default", "push.followtags", "rebase.autosquash", "rebase.autostash", "remote.*.fetch", "remote.*.prune",
    "remote.*.pushurl", "remote.*.skipdefaultupdate", "remote.*.tagopt", "remote.*.url", "remote.pushdefault",
    "rerere.autoupdate", "stash.showstat", "status.showuntrackedfiles", "submodule.*.active", "submodule.*.url",
    "submodule.active", "tag.sort", "transfer.fsckobjects", "user.email", "user.name", "user.useconfigonly",
];

/// Keys that are harmless with one value only.
const HARMLESS_AS: &[(&str, &str)] = &[
    ("core.bare", "false"),
    ("core.fsmonitor", "false"),
    ("core.protectntfs", "true"),
    ("submodule.recurse", "false"),
];

/// Keys that would make git run something, if it were not started so that they do not count. Root's configuration can
/// let them pass, for instance where every clone has `core.hooksPath`.
#[rustfmt::skip]
const SWITCHED_OFF: &[&str] = &[
    "alias.*", "commit.gpgsign", "core.editor", "core.hookspath", "core.pager", "gpg.*", "log.showsignature",
    "pager.*", "sequence.editor", "tag.gpgsign", "user.signingkey",
];

/// Whether root's configuration may let this key pass.
pub(super) fn can_be_tolerated(key: &str) -> bool {
    SWITCHED_OFF.contains(&key)
}

/// Every key that can be let pass.
pub(super) fn tolerable() -> String {
    SWITCHED_OFF.join(", ")
}

/// What a repository's configuration says, every key of which is harmless here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Config {
    entries: Vec<(String, String)>,
}

impl Config {
    /// Reads what `git config --list -z` printed.
    pub(super) fn read(stdout: &[u8], tolerated: &[String]) -> Result<Self, PlanRefusal> {
        let mut entries = Vec::new();
        for entry in stdout.split(|byte| *byte == 0).filter(|entry| !entry.is_empty()) {
            let text = std::str::from_utf8(entry).map_err(|_error| refusal("a key that is not UTF-8"))?;
            // A key without `=` has no value, and is true.
            let (key, value) = text.split_once('\n').unwrap_or((text, "true"));
            if !is_harmless(key, value, tolerated) {
                return Err(refusal(&key.escape_debug().to_string()));
            }
            entries.push((key.to_owned(), value.to_owned()));
        }
        Ok(Self { entries })
    }

    /// The last value of a key, which is the one that counts.
    pub(super) fn get(&self, key: &str) -> Option<&str> {
        self.entries.iter().rev().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }
}

fn refusal(key: &str) -> PlanRefusal {
    let reason = format!("its configuration sets {key}, which is not known to be harmless");
    PlanRefusal::new(Rule::GitConfig, reason)
}

fn is_harmless(key: &str, value: &str, tolerated: &[String]) -> bool {
    if is_called_as_an_address(key) {
        return false;
    }
    let only_as = HARMLESS_AS.iter().find(|(known, _)| *known == key);
    if let Some((_, harmless)) = only_as {
        return value == *harmless;
    }
    let is_tolerated =
        |pattern: &&str| fits(key, pattern) && tolerated.iter().any(|tolerated| tolerated == *pattern);
    HARMLESS.iter().any(|pattern| fits(key, pattern)) || SWITCHED_OFF.iter().any(is_tolerated)
}

/// What git is given to fetch from it takes for a remote's name first: a remote that is called as an address is would stand
/// in that address's place. Every address has a colon.
fn is_called_as_an_address(key: &str) -> bool {
    let remote = key.strip_prefix("remote.").and_then(|rest| rest.rsplit_once('.'));
    remote.is_some_and(|(name, _variable)| name.contains(':'))
}

/// git writes section and variable in lower case, and the subsection, which may hold anything, between the first dot and
/// the last.
fn fits(key: &str, pattern: &str) -> bool {
    match pattern.split_once('*') {
        None => key == pattern,
        Some((before, "")) => {
            key.strip_prefix(before).is_some_and(|rest| !rest.is_empty() && !rest.contains('.'))
        }
        Some((before, after)) => key
            .strip_prefix(before)
            .and_then(|rest| rest.strip_suffix(after))
            .is_some_and(|subsection| !subsection.is_empty()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, tolerated: &[&str]) -> Result<Config, String> {
        let tolerated: Vec<String> = tolerated.iter().map(|key| (*key).to_owned()).collect();
        Config::read(text.as_bytes(), &tolerated).map_err(|refusal| refusal.reason)
    }

    #[test]
    fn what_git_itself_writes_into_a_clone_is_read() {
        let text = "core.repositoryformatversion\n0\0core.filemode\ntrue\0core.bare\nfalse\0core.logallrefupdates\ntrue\0\
                    remote.origin.url\nhttps://git.example.net/a\0remote.origin.fetch\n+refs/heads/*:refs/remotes/origin/*\0\
                    branch.fix/a.b.remote\norigin\0branch.fix/a.b.merge\nrefs/heads/fix/a.b\0";
        let config = read(text, &[]).unwrap();
        assert_eq!(config.get("remote.origin.url"), Some("https://git.example.net/a"));
        assert_eq!(config.get("branch.fix/a.b.merge"), Some("refs/heads/fix/a.b"));
        assert_eq!(config.get("remote.up.url"), None);
    }

    #[test]
    fn a_key_that_can_run_something_is_refused_by_name() {
        for key in [
            "core.fsmonitor",
            "core.sshcommand",
            "core.hookspath",
            "core.pager",
            "core.editor",
            "core.worktree",
            "core.attributesfile",
            "core.excludesfile",
            "core.gitproxy",
            "core.askpass",
            "core.alternaterefscommand",
            "core.sparsecheckout",
            "diff.external",
            "diff.x.command",
            "diff.x.textconv",
            "diff.renames.command",
            "filter.x.clean",
            "filter.x.smudge",
            "filter.x.process",
            "filter.x.required",
            "merge.x.driver",
            "alias.st",
            "include.path",
            "includeif.gitdir:/.path",
            "credential.helper",
            "credential.https://x.helper",
            "protocol.ext.allow",
            "remote.origin.uploadpack",
            "remote.origin.receivepack",
            "remote.origin.vcs",
            "remote.origin.proxy",
            "remote.origin.promisor",
            "remote.origin.partialclonefilter",
            "url.ext::x.insteadof",
            "gpg.program",
            "gpg.ssh.program",
            "submodule.x.update",
            "extensions.worktreeconfig",
            "extensions.partialclone",
            "uploadpack.packobjectshook",
            "http.proxy",
            "http.sslverify",
            "lfs.url",
            "gc.recentobjectshook",
            "trailer.x.command",
            "no.such.key",
            "core",
            "",
        ] {
            let refused = read(&format!("core.filemode\ntrue\0{key}\nx\0"), &[]);
            if key.is_empty() {
                assert!(refused.is_err());
            } else {
                assert_eq!(
                    refused.unwrap_err(),
                    format!("its configuration sets {key}, which is not known to be harmless")
                );
            }
        }
    }

    #[test]
    fn a_subsection_cannot_stand_for_another_key() {
        assert!(read("remote.x.uploadpack.url\ny\0", &[]).is_ok(), "the remote is called `x.uploadpack`");
        assert!(read("remote.url.uploadpack\ny\0", &[]).is_err());
        assert!(read("branch.x.merge.vcs\ny\0", &[]).is_err());
        assert!(read("remote..url\ny\0", &[]).is_err());
    }

    #[test]
    fn a_remote_that_is_called_as_an_address_is_none() {
        for key in
            ["remote.file:///srv/a.url", "remote.git@h:a.url", "remote.https://h/a.fetch", "remote.h:a.prune"]
        {
            assert!(read(&format!("{key}\nx\0"), &[]).is_err(), "{key}");
        }
        assert!(read("remote.team/up-1.url\nfile:///srv/a\0remote.pushdefault\nh:a\0", &[]).is_ok());
    }

    #[test]
    fn some_keys_are_harmless_with_one_value_only() {
        assert!(read("core.bare\nfalse\0core.fsmonitor\nfalse\0", &[]).is_ok());
        assert!(read("core.bare\ntrue\0", &[]).is_err());
        assert!(read("core.fsmonitor\n/tmp/x\0", &[]).is_err());
        assert!(read("core.fsmonitor\0", &[]).is_err());
    }

    #[test]
    fn what_is_tolerated_is_let_pass_and_nothing_else() {
        let text = "core.hookspath\n.husky\0alias.st\n!x\0";
        assert!(read(text, &["core.hookspath"]).is_err());
        assert!(read(text, &["core.hookspath", "alias.*"]).is_ok());
        assert!(!can_be_tolerated("core.fsmonitor") && !can_be_tolerated("filter.*"));
    }
}
