//! What each path answers, with every status that it can have.

use http::Method;
use reeve::gate::protocol::{Answer, Call, NetworkEvent, Problem, ProblemKind, SignedMessage, State};
use serde_json::json;

use crate::client::{get, plain, post, request};
use crate::fake_gate::{decision, envelope};
use crate::host::{Files, Host, eventually};

const LIST: &str = r#"{"kind":"zfs","op":"list","resource":"tank"}"#;

#[tokio::test]
async fn what_is_done_is_200_with_the_envelope_as_the_gate_gave_it() {
    let host = Host::start().await;
    for mut connection in [host.librarian().http1().await, host.librarian().http2().await] {
        let answer = connection.send(post("/host/op", LIST)).await.unwrap();
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("content-type"), Some("application/json"));
        assert_eq!(answer.header("location"), Some("/host/op/op_1"));
        assert_eq!(answer.json(), json!(envelope("op_1", State::Succeeded, 3)));
    }
}

#[tokio::test]
async fn what_waits_is_202_with_its_place_and_when_to_ask() {
    let host = Host::start().await;
    host.gate.script(|ask| {
        matches!(ask.call, Call::Submit { .. })
            .then(|| Ok(Answer::Operation(Box::new(envelope("op_7", State::Pending, 1)))))
    });
    let answer = host.librarian().post("/host/op", LIST).await;
    assert_eq!(answer.status, 202);
    assert_eq!(answer.header("location"), Some("/host/op/op_7"));
    assert_eq!(answer.header("retry-after"), Some("2"));
    assert_eq!(answer.json()["state"], "pending");
}

#[tokio::test]
async fn the_gate_hears_the_operation_its_key_and_the_name_of_the_certificate() {
    let host = Host::start().await;
    let mut connection = host.librarian().http2().await;
    let headers = [("content-type", "application/json"), ("idempotency-key", "r-17")];
    let positional = r#"{"kind":"zfs","resource":"tank","args":["list",true],"reason":"to see","metadata":{"run_id":"r-17"}}"#;
    connection.send(request(Method::POST, "/host/op", &headers, positional)).await.unwrap();
    let submission = reeve::operation::Submission::from_json(positional.as_bytes()).unwrap();
    let call = Call::Submit { submission, idempotency_key: Some("r-17".to_owned()) };
    assert_eq!(host.gate.asked(), [call]);
    assert_eq!(host.gate.callers(), ["librarian"]);
}

#[tokio::test]
async fn a_witness_answers_as_its_protocol_has_it() {
    let host = Host::start().await;
    let mut connection = host.librarian().http2().await;
    for (request_text, status, kind, body) in [
        ("good", 200, "text/plain; charset=utf-8", "\u{2014} host02/witness AAAA\n"),
        ("old", 409, "text/x.tlog.size", "48\n"),
        ("strange", 404, "text/plain; charset=utf-8", "no log of this name is watched\n"),
        ("unsigned", 403, "text/plain; charset=utf-8", "not signed by the log's key\n"),
        ("forked", 422, "text/plain; charset=utf-8", "the proof does not show that the log only grew\n"),
        ("nonsense", 400, "text/plain; charset=utf-8", "nonsense\n"),
    ] {
        let sent =
            request(Method::POST, "/witness/add-checkpoint", &[("content-type", "text/plain")], request_text);
        let answer = connection.send(sent).await.unwrap();
        assert_eq!(answer.status.as_u16(), status, "{request_text}");
        assert_eq!(answer.headers["content-type"], kind, "{request_text}");
        assert_eq!(answer.body, body.as_bytes());
    }
    let long = "x".repeat((64 << 10) + 1);
    let sent = request(Method::POST, "/witness/add-checkpoint", &[], &long);
    assert_eq!(connection.send(sent).await.unwrap().status.as_u16(), 413);
}

#[tokio::test]
async fn a_signed_message_is_handed_on_byte_for_byte_and_judged_by_the_gate_alone() {
    let host = Host::start().await;
    let body = " {\"text\": \"CONFIRM K7QF\", \"approver\":\"bob\"} ";
    let json = ("content-type", "application/json");
    let (id, at, signature) =
        (("webhook-id", "a-1"), ("webhook-timestamp", "1700000000"), ("webhook-signature", "v1,AAAA"));
    let mut connection = host.librarian().http2().await;
    let sent = request(Method::POST, "/webhook/signal", &[json, id, at, signature], body);
    let answer = connection.send(sent).await.unwrap();
    assert_eq!((answer.status.as_u16(), answer.json()), (200, json!({"answer": "recorded"})));
    let message = SignedMessage {
        id: "a-1".to_owned(),
        timestamp: 1_700_000_000,
        signature: "v1,AAAA".to_owned(),
        body: body.to_owned(),
    };
    assert_eq!(host.gate.asked(), [Call::Post(message)]);
    for headers in [
        vec![json, at, signature],
        vec![json, id, signature],
        vec![json, id, at],
        vec![json, id, id, at, signature],
        vec![json, id, ("webhook-timestamp", "now"), signature],
    ] {
        let answer = connection.send(request(Method::POST, "/webhook/signal", &headers, body)).await.unwrap();
        assert_eq!(answer.problem().0, 422, "{headers:?}");
    }
    assert_eq!(host.gate.asked().len(), 1);
}

