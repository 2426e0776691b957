//! Lost phones: enrolled anew after a delay, of which everybody knows and which each of the others can stop.

use reeve::gate::protocol::{Answer, Call, Enrol, Problem, ProblemKind};
use reeve::job::Store;
use serde_json::{Value, json};

use crate::enrolling::at_the_console;
use crate::launcher::a_moment;
use crate::phones::{self, Phones};
use crate::stage::{ALICE, BOB, Stage, kind};

async fn step(stage: &Stage, step: Enrol) -> Result<Value, Problem> {
    match stage.client().call(None, Call::Enrol(step)).await? {
        Answer::Document(document) => Ok(document),
        other => panic!("{other:?}"),
    }
}

fn recovered() -> Enrol {
    Enrol::Recovered { name: "alice".to_owned() }
}

fn stop(name: &str) -> Call {
    Call::Enrol(Enrol::Stop { name: name.to_owned() })
}

/// alice has lost her phone, has a new one, and has answered with it.
async fn begun() -> Stage {
    let stage = at_the_console().await;
    stage.phones.has_new_key("alice", 'e');
    let (account, safety_number) = (phones::uuid('a'), Phones::safety_number('e'));
    step(&stage, Enrol::Ask { name: "alice".to_owned(), account, safety_number }).await.unwrap();
    assert_eq!(step(&stage, Enrol::Recover).await.unwrap(), json!({"answered": false}));
    let asked = stage.phones.messages("alice", 1).remove(0).text;
    stage.phones.says("alice", asked.lines().last().unwrap());
    stage.phones.messages("alice", 2);
    let begun = step(&stage, Enrol::Recover).await.unwrap();
    assert!(begun["answered"] == true && begun["due_at"].is_string(), "{begun}");
    stage
}

fn heard(stage: &Stage, who: &str, words: &str) -> bool {
    let begun = std::time::Instant::now();
    while begun.elapsed() < crate::stage::PATIENCE {
        if stage.phones.so_far(who).iter().any(|message| message.text.contains(words)) {
            return true;
        }
        a_moment();
    }
    false
}

#[tokio::test]
async fn a_lost_phone_is_replaced_after_the_delay_also_over_a_crash_and_not_before() {
    let mut stage = begun().await;
    assert!(heard(&stage, "bob", "alice is about to be enrolled anew"));
    assert_eq!(kind(step(&stage, recovered()).await), ProblemKind::TooLate);
    stage.crash().await;
    assert_eq!(kind(step(&stage, recovered()).await), ProblemKind::TooLate);
    // A day later, of which half was another boot.
    stage.kill();
    let store = Store::open(&stage.path("state/state.redb")).unwrap();
    let mut kept: Value = store.note("recovery").unwrap().unwrap();
    assert_eq!((&kept["name"], &kept["fingerprint"]), (&json!("alice"), &json!(phones::key('e'))));
    kept["due_at"] = json!(1);
    store.put_note("recovery", &kept).unwrap();
    drop(store);
    stage.start().await;
    assert_eq!(
        kind(step(&stage, recovered()).await),
        ProblemKind::TooLate,
        "setting the clock ahead is not enough"
    );
    stage.kill();
    let store = Store::open(&stage.path("state/state.redb")).unwrap();
    kept["due_boot"]["ms"] = json!(1);
    store.put_note("recovery", &kept).unwrap();
    drop(store);
    stage.start().await;
    let entry = step(&stage, recovered()).await.unwrap();
    let account = phones::uuid('a');
    assert_eq!(entry, json!({"name": "alice", "account": account, "fingerprint": phones::key('e')}));
    assert_eq!(kind(step(&stage, recovered()).await), ProblemKind::NotFound, "once");
    let states: Vec<_> = stage.records("recovery").iter().map(|r| r["detail"]["state"].clone()).collect();
    assert_eq!(states, [json!("begun"), json!("finished")]);
}

#[tokio::test]
async fn any_of_the_others_stops_it_in_the_chat_or_on_the_host_and_whom_it_is_about_does_not() {
    let stage = begun().await;
    // Whoever has alice's account, or her Unix user, has no say.
    stage.phones.says("alice", "STOP alice");
    assert!(stage.ask_as(ALICE, &stop("alice")).unwrap().is_err());
    assert_eq!(kind(step(&stage, recovered()).await), ProblemKind::TooLate);
    stage.phones.says("bob", "stop Alice");
    assert!(heard(&stage, "bob", "⛔ Recorded: alice is not enrolled anew"));
    assert!(heard(&stage, "bob", "alice is not enrolled anew, says bob"));
    assert_eq!(kind(step(&stage, recovered()).await), ProblemKind::NotFound);
    assert!(stage.ask_as(BOB, &stop("alice")).unwrap().is_err(), "there is nothing left to stop");
    let stopped = stage.records("recovery").pop().unwrap();
    assert_eq!((&stopped["detail"]["state"], &stopped["detail"]["by"]), (&json!("stopped"), &json!("bob")));
}

#[tokio::test]
async fn an_approver_on_the_host_stops_it_and_nobody_new_is_recovered() {
    let stage = begun().await;
    assert!(stage.ask_as(BOB, &stop("alice")).unwrap().is_ok());
    assert_eq!(kind(step(&stage, recovered()).await), ProblemKind::NotFound);
    let (account, safety_number) = (phones::uuid('c'), Phones::safety_number('c'));
    step(&stage, Enrol::Ask { name: "carol".to_owned(), account, safety_number }).await.unwrap();
    let asked = stage.phones.messages("carol", 1).remove(0).text;
    stage.phones.says("carol", asked.lines().last().unwrap());
    stage.phones.messages("carol", 2);
    assert_eq!(kind(step(&stage, Enrol::Recover).await), ProblemKind::NotFound);
}
