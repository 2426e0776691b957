//! Other rules of who may approve what: put to those who may approve now, and in force only as they saw them.

use reeve::gate::protocol::{Answer, Call, ProblemKind};
use serde_json::{Value, json};

use crate::launcher::a_moment;
use crate::phones::token;
use crate::stage::{ALICE, BOB, LENIENT, POLICY, STRICT, Stage, kind, submission, zfs};

const SUBJECT: &str = "operator asks: change who may approve what";

async fn asks(stage: &Stage) -> Value {
    let answer = stage.call("operator", Call::Reload).await.unwrap();
    let Answer::Document(asked) = answer else { panic!("nobody is asked: {answer:?}") };
    asked
}

async fn verdict(stage: &Stage) -> String {
    let call = Call::Plan { submission: submission(zfs("destroy", "tank/media@old")) };
    let Answer::Plan { decision, .. } = stage.call("librarian", call).await.unwrap() else { panic!() };
    decision.verdict
}

fn two() -> String {
    POLICY.replace("else 1", "else 2")
}

fn reloads(stage: &Stage) -> Vec<Value> {
    stage.records("config_reloaded").into_iter().map(|record| record["detail"].clone()).collect()
}

#[tokio::test]
async fn weaker_rules_come_into_force_when_enough_of_those_who_may_approve_say_yes() {
    let stage = Stage::with(&two()).await;
    stage.write("policy.star", LENIENT);
    let asked = asks(&stage).await;
    assert_eq!((&asked["reloaded"], &asked["approval"]["needed"]), (&json!(false), &json!(2)), "{asked}");
    assert_eq!(asks(&stage).await["approval"]["id"], asked["approval"]["id"], "the same is asked once");
    let prompt = stage.phones.messages("alice", 1).remove(0).text;
    for line in [
        SUBJECT,
        "    ~ policy: sha256:",
        "    in policy.star:",
        "\"- ",
        "NO UNDO",
        "rule: destroying needs a person",
        "needs 2",
    ] {
        assert!(prompt.contains(line), "{line} is not in\n{prompt}");
    }
    stage.phones.says("alice", &format!("CONFIRM {}", token(&prompt)));
    let shown = stage.phones.shows("bob", "has 1");
    assert!(shown.contains("needs 2, has 1") && !shown.contains(&token(&prompt)), "{shown}");
    assert_eq!(verdict(&stage).await, "review");
    let id = asked["approval"]["id"].as_str().unwrap().to_owned();
    let Some(Ok(Answer::Approvals(waiting))) = stage.ask_as(BOB, &Call::Pending) else { panic!() };
    assert_eq!((waiting[0].operation.as_str(), waiting[0].approval.given), (id.as_str(), 1));
    let Some(Ok(Answer::Document(whole))) = stage.ask_as(BOB, &Call::Show { id: id.clone() }) else {
        panic!()
    };
    assert!(whole.to_string().contains("return allow"), "every line is there: {whole}");
    let vote = Call::Vote { approval: id.clone(), confirm: true, object: None };
    assert!(stage.ask_as(ALICE, &vote).unwrap().is_err(), "once is once");
    assert!(stage.ask_as(BOB, &vote).unwrap().is_ok());
    stage.phones.shows("alice", "✅ in force");
    assert_eq!(verdict(&stage).await, "allow");
    let detail = reloads(&stage).pop().unwrap();
    assert_eq!(
        (&detail["loaded"], &detail["confirmed_by"], &detail["approval"]),
        (&json!(true), &json!(["alice", "bob"]), &json!(id))
    );
    assert_eq!(detail["files"], asked["files"]);
}

#[tokio::test]
async fn a_file_that_changed_since_people_were_asked_voids_what_they_said() {
    let stage = Stage::set().await;
    stage.write("policy.star", LENIENT);
    asks(&stage).await;
    let prompt = stage.phones.messages("alice", 1).remove(0).text;
    // Not even a comment may differ.
    stage.write("policy.star", &format!("{LENIENT}# harmless\n"));
    stage.phones.says("alice", &format!("CONFIRM {}", token(&prompt)));
    let now = stage.phones.shows("bob", "🔁 void");
    assert!(!now.contains("CONFIRM"), "{now}");
    let told = stage.phones.messages("bob", 2).remove(1).text;
    assert!(told.contains("the files have changed since you were asked"), "{told}");
    assert_eq!(verdict(&stage).await, "review");
    assert_eq!(reloads(&stage).pop().unwrap()["loaded"], false);
}

#[tokio::test]
async fn one_no_ends_a_change_of_rules_and_the_same_is_not_asked_again_at_once() {
    let stage = Stage::with(&two()).await;
    stage.write("policy.star", LENIENT);
    asks(&stage).await;
    let asked = token(&stage.phones.messages("alice", 1)[0].text);
    stage.phones.says("alice", &format!("CONFIRM {asked}"));
    stage.phones.shows("alice", "has 1");
    stage.phones.says("bob", &format!("DENY {asked}"));
    stage.phones.shows("alice", "⛔ refused by bob");
    stage.phones.says("alice", &format!("CONFIRM {asked}"));
    a_moment();
    assert_eq!(verdict(&stage).await, "review");
    let again = stage.call("operator", Call::Reload).await.unwrap_err();
    assert_eq!(again.kind, ProblemKind::CoolDown);
    assert!(again.retry_after.is_some_and(|left| left > 0));
    assert_eq!(stage.records("approval_closed").pop().unwrap()["detail"]["outcome"], "refused");
}

