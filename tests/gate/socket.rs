//! What may be said at the gate's socket, and what comes of anything else.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

use reeve::gate::client::frame;
use reeve::gate::protocol::{Answer, Call, Drill, Enrol, MAX_FRAME, ProblemKind, SignalStep, WitnessStep};
use serde_json::{Value, json};

use crate::stage::{ALICE, PATIENCE, Stage, exchange, kind, principal, submission, zfs};

#[tokio::test]
async fn a_frame_longer_than_the_bound_is_not_read_and_ends_the_connection() {
    let stage = Stage::set().await;
    for length in [u32::try_from(MAX_FRAME).unwrap() + 1, u32::MAX] {
        assert_eq!(exchange(&stage.path("gate.sock"), &length.to_le_bytes()), None);
    }
    assert!(stage.status().await.is_some());
}

#[tokio::test]
async fn a_call_that_is_not_in_the_table_ends_its_connection_and_no_other() {
    let stage = Stage::set().await;
    let other = stage.client();
    assert!(other.call(None, Call::Status).await.is_ok());
    let said = |ask: Value| exchange(&stage.path("gate.sock"), &frame(&ask).unwrap());
    for ask in [
        json!({"id": 1, "caller": "librarian", "call": "approve"}),
        json!({"id": 1, "caller": "librarian", "call": {"submit": {"operation": "rm -rf /"}}}),
        json!({"id": 1, "caller": "librarian", "call": "status", "roles": ["admin"]}),
        json!({"id": 1, "caller": "../operator", "call": "status"}),
        json!({"id": -1, "caller": null, "call": "status"}),
        json!("status"),
    ] {
        assert_eq!(said(ask.clone()), None, "{ask}");
    }
    assert!(other.call(None, Call::Status).await.is_ok());
}

#[tokio::test]
async fn what_needs_a_caller_is_refused_without_one() {
    let stage = Stage::set().await;
    let client = stage.client();
    for call in [
        Call::Submit { submission: submission(zfs("list", "tank/media")), idempotency_key: None },
        Call::Plan { submission: submission(zfs("list", "tank/media")) },
        Call::Evaluate { tool: "whoami".to_owned(), args: Default::default(), context: Default::default() },
        Call::Get { op: "op_00000000000000000000000000".to_owned(), wait_ms: 0, seen: 0 },
        Call::Cancel { op: "op_00000000000000000000000000".to_owned() },
        Call::List { state: None, kind: None, cursor: None, limit: 1 },
        Call::Pending,
        Call::Catalogue,
        Call::Reload,
    ] {
        assert_eq!(kind(client.call(None, call.clone()).await), ProblemKind::Forbidden, "{call:?}");
    }
}

#[tokio::test]
async fn the_network_side_cannot_vote_as_anybody() {
    let stage = Stage::set().await;
    let op = stage.submit("librarian", zfs("destroy", "tank/media@old")).await.unwrap();
    for caller in [None, Some("librarian"), Some("operator"), Some("alice")] {
        let vote = Call::Vote { approval: op.id.clone(), confirm: true, object: None };
        let answer = stage.client().call(caller.map(principal), vote).await;
        assert_eq!(kind(answer), ProblemKind::Forbidden, "{caller:?}");
    }
    assert_eq!(stage.launcher.commands(), [""; 0]);
}

/// It says who its caller is, so it may say that it is anybody; and it can say more than agents can.
#[tokio::test]
async fn the_network_side_that_was_taken_over_does_nothing_that_is_peoples_or_roots() {
    let stage = Stage::set().await;
    let op = stage.submit("librarian", zfs("destroy", "tank/media@old")).await.unwrap();
    let (heard, configured) = (stage.phones.messages("alice", 1).len(), stage.read("gate.toml"));
    let own = || "mallory".to_owned();
    let account = "00000000-0000-4000-8000-00000000000d".to_owned();
    let (name, safety_number) = (own(), "1".repeat(60));
    for call in [
        Call::ReloadHere { weaken: true },
        Call::Enrol(Enrol::Look { name: own(), account: account.clone() }),
        Call::Enrol(Enrol::Ask { name, account, safety_number }),
        Call::Enrol(Enrol::Answered),
        Call::Enrol(Enrol::Recover),
        Call::Enrol(Enrol::Recovered { name: own() }),
        Call::Enrol(Enrol::Remove { name: "bob".to_owned() }),
        Call::Enrol(Enrol::Stop { name: "alice".to_owned() }),
        Call::Drill(Drill::Begin { of: None, claims: None, within_s: 60 }),
        Call::Drill(Drill::Report),
        Call::Signal(SignalStep::Captcha { solution: "signalcaptcha://x".to_owned() }),
        Call::Witness(WitnessStep::Next { peer: "host02".to_owned() }),
        Call::Show { id: op.id.clone() },
        Call::Checkpoint,
    ] {
        for caller in [None, Some("librarian"), Some("operator"), Some("alice"), Some("root")] {
            let answer = stage.client().call(caller.map(principal), call.clone()).await;
            assert_eq!(kind(answer), ProblemKind::Forbidden, "{caller:?} {call:?}");
        }
    }
    assert_eq!(stage.read("gate.toml"), configured);
    assert_eq!(stage.phones.so_far("alice").len(), heard);
    assert_eq!(stage.launcher.commands(), [""; 0]);
}

