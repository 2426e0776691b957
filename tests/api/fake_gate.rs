//! A gate that speaks the real protocol on a real socket, and answers what a test tells it to.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

use reeve::gate::client::{frame, read_frame};
use reeve::gate::protocol::{
    Answer, Ask, Call, Cosigned, Decision, Envelope, MAX_ASK, NetworkEvent, Problem, ProblemKind, Reply,
    State, Status,
};
use reeve::principal::PrincipalName;
use serde_json::{Value, json};
use tokio::io::{AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::watch;

/// What tells the gate how to answer a call; nothing for its usual answer.
type Script = Box<dyn Fn(&Ask) -> Option<Result<Answer, Problem>> + Send + Sync>;

#[derive(Clone)]
pub(crate) struct FakeGate {
    shared: Arc<Shared>,
    task: Arc<tokio::task::JoinHandle<()>>,
}

struct Shared {
    asked: Mutex<Vec<Ask>>,
    operations: Mutex<HashMap<String, Envelope>>,
    /// What the tools of every operation printed, as the gate's own numbering has it.
    printed: Mutex<Vec<Value>>,
    /// How many of those are not kept any more.
    forgotten: Mutex<usize>,
    changed: watch::Sender<u64>,
    script: Mutex<Script>,
    held: watch::Sender<bool>,
}

impl FakeGate {
    pub(crate) fn start(socket: &Path) -> Self {
        let listener = UnixListener::bind(socket).unwrap();
        let shared = Arc::new(Shared {
            asked: Mutex::default(),
            operations: Mutex::default(),
            printed: Mutex::default(),
            forgotten: Mutex::default(),
            changed: watch::Sender::new(0),
            script: Mutex::new(Box::new(|_| None)),
            held: watch::Sender::new(false),
        });
        let own = Arc::clone(&shared);
        let task = tokio::spawn(async move {
            // Connections end with the gate.
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(serve(Arc::clone(&own), stream));
            }
        });
        Self { shared, task: Arc::new(task) }
    }

    /// Ends, as a gate that was stopped would.
    pub(crate) fn stop(&self) {
        self.task.abort();
    }

    pub(crate) fn script(
        &self,
        script: impl Fn(&Ask) -> Option<Result<Answer, Problem>> + Send + Sync + 'static,
    ) {
        *self.shared.script.lock().unwrap() = Box::new(script);
    }

    /// Submissions wait until they are let go.
    pub(crate) fn hold(&self, held: bool) {
        self.shared.held.send_replace(held);
    }

    /// What was asked, but for what is asked every second.
    pub(crate) fn asked(&self) -> Vec<Call> {
        let asked = self.shared.asked.lock().unwrap();
        let calls = asked.iter().map(|ask| ask.call.clone());
        calls.filter(|call| !matches!(call, Call::Status | Call::Note(_))).collect()
    }

    /// Who asked, but for what is asked every second.
    pub(crate) fn callers(&self) -> Vec<String> {
        let asked = self.shared.asked.lock().unwrap();
        asked.iter().filter_map(|ask| ask.caller.clone()).map(String::from).collect()
    }

    /// The traces of what was asked, but for what is asked every second.
    pub(crate) fn traces(&self) -> Vec<Option<reeve::trace::Context>> {
        let asked = self.shared.asked.lock().unwrap();
        let calls = asked.iter().filter(|ask| !matches!(ask.call, Call::Status | Call::Note(_)));
        calls.map(|ask| ask.trace).collect()
    }

    pub(crate) fn notes(&self) -> Vec<NetworkEvent> {
        let asked = self.shared.asked.lock().unwrap();
        let notes = asked.iter().filter_map(|ask| {
            let Call::Note(event) = &ask.call else { return None };
            Some(event.clone())
        });
        notes.collect()
    }

    /// A tool prints something that its caller may see.
    pub(crate) fn print(&self, entry: Value) {
        self.shared.printed.lock().unwrap().push(entry);
        self.shared.changed.send_modify(|changes| *changes += 1);
    }

    /// Keeps only what is printed from now on.
    pub(crate) fn forget_output(&self) {
        *self.shared.forgotten.lock().unwrap() = self.shared.printed.lock().unwrap().len();
    }

    /// Puts an operation into a state, with the next version.
    pub(crate) fn set(&self, id: &str, state: State) {
        let mut operations = self.shared.operations.lock().unwrap();
        let before = operations.get(id).map_or(0, |envelope| envelope.version);
        operations.insert(id.to_owned(), envelope(id, state, before + 1));
        drop(operations);
        self.shared.changed.send_modify(|changes| *changes += 1);
    }
}

impl Shared {
    fn printed(&self, seen: u64) -> (Vec<Value>, u64) {
        let printed = self.printed.lock().unwrap();
        let from = usize::try_from(seen).unwrap().max(*self.forgotten.lock().unwrap());
        (printed.iter().skip(from).cloned().collect(), printed.len() as u64)
    }
}

pub(crate) fn envelope(id: &str, state: State, version: u64) -> Envelope {
    Envelope {
        id: id.to_owned(),
        principal: name("librarian"),
        state,
        is_final: state.is_final(),
        version,
        operation: json!({"kind": "zfs", "op": "list", "resource": "tank", "params": {}}),
        asked: None,
        created_at: "2026-11-20T10:00:00Z".to_owned(),
        decision: Some(decision("allow")),
        effects: None,
        result: state.is_final().then(|| json!({"datasets": []})),
        exit_code: state.is_final().then_some(0),
        verified: None,
        error: None,
        undo: None,
        audit: None,
        approval: None,
        retry_after: None,
    }
}

