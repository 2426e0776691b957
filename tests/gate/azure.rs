//! What is done at Azure: by a grant for each look, as one user, whoever asks.

use reeve::gate::protocol::State;
use reeve::grant::{RunAs, WrapperName};
use serde_json::{Value, json};

use crate::launcher::Way;
use crate::phones::{Message, token};
use crate::rules::rule;
use crate::servers::eventually;
use crate::stage::{LENIENT, Stage};

const CONTRACT: &str = r#"principal = "librarian"
roles = ["agent"]
run_as = "alice"

[[allow]]
operations = ["azure.resources", "azure.app", "azure.scale"]
azure = ["main/rg"]

[[allow]]
operations = ["azure.restart", "azure.delete"]
azure = ["main/spare"]
"#;

const OLD: &str = "main/spare/microsoft.app/containerapps/old";
/// What the policy says that hosts begin with: people decide on what destroys.
const CAREFUL: &str = "def evaluate(tool, args, context):\n    if context[\"effect\"] == \"destroy\":\n        return review(\"destroying needs a person\", group = \"storage\")\n    return allow(\"free\")\n";

fn azure(op: &str, resource: &str, params: Value) -> Value {
    json!({"kind": "azure", "op": op, "resource": resource, "params": params})
}

async fn stage() -> Stage {
    staged(LENIENT).await
}

async fn staged(policy: &str) -> Stage {
    let mut stage = Stage::with(policy).await;
    stage.write("contracts/librarian.toml", CONTRACT);
    stage.crash().await;
    stage
}

#[tokio::test]
async fn every_look_at_azure_is_granted_for_its_one_argv_and_its_own_user() {
    let stage = stage().await;
    stage.launcher.will(Way::Fail(20));
    let read = stage.submit("librarian", azure("app", "main/rg/shop", json!({}))).await.unwrap();
    assert_eq!((read.state, read.error.as_deref()), (State::Failed, Some("there is no main/rg/shop")));
    let scale = azure("scale", "main/rg/shop", json!({"min": 1, "max": 2}));
    assert_eq!(rule(stage.submit("librarian", scale.clone()).await), "azure-not-found");
    stage.launcher.will(Way::Fail(21));
    assert_eq!(rule(stage.submit("librarian", scale).await), "host-unreadable");
    let granted = stage.launcher.granted();
    assert_eq!(stage.launcher.commands(), vec!["azure app main rg shop"; 3]);
    for grant in granted {
        assert_eq!((grant.wrapper, grant.program.as_str()), (WrapperName::Azure, "/usr/local/bin/reeve"));
        assert_eq!(grant.run_as, RunAs::User("reeve-azure".to_owned()));
    }
}

#[tokio::test]
async fn what_a_contract_does_not_have_of_azure_is_not_looked_at() {
    let stage = stage().await;
    for (op, resource) in [("resources", "main/rg2"), ("app", "other/rg/shop")] {
        let refused = stage.submit("librarian", azure(op, resource, json!({}))).await;
        assert_eq!(rule(refused), "contract-resource", "{resource}");
    }
    let refused = stage.submit("librarian", azure("delete", "main/rg", json!({}))).await;
    assert_eq!(rule(refused), "contract-resource");
    let refused = stage.submit("librarian", azure("groups", "main", json!({}))).await;
    assert_eq!(rule(refused), "contract-operation");
    assert!(stage.launcher.granted().is_empty());
}

/// What `reeve azure claimed` says of the one resource that is this host's, as it is then.
fn claimed(version: u32) -> String {
    let one = json!({
        "name": "microsoft.app/containerapps/old",
        "id": "/subscriptions/s/resourceGroups/spare/providers/Microsoft.App/containerApps/old",
        "kind": "Microsoft.App/containerApps", "location": "westeurope", "state": "Succeeded",
        "created": "2026-11-01T10:00:00Z", "version": format!("etag {version}"), "etag": version.to_string(),
        "mark": format!("{version:064x}"), "host": "claims", "tag": "claims",
    });
    said(json!({"claimed": [one]}))
}

fn said(answer: Value) -> String {
    json!({"answer": answer}).to_string() + "\n"
}

fn delete() -> Value {
    azure("delete", OLD, json!({}))
}

/// The question that people were sent, among what else they were told.
fn asked(stage: &Stage) -> Message {
    eventually("a question", || {
        stage.phones.so_far("alice").into_iter().find(|one| one.text.contains("CONFIRM "))
    })
}

fn steps(stage: &Stage) -> Vec<String> {
    stage.launcher.commands().into_iter().filter(|line| line.starts_with("azure delete")).collect()
}

