//! Asking a host: what is sent, what is shown, and how it ends.

use reeve::gate::protocol::{
    Answer, ApprovalView, AuditRef, Call, Envelope, Problem, ProblemKind, State, Undo, WaitingApproval,
};
use serde_json::json;

use crate::fake_gate::{decision, envelope, name};
use crate::host::Host;

const SNAPSHOT: [&str; 8] =
    ["op", "zfs", "snapshot", "tank/media", "--param", "name=daily", "--reason", "before the upgrade"];

fn answered(envelope: Envelope) -> Option<Result<Answer, Problem>> {
    Some(Ok(Answer::Operation(Box::new(envelope))))
}

fn destroyed() -> Envelope {
    Envelope {
        operation: json!({"kind": "zfs", "op": "destroy", "resource": "tank/vm", "params": {"quarantine": true}}),
        asked: None,
        effects: Some(json!({
            "objects": [
                {"action": "rename", "kind": "filesystem", "name": "tank/vm"},
                {"action": "rename", "kind": "snapshot", "name": "tank/vm@a"},
                {"action": "rename", "kind": "snapshot", "name": "tank/vm@b"}],
            "bytes_freed": 1_288_490_188u64, "dependents": ["tank/clone"], "reversible": false})),
        result: Some(json!({"quarantined_as": "tank/.reeve/vm"})),
        verified: Some(true),
        undo: Some(Undo {
            op: json!({"kind": "zfs", "op": "rename", "resource": "tank/.reeve/vm", "params": {"to": "tank/vm"}}),
            until: Some("2026-11-27T14:02:00Z".to_owned()),
        }),
        audit: Some(AuditRef { seq: 48213, hash: "sha256:00".to_owned() }),
        ..envelope("op_1", State::Succeeded, 5)
    }
}

