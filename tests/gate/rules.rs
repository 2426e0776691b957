//! Contracts and policy as the gate holds them: whose they are, what a reload does, and what doubt means.

use reeve::config::difference::Difference;
use reeve::gate::protocol::{Answer, Call, NetworkEvent, Problem, ProblemKind, State};
use reeve::grant::RunAs;
use serde_json::{Map, Value, json};

use crate::launcher::Way;
use crate::stage::{LENIENT, POLICY, STRICT, Stage, kind, snapshot, submission, zfs};

async fn evaluate(stage: &Stage, caller: &str, context: Value) -> (String, String) {
    let Value::Object(context) = context else { panic!("no context") };
    let call = Call::Evaluate { tool: "whoami".to_owned(), args: Map::new(), context };
    let Answer::Verdict { verdict, reason } = stage.call(caller, call).await.unwrap() else { panic!() };
    (verdict, reason)
}

/// The rule by which something was denied.
pub(crate) fn rule<T: std::fmt::Debug>(answer: Result<T, Problem>) -> String {
    answer.unwrap_err().decision.unwrap().rule
}

#[tokio::test]
async fn an_evaluation_is_about_the_caller_whatever_its_context_says() {
    let stage = Stage::set().await;
    let claims = json!({"agent_id": "operator", "roles": ["admin"], "host": "other", "now": 0});
    assert_eq!(evaluate(&stage, "librarian", claims).await, ("deny".to_owned(), "librarian".to_owned()));
    let (_, about) = evaluate(&stage, "archivist", json!({})).await;
    assert_eq!(about, "archivist");
}

#[tokio::test]
async fn what_reeve_knows_of_the_circumstances_is_not_taken_from_the_caller() {
    let stage = Stage::set().await;
    let names = ["roles", "recent", "effect", "effects", "reversible", "host", "now"];
    let names = names.into_iter().chain(["domain_lists", "agent_allowed_domains", "agent_denied_domains"]);
    let names: Vec<&str> = names.collect();
    let claims = names.iter().map(|name| ((*name).to_owned(), json!("claimed"))).collect();
    let args = json!({"names": names}).as_object().unwrap().clone();
    let call = Call::Evaluate { tool: "circumstances".to_owned(), args, context: claims };
    let Answer::Verdict { reason, .. } = stage.call("librarian", call).await.unwrap() else { panic!() };
    assert!(reason.starts_with('[') && !reason.contains("claimed"), "{reason}");
}

#[tokio::test]
async fn two_agents_have_two_contracts() {
    let stage = Stage::with(LENIENT).await;
    for (agent, own, others) in
        [("librarian", "tank/vm", "tank/archive"), ("archivist", "tank/archive", "tank/vm")]
    {
        assert_eq!(stage.submit(agent, snapshot(own, agent)).await.unwrap().state, State::Succeeded);
        let denied = stage.submit(agent, snapshot(others, agent)).await;
        assert_eq!(rule(denied), "contract-resource", "{agent}");
        assert_eq!(rule(stage.submit(agent, zfs("list", others)).await), "contract-resource", "{agent}");
    }
    let rollback = stage.submit("archivist", zfs("rollback", "tank/archive@old")).await;
    assert_eq!(rule(rollback), "contract-operation");
    assert_eq!(stage.launcher.commands(), ["snapshot tank/vm@librarian", "snapshot tank/archive@archivist"]);
}

#[tokio::test]
async fn a_policy_worker_that_does_not_answer_is_a_deny_and_the_next_question_is_decided() {
    let stage = Stage::set().await;
    stop(worker_of(stage.pid()));
    let denied = stage.submit("librarian", snapshot("tank/media", "new")).await;
    assert_eq!(rule(denied), "policy-timeout");
    assert_eq!(stage.launcher.commands(), [""; 0]);
    let done = stage.submit("librarian", snapshot("tank/media", "new")).await.unwrap();
    assert_eq!(done.state, State::Succeeded);
}

/// The process that reads the policy: a child of the gate.
fn worker_of(gate: u32) -> i32 {
    let of_gate = |pid: &i32| {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let cmdline = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        status.lines().any(|line| line == format!("PPid:\t{gate}"))
            && String::from_utf8_lossy(&cmdline).contains("policy-worker")
    };
    let processes = std::fs::read_dir("/proc").unwrap();
    let pids = processes.filter_map(|entry| entry.unwrap().file_name().to_str()?.parse::<i32>().ok());
    pids.into_iter().find(of_gate).expect("the gate has a policy worker")
}

fn stop(pid: i32) {
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::Signal::SIGSTOP).unwrap();
}

