//! `reeve undo ID`: what is asked for, what is said where nothing can be, and how it ends.

use reeve::gate::protocol::{Answer, Call, Envelope, Problem, ProblemKind, State, Undo};
use serde_json::json;

use crate::fake_gate::{FakeGate, decision, envelope};
use crate::host::{Host, Ran};

/// An operation that stands so, and what takes it back.
fn standing(state: State, undo: bool) -> Envelope {
    let back = json!({"kind": "pct", "op": "unretire", "resource": "101", "params": {}});
    let undo = undo.then(|| Undo { op: back, until: Some("2026-11-27T14:02:00Z".to_owned()) });
    Envelope { undo, ..envelope("op_1", state, 5) }
}

/// The gate shows this operation to its caller, and answers this to what is submitted.
fn answers(gate: &FakeGate, shown: Envelope, submitted: Result<Envelope, Problem>) {
    gate.script(move |ask| {
        let operation = |envelope: &Envelope| Answer::Operation(Box::new(envelope.clone()));
        match &ask.call {
            Call::Get { .. } => Some(Ok(operation(&shown))),
            Call::Submit { .. } => Some(submitted.as_ref().map(operation).map_err(Clone::clone)),
            _ => None,
        }
    });
}

fn submitted(gate: &FakeGate) -> Vec<(serde_json::Value, Option<String>)> {
    let calls = gate.asked().into_iter().filter_map(|call| match call {
        Call::Submit { submission, .. } => Some((submission.operation.to_value(), submission.reason)),
        _ => None,
    });
    calls.collect()
}

async fn undo(host: &Host, more: &[&str]) -> Ran {
    host.librarian(&[&["undo", "op_1"], more].concat()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_outcome_names_is_asked_for_with_a_reason() {
    let host = Host::start().await;
    answers(&host.gate, standing(State::Succeeded, true), Ok(envelope("op_2", State::Succeeded, 3)));
    let unretire = json!({"kind": "pct", "op": "unretire", "resource": "101", "params": {}});
    assert_eq!(undo(&host, &[]).await.exit, 0);
    assert_eq!(undo(&host, &["--reason", "wrong one"]).await.exit, 0);
    let reasons = ["takes op_1 back", "wrong one"].map(|reason| (unretire.clone(), Some(reason.to_owned())));
    assert_eq!(submitted(&host.gate), reasons);
}

#[tokio::test(flavor = "multi_thread")]
async fn where_nothing_takes_it_back_that_is_said_and_nothing_is_asked_for() {
    let host = Host::start().await;
    for (state, said) in [
        (State::Succeeded, "op_1 is succeeded: nothing takes it back"),
        (State::Executing, "op_1 is executing: it is not over yet, so there is nothing to take back"),
    ] {
        answers(&host.gate, standing(state, false), Ok(envelope("op_2", State::Succeeded, 3)));
        let ran = undo(&host, &[]).await;
        assert_eq!((ran.exit, ran.err.contains(said)), (1, true), "{ran:?}");
    }
    assert_eq!(submitted(&host.gate), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_elses_operation_is_as_one_that_is_not_there() {
    let host = Host::start().await;
    let ran = undo(&host, &[]).await;
    assert!(ran.exit != 0 && ran.err.contains("no such"), "{ran:?}");
    assert_eq!(submitted(&host.gate), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_people_and_the_host_decide_on_it_as_on_anything_and_the_exit_code_says_what() {
    let host = Host::start().await;
    let problem = |kind, detail: &str| Err(Problem::new(kind, detail));
    let review = Envelope { decision: Some(decision("review")), ..envelope("op_2", State::Pending, 2) };
    for (answer, exit, said) in [
        (Ok(review), 4, ""),
        (problem(ProblemKind::Denied, "not in the contract"), 3, "not in the contract"),
        // Past its time what it would bring back has been destroyed.
        (problem(ProblemKind::PlanRefused, "there is no container 101"), 1, "there is no container 101"),
    ] {
        answers(&host.gate, standing(State::Succeeded, true), answer);
        let ran = undo(&host, &[]).await;
        assert_eq!((ran.exit, ran.err.contains(said)), (exit, true), "{ran:?}");
    }
}
