//! A collector on the loopback that takes OTLP/HTTP in JSON as its specification has it, and nothing that is not of the form.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;

/// For what must happen; a busy machine is slow.
const PATIENCE: Duration = Duration::from_secs(30);

/// A span as it came.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) service: String,
    pub(crate) name: String,
    pub(crate) kind: u64,
    pub(crate) trace: String,
    pub(crate) id: String,
    pub(crate) parent: Option<String>,
    pub(crate) start: u64,
    pub(crate) end: u64,
    pub(crate) failed: bool,
    pub(crate) attributes: BTreeMap<String, Value>,
}

/// What the collector says to a request.
#[derive(Debug, Clone)]
pub(crate) struct Says {
    pub(crate) status: u16,
    /// More of the head, each line with its end.
    pub(crate) head: &'static str,
    pub(crate) body: &'static str,
    /// After how long.
    pub(crate) after: Duration,
}

impl Says {
    pub(crate) const TAKEN: Self = Self { status: 200, head: "", body: "{}", after: Duration::ZERO };

    pub(crate) fn status(status: u16) -> Self {
        Self { status, ..Self::TAKEN }
    }
}

#[derive(Default)]
struct State {
    /// What is said to the next requests; after that, that they are taken.
    script: Vec<Says>,
    /// When each request came, its head, and whether it was taken.
    requests: Vec<(Instant, String, bool)>,
    seen: Vec<Seen>,
}

/// A collector.
pub(crate) struct Collector {
    pub(crate) port: u16,
    state: Arc<Mutex<State>>,
}

impl Collector {
    /// One that says this to the first requests.
    pub(crate) fn start(script: &[Says]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = State { script: script.to_vec(), ..State::default() };
        let collector = Self { port, state: Arc::new(Mutex::new(state)) };
        let state = Arc::clone(&collector.state);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let state = Arc::clone(&state);
                std::thread::spawn(move || answer(&stream, &state));
            }
        });
        collector
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}/v1/traces", self.port)
    }

    /// All that was taken so far.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.state.lock().unwrap().seen.clone()
    }

    /// When each request came, its head, and whether it was taken.
    pub(crate) fn requests(&self) -> Vec<(Instant, String, bool)> {
        self.state.lock().unwrap().requests.clone()
    }

    /// The spans of a trace, once there is one of each of these: `service name`.
    pub(crate) fn hears(&self, trace: &str, names: &[&str]) -> Vec<Seen> {
        let begun = Instant::now();
        loop {
            let seen: Vec<Seen> = self.seen().into_iter().filter(|span| span.trace == trace).collect();
            let has =
                |name: &&&str| seen.iter().any(|span| format!("{} {}", span.service, span.name) == **name);
            if names.iter().filter(has).count() == names.len() {
                return seen;
            }
            assert!(begun.elapsed() < PATIENCE, "{names:?} of {trace} do not come: {:#?}", self.seen());
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

fn answer(stream: &TcpStream, state: &Mutex<State>) {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).unwrap_or(0) == 0 {
            return;
        }
    }
    let lower = head.to_ascii_lowercase();
    assert!(lower.starts_with("post /v1/traces http/1.1\r\n"), "{head}");
    assert!(lower.contains("\r\ncontent-type: application/json\r\n"), "{head}");
    let length = lower.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
    let mut body = vec![0; length.trim().parse().unwrap()];
    reader.read_exact(&mut body).unwrap();
    let spans = decode(&serde_json::from_slice(&body).unwrap());
    let says = {
        let mut state = state.lock().unwrap();
        let says = if state.script.is_empty() { Says::TAKEN } else { state.script.remove(0) };
        let taken = says.status == 200;
        state.requests.push((Instant::now(), head, taken));
        if taken {
            state.seen.extend(spans);
        }
        says
    };
    std::thread::sleep(says.after);
    let Says { status, head, body, .. } = says;
    let length = body.len();
    // Who asked may have gone.
    drop(write!(
        &*stream,
        "HTTP/1.1 {status} X\r\ncontent-length: {length}\r\n{head}connection: close\r\n\r\n{body}"
    ));
}

/// `ExportTraceServiceRequest`: every field that is there is one of the form's.
fn decode(request: &Value) -> Vec<Seen> {
    let mut seen = Vec::new();
    for resource in list(only(request, &["resourceSpans"]), "resourceSpans") {
        only(resource, &["resource", "scopeSpans"]);
        let about = attributes(only(&resource["resource"], &["attributes"]));
        assert_eq!(about["service.namespace"], "reeve");
        assert!(about["host.name"].as_str().is_some_and(|name| !name.is_empty()), "{about:?}");
        for scope in list(resource, "scopeSpans") {
            only(scope, &["scope", "spans"]);
            assert_eq!(only(&scope["scope"], &["name", "version"])["name"], "reeve");
            let service = about["service.name"].as_str().unwrap();
            seen.extend(list(scope, "spans").iter().map(|span| decode_span(service, span)));
        }
    }
    assert!(!seen.is_empty(), "a request without spans");
    seen
}

fn decode_span(service: &str, span: &Value) -> Seen {
    let known = [
        "traceId",
        "spanId",
        "parentSpanId",
        "name",
        "kind",
        "startTimeUnixNano",
        "endTimeUnixNano",
        "attributes",
        "status",
    ];
    only(span, &known);
    let nanos = |name: &str| span[name].as_str().unwrap().parse::<u64>().unwrap();
    let seen = Seen {
        service: service.to_owned(),
        name: span["name"].as_str().unwrap().to_owned(),
        kind: span["kind"].as_u64().unwrap(),
        trace: hex(&span["traceId"], 32),
        id: hex(&span["spanId"], 16),
        parent: span.get("parentSpanId").map(|parent| hex(parent, 16)),
        start: nanos("startTimeUnixNano"),
        end: nanos("endTimeUnixNano"),
        failed: only(&span["status"], &["code"]).get("code").is_some_and(|code| *code == 2),
        attributes: attributes(span),
    };
    assert!(seen.start > 0 && seen.start <= seen.end, "{seen:?}");
    seen
}

fn attributes(of: &Value) -> BTreeMap<String, Value> {
    let value = |one: &Value| -> Value {
        only(one, &["key", "value"]);
        let value = only(&one["value"], &["stringValue", "intValue", "boolValue"]).as_object().unwrap();
        assert_eq!(value.len(), 1, "{value:?}");
        match value.iter().next().unwrap() {
            (kind, text) if kind == "intValue" => text.as_str().unwrap().parse::<i64>().unwrap().into(),
            (_, value) => value.clone(),
        }
    };
    list(of, "attributes").iter().map(|one| (one["key"].as_str().unwrap().to_owned(), value(one))).collect()
}

fn hex(value: &Value, length: usize) -> String {
    let text = value.as_str().unwrap();
    let is_hex = text.len() == length && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    assert!(is_hex && text.bytes().any(|byte| byte != b'0'), "{text:?}");
    text.to_owned()
}

fn list<'a>(of: &'a Value, name: &str) -> &'a Vec<Value> {
    of[name].as_array().unwrap_or_else(|| panic!("no {name} in {of}"))
}

/// The object, which has no other fields than these.
fn only<'a>(object: &'a Value, names: &[&str]) -> &'a Value {
    for name in object.as_object().unwrap().keys() {
        assert!(names.contains(&name.as_str()), "{name} is no field of {object}");
    }
    object
}
