//! The traps.

use super::Yard;
use super::planting::{
    attribute, credentials, elsewhere, far, hooks, on_terminal, plain, remote, signed, submodule,
};

/// One thing that a hostile repository can have.
pub struct Trap {
    pub name: &'static str,
    /// Puts it into the repository `app`.
    pub set: fn(&Yard),
    /// Springs it with plain git.
    pub spring: fn(&Yard),
    /// The rule by which every operation is refused; none where the operations do their work.
    pub rule: Option<&'static str>,
    /// Whether it does not spring by the arguments and the environment alone. Where it does not hold, the wrapper does
    /// not even enter, or the look at the configuration is what keeps it from springing.
    pub is_switched_off: bool,
}

const fn refused(name: &'static str, set: fn(&Yard), spring: fn(&Yard)) -> Trap {
    Trap { name, set, spring, rule: Some("git-config"), is_switched_off: true }
}

const fn harmless(name: &'static str, set: fn(&Yard), spring: fn(&Yard)) -> Trap {
    Trap { name, set, spring, rule: None, is_switched_off: true }
}

pub(super) const fn not_entered(name: &'static str, set: fn(&Yard), spring: fn(&Yard)) -> Trap {
    Trap { name, set, spring, rule: Some("git-repository"), is_switched_off: false }
}

/// Only the look at the configuration stands before these: git has no argument that switches them off.
const fn by_configuration(name: &'static str, set: fn(&Yard), spring: fn(&Yard)) -> Trap {
    Trap { name, set, spring, rule: Some("git-config"), is_switched_off: false }
}

