//! The host under test: brought up once by `demo/host.sh`, called with curl and certificates, its people spoken for
//! through the Signal stand-in's control socket.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

pub const DIR: &str = "/run/reeve-host";
pub const URL: &str = "https://localhost:18443";
pub const AUDIT: &str = "/var/log/reeve/audit.jsonl";

/// What a call came back with.
#[derive(Debug)]
pub struct Answer {
    pub code: u16,
    pub body: Value,
}

impl Answer {
    pub fn id(&self) -> String {
        self.body["id"].as_str().unwrap_or_else(|| panic!("no id in {self:?}")).to_owned()
    }

    pub fn state(&self) -> &str {
        self.body["state"].as_str().unwrap_or_else(|| panic!("no state in {self:?}"))
    }
}

const PROCESSES: [&str; 4] = ["signal", "launcher", "gate", "front"];

/// Brings the host up with the datasets that tests use, the first time that it is asked for.
pub fn up() {
    up_after(|| {
        for dataset in ["tank/media", "tank/vm", "tank/archive"] {
            zfs(&["create", dataset]);
        }
    });
}

/// Brings the host up, the first time that it is asked for; later, what a test that failed left lying.
pub fn up_after(prepare: fn()) {
    static UP: OnceLock<()> = OnceLock::new();
    UP.get_or_init(|| {
        assert_eq!(
            std::env::var("REEVE_TESTBED").as_deref(),
            Ok("1"),
            "run it by `make e2e`, inside tests/testbed.sh"
        );
        prepare();
        script(&["up"]);
        is_well();
    });
    let down: Vec<&str> = PROCESSES.into_iter().filter(|name| !is_alive(name)).collect();
    down.iter().for_each(|name| script(&["start", name]));
    if !down.is_empty() {
        is_well();
    }
    for waiting in get("operator", "/pending").body["approvals"].as_array().unwrap() {
        call("operator", "DELETE", &format!("/host/op/{}", waiting["operation"].as_str().unwrap()), &[]);
    }
}

fn is_alive(name: &str) -> bool {
    let pid = std::fs::read_to_string(format!("{DIR}/{name}.pid")).unwrap();
    let status = std::fs::read_to_string(format!("/proc/{}/status", pid.trim())).unwrap_or_default();
    status.lines().any(|line| line.starts_with("State:") && !line.contains('Z'))
}

/// Waits until everything works.
pub fn is_well() {
    wait_until("the host is well", || get("librarian", "/health").body["status"] == "ok");
}

/// `demo/host.sh`, beside the suite in the virtual machine, in the tree elsewhere.
pub fn script(args: &[&str]) {
    let script = std::env::var("REEVE_HOST_SCRIPT")
        .unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/demo/host.sh").to_owned());
    let output = Command::new("/bin/bash").arg(script).args(args).output().unwrap();
    assert!(output.status.success(), "host.sh {args:?}: {}", String::from_utf8_lossy(&output.stderr));
}

