//! Enrolling an approver over Signal: root compares the safety number, the account answers, and without both nothing changes.

use reeve::gate::protocol::{Answer, Call, Enrol, Problem, ProblemKind};
use serde_json::{Value, json};

use crate::launcher::a_moment;
use crate::phones::{self, Phones};
use crate::stage::{ALICE, Stage, kind};

/// A host on which root is a person at the console, as where another user is the network's.
pub(crate) async fn at_the_console() -> Stage {
    let mut stage = Stage::set().await;
    let config = stage.read("gate.toml");
    stage.kill();
    stage.write("gate.toml", &config.replace("front_user = \"root\"", "front_user = \"mallory\""));
    stage.start().await;
    stage
}

async fn step(stage: &Stage, step: Enrol) -> Result<Value, Problem> {
    match stage.client().call(None, Call::Enrol(step)).await? {
        Answer::Document(document) => Ok(document),
        other => panic!("{other:?}"),
    }
}

fn ask(name: &str, account: char, key: char) -> Enrol {
    // As people write it down.
    let number: Vec<char> = Phones::safety_number(key).chars().collect();
    let groups: Vec<String> = number.chunks(5).map(|group| group.iter().collect()).collect();
    Enrol::Ask { name: name.to_owned(), account: phones::uuid(account), safety_number: groups.join(" ") }
}

/// The last line of what somebody was sent.
fn answer_of(stage: &Stage, who: &str) -> String {
    let text = stage.phones.messages(who, 1).pop().unwrap().text;
    text.lines().last().unwrap().to_owned()
}

async fn is_answered(stage: &Stage) -> bool {
    a_moment();
    step(stage, Enrol::Answered).await.unwrap()["answered"] == true
}

#[tokio::test]
async fn the_account_that_sends_back_what_it_was_sent_is_enrolled_with_the_key_that_was_compared() {
    let stage = at_the_console().await;
    let look = Enrol::Look { name: "carol".to_owned(), account: phones::uuid('c') };
    let seen = step(&stage, look.clone()).await.unwrap();
    assert_eq!(seen, json!({"fingerprint": phones::key('c'), "safety_number": Phones::safety_number('c')}));
    assert!(stage.phones.so_far("carol").is_empty(), "looking asks nobody");
    step(&stage, ask("carol", 'c', 'c')).await.unwrap();
    let asked = stage.phones.messages("carol", 1).remove(0).text;
    assert!(asked.starts_with("reeve · host01 · are you carol?\n"), "{asked}");
    let answer = answer_of(&stage, "carol");
    assert!(answer.starts_with("ENROL ") && !is_answered(&stage).await, "{answer}");
    // What another account sends is nobody's answer but its own.
    stage.phones.says("alice", &answer);
    assert!(!is_answered(&stage).await);
    stage.phones.says("carol", &answer.to_lowercase().replace('-', " "));
    stage.phones.messages("carol", 2);
    let answered = step(&stage, Enrol::Answered).await.unwrap();
    assert_eq!((&answered["answered"], &answered["name"]), (&json!(true), &json!("carol")));
    assert_eq!(answered["fingerprint"], phones::key('c'));
    assert_eq!(kind(step(&stage, Enrol::Answered).await), ProblemKind::TooLate, "it is told once");
    let records = stage.records("enrolment");
    let told: Vec<_> = records.iter().map(|record| record["detail"]["answered"].clone()).collect();
    assert_eq!(told, [json!(false), json!(true)]);
    let token = answer.split_once(' ').unwrap().1;
    assert!(!stage.read("log/audit.jsonl").contains(token), "what was sent is nowhere on record");
}

#[tokio::test]
async fn where_the_safety_number_is_another_nobody_is_asked_and_only_root_enrols() {
    let stage = at_the_console().await;
    assert_eq!(kind(step(&stage, ask("carol", 'c', 'e')).await), ProblemKind::Denied);
    assert_eq!(
        kind(stage.ask_as(ALICE, &Call::Enrol(ask("carol", 'c', 'c'))).unwrap()),
        ProblemKind::Forbidden
    );
    for (name, account) in [("dave", 'a'), ("Carol", 'c'), ("carol", 'd')] {
        assert!(step(&stage, ask(name, account, account)).await.is_err(), "{name}");
    }
    assert_eq!(kind(step(&stage, Enrol::Answered).await), ProblemKind::TooLate);
    for who in ["carol", "alice"] {
        assert!(stage.phones.so_far(who).is_empty(), "{who}");
    }
}

#[tokio::test]
async fn guesses_and_a_key_that_changes_meanwhile_enrol_nobody() {
    let stage = at_the_console().await;
    step(&stage, ask("carol", 'c', 'c')).await.unwrap();
    let right = answer_of(&stage, "carol");
    for _guess in 0..5 {
        stage.phones.says("carol", "ENROL 0000-0000-0000-0000");
    }
    stage.phones.says("carol", &right);
    assert!(!is_answered(&stage).await, "after five wrong ones the right one is none");
    step(&stage, ask("carol", 'c', 'c')).await.unwrap();
    let again =
        stage.phones.messages("carol", 7).into_iter().rev().find(|m| m.text.contains("are you carol?"));
    let right = again.unwrap().text.lines().last().unwrap().to_owned();
    stage.phones.says("carol", &right);
    stage.until_recorded("enrolment", 3);
    // Who is told so is enrolled, and not yet who is in a record.
    stage.phones.messages("carol", 8);
    stage.phones.has_new_key("carol", 'e');
    assert_eq!(kind(step(&stage, Enrol::Answered).await), ProblemKind::Denied);
}

#[tokio::test]
async fn somebody_with_a_new_phone_is_enrolled_anew_after_the_new_key_was_compared() {
    let stage = at_the_console().await;
    stage.phones.has_new_key("alice", 'e');
    // Until it is compared, nothing is sent to it.
    assert_eq!(kind(step(&stage, ask("alice", 'a', 'a')).await), ProblemKind::Denied);
    step(&stage, ask("alice", 'a', 'e')).await.unwrap();
    stage.phones.says("alice", &answer_of(&stage, "alice"));
    stage.phones.messages("alice", 2);
    let answered = step(&stage, Enrol::Answered).await.unwrap();
    assert_eq!((&answered["name"], &answered["fingerprint"]), (&json!("alice"), &json!(phones::key('e'))));
}