#[tokio::test]
async fn what_is_denied_is_403_with_the_decision_and_what_could_be_done_instead() {
    let host = Host::start().await;
    host.gate.script(|ask| {
        let Call::Submit { .. } = ask.call else { return None };
        let mut problem = Problem::new(ProblemKind::Denied, "destroying is not in the contract");
        problem.operation = Some("op_9".to_owned());
        problem.decision = Some(decision("deny"));
        problem.alternatives = vec![json!({"kind": "zfs", "op": "rename", "resource": "tank/a"})];
        Some(Err(problem))
    });
    let answer = host.librarian().post("/host/op", LIST).await;
    assert_eq!(answer.problem(), (403, "denied".to_owned()));
    assert_eq!(
        answer.json(),
        json!({
            "type": "urn:reeve:problem:denied", "title": "Denied", "status": 403, "code": "denied",
            "detail": "destroying is not in the contract", "final": true, "operation": "op_9",
            "decision": {"verdict": "deny", "rule": "reads-are-free", "reason": "because", "policy": "sha256:00", "contract": "sha256:01"},
            "alternatives": [{"kind": "zfs", "op": "rename", "resource": "tank/a"}],
        })
    );
    host.gate.script(|ask| {
        matches!(ask.call, Call::Submit { .. })
            .then(|| Ok(Answer::Operation(Box::new(envelope("op_1", State::Denied, 1)))))
    });
    assert_eq!(host.librarian().post("/host/op", LIST).await.problem(), (403, "denied".to_owned()));
}

#[tokio::test]
async fn every_question_is_the_gates_to_answer() {
    let host = Host::start().await;
    host.gate.set("op_1", State::Succeeded);
    let mut connection = host.librarian().http1().await;
    let evaluation = r#"{"tool":"web.fetch","args":{"url":"x"},"context":{}}"#;
    for (question, wanted) in [
        (get("/host/op/op_1"), json!(envelope("op_1", State::Succeeded, 1))),
        (
            get("/host/op?state=pending&kind=zfs&cursor=op_3&limit=1"),
            json!({"operations": [envelope("op_2", State::Pending, 1)], "next": "op_2"}),
        ),
        (get("/host/ops"), json!({"operations": []})),
        (get("/pending"), json!({"approvals": []})),
        (get("/directory/archivist"), json!({"name": "archivist"})),
        (post("/evaluate", evaluation), json!({"verdict": "allow", "reason": "web.fetch"})),
        (post("/host/plan", LIST), json!({"decision": decision("review"), "effects": {"objects": []}})),
        (request(Method::DELETE, "/host/op/op_1", &[], ""), json!(envelope("op_1", State::Succeeded, 1))),
    ] {
        let uri = question.uri().clone();
        let answer = connection.send(question).await.unwrap();
        assert_eq!((answer.status.as_u16(), answer.json()), (200, wanted), "{uri}");
    }
    let listed = Call::List {
        state: Some(State::Pending),
        kind: Some("zfs".to_owned()),
        cursor: Some("op_3".to_owned()),
        limit: 1,
    };
    assert_eq!(host.gate.asked()[1], listed);
    let answer = connection.send(get("/host/op/op_404")).await.unwrap();
    assert_eq!(answer.problem(), (404, "not_found".to_owned()));
}

#[tokio::test]
async fn a_wait_ends_with_the_final_state_or_with_its_time() {
    let host = Host::start().await;
    host.gate.set("op_1", State::Pending);
    let mut connection = host.librarian().http2().await;
    let began = tokio::time::Instant::now();
    let answer = connection.send(get("/host/op/op_1?wait=1")).await.unwrap();
    assert_eq!((answer.status.as_u16(), &answer.json()["state"]), (200, &json!("pending")));
    assert_eq!(answer.header("retry-after"), Some("2"));
    assert!(began.elapsed() >= std::time::Duration::from_secs(1));
    let waiting = tokio::spawn(async move { connection.send(get("/host/op/op_1?wait=300")).await.unwrap() });
    for state in [State::Approved, State::Executing, State::Succeeded] {
        tokio::task::yield_now().await;
        host.gate.set("op_1", state);
    }
    let answer = tokio::time::timeout(std::time::Duration::from_secs(5), waiting).await.unwrap().unwrap();
    assert_eq!(answer.json()["state"], "succeeded");
    assert_eq!(answer.header("retry-after"), None);
}

