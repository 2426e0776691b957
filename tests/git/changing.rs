//! Changes: going to a branch, putting changes away and bringing them back.

use serde_json::json;

use crate::bench::{Bench, expected, objects};

#[test]
fn a_checkout_goes_to_a_branch_and_back() {
    let bench = Bench::new();
    bench.git("app", &["branch", "feature", "HEAD~1"]);
    let (plan, seen) = bench.done("app", "checkout", json!({"branch": "feature"}));
    assert_eq!(objects(&plan), expected(&[("move", "HEAD", "HEAD")]));
    assert_eq!(seen.result["branch"], "feature");
    assert_eq!(bench.content("app/b"), None);
    bench.undo(&plan);
    assert_eq!(bench.git("app", &["branch", "--show-current"]), "main");
    assert!(bench.done("app", "checkout", json!({"branch": "main"})).0.settled);
}

#[test]
fn a_branch_is_made_where_it_is_asked_for_and_only_when_there_is_none() {
    let bench = Bench::new();
    let before = bench.git("app", &["rev-parse", "HEAD~1"]);
    bench.done("app", "checkout", json!({"branch": "new/one", "create": true, "at": "main~1"}));
    assert_eq!(bench.head("app"), before);
    assert_eq!(bench.rule("app", "checkout", json!({"branch": "main", "create": true})), "git-exists");
    assert_eq!(bench.rule("app", "checkout", json!({"branch": "none"})), "git-not-found");
}

#[test]
fn a_checkout_that_would_write_over_changes_or_files_fails_and_leaves_them() {
    for (file, ignored) in [("app/b", ""), ("app/c", ""), ("app/c", "c\n")] {
        let bench = Bench::new();
        bench.git("app", &["switch", "--quiet", "-c", "feature"]);
        bench.commit("app", "b", "theirs\n", "theirs");
        bench.commit("app", "c", "theirs\n", "theirs");
        bench.git("app", &["switch", "--quiet", "main"]);
        bench.write("app/.git/info/exclude", ignored);
        bench.write(file, "mine\n");
        let plan = bench.plan("app", "checkout", json!({"branch": "feature"})).unwrap();
        let failed = bench.act(&plan).unwrap_err();
        let reason = reeve::adapter::of(&bench.operation("app", "checkout", json!({"branch": "feature"})))
            .explain(failed.exit_code, &failed.stderr);
        assert_eq!(reason.as_str(), "would-overwrite", "{}", String::from_utf8_lossy(&failed.stderr));
        assert_eq!(bench.content(file).as_deref(), Some("mine\n"));
    }
}

#[test]
fn changes_are_put_away_under_a_name_and_come_back_by_it_whatever_is_stashed_besides() {
    let bench = Bench::new();
    bench.write("app/a", "staged\n");
    bench.git("app", &["add", "a"]);
    bench.write("app/a", "staged and more\n");
    bench.write("app/new", "new\n");
    let (plan, _) = bench.done("app", "stash", json!({"name": "wip", "untracked": true}));
    assert_eq!(
        objects(&plan),
        expected(&[
            ("put_away", "changed file", "a"),
            ("put_away", "untracked file", "new"),
            ("create", "stash", "reeve stash wip")
        ])
    );
    assert_eq!((bench.content("app/a").as_deref(), bench.content("app/new")), (Some("one\n"), None));
    bench.write("app/b", "by hand\n");
    bench.git("app", &["stash", "push", "-m", "another"]);
    assert_eq!(bench.rule("app", "stash", json!({"name": "wip"})), "git-exists");
    bench.undo(&plan);
    assert_eq!(bench.content("app/a").as_deref(), Some("staged and more\n"));
    assert_eq!(bench.git("app", &["show", ":a"]), "staged");
    assert_eq!(bench.content("app/new").as_deref(), Some("new\n"));
    assert_eq!(bench.git("app", &["stash", "list", "--format=%gs"]), "On main: another");
    assert_eq!(bench.rule("app", "stash-pop", json!({"name": "wip"})), "git-not-found");
}

#[test]
fn nothing_to_put_away_is_nothing_to_do() {
    let bench = Bench::new();
    bench.write("app/new", "new\n");
    assert!(bench.plan("app", "stash", json!({"name": "wip"})).unwrap().settled);
}

#[test]
fn files_that_git_was_told_not_to_look_at_stop_a_change() {
    for flag in ["--assume-unchanged", "--skip-worktree"] {
        let bench = Bench::new();
        bench.git("app", &["update-index", flag, "a"]);
        bench.write("app/a", "hidden work\n");
        assert_eq!(bench.rule("app", "reset", json!({"to": "HEAD~1"})), "git-hidden");
        assert_eq!(bench.rule("app", "checkout", json!({"branch": "main"})), "git-hidden");
    }
}
