//! git through the whole chain: an agent asks, the gate grants each command, sudo starts the wrapper, which becomes the
//! agent's Unix user before it looks at the repository.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use reeve::grant::{RunAs, WrapperName};
use serde_json::{Value, json};

use crate::as_user;
use crate::grants::{grant, sign};
use crate::host::*;

const WORK: &str = "/var/lib/repos";

/// git as a user of the host, who has no home.
fn git_as(user: &str, repository: &str, args: &[&str]) -> String {
    let identity =
        ["GIT_AUTHOR_NAME=x", "GIT_AUTHOR_EMAIL=x@y", "GIT_COMMITTER_NAME=x", "GIT_COMMITTER_EMAIL=x@y"];
    let mut command = vec!["/usr/bin/env", "-i", "PATH=/usr/bin:/bin", "HOME=/nonexistent"];
    command.extend(identity);
    command.extend(["/usr/bin/git", "-C", repository]);
    command.extend(args);
    let output = as_user(user, &command);
    assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
}

fn git(repository: &str, args: &[&str]) -> String {
    git_as("librarian", repository, args)
}

fn write(file: &str, content: &str) {
    let script = format!("printf '%s' \"$1\" >'{file}'");
    assert!(as_user("librarian", &["/bin/sh", "-c", &script, "sh", content]).status.success(), "{file}");
}

fn commit(repository: &str, file: &str, content: &str, message: &str) -> String {
    write(&format!("{repository}/{file}"), content);
    git(repository, &["add", "--all"]);
    git(repository, &["commit", "--quiet", "-m", message]);
    git(repository, &["rev-parse", "HEAD"])
}

/// A repository of the librarian's with two commits, and its remote.
fn repository() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    up();
    std::fs::create_dir_all(WORK).unwrap();
    let owner = nix::unistd::User::from_name("librarian").unwrap().unwrap();
    std::os::unix::fs::chown(WORK, Some(owner.uid.as_raw()), Some(owner.gid.as_raw())).unwrap();
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let (path, far) = (format!("{WORK}/app-{number}"), format!("{WORK}/mirror/app-{number}.git"));
    git(WORK, &["init", "--quiet", "--initial-branch=main", &path]);
    git(WORK, &["init", "--quiet", "--bare", "--initial-branch=main", &far]);
    commit(&path, "a", "one\n", "first");
    commit(&path, "b", "two\n", "second");
    git(&path, &["remote", "add", "origin", &format!("file://{far}")]);
    git(&path, &["push", "--quiet", "--set-upstream", "origin", "main"]);
    path
}

fn git_op(op_name: &str, repository: &str, params: Value) -> Answer {
    op("librarian", json!({"kind": "git", "op": op_name, "resource": repository, "params": params}))
}

#[test]
fn reads_and_a_fetch_run_at_once_as_the_agents_own_user() {
    let app = repository();
    let newest = commit(&app, "c", "three\n", "third");
    git(&app, &["push", "--quiet"]);
    git(&app, &["update-ref", "refs/remotes/origin/main", "HEAD~1"]);
    let status = git_op("status", &app, json!({}));
    assert_eq!(
        (status.code, status.state(), &status.body["result"]["branch"]),
        (200, "succeeded", &json!("main")),
        "{status:?}"
    );
    assert_eq!(status.body["result"]["ahead"], 1);
    let log = git_op("log", &app, json!({"count": 1}));
    assert_eq!(log.body["result"]["commits"][0]["commit"], newest, "{log:?}");
    let fetched = git_op("fetch", &app, json!({}));
    assert_eq!(
        (fetched.code, fetched.state(), &fetched.body["verified"]),
        (200, "succeeded", &json!(true)),
        "{fetched:?}"
    );
    assert_eq!(git(&app, &["rev-parse", "origin/main"]), newest);
    let foreign = as_user("librarian", &["/usr/bin/find", &app, "!", "-user", "librarian"]);
    assert_eq!(String::from_utf8_lossy(&foreign.stdout), "", "everything in it is the agent's own");
}

