//! The host's own check of who votes: it can keep a vote from counting, and do nothing else.

mod waiting;

use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::process::{Child, Command};

use reeve::gate::protocol::State;
use serde_json::{Value, json};

use crate::servers::eventually;
use crate::stage::{PATIENCE, Stage, zfs};

/// `reeve hook`, as the user that it runs as; ended with the test.
struct Hook(Child);

impl Drop for Hook {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

fn nobody() -> u32 {
    nix::unistd::User::from_name("nobody").unwrap().unwrap().uid.as_raw()
}

/// A host whose gate asks at that socket, where `user` must listen.
async fn asks(user: &str) -> Stage {
    let mut stage = Stage::set().await;
    let folder = stage.path("hook");
    std::fs::create_dir(&folder).unwrap();
    std::os::unix::fs::chown(&folder, Some(nobody()), None).unwrap();
    let socket = folder.join("socket");
    let config = format!(
        "{}\n[identity_hook]\nsocket = {socket:?}\nuser = {user:?}\ntimeout = \"2s\"\n",
        stage.read("gate.toml")
    );
    stage.write("gate.toml", &config);
    stage.crash().await;
    stage
}

/// A host whose hook looks at each vote until it is let go.
async fn looks_for_long() -> (Stage, Hook) {
    let mut stage = asks("nobody").await;
    stage.write("gate.toml", &stage.read("gate.toml").replace("timeout = \"2s\"", "timeout = \"60s\""));
    stage.crash().await;
    let folder = stage.path("hook");
    let script = format!(
        "#!/bin/sh\ncat >/dev/null\ntouch {folder:?}/looks-$$\nn=0\nuntil [ -e {folder:?}/go ] || [ $n -gt 600 ]; do n=$((n+1)); sleep 0.1; done\n"
    );
    let hook = with_program_for(&stage, &script, "60s");
    (stage, hook)
}

/// Waits until it looks at so many votes.
fn looks_at(stage: &Stage, count: usize) {
    let looks = || {
        let names = std::fs::read_dir(stage.path("hook")).unwrap();
        names.filter(|one| one.as_ref().unwrap().file_name().to_string_lossy().starts_with("looks")).count()
    };
    eventually("the hook looks", || (looks() == count).then_some(()));
}

/// Starts `reeve hook` with a program that does this.
fn with_program(stage: &Stage, script: &str) -> Hook {
    with_program_for(stage, script, "1s")
}

fn with_program_for(stage: &Stage, script: &str, timeout: &str) -> Hook {
    let program = stage.path("hook-program");
    std::fs::write(&program, script).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    with(
        stage,
        &format!("timeout = {timeout:?}\ncommand = [{program:?}, \"$(touch /tmp/x)\", \"; exit 0\"]\n"),
    )
}

fn with(stage: &Stage, by: &str) -> Hook {
    let config = format!("socket = {:?}\ngate_user = \"root\"\n{by}", stage.path("hook/socket"));
    stage.write("hook.toml", &config);
    std::fs::set_permissions(stage.path("hook.toml"), std::fs::Permissions::from_mode(0o644)).unwrap();
    let mut command = Command::new("setpriv");
    command.args([
        "--reuid=nobody",
        "--regid=nogroup",
        "--clear-groups",
        env!("CARGO_BIN_EXE_reeve"),
        "hook",
    ]);
    let hook = Hook(command.arg("--config").arg(stage.path("hook.toml")).spawn().unwrap());
    eventually("the hook listens", || stage.path("hook/socket").exists().then_some(()));
    hook
}

fn last_vote(stage: &Stage, count: usize) -> Value {
    stage.until_recorded("vote", count).pop().unwrap()["detail"].clone()
}

#[tokio::test]
async fn a_vote_that_the_hook_lets_pass_counts_as_it_would_without() {
    let stage = asks("nobody").await;
    let _hook = with_program(&stage, "#!/bin/sh\ncat >/dev/null\nexit 0\n");
    let op = stage.submit("librarian", zfs("destroy", "tank/media@old")).await.unwrap();
    stage.phones.votes("alice", 1, "CONFIRM");
    stage.until(&op.id, State::Succeeded).await;
    assert_eq!(last_vote(&stage, 1)["counted"], json!(true));
}

#[tokio::test]
async fn a_vote_that_the_hook_refuses_does_not_count_and_a_no_is_never_put_to_it() {
    let stage = asks("nobody").await;
    let _hook = with_program(&stage, "#!/bin/sh\ncat >/dev/null\necho 'she is on leave'\nexit 1\n");
    let op = stage.submit("librarian", zfs("destroy", "tank/media@old")).await.unwrap();
    stage.phones.votes("alice", 1, "CONFIRM");
    let vote = last_vote(&stage, 1);
    assert_eq!((&vote["counted"], &vote["by"]), (&json!(false), &json!("alice")));
    assert!(vote["why"].as_str().unwrap().contains("she is on leave"), "{vote}");
    let told = stage.phones.messages("alice", 2).pop().unwrap().text;
    assert!(told.starts_with("Not counted:") && !told.contains("leave"), "{told}");
    assert_eq!(stage.look("librarian", &op.id).await.unwrap().state, State::Pending);
    // Whoever it does not let confirm may still refuse.
    stage.phones.votes("alice", 1, "DENY");
    stage.until(&op.id, State::Refused).await;
    assert!(stage.launcher.commands().is_empty());
}

#[tokio::test]
async fn a_no_is_heard_while_the_hook_still_looks_at_votes_that_came_before() {
    let (stage, _hook) = looks_for_long().await;
    let op = stage.submit("librarian", zfs("destroy", "tank/vm@old")).await.unwrap();
    stage.phones.votes("alice", 1, "CONFIRM");
    stage.phones.votes("bob", 1, "CONFIRM");
    looks_at(&stage, 2);
    stage.phones.votes("bob", 1, "DENY");
    stage.until(&op.id, State::Refused).await;
    // What it lets pass after that counts for nothing any more.
    std::fs::write(stage.path("hook/go"), "").unwrap();
    for who in ["alice", "bob"] {
        let told = || {
            let messages = stage.phones.so_far(who);
            messages.iter().any(|one| one.text.contains("this request was refused by bob")).then_some(())
        };
        eventually(who, told);
    }
    assert_eq!(stage.look("librarian", &op.id).await.unwrap().state, State::Refused);
    assert!(stage.launcher.commands().is_empty());
}

#[tokio::test]
async fn a_phone_that_confirms_again_and_again_keeps_nobodys_freeze_waiting_and_not_its_own() {
    let (stage, _hook) = looks_for_long().await;
    let op = stage.submit("librarian", zfs("destroy", "tank/vm@old")).await.unwrap();
    stage.phones.votes("alice", 1, "CONFIRM");
    looks_at(&stage, 1);
    for _ in 0..256 {
        stage.phones.votes("alice", 1, "CONFIRM");
    }
    let vote = last_vote(&stage, 1);
    assert_eq!((&vote["counted"], &vote["by"]), (&json!(false), &json!("alice")));
    assert!(vote["why"].as_str().unwrap().contains("still being looked at"), "{vote}");
    looks_at(&stage, 1);
    stage.phones.says("bob", "FREEZE archivist");
    stage.phones.says("alice", "FREEZE librarian");
    stage.until_recorded("frozen", 2);
    stage.until(&op.id, State::Cancelled).await;
    // A thaw waits for nobody else's votes.
    stage.phones.says("bob", "THAW archivist");
    stage.until_recorded("thawed", 1);
    std::fs::write(stage.path("hook/go"), "").unwrap();
    let ended =
        || stage.phones.so_far("alice").iter().filter(|one| one.text.contains("was cancelled")).count();
    eventually("answers to alice", || (ended() >= 4).then_some(()));
    assert!(stage.launcher.commands().is_empty());
}

#[tokio::test]
async fn an_account_in_other_hands_while_the_hook_looks_does_not_vote() {
    let (stage, _hook) = looks_for_long().await;
    let op = stage.submit("librarian", zfs("destroy", "tank/media@old")).await.unwrap();
    stage.phones.votes("alice", 1, "CONFIRM");
    looks_at(&stage, 1);
    stage.phones.has_new_key("alice", '9');
    std::fs::write(stage.path("hook/go"), "").unwrap();
    assert_eq!(last_vote(&stage, 1)["counted"], json!(false));
    assert_eq!(stage.look("librarian", &op.id).await.unwrap().state, State::Pending);
}

#[tokio::test]
async fn whatever_a_hook_says_it_makes_no_vote_of_anything() {
    let stage = asks("nobody").await;
    // It would let everything pass, and says more than it was asked.
    let _hook = with_program(
        &stage,
        "#!/bin/sh\ncat >/dev/null\necho '{\"verdict\":\"pass\",\"by\":\"bob\",\"vote\":\"confirm\"}'\nexit 0\n",
    );
    let op = stage.submit("librarian", zfs("destroy", "tank/vm@old")).await.unwrap();
    stage.phones.votes("alice", 1, "DENY");
    stage.until(&op.id, State::Refused).await;
    // One person stays one person, a stranger a stranger, and an account with another key another's.
    let op = stage.submit("archivist", zfs("destroy", "tank/archive@old")).await.unwrap();
    stage.phones.has_new_key("alice", '9');
    stage.phones.votes("alice", 3, "CONFIRM");
    assert_eq!(last_vote(&stage, 2)["counted"], json!(false));
    assert_eq!(stage.look("archivist", &op.id).await.unwrap().state, State::Pending);
    assert!(stage.launcher.commands().is_empty());
}

#[tokio::test]
async fn without_a_clear_answer_in_time_no_vote_counts() {
    let stage = asks("nobody").await;
    let op = stage.submit("librarian", zfs("destroy", "tank/media@old")).await.unwrap();
    let mut votes = 0;
    let mut fails = |words: &str| {
        votes += 1;
        stage.phones.votes("alice", 1, "CONFIRM");
        let vote = last_vote(&stage, votes);
        assert_eq!(vote["counted"], json!(false));
        assert!(vote["why"].as_str().unwrap().contains(words), "{words}: {vote}");
    };
    fails("hook/socket: No such file");
    {
        let _hook = with_program(&stage, "#!/bin/sh\nsleep 60\n");
        fails("did not end in time");
    }
    std::fs::remove_file(stage.path("hook/socket")).unwrap();
    {
        let _hook = with_program(&stage, "#!/bin/sh\nexit 0\n");
        std::fs::remove_file(stage.path("hook-program")).unwrap();
        fails("the identity hook refused it");
    }
    drop(std::fs::remove_file(stage.path("hook/socket")));
    {
        // Root listens in its place.
        let _listener = UnixListener::bind(stage.path("hook/socket")).unwrap();
        fails("belongs to uid 0");
    }
    assert_eq!(stage.look("librarian", &op.id).await.unwrap().state, State::Pending);
}

/// One that answers whatever it likes.
fn answers(stage: &Stage, answer: &'static [u8]) -> std::thread::JoinHandle<Vec<u8>> {
    drop(std::fs::remove_file(stage.path("hook/socket")));
    let listener = UnixListener::bind(stage.path("hook/socket")).unwrap();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut asked = Vec::new();
        stream.read_to_end(&mut asked).unwrap();
        // The gate reads as much as it will.
        drop(stream.write_all(answer));
        asked
    })
}

