//! Drills: people are asked as if it were in earnest, nothing can come of it, and everybody hears that it was one.

use std::process::{Command, Stdio};

use reeve::gate::protocol::{Answer, Call, Drill, Problem, ProblemKind, State};
use serde_json::{Value, json};

use crate::enrolling::at_the_console;
use crate::phones::token;
use crate::servers::eventually;
use crate::stage::{ALICE, Stage, kind, principal, snapshot, submission, zfs};

async fn drill(stage: &Stage, step: Drill) -> Result<Value, Problem> {
    match stage.client().call(None, Call::Drill(step)).await? {
        Answer::Document(document) => Ok(document),
        other => panic!("{other:?}"),
    }
}

fn begin(operation: Value, claims: Option<&str>) -> Drill {
    let of = Some(Box::new((principal("librarian"), submission(operation))));
    Drill::Begin { of, claims: claims.map(str::to_owned), within_s: 10 }
}

async fn until_over(stage: &Stage) -> Value {
    loop {
        let report = drill(stage, Drill::Report).await.unwrap();
        if report["final"] == true {
            return report;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

fn outcomes(report: &Value) -> Vec<(Value, Value, Value)> {
    let people = report["people"].as_array().unwrap().iter();
    people.map(|one| (one["name"].clone(), one["answer"].clone(), one["outcome"].clone())).collect()
}

fn states(stage: &Stage) -> Vec<Value> {
    stage.records("drill").into_iter().map(|record| record["detail"]["state"].clone()).collect()
}

#[tokio::test]
async fn what_people_answer_in_a_drill_is_told_to_root_and_nothing_can_come_of_it() {
    let stage = at_the_console().await;
    drill(&stage, begin(zfs("destroy", "tank/media@old"), None)).await.unwrap();
    // Only to the one who asks does it look otherwise than in earnest.
    let asked = stage.phones.messages("alice", 1).remove(0).text;
    assert!(asked.contains("librarian asks: zfs destroy tank/media@old\n"), "{asked}");
    assert!(!asked.to_lowercase().contains("drill"), "{asked}");
    assert_eq!(
        kind(drill(&stage, begin(zfs("destroy", "tank/media@old"), None)).await),
        ProblemKind::Busy,
        "one at a time"
    );
    stage.phones.votes("alice", 1, "CONFIRM");
    stage.phones.votes("bob", 1, "DENY");
    for who in ["alice", "bob"] {
        let told = stage.phones.messages(who, 2).remove(1).text;
        assert!(told.contains("It was a drill, and nothing could have come of it"), "{told}");
        assert!(stage.phones.shows(who, "it was a drill").contains("nothing ran"));
    }
    let report = until_over(&stage).await;
    let wanted =
        [(json!("alice"), json!("confirm"), json!("right")), (json!("bob"), json!("deny"), json!("right"))];
    assert_eq!(outcomes(&report), wanted);
    assert!(report["people"][0]["after_ms"].as_u64().is_some_and(|ms| ms < 10_000), "{report}");
    assert_eq!(states(&stage), ["begun", "answered", "answered", "ended"]);
    let nothing = ["approval_asked", "vote", "grant_signed", "step_finished", "outcome"];
    assert!(nothing.iter().all(|kind| stage.records(kind).is_empty()));
    assert!(stage.launcher.granted().is_empty());
    assert!(!stage.read("log/audit.jsonl").contains(&token(&asked)), "a token is nowhere on record");
}

#[tokio::test]
async fn a_token_of_a_drill_is_none_of_the_same_request_in_earnest_nor_of_anybody_else() {
    let mut stage = at_the_console().await;
    drill(&stage, begin(zfs("destroy", "tank/media@old"), None)).await.unwrap();
    let alices = token(&stage.phones.messages("alice", 1)[0].text);
    stage.phones.says("bob", &format!("CONFIRM {alices}"));
    assert!(stage.phones.messages("bob", 2)[1].text.contains("has this token"));
    stage.phones.votes("alice", 1, "CONFIRM");
    stage.phones.messages("alice", 2);
    let config = stage.read("gate.toml");
    stage.kill();
    stage.write("gate.toml", &config.replace("front_user = \"mallory\"", "front_user = \"root\""));
    stage.start().await;
    let op = stage.submit("librarian", zfs("destroy", "tank/media@old")).await.unwrap();
    stage.phones.says("alice", &format!("CONFIRM {alices}"));
    let told =
        || stage.phones.so_far("alice").into_iter().find(|one| one.text.contains("was a drill, of which"));
    eventually("an answer", || told().map(|_| ()));
    assert_eq!(stage.look("librarian", &op.id).await.unwrap().state, State::Pending);
    // The network has no part in it.
    assert_eq!(kind(drill(&stage, Drill::Report).await), ProblemKind::Forbidden);
    let here = Call::Drill(Drill::Report);
    assert_eq!(kind(stage.ask_as(ALICE, &here).unwrap()), ProblemKind::Forbidden);
}

#[tokio::test]
async fn who_says_yes_to_a_wrong_target_hears_what_was_wrong_and_who_says_nothing_too_also_over_a_crash() {
    let mut stage = at_the_console().await;
    let about_itself = begin(zfs("destroy", "tank/media@old"), Some("tank/media@old"));
    assert_eq!(kind(drill(&stage, about_itself).await), ProblemKind::Invalid);
    drill(&stage, begin(zfs("destroy", "tank/media@old"), Some("tank/media@older"))).await.unwrap();
    let asked = stage.phones.messages("alice", 1).remove(0).text;
    assert!(asked.contains("why: \"tank/media@older is not needed any more\""), "{asked}");
    stage.phones.votes("alice", 1, "CONFIRM");
    let told = stage.phones.messages("alice", 2).remove(1).text;
    assert!(told.contains("You said yes to the wrong target") && told.contains("tank/media@older"), "{told}");
    stage.crash().await;
    let told = stage.phones.messages("bob", 2).remove(1).text;
    assert!(told.contains("it was a drill, nothing ran") && told.contains("tank/media@older"), "{told}");
    let report = until_over(&stage).await;
    let wanted =
        [(json!("alice"), json!("confirm"), json!("wrong")), (json!("bob"), Value::Null, json!("none"))];
    assert_eq!(outcomes(&report), wanted);
    assert!(stage.launcher.granted().is_empty());
}

#[tokio::test]
async fn nobody_waits_with_a_drill_for_a_daemon_that_hangs() {
    let stage = at_the_console().await;
    stage.phones.fault(true);
    let begun = std::time::Instant::now();
    let refused = drill(&stage, begin(zfs("destroy", "tank/media@old"), None)).await;
    assert_eq!(kind(refused), ProblemKind::NoChannel);
    assert!(begun.elapsed() < std::time::Duration::from_secs(8), "{:?}", begun.elapsed());
    stage.phones.fault(false);
    drill(&stage, begin(zfs("destroy", "tank/media@old"), None)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_have_been_asked_in_a_drill_is_told_that_it_was_one() {
    let stage = at_the_console().await;
    stage.phones.fails(&json!({"lose_answer": true}));
    let client = stage.client();
    let step = Call::Drill(begin(zfs("destroy", "tank/media@old"), None));
    let beginning = tokio::spawn(async move { client.call(None, step).await });
    // She has it, and the gate never hears so.
    stage.phones.messages("alice", 1);
    stage.phones.fails(&json!({}));
    stage.phones.drops();
    let Answer::Document(report) = beginning.await.unwrap().unwrap() else { panic!() };
    assert_eq!(
        (&report["people"][0]["name"], &report["people"][0]["sent"]),
        (&json!("alice"), &json!(false))
    );
    let told = stage.phones.messages("alice", 2).remove(1).text;
    assert!(told.contains("it was a drill, nothing ran"), "{told}");
    assert_eq!(until_over(&stage).await["people"][0]["outcome"], json!("none"));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_cannot_be_told_as_a_drill_ends_is_told_later_also_over_a_crash() {
    let mut stage = at_the_console().await;
    drill(&stage, begin(zfs("destroy", "tank/media@old"), None)).await.unwrap();
    let asked = stage.phones.messages("alice", 1).remove(0).text;
    stage.phones.messages("bob", 1);
    stage.phones.change(&json!({"limit": {"times": 1000, "retry_after": 3600}}));
    stage.phones.says("alice", &format!("CONFIRM {}", token(&asked)));
    until_over(&stage).await;
    stage.until_recorded("drill", 3);
    assert_eq!(states(&stage), ["begun", "answered", "ended"]);
    let again = begin(zfs("destroy", "tank/media@old"), None);
    assert_eq!(kind(drill(&stage, again).await), ProblemKind::Busy, "not before everybody knows of the last");
    for who in ["alice", "bob"] {
        assert_eq!(stage.phones.so_far(who).len(), 1, "{who} was told nothing");
    }
    stage.kill();
    stage.phones.change(&json!({"limit": {"times": 0, "retry_after": 0}}));
    stage.start().await;
    for who in ["alice", "bob"] {
        let told = stage.phones.messages(who, 2).remove(1).text;
        assert!(told.contains("it was a drill, nothing ran"), "{told}");
        stage.phones.shows(who, "it was a drill");
    }
    // Once is enough.
    stage.crash().await;
    drill(&stage, begin(zfs("destroy", "tank/media@old"), None)).await.unwrap();
    assert!(stage.phones.messages("bob", 3)[2].is_question());
}

#[tokio::test]
async fn a_drill_is_about_what_people_were_asked_last_or_would_be_asked_and_about_nothing_else() {
    let stage = Stage::set().await;
    stage.submit("librarian", zfs("destroy", "tank/media@old")).await.unwrap();
    stage.phones.votes("alice", 1, "DENY");
    stage.phones.messages("alice", 3);
    let mut stage = stage;
    let config = stage.read("gate.toml");
    stage.kill();
    stage.write("gate.toml", &config.replace("front_user = \"root\"", "front_user = \"mallory\""));
    stage.start().await;
    for (operation, why) in [
        (snapshot("tank/media", "x"), "the rules ask nobody"),
        (zfs("destroy", "tank/archive@old"), "the contract has it not"),
    ] {
        assert_eq!(kind(drill(&stage, begin(operation, None)).await), ProblemKind::TooLate, "{why}");
    }
    let again = Drill::Begin { of: None, claims: None, within_s: 60 };
    let report = drill(&stage, again).await.unwrap();
    assert_eq!(
        (&report["as"], &report["command"]),
        (&json!("librarian"), &json!("zfs destroy tank/media@old"))
    );
    stage.phones.votes("alice", 4, "DENY");
    assert!(stage.phones.messages("alice", 5)[4].text.contains("You refused, which is always safe"));
}

#[tokio::test(flavor = "multi_thread")]
async fn root_reads_at_the_console_who_answered_what_and_how_fast() {
    let stage = at_the_console().await;
    let reeve = |args: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_reeve"));
        command.args(args).arg("--socket").arg(stage.path("gate.sock")).args(["--gate-user", "root"]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    };
    let asked =
        ["approver", "drill", "--claiming", "tank/media@older", "--within", "30s", "--as", "librarian"];
    let running = reeve(&[&asked[..], &["zfs", "destroy", "tank/media@old"]].concat()).spawn().unwrap();
    stage.phones.votes("alice", 1, "DENY");
    stage.phones.votes("bob", 1, "CONFIRM");
    let ended = running.wait_with_output().unwrap();
    let said = String::from_utf8(ended.stdout).unwrap();
    assert_eq!(ended.status.code(), Some(1), "{said}");
    assert!(said.starts_with("librarian asks: zfs destroy tank/media@old\n"), "{said}");
    let line = |who: &str| said.lines().find(|line| line.starts_with(who)).unwrap();
    assert!(line("alice").contains("deny") && line("alice").ends_with("as it should be"), "{said}");
    assert!(
        line("bob").contains("confirm") && line("bob").ends_with("said yes to the wrong target"),
        "{said}"
    );
    let last = reeve(&["approver", "drill", "--last"]).output().unwrap();
    assert_eq!((last.status.code(), String::from_utf8(last.stdout).unwrap()), (Some(1), said));
    let status = reeve(&["signal", "status"]).output().unwrap();
    let status = String::from_utf8(status.stdout).unwrap();
    assert!(status.starts_with("people can be asked\n") && status.contains("alice, bob"), "{status}");
}
