//! Taking an approver out: told to everybody, refused where too few would be left.

use std::process::{Command, Output};

use reeve::gate::protocol::{Call, State};
use serde_json::json;

use crate::enrolling::at_the_console;
use crate::phones::token;
use crate::servers::eventually;
use crate::stage::{ALICE, BOB, Stage, zfs};

fn remove(stage: &Stage, name: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_reeve"));
    command.args(["approver", "--config"]).arg(stage.path("gate.toml")).args(["remove", name]);
    command.arg("--socket").arg(stage.path("gate.sock")).args(["--gate-user", "root"]);
    command.output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8([output.stdout.clone(), output.stderr.clone()].concat()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_taken_out_decides_nothing_more_and_everybody_hears_of_it() {
    let stage = at_the_console().await;
    let gone = remove(&stage, "bob");
    assert_eq!((gone.status.code(), said(&gone).as_str()), (Some(0), "bob may approve no more\n"));
    assert!(!stage.read("gate.toml").contains("bob") && stage.read("gate.toml").contains("alice"));
    for who in ["alice", "bob"] {
        let told =
            || stage.phones.so_far(who).iter().any(|one| one.text.contains("- bob may approve no more"));
        eventually("a word", || told().then_some(()));
    }
    // Who may not approve may still have something stopped, and not let it go on.
    let who = Some("librarian".to_owned());
    assert!(stage.ask_as(BOB, &Call::Freeze { who: who.clone(), why: None }).unwrap().is_ok());
    assert!(stage.ask_as(BOB, &Call::Thaw { who: who.clone() }).unwrap().is_err());
    assert!(stage.ask_as(ALICE, &Call::Thaw { who }).unwrap().is_ok());
    let record = stage.records("config_reloaded").pop().unwrap();
    assert_eq!(record["detail"]["narrower"], json!(["- bob may approve no more"]));
    let unknown = remove(&stage, "bob");
    assert_eq!(unknown.status.code(), Some(1), "{}", said(&unknown));
}

#[tokio::test(flavor = "multi_thread")]
async fn where_too_few_would_be_left_nobody_is_taken_out_and_it_says_what_to_do() {
    let mut stage = Stage::set().await;
    let op = stage.submit("librarian", zfs("destroy", "tank/vm@old")).await.unwrap();
    let secret = token(&stage.phones.messages("alice", 1)[0].text);
    let config = stage.read("gate.toml");
    stage.kill();
    let here = config.replace("front_user = \"root\"", "front_user = \"mallory\"");
    stage.write("gate.toml", &here);
    stage.start().await;
    let refused = remove(&stage, "bob");
    assert_eq!(refused.status.code(), Some(3), "{}", said(&refused));
    for words in [
        "`zfs destroy tank/vm@old`: it takes 2 of storage",
        "reeve approver add",
        "reeve approver recover bob",
    ] {
        assert!(said(&refused).contains(words), "{words} is not in {}", said(&refused));
    }
    assert_eq!(stage.read("gate.toml"), here, "nothing was changed");
    for who in ["alice", "bob"] {
        stage.phones.says(who, &format!("CONFIRM {secret}"));
    }
    // Two are enough, and it is done before the gate goes: people hear of it when it is kept.
    for who in ["alice", "bob"] {
        let told =
            || stage.phones.so_far(who).iter().any(|one| one.text.contains("done, and the host shows it"));
        eventually("the outcome", || told().then_some(()));
    }
    stage.kill();
    stage.write("gate.toml", &config);
    stage.start().await;
    stage.until(&op.id, State::Succeeded).await;
}

/// `gate.toml` without somebody's entry, as an editor leaves it.
fn without(config: &str, name: &str) -> String {
    let mut parts = config.split("[[approver]]");
    let head = parts.next().unwrap().to_owned();
    let others = parts.filter(|part| !part.contains(&format!("name = \"{name}\"")));
    head + &others.map(|part| format!("[[approver]]{part}")).collect::<String>()
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_out_of_the_file_already_is_not_counted_as_left() {
    let stage = at_the_console().await;
    // A change of the rules takes one of storage, and nobody has reloaded what was cut out by hand.
    let cut = without(&stage.read("gate.toml"), "bob");
    stage.write("gate.toml", &cut);
    let refused = remove(&stage, "alice");
    assert_eq!(refused.status.code(), Some(3), "{}", said(&refused));
    assert!(
        said(&refused).contains("bob may approve less by gate.toml than is in force"),
        "{}",
        said(&refused)
    );
    assert_eq!(stage.read("gate.toml"), cut, "nothing was changed");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_in_the_file_without_the_group_that_is_asked_for_is_not_counted_as_left() {
    let stage = at_the_console().await;
    let moved = stage.read("gate.toml").replace("[\"storage\", \"owners\"]", "[\"owners\"]");
    stage.write("gate.toml", &moved);
    let refused = remove(&stage, "alice");
    assert_eq!(refused.status.code(), Some(3), "{}", said(&refused));
    assert_eq!(stage.read("gate.toml"), moved, "nothing was changed");
}
