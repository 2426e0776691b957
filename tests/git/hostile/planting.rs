//! What traps are made of, and what springs several of them.

use std::process::Stdio;

use super::Yard;

/// Plain git, whatever comes of it.
pub fn plain(yard: &Yard, args: &[&str]) {
    yard.bench.plain("app", args);
}

pub fn hooks(yard: &Yard, folder: &str) {
    for hook in [
        "post-checkout",
        "post-merge",
        "post-index-change",
        "reference-transaction",
        "pre-auto-gc",
        "post-rewrite",
        "pre-commit",
    ] {
        let script = format!("{folder}/{hook}");
        yard.script(&script, &format!(": >'{}'", yard.mark().display()));
    }
}

pub fn remote(yard: &Yard, address: &str) {
    yard.bench.plain("app", &["remote", "remove", "origin"]);
    yard.bench.git("app", &["remote", "add", "origin", address]);
    yard.configure("branch.main.remote", "origin");
    yard.configure("branch.main.merge", "refs/heads/main");
}

/// A remote in a folder, with a commit that is not here yet.
pub fn far(yard: &Yard) {
    let bare = yard.bench.text("far.git");
    yard.bench.git("app", &["clone", "--quiet", "--bare", ".", &bare]);
    remote(yard, &format!("file://{bare}"));
    yard.bench.git("far.git", &["worktree", "add", "--quiet", "../far"]);
    let newest = yard.bench.commit("far", "c", "three\n", "third");
    yard.bench.git("far.git", &["update-ref", "refs/heads/main", &newest]);
}

/// An attribute for every file, the program that it leads to, and a file that has changes.
pub fn attribute(yard: &Yard, attribute: &str, key: &str) {
    yard.bench.commit("app", ".gitattributes", &format!("a {attribute}\n"), "attributes");
    yard.configure(key, &yard.fire());
    yard.bench.write("app/a", "changed\n");
}

/// Another repository that runs something, in the place of this one.
pub fn elsewhere(yard: &Yard, lead: fn(&Yard)) {
    yard.configure("core.fsmonitor", &yard.fire());
    std::fs::rename(yard.bench.path("app/.git"), yard.bench.path("evil")).unwrap();
    lead(yard);
}

pub fn submodule(yard: &Yard) {
    yard.bench.make("library");
    yard.bench.commit("library", "x", "x\n", "x");
    let library = yard.bench.text("library");
    yard.bench
        .git("app", &["-c", "protocol.file.allow=always", "submodule", "--quiet", "add", &library, "sub"]);
    yard.bench.git("app", &["commit", "--quiet", "-m", "submodule"]);
}

/// A commit that looks signed.
pub fn signed(yard: &Yard) {
    let tree = yard.bench.git("app", &["rev-parse", "HEAD^{tree}"]);
    let who = "x <x@y> 1 +0000";
    let commit = format!(
        "tree {tree}\nparent {}\nauthor {who}\ncommitter {who}\ngpgsig -----BEGIN PGP SIGNATURE-----\n \n x\n -----END PGP SIGNATURE-----\n\nsigned\n",
        yard.bench.head("app")
    );
    yard.bench.write("object", &commit);
    let object = yard.bench.text("object");
    let id = yard.bench.git("app", &["hash-object", "-t", "commit", "-w", &object]);
    yard.bench.git("app", &["update-ref", "refs/heads/main", &id]);
}

/// git asks a terminal's pager only where there is a terminal.
pub fn on_terminal(yard: &Yard) {
    let app = yard.bench.path("app");
    let line = "/usr/bin/git log";
    let mut script = std::process::Command::new("/usr/bin/script");
    script.args(["-qec", line, "/dev/null"]).current_dir(app).stdin(Stdio::null()).stdout(Stdio::null());
    script.env("HOME", yard.bench.path("")).env_remove("GIT_PAGER").env_remove("PAGER").env("TERM", "xterm");
    script.status().unwrap();
}

/// What git does when a server asks who is there.
pub fn credentials(yard: &Yard) {
    use std::io::Write;
    let mut git = yard.bench.plain_git("app");
    git.args(["credential", "fill"])
        .env("GIT_TERMINAL_PROMPT", "0")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let mut child = git.spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"protocol=https\nhost=example.net\n\n").unwrap();
    child.wait().unwrap();
}
