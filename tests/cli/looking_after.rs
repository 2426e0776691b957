//! Looking after a host from its own shell, and what packages take from the program.

use std::path::Path;
use std::sync::Arc;

use reeve::audit::{AuditConfig, AuditLog, Event, EventKind};
use reeve::gate::protocol::{Answer, ApprovalView, Call, Problem, ProblemKind, WaitingApproval};
use reeve::sys::clock::SystemClock;
use serde_json::json;

use crate::fake_gate::{FakeGate, name};
use crate::host::{Ran, reeve};

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// `reeve approval …` against a gate in this process.
async fn approval(socket: &Path, args: &[&str]) -> Ran {
    let me = nix::unistd::User::from_uid(nix::unistd::geteuid()).unwrap().unwrap().name;
    let mut all = vec![
        "approval".to_owned(),
        "--socket".to_owned(),
        text(socket).to_owned(),
        "--gate-user".to_owned(),
        me,
    ];
    all.extend(args.iter().map(|arg| (*arg).to_owned()));
    let running = tokio::task::spawn_blocking(move || {
        let all: Vec<&str> = all.iter().map(String::as_str).collect();
        reeve(&all, &[])
    });
    running.await.unwrap()
}

fn waiting() -> WaitingApproval {
    WaitingApproval {
        operation: "op_1".to_owned(),
        principal: name("librarian"),
        command: "zfs destroy tank/media@old".to_owned(),
        approval: ApprovalView {
            id: "ap_1".to_owned(),
            expires_at: "2026-11-20T14:32:00Z".to_owned(),
            needed: 1,
            given: 0,
            ..ApprovalView::default()
        },
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn people_on_the_host_vote_over_the_socket_and_name_nobody() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("gate.sock");
    let gate = FakeGate::start(&socket);
    gate.script(|ask| match &ask.call {
        Call::Pending => Some(Ok(Answer::Approvals(vec![waiting()]))),
        Call::Vote { confirm: true, .. } => Some(Ok(Answer::Done("confirmed: it runs".to_owned()))),
        Call::Vote { confirm: false, .. } => {
            Some(Err(Problem::new(ProblemKind::Forbidden, "no approver is this Unix user")))
        }
        _ => None,
    });
    let listed = approval(&socket, &["list"]).await;
    assert_eq!(
        listed.out,
        "op_1\tlibrarian\tzfs destroy tank/media@old\t0 of 1\t2026-11-20T14:32:00Z\tap_1\n"
    );
    let confirmed = approval(&socket, &["confirm", "ap_1"]).await;
    assert_eq!(
        confirmed.out,
        "confirmed zfs destroy tank/media@old  for librarian\n  gate  confirmed: it runs\n  id    op_1\n"
    );
    assert!(gate.asked().contains(&Call::Vote { approval: "op_1".to_owned(), confirm: true, object: None }));
    let denied = approval(&socket, &["deny", "op_1"]).await;
    assert!(denied.exit == 3 && denied.err.contains("no approver is this Unix user"), "{denied:?}");
    let unknown = approval(&socket, &["confirm", "op_2"]).await;
    assert!(unknown.exit == 1 && unknown.err.contains("nothing waits by the id"), "{unknown:?}");
    gate.stop();
    let down = approval(&socket, &["list"]).await;
    assert!(down.exit == 6 && down.err.contains("systemctl status reeve-gate"), "{down:?}");
}

#[test]
fn what_listens_on_the_gates_socket_must_be_the_gate() {
    let ran = reeve(&["approval", "list", "--gate-user", "no-such-user-here"], &[]);
    assert!(ran.exit == 1 && ran.err.contains("there is no user no-such-user-here"), "{ran:?}");
}

fn a_log(directory: &Path) {
    let config =
        AuditConfig { path: directory.join("audit.jsonl"), rotate_bytes: 1 << 30, host: "host01".to_owned() };
    let log = AuditLog::open(config, Arc::new(SystemClock)).unwrap();
    for number in 1..=5 {
        let event = Event::new(EventKind::Outcome).principal("librarian").operation(format!("op_{number}"));
        log.append_blocking(event.with("state", "succeeded\u{1b}[2J")).unwrap();
    }
}

#[test]
fn the_audit_log_is_verified_and_a_changed_line_is_found() {
    let directory = tempfile::tempdir().unwrap();
    a_log(directory.path());
    let log = text(directory.path());
    let intact = reeve(&["audit", "verify", "--log", log], &[]);
    assert!(intact.exit == 0 && intact.out.contains("INTACT"), "{intact:?}");
    let report = reeve(&["audit", "verify", "--log", log, "--json"], &[]).json();
    assert_eq!((report["ok"].as_bool(), report["records"].as_u64()), (Some(true), Some(5)));
    let cut = reeve(&["audit", "verify", "--log", log, "--against", "9:9f86d081884c7d65"], &[]);
    assert!(cut.exit == 1 && cut.out.contains("CUT"), "{cut:?}");

    let file = directory.path().join("audit.jsonl");
    let changed = std::fs::read_to_string(&file).unwrap().replace("op_3", "op_4");
    std::fs::write(&file, changed).unwrap();
    let broken = reeve(&["audit", "verify", "--log", log], &[]);
    assert!(broken.exit == 1 && broken.out.contains("BROKEN"), "{broken:?}");
}

#[test]
fn the_audit_log_is_read_without_trusting_what_is_in_it() {
    let directory = tempfile::tempdir().unwrap();
    a_log(directory.path());
    let log = text(directory.path());
    let tail = reeve(&["audit", "tail", "-n", "2", "--log", log], &[]);
    let lines: Vec<&str> = tail.out.lines().collect();
    assert_eq!(lines.len(), 2, "{tail:?}");
    assert!(lines[1].ends_with("outcome  librarian  op_5  state=succeeded\\u{1b}[2J"), "{tail:?}");
    let one = reeve(&["audit", "export", "--operation", "op_3", "--log", log], &[]);
    let record: serde_json::Value = serde_json::from_str(one.out.trim_end()).unwrap();
    assert_eq!((record["seq"].as_u64(), record["operation"].as_str()), (Some(3), Some("op_3")));
    let wrong = reeve(&["audit", "export", "--kind", "nonsense", "--log", log], &[]);
    assert!(wrong.exit == 2 && wrong.err.contains("outcome"), "{wrong:?}");
}

#[test]
fn a_log_that_is_not_there_does_not_look_like_an_empty_one() {
    let directory = tempfile::tempdir().unwrap();
    let nowhere = directory.path().join("nowhere");
    for command in ["tail", "export", "verify"] {
        for log in [directory.path(), &nowhere] {
            let ran = reeve(&["audit", command, "--log", text(log)], &[]);
            let said = format!("{}{}", ran.out, ran.err);
            assert!(ran.exit == 1 && said.contains(text(log)), "{command}: {ran:?}");
        }
    }
}

const POLICY: &str = r#"
def evaluate(tool, args, context):
    if context["effect"] == "destroy":
        return review("destroying needs a person")
    return allow("inside the contract")

example("zfs.destroy", {"resource": "tank/a"}, {"effect": "destroy"}, expect = "review")
"#;

fn rules(directory: &Path) -> (String, String) {
    let at = directory.canonicalize().unwrap();
    std::fs::create_dir(at.join("contracts")).unwrap();
    std::fs::write(at.join("policy.star"), POLICY).unwrap();
    std::fs::write(
        at.join("contracts/librarian.toml"),
        "principal = \"librarian\"\nroles = [\"agent\"]\n\n[[allow]]\noperations = [\"zfs.list\", \"zfs.destroy\"]\ndatasets = [\"tank/media\"]\n",
    )
    .unwrap();
    (text(&at.join("policy.star")).to_owned(), text(&at.join("contracts")).to_owned())
}

#[test]
fn a_policy_is_loaded_with_its_examples_and_mistakes_are_shown_where_they_are() {
    let directory = tempfile::tempdir().unwrap();
    let (policy, _) = rules(directory.path());
    let good = reeve(&["policy", "check", &policy], &[]);
    let first = format!("✓ {policy}: 1 example comes out as expected\n");
    assert!(good.exit == 0 && good.out.starts_with(&first), "{good:?}");
    std::fs::write(&policy, POLICY.replace("expect = \"review\"", "expect = \"allow\"")).unwrap();
    let bad = reeve(&["policy", "check", &policy], &[]);
    assert!(bad.exit == 1 && bad.out.contains("policy.star:7:1") && bad.out.contains("^^^"), "{bad:?}");
    let json = reeve(&["policy", "check", &policy, "--json"], &[]);
    assert_eq!((json.exit, json.json()["ok"].as_bool()), (1, Some(false)));
}

#[test]
fn what_contract_and_policy_would_say_is_explained() {
    let directory = tempfile::tempdir().unwrap();
    let (policy, contracts) = rules(directory.path());
    let explain = |op: &str, resource: &str| {
        let args = [
            "policy",
            "explain",
            "--as",
            "librarian",
            "--policy",
            &policy,
            "--contracts",
            &contracts,
            "zfs",
            op,
            resource,
        ];
        reeve(&args, &[])
    };
    let allowed = explain("list", "tank/media");
    assert!(allowed.exit == 0 && allowed.out.starts_with("zfs list tank/media  allow\n"), "{allowed:?}");
    let review = explain("destroy", "tank/media@old");
    assert!(review.exit == 4 && review.out.contains("destroying needs a person"), "{review:?}");
    let elsewhere = explain("destroy", "tank/vm");
    assert!(elsewhere.exit == 3 && elsewhere.out.starts_with("zfs destroy tank/vm  deny\n"), "{elsewhere:?}");
}

#[test]
fn the_whole_configuration_is_checked_and_what_is_wrong_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let (policy, contracts) = rules(directory.path());
    let gate = directory.path().canonicalize().unwrap().join("gate.toml");
    std::fs::write(&gate, format!("policy = \"{policy}\"\ncontracts = \"{contracts}\"\n")).unwrap();
    let args = ["check", "--gate", text(&gate), "--reeved", "/nonexistent/reeved.toml", "--json"];
    let ran = reeve(&args, &[]);
    let report = ran.json();
    assert_eq!((ran.exit, &report["ok"]), (1, &json!(false)));
    let problem = |what: &str| {
        let checks = report["checks"].as_array().unwrap();
        checks.iter().find(|check| check["what"] == what).unwrap()["problem"].clone()
    };
    assert_eq!(
        [problem("gate"), problem("contracts"), problem("policy")],
        [json!(null), json!(null), json!(null)]
    );
    assert!(problem("reeved").as_str().unwrap().contains("/nonexistent"), "{report}");

    for (name, says) in [
        (
            "libraran",
            "PROFILES has \"libraran\", who has no contract, so it tightens nothing; did you mean `librarian`?",
        ),
        ("somebody-new", "no contract for the profiles of somebody-new"),
    ] {
        let profile = format!(
            "\ndef careful(tool, args, context):\n    return None\n\nPROFILES = {{\"{name}\": careful}}\n"
        );
        std::fs::write(&policy, format!("{POLICY}{profile}")).unwrap();
        let ran = reeve(&["check", "--gate", text(&gate)], &[]);
        assert!(ran.out.contains(says), "{ran:?}");
    }
    std::fs::write(&gate, "polcy = \"x\"\n").unwrap();
    let ran = reeve(&["check", "--gate", text(&gate)], &[]);
    assert!(ran.exit == 1 && ran.out.contains("polcy") && ran.out.contains("policy"), "{ran:?}");
}

