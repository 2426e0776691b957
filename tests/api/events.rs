//! The stream of an operation's states and of what its tools print.

use http::Method;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use reeve::gate::protocol::{Envelope, State};
use serde_json::{Value, json};

use crate::client::{holds_what_it_may, request};
use crate::fake_gate::envelope;
use crate::host::Host;

/// The next event's id and state, or nothing at the end.
async fn next(stream: &mut Incoming) -> Option<(String, Envelope)> {
    let (id, name, data) = next_of_any_kind(stream).await?;
    assert_eq!(name, "state");
    Some((id, serde_json::from_value(data).unwrap()))
}

/// The next event's id, name and data, or nothing at the end. Comments are no events.
async fn next_of_any_kind(stream: &mut Incoming) -> Option<(String, String, Value)> {
    let text = loop {
        let frame = tokio::time::timeout(std::time::Duration::from_secs(5), stream.frame()).await.unwrap()?;
        let text = String::from_utf8(frame.unwrap().into_data().unwrap().to_vec()).unwrap();
        if !text.is_empty() && !text.starts_with(':') {
            break text;
        }
    };
    let lines: Vec<&str> = text.lines().collect();
    lines
        .iter()
        .filter_map(|line| line.strip_prefix("data: "))
        .for_each(|data| holds_what_it_may(data.as_bytes()));
    let [id, name, data, ""] = lines.as_slice() else { panic!("{text:?}") };
    let data = serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap();
    let behind = |line: &str, field: &str| line.strip_prefix(field).unwrap().to_owned();
    Some((behind(id, "id: "), behind(name, "event: "), data))
}

#[tokio::test]
async fn every_state_is_an_event_and_the_last_one_ends_the_stream() {
    let host = Host::start().await;
    for alpn in ["http/1.1", "h2"] {
        let id = if alpn == "h2" { "op_2" } else { "op_1" };
        host.gate.set(id, State::Pending);
        let mut connection = host.librarian().http(alpn).await;
        let question = request(Method::GET, &format!("/host/op/{id}/events"), &[], "");
        let answer = connection.begin(question).await.unwrap();
        assert_eq!(answer.headers()["content-type"], "text/event-stream");
        let mut stream = answer.into_body();
        for (version, state) in
            (1..).zip([State::Pending, State::Approved, State::Executing, State::Succeeded])
        {
            if version > 1 {
                host.gate.set(id, state);
            }
            let event = next(&mut stream).await;
            assert_eq!(event, Some((format!("{version}.0"), envelope(id, state, version))), "{alpn}");
        }
        assert_eq!(next(&mut stream).await, None, "{alpn}");
    }
}

#[tokio::test]
async fn a_stream_is_taken_up_after_the_event_that_was_seen_last() {
    let host = Host::start().await;
    host.gate.set("op_1", State::Pending);
    host.gate.set("op_1", State::Executing);
    let mut connection = host.librarian().http2().await;
    let from = |id| request(Method::GET, "/host/op/op_1/events", &[("last-event-id", id)], "");
    let mut stream = connection.begin(from("2")).await.unwrap().into_body();
    host.gate.set("op_1", State::Failed);
    assert_eq!(next(&mut stream).await, Some(("3.0".to_owned(), envelope("op_1", State::Failed, 3))));
    assert_eq!(next(&mut stream).await, None);
    let mut again = connection.begin(from("2")).await.unwrap().into_body();
    assert_eq!(next(&mut again).await.unwrap().0, "3.0", "what was missed comes at once");
    for over in ["3", "3.0", "3.7"] {
        assert_eq!(connection.send(from(over)).await.unwrap().status, 204, "nothing more will come");
    }
    for wrong in ["-1", "3.", "a", "1.2.3", " 3"] {
        assert_eq!(connection.send(from(wrong)).await.unwrap().status, 400, "{wrong:?}");
    }
}

#[tokio::test]
async fn what_tools_print_comes_as_it_is_printed_and_before_the_end() {
    let host = Host::start().await;
    host.gate.set("op_1", State::Executing);
    let mut connection = host.librarian().http2().await;
    let from = |id| request(Method::GET, "/host/op/op_1/events", &[("last-event-id", id)], "");
    let mut stream = connection.begin(from("0")).await.unwrap().into_body();
    assert_eq!(next(&mut stream).await.unwrap().0, "1.0");
    let output = |id: &str, data: Value| Some((id.to_owned(), "output".to_owned(), data));
    host.gate.print(json!({"text": "one"}));
    assert_eq!(next_of_any_kind(&mut stream).await, output("1.1", json!({"text": "one"})));
    host.gate.print(json!({"text": "two"}));
    host.gate.set("op_1", State::Succeeded);
    assert_eq!(next_of_any_kind(&mut stream).await, output("1.2", json!({"text": "two"})));
    assert_eq!(next(&mut stream).await.unwrap().0, "2.2");
    assert_eq!(next(&mut stream).await, None);

    let mut again = connection.begin(from("1.1")).await.unwrap().into_body();
    assert_eq!(next_of_any_kind(&mut again).await, output("1.2", json!({"text": "two"})), "what was missed");
    host.gate.forget_output();
    let mut late = connection.begin(from("0")).await.unwrap().into_body();
    assert_eq!(next_of_any_kind(&mut late).await, output("0.2", json!({"missing": 2})), "said, not hidden");
}

#[tokio::test]
async fn what_is_not_there_has_no_events() {
    let host = Host::start().await;
    let answer = host.librarian().get("/host/op/op_404/events").await;
    assert_eq!(answer.problem(), (404, "not_found".to_owned()));
}
