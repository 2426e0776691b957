//! Votes that are posted: by whose key they are signed, and by nothing else.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use nix::sys::signal::Signal;
use reeve::gate::protocol::{Answer, Call, Problem, ProblemKind, SignedMessage, State};
use reeve::webhook::Key;
use serde_json::{Value, json};

use crate::launcher::a_moment;
use crate::phones::token;
use crate::servers::eventually;
use crate::stage::{Stage, kind, snapshot, zfs};

pub(crate) fn key(byte: u8) -> String {
    format!("whsec_{}", STANDARD.encode([byte; 32]))
}

/// A host where alice and bob may vote by webhook, each with a key.
async fn stage() -> Stage {
    let mut stage = Stage::set().await;
    std::fs::create_dir(stage.path("webhook")).unwrap();
    stage.write("webhook/alice.key", &key(1));
    stage.write("webhook/bob.key", &key(2));
    let config = format!("{}\n[webhook]\nkeys = {:?}\n", stage.read("gate.toml"), stage.path("webhook"));
    stage.write("gate.toml", &config);
    stage.crash().await;
    next_second();
    stage
}

/// A signature is of a whole second, and what was signed in the second of a question or of the start is not after it.
pub(crate) fn next_second() {
    std::thread::sleep(std::time::Duration::from_millis(1_100));
}

pub(crate) fn now() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs()
}

pub(crate) fn signed(by: u8, id: &str, timestamp: u64, body: &Value) -> SignedMessage {
    let body = body.to_string();
    let signature = Key::parse(&key(by)).unwrap().sign(id, timestamp, body.as_bytes());
    SignedMessage { id: id.to_owned(), timestamp, signature, body }
}

async fn post(stage: &Stage, message: SignedMessage) -> Result<String, Problem> {
    match stage.call("librarian", Call::Post(message)).await? {
        Answer::Done(said) => Ok(said),
        other => panic!("{other:?}"),
    }
}

pub(crate) fn confirm(stage: &Stage) -> Value {
    // That there are keys is told to everybody, too.
    let messages = stage.phones.messages("alice", 2);
    let question = messages.iter().find(|message| message.is_question()).unwrap();
    json!({"text": format!("CONFIRM {}", token(&question.text))})
}

fn reasons(stage: &Stage) -> Vec<Value> {
    stage.records("auth_failure").into_iter().map(|record| record["detail"]["reason"].clone()).collect()
}

#[tokio::test]
async fn a_posted_vote_counts_for_whose_key_signed_it_as_if_it_had_come_on_signal() {
    let stage = stage().await;
    let op = stage.submit("librarian", zfs("destroy", "tank/vm@old")).await.unwrap();
    let yes = confirm(&stage);
    next_second();
    post(&stage, signed(1, "a1", now(), &yes)).await.unwrap();
    assert_eq!(kind(post(&stage, signed(1, "a2", now(), &yes)).await), ProblemKind::TooLate);
    let waiting = stage.look("librarian", &op.id).await.unwrap();
    assert_eq!((waiting.state, waiting.approval.unwrap().given), (State::Pending, 1), "alice is one person");
    let said = post(&stage, signed(2, "b1", now(), &yes)).await.unwrap();
    assert!(!said.is_empty());
    stage.until(&op.id, State::Succeeded).await;
    let by: Vec<Value> = stage.records("vote").iter().map(|vote| vote["detail"]["by"].clone()).collect();
    assert_eq!(by, ["alice", "alice", "bob"]);
    assert!(stage.records("vote").iter().all(|vote| vote["detail"]["via"] == "webhook"));
    // Who signs hears of it on the phone.
    let told =
        || stage.phones.so_far("bob").iter().any(|message| message.text.contains("signed with your key"));
    eventually("a word to bob", || told().then_some(()));
}

