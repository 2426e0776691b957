//! What signal-cli-rest-api does not do as signal-cli does, seen and said.

use reeve::approval::identity::IdentityTrouble;
use reeve::approval::signal::{CaptchaError, Down, SendError, Status};
use serde_json::json;

use crate::link::change;
use crate::stage::{Stage, fault, impatient, say};
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
