//! Fetching, over every way that there is: git's own daemon, HTTP with a password, SSH with a key, and files.

use std::time::Duration;

use reeve::adapter;
use serde_json::json;

use crate::bench::{Bench, expected, objects};
use crate::hostile::servers::{Daemon, Http, Ssh};

/// `far`, with `app` as a clone of it that has a commit less, and the address as the clone has it.
fn cloned(bench: &mut Bench, address: &str, settings: &str) -> String {
    bench.git("app", &["clone", "--quiet", "--bare", ".", &bench.text("far.git")]);
    bench.git("app", &["remote", "add", "origin", address]);
    bench.git("app", &["update-ref", "refs/remotes/origin/main", "HEAD"]);
    bench.git("app", &["branch", "--quiet", "--set-upstream-to=origin/main"]);
    bench.git("far.git", &["worktree", "add", "--quiet", "../far"]);
    let newest = bench.commit("far", "c", "three\n", "third");
    bench.git("far.git", &["update-ref", "refs/heads/main", &newest]);
    bench.set(settings);
    newest
}

fn from_file(bench: &mut Bench) -> String {
    let place = format!("file://{}/", bench.text(".").trim_end_matches("/."));
    cloned(bench, &format!("{place}far.git"), &format!("[[remote]]\nurl = \"{place}\"\n"))
}

#[test]
fn a_fetch_brings_what_the_remote_has_and_moves_nothing_else() {
    let mut bench = Bench::new();
    let newest = from_file(&mut bench);
    let here = bench.head("app");
    let (plan, _) = bench.done("app", "fetch", json!({}));
    assert_eq!(
        objects(&plan),
        expected(&[("create", "remote branch", "origin/far"), ("move", "remote branch", "origin/main")])
    );
    assert_eq!(bench.git("app", &["rev-parse", "origin/main"]), newest);
    assert_eq!(bench.head("app"), here);
    assert!(bench.plan("app", "fetch", json!({})).unwrap().settled);
    let status = bench.read("app", "status", json!({}));
    assert_eq!((&status["upstream"], &status["behind"]), (&json!("origin/main"), &json!(1)));
}

#[test]
fn one_branch_and_new_tags_are_fetched_when_they_are_asked_for() {
    let mut bench = Bench::new();
    from_file(&mut bench);
    bench.git("far", &["tag", "v1", "HEAD~1"]);
    let (plan, _) = bench.done("app", "fetch", json!({"branch": "main", "tags": true}));
    assert_eq!(
        objects(&plan),
        expected(&[("move", "remote branch", "origin/main"), ("create", "tag", "v1")])
    );
    assert_eq!(bench.rule("app", "fetch", json!({"branch": "none"})), "git-not-found");
    bench.git("far", &["tag", "--force", "v1", "HEAD"]);
    assert_eq!(bench.rule("app", "fetch", json!({"tags": true})), "git-exists");
}

#[test]
fn a_pull_goes_forward_to_the_commit_that_was_planned_and_is_taken_back() {
    let mut bench = Bench::new();
    let newest = from_file(&mut bench);
    let before = bench.head("app");
    let plan = bench.plan("app", "pull", json!({})).unwrap();
    let later = bench.commit("far", "d", "four\n", "fourth");
    bench.git("far.git", &["update-ref", "refs/heads/main", &later]);
    bench.act(&plan).unwrap();
    assert_eq!(bench.head("app"), newest, "not the one that came after the plan");
    let (plan, _) = bench.done("app", "pull", json!({}));
    assert_eq!(bench.head("app"), later);
    assert!(bench.plan("app", "pull", json!({})).unwrap().settled);
    bench.undo(&plan);
    assert_eq!(bench.head("app"), newest);
    assert_ne!(before, newest);
}

#[test]
fn a_branch_that_diverged_is_not_pulled() {
    let mut bench = Bench::new();
    from_file(&mut bench);
    let mine = bench.commit("app", "mine", "mine\n", "mine");
    // Nobody knows yet: the commits are not here. git finds out after fetching, and goes nowhere.
    let plan = bench.plan("app", "pull", json!({})).unwrap();
    let failed = bench.act(&plan).unwrap_err();
    let operation = bench.operation("app", "pull", json!({}));
    assert_eq!(adapter::of(&operation).explain(failed.exit_code, &failed.stderr).as_str(), "diverged");
    assert_eq!(bench.head("app"), mine);
    // Now they are here.
    assert_eq!(bench.rule("app", "pull", json!({})), "git-diverged");
}

