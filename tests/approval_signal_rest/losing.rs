//! What signal-cli-rest-api does not do as signal-cli does, seen and said.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc;

use nix::unistd::{Uid, User, setfsuid};
use reeve::approval::identity::IdentityTrouble;
use reeve::approval::signal::{CaptchaError, Down, SendError, Status};
use serde_json::json;

use crate::link::change;
use crate::stage::{ACCOUNT, Bridge, PATIENCE, Stage, fault, impatient, say};
use crate::stand_in::Command;

#[tokio::test]
async fn what_is_said_while_nobody_listens_is_lost_and_the_link_comes_back() {
    let mut stage = Stage::set().await;
    drop(stage.daemon.take());
    stage.until(|status| matches!(status, Status::Down(_))).await;
    stage.world.command(Command::Say(Box::new(say("alice", "meanwhile"))));
    stage.restart();
    let mut stage = stage.up().await;
    stage.world.command(Command::Say(Box::new(say("alice", "after"))));
    assert_eq!(stage.next().await.text.as_deref(), Some("after"));
    assert!(stage.link.send(stage.approver("alice"), "hello", None).await.is_ok());
}

#[tokio::test]
async fn errors_have_names_as_far_as_it_tells_them_apart() {
    let stage = Stage::with(|_| {}, impatient).await.up().await;
    let alice = stage.approver("alice");
    for (broken, error) in [
        (json!({"error_code": -5}), SendError::RateLimited { retry_after: None }),
        (json!({"error_code": -3}), SendError::Refused { code: -1 }),
        (json!({"error_code": -1}), SendError::Refused { code: -1 }),
    ] {
        fault(&stage.world, broken);
        assert_eq!(stage.link.send(alice, "hello", None).await, Err(error));
    }
    fault(&stage.world, json!({}));
    assert!(stage.link.send(alice, "hello", None).await.is_ok());
}

#[tokio::test]
async fn a_server_that_is_polled_is_no_channel() {
    let stage = Stage::with(|world| fault(world, json!({"polled": true})), |_| {}).await;
    stage.until(|status| *status == Status::Down(Down::NoAnswer)).await;
    assert!(stage.bridge_log().contains("MODE=json-rpc"), "{}", stage.bridge_log());
}

#[tokio::test]
async fn a_key_that_was_compared_is_trusted_over_rest_too() {
    let stage = Stage::set().await;
    let alice = stage.approver("alice");
    let key = crate::stage::key('9');
    stage.world.command(Command::NewIdentity {
        of: "alice".into(),
        fingerprint: key.clone(),
        trust: "UNTRUSTED".into(),
        unread: false,
    });
    assert_eq!(stage.link.identity_holds(alice).await.err(), Some(IdentityTrouble::Changed));
    let seen = stage.link.newest_identity(alice.uuid).await.unwrap();
    assert!(!seen.is_verified);
    assert!(stage.link.trust(alice.uuid, "00000").await.is_err(), "another number than was seen");
    stage.link.trust(alice.uuid, &seen.safety_number).await.unwrap();
    assert!(stage.link.newest_identity(alice.uuid).await.unwrap().is_verified);
}

#[tokio::test]
async fn a_captcha_is_solved_by_way_of_it_too() {
    let stage = Stage::with(|_| {}, impatient).await.up().await;
    let alice = stage.approver("alice");
    change(&stage, json!({"captcha": "ch-1"}));
    let wanted = SendError::NeedsCaptcha { challenge: "ch-1".into() };
    assert_eq!(stage.link.send(alice, "hello", None).await, Err(wanted));
    assert_eq!(stage.link.solve_captcha("signalcaptcha://other").await, Err(CaptchaError::Rejected));
    assert_eq!(stage.link.solve_captcha("signalcaptcha://solved").await, Ok(()));
    assert!(stage.link.send(alice, "hello", None).await.is_ok());
}

#[tokio::test]
async fn a_captcha_that_was_solved_elsewhere_holds_nothing_up_once_its_time_is_over() {
    let stage = Stage::with(
        |_| {},
        |config| {
            impatient(config);
            config.captcha_pause = config.pause * 2;
        },
    );
    let stage = stage.await.up().await;
    let alice = stage.approver("alice").clone();
    change(&stage, json!({"captcha": "ch-1"}));
    assert!(stage.link.send(&alice, "hello", None).await.is_err());
    let link = stage.link.clone();
    let news = tokio::spawn(async move { link.tell(&alice, "news", None).await });
    change(&stage, json!({"captcha": ""}));
    assert!(news.await.unwrap().is_ok());
    assert_eq!(stage.link.traffic().captcha, None);
}

/// Hands the first connection on, and listens as another user to what the others say. Needs root.
fn taken_over(to: String) -> (String, mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (told, heard) = mpsc::channel();
    std::thread::spawn(move || {
        let (near, _) = listener.accept().unwrap();
        let far = TcpStream::connect(&to).unwrap();
        let pump = |mut from: TcpStream, mut to: TcpStream| {
            std::thread::spawn(move || drop(std::io::copy(&mut from, &mut to)));
        };
        pump(near.try_clone().unwrap(), far.try_clone().unwrap());
        pump(far, near);
        // Whose a socket is, is said by who accepts it: of this thread alone.
        setfsuid(User::from_name("nobody").unwrap().unwrap().uid);
        assert_ne!(setfsuid(Uid::from_raw(u32::MAX)), Uid::from_raw(0), "these tests need root");
        for stream in listener.incoming().map_while(Result::ok) {
            let told = told.clone();
            std::thread::spawn(move || {
                let (mut said, mut part) = (Vec::new(), [0; 4096]);
                while let Ok(read @ 1..) = (&stream).read(&mut part) {
                    said.extend_from_slice(&part[..read]);
                    drop((&stream).write_all(b"HTTP/1.1 204 No Content\r\n\r\n"));
                }
                drop(told.send(String::from_utf8_lossy(&said).into_owned()));
            });
        }
    });
    (address, heard)
}

#[tokio::test]
async fn who_takes_the_place_of_the_server_while_it_runs_is_not_told_whose_messages_are_wanted() {
    let mut stage = Stage::with(|_| {}, |_| {}).await;
    let (address, heard) = taken_over(std::fs::read_to_string(stage.dir.path().join("address")).unwrap());
    drop(stage.bridge.take());
    stage.bridge = Some(Bridge::start(stage.dir.path(), &format!("http://{address}"), &Bridge::own_user()));
    let begun = std::time::Instant::now();
    let mut said = Vec::new();
    // The connection for messages is the one on which not even a harmless question is asked.
    while !said.contains(&String::new()) {
        assert!(begun.elapsed() < PATIENCE, "{said:?}\n{}", stage.bridge_log());
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        said.extend(heard.try_iter());
    }
    assert!(stage.bridge_log().contains("nothing was said to it"), "{}", stage.bridge_log());
    assert!(said.iter().all(|said| !said.contains(ACCOUNT.trim_start_matches('+'))), "{said:?}");
}
