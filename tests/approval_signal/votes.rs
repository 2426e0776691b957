//! What people write, over the wire, and what counts.

use std::time::SystemTime;

use reeve::approval::identity::IdentityTrouble;
use reeve::approval::prompt::Answer;
use reeve::approval::reply::Malformed;
use reeve::approval::signal::{SendError, Status};
use reeve::approval::vote::{Judged, Silence};
use reeve::sys::clock::{Clock, SystemClock};

use crate::stage::{Stage, confirmed, key, refused_count, say, uuid};
use crate::stand_in::{Command, Say};

#[tokio::test]
async fn what_a_person_was_sent_is_enough_to_approve() {
    let mut stage = Stage::set().await;
    let mut pending = stage.ask().await;
    for (name, approves) in [("alice", false), ("bob", true)] {
        let line = stage.last_line_for(name);
        let (confirm, _) = line.split_once("   or   ").unwrap();
        let candidate = confirmed(stage.says(say(name, confirm), &pending).await);
        let identity = stage.link.identity_holds(candidate.approver()).await.unwrap();
        let counted = candidate.count(identity, &pending, SystemClock.now()).unwrap();
        assert_eq!((counted.by(), counted.approves()), (name, approves));
        pending.confirmed_by.insert(counted.by().to_owned(), vec!["storage".to_owned()]);
    }
}

#[tokio::test]
async fn a_quote_reply_confirms_and_what_the_phone_says_was_quoted_is_irrelevant() {
    let mut stage = Stage::set().await;
    let pending = stage.ask().await;
    let [to_alice, to_bob] = [pending.prompts[0].timestamp, pending.prompts[1].timestamp];
    let reply = |quote, author: Option<String>| Say {
        quote: Some(quote),
        quote_author: author,
        ..say("alice", "Confirm")
    };
    assert_eq!(confirmed(stage.says(reply(to_alice, None), &pending).await).approver().name, "alice");
    let unclear = Answer::Malformed(Malformed::NoToken);
    assert_eq!(refused_count(stage.says(reply(to_bob, None), &pending).await), unclear);
    assert_eq!(refused_count(stage.says(reply(12_345, None), &pending).await), unclear);
    assert_eq!(refused_count(stage.says(reply(to_alice, Some(uuid('a'))), &pending).await), unclear);
}

#[tokio::test]
async fn a_thumbs_up_approves_nothing_and_a_thumbs_down_refuses() {
    let mut stage = Stage::set().await;
    let pending = stage.ask().await;
    let react = |emoji: &str| Say {
        who: "bob".into(),
        emoji: Some(emoji.into()),
        quote: Some(pending.prompts[1].timestamp),
        ..Say::default()
    };
    assert_eq!(refused_count(stage.says(react("👍"), &pending).await), Answer::ReactionApprovesNothing);
    assert!(
        matches!(stage.says(react("👎🏾"), &pending).await, Judged::Refuse(refusal) if refusal.by == "bob")
    );
}

#[tokio::test]
async fn another_account_with_the_token_is_a_stranger() {
    let mut stage = Stage::set().await;
    let pending = stage.ask().await;
    let line = stage.last_line_for("alice");
    let (confirm, _) = line.split_once("   or   ").unwrap();
    let stolen = Say { sender: Some(uuid('9')), ..say("alice", confirm) };
    assert!(matches!(stage.says(stolen, &pending).await, Judged::Nothing(Silence::Stranger)));
}

#[tokio::test]
async fn an_identity_that_changes_between_prompt_and_vote_does_not_count() {
    let mut stage = Stage::set().await;
    let pending = stage.ask().await;
    let line = stage.last_line_for("alice");
    let (confirm, _) = line.split_once("   or   ").unwrap();
    let candidate = confirmed(stage.says(say("alice", confirm), &pending).await);
    for trust in ["TRUSTED_UNVERIFIED", "UNTRUSTED"] {
        let changed = Command::NewIdentity {
            of: "alice".into(),
            fingerprint: key('9'),
            trust: trust.into(),
            unread: false,
        };
        stage.world.command(changed);
        let held = stage.link.identity_holds(candidate.approver()).await;
        assert!(matches!(held, Err(IdentityTrouble::Changed)), "{trust}: {held:?}");
    }
    let sent = stage.link.send(stage.approver("alice"), "the next token", None).await;
    assert_eq!(sent, Err(SendError::Identity(IdentityTrouble::Changed)));
    let only_bob =
        |status: &Status| matches!(status, Status::Up { version: _, reachable } if reachable == &["bob"]);
    stage.until(only_bob).await;
}

#[tokio::test]
async fn a_vote_that_the_server_took_before_the_question_does_not_count() {
    let mut stage = Stage::set().await;
    let pending = stage.ask().await;
    let line = stage.last_line_for("alice");
    let (confirm, _) = line.split_once("   or   ").unwrap();
    let created = pending.created_at.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis();
    let late = Say { server_ms: Some(u64::try_from(created).unwrap() - 1), ..say("alice", confirm) };
    assert_eq!(refused_count(stage.says(late, &pending).await), Answer::OlderThanQuestion);
}

#[tokio::test]
async fn edits_and_group_chats_do_not_confirm() {
    let mut stage = Stage::set().await;
    let pending = stage.ask().await;
    let line = stage.last_line_for("alice");
    let (confirm, _) = line.split_once("   or   ").unwrap();
    let edit = Say { edit: true, ..say("alice", confirm) };
    assert_eq!(refused_count(stage.says(edit, &pending).await), Answer::Edited);
    let group = Say { group: Some("b3Bz".into()), ..say("alice", confirm) };
    assert_eq!(refused_count(stage.says(group, &pending).await), Answer::InGroup);
}
