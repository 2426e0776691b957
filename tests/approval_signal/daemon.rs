//! The stand-in as a process, and held against the real daemon.

use std::io::{BufRead, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use reeve::approval::signal::{Down, Link, SendError, Status};
use reeve::approval::vote::{self, Judged};
use reeve::sys::clock::{Clock, SystemClock};
use serde_json::{Value, json};

use crate::stage::{ACCOUNT, PATIENCE, Stage, US, config, everybody, fault, key, people, say, socket, uuid};
use crate::stand_in::{Command, World};

/// The process that the demo starts; ended with the test.
struct Process(std::process::Child);

impl Drop for Process {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

#[tokio::test]
async fn the_stand_in_as_a_process_answers_by_itself_knowing_only_the_text() {
    let dir = tempfile::tempdir().unwrap();
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_reeve-signal-stand-in"));
    child.arg("--socket").arg(socket(dir.path())).args([
        "--account",
        ACCOUNT,
        "--own-uuid",
        US,
        "--auto",
        "deny",
    ]);
    for (name, digit) in everybody() {
        child.arg("--person").arg(format!("{name},{},{}", uuid(digit), key(digit)));
    }
    let mut process = Process(child.stdout(std::process::Stdio::piped()).spawn().unwrap());
    let mut line = String::new();
    std::io::BufReader::new(process.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "ready\n");
    let (link, inbox) = Link::start(config(dir.path()), people(), Arc::new(SystemClock));
    let world = World::new(ACCOUNT, US, Vec::new());
    let mut stage =
        Stage { world, daemon: None, bridge: None, people: people(), link, inbox, dir }.up().await;
    let pending = stage.ask().await;
    let inbound = stage.next().await;
    let judged = vote::judge(&inbound, std::slice::from_ref(&pending), &stage.people, SystemClock.now());
    assert!(matches!(judged, Judged::Refuse(_)), "{judged:?}");
}

#[tokio::test]
async fn a_socket_that_is_half_open_is_down_and_the_link_comes_back() {
    let stage =
        Stage::with(|_| {}, |config| config.probe_timeout = Duration::from_millis(500)).await.up().await;
    fault(&stage.world, json!({"mute": true}));
    stage.until(|status| *status == Status::Down(Down::NoAnswer)).await;
    assert!(!stage.link.is_up());
    fault(&stage.world, json!({}));
    let mut stage = stage.up().await;
    stage.world.command(Command::Say(Box::new(say("alice", "after"))));
    assert_eq!(stage.next().await.text.as_deref(), Some("after"));
}

/// What every daemon answers, whatever accounts it has.
fn answers_like_signal_cli(socket: &Path) {
    let stream = std::os::unix::net::UnixStream::connect(socket).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut reader = std::io::BufReader::new(stream.try_clone().unwrap());
    let mut ask = |line: String| -> Value {
        writeln!(&stream, "{line}").unwrap();
        let mut answer = String::new();
        reader.read_line(&mut answer).unwrap();
        serde_json::from_str(&answer).unwrap()
    };
    let mut call = |method: &str, params: Value| {
        let answer =
            ask(json!({"jsonrpc": "2.0", "id": "q", "method": method, "params": params}).to_string());
        assert_eq!((&answer["jsonrpc"], &answer["id"]), (&json!("2.0"), &json!("q")));
        answer
    };
    assert!(call("version", json!({}))["result"]["version"].is_string());
    assert!(call("listAccounts", json!({}))["result"].is_array());
    assert_eq!(call("noSuchMethod", json!({}))["error"]["code"], json!(-32601));
    for method in ["send", "listIdentities", "subscribeReceive"] {
        let of_nobody =
            call(method, json!({"account": "+19990000", "number": uuid('a'), "message": "hello"}));
        assert_eq!(of_nobody["error"]["code"], json!(-32602), "{method}");
    }
    let garbage = ask("garbage".to_owned());
    assert_eq!((&garbage["error"]["code"], &garbage["id"]), (&json!(-32700), &Value::Null));
}

#[tokio::test]
async fn the_stand_in_answers_like_signal_cli() {
    let stage = Stage::set().await;
    answers_like_signal_cli(&socket(stage.dir.path()));
}

#[tokio::test]
#[ignore = "tests/real/signal-cli.sh starts the daemon for it"]
async fn the_real_daemon_answers_like_signal_cli_and_is_no_channel_without_our_account() {
    let path = PathBuf::from(std::env::var_os("REEVE_REAL_SIGNAL_SOCKET").unwrap());
    answers_like_signal_cli(&path);
    let stage = Stage::with(|_| {}, |config| config.socket = path).await;
    stage.until(|status| *status == Status::Down(Down::NoAccount)).await;
    assert_eq!(stage.link.send(stage.approver("alice"), "hello", None).await, Err(SendError::Down));
}
