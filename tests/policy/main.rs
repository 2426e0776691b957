//! The policy engine with its real worker process.

#![cfg(feature = "full")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test that cannot go on has failed, and these measure time and start themselves again"
)]

mod bounds;
mod helpers;
mod hostile;
mod language;
mod manual;

use std::sync::Arc;
use std::time::Duration;

use reeve::policy::{
    PolicyDecision, PolicyEngine, PolicyError, PolicyInput, PolicySource, SourceFile, Verdict, WorkerProgram,
};
use serde_json::{Value, json};

/// The deadline of a decision, and time for a busy host besides.
const SOON: Duration = Duration::from_secs(4);

fn program() -> WorkerProgram {
    WorkerProgram {
        path: env!("CARGO_BIN_EXE_reeve-gate").into(),
        args: vec!["__policy-worker".into()],
        load_deadline: Duration::from_secs(5),
    }
}

fn file(name: &str, text: &str) -> SourceFile {
    SourceFile { name: name.to_owned(), text: text.to_owned() }
}

fn source(text: &str) -> PolicySource {
    PolicySource::new(file("policy.star", text), Vec::new())
}

async fn engine(text: &str) -> PolicyEngine {
    PolicyEngine::start(source(text), program()).await.unwrap()
}

/// An engine whose policy returns this expression.
async fn returning(expression: &str) -> PolicyEngine {
    engine(&format!("def evaluate(tool, args, context):\n    return {expression}\n")).await
}

/// An engine whose policy does this when the tool is `bomb`, and allows otherwise.
async fn with_bomb(body: &str) -> PolicyEngine {
    let body: String = body.lines().map(|line| format!("        {line}\n")).collect();
    engine(&format!(
        "def evaluate(tool, args, context):\n    if tool == \"bomb\":\n{body}    return allow(\"honest\")\n"
    ))
    .await
}

async fn ask(engine: &PolicyEngine, tool: &str) -> PolicyDecision {
    engine.decide(&PolicyInput { tool, args: json!({}), context: json!({}) }).await
}

async fn ask_with(engine: &PolicyEngine, args: Value, context: Value) -> PolicyDecision {
    engine.decide(&PolicyInput { tool: "zfs.destroy", args, context }).await
}

async fn rejection(text: &str) -> String {
    match PolicyEngine::start(source(text), program()).await {
        Err(PolicyError::Rejected(problems)) => {
            problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
        }
        other => panic!("{other:?}"),
    }
}

fn is_honest(decision: &PolicyDecision) -> bool {
    (decision.verdict, decision.reason.as_str()) == (Verdict::Allow, "honest")
}

#[tokio::test]
async fn a_reload_decides_by_the_new_policy_and_a_broken_one_changes_nothing() {
    let engine = returning("allow(\"old\")").await;
    let old = ask(&engine, "x").await;
    assert!(engine.reload(source("def evaluate(:\n")).await.is_err());
    assert_eq!(ask(&engine, "x").await, old);
    let new = source("def evaluate(tool, args, context):\n    return deny(\"new\")\n");
    engine.reload(new.clone()).await.unwrap();
    let decision = ask(&engine, "x").await;
    assert_eq!((decision.reason.as_str(), &decision.revision), ("new", &new.revision()));
    assert_eq!(engine.revision(), new.revision());
    assert_ne!(old.revision, new.revision());
}

#[tokio::test]
async fn more_than_a_mebibyte_is_not_asked_and_everything_else_is_passed_on_unchanged() {
    let engine = returning("deny(json.encode([args, context]))").await;
    let large = ask_with(&engine, json!({"x": "y".repeat(1 << 20)}), json!({})).await;
    assert_eq!((large.verdict, large.rule.as_str()), (Verdict::Deny, "policy-input-too-large"));
    let args = json!({"a": [1, -2, true, null, "ü🔥\n"], "big": u64::MAX, "none": {}});
    let echoed = ask_with(&engine, args.clone(), json!({"k": "v"})).await;
    assert_eq!(serde_json::from_str::<Value>(&echoed.reason).unwrap(), json!([args, {"k": "v"}]));
}

#[tokio::test]
async fn a_program_that_is_no_worker_gives_no_engine() {
    for program in ["/bin/true", "/bin/cat", "/nonexistent"] {
        let program =
            WorkerProgram { path: program.into(), args: Vec::new(), load_deadline: Duration::from_secs(5) };
        let policy = source("def evaluate(tool, args, context):\n    return allow()\n");
        assert!(PolicyEngine::start(policy, program).await.is_err());
    }
}

#[tokio::test]
async fn whoever_observes_is_told_of_every_decision() {
    let seen = Arc::new(std::sync::Mutex::new(Vec::new()));
    let log = seen.clone();
    let engine =
        returning("review(\"x\")").await.observed_by(Arc::new(move |took, decision: &PolicyDecision| {
            log.lock().unwrap().push((took > Duration::ZERO, decision.verdict));
        }));
    ask(&engine, "x").await;
    ask(&engine, "x").await;
    assert_eq!(*seen.lock().unwrap(), [(true, Verdict::Review); 2]);
}
