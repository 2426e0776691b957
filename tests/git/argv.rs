//! Every git command that can ever run, held by `tests/golden/argv-git.txt`. `UPDATE_GOLDEN=1` writes it anew.

use std::collections::BTreeMap;
use std::fmt::Write;

use reeve::adapter::{self, Argv, Program};
use reeve::operation::catalogue;
use serde_json::{Value, json};

use crate::bench::Bench;

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/argv-git.txt");

/// Every operation with parameters, in an order in which each finds something to do.
fn operations() -> Vec<(&'static str, Value)> {
    vec![
        ("status", json!({})),
        ("log", json!({"revision": "main", "count": 5, "path": "a"})),
        ("diff", json!({})),
        ("diff", json!({"from": "main~1", "to": "main", "path": "a"})),
        ("diff", json!({"staged": true})),
        ("show", json!({"revision": "main"})),
        ("branches", json!({})),
        ("stashes", json!({})),
        ("fetch", json!({"branch": "other"})),
        ("fetch", json!({"tags": true})),
        ("pull", json!({})),
        ("stash", json!({"name": "wip", "untracked": true})),
        ("stash-pop", json!({"name": "wip"})),
        ("checkout", json!({"branch": "new", "create": true, "at": "main~1"})),
        ("checkout", json!({"branch": "main"})),
        ("clean", json!({"paths": ["x"], "ignored": true})),
        ("restore", json!({})),
        ("reset", json!({"to": "main~1"})),
        ("restore", json!({})),
        ("reset", json!({"to": "main~1"})),
        ("purge", json!({})),
    ]
}

fn bench() -> Bench {
    let mut bench = Bench::new();
    bench.commit("app", "c", "three\n", "third");
    bench.git("app", &["clone", "--quiet", "--bare", ".", &bench.text("far.git")]);
    bench.git("far.git", &["branch", "other", "HEAD~1"]);
    bench.git("far.git", &["tag", "v1"]);
    bench.git("app", &["remote", "add", "origin", &format!("file://{}", bench.text("far.git"))]);
    bench.git("app", &["reset", "--hard", "--quiet", "HEAD~1"]);
    bench.git("app", &["config", "branch.main.remote", "origin"]);
    bench.git("app", &["config", "branch.main.merge", "refs/heads/main"]);
    bench.set("[[remote]]\nurl = \"file:///\"\n");
    bench
}

/// Arguments without the first ones, which are the same for all, and with words for what is different each time.
fn line(bench: &Bench, argv: &Argv) -> String {
    let (first, begin) = if argv.program == Program::Git {
        ("git FIRST", argv.args.iter().rposition(|word| word == "submodule.recurse=false").unwrap() + 1)
    } else {
        (argv.program.name(), 0)
    };
    let words = argv.args[begin..].iter().map(|word| plain(bench, word));
    let words: Vec<String> = std::iter::once(first.to_owned()).chain(words).collect();
    words.join(" ")
}

fn plain(bench: &Bench, word: &str) -> String {
    let folder = bench.text(".").trim_end_matches("/.").to_owned();
    let mut text = word.replace(&folder, "");
    let is_hex = |text: &str| text.bytes().all(|byte| byte.is_ascii_hexdigit());
    for length in [40, 12] {
        let mut at = 0;
        while let Some(part) = text.get(at..at + length) {
            if is_hex(part) && part.bytes().any(|byte| byte != b'0') {
                text.replace_range(at..at + length, if length == 40 { "ID" } else { "HASH" });
            }
            at += 1;
            while !text.is_char_boundary(at) {
                at += 1;
            }
        }
    }
    text.replace(&"0".repeat(40), "NONE")
}

fn all() -> String {
    let bench = bench();
    let (mut text, mut kept) = (String::new(), json!(null));
    bench.calls();
    let first: Vec<String> = {
        bench.read("app", "branches", json!({}));
        let argv = bench.calls().remove(0).args;
        argv.into_iter().take_while(|word| word != "config").collect()
    };
    writeln!(text, "Every command begins with these, and FIRST stands for them:\n\n{}\n", first.join("\n"))
        .unwrap();
    for (op, mut params) in operations() {
        match op {
            "restore" => params["from"] = kept.clone(),
            "purge" => params["name"] = kept.clone(),
            "stash" | "reset" => bench.write("app/a", "changed\n"),
            "clean" => bench.write("app/x", "x"),
            _ => {}
        }
        let operation = bench.operation("app", op, params);
        writeln!(text, "# {}", plain(&bench, &operation.command_line())).unwrap();
        let mut once = BTreeMap::new();
        let mut write = |text: &mut String, what: &str, calls: Vec<Argv>| {
            for argv in calls {
                if once.insert((what.to_owned(), argv.to_string()), ()).is_none() {
                    writeln!(text, "{what}  {}", line(&bench, &argv)).unwrap();
                }
            }
        };
        let adapter = adapter::of(&operation);
        if adapter.is_plain_read() {
            adapter.read(&bench).unwrap();
            write(&mut text, "read", bench.calls());
        } else {
            let plan = adapter.plan(&bench).unwrap_or_else(|refusal| panic!("{op}: {refusal:?}"));
            assert!(!plan.settled, "{op}");
            write(&mut text, "read", bench.calls());
            bench
                .act(&plan)
                .unwrap_or_else(|output| panic!("{op}: {}", String::from_utf8_lossy(&output.stderr)));
            write(&mut text, "step", bench.calls());
            assert!(adapter.verify(&plan, &bench).verified, "{op}");
            write(&mut text, "look", bench.calls());
            if let Some(name) =
                plan.undo.as_ref().and_then(|undo| undo.operation.params().get("from").cloned())
            {
                kept = name;
            }
        }
        text.push('\n');
    }
    text
}

#[test]
fn every_command_that_can_run_is_in_the_golden_list() {
    let now = all();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(GOLDEN, &now).unwrap();
    }
    assert_eq!(now, std::fs::read_to_string(GOLDEN).unwrap(), "UPDATE_GOLDEN=1 writes it anew");
}

#[test]
fn every_operation_of_the_catalogue_is_in_the_golden_list() {
    let covered: std::collections::BTreeSet<&str> = operations().iter().map(|(op, _)| *op).collect();
    let offered = catalogue().filter(|entry| entry.kind == "git").map(|entry| entry.op).collect();
    assert_eq!(covered, offered);
}

#[test]
fn every_read_leaves_the_repository_as_it_is() {
    const READS: [&str; 10] = [
        "config",
        "count-objects",
        "status",
        "log",
        "diff",
        "show",
        "for-each-ref",
        "rev-parse",
        "rev-list",
        "ls-files",
    ];
    for line in all().lines().filter_map(|line| line.strip_prefix("read  ").or(line.strip_prefix("look  "))) {
        if line.starts_with("stat ") {
            continue;
        }
        let words: Vec<&str> = line.split(' ').skip(2).collect();
        assert!(READS.contains(&words[0]) || words[0] == "ls-tree" || words.contains(&"ls-remote"), "{line}");
    }
}