#[test]
fn a_reset_is_shown_to_a_person_done_and_taken_back() {
    let app = repository();
    let lost = commit(&app, "idea", "half\n", "half an idea");
    write(&format!("{app}/a"), "changed\n");
    let asked = git_op("reset", &app, json!({"to": "origin/main"}));
    assert_eq!((asked.code, asked.state()), (202, "pending"), "{asked:?}");
    let prompt = prompt("alice", &[&format!("git reset {app} to=origin/main")]);
    for words in ["1 commit", "half an idea", "1 changed file", "UNDO: 7 days"] {
        assert!(prompt.contains(words), "{words} is not in {prompt}");
    }
    say("alice", &format!("CONFIRM {}", token(&prompt)));
    let done = end_of("librarian", &asked.id());
    assert_eq!((done.state(), &done.body["verified"]), ("succeeded", &json!(true)), "{done:?}");
    assert_ne!(git(&app, &["rev-parse", "HEAD"]), lost);
    assert_eq!(git(&app, &["status", "--porcelain"]), "");
    let undo = op("librarian", done.body["undo"]["op"].clone());
    assert_eq!((undo.state(), &undo.body["verified"]), ("succeeded", &json!(true)), "{undo:?}");
    assert_eq!(git(&app, &["rev-parse", "HEAD"]), lost);
    assert_eq!(std::fs::read_to_string(format!("{app}/a")).unwrap(), "changed\n");
}

#[test]
fn what_changes_between_the_question_and_the_answer_is_asked_anew() {
    let app = repository();
    write(&format!("{app}/untracked"), "mine\n");
    let asked = git_op("clean", &app, json!({}));
    let first = prompt("alice", &[&format!("git clean {app}")]);
    assert!(first.contains("1 untracked file"), "{first}");
    write(&format!("{app}/another"), "came later\n");
    say("alice", &format!("CONFIRM {}", token(&first)));
    let second = prompt("alice", &[&format!("git clean {app}"), "2 untracked files"]);
    assert!(Path::new(&format!("{app}/untracked")).exists());
    say("alice", &format!("DENY {}", token(&second)));
    end_of("librarian", &asked.id());
    assert!(Path::new(&format!("{app}/another")).exists());
}

#[test]
fn a_hostile_repository_runs_nothing_on_the_host() {
    let app = repository();
    let mark = format!("{WORK}/sprung");
    let script = format!("{WORK}/fire");
    write(&script, &format!("#!/bin/sh\nid >>{mark}\n"));
    assert!(as_user("librarian", &["/bin/chmod", "0755", &script]).status.success());
    for hook in ["post-checkout", "post-index-change", "reference-transaction"] {
        write(&format!("{app}/.git/hooks/{hook}"), &format!("#!/bin/sh\nid >>{mark}\n"));
        assert!(
            as_user("librarian", &["/bin/chmod", "0755", &format!("{app}/.git/hooks/{hook}")])
                .status
                .success()
        );
    }
    let checked_out = git_op("checkout", &app, json!({"branch": "new", "create": true}));
    assert_eq!(checked_out.state(), "succeeded", "{checked_out:?}");
    assert!(!Path::new(&mark).exists(), "a hook ran");
    git(&app, &["config", "core.fsmonitor", &script]);
    let _ = std::fs::remove_file(&mark);
    let status = git_op("status", &app, json!({}));
    assert_eq!(status.state(), "failed", "{status:?}");
    assert!(status.body["error"].to_string().contains("core.fsmonitor"), "{status:?}");
    let reset = git_op("reset", &app, json!({"to": "HEAD~1"}));
    assert_eq!((reset.code, &reset.body["decision"]["rule"]), (409, &json!("git-config")), "{reset:?}");
    assert!(!Path::new(&mark).exists(), "core.fsmonitor ran");
    git(&app, &["status"]);
    assert!(Path::new(&mark).exists(), "plain git runs it, or this shows nothing");
}

