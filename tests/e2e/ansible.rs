//! Playbooks through the whole chain: pinned by root, run dry for the plan, confirmed by a person, run by root, looked at.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use reeve::grant::{Grant, WrapperName};
use serde_json::{Value, json};

use crate::edited::{Edited, reload};
use crate::grants::{grant, sign};
use crate::host::*;

const PLAYBOOKS: &str = "/etc/reeve/playbooks";
const OUT: &str = "/var/lib/reeve-e2e";
/// A length of sleep that nobody else sleeps.
const LONG: &str = "86397";

/// A host that has two playbooks, `motd` and `slow`, and an agent who may ask for them; as before when it goes.
struct Stage {
    _gate: Edited,
    _contract: Edited,
    folders: [PathBuf; 2],
}

impl Stage {
    fn new() -> Self {
        up();
        let _nothing = std::fs::remove_dir_all(OUT);
        std::fs::create_dir_all(OUT).unwrap();
        let motd = "- hosts: localhost\n  gather_facts: false\n  tasks:\n    - name: the message\n      \
            template: {src: motd.j2, dest: /var/lib/reeve-e2e/motd, mode: \"0644\"}\n    - name: a folder\n      \
            file: {path: /var/lib/reeve-e2e/folder, state: directory, mode: \"0755\"}\n";
        let slow = format!(
            "- hosts: localhost\n  gather_facts: false\n  tasks:\n    - name: begin\n      \
            copy: {{content: x, dest: {OUT}/begun}}\n    - name: sleep\n      \
            shell: {{cmd: \"sleep {LONG} & sleep {LONG}; touch {OUT}/slept\", creates: {OUT}/slept}}\n"
        );
        let folders = [
            put("motd", &[("site.yml", motd), ("templates/motd.j2", "{{ greeting }}\n")]),
            put("slow", &[("site.yml", &slow)]),
        ];
        let gate = Edited::new("/etc/reeve/gate.toml");
        let section = |name: &str, more: &str| {
            let sha256 = digest(&format!("{PLAYBOOKS}/{name}"));
            format!(
                "[ansible.playbook.{name}]\npath = \"{PLAYBOOKS}/{name}/site.yml\"\nsha256 = \"{sha256}\"\n{more}\n"
            )
        };
        let vars = "vars = {type = \"object\", additionalProperties = false, properties.greeting = {type = \"string\", maxLength = 20}}";
        gate.write(&format!("{}\n{}{}", gate.before(), section("motd", vars), section("slow", "")));
        let contract = Edited::new("/etc/reeve/contracts/librarian.toml");
        let allow = "[[allow]]\noperations = [\"ansible.check\", \"ansible.run\"]\nplaybooks = [\"motd\", \"slow\"]\n";
        contract.write(&format!("{}\n{allow}", contract.before()));
        let loaded = reload().unwrap();
        assert_eq!(loaded.code, 200, "{loaded:?}");
        Self { _gate: gate, _contract: contract, folders }
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        for folder in &self.folders {
            let _gone = std::fs::remove_dir_all(folder);
        }
    }
}

fn put(name: &str, files: &[(&str, &str)]) -> PathBuf {
    let folder = Path::new(PLAYBOOKS).join(name);
    let _nothing = std::fs::remove_dir_all(&folder);
    for (file, contents) in files {
        let path = folder.join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, contents).unwrap();
    }
    folder
}

fn digest(folder: &str) -> String {
    let listing = format!(
        "cd {folder} && find . -type f -printf '%P\\0' | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum"
    );
    let made = Command::new("/bin/sh").args(["-c", &listing]).output().unwrap();
    String::from_utf8(made.stdout).unwrap().split(' ').next().unwrap().to_owned()
}

fn ask(op_name: &str, playbook: &str, vars: Value) -> Answer {
    op("librarian", json!({"kind": "ansible", "op": op_name, "resource": playbook, "params": {"vars": vars}}))
}

fn found(name: &str) -> Option<String> {
    std::fs::read_to_string(Path::new(OUT).join(name)).ok()
}

fn sleepers() -> usize {
    let listed = Command::new("/usr/bin/pgrep").args(["-fc", &format!("^sleep {LONG}")]).output().unwrap();
    String::from_utf8(listed.stdout).unwrap().trim().parse().unwrap()
}

