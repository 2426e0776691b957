//! What waits for the hook, and what changes meanwhile.

use reeve::gate::protocol::{Answer, Call, State};
use serde_json::json;

use super::{last_vote, looks_at, looks_for_long};
use crate::launcher::a_moment;
use crate::phones::uuid;
use crate::posted::{confirm, key, next_second, now, signed};
use crate::servers::eventually;
use crate::stage::{ALICE, Stage, principal, zfs};

fn lets_go(stage: &Stage) {
    std::fs::write(stage.path("hook/go"), "").unwrap();
}

/// Waits until somebody was told this so many times.
fn is_told(stage: &Stage, who: &str, words: &str, times: usize) {
    let told = || stage.phones.so_far(who).iter().filter(|message| message.text.contains(words)).count();
    eventually(words, || (told() >= times).then_some(()));
}

/// Waits until all that somebody has sent by now was heard: an order that means nothing is answered at once.
fn was_heard(stage: &Stage, who: &str) {
    stage.phones.says(who, "FREEZE no-such-agent");
    is_told(stage, who, "NOT FROZEN", 1);
}

/// Changes the people as root does at the console.
fn changes(stage: &Stage, from: &str, to: &str) {
    let config = stage.read("gate.toml");
    assert!(config.contains(from), "{config}");
    stage.write("gate.toml", &config.replace(from, to));
    stage.reload();
}

#[tokio::test]
async fn what_waits_of_an_account_that_is_nobodys_any_more_counts_and_thaws_nothing() {
    let (stage, _hook) = looks_for_long().await;
    stage.phones.says("alice", "FREEZE archivist");
    stage.until_recorded("frozen", 1);
    let op = stage.submit("librarian", zfs("destroy", "tank/media@old")).await.unwrap();
    stage.phones.votes("bob", 2, "CONFIRM");
    looks_at(&stage, 1);
    stage.phones.says("bob", "THAW archivist");
    was_heard(&stage, "bob");
    // Bob has another account from now on, and this phone is not his.
    changes(&stage, &uuid('b'), &uuid('d'));
    lets_go(&stage);
    is_told(&stage, "bob", "not among the people who may decide", 2);
    let vote = last_vote(&stage, 1);
    assert_eq!((&vote["counted"], &vote["by"]), (&json!(false), &json!("bob")), "{vote}");
    assert_eq!(stage.look("librarian", &op.id).await.unwrap().state, State::Pending);
    assert!(stage.records("thawed").is_empty() && stage.launcher.commands().is_empty());
}

#[tokio::test]
async fn a_vote_on_the_host_of_who_is_taken_out_while_the_hook_looks_does_not_count() {
    let (stage, _hook) = looks_for_long().await;
    let op = stage.submit("librarian", zfs("destroy", "tank/media@old")).await.unwrap();
    let approval = stage.look("librarian", &op.id).await.unwrap().approval.unwrap().id;
    let vote = Call::Vote { approval, confirm: true, object: None };
    let answer = std::thread::scope(|scope| {
        let votes = scope.spawn(|| stage.ask_as(ALICE, &vote).unwrap());
        looks_at(&stage, 1);
        changes(&stage, "unix_user = \"alice\"\n", "");
        lets_go(&stage);
        votes.join().unwrap()
    });
    assert!(answer.is_err(), "{answer:?}");
    assert_eq!(stage.look("librarian", &op.id).await.unwrap().state, State::Pending);
    assert!(stage.launcher.commands().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_in_other_hands_keeps_no_vote_of_others_from_the_hook_and_none_of_its_owners_phone() {
    let (mut stage, _hook) = looks_for_long().await;
    std::fs::create_dir(stage.path("webhook")).unwrap();
    stage.write("webhook/alice.key", &key(1));
    let config = format!("{}\n[webhook]\nkeys = {:?}\n", stage.read("gate.toml"), stage.path("webhook"));
    stage.write("gate.toml", &config);
    stage.crash().await;
    let op = stage.submit("librarian", zfs("destroy", "tank/vm@old")).await.unwrap();
    let yes = confirm(&stage);
    next_second();
    // More than the hook looks at at once.
    for number in 0..12 {
        let (client, message) = (stage.client(), signed(1, &format!("a{number}"), now(), &yes));
        tokio::spawn(async move { client.call(Some(principal("librarian")), Call::Post(message)).await });
    }
    looks_at(&stage, 1);
    a_moment();
    looks_at(&stage, 1);
    stage.phones.votes("alice", 2, "CONFIRM");
    stage.phones.votes("bob", 2, "CONFIRM");
    looks_at(&stage, 3);
    lets_go(&stage);
    stage.until(&op.id, State::Succeeded).await;
}

#[tokio::test]
async fn a_thaw_that_waits_behind_votes_undoes_no_freeze_that_came_after_it() {
    let (stage, _hook) = looks_for_long().await;
    stage.submit("librarian", zfs("destroy", "tank/vm@old")).await.unwrap();
    stage.phones.votes("bob", 1, "CONFIRM");
    looks_at(&stage, 1);
    for who in ["archivist", "librarian"] {
        stage.phones.says("alice", &format!("FREEZE {who}"));
    }
    stage.until_recorded("frozen", 2);
    for who in ["archivist", "librarian"] {
        stage.phones.says("bob", &format!("THAW {who}"));
    }
    was_heard(&stage, "bob");
    // One by a person, and one by an admin, which leaves it people's to thaw.
    stage.phones.says("alice", "FREEZE archivist");
    let again = Call::Freeze { who: Some("librarian".to_owned()), why: None };
    let answer = stage.call("operator", again).await.unwrap();
    assert_eq!(answer, Answer::Document(json!({"who": "librarian", "frozen": true})));
    stage.until_recorded("frozen", 4);
    lets_go(&stage);
    is_told(&stage, "bob", "frozen again after you sent this", 2);
    assert!(stage.records("thawed").is_empty());
    // Whoever says it after that thaws them.
    stage.phones.says("bob", "THAW librarian");
    stage.until_recorded("thawed", 1);
}