#[tokio::test]
async fn an_answer_that_is_none_is_no_pass_and_what_is_asked_has_no_token_in_it() {
    let stage = asks("root").await;
    let op = stage.submit("librarian", zfs("destroy", "tank/media@old")).await.unwrap();
    let token = crate::phones::token(&stage.phones.messages("alice", 1)[0].text);
    static LONG: [u8; 9000] = [b' '; 9000];
    let odd: [&'static [u8]; 7] = [
        b"",
        b"pass",
        b"{}",
        b"{\"verdict\":\"PASS\"}",
        b"{\"verdict\":\"pass\",\"by\":\"bob\"}",
        b"{\"verdict\":\"pass\"}{\"verdict\":\"refuse\"}",
        &LONG,
    ];
    for (at, answer) in odd.into_iter().enumerate() {
        let asked = answers(&stage, answer);
        stage.phones.votes("alice", 1, "CONFIRM");
        assert_eq!(last_vote(&stage, at + 1)["counted"], json!(false), "{answer:?}");
        let asked = String::from_utf8(asked.join().unwrap()).unwrap();
        assert!(!asked.contains(&token) && !asked.contains(&token.replace('-', "")), "{asked}");
        let asked: Value = serde_json::from_str(&asked).unwrap();
        assert_eq!((&asked["approver"], &asked["via"]), (&json!("alice"), &json!("signal")));
    }
    let passes = answers(&stage, b"{\"verdict\":\"pass\"}");
    stage.phones.votes("alice", 1, "CONFIRM");
    passes.join().unwrap();
    stage.until(&op.id, State::Succeeded).await;
}