pub fn zfs(args: &[&str]) -> Output {
    let output = Command::new("/usr/sbin/zfs").args(args).output().unwrap();
    assert!(output.status.success(), "zfs {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

pub fn exists(name: &str) -> bool {
    Command::new("/usr/sbin/zfs").args(["list", "-H", "-o", "name", name]).output().unwrap().status.success()
}

pub fn certificate(agent: &str) -> [PathBuf; 2] {
    ["crt", "key"].map(|kind| Path::new(DIR).join(format!("pki/agent/{agent}.{kind}")))
}

/// curl with the agent's certificate, and anything else.
pub fn curl(agent: &str, args: &[&str]) -> Output {
    curl_as(Some(&certificate(agent)), args)
}

/// curl with a certificate and its key, or without any.
pub fn curl_as(certificate: Option<&[PathBuf; 2]>, args: &[&str]) -> Output {
    let mut curl = Command::new("/usr/bin/curl");
    curl.args(["--silent", "--show-error", "--max-time", "120", "--cacert", &format!("{DIR}/pki/ca.crt")]);
    if let Some([certificate, key]) = certificate {
        curl.arg("--cert").arg(certificate).arg("--key").arg(key);
    }
    let output = curl.args(args).output().unwrap();
    received(&String::from_utf8_lossy(&output.stdout));
    output
}

static RECEIVED: Mutex<String> = Mutex::new(String::new());

/// Keeps what a caller was sent, for `whole_suite`.
pub fn received(text: &str) {
    let mut all = RECEIVED.lock().unwrap_or_else(PoisonError::into_inner);
    all.push_str(text);
    all.push('\n');
}

/// Everything that callers were ever sent.
pub fn everything_received() -> String {
    RECEIVED.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

/// Every JSON document among it.
pub fn every_answer() -> Vec<Value> {
    let all = everything_received();
    // An event of a stream stands behind its field's name.
    let documents = all.lines().map(|line| line.strip_prefix("data:").unwrap_or(line));
    documents.filter_map(|line| serde_json::from_str(line).ok()).collect()
}

static TOKENS: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Every token that a test read from a phone.
pub fn every_token() -> Vec<String> {
    TOKENS.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

pub fn call(agent: &str, method: &str, path: &str, more: &[&str]) -> Answer {
    let url = format!("{URL}{path}");
    let mut args = vec!["--request", method, "--write-out", "\n%{http_code}"];
    args.extend(more);
    args.push(&url);
    let output = curl(agent, &args);
    assert!(output.status.success(), "{method} {path}: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let (body, code) = text.rsplit_once('\n').unwrap();
    let body = serde_json::from_str(body).unwrap_or_else(|_| Value::String(body.to_owned()));
    Answer { code: code.parse().unwrap(), body }
}

pub fn get(agent: &str, path: &str) -> Answer {
    call(agent, "GET", path, &[])
}

pub fn post(agent: &str, path: &str, body: &Value, more: &[&str]) -> Answer {
    let body = body.to_string();
    let mut args = vec!["--header", "Content-Type: application/json", "--data-binary", &body];
    args.extend(more);
    call(agent, "POST", path, &args)
}

pub fn op(agent: &str, body: Value) -> Answer {
    post(agent, "/host/op", &body, &[])
}

/// A body as it is, which need not be JSON.
pub fn post_raw(agent: &str, path: &str, body: &[u8], more: &[&str]) -> Answer {
    let file = Path::new(DIR).join("body");
    std::fs::write(&file, body).unwrap();
    let at = format!("@{}", file.display());
    let mut args = vec!["--header", "Content-Type: application/json", "--data-binary", &at];
    args.extend(more);
    call(agent, "POST", path, &args)
}

pub fn zfs_op(agent: &str, op_name: &str, resource: &str, params: Value) -> Answer {
    op(agent, json!({"kind": "zfs", "op": op_name, "resource": resource, "params": params}))
}

/// Waits for the operation's end.
pub fn end_of(agent: &str, id: &str) -> Answer {
    get(agent, &format!("/host/op/{id}?wait=60"))
}

/// A command to the stand-in that plays Signal and its people.
pub fn people(command: &Value) -> Value {
    let mut control = UnixStream::connect(format!("{DIR}/signal/control")).unwrap();
    writeln!(control, "{command}").unwrap();
    let mut line = String::new();
    BufReader::new(control).read_line(&mut line).unwrap();
    let told: Value = serde_json::from_str(&line).unwrap();
    assert!(told.get("error").is_none(), "{command}: {told}");
    told
}

/// Everything that a person was sent so far.
pub fn messages(of: &str) -> Vec<String> {
    let told = people(&json!({"do": "messages", "of": of}));
    let texts = told["messages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|message| message["text"].as_str().unwrap().to_owned());
    texts.collect()
}

/// The newest prompt that a person got which has all of these words, once it is there.
pub fn prompt(of: &str, words: &[&str]) -> String {
    let mut found = None;
    wait_until(&format!("{of} is asked about {words:?}"), || {
        let is_it =
            |text: &&String| text.contains("   or   ") && words.iter().all(|word| text.contains(word));
        found = messages(of).iter().rev().find(is_it).cloned();
        found.is_some()
    });
    found.unwrap()
}

/// What stands behind CONFIRM in a prompt: all that a person has to go by.
pub fn token(prompt: &str) -> String {
    let last = prompt.lines().last().unwrap();
    let token =
        last.strip_prefix("CONFIRM ").and_then(|rest| rest.split("   or   ").next()).unwrap().to_owned();
    // A name may stand behind it.
    let bare = token.split(' ').next().unwrap().to_owned();
    TOKENS.lock().unwrap_or_else(PoisonError::into_inner).push(bare);
    token
}

pub fn say(who: &str, text: &str) {
    people(&json!({"do": "say", "as": who, "text": text}));
}

/// The next message that a person gets and that has these words.
pub fn hears(who: &str, words: &str) {
    wait_until(&format!("{who} hears {words:?}"), || messages(who).iter().any(|text| text.contains(words)));
}

pub fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < Duration::from_secs(60), "waited a minute in vain until {what}");
        std::thread::sleep(Duration::from_millis(30));
    }
}

/// The whole audit log.
pub fn records() -> Vec<Value> {
    let text = std::fs::read_to_string(AUDIT).unwrap();
    text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()).collect()
}

/// The audit records about an operation, in order.
pub fn records_of(id: &str) -> Vec<Value> {
    records().into_iter().filter(|record| record["operation"] == id).collect()
}

pub fn kinds_of(id: &str) -> Vec<String> {
    records_of(id).iter().map(|record| record["kind"].as_str().unwrap().to_owned()).collect()
}
