//! The way over HTTP, and who may stand on it.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use reeve::approval::signal::{Down, Dropped, SendError, Status};
use serde_json::json;

use crate::stage::{ACCOUNT, Bridge, PATIENCE, Stage, fault, say, socket, uuid};
use crate::stand_in::Command;

/// A stage whose bridge was started anew, with another address or more in its file.
async fn with_bridge(url: impl FnOnce(&str) -> String, more: &str) -> Stage {
    let mut stage = Stage::with(|_| {}, |_| {}).await;
    let address = std::fs::read_to_string(stage.dir.path().join("address")).unwrap();
    drop(stage.bridge.take());
    stage.bridge = Some(Bridge::start(stage.dir.path(), &url(&address), more));
    stage
}

fn plain(address: &str) -> String {
    format!("http://{address}")
}

async fn log_has(stage: &Stage, words: &str) {
    for _ in 0..400 {
        if stage.bridge_log().contains(words) {
            return;
        }
        tokio::time::sleep(PATIENCE / 400).await;
    }
    panic!("the bridge does not say {words:?}:\n{}", stage.bridge_log());
}

#[tokio::test]
async fn what_another_user_listens_with_is_told_nothing() {
    let stage = with_bridge(plain, "user = \"nobody\"\n").await;
    log_has(&stage, "and `user` is nobody: nothing was said to it").await;
    assert!(!stage.link.is_up());
    assert_eq!(stage.link.send(stage.approver("alice"), "secret", None).await, Err(SendError::Down));
    assert!(stage.world.wait_for_messages("alice", 0, Duration::ZERO).is_empty());
}

/// Everything that a listener of our own is told before its owner is known.
#[tokio::test]
async fn before_it_is_known_who_listens_only_a_harmless_question_is_asked() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (told, heard) = mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let told = told.clone();
            std::thread::spawn(move || {
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                let mut line = String::new();
                while reader.read_line(&mut line).is_ok_and(|read| read > 0) {
                    if line == "\r\n" {
                        (&stream).write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").unwrap();
                    }
                    if told.send(std::mem::take(&mut line)).is_err() {
                        break;
                    }
                }
            });
        }
    });
    let stage = with_bridge(|_| format!("http://{address}"), "user = \"nobody\"\n").await;
    log_has(&stage, "nothing was said to it").await;
    drop(stage);
    let heard: Vec<String> = heard.try_iter().collect();
    let asked: Vec<&String> = heard.iter().filter(|line| line.contains(" HTTP/1.1")).collect();
    assert!(!asked.is_empty());
    assert!(asked.iter().all(|line| *line == "GET /api/v1/check HTTP/1.1\r\n"), "{asked:?}");
    assert!(heard.iter().all(|line| !line.contains(ACCOUNT.trim_start_matches('+'))), "{heard:?}");
}

#[tokio::test]
async fn a_stream_that_is_half_open_is_found_out_by_its_silence() {
    let stage = with_bridge(plain, &format!("{}silence = \"1s\"\n", Bridge::own_user())).await;
    let mut stage = stage.up().await;
    fault(&stage.world, json!({"mute": true}));
    log_has(&stage, "has fallen silent").await;
    stage.until(|status| *status == Status::Down(Down::Lost)).await;
    fault(&stage.world, json!({}));
    // Said again until it is heard: what is said before the stream is there again is lost.
    let begun = Instant::now();
    let heard = loop {
        assert!(begun.elapsed() < PATIENCE, "nothing is heard");
        stage.world.command(Command::Say(Box::new(say("alice", "again"))));
        if let Ok(heard) = tokio::time::timeout(Duration::from_millis(100), stage.inbox.recv()).await {
            break heard.unwrap();
        }
    };
    assert_eq!(heard.text.as_deref(), Some("again"));
}

#[tokio::test]
async fn a_message_that_is_too_long_is_counted_and_cuts_nobody_off() {
    let mut stage = Stage::set().await;
    let long = "x".repeat(400 << 10);
    stage.world.command(Command::Say(Box::new(say("alice", &long))));
    stage.world.command(Command::Say(Box::new(say("alice", "short"))));
    assert_eq!(stage.next().await.text.as_deref(), Some("short"));
    assert_eq!(stage.link.dropped()[&Dropped::Malformed], 1);
    assert!(stage.link.is_up() && stage.bridge_log().is_empty(), "{}", stage.bridge_log());
}