/// Lets everything pass over HTTP, once, and says what it was told.
fn server() -> (u16, std::thread::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let (mut told, mut part) = (Vec::new(), [0; 4096]);
        while !told.ends_with(b"}") {
            match stream.read(&mut part).unwrap() {
                0 => return String::from_utf8(told).unwrap(),
                read => told.extend_from_slice(&part[..read]),
            }
        }
        let body = "{\"verdict\": \"pass\"}";
        write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len()).unwrap();
        String::from_utf8(told).unwrap()
    });
    (port, server)
}

#[tokio::test]
async fn a_server_on_this_host_is_told_nothing_before_it_is_known_whose_it_is() {
    let stage = asks("nobody").await;
    let op = stage.submit("librarian", zfs("destroy", "tank/media@old")).await.unwrap();
    let (port, stranger) = server();
    {
        let _hook = with(&stage, &format!("url = \"http://127.0.0.1:{port}/may\"\nuser = \"nobody\"\n"));
        stage.phones.votes("alice", 1, "CONFIRM");
        let vote = last_vote(&stage, 1);
        assert_eq!(vote["counted"], json!(false));
        assert!(vote["why"].as_str().unwrap().contains("by a process of uid 0"), "{vote}");
    }
    assert_eq!(stranger.join().unwrap(), "", "it was told something");
    std::fs::remove_file(stage.path("hook/socket")).unwrap();
    let (port, server) = server();
    let _hook = with(&stage, &format!("url = \"http://127.0.0.1:{port}/may\"\nuser = \"root\"\n"));
    stage.phones.votes("alice", 1, "CONFIRM");
    stage.until(&op.id, State::Succeeded).await;
    let told = server.join().unwrap();
    assert!(told.starts_with("POST /may ") && told.contains("\"approver\":\"alice\""), "{told}");
}