fn pending() -> Envelope {
    Envelope {
        operation: json!({"kind": "zfs", "op": "destroy", "resource": "tank/vm", "params": {}}),
        asked: None,
        decision: Some(decision("review")),
        approval: Some(ApprovalView {
            id: "ap_1".to_owned(),
            expires_at: "2026-11-20T14:32:00Z".to_owned(),
            needed: 2,
            given: 1,
            ..ApprovalView::default()
        }),
        ..envelope("op_1", State::Pending, 2)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_typed_reaches_the_gate_with_its_types() {
    let host = Host::start().await;
    let key = [
        "--idempotency-key",
        "k1",
        "--run-id",
        "r-17",
        "--on-behalf-of",
        "alice",
        "--param",
        "recursive=true",
    ];
    let ran = host.librarian(&[&SNAPSHOT[..], &key[..]].concat()).await;
    assert_eq!(ran.exit, 0, "{ran:?}");
    let asked = host.gate.asked();
    let [Call::Submit { submission, idempotency_key }] = asked.as_slice() else { panic!("{asked:?}") };
    assert_eq!(
        submission.operation.to_value(),
        json!({"kind": "zfs", "op": "snapshot", "resource": "tank/media", "params": {"name": "daily", "recursive": true}})
    );
    assert_eq!(submission.reason.as_deref(), Some("before the upgrade"));
    assert_eq!(submission.run_id.as_deref(), Some("r-17"));
    assert_eq!(submission.on_behalf_of.as_deref(), Some("alice"));
    assert_eq!(idempotency_key.as_deref(), Some("k1"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outcome_reads_from_what_was_asked_to_how_to_take_it_back() {
    let host = Host::start().await;
    host.gate.script(|ask| matches!(ask.call, Call::Submit { .. }).then(destroyed).and_then(answered));
    let ran = host.librarian(&["op", "zfs", "destroy", "tank/vm", "-p", "quarantine=true"]).await;
    assert_eq!(
        ran.out,
        "\
✓ zfs destroy tank/vm (quarantine)  succeeded, verified on the host
  decision  allow by reads-are-free: because
  effects   rename 1 filesystem (tank/vm), rename 2 snapshots (tank/vm@a, tank/vm@b), frees 1.1 GiB, 1 that depend on it go with it, NO UNDO
  undo      reeve op zfs rename tank/.reeve/vm --param to=tank/vm   (until 2026-11-27T14:02:00Z)
  audit     record 48213
  id        op_1
  quarantined_as  tank/.reeve/vm
"
    );
    assert_eq!((ran.exit, ran.err.as_str()), (0, ""));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_says_for_whom_and_how_to_go_on() {
    let host = Host::start().await;
    host.gate.script(|ask| matches!(ask.call, Call::Submit { .. }).then(pending).and_then(answered));
    let ran = host.librarian(&["op", "zfs", "destroy", "tank/vm"]).await;
    assert_eq!(
        ran.out,
        "\
? zfs destroy tank/vm  pending
  decision  review by reads-are-free: because
  approval  1 of 2 have confirmed, until 2026-11-20T14:32:00Z
  id        op_1
  next      reeve watch op_1, or take it back: reeve cancel op_1
"
    );
    assert_eq!(ran.exit, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_state_and_each_problem_has_its_exit_code() {
    let host = Host::start().await;
    for (state, exit) in [
        (State::Succeeded, 0),
        (State::Failed, 1),
        (State::Unknown, 1),
        (State::Denied, 3),
        (State::Pending, 4),
        (State::Approved, 4),
        (State::Executing, 4),
        (State::Superseded, 4),
        (State::Refused, 5),
        (State::Expired, 5),
        (State::Cancelled, 5),
    ] {
        host.gate.set("op_1", state);
        let ran = host.librarian(&["status", "op_1"]).await;
        assert_eq!(ran.exit, exit, "{state:?} {ran:?}");
    }
    for (kind, exit) in [
        (ProblemKind::Invalid, 2),
        (ProblemKind::Denied, 3),
        (ProblemKind::Forbidden, 3),
        (ProblemKind::IdempotencyConflict, 1),
        (ProblemKind::PlanRefused, 1),
        (ProblemKind::CoolDown, 1),
        (ProblemKind::Busy, 1),
        (ProblemKind::NoChannel, 6),
        (ProblemKind::AuditUnavailable, 6),
        (ProblemKind::Unavailable, 6),
    ] {
        host.gate.script(move |ask| {
            matches!(ask.call, Call::Submit { .. }).then(|| Err(Problem::new(kind, "because")))
        });
        let ran = host.librarian(&SNAPSHOT).await;
        assert_eq!((ran.exit, ran.out.as_str()), (exit, ""), "{kind:?} {ran:?}");
        assert!(ran.err.contains("because"), "{ran:?}");
        let json = host.librarian(&[&SNAPSHOT[..], &["--json"]].concat()).await;
        assert_eq!((json.exit, json.err.as_str()), (exit, ""), "{kind:?}");
        assert_eq!(json.json()["detail"], "because");
    }
    let ran = host.librarian(&["status", "op_9"]).await;
    assert_eq!(ran.exit, 1, "{ran:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_denial_names_its_rule_and_what_would_be_allowed() {
    let host = Host::start().await;
    host.gate.script(|ask| {
        let mut problem = Problem::new(ProblemKind::Denied, "destroying is not in the contract");
        problem.decision = Some(decision("deny"));
        problem.alternatives = vec![
            json!({"kind": "zfs", "op": "destroy", "resource": "tank/vm", "params": {"quarantine": true}}),
        ];
        matches!(ask.call, Call::Submit { .. }).then_some(Err(problem))
    });
    let ran = host.librarian(&["op", "zfs", "destroy", "tank/vm"]).await;
    assert_eq!(
        ran.err,
        "\
reeve: Denied: destroying is not in the contract (rule reads-are-free)
  → this would be allowed: reeve op zfs destroy tank/vm --param quarantine=true
"
    );
    assert_eq!(ran.exit, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_command_is_refused_before_the_host_hears_of_it() {
    let host = Host::start().await;
    for args in [
        &["op", "zfs", "snapshto", "tank/a"][..],
        &["op", "zfs", "snapshot", "tank/a"],
        &["op", "zfs", "snapshot", "tank/a", "-p", "name=x", "-p", "recursive=maybe"],
        &["op", "zfs", "snapshot", "-r", "-p", "name=x"],
        &["op", "zfs", "snapshot", "tank/a@b", "-p", "name=x"],
        &["list", "--state", "sleeping"],
        &["nonsense"],
    ] {
        let ran = host.librarian(args).await;
        assert_eq!((ran.exit, ran.out.as_str()), (2, ""), "{args:?} {ran:?}");
    }
    assert_eq!(host.gate.asked(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn wait_stays_until_people_have_decided() {
    let host = Host::start().await;
    host.gate.script(|ask| matches!(ask.call, Call::Submit { .. }).then(pending).and_then(answered));
    host.gate.set("op_1", State::Pending);
    let gate = host.gate.clone();
    let decided = tokio::spawn(async move {
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        gate.set("op_1", State::Approved);
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        gate.set("op_1", State::Refused);
    });
    let ran = host.librarian(&["op", "zfs", "destroy", "tank/vm", "--wait", "--json"]).await;
    decided.await.unwrap();
    assert_eq!((ran.exit, ran.json()["state"].as_str()), (5, Some("refused")), "{ran:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn wait_with_a_limit_ends_with_what_is_known() {
    let host = Host::start().await;
    host.gate.script(|ask| matches!(ask.call, Call::Submit { .. }).then(pending).and_then(answered));
    host.gate.set("op_1", State::Pending);
    let ran = host.librarian(&["op", "zfs", "destroy", "tank/vm", "--wait=1", "--json"]).await;
    assert_eq!((ran.exit, ran.json()["state"].as_str()), (4, Some("pending")), "{ran:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn watch_tells_each_state_and_ends_with_the_last() {
    let host = Host::start().await;
    host.gate.set("op_1", State::Pending);
    let gate = host.gate.clone();
    let moved = tokio::spawn(async move {
        for (seen, state) in [State::Approved, State::Executing, State::Succeeded].into_iter().enumerate() {
            let seen = u64::try_from(seen).unwrap() + 1;
            // Each state comes when the one before has been told.
            while !gate
                .asked()
                .iter()
                .any(|call| matches!(call, Call::Follow { seen: told, .. } if *told == seen))
            {
                tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            }
            gate.set("op_1", state);
        }
    });
    let ran = host.librarian(&["watch", "op_1", "--json"]).await;
    moved.await.unwrap();
    let states: Vec<String> = ran
        .out
        .lines()
        .map(|line| {
            serde_json::from_str::<serde_json::Value>(line).unwrap()["state"].as_str().unwrap().to_owned()
        })
        .collect();
    assert_eq!(states, ["pending", "approved", "executing", "succeeded"]);
    assert_eq!(ran.exit, 0);
    let again = host.librarian(&["watch", "op_1"]).await;
    assert_eq!((again.exit, again.out.lines().next()), (0, Some("✓ zfs list tank  succeeded")), "{again:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_says_what_would_be_and_its_exit_code_says_it_too() {
    let host = Host::start().await;
    for (verdict, exit, would) in [
        ("allow", 0, "would be done at once"),
        ("review", 4, "would be put to people"),
        ("deny", 3, "would be denied"),
    ] {
        host.gate.script(move |ask| {
            let effects = destroyed().effects;
            matches!(ask.call, Call::Plan { .. })
                .then(|| Ok(Answer::Plan { decision: decision(verdict), effects }))
        });
        let ran = host.librarian(&["plan", "zfs", "destroy", "tank/vm", "--reason", "x"]).await;
        assert_eq!(ran.out.lines().next(), Some(format!("zfs destroy tank/vm  {would}").as_str()));
        assert_eq!(ran.exit, exit, "{ran:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listing_into_a_pipe_is_rows_alone() {
    let host = Host::start().await;
    host.gate.script(|ask| {
        let listed = Envelope {
            result: Some(json!({"datasets": [
                {"name": "tank", "used": 1024, "type": "filesystem"}, {"name": "tank/a", "used": 7, "type": "volume"}]})),
            ..envelope("op_1", State::Succeeded, 3)
        };
        matches!(ask.call, Call::Submit { .. }).then_some(listed).and_then(answered)
    });
    let ran = host.librarian(&["op", "zfs", "list", "tank"]).await;
    assert_eq!(ran.out, "tank\tfilesystem\t1024\ntank/a\tvolume\t7\n");
    let ran = host.librarian(&["list"]).await;
    assert_eq!(ran.out, "op_2\tpending\tlibrarian\tzfs list tank\t2026-11-20T10:00:00Z\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_and_how_the_host_is_can_be_seen() {
    let host = Host::start().await;
    host.gate.script(|ask| {
        let approval = pending().approval.unwrap();
        let waiting = WaitingApproval {
            operation: "op_1".to_owned(),
            principal: name("librarian"),
            command: "zfs destroy tank/vm".to_owned(),
            approval,
        };
        matches!(ask.call, Call::Pending).then(|| Ok(Answer::Approvals(vec![waiting])))
    });
    let ran = host.librarian(&["pending"]).await;
    assert_eq!(ran.out, "op_1\tlibrarian\tzfs destroy tank/vm\t1 of 2\t2026-11-20T14:32:00Z\tap_1\n");
    let mut health = host.librarian(&["health"]).await;
    for _ in 0..50 {
        if health.exit == 0 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        health = host.librarian(&["health"]).await;
    }
    assert!(health.out.starts_with(&format!("ok host01 at {}\n", host.address)), "{health:?}");
    assert!(health.out.contains("people can be asked"), "{health:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn foreign_text_cannot_move_the_cursor_of_whoever_reads_it() {
    let host = Host::start().await;
    host.gate.script(|ask| {
        let hostile = "x\u{1b}]0;owned\u{7}\u{1b}[2J\u{9b}31m\u{202e}";
        let failed = Envelope {
            error: Some(hostile.to_owned()),
            result: Some(json!({hostile: hostile})),
            ..envelope("op_1", State::Failed, 3)
        };
        matches!(ask.call, Call::Submit { .. }).then_some(failed).and_then(answered)
    });
    for more in [&[][..], &["--json"]] {
        let ran = host.librarian(&[&["op", "zfs", "list", "tank"][..], more].concat()).await;
        assert_eq!(ran.exit, 1);
        assert!(ran.out.contains("owned"), "{ran:?}");
        assert!(ran.out.chars().all(|c| c == '\n' || !reeve::approval::is_invisible(c)), "{ran:?}");
    }
}
