//! Reset, clean, and taking them back.

use reeve::adapter;
use serde_json::{Value, json};

use crate::bench::{Bench, expected, objects};

/// A commit that only `main` has, a change that is staged, one that is not, and an untracked file.
fn at_work() -> (Bench, String, String) {
    let bench = Bench::new();
    let old = bench.head("app");
    let new = bench.commit("app", "c", "three\n", "third");
    bench.write("app/a", "staged\n");
    bench.git("app", &["add", "a"]);
    bench.write("app/b", "changed\n");
    bench.write("app/untracked", "mine\n");
    (bench, old, new)
}

#[test]
fn a_reset_shows_every_commit_and_change_that_would_go() {
    let (bench, old, new) = at_work();
    let plan = bench.plan("app", "reset", json!({"to": "HEAD~1"})).unwrap();
    assert_eq!(
        objects(&plan),
        expected(&[
            ("move", "branch", "main"),
            ("destroy", "commit", &format!("{} third", &new[..10])),
            ("destroy", "changed file", "a"),
            ("destroy", "changed file", "b"),
        ])
    );
    let branch = &plan.effects.objects[0];
    assert_eq!((branch.was.as_deref(), branch.becomes.as_deref()), (Some(new.as_str()), Some(old.as_str())));
    assert!(plan.effects.reversible);
}

#[test]
fn a_reset_is_taken_back_with_every_commit_and_change() {
    let (bench, old, new) = at_work();
    let (plan, seen) = bench.done("app", "reset", json!({"to": "HEAD~1"}));
    assert_eq!((bench.head("app"), &seen.result["commit"]), (old.clone(), &json!(old)));
    assert_eq!(bench.content("app/untracked").as_deref(), Some("mine\n"), "an untracked file stays");
    assert_eq!(bench.git("app", &["status", "--porcelain", "-uno"]), "");
    assert_eq!(bench.git("app", &["stash", "list"]), "", "the user's list of stashes is the user's");
    assert_eq!(bench.read("app", "stashes", json!({}))["kept"].as_array().unwrap().len(), 2);
    bench.undo(&plan);
    assert_eq!(bench.head("app"), new);
    assert_eq!(bench.git("app", &["status", "--porcelain"]), "M  a\n M b\n?? untracked");
    assert_eq!(bench.content("app/b").as_deref(), Some("changed\n"));
    assert_eq!(bench.read("app", "stashes", json!({}))["kept"], json!([]));
}

#[test]
fn what_is_kept_outlives_a_garbage_collection() {
    let (bench, _, new) = at_work();
    let (plan, _) = bench.done("app", "reset", json!({"to": "HEAD~1"}));
    bench.git("app", &["reflog", "expire", "--expire=now", "--all"]);
    bench.git("app", &["gc", "--quiet", "--prune=now"]);
    bench.undo(&plan);
    assert_eq!(bench.head("app"), new);
}

#[test]
fn a_commit_that_another_branch_has_is_not_lost() {
    let (bench, _, _) = at_work();
    bench.git("app", &["branch", "keeps-it"]);
    let plan = bench.plan("app", "reset", json!({"to": "HEAD~1"})).unwrap();
    assert!(objects(&plan).iter().all(|(_, kind, _)| kind != "commit"), "{plan:?}");
}

#[test]
fn an_approval_of_a_reset_is_void_once_a_change_is_another() {
    let (bench, _, _) = at_work();
    let digest = || bench.plan("app", "reset", json!({"to": "HEAD~1"})).unwrap().effects.effects_digest();
    let seen = digest();
    assert_eq!(digest(), seen, "the same state is the same plan");
    bench.write("app/b", "changed!\n");
    assert_ne!(digest(), seen);
    bench.write("app/b", "changed\n");
    assert_eq!(digest(), seen);
    bench.git("app", &["add", "b"]);
    assert_ne!(digest(), seen);
}

