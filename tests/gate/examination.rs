//! What the gate makes of root's examination of the host: what it shows, and what it refuses.

use reeve::gate::protocol::{Answer, Call, ProblemKind, State};
use serde_json::{Value, json};

use crate::launcher::a_moment;
use crate::phones::token;
use crate::stage::{Stage, kind, snapshot, zfs};

/// What root would write down.
fn examined(stage: &Stage, status: &str) {
    let check = json!({
        "id": "programs", "status": status, "required": true, "evidence": ["seen"], "command": "ls", "fix": "mend it",
    });
    let risk = json!({"place": "/etc/sudoers:1", "rule": "x ALL=NOPASSWD: ALL", "why": "anything"});
    let report = json!({"at_ms": 1, "boot": "b", "checks": [check], "sudoers": [risk]});
    // In one step, as root does it.
    stage.write("new.json", &report.to_string());
    std::fs::rename(stage.path("new.json"), stage.path("report.json")).unwrap();
}

async fn document(stage: &Stage, call: Call) -> Value {
    match stage.call("operator", call).await {
        Ok(Answer::Document(document)) => document,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_failed_examination_stops_changes_and_what_people_approve_and_reads_go_on() {
    let stage = Stage::set().await;
    let waiting = stage.submit("librarian", zfs("destroy", "tank/media@old")).await.unwrap();
    let asked = token(&stage.phones.messages("alice", 1)[0].text);
    examined(&stage, "fail");
    let locked = stage.until_recorded("lockdown", 1).remove(0);
    assert_eq!(locked["detail"]["on"], json!(true));

    let refused = stage.submit("librarian", snapshot("tank/media", "one")).await.unwrap_err();
    assert_eq!(refused.decision.unwrap().rule, "lockdown");
    assert_eq!(stage.submit("librarian", zfs("list", "tank/media")).await.unwrap().state, State::Succeeded);
    let before = stage.launcher.commands();
    stage.phones.says("alice", &format!("CONFIRM {asked}"));
    stage.until(&waiting.id, State::Failed).await;
    a_moment();
    assert_eq!(stage.launcher.commands(), before, "nothing ran");

    examined(&stage, "pass");
    assert_eq!(stage.until_recorded("lockdown", 2)[1]["detail"]["on"], json!(false));
    let done = stage.submit("librarian", snapshot("tank/media", "one")).await.unwrap();
    assert_eq!(done.state, State::Succeeded);
}

#[tokio::test]
async fn admins_read_what_was_found_and_nobody_else_does() {
    let stage = Stage::set().await;
    let never = document(&stage, Call::Preflight).await;
    assert_eq!((&never["status"], &never["lockdown"]), (&json!("could_not_check"), &Value::Null));
    assert_eq!(document(&stage, Call::WarnPermissions).await["warnings"], Value::Null);
    examined(&stage, "fail");
    stage.until_recorded("lockdown", 1);
    let found = document(&stage, Call::Preflight).await;
    assert_eq!((&found["status"], &found["checks"][0]["evidence"]), (&json!("fail"), &json!(["seen"])));
    let risky = document(&stage, Call::WarnPermissions).await;
    assert_eq!((&risky["warnings"], &risky["entries"][0]["place"]), (&json!(1), &json!("/etc/sudoers:1")));
    assert_eq!(stage.status().await.unwrap().sudoers_warnings, Some(1));
    for call in [Call::Preflight, Call::WarnPermissions] {
        assert_eq!(kind(stage.call("librarian", call).await), ProblemKind::Forbidden);
    }
}
