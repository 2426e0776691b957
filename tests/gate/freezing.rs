//! Freezing: by one person, in the chat or on the host, and by a budget that is used up.

use reeve::gate::protocol::{Answer, Call, Problem, State};
use serde_json::json;

use crate::launcher::a_moment;
use crate::phones::token;
use crate::stage::{ALICE, LENIENT, MALLORY, POLICY, Stage, kind, snapshot, zfs};
use reeve::gate::protocol::ProblemKind;

fn rule<T: std::fmt::Debug>(answer: Result<T, Problem>) -> String {
    answer.unwrap_err().decision.unwrap().rule
}

fn freeze(who: &str) -> Call {
    Call::Freeze { who: Some(who.to_owned()), why: Some("it goes astray".to_owned()) }
}

fn thaw(who: &str) -> Call {
    Call::Thaw { who: Some(who.to_owned()) }
}

#[tokio::test]
async fn one_person_freezes_an_agent_in_the_chat_and_what_waited_ends() {
    let stage = Stage::set().await;
    let waiting = stage.submit("librarian", zfs("destroy", "tank/media@old")).await.unwrap();
    let asked = token(&stage.phones.messages("alice", 1)[0].text);
    stage.phones.says("alice", "freeze librarian");
    stage.until(&waiting.id, State::Cancelled).await;
    assert_eq!(rule(stage.submit("librarian", snapshot("tank/media", "one")).await), "frozen");
    assert_eq!(rule(stage.submit("librarian", zfs("list", "tank/media")).await), "frozen");
    let refused = stage.records("decision").pop().unwrap();
    assert!(refused["detail"]["contract"].is_string(), "its contract is named: {refused}");
    assert_eq!(stage.submit("archivist", zfs("list", "tank/archive")).await.unwrap().state, State::Succeeded);
    stage.phones.says("bob", &format!("CONFIRM {asked}"));
    let heard = stage.phones.messages("bob", 4);
    assert!(heard.iter().any(|message| message.text.contains("🧊 librarian is frozen")), "{heard:?}");
    assert!(heard.iter().any(|message| message.text.contains("🧊 frozen before it began")), "{heard:?}");
    a_moment();
    assert_eq!(stage.launcher.commands(), [""; 0]);
    // Anybody who may approve lets it go on.
    stage.phones.says("bob", "THAW librarian");
    stage.until_recorded("thawed", 1);
    a_moment();
    assert_eq!(stage.submit("librarian", zfs("list", "tank/media")).await.unwrap().state, State::Succeeded);
}

#[tokio::test]
async fn what_was_approved_and_is_held_does_not_run_when_the_host_is_frozen() {
    let hold = POLICY.replace("ttl = \"30m\"", "ttl = \"30m\", hold = \"3s\"");
    let stage = Stage::with(&hold).await;
    let op = stage.submit("librarian", zfs("destroy", "tank/media@old")).await.unwrap();
    stage.phones.votes("alice", 1, "CONFIRM");
    stage.until(&op.id, State::Approved).await;
    stage.phones.says("bob", "FREEZE host");
    stage.until(&op.id, State::Cancelled).await;
    std::thread::sleep(std::time::Duration::from_secs(4));
    assert_eq!(stage.launcher.commands(), [""; 0]);
}

#[tokio::test]
async fn a_freeze_outlives_a_crash_and_so_does_a_thaw() {
    let mut stage = Stage::with(LENIENT).await;
    assert!(stage.ask_as(ALICE, &freeze("host")).unwrap().is_ok());
    stage.crash().await;
    for (who, what) in [("librarian", "tank/media"), ("archivist", "tank/archive")] {
        assert_eq!(rule(stage.submit(who, zfs("list", what)).await), "frozen", "{who}");
    }
    assert!(stage.ask_as(ALICE, &thaw("host")).unwrap().is_ok());
    stage.crash().await;
    assert!(stage.submit("librarian", zfs("list", "tank/media")).await.is_ok());
}

