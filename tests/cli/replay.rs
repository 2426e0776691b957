//! `reeve policy replay` from outside: what was recorded, decided again by a candidate.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;

use reeve::audit::{AuditConfig, AuditLog, Event, EventKind};
use reeve::sys::clock::SystemClock;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::host::{Ran, reeve};

/// A log of these events, and a candidate beside it.
struct Replay {
    _kept: TempDir,
    log: PathBuf,
    candidate: PathBuf,
}

impl Replay {
    fn of(events: Vec<Event>, candidate: &str) -> Self {
        let kept = tempfile::tempdir().unwrap();
        let at = kept.path().canonicalize().unwrap();
        let log = at.join("log");
        std::fs::create_dir(&log).unwrap();
        let config =
            AuditConfig { path: log.join("audit.jsonl"), rotate_bytes: 1 << 30, host: "host01".to_owned() };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let audit = AuditLog::open(config, Arc::new(SystemClock)).unwrap();
            for event in events {
                audit.append(event).await.unwrap();
            }
        });
        let replay = Self { _kept: kept, log, candidate: at.join("new.star") };
        replay.candidate_is(candidate);
        replay
    }

    fn candidate_is(&self, text: &str) {
        std::fs::write(&self.candidate, text).unwrap();
        std::fs::set_permissions(&self.candidate, std::fs::Permissions::from_mode(0o644)).unwrap();
    }

    fn with(&self, more: &[&str]) -> Ran {
        let (candidate, log) = (self.candidate.to_str().unwrap(), self.log.to_str().unwrap());
        let mut args = vec!["policy", "replay", "--candidate", candidate, "--log", log];
        args.extend(more);
        reeve(&args, &[])
    }
}

/// A decision as the gate records it, of a destroy by the librarian in a context.
fn decision(verdict: &str, contract: &str, context: &Value) -> Event {
    let asked = json!({"tool": "zfs.destroy", "args": {"resource": "tank/vm@old"}, "context": context});
    let input = json!({"asked": asked, "contract": contract, "verdict": verdict, "rule": "old"});
    Event::new(EventKind::Decision).principal("librarian").operation("op_1").with("input", input)
}

#[test]
fn a_candidate_is_held_against_what_was_decided_and_what_would_flip_is_grouped_by_rule() {
    let small = json!({"effects": {"bytes_freed": 1}});
    let large = json!({"effects": {"bytes_freed": 1_000_000}});
    let events = vec![
        decision("review", "allow", &large),
        decision("review", "allow", &small),
        decision("review", "allow", &small),
        decision("review", "review", &small),
        decision("allow", "allow", &large),
        Event::new(EventKind::Decision).principal("librarian"),
    ];
    let text = "def evaluate(tool, args, context):\n    if context[\"effects\"][\"bytes_freed\"] < 10:\n        return allow(\"small\")\n    return review(\"large\")\n";
    let replay = Replay::of(events, text);
    let json = replay.with(&["--json", "--samples", "1"]);
    assert_eq!(json.exit, 1, "{json:?}");
    let json = json.json();
    assert_eq!(
        [&json["replayed"], &json["without_input"], &json["renamed"], &json["flipped"]].map(Value::as_u64),
        [Some(5), Some(1), Some(2), Some(3)]
    );
    let flips: Vec<_> = json["flips"].as_array().unwrap().iter().collect();
    let said: Vec<_> = flips
        .iter()
        .map(|flip| {
            (
                flip["from"]["verdict"].as_str(),
                flip["to"]["rule"].as_str(),
                flip["count"].as_u64(),
                flip["samples"].as_array().map(Vec::len),
            )
        })
        .collect();
    assert_eq!(
        said,
        [(Some("allow"), Some("large"), Some(1), Some(1)), (Some("review"), Some("small"), Some(2), Some(1))]
    );
    let shown = replay.with(&[]);
    assert!(shown.out.contains("2  review by old  →  allow by small"), "{shown:?}");
    assert!(shown.out.contains("librarian  zfs.destroy tank/vm@old"), "{shown:?}");
    replay.candidate_is("def evaluate(:\n");
    assert_eq!(replay.with(&[]).exit, 1);
    let same = "def evaluate(tool, args, context):\n    return review(\"all\")\n";
    replay.candidate_is(same);
    assert!(replay.with(&["--since", "1ms"]).exit == 0);
}

/// What another gateway asked about two hosts, as the gate records it.
fn evaluation(hosts: &[&str], verdict: &str) -> Event {
    let context = json!({"agent_id": "librarian", "domain": hosts.first(), "domains": hosts});
    let asked = json!({"tool": "http.get", "args": {"urls": hosts}, "context": context});
    let input =
        json!({"asked": asked, "hosts": hosts, "contract": "allow", "verdict": verdict, "rule": "old"});
    Event::new(EventKind::Evaluation).principal("librarian").with("tool", "http.get").with("input", input)
}

#[test]
fn what_other_gateways_asked_is_held_against_a_candidate_in_a_group_of_its_own() {
    let events = vec![
        decision("review", "allow", &json!({})),
        evaluation(&["a.example", "b.example"], "allow"),
        evaluation(&["a.example"], "allow"),
        evaluation(&[], "allow"),
        Event::new(EventKind::Evaluation).principal("librarian").with("tool", "http.get"),
    ];
    let text = "def evaluate(tool, args, context):\n    if tool == \"zfs.destroy\":\n        return review(\"old\")\n    \
                if context.get(\"domain\") == \"b.example\":\n        return deny(\"never there\")\n    return allow(\"old\")\n";
    let replay = Replay::of(events, text);
    let json = replay.with(&["--json"]);
    assert_eq!(json.exit, 1, "{json:?}");
    let json = json.json();
    assert_eq!((&json["replayed"], &json["flipped"]), (&json!(1), &json!(0)), "operations are apart");
    let asked = &json["evaluations"];
    assert_eq!(
        [&asked["replayed"], &asked["without_input"], &asked["renamed"], &asked["flipped"]]
            .map(Value::as_u64),
        [Some(3), Some(1), Some(0), Some(1)]
    );
    let sample = &asked["flips"][0]["samples"][0];
    assert_eq!((&sample["tool"], &sample["hosts"]), (&json!("http.get"), &json!(["a.example", "b.example"])));
    let shown = replay.with(&[]);
    assert!(shown.out.contains("tools of other gateways"), "{shown:?}");
    assert!(shown.out.contains("1  allow by old  →  deny by never-there"), "{shown:?}");
    assert!(shown.out.contains("librarian  http.get a.example b.example"), "{shown:?}");
}
