//! The channel's health: nobody waits for people who cannot be reached, and what is wrong is told before it matters.

use std::process::{Command, Output};
use std::time::{Duration, Instant};

use reeve::gate::protocol::{Answer, Call, ProblemKind, State};
use serde_json::{Value, json};

use crate::alarms::{self, Delivering, metrics};
use crate::enrolling::at_the_console;
use crate::phones::token;
use crate::servers::{Mail, Web, eventually};
use crate::stage::{ALICE, LENIENT, Stage, kind, zfs};

/// What people on the host are shown of an operation.
fn shown(stage: &Stage, id: &str) -> Value {
    match stage.ask_as(ALICE, &Call::Show { id: id.to_owned() }).unwrap().unwrap() {
        Answer::Document(document) => document,
        other => panic!("{other:?}"),
    }
}

/// A host whose alarms go to a server, with other settings of the channel.
async fn stage(hook: &Web, letters: &Mail, signal: &str) -> Stage {
    let mut stage = alarms::stage(hook, letters, "quiet_for = \"0s\"").await;
    let config = stage.read("gate.toml").replace("[signal]\n", &format!("[signal]\n{signal}\n"));
    stage.write("gate.toml", &config);
    stage.crash().await;
    stage
}

fn signal(stage: &Stage, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_reeve"));
    command.arg("signal").args(args).arg("--socket").arg(stage.path("gate.sock"));
    command.args(["--gate-user", "root"]).output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8([output.stdout.clone(), output.stderr.clone()].concat()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_that_does_not_answer_is_no_channel_within_a_second_and_the_second_channel_is_told() {
    let (hook, letters) = (Web::start(200), Mail::start());
    let stage = alarms::stage(&hook, &letters, "").await;
    let _delivering = Delivering::start(&stage);
    stage.phones.fault(true);
    let begun = Instant::now();
    let refused = stage.submit("librarian", zfs("destroy", "tank/media@old")).await;
    assert_eq!(kind(refused), ProblemKind::NoChannel);
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    let told = hook.hears("not_asked").body["text"].as_str().unwrap().to_owned();
    assert!(told.contains("the Signal daemon does not answer"), "{told}");
    stage.phones.fault(false);
    stage.submit("librarian", zfs("destroy", "tank/media@old")).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_does_not_wait_for_a_daemon_that_hangs_one_person_after_another() {
    let stage = Stage::set().await;
    stage.write("policy.star", LENIENT);
    stage.phones.fault(true);
    let begun = Instant::now();
    assert_eq!(kind(stage.call("operator", Call::Reload).await), ProblemKind::NoChannel);
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
    stage.reload();
}

#[tokio::test(flavor = "multi_thread")]
async fn when_a_question_arrived_and_was_read_is_kept_and_shown_also_over_a_crash() {
    let mut stage = Stage::set().await;
    let op = stage.submit("librarian", zfs("destroy", "tank/media@old")).await.unwrap();
    let part = |stage: &Stage, key: &str| {
        let prompts = shown(stage, &op.id)["prompts"].clone();
        let prompts: Vec<Value> = prompts.as_array().unwrap().clone();
        prompts.iter().map(|prompt| !prompt[key].is_null()).collect::<Vec<_>>()
    };
    eventually("both phones", || (part(&stage, "delivered_at") == [true, true]).then_some(()));
    assert_eq!(part(&stage, "read_at"), [false, false]);
    stage.phones.change(&json!({"read": "alice"}));
    eventually("alice", || (part(&stage, "read_at") == [true, false]).then_some(()));
    let text = metrics(&stage).await;
    for line in ["reeve_prompts_total{state=\"delivered\"} 2", "reeve_prompts_total{state=\"read\"} 1"] {
        assert!(text.lines().any(|there| there == line), "{line} is not in\n{text}");
    }
    stage.crash().await;
    assert_eq!(
        (part(&stage, "delivered_at"), part(&stage, "read_at")),
        (vec![true, true], vec![true, false])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_that_is_on_nobodys_phone_in_time_is_told_once() {
    let (hook, letters) = (Web::start(200), Mail::start());
    let stage = stage(&hook, &letters, "delivered_within = \"1s\"").await;
    let _delivering = Delivering::start(&stage);
    stage.phones.change(&json!({"receipts": false}));
    let op = stage.submit("librarian", zfs("destroy", "tank/media@old")).await.unwrap();
    let told = hook.hears("not_delivered").body["text"].as_str().unwrap().to_owned();
    assert!(told.contains(&op.id) && told.contains("on nobody's phone"), "{told}");
    assert!(metrics(&stage).await.contains("reeve_prompts_total{state=\"undelivered\"} 1"));
    stage.phones.votes("alice", 1, "DENY");
    stage.until(&op.id, State::Refused).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_waits_for_a_limit_that_is_short_and_nobody_waits_for_one_that_is_long() {
    let stage = Stage::set().await;
    stage.phones.change(&json!({"limit": {"times": 1, "retry_after": 1}}));
    let op = stage.submit("librarian", zfs("destroy", "tank/media@old")).await.unwrap();
    assert_eq!(op.state, State::Pending);
    for who in ["alice", "bob"] {
        assert_eq!(stage.phones.messages(who, 1).len(), 1);
    }
    assert!(metrics(&stage).await.contains("reeve_signal_sends_total{result=\"rate_limited\"} 1"));
    stage.phones.change(&json!({"limit": {"times": 1000, "retry_after": 3600}}));
    for (caller, name, why) in [
        ("librarian", "tank/vm@old", "the first is limited"),
        ("archivist", "tank/archive@old", "and all others know it"),
    ] {
        let begun = Instant::now();
        assert_eq!(kind(stage.submit(caller, zfs("destroy", name)).await), ProblemKind::NoChannel, "{why}");
        assert!(begun.elapsed() < Duration::from_secs(5), "{why}");
    }
    assert!(metrics(&stage).await.lines().any(|line| line.starts_with("reeve_signal_held_seconds 3")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_keeps_neither_who_asks_at_the_same_time_waiting_nor_a_reload() {
    let stage = Stage::set().await;
    stage.write("policy.star", LENIENT);
    stage.phones.change(&json!({"limit": {"times": 1000, "retry_after": 3600}}));
    let begun = Instant::now();
    let (one, other, rules) = tokio::join!(
        stage.submit("librarian", zfs("destroy", "tank/vm@old")),
        stage.submit("archivist", zfs("destroy", "tank/archive@old")),
        stage.call("operator", Call::Reload),
    );
    assert_eq!((kind(one), kind(other), kind(rules)), {
        let none = ProblemKind::NoChannel;
        (none, none, none)
    });
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    stage.reload();
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_told_before_the_others_could_not_be_hears_that_it_is_void_and_not_that_it_was_approved() {
    let stage = Stage::set().await;
    // The gate has seen another key when it last looked.
    stage.phones.has_new_key("bob", '9');
    let refused = stage.submit("librarian", zfs("destroy", "tank/vm@old")).await.unwrap_err();
    assert_eq!(refused.kind, ProblemKind::NoChannel);
    let asked = stage.phones.messages("alice", 1).remove(0).text;
    // Among news of bob's key.
    let hears = |words: &str| {
        let heard =
            || stage.phones.so_far("alice").iter().any(|message| message.text.contains(words)).then_some(());
        eventually(words, heard);
    };
    hears("It is void: too few of the people could be told");
    let shown = stage.phones.shows("alice", "void");
    assert!(!shown.contains("CONFIRM"), "{shown}");
    stage.phones.says("alice", &format!("CONFIRM {}", token(&asked)));
    hears("is void: too few of you could be told of it, and nothing ran");
    assert!(stage.phones.so_far("bob").is_empty() && stage.launcher.commands().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_captcha_is_told_with_what_to_do_and_what_waited_goes_out_in_its_order_once_it_is_solved() {
    let stage = at_the_console().await;
    stage.phones.change(&json!({"captcha": "challenge-of-the-server"}));
    stage.phones.says("alice", "FREEZE librarian");
    let wanted = || {
        let states = stage.records("channel_state");
        states.iter().any(|record| record["detail"]["why"] == "Signal wants a captcha solved").then_some(())
    };
    eventually("a record", wanted);
    assert!(stage.phones.so_far("alice").is_empty());
    let status = signal(&stage, &["status", "--json"]);
    let document: Value = serde_json::from_slice(&status.stdout).unwrap();
    assert_eq!((&document["captcha_wanted"], &document["up"]), (&json!(true), &json!(true)), "{document}");
    assert!(!document.to_string().contains("challenge-of-the-server"));
    let wrong = signal(&stage, &["captcha", "signalcaptcha://other"]);
    assert!(wrong.status.code() == Some(3) && said(&wrong).contains("solve a new one"), "{}", said(&wrong));
    let right = signal(&stage, &["captcha", "signalcaptcha://solved"]);
    assert_eq!(right.status.code(), Some(0), "{}", said(&right));
    let told = stage.phones.messages("alice", 2);
    assert!(told.iter().all(|message| message.text.contains("librarian is frozen")), "{told:?}");
    let none = signal(&stage, &["captcha", "signalcaptcha://solved"]);
    assert!(said(&none).contains("wants no captcha"), "{}", said(&none));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_signal_takes_from_this_host_no_more_is_told_before_somebody_has_to_be_asked() {
    let (hook, letters) = (Web::start(200), Mail::start());
    let stage = stage(&hook, &letters, "canary = \"1s\"").await;
    let _delivering = Delivering::start(&stage);
    stage.phones.change(&json!({"notes": {"taken": false, "back": false}}));
    let told = hook.hears("canary_lost").body["text"].as_str().unwrap().to_owned();
    assert!(told.contains("takes nothing from this host's account"), "{told}");
    stage.phones.change(&json!({"notes": {"taken": true, "back": true}}));
    hook.hears("canary_back");
    let came_back = "reeve_signal_canary_total{outcome=\"came_back\"}";
    while !metrics(&stage).await.contains(came_back) {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    // Where one has come back, the next is expected to.
    stage.phones.change(&json!({"notes": {"taken": true, "back": false}}));
    let lost = || hook.so_far().iter().filter(|heard| heard.body["what"] == "canary_lost").count();
    eventually("the second", || (lost() == 2).then_some(()));
    assert!(stage.phones.so_far("alice").is_empty() && stage.phones.so_far("bob").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_that_signal_refuses_soon_is_told_and_examined() {
    let (hook, letters) = (Web::start(200), Mail::start());
    let mut stage = alarms::stage(&hook, &letters, "").await;
    let _delivering = Delivering::start(&stage);
    let examined = async |stage: &Stage| {
        let Answer::Document(report) = stage.call("operator", Call::Preflight).await.unwrap() else {
            panic!()
        };
        let checks = report["checks"].as_array().unwrap().clone();
        let age = checks.into_iter().find(|check| check["id"] == "signal-daemon-age");
        age.map(|check| check["status"].as_str().unwrap().to_owned())
    };
    stage.phones.change(&json!({"version": "999.0.0"}));
    stage.crash().await;
    while examined(&stage).await.as_deref() != Some("pass") {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    stage.phones.change(&json!({"version": "0.13.16"}));
    stage.crash().await;
    let told = hook.hears("old_daemon").body["text"].as_str().unwrap().to_owned();
    assert!(told.contains("signal-cli 0.13.16 is") && told.contains("Update it"), "{told}");
    assert_eq!(examined(&stage).await.as_deref(), Some("fail"));
    let text = metrics(&stage).await;
    assert!(text.contains("reeve_signal_daemon_info{version=\"0.13.16\"} 1"), "{text}");
    assert!(text.contains("reeve_approver_identity_ok{approver=\"alice\"} 1"), "{text}");
}