pub const TRAPS: &[Trap] = &[
    harmless("hooks", |yard| hooks(yard, "app/.git/hooks"), |yard| plain(yard, &["switch", "-c", "x"])),
    refused(
        "core.hooksPath",
        |yard| {
            hooks(yard, "hooks");
            yard.configure("core.hooksPath", &yard.bench.text("hooks"));
        },
        |yard| plain(yard, &["switch", "-c", "x"]),
    ),
    refused(
        "core.fsmonitor",
        |yard| yard.configure("core.fsmonitor", &yard.fire()),
        |yard| plain(yard, &["status"]),
    ),
    refused(
        "core.sshCommand",
        |yard| {
            remote(yard, "ssh://localhost/x");
            yard.configure("core.sshCommand", &yard.stop());
        },
        |yard| plain(yard, &["fetch"]),
    ),
    refused(
        "core.gitProxy",
        |yard| {
            remote(yard, "git://127.0.0.1:1/x");
            yard.configure("core.gitProxy", &yard.stop());
        },
        |yard| plain(yard, &["fetch"]),
    ),
    refused("core.pager", |yard| yard.configure("core.pager", &yard.fire()), on_terminal),
    refused("pager.log", |yard| yard.configure("pager.log", &yard.fire()), on_terminal),
    refused(
        "core.editor",
        |yard| yard.configure("core.editor", &yard.fire()),
        |yard| {
            plain(yard, &["branch", "--edit-description"]);
        },
    ),
    refused(
        "sequence.editor",
        |yard| {
            yard.bench.commit("app", "b", "b\n", "more");
            yard.configure("sequence.editor", &yard.fire());
        },
        |yard| plain(yard, &["rebase", "--interactive", "HEAD~1"]),
    ),
    refused(
        "trailer.*.cmd",
        |yard| yard.configure("trailer.reviewed.cmd", &yard.fire()),
        |yard| {
            plain(yard, &["commit", "--allow-empty", "--message", "x", "--trailer", "reviewed=me"]);
        },
    ),
    refused("core.askPass", |yard| yard.configure("core.askPass", &yard.fire()), credentials),
    refused("credential.helper", |yard| yard.configure("credential.helper", &yard.fire()), credentials),
    refused(
        "credential.helper of one host",
        |yard| {
            yard.configure("credential.https://example.net.helper", &format!("!{}", yard.fire()));
        },
        credentials,
    ),
    refused(
        "diff.external",
        |yard| {
            yard.configure("diff.external", &yard.fire());
            yard.bench.write("app/a", "changed\n");
        },
        |yard| plain(yard, &["diff"]),
    ),
    refused(
        "diff.*.command",
        |yard| attribute(yard, "diff=x", "diff.x.command"),
        |yard| plain(yard, &["diff"]),
    ),
    refused(
        "diff.*.textconv",
        |yard| attribute(yard, "diff=x", "diff.x.textconv"),
        |yard| plain(yard, &["diff"]),
    ),
    by_configuration(
        "filter.*.clean",
        |yard| attribute(yard, "filter=x", "filter.x.clean"),
        |yard| plain(yard, &["add", "a"]),
    ),
    by_configuration(
        "filter.*.smudge",
        |yard| attribute(yard, "filter=x", "filter.x.smudge"),
        |yard| {
            plain(yard, &["reset", "--hard"]);
        },
    ),
    by_configuration(
        "filter.*.process",
        |yard| attribute(yard, "filter=x", "filter.x.process"),
        |yard| {
            plain(yard, &["add", "a"]);
        },
    ),
    by_configuration(
        "a filter by info/attributes",
        |yard| {
            attribute(yard, "text", "filter.x.clean");
            yard.bench.write("app/.git/info/attributes", "* filter=x\n");
        },
        |yard| plain(yard, &["add", "a"]),
    ),
    by_configuration(
        "merge.*.driver",
        |yard| {
            attribute(yard, "merge=x", "merge.x.driver");
            yard.bench.git("app", &["switch", "--quiet", "-c", "x"]);
            yard.bench.commit("app", "a", "theirs\n", "theirs");
            yard.bench.git("app", &["switch", "--quiet", "main"]);
            yard.bench.commit("app", "a", "ours\n", "ours");
        },
        |yard| plain(yard, &["merge", "x"]),
    ),
    refused(
        "aliases",
        |yard| yard.configure("alias.st", &format!("!{}", yard.fire())),
        |yard| plain(yard, &["st"]),
    ),
    refused(
        "include.path",
        |yard| {
            yard.bench.write("included", &format!("[core]\nfsmonitor = {}\n", yard.fire()));
            yard.configure("include.path", &yard.bench.text("included"));
        },
        |yard| plain(yard, &["status"]),
    ),
    refused(
        "includeIf",
        |yard| {
            yard.bench.write("included", &format!("[core]\nfsmonitor = {}\n", yard.fire()));
            yard.configure("includeIf.gitdir:/.path", &yard.bench.text("included"));
        },
        |yard| plain(yard, &["status"]),
    ),
    refused(
        "a configuration for worktrees",
        |yard| {
            yard.configure("extensions.worktreeConfig", "true");
            yard.bench.write("app/.git/config.worktree", &format!("[core]\nfsmonitor = {}\n", yard.fire()));
        },
        |yard| plain(yard, &["status"]),
    ),
    refused(
        "protocol.ext",
        |yard| {
            remote(yard, &format!("ext::{}", yard.stop()));
            yard.configure("protocol.ext.allow", "always");
        },
        |yard| plain(yard, &["fetch"]),
    ),
    refused(
        "url.*.insteadOf",
        |yard| {
            remote(yard, "https://git.example.net/x");
            yard.configure("protocol.ext.allow", "always");
            yard.configure(&format!("url.ext::{} .insteadOf", yard.stop()), "https://git.example.net/");
        },
        |yard| plain(yard, &["fetch"]),
    ),
    refused(
        "remote.*.vcs",
        |yard| {
            remote(yard, &yard.stop());
            yard.configure("protocol.ext.allow", "always");
            yard.configure("remote.origin.vcs", "ext");
        },
        |yard| plain(yard, &["fetch"]),
    ),
    by_configuration(
        "remote.*.uploadpack",
        |yard| {
            far(yard);
            yard.configure("remote.origin.uploadpack", &yard.stop());
        },
        |yard| plain(yard, &["fetch"]),
    ),
    refused(
        "core.alternateRefsCommand",
        |yard| {
            far(yard);
            yard.configure("core.alternateRefsCommand", &yard.stop());
            yard.bench.make("other");
            yard.bench.commit("other", "o", "o\n", "other");
            yard.bench.write(
                "app/.git/objects/info/alternates",
                &format!("{}\n", yard.bench.text("other/.git/objects")),
            );
            let bare = yard.bench.text("far.git");
            yard.bench.git("other", &["push", "--quiet", &bare, "HEAD:refs/heads/new"]);
        },
        |yard| plain(yard, &["fetch"]),
    ),
    refused(
        "gpg.program",
        |yard| {
            signed(yard);
            yard.configure("log.showSignature", "true");
            yard.configure("gpg.program", &yard.fire());
        },
        |yard| plain(yard, &["log"]),
    ),
    refused(
        "a promisor remote",
        |yard| {
            far(yard);
            remote(yard, &format!("ext::{}", yard.stop()));
            yard.configure("protocol.ext.allow", "always");
            yard.configure("remote.origin.promisor", "true");
            yard.configure("remote.origin.partialclonefilter", "blob:none");
            let blob = yard.bench.git("app", &["rev-parse", "HEAD:a"]);
            std::fs::remove_file(yard.bench.path(&format!("app/.git/objects/{}/{}", &blob[..2], &blob[2..])))
                .unwrap();
        },
        |yard| plain(yard, &["cat-file", "-p", "HEAD:a"]),
    ),
    harmless(
        "a submodule with a configuration of its own",
        |yard| {
            submodule(yard);
            yard.bench.git("app/sub", &["config", "core.fsmonitor", &yard.fire()]);
        },
        |yard| plain(yard, &["status"]),
    ),
    refused(
        "a submodule's update command",
        |yard| {
            submodule(yard);
            yard.configure("submodule.sub.update", &format!("!{}", yard.fire()));
            yard.bench.commit("app/sub", "more", "more\n", "more");
        },
        |yard| plain(yard, &["submodule", "update"]),
    ),
    harmless(
        "a repository in a folder",
        |yard| {
            yard.bench.make("app/inner");
            yard.bench.commit("app/inner", "x", "x\n", "x");
            yard.bench.git("app/inner", &["config", "core.fsmonitor", &yard.fire()]);
        },
        |yard| {
            yard.bench.plain("app/inner", &["status"]);
        },
    ),
    harmless(
        "maintenance after a fetch",
        |yard| {
            far(yard);
            hooks(yard, "app/.git/hooks");
            yard.configure("gc.auto", "1");
        },
        |yard| plain(yard, &["fetch"]),
    ),
    not_entered(
        "a .git file",
        |yard| elsewhere(yard, |yard| yard.bench.write("app/.git", "gitdir: ../evil\n")),
        |yard| {
            plain(yard, &["status"]);
        },
    ),
    not_entered(
        "a .git that is a link",
        |yard| {
            elsewhere(yard, |yard| {
                std::os::unix::fs::symlink("../evil", yard.bench.path("app/.git")).unwrap()
            });
        },
        |yard| plain(yard, &["status"]),
    ),
    not_entered(
        "a worktree of another repository",
        |yard| {
            yard.bench.git("app", &["config", "core.fsmonitor", &yard.fire()]);
            let tree = yard.bench.text("tree");
            yard.bench.git("app", &["worktree", "add", "--quiet", &tree]);
            std::fs::rename(yard.bench.path("app"), yard.bench.path("main")).unwrap();
            std::fs::rename(yard.bench.path("tree"), yard.bench.path("app")).unwrap();
            yard.bench
                .write("app/.git", &format!("gitdir: {}\n", yard.bench.text("main/.git/worktrees/tree")));
        },
        |yard| plain(yard, &["status"]),
    ),
    not_entered(
        "a common directory elsewhere",
        |yard| {
            yard.bench.make("evil");
            yard.bench.git("evil", &["config", "core.fsmonitor", &yard.fire()]);
            yard.bench.write("app/.git/commondir", "../../evil/.git\n");
        },
        |yard| plain(yard, &["status"]),
    ),
    not_entered(
        "a configuration that is a link",
        |yard| {
            yard.bench.write("evil-config", &format!("[core]\nfsmonitor = {}\n", yard.fire()));
            std::fs::remove_file(yard.bench.path("app/.git/config")).unwrap();
            std::os::unix::fs::symlink("../../evil-config", yard.bench.path("app/.git/config")).unwrap();
        },
        |yard| plain(yard, &["status"]),
    ),
    not_entered(
        "a folder that looks like a bare repository",
        |yard| {
            yard.configure("core.fsmonitor", &yard.fire());
            yard.configure("core.bare", "false");
            yard.configure("core.worktree", &yard.bench.text("app"));
            std::fs::rename(yard.bench.path("app/.git"), yard.bench.path("app/.hidden")).unwrap();
            for name in ["HEAD", "config", "objects", "refs", "index"] {
                std::fs::rename(
                    yard.bench.path(&format!("app/.hidden/{name}")),
                    yard.bench.path(&format!("app/{name}")),
                )
                .unwrap();
            }
        },
        |yard| plain(yard, &["status"]),
    ),
    refused(
        "core.worktree",
        |yard| {
            std::fs::create_dir(yard.bench.path("elsewhere")).unwrap();
            yard.bench.commit("app", "sprung", "written elsewhere\n", "a file");
            yard.configure("core.worktree", &yard.bench.text(""));
            std::fs::remove_file(yard.bench.path("app/sprung")).unwrap();
        },
        |yard| plain(yard, &["reset", "--hard"]),
    ),
];
