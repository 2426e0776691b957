//! Hostile repositories. Each trap leaves a mark when it springs, and plain git springs it: that is checked first.
//! Then Reeve comes, in two ways: through the adapter, which refuses or does its work; and past the adapter's look at the
//! configuration, with every command that it ever gives, so that what keeps a trap from springing is not that look alone.

mod corpus;
mod links;
mod planting;
mod refs;
pub mod servers;

use std::path::PathBuf;

use reeve::adapter::{self, Argv, Program};
use serde_json::{Value, json};

use crate::bench::Bench;
use corpus::{TRAPS, Trap};
use links::LINKS;

/// A bench with one trap in its repository `app`.
pub struct Yard {
    pub bench: Bench,
}

impl Yard {
    fn new(trap: &Trap) -> Self {
        let yard = Self { bench: Bench::new() };
        yard.script("fire", &format!(": >'{}'\ncat", yard.mark().display()));
        yard.script("stop", &format!(": >'{}'\nexit 1", yard.mark().display()));
        (trap.set)(&yard);
        let _ = std::fs::remove_file(yard.mark());
        yard
    }

    /// What is there once a trap sprang.
    pub fn mark(&self) -> PathBuf {
        self.bench.path("sprung")
    }

    fn is_sprung(&self) -> bool {
        self.mark().exists()
    }

    /// A program in the bench's folder.
    pub fn script(&self, name: &str, lines: &str) {
        use std::os::unix::fs::PermissionsExt;
        self.bench.write(name, &format!("#!/bin/sh\n{lines}\n"));
        let path = self.bench.path(name);
        std::fs::set_permissions(path, PermissionsExt::from_mode(0o755)).unwrap();
    }

    /// The program that leaves the mark, and hands through what it reads.
    pub fn fire(&self) -> String {
        self.bench.text("fire")
    }

    /// The program that leaves the mark and ends, where git would wait for an answer.
    pub fn stop(&self) -> String {
        self.bench.text("stop")
    }

    pub fn configure(&self, key: &str, value: &str) {
        self.bench.git("app", &["config", key, value]);
    }
}

/// Every operation, with what makes it do something in any of these repositories.
fn operations(bench: &Bench) -> Vec<reeve::operation::Operation> {
    let all: Vec<(&str, Value)> = vec![
        ("status", json!({})),
        ("log", json!({"path": "a"})),
        ("log", json!({})),
        ("diff", json!({})),
        ("diff", json!({"staged": true})),
        ("diff", json!({"from": "HEAD~1", "to": "HEAD"})),
        ("diff", json!({"from": "HEAD~1"})),
        ("show", json!({"revision": "HEAD"})),
        ("branches", json!({})),
        ("stashes", json!({})),
        ("fetch", json!({})),
        ("pull", json!({})),
        ("stash", json!({"name": "one", "untracked": true})),
        ("stash-pop", json!({"name": "one"})),
        ("checkout", json!({"branch": "new", "create": true})),
        ("checkout", json!({"branch": "main"})),
        ("clean", json!({"ignored": true})),
        ("reset", json!({"to": "HEAD~1"})),
    ];
    all.into_iter().map(|(op, params)| bench.operation("app", op, params)).collect()
}

/// Does it, as far as it is let, and takes it back.
fn attempt(bench: &Bench, operation: &reeve::operation::Operation) -> Result<(), &'static str> {
    let adapter = adapter::of(operation);
    if adapter.is_plain_read() {
        return adapter.read(bench).map(|_answer| ()).map_err(|refusal| refusal.rule.as_str());
    }
    let plan = adapter.plan(bench).map_err(|refusal| refusal.rule.as_str())?;
    let acted = bench.act(&plan).is_ok();
    adapter.verify(&plan, bench);
    if let Some(undo) = plan.undo.filter(|_| acted && operation.name() != "stash") {
        let back = adapter::of(&undo.operation);
        if let Ok(plan) = back.plan(bench) {
            let _ = bench.act(&plan);
        }
    }
    Ok(())
}

#[test]
fn plain_git_springs_every_trap() {
    for trap in TRAPS.iter().chain(LINKS) {
        let yard = Yard::new(trap);
        (trap.spring)(&yard);
        assert!(yard.is_sprung(), "{}: plain git does not spring it, so that it shows nothing", trap.name);
    }
}