#[test]
fn a_pull_does_not_write_over_changes_or_files() {
    for file in ["app/c", "app/b"] {
        let mut bench = Bench::new();
        from_file(&mut bench);
        let later = bench.commit("far", "b", "theirs\n", "theirs");
        bench.git("far.git", &["update-ref", "refs/heads/main", &later]);
        bench.write("app/.git/info/exclude", "c\n");
        bench.write(file, "mine\n");
        let plan = bench.plan("app", "pull", json!({})).unwrap();
        let failed = bench.act(&plan).unwrap_err();
        let operation = bench.operation("app", "pull", json!({}));
        assert_eq!(
            adapter::of(&operation).explain(failed.exit_code, &failed.stderr).as_str(),
            "would-overwrite"
        );
        assert_eq!(bench.content(file).as_deref(), Some("mine\n"));
    }
}

#[test]
fn a_remote_that_nobody_allowed_is_never_asked() {
    let mut bench = Bench::new();
    from_file(&mut bench);
    bench.set("[[remote]]\nurl = \"file:///srv/elsewhere/\"\n");
    bench.calls();
    assert_eq!(bench.rule("app", "fetch", json!({})), "git-remote");
    assert_eq!(bench.rule("app", "pull", json!({})), "git-remote");
    assert_eq!(bench.rule("app", "fetch", json!({"remote": "none"})), "git-remote");
    assert!(
        bench.calls().iter().all(|argv| !argv.args.iter().any(|word| word == "ls-remote" || word == "fetch"))
    );
}

#[test]
fn fetching_from_gits_own_daemon() {
    let mut bench = Bench::new();
    let daemon = Daemon::start(&bench.path(""));
    let address = format!("git://127.0.0.1:{}/far.git", daemon.port());
    let newest =
        cloned(&mut bench, &address, &format!("[[remote]]\nurl = \"git://127.0.0.1:{}/\"\n", daemon.port()));
    bench.done("app", "fetch", json!({}));
    assert_eq!(bench.git("app", &["rev-parse", "origin/main"]), newest);
    drop(daemon);
    assert_eq!(bench.rule("app", "fetch", json!({})), "git-unreachable");
}

#[test]
fn fetching_over_http_with_a_password_that_is_in_a_file_and_nowhere_else() {
    let mut bench = Bench::new();
    let http = Http::start(&bench.path(""), Some("agent:hunter2"));
    let place = format!("http://127.0.0.1:{}/", http.port());
    let address = format!("{place}far.git");
    let newest = cloned(&mut bench, &address, &format!("[[remote]]\nurl = \"{place}\"\n"));
    let refusal = bench.plan("app", "fetch", json!({})).unwrap_err();
    assert_eq!(
        (refusal.rule.as_str(), refusal.reason.as_str()),
        ("git-unreachable", "the remote origin did not answer: not-let-in")
    );
    bench.write("credentials", &format!("http://agent:hunter2@127.0.0.1:{}\n", http.port()));
    let file = bench.text("credentials");
    bench.set(&format!("[[remote]]\nurl = \"{place}\"\ncredentials = \"{file}\"\n"));
    bench.calls();
    let (plan, _) = bench.done("app", "fetch", json!({}));
    assert_eq!(bench.git("app", &["rev-parse", "origin/main"]), newest);
    let everything = format!("{:?}{plan:?}", bench.calls());
    assert!(!everything.contains("hunter2"), "{everything}");
}

#[test]
fn a_redirect_to_another_host_is_not_followed() {
    let mut bench = Bench::new();
    let far = Http::start(&bench.path(""), None);
    let redirect = Http::redirecting(&format!("http://127.0.0.1:{}", far.port()));
    let place = format!("http://127.0.0.1:{}/", redirect.port());
    cloned(&mut bench, &format!("{place}far.git"), &format!("[[remote]]\nurl = \"{place}\"\n"));
    assert!(bench.plain("app", &["ls-remote", "origin"]).status.success(), "plain git follows it");
    let asked = far.asked();
    assert_eq!(bench.rule("app", "fetch", json!({})), "git-unreachable");
    assert_eq!(far.asked(), asked);
}

