//! How much a caller may take: bytes, time, connections, requests; and what it gets that takes more.

use std::time::Duration;

use http::Method;
use reeve::gate::protocol::NetworkEvent;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use crate::client::{Connection, get, post, request};
use crate::host::{Host, eventually};

const SHORT: &str = "metrics_listen = \"127.0.0.1:0\"\n[limits]\nhandshake_timeout = \"200ms\"\nheader_timeout = \"200ms\"\n\
                     body_timeout = \"200ms\"\nidle_timeout = \"600ms\"\n";
const LIST: &str = r#"{"kind":"zfs","op":"list","resource":"tank"}"#;

/// How long until the server ends a stream, which must come.
async fn until_closed(stream: &mut (impl AsyncReadExt + Unpin)) -> (Duration, Vec<u8>) {
    let (began, mut answer) = (Instant::now(), Vec::new());
    // An end without a farewell is an end.
    let _ = timeout(Duration::from_secs(5), stream.read_to_end(&mut answer)).await.unwrap();
    (began.elapsed(), answer)
}

#[tokio::test]
async fn a_handshake_that_does_not_go_on_is_ended() {
    let host = Host::with(SHORT).await;
    let mut silent = TcpStream::connect(host.address).await.unwrap();
    let mut slow = TcpStream::connect(host.address).await.unwrap();
    slow.write_all(&[0x16, 0x03, 0x01]).await.unwrap();
    for stream in [&mut silent, &mut slow] {
        assert!(until_closed(stream).await.0 < Duration::from_secs(2));
    }
    assert!(host.metrics().await.contains("reeve_tls_handshakes_total{result=\"timeout\"} 2"));
}

#[tokio::test]
async fn a_head_that_comes_byte_by_byte_is_ended_and_so_is_a_client_that_asks_nothing() {
    let host = Host::with(SHORT).await;
    let mut slow = host.librarian().tls("http/1.1").await.unwrap();
    let trickle = async {
        for byte in b"GET /health HTTP/1.1\r\nx: ".iter().chain(std::iter::repeat_n(&b'x', 1000)) {
            if slow.write_all(&[*byte]).await.is_err() || slow.flush().await.is_err() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("the server read it all");
    };
    timeout(Duration::from_secs(4), trickle).await.unwrap();
    for alpn in ["http/1.1", "h2"] {
        let mut silent = host.librarian().tls(alpn).await.unwrap();
        let (time, _) = until_closed(&mut silent).await;
        assert!(time < Duration::from_secs(3), "{alpn}: {time:?}");
    }
}

#[tokio::test]
async fn a_connection_between_requests_has_longer_and_then_ends_too() {
    let host = Host::with(SHORT).await;
    for alpn in ["http/1.1", "h2"] {
        let mut connection = host.librarian().http(alpn).await;
        assert_eq!(connection.send(get("/health")).await.unwrap().status, 200);
        tokio::time::sleep(Duration::from_millis(350)).await;
        assert_eq!(connection.send(get("/health")).await.unwrap().status, 200, "within the idle timeout");
        eventually("the idle connection is closed", async || connection.is_closed()).await;
    }
}

#[tokio::test]
async fn a_request_under_way_is_not_idle() {
    let host = Host::with(SHORT).await;
    host.gate.hold(true);
    let mut connections = [host.librarian().http1().await, host.librarian().http2().await];
    let gate = host.gate.clone();
    let release = tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(1500)).await;
        gate.hold(false);
    });
    let [one, two] = &mut connections;
    let (one, two) = tokio::join!(one.send(post("/host/op", LIST)), two.send(post("/host/op", LIST)));
    assert_eq!((one.unwrap().status.as_u16(), two.unwrap().status.as_u16()), (200, 200));
    release.await.unwrap();
}

#[tokio::test]
async fn a_body_that_does_not_come_is_408_and_the_connection_ends() {
    let host = Host::with(SHORT).await;
    let mut stream = host.librarian().tls("http/1.1").await.unwrap();
    let head =
        "POST /host/op HTTP/1.1\r\nhost: h\r\ncontent-type: application/json\r\ncontent-length: 44\r\n\r\n{";
    stream.write_all(head.as_bytes()).await.unwrap();
    let (_, answer) = until_closed(&mut stream).await;
    assert!(answer.starts_with(b"HTTP/1.1 408 "), "{}", String::from_utf8_lossy(&answer));
    assert_eq!(host.gate.callers(), [""; 0]);
}