#[test]
fn a_commit_made_after_the_plan_stops_the_reset() {
    let (bench, _, _) = at_work();
    bench.git("app", &["stash", "push", "-m", "away"]);
    let plan = bench.plan("app", "reset", json!({"to": "HEAD~1"})).unwrap();
    let later = bench.commit("app", "d", "four\n", "fourth");
    let failed = bench.act(&plan).unwrap_err();
    let operation = bench.operation("app", "reset", json!({"to": "HEAD~1"}));
    assert_eq!(adapter::of(&operation).explain(failed.exit_code, &failed.stderr).as_str(), "moved");
    assert_eq!(bench.head("app"), later);
    assert_eq!(bench.content("app/d").as_deref(), Some("four\n"));
}

#[test]
fn a_reset_to_where_it_is_is_nothing_to_do() {
    let bench = Bench::new();
    assert!(bench.plan("app", "reset", json!({"to": "main"})).unwrap().settled);
    assert_eq!(bench.rule("app", "reset", json!({"to": "none"})), "git-not-found");
}

#[test]
fn a_detached_head_is_reset_and_taken_back_too() {
    let (bench, _, new) = at_work();
    bench.git("app", &["switch", "--quiet", "--detach"]);
    bench.git("app", &["branch", "-D", "--quiet", "main"]);
    let (plan, _) = bench.done("app", "reset", json!({"to": "HEAD~1"}));
    assert_eq!(
        objects(&plan)[..2],
        expected(&[("move", "HEAD", "HEAD"), ("destroy", "commit", &format!("{} third", &new[..10]))])
    );
    bench.undo(&plan);
    assert_eq!(bench.head("app"), new);
}

#[test]
fn an_untracked_file_where_the_commit_has_one_stops_the_reset_and_can_be_cleaned_first() {
    for (here, there) in [("x", "x"), ("x/y", "x"), ("x", "x/y")] {
        let bench = Bench::new();
        bench.commit("app", there, "theirs\n", "with x");
        bench.git("app", &["rm", "--quiet", "-r", "x"]);
        bench.git("app", &["commit", "--quiet", "-m", "without x"]);
        bench.write("app/.git/info/exclude", "x\n");
        bench.write(&format!("app/{here}"), "mine\n");
        let refusal = bench.plan("app", "reset", json!({"to": "HEAD~1"})).unwrap_err();
        assert_eq!(refusal.rule.as_str(), "git-untracked", "{here} {there}");
        assert_eq!(
            refusal.alternatives,
            [bench.operation("app", "clean", json!({"paths": [here], "ignored": true}))]
        );
        let (clean, _) = bench.done("app", "clean", json!({"paths": [here], "ignored": true}));
        let (reset, _) = bench.done("app", "reset", json!({"to": "HEAD~1"}));
        bench.undo(&reset);
        bench.undo(&clean);
        assert_eq!(bench.content(&format!("app/{here}")).as_deref(), Some("mine\n"));
    }
}

#[test]
fn a_merge_in_the_middle_can_be_reset_and_people_are_told_that_nothing_takes_it_back() {
    let bench = Bench::new();
    bench.git("app", &["switch", "--quiet", "-c", "other", "HEAD~1"]);
    bench.commit("app", "b", "theirs\n", "theirs");
    bench.git("app", &["switch", "--quiet", "main"]);
    assert!(!bench.plain("app", &["merge", "other"]).status.success());
    let (plan, _) = bench.done("app", "reset", json!({"to": "HEAD"}));
    assert!(!plan.effects.reversible && plan.undo.is_none());
    assert_eq!(bench.git("app", &["status", "--porcelain"]), "");
}

#[test]
fn a_restore_that_would_lose_something_is_refused() {
    let (bench, _, _) = at_work();
    let (plan, _) = bench.done("app", "reset", json!({"to": "HEAD~1"}));
    let from = plan.undo.unwrap().operation.params()["from"].clone();
    let restore = || bench.rule("app", "restore", json!({"from": from}));
    bench.write("app/b", "new work\n");
    assert_eq!(restore(), "git-dirty");
    bench.git("app", &["commit", "--quiet", "-am", "new work"]);
    assert_eq!(restore(), "git-diverged");
    bench.git("app", &["switch", "--quiet", "-c", "elsewhere"]);
    assert_eq!(restore(), "git-detached");
    assert_eq!(bench.rule("app", "restore", json!({"from": "reset-none"})), "git-not-found");
}