#[tokio::test]
async fn who_would_become_an_approver_by_a_change_has_no_say_in_it() {
    let stage = Stage::set().await;
    let config = stage.read("gate.toml");
    // alice would be somebody else, by another account's key.
    let other = config.replace(&crate::phones::key('a'), &crate::phones::key('e'));
    stage.write("gate.toml", &other.replace("name = \"alice\"", "name = \"mallory\""));
    let asked = asks(&stage).await;
    let weaker = asked["weaker"].to_string();
    assert!(weaker.contains("+ mallory may approve in storage"), "{weaker}");
    let prompt = stage.phones.messages("bob", 1).remove(0).text;
    assert!(prompt.contains("    + mallory may approve in storage"), "{prompt}");
    let records = stage.records("approval_asked");
    assert_eq!(records.len(), 1);
    // Those who may approve now are the ones of before.
    stage.phones.says("alice", &format!("DENY {}", token(&prompt)));
    stage.phones.shows("bob", "⛔ refused by alice");
}

#[tokio::test]
async fn a_question_about_rules_is_void_when_others_are_put_or_come_into_force() {
    let stage = Stage::set().await;
    stage.write("policy.star", LENIENT);
    asks(&stage).await;
    let first = token(&stage.phones.messages("alice", 1)[0].text);
    stage.write("policy.star", &format!("{LENIENT}\n"));
    asks(&stage).await;
    stage.phones.shows("alice", "🔁 void");
    stage.phones.says("alice", &format!("CONFIRM {first}"));
    // Root at the console brings other rules into force; the second question is about nothing then.
    stage.write("policy.star", &two());
    stage.reload();
    let second = stage
        .phones
        .messages("bob", 2)
        .into_iter()
        .find(|message| message.is_question() && token(&message.text) != first);
    stage.phones.says("bob", &format!("CONFIRM {}", token(&second.unwrap().text)));
    a_moment();
    assert_eq!(verdict(&stage).await, "review");
    let loaded: Vec<_> = reloads(&stage).iter().map(|detail| detail["loaded"].clone()).collect();
    assert_eq!(loaded, [json!(false), json!(false), json!(true)]);
    let answers = stage.phones.messages("alice", 4);
    assert!(answers.iter().any(|answer| answer.text.contains("this request is void")), "{answers:?}");
}

#[tokio::test]
async fn where_the_policy_in_force_denies_it_nobody_is_asked() {
    let stage = Stage::with(STRICT).await;
    stage.write("policy.star", LENIENT);
    assert_eq!(kind(stage.call("operator", Call::Reload).await), ProblemKind::Forbidden);
    assert!(stage.phones.so_far("alice").is_empty());
    // Where it would allow it, a person decides all the same.
    stage.write("policy.star", LENIENT);
    stage.reload();
    stage.write("policy.star", POLICY);
    assert_eq!(asks(&stage).await["approval"]["needed"], 1);
}

#[tokio::test]
async fn a_change_of_rules_is_held_as_the_rule_says_and_a_no_still_stops_it() {
    let stage = Stage::with(&POLICY.replace("ttl = \"30m\"", "ttl = \"30m\", hold = \"5s\"")).await;
    stage.write("policy.star", LENIENT);
    asks(&stage).await;
    let asked = token(&stage.phones.messages("alice", 1)[0].text);
    stage.phones.says("alice", &format!("CONFIRM {asked}"));
    stage.phones.shows("bob", "⏳ approved");
    assert_eq!(verdict(&stage).await, "review");
    stage.phones.says("bob", &format!("DENY {asked}"));
    stage.phones.shows("bob", "⛔ refused by bob");
    std::thread::sleep(std::time::Duration::from_secs(6));
    assert_eq!(verdict(&stage).await, "review");
}

#[tokio::test]
async fn root_at_the_console_weakens_only_by_saying_so_and_everybody_is_told() {
    let mut stage = Stage::set().await;
    let config = stage.read("gate.toml");
    stage.kill();
    // Root is a person here, as on any host where another user is the network's.
    stage.write("gate.toml", &config.replace("front_user = \"root\"", "front_user = \"mallory\""));
    stage.start().await;
    stage.write("policy.star", LENIENT);
    let here = |weaken| Call::ReloadHere { weaken };
    for weaken in [false, true] {
        assert_eq!(kind(stage.ask_as(ALICE, &here(weaken)).unwrap()), ProblemKind::Forbidden);
    }
    let answer = stage.client().call(None, here(false)).await.unwrap();
    assert!(matches!(answer, Answer::Document(_)), "{answer:?}");
    assert!(stage.phones.messages("bob", 1)[0].text.contains("root asks: change who may approve what"));
    let answer = stage.client().call(None, here(true)).await.unwrap();
    assert!(matches!(&answer, Answer::Document(done) if done["reloaded"] == true), "{answer:?}");
    stage.phones.shows("bob", "🔁 void");
    let told = stage.phones.messages("bob", 3);
    assert!(
        told.iter().any(|message| message.text.contains("root changed who may approve what")),
        "{told:?}"
    );
    let detail = reloads(&stage).pop().unwrap();
    assert_eq!((&detail["loaded"], &detail["by"]), (&json!(true), &json!("root")));
}