pub(crate) fn decision(verdict: &str) -> Decision {
    Decision {
        verdict: verdict.to_owned(),
        rule: "reads-are-free".to_owned(),
        reason: "because".to_owned(),
        policy: "sha256:00".to_owned(),
        contract: Some("sha256:01".to_owned()),
    }
}

pub(crate) fn name(name: &str) -> PrincipalName {
    PrincipalName::try_from(name.to_owned()).unwrap()
}

async fn serve(shared: Arc<Shared>, stream: UnixStream) {
    let (reader, writer) = stream.into_split();
    let writer = Arc::new(tokio::sync::Mutex::new(writer));
    let mut reader = BufReader::new(reader);
    let mut answers = tokio::task::JoinSet::new();
    while let Some(ask) = read_frame::<Ask>(&mut reader, MAX_ASK).await {
        shared.asked.lock().unwrap().push(ask.clone());
        let (shared, writer) = (Arc::clone(&shared), Arc::clone(&writer));
        answers.spawn(async move {
            let id = ask.id;
            let answer = answer(&shared, ask).await;
            let frame = frame(&Reply { id, answer }).unwrap();
            let _ = writer.lock().await.write_all(&frame).await;
        });
    }
}

async fn answer(shared: &Shared, ask: Ask) -> Result<Answer, Problem> {
    if let Some(told) = (shared.script.lock().unwrap())(&ask) {
        return told;
    }
    match ask.call {
        Call::Submit { .. } => {
            let mut held = shared.held.subscribe();
            held.wait_for(|held| !held).await.unwrap();
            Ok(Answer::Operation(Box::new(envelope("op_1", State::Succeeded, 3))))
        }
        Call::Plan { .. } => {
            Ok(Answer::Plan { decision: decision("review"), effects: Some(json!({"objects": []})) })
        }
        Call::Evaluate { tool, .. } => Ok(Answer::Verdict { verdict: "allow".to_owned(), reason: tool }),
        Call::Get { op, wait_ms, seen } => get(shared, &op, wait_ms, seen).await,
        Call::Follow { op, wait_ms, seen, output } => follow(shared, &op, wait_ms, (seen, output)).await,
        Call::Cancel { op } => get(shared, &op, 0, 0).await,
        Call::List { .. } => Ok(Answer::Operations {
            operations: vec![envelope("op_2", State::Pending, 1)],
            next: Some("op_2".to_owned()),
        }),
        Call::Pending => Ok(Answer::Approvals(Vec::new())),
        Call::Catalogue => Ok(Answer::Document(json!({"operations": []}))),
        Call::Directory { handle } => Ok(Answer::Document(json!({"name": handle}))),
        Call::Status => Ok(Answer::Status(Status {
            host: "host01".to_owned(),
            audit: true,
            approvals: "up".to_owned(),
            sudoers_warnings: Some(0),
            principals: Vec::new(),
        })),
        Call::Metrics => {
            Ok(Answer::Text("# TYPE reeve_decisions_total counter\nreeve_decisions_total 1\n".to_owned()))
        }
        Call::Reload => Ok(Answer::Document(json!({"reloaded": true, "detail": "read", "changed": []}))),
        Call::Preflight => Ok(Answer::Document(json!({"status": "pass", "checks": []}))),
        Call::WarnPermissions => Ok(Answer::Document(json!({"status": "could_not_check", "warnings": null}))),
        Call::Note(_) => Ok(Answer::Done("noted".to_owned())),
        Call::Post(_) => Ok(Answer::Done("recorded".to_owned())),
        Call::AddCheckpoint(request) => Ok(Answer::Cosigned(match request.as_str() {
            "good" => Cosigned::Line("\u{2014} host02/witness AAAA".to_owned()),
            "old" => Cosigned::Conflict(48),
            "strange" => Cosigned::Unknown,
            "unsigned" => Cosigned::Unsigned,
            "forked" => Cosigned::Inconsistent,
            other => Cosigned::Malformed(other.to_owned()),
        })),
        Call::Witness(_)
        | Call::Vote { .. }
        | Call::Show { .. }
        | Call::Checkpoint
        | Call::Freeze { .. }
        | Call::Thaw { .. }
        | Call::ReloadHere { .. }
        | Call::Enrol(_)
        | Call::Drill(_)
        | Call::Signal(_) => Err(Problem::new(ProblemKind::Forbidden, "not from here")),
    }
}

async fn get(shared: &Shared, op: &str, wait_ms: u64, seen: u64) -> Result<Answer, Problem> {
    let mut changed = shared.changed.subscribe();
    let current = || shared.operations.lock().unwrap().get(op).cloned();
    let printed = shared.printed(0).1;
    let waited = tokio::time::timeout(std::time::Duration::from_millis(wait_ms), async {
        while current().is_some_and(|envelope| envelope.version <= seen) && shared.printed(0).1 == printed {
            changed.changed().await.unwrap();
        }
    });
    let _ = waited.await;
    match current() {
        Some(envelope) => Ok(Answer::Operation(Box::new(envelope))),
        None => Err(Problem::new(ProblemKind::NotFound, "there is no such operation")),
    }
}

async fn follow(
    shared: &Shared,
    op: &str,
    wait_ms: u64,
    (seen, output): (u64, u64),
) -> Result<Answer, Problem> {
    let wait_ms = if shared.printed(output).0.is_empty() { wait_ms } else { 0 };
    let Answer::Operation(envelope) = get(shared, op, wait_ms, seen).await? else { unreachable!() };
    let (output, count) = shared.printed(output);
    Ok(Answer::Followed { envelope, output, count })
}
