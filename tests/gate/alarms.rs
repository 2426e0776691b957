//! When people cannot be asked, they are told: from the gate, by the process that delivers, to a server that checks signatures.

use std::process::{Child, Command};

use reeve::gate::protocol::{Answer, Call, ProblemKind, State};
use serde_json::Value;

use crate::phones::{Phones, token};
use crate::servers::{Heard, KEY, Mail, Web, eventually};
use crate::stage::{Stage, kind, zfs};

/// What delivers, until it is dropped.
pub(crate) struct Delivering(Child);

impl Delivering {
    pub(crate) fn start(stage: &Stage) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_reeve"));
        command.args(["alarms", "deliver", "--config"]).arg(stage.path("alarms.toml"));
        Self(command.spawn().unwrap())
    }
}

impl Drop for Delivering {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

/// A host whose alarms go to these servers.
pub(crate) async fn stage(hook: &Web, letters: &Mail, more: &str) -> Stage {
    let mut stage = Stage::set().await;
    for folder in ["alarms", "alarms/waiting", "alarms/told"] {
        std::fs::create_dir(stage.path(folder)).unwrap();
    }
    stage.write("alarms/key", KEY);
    let alarms = stage.path("alarms");
    let alarms = alarms.to_str().unwrap();
    let config = format!(
        "user = \"root\"\ndirectory = \"{alarms}\"\n{more}\n[[webhook]]\nname = \"ops\"\nurl = \"http://127.0.0.1:{}\"\nkey = \"{alarms}/key\"\n[[mail]]\nname = \"oncall\"\nserver = \"smtp://127.0.0.1:{}\"\nfrom = \"reeve@host01.example\"\nto = [\"alice@h.example\"]\n",
        hook.port, letters.port
    );
    stage.write("alarms.toml", &config);
    let gate = format!("alarms = {:?}\n{}", stage.path("alarms.toml"), stage.read("gate.toml"));
    stage.write("gate.toml", &gate);
    stage.crash().await;
    stage
}

async fn is_down(stage: &Stage) {
    while stage.status().await.is_none_or(|status| status.approvals != "down") {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

pub(crate) async fn metrics(stage: &Stage) -> String {
    let Answer::Text(text) = stage.call("operator", Call::Metrics).await.unwrap() else { panic!() };
    text
}

fn about(heard: &[Heard], what: &str) -> usize {
    heard.iter().filter(|heard| heard.body["what"] == what).count()
}

fn details(stage: &Stage, state: &str) -> Vec<Value> {
    let records = stage.records("alarm").into_iter().map(|record| record["detail"].clone());
    records.filter(|detail| detail["state"] == state).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn people_who_cannot_be_asked_are_told_by_another_way_once_and_that_it_is_over() {
    let (hook, letters) = (Web::start(200), Mail::start());
    let mut stage = stage(&hook, &letters, "down_for = \"2s\"").await;
    let _delivering = Delivering::start(&stage);
    stage.phones.crash();
    is_down(&stage).await;
    for _ in 0..3 {
        let refused = stage.submit("librarian", zfs("destroy", "tank/media@old")).await;
        assert_eq!(kind(refused), ProblemKind::NoChannel);
    }
    let told = hook.hears("not_asked");
    let text = told.body["text"].as_str().unwrap();
    assert!(text.contains("host01: librarian asked for zfs.destroy") && text.contains("0 of"), "{text}");
    hook.hears("channel_down");
    letters.hears("To: alice@h.example");
    // Another one is told of each for themselves; the same one only once in a while.
    let refused = stage.submit("archivist", zfs("destroy", "tank/archive@old")).await;
    assert_eq!(kind(refused), ProblemKind::NoChannel);
    eventually("the second", || (about(&hook.so_far(), "not_asked") == 2).then_some(()));
    let said = metrics(&stage).await;
    assert!(said.contains("reeve_alarms_raised_total{outcome=\"quiet\",what=\"not_asked\"} 2"), "{said}");
    stage.phones = Phones::start(stage.path("gate.toml").parent().unwrap());
    hook.hears("channel_up");
    eventually("the end of each", || (details(&stage, "told").len() >= 8).then_some(()));
    let raised: Vec<Value> = details(&stage, "raised").iter().map(|detail| detail["what"].clone()).collect();
    assert_eq!(raised.len(), 4, "{raised:?}");
    assert!(details(&stage, "told").iter().all(|told| told["tries"] == 1 && told["why"].is_null()));
    // What waits for people can be asked again, and nothing is left behind.
    assert!(stage.submit("librarian", zfs("destroy", "tank/media@old")).await.is_ok());
    let waits = || std::fs::read_dir(stage.path("alarms/waiting")).unwrap().count();
    eventually("an empty folder", || (waits() == 0).then_some(()));
    assert!(hook.so_far().iter().all(|heard| !heard.body.to_string().contains("tank")));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_for_people_who_are_lost_meanwhile_is_told_without_its_token() {
    let (hook, letters) = (Web::start(200), Mail::start());
    let stage = stage(&hook, &letters, "down_for = \"2s\"\nleast_reachable = 2").await;
    let _delivering = Delivering::start(&stage);
    let op = stage.submit("librarian", zfs("destroy", "tank/vm@old")).await.unwrap();
    let secret = token(&stage.phones.messages("alice", 1)[0].text);
    stage.phones.has_new_key("bob", '9');
    // Asking bob is when it shows that bob's account is somebody else's now.
    stage.submit("librarian", zfs("destroy", "tank/media@old")).await.unwrap();
    let told = hook.hears("waits_in_vain").body["text"].as_str().unwrap().to_owned();
    assert!(told.contains(&op.id) && told.contains("1 of those it needs"), "{told}");
    assert!(hook.hears("too_few_reachable").body["text"].as_str().unwrap().contains("1 of the approvers"));
    let all: String = hook.so_far().iter().map(|heard| heard.body.to_string()).collect();
    let bare = |text: &str| text.replace('-', "");
    assert!(!bare(&all).contains(&bare(&secret)) && !stage.read("log/audit.jsonl").contains(&secret));
    assert_eq!(stage.look("librarian", &op.id).await.unwrap().state, State::Pending);
}

#[tokio::test(flavor = "multi_thread")]
async fn alarms_outlive_a_crash_of_the_gate_and_that_nobody_delivers_is_known() {
    let (hook, letters) = (Web::start(200), Mail::start());
    let mut stage = stage(&hook, &letters, "most_waiting = 1").await;
    stage.phones.crash();
    is_down(&stage).await;
    for caller in ["librarian", "archivist"] {
        let dataset = if caller == "librarian" { "tank/media@old" } else { "tank/archive@old" };
        assert_eq!(kind(stage.submit(caller, zfs("destroy", dataset)).await), ProblemKind::NoChannel);
        stage.until_recorded("alarm", if caller == "librarian" { 1 } else { 2 });
    }
    let dropped = "reeve_alarms_raised_total{outcome=\"dropped\",what=\"not_asked\"} 1";
    while !metrics(&stage).await.contains(dropped) {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    stage.phones = Phones::start(stage.path("gate.toml").parent().unwrap());
    stage.crash().await;
    assert!(hook.so_far().is_empty());
    let _delivering = Delivering::start(&stage);
    assert!(hook.hears("not_asked").body["text"].as_str().unwrap().contains("librarian"));
    eventually("its end", || (details(&stage, "told").len() == 2).then_some(()));
}
