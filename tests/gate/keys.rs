//! An account whose identity key is not the enrolled one any more.

use reeve::gate::protocol::State;
use serde_json::json;

use crate::launcher::a_moment;
use crate::stage::{Stage, zfs};

const WORDS: &str = "alice's safety number has changed";

fn told(stage: &Stage, who: &str) -> usize {
    stage.phones.so_far(who).iter().filter(|message| message.text.contains(WORDS)).count()
}

#[tokio::test]
async fn a_changed_key_takes_the_vote_away_and_everybody_else_is_told_once() {
    let mut stage = Stage::set().await;
    let op = stage.submit("librarian", zfs("destroy", "tank/media@old")).await.unwrap();
    stage.phones.messages("alice", 1);
    stage.phones.has_new_key("alice", 'e');
    stage.phones.votes("alice", 1, "CONFIRM");
    let heard = stage.phones.messages("bob", 2).remove(1).text;
    assert!(heard.contains(WORDS) && heard.contains("no vote of alice counts"), "{heard}");
    let recorded = stage.until_recorded("auth_failure", 1).remove(0);
    assert_eq!(
        (&recorded["detail"]["reason"], &recorded["detail"]["approver"]),
        (&json!("identity_key_changed"), &json!("alice"))
    );
    assert_eq!(stage.look("librarian", &op.id).await.unwrap().state, State::Pending);
    // It is still so after a crash, and everybody knows.
    stage.crash().await;
    stage.phones.votes("alice", 1, "CONFIRM");
    a_moment();
    assert_eq!((told(&stage, "bob"), told(&stage, "alice")), (1, 0));
    stage.phones.votes("bob", 1, "CONFIRM");
    stage.until(&op.id, State::Succeeded).await;
    assert_eq!(stage.launcher.commands(), ["destroy tank/media@old"]);
}