#[test]
fn no_operation_springs_a_trap_and_what_is_refused_is_refused_by_its_rule() {
    for trap in TRAPS.iter().chain(LINKS) {
        let mut yard = Yard::new(trap);
        yard.bench.set("[[remote]]\nurl = \"file:///\"\n[[remote]]\nurl = \"git://127.0.0.1:1/\"\n");
        for operation in operations(&yard.bench) {
            let result = attempt(&yard.bench, &operation);
            assert!(!yard.is_sprung(), "{}: {} springs it", trap.name, operation.name());
            if let Some(rule) = trap.rule {
                assert_eq!(result, Err(rule), "{}: {}", trap.name, operation.name());
            }
        }
    }
}

/// Every command that the adapter gives when it does all of its operations in a harmless repository with a remote.
fn every_command() -> Vec<Argv> {
    let mut bench = Bench::new();
    bench.git("app", &["clone", "--quiet", "--bare", ".", &bench.text("far.git")]);
    bench.git("app", &["remote", "add", "origin", &format!("file://{}", bench.text("far.git"))]);
    bench.git("app", &["reset", "--hard", "--quiet", "HEAD~1"]);
    bench.git("app", &["config", "branch.main.remote", "origin"]);
    bench.git("app", &["config", "branch.main.merge", "refs/heads/main"]);
    bench.set("[[remote]]\nurl = \"file:///\"\n");
    bench.calls();
    for round in 0..2 {
        for operation in operations(&bench) {
            if matches!(operation.name(), "reset" | "clean") {
                bench.write("app/a", &format!("changed {round}\n"));
                bench.write("app/untracked", "mine\n");
            }
            let _ = attempt(&bench, &operation);
        }
    }
    let mut commands = bench.calls();
    commands.retain(|argv| argv.program == Program::Git);
    commands.dedup();
    commands
}

#[test]
fn no_command_springs_a_trap_even_where_nobody_looked_at_the_configuration() {
    let commands = every_command();
    let subcommands: std::collections::BTreeSet<&str> =
        commands.iter().flat_map(|argv| argv.args.iter().map(String::as_str)).collect();
    for needed in [
        "status",
        "log",
        "diff",
        "show",
        "fetch",
        "ls-remote",
        "merge",
        "switch",
        "stash",
        "reset",
        "restore",
    ] {
        assert!(subcommands.contains(needed), "{needed} is not among the commands");
    }
    for trap in TRAPS.iter().filter(|trap| trap.is_switched_off) {
        let yard = Yard::new(trap);
        let commit = yard.bench.head("app");
        let app = yard.bench.path("app");
        for argv in &commands {
            // The same commands, on this repository's commits and its remote.
            let args: Vec<String> = argv.args.iter().map(|arg| here(&yard, arg, &commit)).collect();
            yard.bench.write("app/a", "changed\n");
            yard.bench.wrapped(&app, &args);
            assert!(!yard.is_sprung(), "{}: {} springs it", trap.name, args.join(" "));
        }
    }
}

fn here(yard: &Yard, arg: &str, id: &str) -> String {
    let is_id = |text: &str| text.len() == 40 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_id(arg) && arg.bytes().any(|byte| byte != b'0') {
        return id.to_owned();
    }
    if arg.starts_with("file:///") {
        let address = yard.bench.plain("app", &["config", "remote.origin.url"]);
        let address = String::from_utf8_lossy(&address.stdout).trim_end().to_owned();
        if !address.is_empty() {
            return address;
        }
    }
    arg.to_owned()
}

#[test]
fn a_repository_of_another_user_is_not_entered() {
    // Only root can make one; the end-to-end suite does it with the host's users.
    if !nix::unistd::geteuid().is_root() {
        return;
    }
    let bench = Bench::new();
    let nobody = Some(nix::unistd::Uid::from_raw(65534));
    nix::unistd::chown(&bench.path("app/.git"), nobody, None).unwrap();
    assert_eq!(bench.rule("app", "status", json!({})), "git-repository");
    nix::unistd::chown(&bench.path("app/.git"), Some(nix::unistd::geteuid()), None).unwrap();
    nix::unistd::chown(&bench.path("app"), nobody, None).unwrap();
    assert_eq!(bench.rule("app", "status", json!({})), "git-repository");
}

#[test]
fn a_name_beside_and_a_link_to_a_repository_are_not_the_repository() {
    let bench = Bench::new();
    std::os::unix::fs::symlink("app", bench.path("link")).unwrap();
    std::fs::create_dir(bench.path("folder")).unwrap();
    std::os::unix::fs::symlink("../app", bench.path("folder/app")).unwrap();
    std::os::unix::fs::symlink(".", bench.path("here")).unwrap();
    for name in ["link", "folder/app", "here/app", "folder", "nowhere"] {
        assert_eq!(bench.rule(name, "status", json!({})), "git-repository", "{name}");
    }
}