#[tokio::test]
async fn what_does_not_load_changes_nothing_and_is_recorded() {
    let stage = Stage::set().await;
    let good = [("policy.star", POLICY.to_owned())]
        .into_iter()
        .chain(["gate.toml", "contracts/librarian.toml"].map(|name| (name, stage.read(name))));
    for (name, text) in good {
        stage.write(name, &format!("{text}\nnonsense = = 1\n"));
        assert_eq!(kind(stage.call("operator", Call::Reload).await), ProblemKind::Unavailable, "{name}");
        let done = stage
            .submit(
                "librarian",
                snapshot("tank/media", name.split('.').next().unwrap().trim_start_matches("contracts/")),
            )
            .await;
        assert_eq!(done.unwrap().state, State::Succeeded, "{name}");
        stage.write(name, &text);
    }
    let recorded: Vec<Value> =
        stage.records("config_reloaded").iter().map(|r| r["detail"]["loaded"].clone()).collect();
    assert_eq!(recorded, [json!(false), json!(false), json!(false)]);
    assert!(stage.call("operator", Call::Reload).await.is_ok());
}

#[tokio::test]
async fn a_reload_tells_what_has_become_another_in_its_answer_and_in_the_log() {
    let stage = Stage::set().await;
    let config = stage.read("gate.toml").replace("log = \"warn\"", "log = \"error\"");
    stage.write("gate.toml", &format!("{config}[pct]\nmax_cores = 4\n"));
    let told = reloaded(&stage).await;
    assert_eq!(lines(&told), [r#"gate.toml: log: "warn" → "error""#, "gate.toml: pct.max_cores: (none) → 4"]);
    let recorded = stage.records("config_reloaded").pop().unwrap();
    assert_eq!((&recorded["detail"]["changed"], &recorded["detail"]["of"]), (&told, &json!("reeve-gate")));
    assert_eq!(reloaded(&stage).await, json!([]), "nothing has changed since");
    stage.write("beside.star", "nothing = 1\n");
    let contract = stage.read("contracts/archivist.toml");
    stage.write("contracts/archivist.toml", &contract.replace(", \"zfs.destroy\"", ""));
    stage.reload();
    let by_root = stage.records("config_reloaded").pop().unwrap();
    let by_root = &by_root["detail"]["changed"];
    assert_eq!(by_root[0]["what"], json!("beside.star"), "{by_root}");
    assert_eq!(
        lines(by_root)[1],
        r#"contracts/archivist.toml: allow.0.operations: ["zfs.list", "zfs.snapshot", "zfs.destroy"] → ["zfs.list", "zfs.snapshot"]"#
    );
}

/// What a reload says has become another.
fn lines(changed: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap_or("(none)").to_owned();
    let line =
        |one: &Value| format!("{}: {} → {}", text(&one["what"]), text(&one["before"]), text(&one["after"]));
    changed.as_array().unwrap().iter().map(line).collect()
}

async fn reloaded(stage: &Stage) -> Value {
    let Ok(Answer::Document(mut told)) = stage.call("operator", Call::Reload).await else {
        panic!("not reloaded")
    };
    told["changed"].take()
}

async fn note(stage: &Stage, event: NetworkEvent) {
    stage.client().call(None, Call::Note(event)).await.unwrap();
}

#[tokio::test]
async fn what_the_network_side_reads_again_is_recorded_with_what_has_changed() {
    let stage = Stage::set().await;
    let changed = vec![Difference {
        what: "reeved.toml: log".to_owned(),
        before: None,
        after: Some("warn".to_owned()),
    }];
    note(&stage, NetworkEvent::Reloaded { why: None, changed }).await;
    note(
        &stage,
        NetworkEvent::Reloaded { why: Some("reeved.toml is not valid".to_owned()), changed: Vec::new() },
    )
    .await;
    let [good, bad] = stage.records("config_reloaded").try_into().unwrap();
    assert_eq!((&good["detail"]["of"], &good["detail"]["loaded"]), (&json!("reeved"), &json!(true)));
    assert_eq!(
        good["detail"]["changed"][0],
        json!({"what": "reeved.toml: log", "before": null, "after": "warn"})
    );
    assert_eq!(
        (&bad["detail"]["loaded"], &bad["detail"]["why"]),
        (&json!(false), &json!("reeved.toml is not valid"))
    );
}

#[tokio::test]
async fn a_reload_says_nothing_of_files_to_its_caller() {
    let stage = Stage::set().await;
    stage.write("policy.star", "def evaluate(tool, args, context):\n    return secret_rule\n");
    let problem = stage.call("operator", Call::Reload).await.unwrap_err();
    assert!(!problem.detail.contains("secret_rule") && !problem.detail.contains('/'), "{problem:?}");
}

#[tokio::test]
async fn a_reload_from_the_network_alone_changes_nothing_of_who_may_approve_what() {
    let stage = Stage::set().await;
    let (policy, config) = (stage.read("policy.star"), stage.read("gate.toml"));
    let (contract, budget) = (stage.read("contracts/librarian.toml"), "[[budget]]\noperations_per_day = 1\n");
    let changes = [
        ("policy.star", LENIENT.to_owned(), &policy),
        (
            "contracts/librarian.toml",
            contract.replace("\"zfs.rollback\"", "\"zfs.rollback\", \"zfs.rename\""),
            &contract,
        ),
        (
            "gate.toml",
            config.replace("groups = [\"storage\"]", "groups = [\"storage\", \"owners\"]"),
            &config,
        ),
        ("gate.toml", config.replace(&"a".repeat(64), &"e".repeat(64)), &config),
        ("gate.toml", format!("{config}{budget}"), &config),
    ];
    for (name, text, before) in changes {
        assert_ne!(&text, before, "{name}");
        stage.write(name, &text);
        let waits = stage.call("operator", Call::Reload).await.unwrap();
        let Answer::Document(waits) = waits else { panic!("{name}: {text}: {waits:?}") };
        assert_eq!((&waits["reloaded"], &waits["approval"]["given"]), (&json!(false), &json!(0)), "{waits}");
        stage.write(name, before);
    }
    assert_eq!(
        stage.submit("librarian", zfs("destroy", "tank/media@old")).await.unwrap().state,
        State::Pending
    );
    let recorded = stage.records("config_reloaded");
    assert_eq!(recorded.len(), 5);
    assert!(recorded.iter().all(|record| record["detail"]["loaded"] == false), "{recorded:?}");
    assert!(recorded.iter().all(|record| record["detail"]["by"] == "operator"), "{recorded:?}");
    assert!(stage.call("operator", Call::Reload).await.is_ok(), "what is as it was may be read again");
}

#[tokio::test]
async fn what_root_changes_of_who_may_approve_what_is_told_to_everybody() {
    let mut stage = Stage::set().await;
    stage.write("policy.star", LENIENT);
    stage.reload();
    for who in ["alice", "bob"] {
        let told = stage.phones.messages(who, 1).remove(0).text;
        assert!(
            told.contains("root changed who may approve what") && told.contains("~ policy: sha256:"),
            "{told}"
        );
    }
    // While the gate is down, too.
    stage.kill();
    let config = stage.read("gate.toml");
    stage.write("gate.toml", &config.replace("groups = [\"storage\"]", "groups = [\"storage\", \"owners\"]"));
    stage.start().await;
    let told = stage.phones.messages("bob", 2).remove(1).text;
    assert!(told.contains("~ alice is new in owners"), "{told}");
    stage.crash().await;
    stage.phones.says("bob", "FREEZE host");
    let heard = stage.phones.messages("bob", 4);
    assert!(
        heard[2..].iter().all(|message| !message.text.contains("root changed")),
        "once is enough: {heard:?}"
    );
}

#[tokio::test]
async fn new_rules_are_in_force_for_the_next_request() {
    let stage = Stage::with(LENIENT).await;
    assert!(stage.submit("librarian", snapshot("tank/media", "one")).await.is_ok());
    stage.write("policy.star", STRICT);
    stage.reload();
    assert_eq!(kind(stage.submit("librarian", snapshot("tank/media", "two")).await), ProblemKind::Denied);
    assert_eq!(stage.launcher.commands(), ["snapshot tank/media@one"]);
}

#[tokio::test]
async fn an_approval_under_old_rules_is_decided_anew_under_the_new() {
    let stage = Stage::set().await;
    let op = stage.submit("librarian", zfs("destroy", "tank/media@old")).await.unwrap();
    stage.phones.messages("alice", 1);
    stage.write("policy.star", STRICT);
    stage.reload();
    stage.phones.votes("alice", 1, "CONFIRM");
    stage.until(&op.id, State::Denied).await;
    assert_eq!(stage.launcher.commands(), [""; 0]);
    assert!(stage.zfs.has("tank/media@old"));
}

#[tokio::test]
async fn what_waits_for_its_turn_when_the_rules_change_is_decided_anew() {
    let stage = Stage::with(LENIENT).await;
    stage.launcher.will(Way::Wait);
    let (first, second, ()) = tokio::join!(
        stage.submit("librarian", snapshot("tank/media", "one")),
        async {
            stage.launcher_has(1).await;
            stage.submit("archivist", zfs("destroy", "tank/archive@old")).await
        },
        async {
            stage.launcher_has(1).await;
            stage.until_there("archivist", State::Approved).await;
            stage.write("policy.star", STRICT);
            stage.reload();
            stage.launcher.will(Way::Obey);
        }
    );
    assert_eq!((first.unwrap().state, second.unwrap().state), (State::Succeeded, State::Denied));
    assert_eq!(stage.launcher.commands(), ["snapshot tank/media@one"]);
}

#[tokio::test]
async fn a_revoked_contract_does_not_turn_the_rest_of_an_operation_into_roots() {
    let stage = Stage::with(LENIENT).await;
    let contract = r#"principal = "archivist"
roles = ["agent"]
run_as = "alice"

[[allow]]
operations = ["zfs.destroy"]
datasets = ["tank/archive"]
run_as_user = true
"#;
    stage.write("contracts/archivist.toml", contract);
    stage.reload();
    stage.launcher.will(Way::Wait);
    let whole =
        json!({"kind": "zfs", "op": "destroy", "resource": "tank/archive", "params": {"recursive": true}});
    let (ended, ()) = tokio::join!(stage.submit("archivist", whole), async {
        stage.launcher_has(1).await;
        std::fs::remove_file(stage.path("contracts/archivist.toml")).unwrap();
        stage.reload();
        stage.launcher.will(Way::Obey);
    });
    assert!(ended.unwrap().is_final);
    for grant in stage.launcher.granted() {
        assert_eq!(grant.run_as, RunAs::User("alice".to_owned()), "{:?}", grant.argv);
    }
}

#[tokio::test]
async fn a_preview_of_what_is_denied_shows_nothing_of_the_host() {
    let stage = Stage::with(STRICT).await;
    for operation in [zfs("destroy", "tank/media@old"), zfs("destroy", "tank/archive@old")] {
        let call = Call::Plan { submission: submission(operation) };
        let Answer::Plan { decision, effects } = stage.call("librarian", call).await.unwrap() else {
            panic!()
        };
        assert_eq!((decision.verdict.as_str(), effects), ("deny", None));
    }
}

#[tokio::test]
async fn a_preview_records_no_operation_runs_nothing_and_asks_nobody() {
    let stage = Stage::set().await;
    let call = Call::Plan { submission: submission(zfs("destroy", "tank/media@old")) };
    let Answer::Plan { decision, effects } = stage.call("librarian", call).await.unwrap() else { panic!() };
    assert_eq!(decision.verdict, "review");
    assert_eq!(effects.unwrap()["objects"][0]["name"], "tank/media@old");
    assert_eq!(stage.call("operator", Call::Pending).await.unwrap(), Answer::Approvals(Vec::new()));
    assert!(stage.phones.so_far("alice").is_empty());
    assert_eq!(stage.launcher.commands(), [""; 0]);
}

/// Only snapshots of one thing at a time are free, and what can be taken back.
pub(crate) const NARROW: &str = r#"
def evaluate(tool, args, context):
    if args.get("recursive"):
        return deny("one at a time")
    if context.get("effect") == "destroy" and not context["reversible"]:
        return deny("nothing is lost here")
    return allow("free")
"#;

#[tokio::test]
async fn what_a_refused_caller_may_do_instead_was_decided_as_if_it_were_asked_for() {
    let stage = Stage::with(NARROW).await;
    let wide = json!({"kind": "zfs", "op": "snapshot", "resource": "tank/media", "params": {"name": "x", "recursive": true}});
    let refused = stage.submit("librarian", wide.clone()).await.unwrap_err();
    let offered = refused.alternatives;
    assert_eq!(offered.len(), 1, "{offered:?}");
    let done = stage.submit("librarian", offered[0].clone()).await.unwrap();
    assert_eq!(done.state, State::Succeeded);
    // It is there by now, so the same is refused and offered no more.
    let again = stage.submit("librarian", wide.clone()).await.unwrap_err();
    assert_eq!(again.alternatives, Vec::<Value>::new(), "{again:?}");
    stage.write("policy.star", STRICT);
    stage.reload();
    let never = json!({"kind": "zfs", "op": "snapshot", "resource": "tank/media", "params": {"name": "y", "recursive": true}});
    assert_eq!(stage.submit("librarian", never).await.unwrap_err().alternatives, Vec::<Value>::new());
    assert_eq!(stage.launcher.commands(), ["snapshot tank/media@x"]);
}

#[tokio::test]
async fn what_would_need_a_person_is_not_offered_instead() {
    let reviewing = NARROW.replace("return allow(\"free\")", "return review(\"ask\", group = \"storage\")");
    let stage = Stage::with(&reviewing).await;
    let wide = json!({"kind": "zfs", "op": "snapshot", "resource": "tank/media", "params": {"name": "x", "recursive": true}});
    assert_eq!(stage.submit("librarian", wide).await.unwrap_err().alternatives, Vec::<Value>::new());
    assert!(stage.phones.so_far("alice").is_empty());
}
