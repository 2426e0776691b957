//! The connection and what goes wrong with it.

use std::sync::Arc;
use std::time::Duration;

use reeve::approval::people::People;
use reeve::approval::prompt::Answer;
use reeve::approval::signal::{Down, Dropped, Receipt, SendError, Status};
use serde_json::{Value, json};

use crate::stage::{PATIENCE, Stage, fault, key, say};
use crate::stand_in::{Command, Say};

#[tokio::test]
async fn a_vote_that_is_delivered_three_times_arrives_once() {
    let mut stage = Stage::set().await;
    stage.world.command(Command::Say(Box::new(Say { again: 2, ..say("alice", "first") })));
    stage.world.command(Command::Say(Box::new(say("alice", "second"))));
    assert_eq!(stage.next().await.text.as_deref(), Some("first"));
    assert_eq!(stage.next().await.text.as_deref(), Some("second"));
    assert_eq!(stage.link.dropped()[&Dropped::Duplicate], 2);
}

#[tokio::test]
async fn another_users_socket_is_not_believed() {
    let mut stage = Stage::with(|_| {}, |config| config.daemon_uid += 1).await;
    stage.world.command(Command::Say(Box::new(say("alice", "confirm"))));
    stage.until(|status| *status == Status::Down(Down::WrongPeer)).await;
    assert_eq!(stage.link.send(stage.approver("alice"), "secret", None).await, Err(SendError::Down));
    assert!(stage.inbox.try_recv().is_err());
    assert!(stage.world.wait_for_messages("alice", 0, Duration::ZERO).is_empty());
}

#[tokio::test]
async fn a_daemon_without_our_account_is_no_channel() {
    let stage = Stage::with(|_| {}, |config| config.account = "+19990000".into()).await;
    stage.until(|status| *status == Status::Down(Down::NoAccount)).await;
}

#[tokio::test]
async fn a_message_that_was_not_authenticated_is_dropped() {
    let mut stage = Stage::set().await;
    let forged = Say { exception: Some("UntrustedIdentityException".into()), ..say("alice", "confirm") };
    stage.world.command(Command::Say(Box::new(forged)));
    stage.world.command(Command::Say(Box::new(say("alice", "after"))));
    assert_eq!(stage.next().await.text.as_deref(), Some("after"));
    assert_eq!(stage.link.dropped()[&Dropped::Exception], 1);
}

#[tokio::test]
async fn a_daemon_that_falls_silent_is_down_and_comes_back() {
    let stage =
        Stage::with(|_| {}, |config| config.probe_timeout = Duration::from_millis(500)).await.up().await;
    fault(&stage.world, json!({"stall": true}));
    stage.until(|status| *status == Status::Down(Down::NoAnswer)).await;
    assert_eq!(stage.link.send(stage.approver("alice"), "hello", None).await, Err(SendError::Down));
    fault(&stage.world, json!({}));
    stage.up().await;
}

#[tokio::test]
async fn a_daemon_in_manual_mode_is_subscribed_to() {
    let mut stage = Stage::with(|world| fault(world, json!({"manual": true})), |_| {}).await.up().await;
    stage.world.command(Command::Say(Box::new(say("alice", "hello"))));
    assert_eq!(stage.next().await.text.as_deref(), Some("hello"));
}

#[tokio::test]
async fn an_answer_quotes_the_persons_message() {
    let mut stage = Stage::set().await;
    stage.world.command(Command::Say(Box::new(say("alice", "confirm"))));
    let inbound = stage.next().await;
    let quote = reeve::approval::signal::Quote {
        timestamp: inbound.timestamp,
        author: Some(inbound.sender_uuid),
        text: "confirm".into(),
    };
    stage.link.send(stage.approver("alice"), &Answer::UnknownToken.text(), Some(quote)).await.unwrap();
    assert_eq!(stage.world.wait_for_messages("alice", 1, PATIENCE)[0].quote, Some(inbound.timestamp));
}

#[tokio::test]
async fn people_who_are_enrolled_later_can_be_reached_after_the_next_probe() {
    let stage = Stage::set().await;
    let reached = |names: &'static [&str]| move |status: &Status| matches!(status, Status::Up { version: _, reachable } if reachable == names);
    stage.link.set_people(Arc::new(People::default()));
    stage.until(reached(&[])).await;
    stage.link.set_people(Arc::clone(&stage.people));
    stage.until(reached(&["alice", "bob"])).await;
}

#[tokio::test]
async fn who_was_missed_is_looked_for_at_once_and_who_turns_out_to_be_another_is_missed_at_once() {
    let hour = Duration::from_secs(3600);
    let stage = Stage::with(|_| {}, |config| config.probe_every = hour).await.up().await;
    let identity = |key, trust: &str| {
        let of = "bob".into();
        stage.world.command(Command::NewIdentity {
            of,
            fingerprint: key,
            trust: trust.into(),
            unread: false,
        });
    };
    identity(key('9'), "UNTRUSTED");
    assert!(stage.link.identity_holds(stage.approver("bob")).await.is_err());
    assert_eq!(stage.link.reachable(), ["alice"]);
    identity(key('b'), "TRUSTED_VERIFIED");
    stage.link.look_again();
    stage
        .until(|status| matches!(status, Status::Up { version: _, reachable } if reachable.contains(&"bob".to_owned())))
        .await;
}

pub(crate) fn change(stage: &Stage, to: Value) {
    let command = json!({"do": "change", "to": to});
    assert_eq!(stage.world.command(serde_json::from_value(command).unwrap()), json!({}));
}

#[tokio::test]
async fn what_the_server_does_not_want_yet_is_sent_once_and_in_its_order_when_it_does() {
    let stage = Stage::set().await;
    change(&stage, json!({"limit": {"times": 2, "retry_after": 1}}));
    let alice = stage.approver("alice");
    let (first, second) = tokio::join!(stage.link.tell(alice, "first", None), async {
        while stage.link.traffic().held_for.is_none() {
            tokio::task::yield_now().await;
        }
        stage.link.send(alice, "second", None).await
    });
    assert!(first.is_ok() && second.is_ok(), "{first:?} {second:?}");
    let sent = stage.world.wait_for_messages("alice", 2, PATIENCE);
    assert_eq!(sent.iter().map(|sent| sent.text.as_str()).collect::<Vec<_>>(), ["first", "second"]);
    let traffic = stage.link.traffic();
    assert_eq!((traffic.results["rate_limited"], traffic.results["success"], traffic.waiting), (2, 2, 0));
}

#[tokio::test]
async fn a_phone_says_what_it_got_and_what_was_read_of_it() {
    let stage = Stage::set().await;
    let mut receipts = stage.link.receipts().unwrap();
    assert!(stage.link.receipts().is_none(), "for one only");
    let sent = stage.link.send(stage.approver("alice"), "hello", None).await.unwrap();
    change(&stage, json!({"read": "alice"}));
    let from = stage.approver("alice").uuid;
    for is_read in [false, true] {
        let receipt = tokio::time::timeout(PATIENCE, receipts.recv()).await.unwrap().unwrap();
        assert_eq!(receipt, Receipt { from, of: vec![sent.timestamp], is_read });
    }
}

#[tokio::test]
async fn a_daemon_is_awake_when_it_answers_at_once() {
    let stage = Stage::set().await;
    assert!(stage.link.is_awake().await);
    fault(&stage.world, json!({"stall": true}));
    let begun = std::time::Instant::now();
    assert!(!stage.link.is_awake().await);
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
}
