//! Tier A: what Reeve does itself with the files of a workspace, and how little the program that does it could do otherwise.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use reeve::sandbox::{BUILTIN, Tier, Workspace};
use serde_json::{Value, json};

use super::fixture::*;
use crate::edited::{Covered, Edited, reload};
use crate::host::*;

const OWN: &str = "/var/lib/reeve-tools/principal/librarian";
const NAMES: [&str; 3] = ["list", "hash", "query"];

/// The examples in force, and a workspace of the librarian's with files, and with links to what is none of a tool's business.
struct Stage(Edited);

impl Stage {
    fn new() -> Stage {
        up();
        let examples = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/examples/tools");
        for name in NAMES {
            std::fs::copy(format!("{examples}/{name}.toml"), format!("/etc/reeve/tools/{name}.toml"))
                .unwrap();
        }
        drop(std::fs::remove_dir_all(OWN));
        std::fs::create_dir_all(format!("{OWN}/d")).unwrap();
        std::fs::write(
            format!("{OWN}/d/a.json"),
            r#"{"hosts": [{"name": "one", "up": true}, {"name": "two", "up": false}]}"#,
        )
        .unwrap();
        symlink("/etc/reeve/gate.toml", format!("{OWN}/link")).unwrap();
        symlink("/etc", format!("{OWN}/etc")).unwrap();
        let owner = format!("{USER}:reeve-tools");
        assert!(Command::new("/bin/chown").args(["-Rh", &owner, OWN]).status().unwrap().success());
        assert!(Command::new("/bin/chmod").args(["0700", OWN]).status().unwrap().success());
        let contract = Edited::new("/etc/reeve/contracts/librarian.toml");
        let tools = "[[allow]]\noperations = [\"tool.list\", \"tool.run\"]\ntools = [\"list\", \"hash\", \"query\"]\n";
        contract.write(&format!("{}\n{tools}", contract.before()));
        let loaded = reload().unwrap();
        assert_eq!(loaded.code, 200, "{loaded:?}");
        Stage(contract)
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        for name in NAMES {
            drop(std::fs::remove_file(format!("/etc/reeve/tools/{name}.toml")));
        }
        drop(std::fs::remove_dir_all(OWN));
        self.0.write(self.0.before());
    }
}

fn run(tool: &str, arguments: Value) -> Value {
    let asked = json!({"kind": "tool", "op": "run", "resource": tool, "params": {"arguments": arguments}});
    end_of("librarian", &op("librarian", asked).id()).body
}

fn found(tool: &str, arguments: Value) -> Value {
    let body = run(tool, arguments);
    assert_eq!(body["state"], "succeeded", "{body:#}");
    serde_json::from_str(body["result"]["output"]["stdout"]["text"].as_str().unwrap()).unwrap()
}

fn refused(tool: &str, arguments: Value) -> String {
    let body = run(tool, arguments);
    assert_eq!(body["state"], "failed", "{body:#}");
    assert_eq!(body["result"]["output"]["stdout"]["text"], "", "{body:#}");
    body["result"]["output"]["stderr"]["text"].as_str().unwrap_or_else(|| panic!("{body:#}")).to_owned()
}

#[test]
fn what_is_built_in_lists_hashes_and_queries_the_callers_files() {
    let _stage = Stage::new();
    let link = |name: &str| json!({"path": name, "kind": "link"});
    let file = json!({"path": "d/a.json", "kind": "file", "bytes": 70});
    assert_eq!(
        found("list", json!({"depth": 2})),
        json!({"truncated": false, "entries": [{"path": "d", "kind": "directory"}, file, link("etc"), link("link")]})
    );
    let digest = sha256(&format!("{OWN}/d/a.json"));
    assert_eq!(
        found("hash", json!({"paths": ["d/a.json"]})),
        json!({"files": [{"path": "d/a.json", "sha256": digest, "bytes": 70}]})
    );
    let up = found("query", json!({"path": "d/a.json", "query": "$.hosts[?@.up == true].name"}));
    assert_eq!(up["matches"], json!([{"path": "$['hosts'][0]['name']", "value": "one"}]));
}

#[test]
fn what_is_built_in_follows_no_link_and_leaves_the_workspace_by_no_path() {
    let _stage = Stage::new();
    for path in ["link", "etc/reeve/gate.toml", "../archivist/x", "/etc/passwd", "d/../../../named/x"] {
        assert!(refused("hash", json!({"paths": [path]})).contains(path));
        refused("query", json!({"path": path, "query": "$"}));
    }
    for path in ["etc", "..", "/"] {
        refused("list", json!({"path": path}));
    }
    assert!(
        refused("query", json!({"path": "d/a.json", "query": "$..*..*"})).contains("ask in several steps")
    );
}

