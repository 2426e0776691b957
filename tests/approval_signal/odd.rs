//! Everything that the way through signal-cli and Signal's servers does to messages and answers short of losing them: whichever way
//! the daemon is reached.

use std::time::{Duration, Instant};

use reeve::approval::identity::IdentityTrouble;
use reeve::approval::prompt::Answer;
use reeve::approval::signal::{Dropped, SendError, Status};
use reeve::approval::vote::{Judged, Silence};
use serde_json::json;

use crate::stage::{PATIENCE, Stage, confirmed, fault, impatient, key, refused_count, say};
use crate::stand_in::{Command, Say};

fn words(line: &str) -> (&str, &str) {
    line.split_once("   or   ").unwrap()
}

#[tokio::test]
async fn an_answer_that_is_overtaken_by_another_still_finds_its_call() {
    let stage = Stage::set().await;
    fault(&stage.world, json!({"slow": "send"}));
    let (alice, bob) = (stage.approver("alice"), stage.approver("bob"));
    let sending = stage.link.send(alice, "hello", None);
    let checking = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        stage.link.identity_holds(bob).await.map(|_held| Instant::now())
    };
    let (sent, checked) = tokio::join!(async { (sending.await, Instant::now()) }, checking);
    assert!(sent.0.is_ok(), "{sent:?}");
    assert!(checked.unwrap() < sent.1, "the later call was answered first");
}

#[tokio::test]
async fn messages_that_change_their_order_on_the_way_each_arrive_once() {
    let mut stage = Stage::set().await;
    stage.world.command(Command::Hold);
    for text in ["first", "second", "third"] {
        stage.world.command(Command::Say(Box::new(Say { again: 1, ..say("alice", text) })));
    }
    stage.world.command(Command::Release { reversed: true });
    for text in ["third", "second", "first"] {
        assert_eq!(stage.next().await.text.as_deref(), Some(text));
    }
    // What came behind the last of them has been seen when this one is.
    stage.world.command(Command::Say(Box::new(say("alice", "after"))));
    assert_eq!(stage.next().await.text.as_deref(), Some("after"));
    assert_eq!(stage.link.dropped()[&Dropped::Duplicate], 3);
}

#[tokio::test]
async fn what_a_crashed_daemon_delivers_again_arrives_once() {
    let mut stage = Stage::set().await;
    stage.world.command(Command::Say(Box::new(say("alice", "before"))));
    assert_eq!(stage.next().await.text.as_deref(), Some("before"));
    drop(stage.daemon.take());
    stage.until(|status| matches!(status, Status::Down(_))).await;
    stage.restart();
    let mut stage = stage.up().await;
    stage.world.command(Command::Redeliver);
    stage.world.command(Command::Say(Box::new(say("alice", "after"))));
    assert_eq!(stage.next().await.text.as_deref(), Some("after"));
    assert_eq!(stage.link.dropped()[&Dropped::Duplicate], 1);
}

#[tokio::test]
async fn a_message_that_is_lost_takes_nothing_with_it() {
    let mut stage = Stage::set().await;
    stage.world.command(Command::Say(Box::new(Say { lost: true, ..say("alice", "lost") })));
    stage.world.command(Command::Say(Box::new(say("alice", "again"))));
    assert_eq!(stage.next().await.text.as_deref(), Some("again"));
    assert!(stage.link.dropped().is_empty());
}

#[tokio::test]
async fn a_vote_that_arrives_two_weeks_late_does_not_count() {
    let mut stage = Stage::set().await;
    let pending = stage.ask().await;
    let line = stage.last_line_for("alice");
    let late = Say { late_days: 14, ..say("alice", words(&line).0) };
    assert_eq!(refused_count(stage.says(late, &pending).await), Answer::OlderThanQuestion);
    // Nor with a clock of the sender's that is right today.
    let server = pending.created_at.duration_since(std::time::SystemTime::UNIX_EPOCH).unwrap();
    let server_ms = u64::try_from(server.as_millis()).unwrap() - 14 * 86_400_000;
    let late = Say { server_ms: Some(server_ms), ..say("alice", words(&line).0) };
    assert_eq!(refused_count(stage.says(late, &pending).await), Answer::OlderThanQuestion);
}

#[tokio::test]
async fn a_vote_under_a_key_that_is_trusted_only_later_surfaces_then_and_does_not_count() {
    let mut stage = Stage::set().await;
    let pending = stage.ask().await;
    let line = stage.last_line_for("alice");
    stage.world.command(Command::NewIdentity {
        of: "alice".into(),
        fingerprint: key('9'),
        trust: "UNTRUSTED".into(),
        unread: true,
    });
    stage.world.command(Command::Say(Box::new(say("alice", words(&line).0))));
    stage.world.command(Command::Say(Box::new(say("bob", "hello"))));
    assert_eq!(stage.next().await.text.as_deref(), Some("hello"), "what cannot be read is not heard");
    assert_eq!(stage.link.dropped()[&Dropped::Exception], 1);
    let alice = stage.approver("alice").clone();
    let seen = stage.link.newest_identity(alice.uuid).await.unwrap();
    stage.link.trust(alice.uuid, &seen.safety_number).await.unwrap();
    let surfaced = stage.next().await;
    let judged = reeve::approval::vote::judge(
        &surfaced,
        std::slice::from_ref(&pending),
        &stage.people,
        reeve::sys::clock::Clock::now(&reeve::sys::clock::SystemClock),
    );
    let candidate = confirmed(judged);
    let held = stage.link.identity_holds(candidate.approver()).await;
    assert!(matches!(held, Err(IdentityTrouble::Changed)), "{held:?}");
}