#[tokio::test]
async fn strangers_and_agents_neither_freeze_nor_thaw_and_a_wrong_name_freezes_nobody() {
    let stage = Stage::with(LENIENT).await;
    assert!(stage.ask_as(MALLORY, &freeze("host")).is_none());
    for call in [freeze("librarian"), thaw("librarian")] {
        assert!(stage.call("librarian", call.clone()).await.is_err(), "{call:?}");
    }
    assert!(stage.ask_as(ALICE, &freeze("librarain")).unwrap().is_err());
    assert_eq!(kind(stage.call("operator", freeze("librarain")).await), ProblemKind::NotFound);
    stage.phones.says("alice", "FREEZE librarain");
    let heard = stage.phones.messages("alice", 1).remove(0).text;
    assert!(heard.contains("NOT FROZEN") && heard.contains("archivist, librarian"), "{heard}");
    assert!(stage.submit("librarian", zfs("list", "tank/media")).await.is_ok());
    assert!(stage.ask_as(ALICE, &thaw("librarian")).unwrap().is_err(), "nobody is frozen");
}

async fn is_frozen(stage: &Stage) -> bool {
    match stage.submit("librarian", zfs("list", "tank/media")).await {
        Ok(_) => false,
        answer => rule(answer) == "frozen",
    }
}

#[tokio::test]
async fn an_admin_freezes_over_the_network_and_thaws_what_was_frozen_there() {
    let mut stage = Stage::set().await;
    let waiting = stage.submit("librarian", zfs("destroy", "tank/media@old")).await.unwrap();
    for who in ["librarian", "host"] {
        let answer = stage.call("operator", freeze(who)).await.unwrap();
        assert_eq!(answer, Answer::Document(json!({"who": who, "frozen": true})));
    }
    stage.until(&waiting.id, State::Cancelled).await;
    assert!(is_frozen(&stage).await);
    let heard = stage.phones.messages("bob", 4);
    let told = heard.iter().find(|message| message.text.contains("🧊 librarian is frozen")).unwrap();
    assert!(told.text.contains("by the admin operator over the network at "), "{}", told.text);
    stage.crash().await;
    let answer = stage.call("operator", thaw("host01")).await.unwrap();
    assert_eq!(answer, Answer::Document(json!({"who": "host", "frozen": false})));
    assert!(is_frozen(&stage).await, "the principal still is");
    stage.call("operator", thaw("librarian")).await.unwrap();
    assert!(!is_frozen(&stage).await);
    assert_eq!(kind(stage.call("operator", thaw("librarian")).await), ProblemKind::NotFound);
    let by: Vec<_> =
        stage.records("thawed").into_iter().map(|record| record["detail"]["by"].clone()).collect();
    assert_eq!(
        by,
        [json!("the admin operator over the network"), json!("the admin operator over the network")]
    );
}

#[tokio::test]
async fn what_people_or_a_budget_froze_no_admin_thaws_over_the_network() {
    let stage = with_budget("operations_per_hour = 1").await;
    assert!(stage.ask_as(ALICE, &freeze("librarian")).unwrap().is_ok());
    // Freezing it once more does not make it the network's to thaw.
    stage.call("operator", freeze("librarian")).await.unwrap();
    assert_eq!(kind(stage.call("operator", thaw("librarian")).await), ProblemKind::Forbidden);
    assert!(is_frozen(&stage).await);
    assert!(stage.ask_as(ALICE, &thaw("librarian")).unwrap().is_ok());
    for name in ["tank/media@old", "tank/vm@old"] {
        drop(stage.submit("librarian", zfs("destroy", name)).await);
    }
    assert!(is_frozen(&stage).await, "by its budget");
    assert_eq!(kind(stage.call("operator", thaw("librarian")).await), ProblemKind::Forbidden);
    assert!(stage.ask_as(ALICE, &thaw("librarian")).unwrap().is_ok());
    // What an admin froze and a person after that is the person's.
    stage.call("operator", freeze("librarian")).await.unwrap();
    stage.phones.says("bob", "FREEZE librarian");
    stage.phones.messages("bob", 7);
    a_moment();
    assert_eq!(kind(stage.call("operator", thaw("librarian")).await), ProblemKind::Forbidden);
    assert!(is_frozen(&stage).await);
}

#[tokio::test]
async fn an_admin_that_is_frozen_freezes_and_thaws_nobody_and_itself_least_of_all() {
    let stage = Stage::with(LENIENT).await;
    stage.call("operator", freeze("librarian")).await.unwrap();
    // Whoever fears for its key may have itself frozen, and not thawed.
    stage.call("operator", freeze("operator")).await.unwrap();
    for call in [thaw("operator"), thaw("librarian"), freeze("archivist"), Call::Reload] {
        assert_eq!(kind(stage.call("operator", call.clone()).await), ProblemKind::Forbidden, "{call:?}");
    }
    assert!(is_frozen(&stage).await);
    assert!(stage.submit("archivist", zfs("list", "tank/archive")).await.is_ok());
    stage.phones.says("alice", "THAW operator");
    stage.until_recorded("thawed", 1);
    a_moment();
    stage.call("operator", thaw("librarian")).await.unwrap();
    assert!(!is_frozen(&stage).await);
}

