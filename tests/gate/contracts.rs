//! What a contract bounds besides names, as the gate holds it: how often, why and with which parameters, and its version on record.

use reeve::gate::protocol::{Answer, Call, ProblemKind, State};
use serde_json::{Value, json};

use crate::rules::{NARROW, rule};
use crate::stage::{LENIENT, POLICY, Stage, engine, snapshot, submission, zfs};

const BOUNDED: &str = r#"principal = "librarian"
roles = ["agent"]

[[allow]]
operations = ["zfs.snapshot"]
datasets = ["tank/media"]
max_per_hour = 2
require_reason = true
where = { "/name" = { prefix = "daily-" } }
"#;

fn with_reason(name: &str) -> reeve::operation::Submission {
    let reason = Some("nightly".to_owned());
    reeve::operation::Submission { reason, ..submission(snapshot("tank/media", name)) }
}

#[tokio::test]
async fn a_contracts_bounds_hold_at_the_gate_and_what_was_done_counts_beyond_a_restart() {
    let mut stage = Stage::with(LENIENT).await;
    stage.write("contracts/librarian.toml", BOUNDED);
    stage.reload();
    assert_eq!(rule(stage.submit("librarian", snapshot("tank/media", "daily-0")).await), "contract-reason");
    assert_eq!(rule(stage.submit_with("librarian", with_reason("x"), None).await), "contract-constraint");
    // A preview is no submission, and foresees what one would come to.
    let plan = || Call::Plan { submission: with_reason("daily-1") };
    assert!(
        matches!(stage.call("librarian", plan()).await, Ok(Answer::Plan { decision, .. }) if decision.verdict == "deny")
    );
    stage.crash().await;
    for name in ["daily-1", "daily-2"] {
        assert_eq!(
            stage.submit_with("librarian", with_reason(name), None).await.unwrap().state,
            State::Succeeded
        );
    }
    stage.crash().await;
    assert_eq!(rule(stage.submit_with("librarian", with_reason("daily-3"), None).await), "contract-rate");
    assert_eq!(stage.launcher.commands(), ["snapshot tank/media@daily-1", "snapshot tank/media@daily-2"]);
}

#[tokio::test]
async fn what_is_offered_counts_as_if_it_were_asked_for() {
    let stage = Stage::with(NARROW).await;
    let wide = |name: &str| json!({"kind": "zfs", "op": "snapshot", "resource": "tank/media", "params": {"name": name, "recursive": true}});
    for (most, offered) in [(1, 0), (3, 1)] {
        let contract = format!(
            "principal = \"librarian\"\nroles = [\"agent\"]\n\n[[allow]]\noperations = [\"zfs.snapshot\"]\n\
             datasets = [\"tank/media\"]\nmax_per_hour = {most}\n"
        );
        stage.write("contracts/librarian.toml", &contract);
        stage.reload();
        let refused = stage.submit("librarian", wide("x")).await.unwrap_err();
        assert_eq!(refused.alternatives.len(), offered, "{most}: {refused:?}");
    }
}

#[tokio::test]
async fn the_version_of_the_contract_stands_in_answers_and_in_every_record_of_an_operation() {
    let stage = Stage::set().await;
    let digest = reeve::operation::Digest::of_bytes(stage.read("contracts/librarian.toml").as_bytes());
    let op = stage.submit("librarian", zfs("destroy", "tank/media@old")).await.unwrap();
    assert_eq!(op.decision.unwrap().contract.as_deref(), Some(digest.as_str()));
    stage.phones.votes("alice", 1, "CONFIRM");
    stage.until(&op.id, State::Succeeded).await;
    for kind in ["decision", "approval_asked", "vote", "outcome"] {
        let records = stage.records(kind);
        let of_it: Vec<&Value> =
            records.iter().filter(|record| record["operation"] == op.id.as_str()).collect();
        assert!(!of_it.is_empty(), "{kind}");
        assert!(
            of_it.iter().all(|record| record["detail"]["contract"] == digest.as_str()),
            "{kind}: {of_it:?}"
        );
    }
}