#[tokio::test]
async fn a_deletion_at_azure_waits_for_a_person_who_says_its_name_and_is_seen_to_be_gone() {
    let stage = staged(CAREFUL).await;
    stage.launcher.says("azure claimed", &claimed(1), 0);
    let op = stage.submit("librarian", delete()).await.unwrap();
    assert_eq!(op.state, State::Pending);
    let prompt = asked(&stage);
    assert!(prompt.text.contains(OLD) && prompt.text.contains("NO UNDO"), "{}", prompt.text);
    stage.phones.says("alice", &format!("CONFIRM {}", token(&prompt.text)));
    let told = || stage.phones.so_far("alice").into_iter().find(|one| one.text.contains("Not counted"));
    eventually("that it does not count", told);
    assert!(steps(&stage).is_empty(), "a yes without the name is none");
    stage.launcher.says("azure delete", &said(json!("deleted")), 0);
    stage.launcher.says("azure there", &said(json!({"there": false})), 0);
    stage.phones.says("alice", &format!("CONFIRM {} {OLD}", token(&prompt.text)));
    let done = stage.until(&op.id, State::Succeeded).await;
    assert_eq!(done.verified, Some(true));
    let deleted = format!("azure delete main spare microsoft.app/containerapps/old {:064x}", 1);
    assert_eq!(steps(&stage), [deleted]);
}

#[tokio::test]
async fn what_moved_at_azure_under_a_yes_is_put_to_people_anew_and_not_deleted() {
    let stage = staged(CAREFUL).await;
    stage.launcher.says("azure claimed", &claimed(1), 0);
    let op = stage.submit("librarian", delete()).await.unwrap();
    let prompt = asked(&stage);
    stage.launcher.says("azure claimed", &claimed(2), 0);
    stage.phones.says("alice", &format!("CONFIRM {} {OLD}", token(&prompt.text)));
    stage.until_recorded("approval_asked", 2);
    let waiting = stage.until(&op.id, State::Pending).await;
    assert_eq!(waiting.approval.unwrap().given, 0);
    assert!(steps(&stage).is_empty());
}

#[tokio::test]
async fn a_deletion_that_was_begun_and_not_seen_to_end_is_unknown_until_it_is_seen() {
    let mut stage = stage().await;
    stage.launcher.says("azure claimed", &claimed(1), 0);
    stage.launcher.says("azure delete", "reeve azure: Azure cannot be reached\n", 26);
    stage.launcher.says("azure there", &said(json!({"there": true})), 0);
    let op = stage.submit("librarian", delete()).await.unwrap();
    let unknown = stage.until(&op.id, State::Unknown).await;
    let error = unknown.error.unwrap();
    assert_eq!(error, format!("end-unseen; 1 still there: {OLD}"));
    stage.launcher.says("azure there", "reeve azure: HTTP 403 AuthorizationFailed\n", 21);
    stage.crash().await;
    assert_eq!(stage.look("librarian", &op.id).await.unwrap().state, State::Unknown);
    stage.launcher.says("azure there", &said(json!({"there": false})), 0);
    stage.crash().await;
    let done = stage.until(&op.id, State::Succeeded).await;
    assert_eq!((done.verified, steps(&stage).len()), (Some(true), 1));
}

#[tokio::test]
async fn what_azure_refuses_to_delete_has_failed_by_azures_own_code() {
    let stage = stage().await;
    stage.launcher.says("azure claimed", &claimed(1), 0);
    for (said, code, told) in [
        ("reeve azure: HTTP 409 ScopeLocked\n", 23, "conflict (ScopeLocked)"),
        ("reeve azure: Failed (InUse)\n", 24, "unrecognised (InUse)"),
        ("reeve azure: it is not as it was when it was planned\n", 27, "moved"),
        ("reeve azure: not both the list of this host and the tag claim it\n", 28, "unclaimed"),
    ] {
        stage.launcher.says("azure delete", said, code);
        let op = stage.submit("librarian", delete()).await.unwrap();
        let failed = stage.until(&op.id, State::Failed).await;
        assert_eq!((failed.error.as_deref(), failed.exit_code), (Some(told), Some(code)));
    }
}

#[tokio::test]
async fn a_restart_at_azure_is_within_the_contract_that_grants_its_group() {
    let stage = stage().await;
    let revision = json!({"name": "shop--1", "created": "2026-11-01T10:00:00Z", "running": "Running", "traffic": 100, "min": 1, "max": 3, "replicas": ["a"]});
    let app = json!({"name": "shop", "id": "/x", "location": "westeurope", "state": "Succeeded", "running": "Running",
        "min": 1, "max": 2, "revisions": [revision], "tags": {}});
    stage.launcher.says("azure app", &said(json!({"app": app})), 0);
    stage.launcher.says("azure restart", &said(json!({"restarted": {"shop--1": 1}})), 0);
    let op = stage.submit("librarian", azure("restart", "main/spare/shop", json!({}))).await.unwrap();
    let done = stage.until(&op.id, State::Succeeded).await;
    assert_eq!(done.result, Some(json!({"replaced": {"shop--1": 1}, "output": null})));
}