#[tokio::test]
async fn a_body_of_64_kib_is_read_and_one_byte_more_is_413_unread() {
    let host = Host::start().await;
    let padded = |length: usize| LIST.to_owned() + &" ".repeat(length - LIST.len());
    for mut connection in [host.librarian().http1().await, host.librarian().http2().await] {
        let answer = connection.send(post("/host/op", &padded(64 << 10))).await.unwrap();
        assert_eq!(answer.status, 200);
    }
    let answer = host.librarian().post("/host/op", &padded((64 << 10) + 1)).await;
    assert_eq!(answer.problem(), (413, "too_large".to_owned()));
    // The answer comes although nothing of the body ever does, and the connection ends.
    let mut stream = host.librarian().tls("http/1.1").await.unwrap();
    let head = "POST /host/op HTTP/1.1\r\nhost: h\r\ncontent-type: application/json\r\ncontent-length: 65537\r\n\
                expect: 100-continue\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let (_, answer) = until_closed(&mut stream).await;
    assert!(answer.starts_with(b"HTTP/1.1 413 "), "{}", String::from_utf8_lossy(&answer));
}

#[tokio::test]
async fn a_body_without_a_length_is_cut_at_64_kib() {
    let host = Host::start().await;
    let mut stream = host.librarian().tls("http/1.1").await.unwrap();
    let head = "POST /host/op HTTP/1.1\r\nhost: h\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let (mut reader, mut writer) = tokio::io::split(stream);
    let endless = tokio::spawn(async move {
        let chunk = format!("4000\r\n{}\r\n", " ".repeat(0x4000));
        while writer.write_all(chunk.as_bytes()).await.is_ok() {}
    });
    let mut answer = [0; 13];
    timeout(Duration::from_secs(5), reader.read_exact(&mut answer)).await.unwrap().unwrap();
    assert_eq!(&answer, b"HTTP/1.1 413 ");
    timeout(Duration::from_secs(5), endless).await.unwrap().unwrap();
    assert_eq!(host.gate.callers(), [""; 0]);
}

#[tokio::test]
async fn a_principal_has_no_more_connections_than_its_share() {
    let host = Host::with("[limits]\nconnections_per_principal = 2\n").await;
    let client = host.librarian();
    let mut held: Vec<Connection> = vec![client.http1().await, client.http2().await];
    for connection in &mut held {
        assert_eq!(connection.send(get("/health")).await.unwrap().status, 200);
    }
    let answer = client.get("/health").await;
    assert_eq!(answer.problem(), (429, "too_many_connections".to_owned()));
    assert_eq!(answer.header("connection"), Some("close"));
    held.pop();
    eventually("a place is free again", async || client.get("/health").await.status == 200).await;
}

#[tokio::test]
async fn the_server_has_no_more_connections_than_its_share() {
    let host = Host::with("metrics_listen = \"127.0.0.1:0\"\n[limits]\nconnections = 1\n").await;
    let mut held = host.librarian().http1().await;
    assert_eq!(held.send(get("/health")).await.unwrap().status, 200);
    assert!(host.librarian().tls("h2").await.is_err());
    assert!(host.metrics().await.contains("reeve_tls_handshakes_total{result=\"full\"} 1"));
    drop(held);
    eventually("a place is free again", async || host.librarian().tls("h2").await.is_ok()).await;
}

#[tokio::test]
async fn a_principal_that_asks_too_often_is_told_when_to_come_back() {
    let limits = "metrics_listen = \"127.0.0.1:0\"\n[limits]\nrequests_per_second = 1\nburst = 3\n";
    let host = Host::with(limits).await;
    let mut connections = [host.librarian().http1().await, host.librarian().http2().await];
    let mut statuses = Vec::new();
    for round in 0..6 {
        let answer = connections[round % 2].send(get("/host/ops")).await.unwrap();
        if answer.status == 429 {
            assert_eq!(answer.problem().1, "rate_limited");
            assert_eq!(answer.header("retry-after"), Some("1"));
        }
        statuses.push(answer.status.as_u16());
    }
    assert_eq!(statuses, [200, 200, 200, 429, 429, 429]);
    assert_eq!(host.gate.callers().len(), 3);
    assert!(host.metrics().await.contains("reeve_rate_limited_total{principal=\"librarian\"} 3"));
    let noted = NetworkEvent::RateLimited { principal: crate::fake_gate::name("librarian"), count: 3 };
    eventually("the refusals are one note", async || host.gate.notes() == [noted.clone()]).await;
    host.configure("[limits]\nrequests_per_second = 1000\n");
    host.handle.reload().await.unwrap();
    eventually("the new rate counts", async || {
        connections[0].send(get("/host/ops")).await.unwrap().status == 200
    })
    .await;
}