#[test]
fn a_playbook_is_shown_confirmed_run_and_looked_at_and_a_second_run_finds_nothing_left() {
    let _stage = Stage::new();
    let vars = json!({"greeting": "Back at ten"});
    let checked = ask("check", "motd", vars.clone());
    let checked = if checked.code == 200 { checked } else { end_of("librarian", &checked.id()) };
    assert_eq!(checked.state(), "succeeded", "{checked:?}");
    assert_eq!(checked.body["result"]["changed"], 2, "{checked:?}");
    assert_eq!(checked.body["result"]["changes"][0]["lines"][1], "+Back at ten");
    assert_eq!(found("motd"), None);
    let asked = ask("run", "motd", vars.clone());
    assert_eq!((asked.code, asked.state()), (202, "pending"), "{asked:?}");
    assert_eq!(asked.body["effects"]["objects"][1]["name"], "/var/lib/reeve-e2e/motd");
    let prompt = prompt("alice", &["ansible run motd"]);
    assert!(prompt.contains("/var/lib/reeve-e2e/motd") && prompt.contains("NO UNDO"), "{prompt}");
    say("alice", &format!("CONFIRM {}", token(&prompt)));
    let done = end_of("librarian", &asked.id());
    assert_eq!((done.state(), &done.body["verified"]), ("succeeded", &json!(true)), "{done:?}");
    assert_eq!(done.body["result"]["changed"], 0, "{done:?}");
    assert_eq!(found("motd").unwrap(), "Back at ten\n");
    let second = ask("run", "motd", vars);
    let second = if second.code == 200 { second } else { end_of("librarian", &second.id()) };
    assert_eq!(second.state(), "succeeded", "{second:?}");
    assert_eq!(second.body["result"]["nothing_left"], true, "{second:?}");
}

#[test]
fn what_was_confirmed_is_void_when_the_host_or_the_playbook_is_another_by_then() {
    let stage = Stage::new();
    let asked = ask("run", "motd", json!({"greeting": "one"}));
    let first = token(&prompt("alice", &["ansible run motd", "\"one\""]));
    std::fs::write(format!("{OUT}/motd"), "what somebody wrote meanwhile\n").unwrap();
    say("alice", &format!("CONFIRM {first}"));
    assert_eq!(found("motd").unwrap(), "what somebody wrote meanwhile\n");
    let mut second = first.clone();
    hears("alice", "~ file /var/lib/reeve-e2e/motd, which is not as it was");
    wait_until("alice is asked anew", || {
        second = token(&prompt("alice", &["ansible run motd", "\"one\""]));
        second != first
    });
    std::fs::write(stage.folders[0].join("site.yml"), "- hosts: localhost\n  tasks: []\n").unwrap();
    say("alice", &format!("CONFIRM {second}"));
    let ended = end_of("librarian", &asked.id());
    assert_eq!(ended.state(), "failed", "{ended:?}");
    assert!(
        ended.body["error"].as_str().unwrap().contains("is not what root's configuration pins"),
        "{ended:?}"
    );
    assert_eq!(found("motd").unwrap(), "what somebody wrote meanwhile\n");
}

#[test]
fn an_altered_playbook_is_refused_unread() {
    let stage = Stage::new();
    std::fs::create_dir(stage.folders[0].join("library")).unwrap();
    std::fs::write(stage.folders[0].join("library/template.py"), "").unwrap();
    for op_name in ["check", "run"] {
        let refused = ask(op_name, "motd", json!({"greeting": "x"}));
        assert_eq!(refused.code, 409, "{refused:?}");
        assert!(refused.body["detail"].as_str().unwrap().contains("is not what root's configuration pins"));
    }
}

#[test]
fn variables_that_are_templates_or_outside_of_the_schema_are_refused() {
    let _stage = Stage::new();
    let template = ask("run", "motd", json!({"greeting": "{{ lookup('pipe', 'id') }}"}));
    assert_eq!(
        (template.code, &template.body["pointer"]),
        (422, &json!("/params/vars/greeting")),
        "{template:?}"
    );
    let own = ask("run", "motd", json!({"ansible_connection": "ssh"}));
    assert_eq!((own.code, &own.body["pointer"]), (422, &json!("/params/vars/ansible_connection")), "{own:?}");
    for (vars, place) in [
        (json!({"greeting": "longer than twenty characters"}), "vars/greeting"),
        (json!({"greeting": 1}), "vars/greeting"),
        (json!({"other": "x"}), "vars/other"),
    ] {
        let refused = ask("run", "motd", vars);
        assert_eq!(refused.code, 409, "{refused:?}");
        assert!(refused.body["detail"].as_str().unwrap().starts_with(place), "{refused:?}");
    }
    let unknown = ask("run", "other", json!({}));
    assert_eq!(unknown.code, 403, "{unknown:?}");
}