#[tokio::test]
async fn what_a_decision_was_made_from_is_in_its_record_and_decides_the_same_again() {
    let stage = Stage::set().await;
    stage.submit("librarian", zfs("destroy", "tank/media@old")).await.unwrap();
    let record = stage.records("decision").pop().unwrap();
    let input: reeve::policy::Input = serde_json::from_value(record["detail"]["input"].clone()).unwrap();
    assert_eq!((input.verdict.as_str(), input.contract.as_str()), ("review", "allow"));
    assert_eq!(
        (input.asked.tool.as_str(), input.asked.context["agent_id"].as_str()),
        ("zfs.destroy", Some("librarian"))
    );
    assert_eq!(input.asked.context["effects"]["objects"][0]["name"], "tank/media@old");
    let keys: Vec<&str> = input.asked.context.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys, reeve::policy::CONTEXT, "what is told of circumstances is what check knows of them");
    assert_eq!(input.asked.context["recent"]["tools"], json!({"zfs.destroy": 1}));
    let engine = engine(POLICY).await;
    let again = engine.decide(&input.asked.input()).await;
    assert_eq!((again.verdict, again.rule), (input.verdict, input.rule));
}

#[tokio::test]
async fn each_caller_is_shown_the_entries_of_its_own_contract() {
    let stage = Stage::set().await;
    let shown = async |caller: &str| {
        let Answer::Document(catalogue) = stage.call(caller, Call::Catalogue).await.unwrap() else {
            panic!()
        };
        let operations = catalogue["operations"].as_array().unwrap();
        let destroy = operations.iter().find(|entry| entry["kind"] == "zfs" && entry["op"] == "destroy");
        (destroy.unwrap()["contract"].clone(), catalogue["contract"].clone())
    };
    let (librarian, archivist) = (shown("librarian").await, shown("archivist").await);
    assert_eq!(librarian.0[0]["datasets"], json!(["tank/media", "tank/vm"]));
    assert_eq!(archivist.0[0]["datasets"], json!(["tank/archive", "tank/media/films"]));
    assert_ne!(librarian.1, archivist.1);
    assert_eq!(shown("operator").await.0, json!([]));
}

#[tokio::test]
async fn the_directory_shows_each_caller_its_own_contract_and_of_others_not_even_that_they_are_there() {
    let stage = Stage::set().await;
    let look = async |caller: &str, handle: &str| match stage
        .call(caller, Call::Directory { handle: handle.to_owned() })
        .await
    {
        Ok(Answer::Document(document)) => Ok(document),
        Ok(other) => panic!("{other:?}"),
        Err(problem) => Err(problem),
    };
    let own = look("librarian", "librarian").await.unwrap();
    assert_eq!(own["operations"], json!(["zfs.list", "zfs.snapshot", "zfs.rollback", "zfs.destroy"]));
    assert_eq!(own["entries"][0]["datasets"], json!(["tank/media", "tank/vm"]));
    let digest = reeve::operation::Digest::of_bytes(stage.read("contracts/librarian.toml").as_bytes());
    assert_eq!((&own["roles"], &own["contract"]), (&json!(["agent"]), &json!(digest)));
    let (another, nobody) = (look("librarian", "archivist").await, look("librarian", "nobody").await);
    assert_eq!(another.as_ref().unwrap_err().kind, ProblemKind::NotFound);
    assert_eq!(another, nobody, "who is there and who is not look the same");
    assert_eq!(look("librarian", "../librarian").await, nobody);
    let seen = look("operator", "archivist").await.unwrap();
    assert_eq!(seen["entries"][0]["datasets"], json!(["tank/archive", "tank/media/films"]));
    assert_eq!(look("operator", "operator").await.unwrap()["entries"], json!([]));
}

const SNAPSHOT_FIRST: &str = r#"principal = "librarian"
roles = ["agent"]

[[allow]]
operations = ["zfs.snapshot"]
datasets = ["tank/media"]

[[allow]]
operations = ["zfs.destroy", "zfs.rollback"]
datasets = ["tank/media"]
require_snapshot_first = "1h"
"#;