#[test]
fn approvers_are_listed_as_the_gate_knows_them() {
    let directory = tempfile::tempdir().unwrap();
    let gate = directory.path().canonicalize().unwrap().join("gate.toml");
    let fingerprint = "a1".repeat(32);
    std::fs::write(
        &gate,
        format!(
            "[[approver]]\nname = \"alice\"\nuuid = \"00000000-0000-4000-8000-00000000000a\"\n\
             fingerprint = \"{fingerprint}\"\nunix_user = \"alice\"\ngroups = [\"storage\"]\n"
        ),
    )
    .unwrap();
    let ran = reeve(&["approver", "list", "--config", text(&gate)], &[]);
    assert_eq!(
        (ran.exit, ran.out.as_str()),
        (0, "alice\tstorage\talice\t00000000-0000-4000-8000-00000000000a\n")
    );
}

#[test]
fn the_sudo_rule_is_the_one_that_is_installed() {
    let ran = reeve(&["sudoers", "--all"], &[]);
    assert_eq!(ran.out, include_str!("../../sudoers/reeve"));
}

#[test]
fn the_sudo_rule_of_a_host_has_the_wrappers_that_its_contracts_use() {
    let directory = tempfile::tempdir().unwrap();
    let (policy, contracts) = rules(directory.path());
    let gate = directory.path().join("gate.toml");
    std::fs::write(&gate, format!("policy = \"{policy}\"\ncontracts = \"{contracts}\"\n")).unwrap();
    let ran = reeve(&["sudoers", "--gate", text(&gate)], &[]);
    let wrappers: Vec<&str> = ran.out.lines().filter(|line| line.contains("NOPASSWD")).collect();
    assert_eq!(
        wrappers,
        ["reeve-run ALL = (root:root) NOPASSWD: /usr/local/libexec/reeve/reeve-zfs \"\""],
        "{ran:?}"
    );
    let missing = reeve(&["sudoers", "--gate", "/nowhere/gate.toml"], &[]);
    assert!(missing.exit == 1 && missing.out.is_empty() && missing.err.contains("--all"), "{missing:?}");
}