#[test]
fn the_answer_the_log_and_the_list_say_that_it_is_built_in_and_what_confined_it() {
    let _stage = Stage::new();
    let body = run("hash", json!({"paths": ["d/a.json"]}));
    let confined = &body["result"]["confined"];
    assert_eq!(
        (&confined["seccomp"], &confined["namespaces"]),
        (&json!("filter"), &json!(["mnt", "pid", "ipc"]))
    );
    assert_eq!(body["effects"]["reversible"], true, "it changes nothing: {body:#}");
    let records = records_of(body["id"].as_str().unwrap());
    let outcome = records.iter().find(|record| record["kind"] == "outcome").unwrap();
    assert_eq!(&outcome["detail"]["found"]["confined"], confined);
    let signed = records.iter().find(|record| record["kind"] == "grant_signed").unwrap();
    assert!(signed["detail"]["argv"].as_str().unwrap().contains("tier=a;user=reeve-tool"), "{signed}");
    let listed = op("librarian", json!({"kind": "tool", "op": "list", "resource": "declared"}));
    let tools = listed.body["result"]["tools"].as_array().unwrap().clone();
    assert_eq!(tools.iter().map(|tool| &tool["builtin"]).collect::<Vec<_>>(), ["hash", "list", "query"]);
    let reeve = |args: &[&str]| {
        let output = Command::new("/usr/local/bin/reeve").args(args).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(reeve(&["tool", "list"]).contains("built in: query"), "{}", reeve(&["tool", "list"]));
    assert!(reeve(&["check"]).contains("hash, list, query"), "{}", reeve(&["check"]));
    let _gone = Covered::with(BUILTIN, "/dev/null");
    assert!(reeve(&["check"]).contains("builtin: "), "{}", reeve(&["check"]));
}

/// Python in its place, as if somebody had taken it over.
#[test]
fn whoever_takes_the_program_of_tier_a_over_reads_one_workspace_and_can_do_nothing_else() {
    up();
    let secret = "/var/lib/reeve-tools/principal/e2e-other";
    let kept = |tool: &mut Tool| {
        tool.confinement.workspace = Workspace::Named("e2e-a".to_owned());
        "/usr/bin/true".clone_into(&mut tool.confinement.program);
    };
    let fill = Tool::probe(Tier::B, "wrote('own')").with(|tool| {
        tool.confinement.workspace = Workspace::Named("e2e-a".to_owned());
    });
    fill.run().text();
    std::fs::create_dir_all(secret).unwrap();
    std::fs::write(format!("{secret}/x"), "x").unwrap();
    let owner = format!("{USER}:reeve-tools");
    assert!(Command::new("/bin/chown").args(["-R", &owner, secret]).status().unwrap().success());
    let code = format!(
        "import subprocess\nprint(tried(read, 'own'), tried(wrote, 'own'), tried(wrote, 'new'), tried(os.unlink, 'own'), tried(read, '{secret}/x'), \
         tried(read, '/etc/passwd'), tried(os.listdir, '/usr/bin'), tried(wrote, '/tmp/x'), tried(subprocess.run, ['/usr/bin/true']), \
         tried(socket.socket), tried(read, '/dev/urandom'), tried(os.listdir, '/proc'))"
    );
    let outside_it = format!(
        "print(tried(read, '{secret}/x'), tried(read, '/etc/passwd'), tried(os.listdir, '/usr/bin'), tried(read, '/dev/urandom'), tried(os.listdir, '/proc'))"
    );
    assert_eq!(outside(USER, &outside_it), "OK OK OK OK OK");
    {
        let _taken = Covered::with(BUILTIN, &python());
        let tool = Tool::probe(Tier::A, &code).with(|tool| {
            tool.confinement.workspace = Workspace::Named("e2e-a".to_owned());
            BUILTIN.clone_into(&mut tool.confinement.program);
        });
        assert_eq!(
            tool.run().text(),
            "OK EACCES EACCES EACCES ENOENT EACCES EACCES EACCES EACCES EPERM EACCES EACCES"
        );
    }
    // Whoever signs it, no other program runs in this tier.
    Tool::probe(Tier::A, "").with(kept).run().is_refused("argument");
    for place in [secret, "/var/lib/reeve-tools/named/e2e-a"] {
        std::fs::remove_dir_all(place).unwrap();
    }
    assert!(!Path::new("/tmp/x").exists());
}
