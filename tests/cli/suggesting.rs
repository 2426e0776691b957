//! `reeve policy suggest` from outside: what it prints loads, comes true, tightens, and nothing is written anywhere.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use reeve::audit::{AuditConfig, AuditLog, Event, EventKind};
use reeve::sys::clock::SystemClock;
use serde_json::json;

use crate::host::{Ran, reeve};

const POLICY: &str = r#"
def evaluate(tool, args, context):
    if context["effect"] == "destroy":
        return review("destroying needs a person", rule = "people")
    if context["recent"]["hours"][0] > 90:
        return deny("too often", rule = "often")
    return allow("free", rule = "free")
"#;

const CONTRACT: &str = "principal = \"librarian\"\nroles = [\"agent\"]\n\n[[allow]]\n\
     operations = [\"zfs.snapshot\", \"zfs.destroy\", \"zfs.rollback\"]\ndatasets = [\"tank\"]\n";

fn decided(tool: &str, resource: &str, (effect, verdict, rule): (&str, &str, &str)) -> Event {
    let context = json!({
        "agent_id": "librarian", "effect": effect, "recent": {"hours": vec![3; 24]}, "on_behalf_of": null, "scheduled": false,
    });
    let asked = json!({"tool": tool, "args": {"resource": resource, "name": "a\"b"}, "context": context});
    let input = json!({"asked": asked, "contract": "allow", "verdict": verdict, "rule": rule});
    Event::new(EventKind::Decision).principal("librarian").operation("op_1").with("input", input)
}

/// A log of a few decisions, the policy and the contract under which they were made.
fn host() -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path().canonicalize().unwrap();
    for sub in ["log", "contracts"] {
        std::fs::create_dir(at.join(sub)).unwrap();
        std::fs::set_permissions(at.join(sub), std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    write(&at.join("policy.star"), POLICY);
    write(&at.join("contracts/librarian.toml"), CONTRACT);
    let config =
        AuditConfig { path: at.join("log/audit.jsonl"), rotate_bytes: 1 << 30, host: "host01".to_owned() };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let audit = AuditLog::open(config, Arc::new(SystemClock)).unwrap();
        for event in [
            decided("zfs.snapshot", "tank/media", ("change", "allow", "free")),
            decided("zfs.snapshot", "tank/media/films", ("change", "allow", "free")),
            decided("zfs.destroy", "tank/vm@old", ("destroy", "review", "people")),
            decided("zfs.destroy", "tank/archive", ("destroy", "deny", "never")),
            Event::new(EventKind::Decision).principal("librarian"),
        ] {
            audit.append(event).await.unwrap();
        }
    });
    (directory, at)
}

fn write(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o644)).unwrap();
}

fn suggest(at: &Path, more: &[&str]) -> Ran {
    let (policy, contracts, log) = (at.join("policy.star"), at.join("contracts"), at.join("log"));
    let mut args = vec!["policy", "suggest", "--policy", policy.to_str().unwrap()];
    args.extend(["--contracts", contracts.to_str().unwrap(), "--log", log.to_str().unwrap()]);
    args.extend(more);
    reeve(&args, &[])
}

#[test]
fn what_was_asked_becomes_examples_that_come_true_and_a_profile_that_only_tightens() {
    let (_kept, at) = host();
    let suggested = suggest(&at, &[]);
    assert_eq!(suggested.exit, 0, "{suggested:?}");
    assert!(
        suggested.out.contains("tool == \"zfs.snapshot\" and under(\"tank/media\"):  # 2 times"),
        "{suggested:?}"
    );
    assert!(suggested.out.contains("# 1 decisions would be others by now"), "{suggested:?}");
    assert!(suggested.out.contains("never asked for in 30days: zfs.rollback"), "{suggested:?}");
    assert!(!suggested.out.contains("tank/archive"), "what was denied is no habit: {suggested:?}");
    assert_eq!(std::fs::read_to_string(at.join("policy.star")).unwrap(), POLICY);
    assert_eq!(std::fs::read_to_string(at.join("contracts/librarian.toml")).unwrap(), CONTRACT);

    // Somebody reads it, and puts it behind the policy.
    let tighter = at.join("tighter.star");
    write(&tighter, &format!("{POLICY}\n{}", suggested.out));
    let checked = reeve(&["policy", "check", tighter.to_str().unwrap(), "--json"], &[]);
    assert_eq!(checked.exit, 0, "{checked:?}");
    let checked = checked.json();
    assert_eq!((&checked["examples"], &checked["profiles"]), (&json!(2), &json!(["librarian"])));
    let contracts = at.join("contracts");
    let rule_of = |star: &Path, operation: [&str; 5]| {
        let mut args =
            vec!["--json", "policy", "explain", "--as", "librarian", "--policy", star.to_str().unwrap()];
        args.extend(["--contracts", contracts.to_str().unwrap()]);
        args.extend(operation);
        reeve(&args, &[]).json()["rule"].as_str().unwrap().to_owned()
    };
    let films = ["zfs", "snapshot", "tank/media/films/new", "--param", "name=x"];
    let vm = ["zfs", "snapshot", "tank/vm", "--param", "name=x"];
    assert_eq!((rule_of(&tighter, films), rule_of(&tighter, vm)), ("free".to_owned(), "unusual".to_owned()));
    assert_eq!(rule_of(&at.join("policy.star"), vm), "free");
}

#[test]
fn what_was_asked_can_be_had_for_one_principal_and_as_json() {
    let (_kept, at) = host();
    let json = suggest(&at, &["--json"]).json();
    assert_eq!(json["examples"].as_array().unwrap().len(), 2);
    assert_eq!(json["decided_otherwise_now"], 1);
    assert_eq!(json["unused"]["librarian"], json!(["zfs.rollback"]));
    let nobody = suggest(&at, &["--as", "keeper", "--json"]).json();
    assert_eq!((&nobody["examples"], &nobody["profiles"]), (&json!([]), &json!({})));
    std::fs::remove_dir_all(at.join("log")).unwrap();
    assert_eq!(suggest(&at, &[]).exit, 1, "there is nothing to suggest from");
}