#[tokio::test]
async fn what_is_said_of_a_recipient_is_believed_in_the_worst_sense() {
    let stage = Stage::with(|_| {}, impatient).await.up().await;
    let alice = stage.approver("alice");
    for (kind, error) in [
        ("NETWORK_FAILURE", SendError::Network),
        ("UNREGISTERED_FAILURE", SendError::Unregistered),
        ("IDENTITY_FAILURE", SendError::Identity(IdentityTrouble::Changed)),
        ("RATE_LIMIT_FAILURE", SendError::RateLimited { retry_after: None }),
        ("INVALID_PRE_KEY_FAILURE", SendError::Refused { code: 0 }),
    ] {
        // It reached one of their devices and not another.
        fault(&stage.world, json!({"results": ["SUCCESS", kind]}));
        assert_eq!(stage.link.send(alice, "hello", None).await, Err(error));
    }
}

#[tokio::test]
async fn a_captcha_that_is_wanted_is_told_with_its_challenge() {
    let stage = Stage::set().await;
    fault(&stage.world, json!({"error_code": -5, "token": "ch-1", "retry_after": 86_400}));
    let sent = stage.link.send(stage.approver("alice"), "hello", None).await;
    assert_eq!(sent, Err(SendError::NeedsCaptcha { challenge: "ch-1".into() }));
    assert!(stage.link.is_up(), "the link itself is well");
}

#[tokio::test]
async fn a_message_whose_answer_was_lost_may_be_sent_again_and_either_copy_is_answered() {
    let stage =
        Stage::with(|_| {}, |config| config.send_timeout = Duration::from_millis(500)).await.up().await;
    fault(&stage.world, json!({"lose_answer": true}));
    let alice = stage.approver("alice").clone();
    assert_eq!(stage.link.send(&alice, "hello", None).await, Err(SendError::Timeout));
    fault(&stage.world, json!({}));
    let mut stage = stage.up().await;
    let sent = stage.link.send(&alice, "hello", None).await.unwrap();
    let messages = stage.world.wait_for_messages("alice", 2, PATIENCE);
    assert_eq!(messages.iter().map(|sent| sent.text.as_str()).collect::<Vec<_>>(), ["hello", "hello"]);
    assert_eq!(messages[1].timestamp, sent.timestamp);
    stage.world.command(Command::Say(Box::new(say("alice", "which?"))));
    assert_eq!(stage.next().await.text.as_deref(), Some("which?"));
}

#[tokio::test]
async fn a_reaction_taken_back_changes_nothing_whichever_arrives_first() {
    for reversed in [false, true] {
        let mut stage = Stage::set().await;
        let pending = stage.ask().await;
        let react = |removed| Say {
            who: "bob".into(),
            emoji: Some("👎".into()),
            quote: Some(pending.prompts[1].timestamp),
            removed,
            ..Say::default()
        };
        stage.world.command(Command::Hold);
        stage.world.command(Command::Say(Box::new(react(false))));
        stage.world.command(Command::Say(Box::new(react(true))));
        stage.world.command(Command::Release { reversed });
        let mut refused = 0;
        for _ in 0..2 {
            let inbound = stage.next().await;
            let now = reeve::sys::clock::Clock::now(&reeve::sys::clock::SystemClock);
            match reeve::approval::vote::judge(&inbound, std::slice::from_ref(&pending), &stage.people, now) {
                Judged::Refuse(refusal) => {
                    assert_eq!(refusal.by, "bob");
                    refused += 1;
                }
                Judged::Nothing(Silence::Chatter) => {}
                other @ (Judged::Confirm(_) | Judged::NotCounted(_) | Judged::Nothing(_)) => {
                    panic!("{other:?}")
                }
            }
        }
        assert_eq!(refused, 1, "reversed: {reversed}");
    }
}

#[tokio::test]
async fn a_reaction_in_a_group_by_whoever_may_only_react_there_is_a_strangers() {
    let mut stage = Stage::set().await;
    let pending = stage.ask().await;
    let react = |who: Option<char>, emoji: &str| Say {
        who: "alice".into(),
        emoji: Some(emoji.into()),
        quote: Some(pending.prompts[0].timestamp),
        group: Some("b3Bz".into()),
        sender: who.map(crate::stage::uuid),
        ..Say::default()
    };
    for emoji in ["👍", "👎"] {
        let judged = stage.says(react(Some('9'), emoji), &pending).await;
        assert!(matches!(judged, Judged::Nothing(Silence::Stranger)), "{judged:?}");
    }
    assert_eq!(refused_count(stage.says(react(None, "👍"), &pending).await), Answer::ReactionApprovesNothing);
}