#[test]
fn a_clean_removes_exactly_the_files_that_were_shown_and_keeps_them() {
    let bench = Bench::new();
    bench.write("app/.gitignore", "target\n");
    bench.git("app", &["add", ".gitignore"]);
    bench.git("app", &["commit", "--quiet", "-m", "ignore"]);
    for file in ["x", "-f", "*", "folder/a b", "folder/deep/ä", "target/out"] {
        bench.write(&format!("app/{file}"), file);
    }
    bench.make("app/inner");
    bench.write("app/a", "changed, and none of a clean's business\n");
    let names = |plan: &reeve::adapter::Plan| -> Vec<String> {
        objects(plan).into_iter().map(|(_, _, name)| name).collect()
    };
    let plan = bench.plan("app", "clean", json!({})).unwrap();
    assert_eq!(names(&plan), ["*", "-f", "folder/a b", "folder/deep/ä", "x"]);
    bench.write("app/late", "came after the plan");
    bench.act(&plan).unwrap();
    for gone in ["x", "-f", "*", "folder"] {
        assert!(!bench.path(&format!("app/{gone}")).exists(), "{gone}");
    }
    for stays in ["late", "target/out", "inner/.git"] {
        assert!(bench.path(&format!("app/{stays}")).exists(), "{stays}");
    }
    assert_eq!(bench.git("app", &["status", "--porcelain", "-uno"]), " M a");
    assert_eq!(bench.git("app", &["stash", "list"]), "");
    bench.undo(&plan);
    for file in ["x", "-f", "*", "folder/a b", "folder/deep/ä"] {
        assert_eq!(bench.content(&format!("app/{file}")).as_deref(), Some(file));
    }
    assert_eq!(bench.git("app", &["diff", "--cached", "--name-only"]), "", "nothing is staged by it");
}

#[test]
fn a_clean_takes_ignored_files_and_paths_as_it_is_told() {
    let bench = Bench::new();
    bench.write("app/.git/info/exclude", "target\n");
    for file in ["x", "target/one", "target/two"] {
        bench.write(&format!("app/{file}"), file);
    }
    let (plan, _) = bench.done("app", "clean", json!({"paths": ["target"], "ignored": true}));
    assert_eq!(
        objects(&plan),
        expected(&[("destroy", "ignored file", "target/one"), ("destroy", "ignored file", "target/two")])
    );
    assert!(bench.path("app/x").exists());
    bench.undo(&plan);
    assert_eq!(bench.content("app/target/two").as_deref(), Some("target/two"));
    assert!(bench.plan("app", "clean", json!({"paths": ["nowhere"]})).unwrap().settled);
}

#[test]
fn a_clean_is_taken_back_only_where_nothing_lies() {
    let bench = Bench::new();
    bench.write("app/x", "old");
    let (plan, _) = bench.done("app", "clean", json!({}));
    bench.write("app/x", "new");
    let from = plan.undo.unwrap().operation.params()["from"].clone();
    assert_eq!(bench.rule("app", "restore", json!({"from": from})), "git-exists");
    assert_eq!(bench.content("app/x").as_deref(), Some("new"));
}

#[test]
fn a_link_and_a_program_come_back_as_what_they_were() {
    use std::os::unix::fs::PermissionsExt;
    let bench = Bench::new();
    std::os::unix::fs::symlink("/etc/hostname", bench.path("app/link")).unwrap();
    bench.write("app/run", "#!/bin/sh\n");
    std::fs::set_permissions(bench.path("app/run"), PermissionsExt::from_mode(0o755)).unwrap();
    let (plan, _) = bench.done("app", "clean", json!({}));
    bench.undo(&plan);
    assert_eq!(std::fs::read_link(bench.path("app/link")).unwrap().to_str(), Some("/etc/hostname"));
    assert_eq!(std::fs::metadata(bench.path("app/run")).unwrap().permissions().mode() & 0o111, 0o111);
}

