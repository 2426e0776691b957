//! What signal-cli's own daemon promises, by whichever way it is reached: it keeps what nobody has taken, and says what became of
//! each message.

use std::time::Duration;

use reeve::approval::identity::IdentityTrouble;
use reeve::approval::signal::{CaptchaError, SendError, Status, Traffic};
use serde_json::{Value, json};

use crate::link::change;
use crate::stage::{ACCOUNT, PATIENCE, Stage, fault, say, uuid};
use crate::stand_in::Command;

#[tokio::test]
async fn the_link_comes_back_after_the_daemon_restarts_and_nothing_sent_meanwhile_is_lost() {
    let mut stage = Stage::set().await;
    drop(stage.daemon.take());
    stage.until(|status| matches!(status, Status::Down(_))).await;
    let down = stage.link.send(stage.approver("alice"), "hello", None).await;
    assert_eq!((down, stage.link.is_up(), stage.link.reachable()), (Err(SendError::Down), false, Vec::new()));
    stage.world.command(Command::Say(Box::new(say("alice", "meanwhile"))));
    stage.restart();
    let mut stage = stage.up().await;
    assert_eq!(stage.next().await.text.as_deref(), Some("meanwhile"));
    assert!(stage.link.send(stage.approver("alice"), "hello", None).await.is_ok());
}

#[tokio::test]
async fn empty_results_are_not_success_and_errors_have_names() {
    let stage = Stage::set().await;
    let alice = stage.approver("alice");
    for (broken, error) in [
        (json!({"empty_results": true}), SendError::NoOneReached),
        (json!({"others_only": true}), SendError::NoOneReached),
        (json!({"error_code": -4}), SendError::Identity(IdentityTrouble::Changed)),
        (json!({"error_code": -3}), SendError::Network),
        (json!({"error_code": -1}), SendError::Refused { code: -1 }),
    ] {
        fault(&stage.world, broken);
        assert_eq!(stage.link.send(alice, "hello", None).await, Err(error));
    }
    fault(&stage.world, json!({}));
    assert!(stage.link.send(alice, "hello", None).await.is_ok());
}

#[tokio::test]
async fn a_vote_redelivered_after_a_reconnection_is_still_a_duplicate() {
    let mut stage = Stage::set().await;
    let envelope = json!({"sourceUuid": uuid('a'), "sourceDevice": 1, "timestamp": 77, "dataMessage": {"message": "hi"}});
    let raw = |envelope: &Value| Command::Raw { params: json!({"account": ACCOUNT, "envelope": envelope}) };
    stage.world.command(raw(&envelope));
    assert_eq!(stage.next().await.timestamp, 77);
    stage.world.command(Command::Drop);
    stage.world.command(raw(&envelope));
    stage.world.command(Command::Say(Box::new(say("alice", "after"))));
    assert_eq!(stage.next().await.text.as_deref(), Some("after"));
}

#[tokio::test]
async fn while_a_captcha_is_wanted_no_question_waits_and_news_go_out_when_it_is_solved() {
    let stage = Stage::set().await;
    change(&stage, json!({"captcha": "ch-1"}));
    let (alice, bob) = (stage.approver("alice").clone(), stage.approver("bob").clone());
    let wanted = SendError::NeedsCaptcha { challenge: "ch-1".into() };
    assert_eq!(stage.link.send(&alice, "a question", None).await, Err(wanted));
    let begun = std::time::Instant::now();
    assert!(matches!(stage.link.send(&bob, "another", None).await, Err(SendError::RateLimited { .. })));
    assert!(begun.elapsed() < Duration::from_secs(1));
    assert_eq!(stage.link.traffic().captcha.as_deref(), Some("ch-1"));
    let link = stage.link.clone();
    let news = tokio::spawn(async move { link.tell(&alice, "news", None).await });
    assert_eq!(stage.link.solve_captcha("signalcaptcha://other").await, Err(CaptchaError::Rejected));
    assert!(!news.is_finished());
    stage.link.solve_captcha("signalcaptcha://solved").await.unwrap();
    assert!(news.await.unwrap().is_ok());
    assert_eq!(stage.link.solve_captcha("signalcaptcha://solved").await, Err(CaptchaError::NotWanted));
}

#[tokio::test]
async fn two_questions_that_run_into_a_long_limit_together_are_both_given_up_at_once() {
    let stage = Stage::set().await;
    change(&stage, json!({"limit": {"times": 1000, "retry_after": 3600}}));
    let (alice, bob) = (stage.approver("alice"), stage.approver("bob"));
    let begun = std::time::Instant::now();
    let (one, other) =
        tokio::join!(stage.link.send(alice, "a question", None), stage.link.send(bob, "another", None));
    for result in [one, other] {
        assert!(
            matches!(result, Err(SendError::RateLimited { retry_after: Some(3_500..=3_600) })),
            "{result:?}"
        );
    }
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
}

/// Waits until sending goes so.
async fn until(stage: &Stage, is_so: impl Fn(&Traffic) -> bool) {
    let begun = std::time::Instant::now();
    while !is_so(&stage.link.traffic()) {
        assert!(begun.elapsed() < PATIENCE, "{:?}", stage.link.traffic());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_question_goes_before_the_news_that_wait_and_is_given_up_where_they_wait_on() {
    let patient = Duration::from_secs(12);
    let stage = Stage::with(|_| {}, |config| config.question_patience = patient).await.up().await;
    change(&stage, json!({"limit": {"times": 1, "retry_after": 6}}));
    let (alice, bob) = (stage.approver("alice").clone(), stage.approver("bob").clone());
    let tell = |text: &'static str| {
        let (link, alice) = (stage.link.clone(), alice.clone());
        tokio::spawn(async move { link.tell(&alice, text, None).await })
    };
    let first = tell("first");
    until(&stage, |traffic| traffic.held_for.is_some()).await;
    let second = tell("second");
    until(&stage, |traffic| traffic.waiting == 1).await;
    stage.link.send(&bob, "a question", None).await.unwrap();
    assert!(first.await.unwrap().is_ok() && second.await.unwrap().is_ok());
    let asked = stage.world.wait_for_messages("bob", 1, PATIENCE)[0].timestamp;
    let told = stage.world.wait_for_messages("alice", 2, PATIENCE);
    assert!(told[0].timestamp < asked && asked < told[1].timestamp, "{told:?}");
    // News that are in hand are tried for ever, and hold up no question for longer than its time.
    change(&stage, json!({"limit": {"times": 1000, "retry_after": 1}}));
    let third = tell("third");
    until(&stage, |traffic| traffic.held_for.is_some()).await;
    let begun = std::time::Instant::now();
    assert!(stage.link.send(&bob, "another", None).await.is_err());
    assert!(begun.elapsed() < patient + Duration::from_secs(10) && !third.is_finished());
}
