//! What cannot be recorded does not happen, and what has happened is recorded.

use reeve::gate::protocol::{Call, NetworkEvent, ProblemKind, State};

use crate::launcher::{Way, a_moment};
use crate::stage::{LENIENT, Stage, kind, snapshot, zfs};

const LOG: &str = "log/audit.jsonl";
const AWAY: &str = "log/away";

impl Stage {
    /// The log's file is moved away: no record can be appended to it.
    fn take_the_log_away(&self) {
        std::fs::rename(self.path(LOG), self.path(AWAY)).unwrap();
    }

    fn give_the_log_back(&self) {
        std::fs::rename(self.path(AWAY), self.path(LOG)).unwrap();
    }
}

#[tokio::test]
async fn without_an_audit_log_nothing_runs_and_with_it_again_all_goes_on() {
    let stage = Stage::with(LENIENT).await;
    stage.take_the_log_away();
    for operation in
        [zfs("list", "tank/media"), snapshot("tank/media", "new"), zfs("destroy", "tank/media@old")]
    {
        let answer = stage.submit("librarian", operation).await;
        assert_eq!(kind(answer), ProblemKind::AuditUnavailable);
    }
    assert_eq!(kind(stage.call("operator", Call::Reload).await), ProblemKind::AuditUnavailable);
    let evaluate =
        Call::Evaluate { tool: "x".to_owned(), args: Default::default(), context: Default::default() };
    assert_eq!(kind(stage.call("librarian", evaluate).await), ProblemKind::AuditUnavailable);
    assert_eq!(stage.launcher.commands(), [""; 0]);
    assert!(!stage.status().await.unwrap().audit);

    stage.give_the_log_back();
    let done = stage.submit("librarian", snapshot("tank/media", "new")).await.unwrap();
    assert_eq!(done.state, State::Succeeded);
    assert!(stage.status().await.unwrap().audit);
    assert_eq!(stage.launcher.commands(), ["snapshot tank/media@new"]);
}

#[tokio::test]
async fn a_file_of_the_log_is_as_large_as_the_configuration_says_and_then_makes_room_for_the_next() {
    let mut stage = Stage::set().await;
    let files = |stage: &Stage| std::fs::read_dir(stage.path("log")).unwrap().count();
    let fill = async |stage: &Stage| {
        let why = Some("x".repeat(300_000));
        let note = Call::Note(NetworkEvent::Reloaded { why, changed: Vec::new() });
        stage.client().call(None, note).await.unwrap();
    };
    for _ in 0..5 {
        fill(&stage).await;
    }
    assert_eq!(files(&stage), 1, "100 MiB, when nobody says");
    stage
        .write("gate.toml", &stage.read("gate.toml").replace("[audit]\n", "[audit]\nrotate_megabytes = 2\n"));
    stage.crash().await;
    assert_eq!(files(&stage), 1);
    for _ in 0..3 {
        fill(&stage).await;
    }
    assert_eq!(files(&stage), 2);
    let full = std::fs::metadata(stage.path("log/audit-000000000001.jsonl")).unwrap().len();
    assert!((2 << 20..(2 << 20) + 400_000).contains(&full), "{full}");
    let report = reeve::audit::verify::verify(&stage.path("log"), &Default::default());
    assert!(report.ok, "{report}");
}

#[tokio::test]
async fn a_refusal_that_cannot_be_recorded_is_no_verdict() {
    let stage = Stage::set().await;
    stage.take_the_log_away();
    let denied = stage.submit("librarian", zfs("destroy", "tank/archive@old")).await;
    assert_eq!(kind(denied), ProblemKind::AuditUnavailable);
}

#[tokio::test]
async fn people_are_not_asked_what_cannot_be_recorded() {
    let stage = Stage::set().await;
    stage.take_the_log_away();
    let answer = stage.submit("librarian", zfs("destroy", "tank/media@old")).await;
    assert_eq!(kind(answer), ProblemKind::AuditUnavailable);
    stage.give_the_log_back();
    a_moment();
    assert!(stage.phones.so_far("alice").is_empty());
}

#[tokio::test]
async fn a_vote_that_cannot_be_recorded_does_not_count_and_can_be_cast_again() {
    let stage = Stage::set().await;
    let op = stage.submit("librarian", zfs("destroy", "tank/media@old")).await.unwrap();
    stage.phones.messages("alice", 1);
    stage.take_the_log_away();
    stage.phones.votes("alice", 1, "CONFIRM");
    let answer = stage.phones.messages("alice", 2).pop().unwrap();
    assert!(!answer.text.contains('✅'), "{}", answer.text);
    assert_eq!(stage.look("librarian", &op.id).await.unwrap().state, State::Pending);
    assert_eq!(stage.launcher.commands(), [""; 0]);

    stage.give_the_log_back();
    let prompt = stage.phones.messages("alice", 2).remove(0);
    stage.phones.says("alice", &format!("CONFIRM {}", crate::phones::token(&prompt.text)));
    stage.until(&op.id, State::Succeeded).await;
    assert_eq!(stage.launcher.commands(), ["destroy tank/media@old"]);
}

#[tokio::test]
async fn what_has_run_while_the_log_went_away_is_recorded_once_it_is_back() {
    let stage = Stage::with(LENIENT).await;
    stage.launcher.will(Way::Wait);
    let (ended, ()) = tokio::join!(stage.submit("librarian", snapshot("tank/media", "new")), async {
        stage.launcher_has(1).await;
        stage.take_the_log_away();
        stage.launcher.will(Way::Obey);
        a_moment();
        let now =
            stage.call("operator", Call::List { state: None, kind: None, cursor: None, limit: 1 }).await;
        assert!(now.is_ok());
        a_moment();
        stage.give_the_log_back();
    });
    assert_eq!(ended.unwrap().state, State::Succeeded);
    assert_eq!(stage.records("outcome").len(), 1);
}

#[tokio::test]
async fn every_step_is_in_the_log_before_the_next() {
    let stage = Stage::set().await;
    let op = stage.submit("librarian", zfs("destroy", "tank/media@old")).await.unwrap();
    stage.phones.votes("alice", 1, "CONFIRM");
    stage.until(&op.id, State::Succeeded).await;
    let log = stage.read(LOG);
    let of_op = log.lines().filter(|line| line.contains(&op.id));
    let kinds: Vec<String> = of_op
        .map(|line| {
            serde_json::from_str::<serde_json::Value>(line).unwrap()["kind"].as_str().unwrap().to_owned()
        })
        .collect();
    assert_eq!(kinds, ["decision", "approval_asked", "vote", "grant_signed", "step_finished", "outcome"]);
}
