//! `kill -9` at each point of an operation's life.

use std::time::Duration;

use reeve::gate::protocol::{Call, State};
use serde_json::json;

use crate::launcher::Way;
use crate::phones::token;
use crate::stage::{LENIENT, PATIENCE, STRICT, Stage, snapshot, zfs};

impl Stage {
    /// Waits until the launcher has so many grants, without holding up what else is going on.
    pub(crate) async fn launcher_has(&self, count: usize) {
        let launcher = self.launcher.clone();
        tokio::task::spawn_blocking(move || launcher.wait_for(count)).await.unwrap();
    }

    /// Waits until the caller's newest operation is in that state.
    pub(crate) async fn until_there(&self, caller: &str, wanted: State) {
        let begun = std::time::Instant::now();
        loop {
            let call = Call::List { state: Some(wanted), kind: None, cursor: None, limit: 1 };
            let seen = self.call(caller, call).await.unwrap();
            if let reeve::gate::protocol::Answer::Operations { operations, .. } = &seen
                && !operations.is_empty()
            {
                return;
            }
            assert!(begun.elapsed() < PATIENCE, "not {wanted:?}: {seen:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

#[tokio::test]
async fn an_approval_waits_on_after_a_crash_and_what_people_were_sent_still_counts() {
    let mut stage = Stage::set().await;
    let op = stage.submit("librarian", zfs("destroy", "tank/media@old")).await.unwrap();
    let asked = token(&stage.phones.messages("alice", 1)[0].text);
    stage.crash().await;
    assert_eq!(stage.look("librarian", &op.id).await.unwrap().state, State::Pending);
    stage.phones.says("alice", &format!("CONFIRM {asked}"));
    stage.until(&op.id, State::Succeeded).await;
    assert_eq!(stage.launcher.commands(), ["destroy tank/media@old"]);
}

#[tokio::test]
async fn one_of_two_who_confirmed_is_remembered_after_a_crash() {
    let mut stage = Stage::set().await;
    let op = stage.submit("librarian", zfs("destroy", "tank/vm@old")).await.unwrap();
    let asked = token(&stage.phones.messages("alice", 1)[0].text);
    stage.phones.says("alice", &format!("CONFIRM {asked}"));
    stage.phones.messages("alice", 2);
    stage.crash().await;
    stage.phones.says("alice", &format!("CONFIRM {asked}"));
    stage.phones.messages("alice", 3);
    let waiting = stage.look("librarian", &op.id).await.unwrap();
    assert_eq!((waiting.state, waiting.approval.unwrap().given), (State::Pending, 1));
    stage.phones.says("bob", &format!("CONFIRM {asked}"));
    stage.until(&op.id, State::Succeeded).await;
}

#[tokio::test]
async fn people_who_were_not_told_before_a_crash_are_not_waited_for() {
    let mut stage = Stage::set().await;
    stage.phones.change(&json!({"withhold": "send"}));
    let client = stage.client();
    let call = Call::Submit {
        submission: crate::stage::submission(zfs("destroy", "tank/media@old")),
        idempotency_key: Some("key-1".to_owned()),
    };
    let asked = call.clone();
    let hung_up =
        tokio::spawn(async move { client.call(Some(crate::stage::principal("librarian")), asked).await });
    stage.until_there("librarian", State::Pending).await;
    stage.kill();
    assert!(hung_up.await.unwrap().is_err());
    stage.phones.change(&json!({"withhold": ""}));
    stage.start().await;
    let op = crate::stage::envelope(stage.call("librarian", call).await.unwrap());
    assert_eq!(op.state, State::Failed);
    assert!(stage.phones.so_far("alice").is_empty());
}

#[tokio::test]
async fn what_was_refused_stays_refused_after_a_crash() {
    let mut stage = Stage::set().await;
    let op = stage.submit("librarian", zfs("destroy", "tank/media@old")).await.unwrap();
    let asked = token(&stage.phones.messages("alice", 1)[0].text);
    stage.phones.votes("bob", 1, "DENY");
    stage.until(&op.id, State::Refused).await;
    stage.phones.messages("alice", 2);
    stage.crash().await;
    stage.phones.says("alice", &format!("CONFIRM {asked}"));
    stage.phones.messages("alice", 3);
    assert_eq!(stage.look("librarian", &op.id).await.unwrap().state, State::Refused);
    assert_eq!(stage.launcher.commands(), [""; 0]);
}

#[tokio::test]
async fn what_was_begun_is_never_begun_again() {
    let mut stage = Stage::with(LENIENT).await;
    stage.launcher.will(Way::Wait);
    let client = stage.client();
    let call = Call::Submit {
        submission: crate::stage::submission(snapshot("tank/media", "new")),
        idempotency_key: Some("key-1".to_owned()),
    };
    let asked = call.clone();
    let hung_up =
        tokio::spawn(async move { client.call(Some(crate::stage::principal("librarian")), asked).await });
    stage.launcher_has(1).await;
    stage.kill();
    assert!(hung_up.await.unwrap().is_err());
    stage.launcher.will(Way::Obey);
    stage.start().await;
    let op = crate::stage::envelope(stage.call("librarian", call).await.unwrap());
    stage.until(&op.id, State::Succeeded).await;
    assert_eq!(stage.launcher.commands(), ["snapshot tank/media@new"]);
}

#[tokio::test]
async fn what_still_runs_when_the_gate_comes_back_is_not_called_failed() {
    let mut stage = Stage::with(LENIENT).await;
    stage.launcher.will(Way::Wait);
    let client = stage.client();
    let call = Call::Submit {
        submission: crate::stage::submission(zfs("destroy", "tank/media@old")),
        idempotency_key: Some("key-1".to_owned()),
    };
    let asked = call.clone();
    let hung_up =
        tokio::spawn(async move { client.call(Some(crate::stage::principal("librarian")), asked).await });
    stage.launcher_has(1).await;
    stage.crash().await;
    assert!(hung_up.await.unwrap().is_err());
    // The tool, which the launcher started, goes on without the gate.
    tokio::time::sleep(Duration::from_secs(1)).await;
    stage.launcher.will(Way::Obey);
    let op = crate::stage::envelope(stage.call("librarian", call).await.unwrap());
    assert_ne!(op.state, State::Failed);
    stage.until(&op.id, State::Succeeded).await;
    assert_eq!(stage.launcher.commands(), ["destroy tank/media@old"]);
}

#[tokio::test]
async fn what_the_launcher_lost_sight_of_is_not_called_failed_while_it_may_still_run() {
    let stage = Stage::with(LENIENT).await;
    stage.launcher.will(Way::Vanish);
    let (op, ()) = tokio::join!(stage.submit("librarian", zfs("destroy", "tank/media@old")), async {
        stage.launcher_has(1).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        stage.zfs.remove("tank/media@old");
    });
    let op = op.unwrap();
    assert_ne!(op.state, State::Failed);
    stage.until(&op.id, State::Succeeded).await;
}

#[tokio::test]
async fn what_was_allowed_and_not_begun_does_not_outlive_the_rules_that_allowed_it() {
    let mut stage = Stage::with(LENIENT).await;
    stage.launcher.will(Way::Wait);
    let (first, second) = (stage.client(), stage.client());
    let submit = |operation| Call::Submit {
        submission: crate::stage::submission(operation),
        idempotency_key: Some("key-1".to_owned()),
    };
    let one = submit(snapshot("tank/media", "one"));
    let running =
        tokio::spawn(async move { first.call(Some(crate::stage::principal("librarian")), one).await });
    stage.launcher_has(1).await;
    let two = submit(zfs("destroy", "tank/archive@old"));
    let asked = two.clone();
    let waiting =
        tokio::spawn(async move { second.call(Some(crate::stage::principal("archivist")), asked).await });
    stage.until_there("archivist", State::Approved).await;
    stage.kill();
    assert!(running.await.unwrap().is_err() && waiting.await.unwrap().is_err());
    stage.write("policy.star", STRICT);
    stage.launcher.will(Way::Obey);
    stage.start().await;
    let op = crate::stage::envelope(stage.call("archivist", two).await.unwrap());
    let ended = stage.until_final(&op.id).await;
    assert_eq!(ended, State::Denied);
    assert!(stage.zfs.has("tank/archive@old"));
    assert_eq!(stage.launcher.commands(), ["snapshot tank/media@one"]);
}

#[tokio::test]
async fn nothing_else_changes_a_pool_while_what_a_crash_cut_off_may_still_run() {
    let mut stage = Stage::with(LENIENT).await;
    stage.launcher.will(Way::Wait);
    let (first, second) = (stage.client(), stage.client());
    let submit = |operation| Call::Submit {
        submission: crate::stage::submission(operation),
        idempotency_key: Some("key-1".to_owned()),
    };
    let (one, two) = (submit(snapshot("tank/media", "one")), submit(zfs("destroy", "tank/archive@old")));
    let (asked_one, asked_two) = (one.clone(), two.clone());
    let running =
        tokio::spawn(async move { first.call(Some(crate::stage::principal("librarian")), asked_one).await });
    stage.launcher_has(1).await;
    let waiting =
        tokio::spawn(async move { second.call(Some(crate::stage::principal("archivist")), asked_two).await });
    stage.until_there("archivist", State::Approved).await;
    stage.crash().await;
    assert!(running.await.unwrap().is_err() && waiting.await.unwrap().is_err());
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(stage.launcher.commands(), ["snapshot tank/media@one"]);
    stage.launcher.will(Way::Obey);
    for (caller, call) in [("librarian", one), ("archivist", two)] {
        let op = crate::stage::envelope(stage.call(caller, call).await.unwrap());
        stage.until(&op.id, State::Succeeded).await;
    }
    assert_eq!(stage.launcher.commands(), ["snapshot tank/media@one", "destroy tank/archive@old"]);
}

#[tokio::test]
async fn told_to_stop_it_ends_what_it_has_begun_and_begins_nothing() {
    let mut stage = Stage::with(LENIENT).await;
    stage.launcher.will(Way::Wait);
    let client = stage.client();
    let running = Call::Submit {
        submission: crate::stage::submission(snapshot("tank/media", "one")),
        idempotency_key: None,
    };
    let running =
        tokio::spawn(async move { client.call(Some(crate::stage::principal("librarian")), running).await });
    stage.launcher_has(1).await;
    stage.signal(nix::sys::signal::Signal::SIGTERM);
    tokio::time::sleep(Duration::from_millis(300)).await;
    stage.launcher.will(Way::Obey);
    stage.ended().await;
    drop(running.await.unwrap());
    let log = stage.read("log/audit.jsonl");
    let kinds =
        log.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["kind"].clone());
    let kinds: Vec<serde_json::Value> = kinds.filter(|kind| kind != "channel_state").collect();
    assert_eq!(
        kinds,
        ["gate_started", "decision", "grant_signed", "step_finished", "outcome", "gate_stopped"]
    );
}

impl Stage {
    async fn until_final(&self, id: &str) -> State {
        let call = Call::Get { op: id.to_owned(), wait_ms: 30_000, seen: 0 };
        crate::stage::envelope(self.call("operator", call).await.unwrap()).state
    }
}

#[tokio::test]
async fn a_tool_that_failed_after_it_did_its_work_is_looked_at() {
    let stage = Stage::with(LENIENT).await;
    stage.launcher.will(Way::Wait);
    let (op, ()) = tokio::join!(stage.submit("librarian", snapshot("tank/media", "new")), async {
        stage.launcher_has(1).await;
        stage.zfs.add("tank/media@new");
        stage.launcher.will(Way::Fail(1));
    });
    let op = op.unwrap();
    assert_eq!(op.exit_code, Some(1));
    assert!(op.verified.is_some(), "nobody looked: {op:?}");
}

#[tokio::test]
async fn why_an_operation_did_not_run_is_known_after_a_crash() {
    let mut stage = Stage::set().await;
    let op = stage.submit("librarian", zfs("destroy", "tank/media@old")).await.unwrap();
    stage.phones.messages("alice", 1);
    stage.write("policy.star", STRICT);
    stage.reload();
    stage.phones.votes("alice", 1, "CONFIRM");
    stage.until(&op.id, State::Denied).await;
    stage.crash().await;
    assert!(stage.look("librarian", &op.id).await.unwrap().error.is_some());
}