#[tokio::test]
async fn a_caller_that_hangs_up_changes_nothing() {
    let host = Host::start().await;
    host.gate.hold(true);
    let mut connection = host.librarian().http1().await;
    let gone = tokio::spawn(async move { connection.send(post("/host/op", LIST)).await.map(drop) });
    eventually("the gate has the operation", async || host.gate.asked().len() == 1).await;
    gone.abort();
    host.gate.hold(false);
    assert_eq!(host.librarian().get("/health").await.status, 200);
    assert_eq!(host.gate.asked().len(), 1, "nothing was cancelled");
}

#[tokio::test]
async fn metrics_are_the_gates_and_ours_and_no_family_stands_twice() {
    let host = Host::with("metrics_listen = \"127.0.0.1:0\"").await;
    let answer = host.librarian().get("/metrics").await;
    assert_eq!(answer.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    let (tls, loopback) = (String::from_utf8(answer.body.to_vec()).unwrap(), host.metrics().await);
    for text in [&tls, &loopback] {
        assert!(text.contains("reeve_decisions_total 1"), "{text}");
        assert!(text.contains("reeve_tls_handshakes_total{result=\"ok\"} 1"), "{text}");
        let mut families: Vec<_> = text.lines().filter(|line| line.starts_with("# TYPE")).collect();
        families.sort_unstable();
        assert!(families.windows(2).all(|pair| pair[0] != pair[1]), "{families:?}");
    }
    host.gate.script(|ask| {
        (ask.call == Call::Metrics && ask.caller.is_some())
            .then(|| Err(Problem::new(ProblemKind::Forbidden, "not for this caller")))
    });
    assert_eq!(host.librarian().get("/metrics").await.problem(), (403, "forbidden".to_owned()));
    let address = host.metrics.unwrap();
    for (request, status) in [("GET /health HTTP/1.1", "404"), ("POST /metrics HTTP/1.1", "405")] {
        assert!(plain(address, request).await.starts_with(&format!("HTTP/1.1 {status} ")), "{request}");
    }
}

#[tokio::test]
async fn a_reload_is_the_gates_to_permit_and_says_what_became_of_each_part() {
    let host = Host::start().await;
    let good = json!({
        "gate": {"reloaded": true, "detail": "read", "changed": []},
        "reeved": {
            "reloaded": true,
            "detail": "configuration, certificates and revocation lists are read",
            "changed": [],
        },
    });
    let mut connection = host.librarian().http1().await;
    let ask = || request(Method::POST, "/admin/reload", &[], "");
    let answer = connection.send(ask()).await.unwrap();
    assert_eq!((answer.status.as_u16(), answer.json()), (200, good));
    host.write("reeved.toml", "listen = 1");
    let answer = connection.send(ask()).await.unwrap();
    assert_eq!(answer.problem(), (409, "not_reloaded".to_owned()));
    assert_eq!(answer.json()["reeved"], json!({"reloaded": false, "detail": "reeved.toml is not valid"}));
    assert_eq!(answer.json()["gate"]["reloaded"], true);
    host.gate.script(|ask| {
        let asked = json!({"reloaded": false, "detail": "people are asked", "weaker": ["~ policy"]});
        (ask.call == Call::Reload).then_some(Ok(Answer::Document(asked)))
    });
    host.configure("");
    let answer = connection.send(ask()).await.unwrap();
    assert_eq!((answer.status.as_u16(), &answer.json()["gate"]["weaker"]), (202, &json!(["~ policy"])));
    assert_eq!(answer.json()["reeved"]["reloaded"], true);
    host.gate.script(|ask| {
        (ask.call == Call::Reload).then(|| Err(Problem::new(ProblemKind::Forbidden, "for the role admin")))
    });
    assert_eq!(connection.send(ask()).await.unwrap().problem(), (403, "forbidden".to_owned()));
}

#[tokio::test]
async fn a_freeze_is_handed_to_the_gate_as_the_caller_of_the_certificate() {
    let host = Host::start().await;
    host.gate.script(|ask| match &ask.call {
        Call::Freeze { who, .. } => Some(Ok(Answer::Document(json!({"who": who, "frozen": true})))),
        Call::Thaw { .. } => Some(Err(Problem::new(ProblemKind::Forbidden, "only people thaw it"))),
        _ => None,
    });
    let mut connection = host.librarian().http1().await;
    let frozen = connection.send(post("/admin/freeze", r#"{"freeze":"archivist","why":"astray"}"#)).await;
    let frozen = frozen.unwrap();
    assert_eq!((frozen.status.as_u16(), frozen.json()), (200, json!({"who": "archivist", "frozen": true})));
    let call = Call::Freeze { who: Some("archivist".to_owned()), why: Some("astray".to_owned()) };
    assert_eq!((host.gate.asked(), host.gate.callers()), (vec![call], vec!["librarian".to_owned()]));
    let thawed = connection.send(post("/admin/freeze", r#"{"thaw":"archivist"}"#)).await.unwrap();
    assert_eq!(thawed.problem(), (403, "forbidden".to_owned()));
    for (body, problem) in [("{}", (422, "invalid")), ("{", (400, "not_json"))] {
        let answer = connection.send(post("/admin/freeze", body)).await.unwrap().problem();
        assert_eq!((answer.0, answer.1.as_str()), problem, "{body}");
    }
    assert_eq!(host.gate.asked().len(), 2, "what cannot be meant does not reach the gate");
}

#[tokio::test]
async fn a_reload_tells_what_has_become_another_in_its_answer_and_for_the_log_but_not_the_key() {
    let host = Host::start().await;
    host.configure("[limits]\nburst = 7\n");
    let another = host.ca.server();
    host.write("server.pem", &another.pem);
    host.write("server.key", &another.key);
    let answer =
        host.librarian().http1().await.send(request(Method::POST, "/admin/reload", &[], "")).await.unwrap();
    let changed = answer.json()["reeved"]["changed"].clone();
    let what: Vec<&str> =
        changed.as_array().unwrap().iter().map(|one| one["what"].as_str().unwrap()).collect();
    assert_eq!(what, ["reeved.toml: limits.burst", "the file of tls.certificate", "the file of tls.key"]);
    assert_eq!(changed[0], json!({"what": "reeved.toml: limits.burst", "before": null, "after": "7"}));
    assert!(changed[1]["after"].as_str().unwrap().starts_with("sha256:"), "{changed}");
    assert_eq!(
        changed[2],
        json!({"what": "the file of tls.key", "before": "(not shown)", "after": "(not shown)"})
    );
    let noted = NetworkEvent::Reloaded { why: None, changed: serde_json::from_value(changed).unwrap() };
    eventually("the audit log has it", async || host.gate.notes() == [noted.clone()]).await;
    host.write("reeved.toml", "listen = 1");
    host.handle.reload().await.unwrap_err();
    let why = Some("reeved.toml is not valid".to_owned());
    let failed = NetworkEvent::Reloaded { why, changed: Vec::new() };
    eventually("and what failed", async || host.gate.notes().last() == Some(&failed)).await;
}

#[tokio::test]
async fn the_document_of_all_this_is_the_golden_one() {
    let host = Host::start().await;
    let golden = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/openapi.json")).unwrap();
    let golden: serde_json::Value = serde_json::from_slice(&golden).unwrap();
    assert_eq!(host.librarian().get("/openapi.json").await.json(), golden);
}

#[tokio::test]
async fn an_answer_to_another_question_is_500_and_no_more_is_said() {
    let host = Host::start().await;
    host.gate.script(|ask| (ask.call == Call::Pending).then(|| Ok(Answer::Text("/etc/secret".to_owned()))));
    let answer = host.librarian().get("/pending").await;
    assert_eq!(answer.problem(), (500, "internal".to_owned()));
    assert!(!String::from_utf8_lossy(&answer.body).contains("secret"));
}

#[tokio::test]
async fn health_is_what_the_gate_said_a_moment_ago() {
    let host = Host::start().await;
    let client = host.librarian();
    eventually("health is ok", async || client.get("/health").await.json()["status"] == "ok").await;
    host.gate.stop();
    eventually("health is degraded", async || client.get("/health").await.json()["status"] == "degraded")
        .await;
    let answer = client.post("/host/op", LIST).await;
    assert_eq!(answer.problem(), (503, "unavailable".to_owned()));
    assert_eq!(answer.header("retry-after"), Some("5"));
}

#[tokio::test]
async fn somebody_else_on_the_gates_socket_is_told_nothing() {
    let files = Files::new("");
    let text = std::fs::read_to_string(files.path("reeved.toml")).unwrap();
    let me = text.lines().find(|line| line.starts_with("gate_user")).unwrap();
    files.write("reeved.toml", &text.replace(me, "gate_user = \"nobody\""));
    let host = files.start().await;
    let answer = host.librarian().post("/host/op", LIST).await;
    assert_eq!(answer.problem(), (503, "unavailable".to_owned()));
    assert_eq!(host.gate.asked(), []);
}

#[tokio::test]
async fn head_is_405_with_what_there_is() {
    let host = Host::start().await;
    let mut connection = host.librarian().http1().await;
    let answer = connection.send(request(Method::HEAD, "/health", &[], "")).await.unwrap();
    assert_eq!((answer.status.as_u16(), answer.header("allow")), (405, Some("GET")));
    let answer = connection.send(get("/nowhere")).await.unwrap();
    assert_eq!(answer.problem(), (404, "not_found".to_owned()));
}