#[test]
fn too_many_files_are_refused_before_anything_happens() {
    let bench = Bench::new();
    for number in 0..501 {
        bench.write(&format!("app/many/{number}"), "");
    }
    assert_eq!(bench.rule("app", "clean", json!({})), "git-too-many");
    assert_eq!(bench.rule("app", "clean", json!({"paths": ["many"]})), "git-too-many");
}

#[test]
fn what_is_kept_is_purged_by_name_and_then_gone() {
    let (bench, _, _) = at_work();
    let (plan, _) = bench.done("app", "reset", json!({"to": "HEAD~1"}));
    let name: Value = plan.undo.unwrap().operation.params()["from"].clone();
    let (purge, _) = bench.done("app", "purge", json!({"name": name}));
    assert_eq!(purge.effects.objects.len(), 2);
    let operation = bench.operation("app", "purge", json!({"name": name}));
    let refusal = adapter::of(&operation).plan(&bench).unwrap_err();
    assert!(adapter::of(&operation).is_gone(&refusal));
    assert_eq!(bench.rule("app", "restore", json!({"from": name})), "git-not-found");
}

#[test]
fn what_was_interrupted_is_told_by_the_repository_alone() {
    let (bench, _, _) = at_work();
    let operation = bench.operation("app", "reset", json!({"to": "HEAD~1"}));
    let plan = adapter::of(&operation).plan(&bench).unwrap();
    let happened = |bench: &Bench| {
        serde_json::to_value(adapter::of(&operation).reconcile(&plan, bench).happened).unwrap()
    };
    assert_eq!(happened(&bench), "not_at_all");
    for (place, step) in plan.steps.iter().enumerate() {
        adapter::Host::read(&bench, &step.argv).unwrap();
        let is_last = place + 1 == plan.steps.len();
        assert!(
            is_last || happened(&bench) != "wholly" || place + 2 == plan.steps.len(),
            "after step {place}"
        );
    }
    assert_eq!(happened(&bench), "wholly");
}

#[test]
fn an_approval_of_a_clean_is_void_once_a_file_is_another() {
    use std::os::unix::fs::symlink;
    let bench = Bench::new();
    bench.write("app/x", "one");
    symlink("/etc/hostname", bench.path("app/link")).unwrap();
    let digest = || bench.plan("app", "clean", json!({})).unwrap().effects.effects_digest();
    let seen = digest();
    assert_eq!(digest(), seen, "the same state is the same plan");
    let file = std::fs::File::options().append(true).open(bench.path("app/x")).unwrap();
    let time = file.metadata().unwrap().modified().unwrap();
    bench.write("app/x", "two");
    file.set_modified(time).unwrap();
    let second = digest();
    assert_ne!(second, seen, "as long as before, and with its time set back");
    std::fs::remove_file(bench.path("app/link")).unwrap();
    symlink("/etc/hostnami", bench.path("app/link")).unwrap();
    assert_ne!(digest(), second);
}

#[test]
fn files_that_are_called_as_options_are_files() {
    let bench = Bench::new();
    bench.commit("app", "-x", "one\n", "an option");
    bench.write("app/-x", "two\n");
    bench.write("app/--help", "new\n");
    let log = bench.read("app", "log", json!({"path": "-x"}));
    assert_eq!(log["commits"].as_array().unwrap().len(), 1);
    let diff = bench.read("app", "diff", json!({"path": "-x"}));
    assert_eq!(diff["files"], json!([{"path": "-x", "added": 1, "removed": 1}]));
    let (stash, _) = bench.done("app", "stash", json!({"name": "wip", "untracked": true}));
    assert_eq!((bench.content("app/-x").as_deref(), bench.content("app/--help")), (Some("one\n"), None));
    bench.undo(&stash);
    let (clean, _) = bench.done("app", "clean", json!({"paths": ["--help"]}));
    let (reset, _) = bench.done("app", "reset", json!({"to": "HEAD~1"}));
    assert_eq!((bench.content("app/-x"), bench.content("app/--help")), (None, None));
    bench.undo(&reset);
    bench.undo(&clean);
    let both = (bench.content("app/-x"), bench.content("app/--help"));
    assert_eq!((both.0.as_deref(), both.1.as_deref()), (Some("two\n"), Some("new\n")));
}
