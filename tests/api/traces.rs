//! Traces at the network side: the caller's is gone on with, and nothing of it but its exact form is taken.

use std::io::{BufRead, BufReader};
use std::os::unix::net::UnixListener;

use http::Method;
use reeve::trace::{Context, Span};

use crate::client::request;
use crate::host::{Files, Host};

const CALLER: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const LIST: &str = r#"{"kind":"zfs","op":"list","resource":"tank"}"#;

async fn submit(host: &Host, trace: &[&str]) -> u16 {
    let mut headers = vec![("content-type", "application/json")];
    headers.extend(trace.iter().map(|value| ("traceparent", *value)));
    let asked = request(Method::POST, "/host/op", &headers, LIST);
    host.librarian().http1().await.send(asked).await.unwrap().status.as_u16()
}

#[tokio::test]
async fn the_gate_hears_which_trace_a_caller_names_and_nothing_that_is_none() {
    let host = Host::start().await;
    for said in [vec![CALLER], vec![], vec!["00-nonsense-01"], vec![CALLER, CALLER]] {
        assert_eq!(submit(&host, &said).await, 200, "{said:?}");
    }
    assert_eq!(host.gate.traces(), [Some(Context::parse(CALLER).unwrap()), None, None, None]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_a_span_under_its_callers_and_the_gate_is_asked_under_that() {
    let files = Files::new("");
    let socket = files.path("spans.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    let me = nix::unistd::User::from_uid(nix::unistd::geteuid()).unwrap().unwrap().name;
    let config = format!(
        "endpoint = \"https://otel.example/v1/traces\"\nuser = \"{me}\"\nsocket = \"{}\"\n",
        socket.display()
    );
    files.write("traces.toml", &config);
    files.configure(&format!("traces = \"{}\"", files.path("traces.toml").display()));
    let host = files.start().await;
    assert_eq!(submit(&host, &[CALLER]).await, 200);
    let heard = tokio::task::spawn_blocking(move || {
        let mut line = String::new();
        BufReader::new(listener.accept().unwrap().0).read_line(&mut line).unwrap();
        serde_json::from_str::<Span>(&line).unwrap()
    });
    let span = heard.await.unwrap();
    assert_eq!((span.service.as_str(), span.name.as_str()), ("reeved", "POST /host/op"));
    let caller = Context::parse(CALLER).unwrap();
    assert_eq!((span.trace, span.parent, span.failed), (caller.trace, Some(caller.span), false));
    let about = serde_json::to_value(&span.attributes).unwrap();
    let wanted = serde_json::json!({"http.request.method": "POST", "http.response.status_code": 200,
        "http.route": "/host/op"});
    assert_eq!(about, wanted);
    assert_eq!(host.gate.traces(), [Some(caller.under(span.id))]);
}