/// Everything is free, and what destroys is bounded.
async fn with_budget(budget: &str) -> Stage {
    let stage = Stage::with(LENIENT).await;
    let config = stage.read("gate.toml");
    stage.write("gate.toml", &format!("{config}\n[[budget]]\neffect = \"destroy\"\n{budget}\n"));
    stage.reload();
    stage
}

#[tokio::test]
async fn who_goes_beyond_a_budget_is_frozen_and_people_are_told() {
    let stage = with_budget("operations_per_hour = 1").await;
    stage.submit("librarian", zfs("destroy", "tank/media@old")).await.unwrap();
    stage.submit("librarian", snapshot("tank/media", "one")).await.unwrap();
    let refused = stage.submit("librarian", zfs("destroy", "tank/vm@old")).await.unwrap_err();
    let decision = refused.decision.unwrap();
    assert_eq!(
        (decision.rule.as_str(), decision.reason.as_str()),
        ("budget", "2 operations in an hour, and 1 are allowed")
    );
    assert_eq!(rule(stage.submit("librarian", zfs("list", "tank/media")).await), "frozen");
    assert!(stage.zfs.has("tank/vm@old"));
    let told = stage.phones.messages("alice", 2).remove(1).text;
    assert!(told.contains("librarian is frozen") && told.contains("2 operations in an hour"), "{told}");
    assert!(
        stage.submit("archivist", zfs("destroy", "tank/archive@old")).await.is_ok(),
        "another's is its own"
    );
    // A person lets it go on, with a whole budget.
    stage.phones.says("alice", "THAW librarian");
    stage.until_recorded("thawed", 1);
    a_moment();
    stage.submit("librarian", zfs("destroy", "tank/vm@old")).await.unwrap();
    assert!(!stage.zfs.has("tank/vm@old"));
}

#[tokio::test]
async fn what_a_budget_has_counted_is_not_forgotten_by_a_crash_and_a_thaw_is_not_either() {
    let mut stage = with_budget("objects_per_day = 1").await;
    stage.submit("librarian", zfs("destroy", "tank/media@old")).await.unwrap();
    stage.crash().await;
    assert_eq!(rule(stage.submit("librarian", zfs("destroy", "tank/vm@old")).await), "budget");
    assert!(stage.ask_as(ALICE, &thaw("librarian")).unwrap().is_ok());
    stage.crash().await;
    stage.submit("librarian", zfs("destroy", "tank/vm@old")).await.unwrap();
    assert_eq!(rule(stage.submit("librarian", zfs("destroy", "tank/media/films@old")).await), "budget");
}

#[tokio::test]
async fn what_is_refused_by_a_budget_is_shown_as_denied_and_on_record() {
    let stage = with_budget("bytes_per_day = \"1K\"").await;
    stage.submit("librarian", zfs("destroy", "tank/media@old")).await.unwrap();
    let refused = stage.submit("librarian", zfs("destroy", "tank/vm@old")).await;
    assert_eq!(kind(refused), reeve::gate::protocol::ProblemKind::Denied);
    let frozen = stage.until_recorded("frozen", 1);
    assert_eq!(frozen[0]["detail"]["who"], json!("librarian"));
    assert_eq!(frozen[0]["detail"]["by"], json!("a budget that was used up"));
    let decisions = stage.records("decision");
    assert_eq!(decisions.last().unwrap()["detail"]["decision"]["rule"], json!("budget"));
    assert_eq!(
        decisions.last().unwrap()["detail"]["contract"],
        decisions.first().unwrap()["detail"]["contract"]
    );
    assert!(decisions.last().unwrap()["detail"]["contract"].is_string(), "it was decided under one");
    let Answer::Operations { operations, .. } = stage
        .call("librarian", Call::List { state: None, kind: None, cursor: None, limit: 9 })
        .await
        .unwrap()
    else {
        panic!()
    };
    assert_eq!(operations.len(), 1, "what was refused is no operation");
}