#[tokio::test]
async fn a_vote_on_the_host_is_held_against_the_hook_too() {
    let stage = asks("nobody").await;
    let op = stage.submit("librarian", zfs("destroy", "tank/media@old")).await.unwrap();
    let approval = stage.look("librarian", &op.id).await.unwrap().approval.unwrap().id;
    let vote =
        |confirm| reeve::gate::protocol::Call::Vote { approval: approval.clone(), confirm, object: None };
    assert!(stage.ask_as(crate::stage::ALICE, &vote(true)).unwrap().is_err(), "nobody answers for the hook");
    let record = last_vote(&stage, 1);
    assert_eq!((&record["counted"], &record["via"]), (&json!(false), &json!("host")));
    assert!(stage.ask_as(crate::stage::ALICE, &vote(false)).unwrap().is_ok());
    stage.until(&op.id, State::Refused).await;
    assert_eq!(last_vote(&stage, 2)["via"], json!("host"));
}

#[tokio::test]
async fn a_hook_that_is_taken_away_is_told_to_everybody() {
    let mut stage = asks("nobody").await;
    let with_it = stage.read("gate.toml");
    stage.write("gate.toml", with_it.split("\n[identity_hook]").next().unwrap());
    stage.crash().await;
    let started = stage.records("gate_started").pop().unwrap();
    assert_eq!(started["detail"]["weaker"], json!(["~ votes are no longer held against the identity hook"]));
    let told = || stage.phones.so_far("bob").iter().any(|message| message.text.contains("identity hook"));
    eventually("a word to bob", || told().then_some(()));
}

#[tokio::test]
async fn another_hook_is_put_to_people_or_told_to_everybody() {
    let mut stage = asks("nobody").await;
    let other = stage.read("gate.toml").replace("user = \"nobody\"", "user = \"daemon\"");
    stage.write("gate.toml", &other);
    let asked = stage.call("operator", reeve::gate::protocol::Call::Reload).await.unwrap();
    let reeve::gate::protocol::Answer::Document(asked) = asked else { panic!("{asked:?}") };
    assert_eq!(asked["reloaded"], json!(false), "{asked}");
    let socket = stage.path("hook/socket");
    let line = format!(
        "~ votes are held against another identity hook: nobody at {0} → daemon at {0}",
        socket.display()
    );
    let reloaded = stage.records("config_reloaded").pop().unwrap();
    assert_eq!(
        (&reloaded["detail"]["loaded"], &reloaded["detail"]["weaker"]),
        (&json!(false), &json!([line]))
    );
    // Whoever starts the gate anew is root, and everybody hears of it.
    let known = stage.phones.so_far("bob").len();
    stage.crash().await;
    assert_eq!(stage.records("gate_started").pop().unwrap()["detail"]["weaker"], json!([line]));
    let told = || {
        let messages = stage.phones.so_far("bob").into_iter().skip(known);
        messages.filter(|message| message.text.contains("another identity hook")).count() == 1
    };
    eventually("a word to bob", || told().then_some(()));
}

#[test]
fn the_hook_does_not_run_as_root() {
    let output = Command::new(env!("CARGO_BIN_EXE_reeve")).arg("hook").output().unwrap();
    assert!(nix::unistd::geteuid().is_root(), "these tests need root");
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("does not run as root"), "{output:?}");
}