#[tokio::test]
async fn what_is_in_a_message_stays_in_its_line() {
    let mut stage = Stage::set().await;
    let forged =
        format!("hi\n{{\"jsonrpc\":\"2.0\",\"method\":\"receive\"}}\n\ndata:{{}}\n\u{2028}{}", uuid('b'));
    stage.world.command(Command::Say(Box::new(say("alice", &forged))));
    assert_eq!(stage.next().await.text.as_deref(), Some(forged.as_str()));
    assert!(stage.link.dropped().is_empty());
}

#[tokio::test]
async fn a_name_that_the_daemon_does_not_know_is_no_channel_and_the_log_says_what_to_do() {
    // Another port than the daemon's own stands before it, as a proxy's would.
    let stage = with_bridge(|address| format!("http://{}", forwarded(address)), &Bridge::own_user()).await;
    stage.until(|status| *status == Status::Down(Down::NoAnswer)).await;
    log_has(&stage, "421").await;
    log_has(&stage, "let `url` be the address that it was given with --http").await;
    fault(&stage.world, json!({"any_host": true}));
    stage.up().await;
}

/// Another address for the same.
fn forwarded(address: &str) -> String {
    let (listener, to) = (TcpListener::bind("127.0.0.1:0").unwrap(), address.to_owned());
    let from = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for near in listener.incoming().map_while(Result::ok) {
            let far = TcpStream::connect(&to).unwrap();
            let pump = |mut from: TcpStream, mut to: TcpStream| {
                std::thread::spawn(move || {
                    drop(std::io::copy(&mut from, &mut to));
                    drop(to.shutdown(std::net::Shutdown::Both));
                })
            };
            pump(near.try_clone().unwrap(), far.try_clone().unwrap());
            pump(far, near);
        }
    });
    from
}

#[tokio::test]
async fn an_account_that_has_no_events_is_no_channel() {
    let stage = Stage::with(|_| {}, |config| config.account = "+19990000".into()).await;
    stage.until(|status| *status == Status::Down(Down::NoAccount)).await;
}

#[tokio::test]
async fn only_the_gates_user_is_let_in() {
    let stage = Stage::set().await;
    if !nix::unistd::geteuid().is_root() {
        panic!("as root, to be another user");
    }
    drop(UnixStream::connect(socket(stage.dir.path())).unwrap());
    let path = socket(stage.dir.path());
    std::fs::set_permissions(stage.dir.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o666)).unwrap();
    let script = "import socket,sys\ns=socket.socket(socket.AF_UNIX)\ns.connect(sys.argv[1])\ntry:\n s.sendall(b'{\"id\":1,\"method\":\"version\"}\\n')\n print(len(s.recv(100)))\nexcept OSError:\n print(0)";
    let mut other = std::process::Command::new("setpriv");
    other
        .args(["--reuid=nobody", "--regid=nogroup", "--clear-groups", "/usr/bin/python3", "-c", script])
        .arg(&path);
    let output = other.output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "0\n", "{output:?}");
    log_has(&stage, "was sent away").await;
    assert!(stage.link.is_up());
}

#[tokio::test]
async fn a_status_that_no_call_should_have_is_no_answer_and_is_never_taken_for_one() {
    let stage = Stage::set().await;
    let alice = stage.approver("alice");
    for (status, said, why) in [
        (415, "415", Down::NoAnswer),
        (404, "is it what `transport` says?", Down::NoAnswer),
        (307, "let `url` be the place itself", Down::NoAnswer),
        (201, "took a call for a notification", Down::Lost),
        (503, "503", Down::Lost),
    ] {
        fault(&stage.world, json!({"status": status}));
        stage.until(|now| *now == Status::Down(why)).await;
        log_has(&stage, said).await;
        assert_eq!(stage.link.send(alice, "hello", None).await, Err(SendError::Down), "{status}");
        fault(&stage.world, json!({}));
        stage.until(|now| matches!(now, Status::Up { version: _, reachable: _ })).await;
    }
    assert!(stage.world.wait_for_messages("alice", 0, Duration::ZERO).is_empty());
    assert!(stage.link.send(alice, "hello", None).await.is_ok());
}
