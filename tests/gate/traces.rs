//! One trace for each operation: from the caller's span through the gate to the wrapper, to a collector; and nothing that waits
//! when there is none.

use std::process::{Child, Command};
use std::time::Duration;

use reeve::gate::protocol::{Answer, Call, State};
use reeve::trace::{self, Context};

use crate::collector::{Collector, Seen};
use crate::phones::token;
use crate::stage::{Stage, snapshot, zfs};

const CALLER: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

/// What sends spans on, until it is dropped.
struct Exporting(Child);

impl Exporting {
    fn start(stage: &Stage) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_reeve"));
        command.args(["traces", "export", "--config"]).arg(stage.path("traces.toml"));
        Self(command.spawn().unwrap())
    }
}

impl Drop for Exporting {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

/// A host whose traces go to this address, once somebody sends them.
async fn stage(endpoint: &str, more: &str) -> Stage {
    let mut stage = Stage::set().await;
    let config = format!(
        "endpoint = \"{endpoint}\"\nuser = \"root\"\nsenders = [\"root\"]\nsocket = {:?}\n{more}",
        stage.path("spans.sock")
    );
    stage.write("traces.toml", &config);
    let gate = format!("traces = {:?}\n{}", stage.path("traces.toml"), stage.read("gate.toml"));
    stage.write("gate.toml", &gate);
    stage.crash().await;
    stage
}

fn caller() -> Option<Context> {
    Some(Context::parse(CALLER).unwrap())
}

async fn metrics(stage: &Stage) -> String {
    let Answer::Text(text) = stage.call("operator", Call::Metrics).await.unwrap() else { panic!() };
    text
}

/// Spans are counted when their collector has answered, which is after it has heard them.
async fn exported_is_counted(stage: &Stage) {
    let line = "reeve_gate_spans_total{outcome=\"exported\"}";
    for _ in 0..100 {
        if metrics(stage).await.contains(line) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("no {line}: {}", metrics(stage).await);
}

fn one<'a>(seen: &'a [Seen], service: &str, name: &str) -> &'a Seen {
    let mut of_it = seen.iter().filter(|span| span.service == service && span.name == name);
    let (first, second) = (of_it.next(), of_it.next());
    assert!(second.is_none(), "two of {service} {name}: {seen:#?}");
    first.unwrap_or_else(|| panic!("no {service} {name}: {seen:#?}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operation_is_one_trace_from_its_callers_span_to_the_wrapper() {
    let collector = Collector::start(&[]);
    let stage = stage(&collector.endpoint(), "").await;
    let _exporting = Exporting::start(&stage);
    let op = trace::within(caller(), stage.submit("librarian", snapshot("tank/media", "s3cr3t-name"))).await;
    let op = op.unwrap();
    assert_eq!(op.state, State::Succeeded, "{op:?}");
    let names = [
        "reeve-gate submit",
        "reeve-gate zfs.snapshot",
        "reeve-gate decide",
        "reeve-gate execute",
        "reeve-gate launch",
        "reeve-gate verify",
        "reeve-launcher launch",
        "reeve-zfs run",
    ];
    let seen = collector.hears(TRACE, &names);
    let parent = |service: &str, name: &str| one(&seen, service, name).parent.clone().unwrap();
    let id = |service: &str, name: &str| one(&seen, service, name).id.clone();
    assert_eq!(parent("reeve-gate", "submit"), "00f067aa0ba902b7");
    assert_eq!(parent("reeve-gate", "zfs.snapshot"), id("reeve-gate", "submit"));
    assert_eq!(parent("reeve-gate", "decide"), id("reeve-gate", "zfs.snapshot"));
    assert_eq!(parent("reeve-gate", "execute"), id("reeve-gate", "zfs.snapshot"));
    assert_eq!(parent("reeve-gate", "launch"), id("reeve-gate", "execute"));
    assert_eq!(parent("reeve-gate", "verify"), id("reeve-gate", "execute"));
    assert_eq!(parent("reeve-launcher", "launch"), id("reeve-gate", "launch"));
    assert_eq!(parent("reeve-zfs", "run"), id("reeve-launcher", "launch"));
    let (outer, inner) = (one(&seen, "reeve-launcher", "launch"), one(&seen, "reeve-zfs", "run"));
    assert!(outer.start <= inner.start && inner.end <= outer.end, "{outer:?} {inner:?}");
    let whole = one(&seen, "reeve-gate", "zfs.snapshot");
    assert_eq!(whole.attributes["reeve.operation.id"], op.id.as_str());
    assert_eq!(whole.attributes["reeve.operation.state"], "succeeded");
    assert_eq!(whole.attributes["reeve.principal"], "librarian");
    assert_eq!(whole.attributes["reeve.verified"], true);
    assert_eq!(one(&seen, "reeve-gate", "decide").attributes["reeve.verdict"], "allow");
    // What it was about is in the audit log, which has the trace's name in each of its records.
    assert!(!format!("{seen:?}").contains("tank") && !format!("{seen:?}").contains("s3cr3t"), "{seen:#?}");
    let about: Vec<_> = ["decision", "grant_signed", "step_finished", "outcome"]
        .iter()
        .flat_map(|kind| stage.records(kind))
        .filter(|record| record["operation"] == op.id.as_str())
        .collect();
    assert!(about.len() >= 4 && about.iter().all(|record| record["detail"]["trace"] == TRACE), "{about:#?}");
    exported_is_counted(&stage).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_trace_of_what_waits_for_people_outlives_the_gate() {
    let collector = Collector::start(&[]);
    let mut stage = stage(&collector.endpoint(), "").await;
    let _exporting = Exporting::start(&stage);
    let asked = trace::within(caller(), stage.submit("librarian", zfs("destroy", "tank/media@old"))).await;
    let op = asked.unwrap();
    assert_eq!(op.state, State::Pending);
    let secret = token(&stage.phones.messages("alice", 1)[0].text);
    stage.crash().await;
    stage.phones.says("alice", &format!("CONFIRM {secret}"));
    stage.until(&op.id, State::Succeeded).await;
    let names = ["reeve-gate approval", "reeve-gate zfs.destroy", "reeve-zfs run"];
    let seen = collector.hears(TRACE, &names);
    let (approval, whole) = (one(&seen, "reeve-gate", "approval"), one(&seen, "reeve-gate", "zfs.destroy"));
    assert_eq!(approval.attributes["reeve.approval.outcome"], "approved");
    assert_eq!(approval.parent.as_ref(), Some(&whole.id));
    assert!(whole.start <= approval.start && approval.end <= whole.end, "{whole:?} {approval:?}");
    let bare = |text: &str| text.replace('-', "");
    assert!(!bare(&format!("{seen:?}")).contains(&bare(&secret)));
}

#[tokio::test(flavor = "multi_thread")]
async fn with_nobody_to_send_traces_operations_go_on_and_what_is_dropped_is_counted() {
    let stage = stage("http://127.0.0.1:1/v1/traces", "queue = 16\n").await;
    for number in 0..10 {
        let name = format!("auto-{number}");
        let op = trace::within(caller(), stage.submit("librarian", snapshot("tank/media", &name))).await;
        assert_eq!(op.unwrap().state, State::Succeeded);
    }
    let counted = metrics(&stage).await;
    let dropped =
        counted.lines().find(|line| line.starts_with("reeve_gate_spans_total{outcome=\"dropped\"}"));
    let dropped: u64 =
        dropped.unwrap_or_else(|| panic!("{counted}")).split(' ').nth(1).unwrap().parse().unwrap();
    assert!(dropped > 16, "{dropped}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_begins_and_ends_traces() {
    let collector = Collector::start(&[]);
    let stage = stage(&collector.endpoint(), "").await;
    let text = stage.read("traces.toml");
    std::fs::remove_file(stage.path("traces.toml")).unwrap();
    stage.reload();
    let off = trace::within(caller(), stage.submit("librarian", zfs("list", "tank/media"))).await.unwrap();
    // The caller's name for it is recorded all the same.
    let records = stage.records("decision");
    let record = records.iter().find(|record| record["operation"] == off.id.as_str()).unwrap();
    assert_eq!(record["detail"]["trace"], TRACE);
    let asked = trace::within(caller(), stage.submit("librarian", zfs("destroy", "tank/media@old"))).await;
    let asked = asked.unwrap();
    assert_eq!(asked.state, State::Pending);
    stage.write("traces.toml", &text);
    let _exporting = Exporting::start(&stage);
    stage.reload();
    trace::within(caller(), stage.submit("librarian", zfs("list", "tank/media"))).await.unwrap();
    let seen = collector.hears(TRACE, &["reeve-gate submit", "reeve-gate read", "reeve-gate zfs.list"]);
    one(&seen, "reeve-gate", "zfs.list");
    // What was asked for before is a part of what asked for it, and not that itself.
    stage.phones.says("alice", &format!("CONFIRM {}", token(&stage.phones.messages("alice", 1)[0].text)));
    stage.until(&asked.id, State::Succeeded).await;
    let seen = collector.hears(TRACE, &["reeve-gate zfs.destroy"]);
    let whole = one(&seen, "reeve-gate", "zfs.destroy");
    assert_ne!(whole.id, caller().unwrap().span.to_string());
    assert_eq!(whole.parent, Some(caller().unwrap().span.to_string()));
}