#[tokio::test]
async fn what_is_no_request_gets_its_status_and_never_reaches_the_gate() {
    let host = Host::start().await;
    let mut connection = host.librarian().http1().await;
    let deep = format!(
        r#"{{"kind":"zfs","op":"list","resource":"tank","params":{}{}}}"#,
        "[".repeat(5000),
        "]".repeat(5000)
    );
    for (body, status, code, pointer) in [
        ("", 400, "not_json", None),
        ("{", 400, "not_json", None),
        ("\u{feff}{}", 400, "not_json", None),
        (r#"{"kind":"zfs","op":NaN,"resource":"tank"}"#, 400, "not_json", None),
        (
            r#"{"kind":"zfs","op":"create","resource":"tank/a","params":{"size":1e400}}"#,
            400,
            "not_json",
            None,
        ),
        (r#"{"kind":"zfs","op":"create","resource":"tank/a","params":{"size":1.5}}"#, 400, "not_json", None),
        (r#"{"kind":"zfs","kind":"zfs","op":"list","resource":"tank"}"#, 400, "not_json", None),
        (&deep, 400, "not_json", None),
        ("[]", 422, "invalid", Some("")),
        ("{}", 422, "invalid", Some("/kind")),
        (r#"{"kind":"zfs","op":"list","resource":"tank","confirm":true}"#, 422, "invalid", Some("/confirm")),
        (
            r#"{"kind":"zfs","op":"list","params":{},"args":["list"],"resource":"tank"}"#,
            422,
            "invalid",
            Some("/args"),
        ),
        (r#"{"kind":"zfs","op":"list","resource":"-r"}"#, 422, "invalid", Some("/resource")),
        (
            r#"{"kind":"zfs","op":"list","resource":"tank","params":{"x":1}}"#,
            422,
            "invalid",
            Some("/params/x"),
        ),
    ] {
        for path in ["/host/op", "/host/plan"] {
            let answer = connection.send(post(path, body)).await.unwrap();
            assert_eq!(answer.problem(), (status, code.to_owned()), "{body}");
            assert_eq!(answer.json().get("pointer").and_then(|place| place.as_str()), pointer, "{body}");
        }
    }
    for (method, path, headers, status, code) in [
        (Method::POST, "/host/op", &[("content-type", "text/plain")][..], 415, "media_type"),
        (Method::POST, "/host/op", &[], 415, "media_type"),
        (
            Method::POST,
            "/host/op",
            &[("content-type", "application/json"), ("idempotency-key", "a b")],
            400,
            "bad_idempotency_key",
        ),
        (Method::GET, "/host/op/op_1?wait=301", &[], 400, "bad_wait"),
        (Method::GET, "/host/op/op_1?wait=1&wait=2", &[], 400, "bad_query"),
        (Method::GET, "/host/op?limit=0", &[], 400, "bad_query"),
        (Method::GET, "/host/op?state=done", &[], 400, "bad_query"),
        (Method::GET, "/host/op?all=1", &[], 400, "bad_query"),
        (Method::GET, "/host/op/op_1/events", &[("last-event-id", "x")], 400, "bad_last_event_id"),
        (Method::GET, "/admin/sudoers", &[], 404, "not_found"),
    ] {
        let answer = connection.send(request(method, path, headers, LIST)).await.unwrap();
        assert_eq!(answer.problem(), (status, code.to_owned()), "{path}");
    }
    assert_eq!(host.gate.callers(), [""; 0]);
}

#[tokio::test]
async fn heads_that_are_too_large_are_refused() {
    let host = Host::start().await;
    for filler in [format!("x: {}\r\n", "y".repeat(64 << 10)), "x: y\r\n".repeat(100)] {
        let mut stream = host.librarian().tls("http/1.1").await.unwrap();
        let _ = stream.write_all(format!("GET /health HTTP/1.1\r\nhost: h\r\n{filler}\r\n").as_bytes()).await;
        let (_, answer) = until_closed(&mut stream).await;
        assert!(!answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer));
    }
}

#[tokio::test]
async fn the_first_answer_comes_at_once() {
    let host = Host::start().await;
    let mut fastest = Duration::MAX;
    for _ in 0..5 {
        // As a plain client: no TCP_NODELAY, so it waits for acknowledgements.
        let mut stream = host.librarian().tls("http/1.1").await.unwrap();
        let began = Instant::now();
        stream.write_all(b"GET /health HTTP/1.1\r\n").await.unwrap();
        stream.flush().await.unwrap();
        stream.write_all(b"host: h\r\n\r\n").await.unwrap();
        stream.flush().await.unwrap();
        let mut byte = [0];
        stream.read_exact(&mut byte).await.unwrap();
        fastest = fastest.min(began.elapsed());
    }
    assert!(fastest < Duration::from_millis(30), "{fastest:?}: somebody waits for a delayed acknowledgement");
}
