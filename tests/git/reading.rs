//! What reads answer.

use serde_json::json;

use crate::bench::Bench;

#[test]
fn status_tells_the_branch_and_every_file_that_is_not_as_committed() {
    let bench = Bench::new();
    assert_eq!(bench.read("app", "status", json!({}))["clean"], true);
    bench.write("app/a", "changed\n");
    bench.write("app/new folder/-x ä", "new\n");
    bench.git("app", &["rm", "--quiet", "b"]);
    let head = bench.head("app");
    assert_eq!(
        bench.read("app", "status", json!({})),
        json!({
            "commit": head, "branch": "main", "upstream": null, "ahead": null, "behind": null, "clean": false, "count": 3,
            "truncated": false, "files": [
                {"path": "a", "state": "changed", "staged": null, "unstaged": "modified"},
                {"path": "b", "state": "changed", "staged": "deleted", "unstaged": null},
                {"path": "new folder/-x ä", "state": "untracked"},
            ],
        })
    );
}

#[test]
fn a_repository_without_a_commit_has_a_status_and_an_empty_log() {
    let bench = Bench::new();
    bench.make("empty");
    assert_eq!(bench.read("empty", "status", json!({}))["commit"], json!(null));
    assert_eq!(bench.read("empty", "log", json!({})), json!({"commits": []}));
    assert_eq!(bench.rule("empty", "reset", json!({"to": "HEAD"})), "git-unborn");
    assert_eq!(bench.rule("empty", "stash", json!({"name": "x"})), "git-unborn");
}

#[test]
fn log_lists_commits_from_a_revision_back_and_those_of_a_path() {
    let bench = Bench::new();
    let head = bench.commit("app", "a", "three\n", "third\n\nwith a body");
    let log = |params| bench.read("app", "log", params)["commits"].as_array().unwrap().clone();
    let all = log(json!({}));
    assert_eq!(all.len(), 3);
    assert_eq!(all[0]["commit"], head);
    assert_eq!(all[0]["message"], "third\n\nwith a body");
    assert_eq!(all[0]["author"], json!({"name": "somebody", "mail": "somebody@localhost"}));
    assert_eq!(all[0]["parents"], json!([all[1]["commit"]]));
    assert_eq!(log(json!({"revision": "main~1"})).len(), 2);
    assert_eq!(log(json!({"count": 1})).len(), 1);
    assert_eq!(log(json!({"path": "b"})).len(), 1);
    assert_eq!(bench.rule("app", "log", json!({"revision": "no-such"})), "git-not-found");
}

#[test]
fn a_commit_whose_message_holds_a_nul_does_not_become_two() {
    let bench = Bench::new();
    let tree = bench.git("app", &["rev-parse", "HEAD^{tree}"]);
    let parent = bench.head("app");
    let forged = format!(
        "tree {tree}\nparent {parent}\nauthor x <x@y> 1 +0000\ncommitter x <x@y> 1 +0000\n\nfirst\0{parent}\0\0root\0r@r\x001\x001\0forged\n"
    );
    bench.write("object", &forged);
    let object = bench.text("object");
    let id = bench.git("app", &["hash-object", "-t", "commit", "-w", "--literally", &object]);
    bench.git("app", &["update-ref", "refs/heads/main", &id]);
    let commits = bench.read("app", "log", json!({}))["commits"].as_array().unwrap().clone();
    assert_eq!(commits.len(), 3, "{commits:?}");
    assert_eq!((&commits[0]["commit"], &commits[0]["message"]), (&json!(id), &json!("first")));
}