#[test]
fn fetching_over_ssh_with_a_key_and_a_known_host() {
    let mut bench = Bench::new();
    let ssh = Ssh::start(&bench.path("ssh"));
    let place = format!("ssh://{}@127.0.0.1:{}/", ssh.user(), ssh.port());
    let address = format!("{place}{}", bench.text("far.git").trim_start_matches('/'));
    let settings = |known_hosts: &str| {
        format!("[[remote]]\nurl = \"{place}\"\nkey = \"{}\"\nknown_hosts = \"{known_hosts}\"\n", ssh.key())
    };
    let newest = cloned(&mut bench, &address, &settings(&ssh.known_hosts()));
    bench.done("app", "fetch", json!({}));
    assert_eq!(bench.git("app", &["rev-parse", "origin/main"]), newest);
    bench.write("other_hosts", "");
    let none = bench.text("other_hosts");
    bench.set(&settings(&none));
    let refusal = bench.plan("app", "fetch", json!({})).unwrap_err();
    assert_eq!(refusal.reason, "the remote origin did not answer: unknown-host");
}

/// A repository that nobody allowed, and its newest commit.
fn secret(bench: &Bench) -> String {
    bench.make("secret");
    bench.commit("secret", "s", "secret\n", "secret")
}

#[test]
fn a_remote_that_is_called_as_an_address_sends_no_fetch_elsewhere() {
    let mut bench = Bench::new();
    from_file(&mut bench);
    let secret = secret(&bench);
    let address = bench.git("app", &["config", "remote.origin.url"]);
    bench.git("app", &["config", &format!("remote.{address}.url"), &bench.text("secret")]);
    assert!(bench.git("app", &["ls-remote", "--", &address]).contains(&secret), "plain git goes there");
    assert_eq!(bench.rule("app", "fetch", json!({})), "git-config");
}

#[test]
fn a_file_that_is_called_as_an_address_sends_no_fetch_elsewhere() {
    for folder in ["remotes", "branches"] {
        let bench = Bench::new();
        let secret = secret(&bench);
        let file = format!("app/.git/{folder}/git@h:app");
        bench.write(&file, &format!("URL: {}\n", bench.text("secret")));
        if folder == "remotes" {
            let plain = bench.git("app", &["ls-remote", "--", "git@h:app"]);
            assert!(plain.contains(&secret), "plain git goes there");
        }
        assert_eq!(bench.rule("app", "status", json!({})), "git-repository", "{folder}");
        std::fs::remove_file(bench.path(&file)).unwrap();
        assert_eq!(bench.read("app", "status", json!({}))["branch"], "main", "{folder}, but empty");
    }
}

#[test]
fn a_fetch_removes_nothing_whatever_the_configuration_says() {
    let mut bench = Bench::new();
    from_file(&mut bench);
    bench.git("far", &["tag", "v1"]);
    bench.git("app", &["update-ref", "refs/remotes/origin/gone", "HEAD"]);
    bench.git("app", &["tag", "mine"]);
    for key in ["fetch.prune", "fetch.pruneTags", "remote.origin.prune"] {
        bench.git("app", &["config", key, "true"]);
    }
    bench.done("app", "fetch", json!({"tags": true}));
    let refs = bench.git("app", &["for-each-ref", "--format=%(refname)"]);
    for stays in ["refs/remotes/origin/gone", "refs/tags/mine", "refs/tags/v1"] {
        assert!(refs.lines().any(|name| name == stays), "{stays} is not in {refs}");
    }
}

#[test]
fn how_long_a_fetch_may_take_is_roots_to_say_and_a_look_is_short() {
    let mut bench = Bench::new();
    from_file(&mut bench);
    bench.calls();
    let limit = |bench: &Bench| bench.plan("app", "fetch", json!({})).unwrap().steps[0].argv.limit;
    assert_eq!(limit(&bench), Some(Duration::from_secs(600)));
    let asked = bench.calls().into_iter().find(|argv| argv.args.iter().any(|word| word == "ls-remote"));
    assert_eq!(asked.unwrap().limit, Some(Duration::from_secs(30)));
    bench.set("fetch_limit = \"2h\"\n[[remote]]\nurl = \"file:///\"\n");
    assert_eq!(limit(&bench), Some(Duration::from_secs(7200)));
    assert_eq!(bench.plan("app", "pull", json!({})).unwrap().steps[0].argv.limit, limit(&bench));
}

#[test]
fn a_remotes_branch_that_is_called_as_an_option_is_a_branch() {
    let mut bench = Bench::new();
    let newest = from_file(&mut bench);
    bench.git("far.git", &["update-ref", "refs/heads/--upload-pack=x", &newest]);
    bench.git("app", &["update-ref", "refs/heads/-x", "HEAD"]);
    let (plan, _) = bench.done("app", "fetch", json!({}));
    assert!(objects(&plan).contains(&expected(&[("create", "remote branch", "origin/--upload-pack=x")])[0]));
    let branches = bench.read("app", "branches", json!({}));
    assert!(branches["branches"].as_array().unwrap().iter().any(|branch| branch["name"] == "-x"));
}