#[tokio::test]
async fn where_a_snapshot_is_asked_for_first_a_young_one_has_to_be_left() {
    let stage = Stage::with(LENIENT).await;
    stage.write("contracts/librarian.toml", SNAPSHOT_FIRST);
    stage.reload();
    let refused = stage.submit("librarian", zfs("destroy", "tank/media@old")).await.unwrap_err();
    assert_eq!(
        refused.decision.unwrap().reason,
        "tank/media has no snapshot of the last 1h that would be left: take one first, with zfs.snapshot of tank/media"
    );
    assert_eq!(rule(stage.submit("librarian", zfs("rollback", "tank/media@old")).await), "contract-snapshot");
    stage.submit("librarian", snapshot("tank/media", "now")).await.unwrap();
    let plan = Call::Plan { submission: submission(zfs("destroy", "tank/media@old")) };
    assert!(
        matches!(stage.call("librarian", plan).await, Ok(Answer::Plan { decision, .. }) if decision.verdict == "allow")
    );
    let done = stage.submit("librarian", zfs("destroy", "tank/media@old")).await.unwrap();
    assert_eq!(done.state, State::Succeeded);
    // The one that it takes does not count.
    assert_eq!(rule(stage.submit("librarian", zfs("destroy", "tank/media@now")).await), "contract-snapshot");
    assert_eq!(stage.launcher.commands(), ["snapshot tank/media@now", "destroy tank/media@old"]);
}

#[tokio::test]
async fn a_snapshot_that_goes_while_people_decide_takes_their_yes_along() {
    let stage = Stage::with(POLICY).await;
    stage.write("contracts/librarian.toml", SNAPSHOT_FIRST);
    stage.reload();
    stage.zfs.add_now("tank/media@now");
    let op = stage.submit("librarian", zfs("destroy", "tank/media@old")).await.unwrap();
    assert_eq!(op.state, State::Pending);
    stage.zfs.remove("tank/media@now");
    stage.phones.votes("alice", 1, "CONFIRM");
    let ended = stage.until(&op.id, State::Failed).await;
    assert!(ended.error.unwrap().contains("take one first"));
    assert_eq!(stage.launcher.commands(), [""; 0]);
}

#[tokio::test]
async fn a_role_gives_its_members_a_contract_and_policies_see_it() {
    let stage = Stage::with(
        "def evaluate(tool, args, context):\n    return deny(\",\".join(context[\"roles\"]), rule = \"roles\")\n",
    )
    .await;
    let role = SNAPSHOT_FIRST
        .replace("principal = \"librarian\"", "role = \"keepers\"\nmembers = [\"librarian\", \"newcomer\"]");
    stage.write("contracts/keepers.role.toml", &role);
    stage.reload();
    let seen = |refused: reeve::gate::protocol::Problem| refused.decision.unwrap();
    let newcomer = seen(stage.submit("newcomer", snapshot("tank/media", "x")).await.unwrap_err());
    assert_eq!((newcomer.rule.as_str(), newcomer.reason.as_str()), ("roles", "agent,keepers"));
    // The librarian's own contract has zfs.list and tank/vm; its role's has neither.
    for operation in [zfs("list", "tank/media"), snapshot("tank/vm", "x")] {
        let refused = seen(stage.submit("librarian", operation).await.unwrap_err());
        assert!(refused.rule.starts_with("contract-"), "{}", refused.rule);
    }
    let Ok(Answer::Document(shown)) = stage.call("newcomer", Call::Catalogue).await else { panic!() };
    let granted = shown["operations"].as_array().unwrap().iter().filter(|entry| entry["granted"] == true);
    assert_eq!(
        granted.map(|entry| entry["op"].as_str().unwrap()).collect::<Vec<_>>(),
        ["snapshot", "rollback", "destroy"]
    );
    assert_eq!(shown["contract"], newcomer.contract.unwrap());
}

#[tokio::test]
async fn who_is_called_as_a_role_is_has_nothing_of_it() {
    let stage = Stage::with("def evaluate(tool, args, context):\n    return allow()\n").await;
    let role =
        SNAPSHOT_FIRST.replace("principal = \"librarian\"", "role = \"keepers\"\nmembers = [\"newcomer\"]");
    stage.write("contracts/keepers.role.toml", &role);
    stage.reload();
    for caller in ["keepers", "keepers.role"] {
        let refused = stage.submit(caller, snapshot("tank/media", "x")).await.unwrap_err();
        assert_eq!(refused.kind, ProblemKind::Forbidden, "{caller}: {refused:?}");
    }
    assert_eq!(stage.submit("newcomer", snapshot("tank/media", "x")).await.unwrap().state, State::Succeeded);
}
