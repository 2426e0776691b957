//! What each path answers, with every status that it can have.

use http::Method;
use reeve::gate::protocol::{Answer, Call, State};
use serde_json::json;

use crate::client::{get, post, request};
use crate::fake_gate::envelope;
use crate::host::{Host, eventually};

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
async fn head_is_405_with_what_there_is() {
    let host = Host::start().await;
    let mut connection = host.librarian().http1().await;
    let answer = connection.send(request(Method::HEAD, "/health", &[], "")).await.unwrap();
    assert_eq!((answer.status.as_u16(), answer.header("allow")), (405, Some("GET")));
    let answer = connection.send(get("/nowhere")).await.unwrap();
    assert_eq!(answer.problem(), (404, "not_found".to_owned()));
}
