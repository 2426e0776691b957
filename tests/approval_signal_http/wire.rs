//! What signal-cli's daemon says over HTTP, of the stand-in and of the real one.

use std::io::{Read, Write};
use std::net::TcpStream;

use reeve::approval::signal::{Down, SendError, Status};
use serde_json::{Value, json};

use crate::stage::{Bridge, PATIENCE, Stage, uuid};

/// One request on a connection of its own: the status, and what came after the head.
fn ask(address: &str, head: &str, body: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let length = body.len();
    let host = if head.contains("Host:") { String::new() } else { format!("Host: {address}\r\n") };
    write!(stream, "{head}\r\n{host}Connection: close\r\nContent-Length: {length}\r\n\r\n{body}").unwrap();
    let mut answer = Vec::new();
    let mut part = [0; 4096];
    // The stand-in keeps the connection, so an answer ends where its length says.
    loop {
        let read = stream.read(&mut part).unwrap();
        answer.extend_from_slice(&part[..read]);
        let text = String::from_utf8_lossy(&answer).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| {
            line.to_ascii_lowercase()
                .strip_prefix("content-length:")
                .map(|n| n.trim().parse::<usize>().unwrap())
        });
        let is_whole = match length {
            Some(length) => body.len() >= length,
            None => read == 0 || body.ends_with("0\r\n\r\n") || head.contains(" 204 "),
        };
        if is_whole || read == 0 {
            let status = head.split(' ').nth(1).unwrap().parse().unwrap();
            return (status, body.to_owned());
        }
    }
}

/// What every daemon answers, whatever accounts it has.
fn answers_like_signal_cli(address: &str) {
    const JSON: &str = "\r\nContent-Type: application/json";
    let call = |method: &str, params: Value| {
        let body = json!({"jsonrpc": "2.0", "id": "q", "method": method, "params": params}).to_string();
        let (status, answer) = ask(address, &format!("POST /api/v1/rpc HTTP/1.1{JSON}"), &body);
        assert_eq!(status, 200, "{method}: {answer}");
        let answer = &answer[answer.find('{').unwrap()..=answer.rfind('}').unwrap()];
        let answer: Value = serde_json::from_str(answer).unwrap();
        assert_eq!((&answer["jsonrpc"], &answer["id"]), (&json!("2.0"), &json!("q")));
        answer
    };
    assert_eq!(ask(address, "GET /api/v1/check HTTP/1.1", "").0, 200);
    assert!(call("version", json!({}))["result"]["version"].is_string());
    assert!(call("listAccounts", json!({}))["result"].is_array());
    assert_eq!(call("noSuchMethod", json!({}))["error"]["code"], json!(-32601));
    for method in ["send", "listIdentities"] {
        let of_nobody =
            call(method, json!({"account": "+19990000", "number": uuid('a'), "message": "hello"}));
        assert_eq!(of_nobody["error"]["code"], json!(-32602), "{method}");
    }
    let notification = r#"{"jsonrpc":"2.0","method":"version"}"#;
    assert_eq!(ask(address, &format!("POST /api/v1/rpc HTTP/1.1{JSON}"), notification).0, 201);
    assert_eq!(ask(address, "POST /api/v1/rpc HTTP/1.1\r\nContent-Type: text/plain", "{}").0, 415);
    assert_eq!(ask(address, "GET /api/v1/rpc HTTP/1.1", "").0, 405);
    assert_eq!(ask(address, "GET /api/v1/nothing HTTP/1.1", "").0, 404);
    assert_eq!(ask(address, "GET /api/v1/events?account=%2B19990000 HTTP/1.1", "").0, 400);
}

fn own_address(stage: &Stage) -> String {
    std::fs::read_to_string(stage.dir.path().join("address")).unwrap()
}

#[tokio::test]
async fn the_stand_in_answers_over_http_like_signal_cli() {
    let stage = Stage::set().await;
    answers_like_signal_cli(&own_address(&stage));
    let elsewhere = "POST /api/v1/rpc HTTP/1.1\r\nHost: signal.example.net\r\nContent-Type: application/json";
    assert_eq!(ask(&own_address(&stage), elsewhere, "{}").0, 421);
}

#[tokio::test]
#[ignore = "tests/real/signal-cli.sh starts the daemon for it"]
async fn the_real_daemon_answers_over_http_like_signal_cli_and_is_no_channel_without_our_account() {
    let address = std::env::var("REEVE_REAL_SIGNAL_HTTP").unwrap();
    answers_like_signal_cli(&address);
    let mut stage = Stage::with(|_| {}, |_| {}).await;
    drop((stage.bridge.take(), stage.daemon.take()));
    stage.bridge = Some(Bridge::start(stage.dir.path(), &format!("http://{address}"), &Bridge::own_user()));
    stage.until(|status| *status == Status::Down(Down::NoAccount)).await;
    assert_eq!(stage.link.send(stage.approver("alice"), "hello", None).await, Err(SendError::Down));
}