#[tokio::test]
async fn a_principal_without_a_contract_gets_nothing() {
    let stage = Stage::set().await;
    for call in [
        Call::Submit { submission: submission(zfs("list", "tank/media")), idempotency_key: None },
        Call::Plan { submission: submission(zfs("list", "tank/media")) },
        Call::Evaluate { tool: "whoami".to_owned(), args: Default::default(), context: Default::default() },
        Call::List { state: None, kind: None, cursor: None, limit: 1 },
        Call::Catalogue,
        Call::Directory { handle: "librarian".to_owned() },
        Call::Reload,
        Call::Metrics,
    ] {
        let answer = stage.call("stranger", call.clone()).await;
        assert_eq!(kind(answer), ProblemKind::Forbidden, "{call:?}");
    }
}

#[tokio::test]
async fn a_role_is_what_the_contract_says() {
    let stage = Stage::set().await;
    assert_eq!(kind(stage.call("librarian", Call::Reload).await), ProblemKind::Forbidden);
    assert_eq!(kind(stage.call("librarian", Call::Metrics).await), ProblemKind::Forbidden);
    assert!(matches!(stage.call("operator", Call::Reload).await, Ok(Answer::Document(_))));
    assert!(matches!(stage.call("operator", Call::Metrics).await, Ok(Answer::Text(_))));
    // An admin without the role agent sees everything and does nothing.
    assert_eq!(kind(stage.submit("operator", zfs("list", "tank/media")).await), ProblemKind::Denied);
}

#[tokio::test]
async fn anothers_operation_and_none_look_the_same() {
    let stage = Stage::set().await;
    let op = stage.submit("librarian", zfs("destroy", "tank/media@old")).await.unwrap();
    let none = "op_00000000000000000000000000";
    let unseen = stage.look("archivist", none).await.unwrap_err();
    assert_eq!(stage.look("archivist", &op.id).await.unwrap_err(), unseen);
    assert_eq!(stage.look("archivist", "../../etc/passwd").await.unwrap_err(), unseen);
    let cancel = |op: &str| stage.call("archivist", Call::Cancel { op: op.to_owned() });
    assert_eq!(cancel(&op.id).await.unwrap_err(), cancel(none).await.unwrap_err());
    let pending = stage.call("archivist", Call::Pending).await.unwrap();
    assert_eq!(pending, Answer::Approvals(Vec::new()));
}

#[tokio::test]
async fn no_answer_and_no_record_holds_the_token() {
    let stage = Stage::set().await;
    let op = stage.submit("librarian", zfs("destroy", "tank/media@old")).await.unwrap();
    let token = crate::phones::token(&stage.phones.messages("alice", 1)[0].text);
    let pending = stage.call("operator", Call::Pending).await.unwrap();
    let metrics = stage.call("operator", Call::Metrics).await.unwrap();
    let said = format!("{op:?} {pending:?} {metrics:?} {}", stage.read("log/audit.jsonl"));
    let plain = token.replace('-', "");
    assert!(!said.contains(&token) && !said.contains(&plain), "{token} in {said}");
}

/// More than it has places for anybody, held for as long as one likes.
#[tokio::test]
async fn whoever_holds_all_connections_of_the_network_side_keeps_nobody_on_the_host_out() {
    let stage = Stage::set().await;
    let mut held: Vec<UnixStream> = Vec::new();
    for _one in 0..200 {
        let mut connection = UnixStream::connect(stage.path("gate.sock")).unwrap();
        // The beginning of a frame that never comes.
        drop(connection.write_all(&1000_u32.to_le_bytes()));
        held.push(connection);
    }
    // Those that find no place any more are ended.
    let ended = |connection: &mut UnixStream| {
        connection.set_read_timeout(Some(PATIENCE)).unwrap();
        connection.read(&mut [0]).map_or(true, |count| count == 0)
    };
    assert!(ended(held.last_mut().unwrap()));
    assert_eq!(stage.ask_as(ALICE, &Call::Pending), Some(Ok(Answer::Approvals(Vec::new()))));
    assert!(exchange(&stage.path("gate.sock"), &4_u32.to_le_bytes()).is_none(), "no more of its own");
    drop(held);
    let begun = std::time::Instant::now();
    while stage.status().await.is_none() && begun.elapsed() < PATIENCE {}
    assert!(stage.status().await.is_some(), "and it finds room again when they end");
}