#[tokio::test]
async fn the_network_side_alone_cannot_make_a_vote() {
    let stage = stage().await;
    let op = stage.submit("librarian", zfs("destroy", "tank/media@old")).await.unwrap();
    let yes = confirm(&stage);
    next_second();
    let good = signed(1, "a1", now(), &yes);
    let forged = [
        signed(9, "a1", now(), &yes),
        SignedMessage { signature: String::new(), ..good.clone() },
        SignedMessage { signature: "v1,".to_owned(), ..good.clone() },
        SignedMessage { timestamp: good.timestamp + 1, ..good.clone() },
        SignedMessage { id: "a2".to_owned(), ..good.clone() },
        SignedMessage { body: good.body.replace("CONFIRM", "DENY"), ..good.clone() },
        SignedMessage { body: format!("{} ", good.body), ..good.clone() },
    ];
    for message in forged {
        assert_eq!(kind(post(&stage, message.clone()).await), ProblemKind::Forbidden, "{message:?}");
    }
    assert_eq!(reasons(&stage), vec!["webhook_signature"; 7]);
    assert_eq!(stage.look("librarian", &op.id).await.unwrap().state, State::Pending);
    post(&stage, good).await.unwrap();
    stage.until(&op.id, State::Succeeded).await;
}

#[tokio::test]
async fn a_body_that_names_an_approver_is_refused_and_the_key_says_who_it_is() {
    let stage = stage().await;
    let op = stage.submit("librarian", zfs("destroy", "tank/media@old")).await.unwrap();
    let yes = confirm(&stage);
    next_second();
    for field in ["approver", "by", "sender", "source"] {
        let mut body = yes.clone();
        body[field] = json!("bob");
        let refused = post(&stage, signed(1, field, now(), &body)).await.unwrap_err();
        assert_eq!(
            (refused.kind, refused.pointer.as_deref()),
            (ProblemKind::Invalid, Some("/text")),
            "{field}"
        );
    }
    for (id, body) in [("n1", json!({})), ("n2", json!({"text": "hello"})), ("n3", json!(["CONFIRM"]))] {
        assert_eq!(kind(post(&stage, signed(1, id, now(), &body)).await), ProblemKind::Invalid, "{body}");
    }
    assert_eq!(stage.look("librarian", &op.id).await.unwrap().state, State::Pending);
}

#[tokio::test]
async fn a_posted_message_counts_once_and_only_of_now() {
    let mut stage = stage().await;
    let freeze = json!({"text": "FREEZE librarian"});
    for (id, at) in [("old", now() - 120), ("early", now() + 120)] {
        assert_eq!(kind(post(&stage, signed(1, id, at, &freeze)).await), ProblemKind::Forbidden, "{id}");
    }
    let message = signed(1, "f1", now(), &freeze);
    post(&stage, message.clone()).await.unwrap();
    assert!(stage.submit("librarian", snapshot("tank/media", "x")).await.is_err());
    assert_eq!(kind(post(&stage, message.clone()).await), ProblemKind::Forbidden);
    // What was heard is forgotten by a crash, so nothing from before it is heard again.
    stage.crash().await;
    assert_eq!(kind(post(&stage, message).await), ProblemKind::Forbidden);
    assert_eq!(reasons(&stage), ["webhook_time", "webhook_time", "webhook_replay", "webhook_time"]);
}

#[tokio::test]
async fn a_posted_vote_of_somebody_whose_identity_does_not_hold_does_not_count() {
    let stage = stage().await;
    let op = stage.submit("librarian", zfs("destroy", "tank/media@old")).await.unwrap();
    let yes = confirm(&stage);
    stage.phones.has_new_key("alice", '9');
    next_second();
    assert_eq!(kind(post(&stage, signed(1, "a1", now(), &yes)).await), ProblemKind::TooLate);
    assert_eq!(stage.look("librarian", &op.id).await.unwrap().state, State::Pending);
}

#[tokio::test]
async fn without_keys_no_vote_is_posted_and_another_key_is_brought_into_force_by_root_alone() {
    let mut stage = Stage::set().await;
    next_second();
    let message = || signed(1, "a1", now(), &json!({"text": "FREEZE librarian"}));
    assert_eq!(kind(post(&stage, message()).await), ProblemKind::NotFound);
    drop(stage);
    stage = self::stage().await;
    stage.write("webhook/alice.key", &key(7));
    // An admin has it put to people at most, who have not said yes.
    drop(stage.call("operator", Call::Reload).await);
    let by_other = || signed(7, "o1", now(), &json!({"text": "FREEZE librarian"}));
    assert_eq!(kind(post(&stage, by_other()).await), ProblemKind::Forbidden);
    stage.signal(Signal::SIGHUP);
    let told = stage.until_recorded("config_reloaded", 2);
    assert_eq!(told[1]["detail"]["weaker"], json!(["~ alice has another webhook key"]));
    a_moment();
    post(&stage, by_other()).await.unwrap();
}