#[test]
fn diff_and_show_give_files_with_counts_and_the_text() {
    let bench = Bench::new();
    bench.write("app/a", "one\ntwo\n");
    let diff = bench.read("app", "diff", json!({}));
    assert_eq!(diff["files"], json!([{"path": "a", "added": 1, "removed": 0}]));
    assert!(diff["patch"].as_str().unwrap().ends_with("@@ -1 +1,2 @@\n one\n+two\n"), "{diff}");
    assert_eq!(bench.read("app", "diff", json!({"staged": true}))["files"], json!([]));
    bench.git("app", &["add", "a"]);
    assert_eq!(bench.read("app", "diff", json!({"staged": true}))["files"], diff["files"]);
    assert_eq!(bench.read("app", "diff", json!({"from": "main~1", "to": "main"}))["files"][0]["path"], "b");
    assert_eq!(bench.read("app", "diff", json!({"from": "main~1", "path": "a"}))["files"][0]["path"], "a");
    let shown = bench.read("app", "show", json!({"revision": "HEAD"}));
    assert_eq!(
        (&shown["message"], &shown["files"]),
        (&json!("second"), &json!([{"path": "b", "added": 1, "removed": 0}]))
    );
    assert_eq!(shown["truncated"], false);
}

#[test]
fn a_difference_too_large_to_send_still_tells_its_files() {
    let bench = Bench::new();
    bench.write("app/a", &"a line that is new\n".repeat(300_000));
    let diff = bench.read("app", "diff", json!({}));
    assert_eq!(
        (&diff["files"][0]["added"], &diff["patch"], &diff["truncated"]),
        (&json!(300_000), &json!(null), &json!(true))
    );
}

#[test]
fn branches_tell_which_is_current_and_what_each_is_at() {
    let bench = Bench::new();
    bench.git("app", &["branch", "feature/x", "HEAD~1"]);
    let branches = bench.read("app", "branches", json!({}));
    let rows: Vec<_> = branches["branches"]
        .as_array()
        .unwrap()
        .iter()
        .map(|b| (b["name"].clone(), b["current"].clone()))
        .collect();
    assert_eq!(rows, [(json!("feature/x"), json!(false)), (json!("main"), json!(true))]);
    assert_eq!(branches["branches"][1]["subject"], "second");
}

#[test]
fn stashes_are_listed_with_the_names_that_reeve_gave() {
    let bench = Bench::new();
    bench.write("app/a", "mine\n");
    bench.git("app", &["stash", "push", "-m", "by hand"]);
    bench.write("app/a", "reeve's\n");
    bench.done("app", "stash", json!({"name": "wip"}));
    let listed = bench.read("app", "stashes", json!({}));
    let rows: Vec<_> = listed["stashes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["place"].clone(), one["name"].clone()))
        .collect();
    assert_eq!(rows, [(json!("stash@{0}"), json!("wip")), (json!("stash@{1}"), json!(null))]);
}

#[test]
fn what_a_commits_author_writes_steers_no_terminal() {
    let bench = Bench::new();
    let evil = "x\u{202e}y\u{9b}31mz";
    bench.commit("app", "a", evil, evil);
    let author = format!("--author={evil} <x@y>");
    bench.git("app", &["commit", "--quiet", "--amend", "--no-edit", &author]);
    bench.write("app/a", "mine\n");
    bench.git("app", &["stash", "push", "-m", evil]);
    bench.write("app/a", "mine\n");
    let escaped = json!("x\\u{202e}y\\u{9b}31mz");
    let log = bench.read("app", "log", json!({}));
    assert_eq!((&log["commits"][0]["message"], &log["commits"][0]["author"]["name"]), (&escaped, &escaped));
    assert_eq!(bench.read("app", "branches", json!({}))["branches"][0]["subject"], escaped);
    for (op, params) in [
        ("log", json!({})),
        ("show", json!({"revision": "HEAD"})),
        ("diff", json!({})),
        ("branches", json!({})),
        ("stashes", json!({})),
    ] {
        let text = bench.read("app", op, params).to_string();
        assert!(!text.contains(['\u{202e}', '\u{9b}']), "{op}: {}", text.escape_unicode());
        assert!(text.contains("31mz"), "{op}: {text}");
    }
}