#[test]
fn completions_and_manual_pages_are_made_from_the_commands() {
    for shell in ["bash", "zsh", "fish"] {
        let ran = reeve(&["__completions", shell], &[]);
        assert!(
            ran.exit == 0 && ran.out.contains("approval") && !ran.out.contains("__man"),
            "{shell}: {ran:?}"
        );
    }
    let directory = tempfile::tempdir().unwrap();
    assert_eq!(reeve(&["__man", text(directory.path())], &[]).exit, 0);
    let page = std::fs::read_to_string(directory.path().join("reeve-pki-issue-agent.1")).unwrap();
    assert!(page.contains("trust\\-domain"), "{page}");
}

#[test]
fn a_ca_is_made_and_used_from_the_shell() {
    let directory = tempfile::tempdir().unwrap();
    let dir = directory.path().canonicalize().unwrap().join("pki");
    let pki = |args: &[&str]| reeve(&[&["pki", "--dir", text(&dir), "--json"], args].concat(), &[]);
    assert_eq!(pki(&["init"]).exit, 0);
    let again = pki(&["init"]);
    assert!(
        again.exit == 1 && again.json()["error"].as_str().unwrap().contains("not overwritten"),
        "{again:?}"
    );
    let agent = pki(&["issue", "agent", "librarian", "--trust-domain", "reeve.example"]).json();
    assert_eq!(agent["sans"], json!(["URI:spiffe://reeve.example/agent/librarian"]));
    let revoked = pki(&["revoke", "librarian", "--reason", "key-compromise"]).json();
    assert_eq!(revoked["crl"]["number"], 2);
    let shown = pki(&["show"]).json();
    assert_eq!(shown["certificates"][0]["status"], "revoked");
    assert_eq!(pki(&["issue", "agent", "Librarian", "--trust-domain", "reeve.example"]).exit, 2);
    assert_eq!(pki(&["issue", "agent", "x", "--trust-domain", "reeve.example", "--days", "826"]).exit, 2);
}