#[test]
fn a_run_is_told_task_by_task_and_cancelling_ends_all_that_it_started() {
    let _stage = Stage::new();
    let asked = ask("run", "slow", json!({}));
    say("alice", &format!("CONFIRM {}", token(&prompt("alice", &["ansible run slow"]))));
    wait_until("the playbook sleeps", || sleepers() == 2);
    let url = format!("{URL}/host/op/{}/events", asked.id());
    let stream = curl("librarian", &["--no-buffer", "--max-time", "3", &url]);
    let stream = String::from_utf8(stream.stdout).unwrap();
    let output: Vec<Value> = stream
        .split("\n\n")
        .filter(|event| event.contains("event: output"))
        .filter_map(|event| serde_json::from_str(event.split("data: ").nth(1)?).ok())
        .collect();
    let told: Vec<(&str, &str)> = output
        .iter()
        .map(|event| (event["event"].as_str().unwrap(), event["task"].as_str().unwrap_or_default()))
        .collect();
    assert_eq!(
        told,
        [("start", ""), ("play", ""), ("task", "begin"), ("result", "begin"), ("task", "sleep")],
        "{stream}"
    );
    let cancelled = call("librarian", "DELETE", &format!("/host/op/{}", asked.id()), &[]);
    assert_eq!(cancelled.code, 200, "{cancelled:?}");
    let ended = end_of("librarian", &asked.id());
    assert_eq!(sleepers(), 0, "what it started still runs");
    assert_eq!(ended.state(), "unknown", "{ended:?}");
    assert!(ended.body["error"].as_str().unwrap().contains("a run would still change: sleep"), "{ended:?}");
    assert_eq!((found("begun").as_deref(), found("slept")), (Some("x"), None));
}

/// What the real wrapper says to a grant that the gate's key signed.
fn shown(alter: impl Fn(&mut Grant)) -> Output {
    let vars = r#"{"greeting":"x"}"#;
    let path = format!("{PLAYBOOKS}/motd/site.yml");
    let this_host = ["-i", "localhost,", "-c", "local", "--limit", "localhost"];
    let mut grant = grant(&[&this_host[..], &["--check", "--diff", "--extra-vars", vars, &path]].concat());
    (grant.wrapper, grant.program) = (WrapperName::Ansible, "/usr/bin/ansible-playbook".to_owned());
    grant.run_limit_secs = 60;
    alter(&mut grant);
    let mut sudo = Command::new("/usr/bin/setpriv")
        .args(["--reuid", "reeve-run", "--regid", "reeve-run", "--init-groups", "--"])
        .args(["/usr/bin/sudo", "-n", "--", "/usr/local/libexec/reeve/reeve-ansible"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(std::io::Write::write_all(&mut sudo.stdin.take().unwrap(), &sign(&grant)));
    sudo.wait_with_output().unwrap()
}

/// What somebody who has the gate's key changes in the arguments.
type Change = fn(&mut Vec<String>);

#[test]
fn the_wrapper_holds_when_the_gate_is_taken_over() {
    let stage = Stage::new();
    let good = shown(|_grant| {});
    assert_eq!(good.status.code(), Some(0), "{good:?}");
    let arguments: [Change; 12] = [
        |argv| argv[1] = "web,".to_owned(),
        |argv| argv[3] = "ssh".to_owned(),
        |argv| argv[5] = "all".to_owned(),
        |argv| argv[6] = "--ask-vault-pass".to_owned(),
        |argv| argv[6] = "-e".to_owned(),
        |argv| argv[6] = "--tags=x".to_owned(),
        |argv| argv[9] = "@/etc/shadow".to_owned(),
        |argv| argv[9] = r#"{"greeting":"{{ lookup('pipe','id') }}"}"#.to_owned(),
        |argv| argv[9] = r#"{"ansible_connection":"ssh"}"#.to_owned(),
        |argv| argv[10] = "/tmp/site.yml".to_owned(),
        |argv| argv[10] = format!("{PLAYBOOKS}/../../../tmp/site.yml"),
        |argv| argv.push(format!("{PLAYBOOKS}/slow/site.yml")),
    ];
    for alter in arguments {
        let refused = shown(|grant| alter(&mut grant.argv));
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert_eq!(
            (refused.status.code(), said.contains("is not in the table")),
            (Some(125), true),
            "{said}"
        );
    }
    let as_user = shown(|grant| grant.run_as = reeve::grant::RunAs::User("librarian".to_owned()));
    assert_eq!(as_user.status.code(), Some(125));
    for (path, mode) in [("site.yml", 0o666), ("", 0o777)] {
        let path = stage.folders[0].join(path);
        let before = std::fs::metadata(&path).unwrap().permissions();
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
        let refused = shown(|_grant| {});
        assert_eq!(refused.status.code(), Some(125), "{refused:?}");
        std::fs::set_permissions(&path, before).unwrap();
    }
}