#[test]
fn another_users_repository_is_not_entered_on_the_host() {
    let app = repository();
    assert!(Command::new("/usr/bin/chown").args(["-R", "archivist", &app]).status().unwrap().success());
    let status = git_op("status", &app, json!({}));
    assert_eq!(status.state(), "failed", "{status:?}");
    assert!(status.body["error"].to_string().contains("belongs to another user"), "{status:?}");
}

#[test]
fn a_repository_outside_of_the_contract_and_a_way_around_are_refused() {
    let app = repository();
    for path in ["/etc", "/var/lib/repos-evil", "/var/lib/reeve"] {
        let refused = git_op("status", path, json!({}));
        assert_eq!(
            (refused.code, &refused.body["decision"]["rule"]),
            (403, &json!("contract-resource")),
            "{refused:?}"
        );
    }
    let upwards = git_op("status", "/var/lib/repos/../reeve", json!({}));
    assert_eq!((upwards.code, &upwards.body["pointer"]), (422, &json!("/resource")), "{upwards:?}");
    let link = format!("{WORK}/link-{}", app.rsplit('-').next().unwrap());
    assert!(as_user("librarian", &["/bin/ln", "-s", &app, &link]).status.success());
    let linked = git_op("status", &link, json!({}));
    assert!(linked.body["error"].to_string().contains("a link stands in its path"), "{linked:?}");
}

/// The wrapper, as whoever has root but not the rules could start it.
fn wrapper_with(environment: &[(&str, &str)], bytes: &[u8]) -> Output {
    let mut wrapper = Command::new("/usr/local/libexec/reeve/reeve-git")
        .envs(environment.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(wrapper.stdin.take().unwrap().write_all(bytes));
    wrapper.wait_with_output().unwrap()
}

#[test]
fn no_variable_of_the_callers_reaches_git() {
    let app = repository();
    let read = git_op("status", &app, json!({}));
    let records = records_of(&read.id());
    let signed = records.iter().filter_map(|record| record["detail"]["argv"].as_str());
    let argv = signed.rev().find(|argv| argv.contains(" status ")).unwrap();
    let (mark, script) = (format!("{app}.traced"), format!("{app}.sh"));
    write(&script, &format!("#!/bin/sh\ntouch {mark}\n"));
    assert!(as_user("librarian", &["/bin/chmod", "0755", &script]).status.success());
    let from_the_environment = format!("'core.fsmonitor'='{script}'");
    let hostile = [
        ("GIT_TRACE", mark.as_str()),
        ("GIT_TRACE2_EVENT", &mark),
        ("GIT_CONFIG_COUNT", "1"),
        ("GIT_CONFIG_KEY_0", "core.fsmonitor"),
        ("GIT_CONFIG_VALUE_0", &script),
        ("GIT_CONFIG_PARAMETERS", &from_the_environment),
        ("GIT_DIR", "/nowhere"),
        ("GIT_INDEX_FILE", "/nowhere"),
        ("GIT_OBJECT_DIRECTORY", "/nowhere"),
        ("GIT_EXEC_PATH", WORK),
        ("GIT_EXTERNAL_DIFF", &script),
        ("GIT_SSH_COMMAND", &script),
        ("PATH", WORK),
    ];
    let words: Vec<&str> = argv.split(' ').skip(1).collect();
    let mut grant = grant(&words);
    (grant.wrapper, grant.program) = (WrapperName::Git, "/usr/bin/git".to_owned());
    (grant.directory, grant.run_as) = (Some(app.clone()), RunAs::User("librarian".to_owned()));
    let shown = wrapper_with(&hostile, &sign(&grant));
    let said = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(shown.status.success() && said.contains("# branch.head main"), "{shown:?}");
    assert!(!Path::new(&mark).exists(), "a variable did something");
    let traced = format!("GIT_TRACE={mark}");
    let plain = ["/usr/bin/env", &traced, "/usr/bin/git", "-C", &app, "status"];
    assert!(as_user("librarian", &plain).status.success());
    assert!(Path::new(&mark).exists(), "plain git heeds it, or this shows nothing");
}