#[test]
fn objects_from_elsewhere_are_refused_unless_root_said_so() {
    let mut bench = Bench::new();
    bench.make("secret");
    bench.commit("secret", "s", "secret\n", "secret");
    let folder = bench.text("secret/.git/objects");
    bench.write("app/.git/objects/info/alternates", &format!("{folder}\n"));
    let secret = bench.head("secret");
    assert!(bench.plain("app", &["show", &secret]).status.success(), "plain git shows it");
    assert_eq!(bench.rule("app", "show", json!({"revision": secret})), "git-alternates");
    bench.set(&format!("alternates = [\"{}-not\"]\n", bench.text("secret")));
    assert_eq!(bench.rule("app", "status", json!({})), "git-alternates");
    bench.set(&format!("alternates = [\"{}\"]\n", bench.text("secret")));
    assert_eq!(bench.read("app", "show", json!({"revision": secret}))["message"], "secret");
}

#[test]
fn a_tolerated_key_is_let_pass_and_does_not_count() {
    let trap = TRAPS.iter().find(|trap| trap.name == "core.hooksPath").unwrap();
    let mut yard = Yard::new(trap);
    assert_eq!(yard.bench.rule("app", "status", json!({})), "git-config");
    yard.bench.set("tolerated = [\"core.hookspath\"]\n");
    for operation in operations(&yard.bench) {
        let _ = attempt(&yard.bench, &operation);
        assert!(!yard.is_sprung(), "{}", operation.name());
    }
    assert_eq!(yard.bench.read("app", "status", json!({}))["branch"], "main");
}

#[test]
fn replaced_and_grafted_commits_do_not_hide_what_would_be_lost() {
    let bench = Bench::new();
    let (old, new) = (bench.git("app", &["rev-parse", "HEAD~1"]), bench.commit("app", "c", "3\n", "third"));
    bench.git("app", &["replace", &new, &old]);
    bench.write("app/.git/info/grafts", &format!("{new} {old}\n"));
    let plan = bench.plan("app", "reset", json!({"to": old})).unwrap();
    let commits = plan.effects.objects.iter().filter(|object| object.kind == "commit").count();
    assert_eq!(commits, 2);
}

#[test]
fn a_history_that_is_cut_off_does_not_hide_what_would_be_lost() {
    let bench = Bench::new();
    let old = bench.head("app");
    let before = bench.git("app", &["rev-parse", "HEAD~1"]);
    let new = bench.commit("app", "c", "three\n", "third");
    bench.write("app/.git/shallow", &format!("{new}\n"));
    assert_eq!(bench.git("app", &["rev-list", "--count", "HEAD"]), "1", "git sees one commit of three");
    assert_eq!(bench.rule("app", "reset", json!({"to": before})), "git-shallow");
    std::fs::remove_file(bench.path("app/.git/shallow")).unwrap();
    let (plan, _) = bench.done("app", "reset", json!({"to": old}));
    let from = plan.undo.unwrap().operation.params()["from"].clone();
    let later = bench.commit("app", "d", "four\n", "fourth");
    bench.write("app/.git/shallow", &format!("{later}\n"));
    assert_eq!(bench.rule("app", "restore", json!({"from": from})), "git-shallow");
}

#[test]
fn what_a_shallow_clone_has_of_its_own_can_be_reset() {
    let bench = Bench::new();
    let address = format!("file://{}", bench.text("app"));
    bench.git(".", &["clone", "--quiet", "--depth=1", &address, "shallow"]);
    let mine = bench.commit("shallow", "m", "mine\n", "mine");
    let (plan, _) = bench.done("shallow", "reset", json!({"to": "origin/main"}));
    assert!(
        plan.effects.objects.iter().any(|object| object.guid.as_deref() == Some(mine.as_str())),
        "{plan:?}"
    );
    bench.undo(&plan);
    assert_eq!(bench.head("shallow"), mine);
}

#[test]
fn a_hook_that_is_a_link_keeps_nobody_out() {
    let bench = Bench::new();
    std::fs::create_dir_all(bench.path("app/.git/hooks")).unwrap();
    std::os::unix::fs::symlink("../../a", bench.path("app/.git/hooks/pre-commit")).unwrap();
    assert_eq!(bench.read("app", "status", json!({}))["branch"], "main");
}
