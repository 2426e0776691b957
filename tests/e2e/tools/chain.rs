//! A declared tool through the whole chain: asked for by an agent, planned, granted, shut in, told.

use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::fixture::{processes_of_the_user, python, sha256};
use crate::edited::{Edited, reload};
use crate::host::*;

/// A host on which tools are declared, and an agent who may run some of them.
pub(super) struct Stage {
    _contract: Edited,
    declared: Vec<PathBuf>,
}

impl Stage {
    pub(super) fn new() -> Stage {
        let program = python();
        let head = |tier: &str, workspace: &str| {
            let sha256 = sha256(&program);
            format!(
                "about = \"a probe\"\nprogram = \"{program}\"\nsha256 = \"{sha256}\"\nruns_code = true\ntier = \"{tier}\"\nworkspace = \"{workspace}\"\n"
            )
        };
        let code = "import os,sys,time\nprint(sys.argv[1], sys.stdin.read(), os.listdir('.'))\nopen('left', 'w')\nsys.stdout.flush()\ntime.sleep(float(sys.argv[2]))\nsys.exit(int(sys.argv[3]))";
        let arguments = format!(
            "arguments = [\"-c\", {code:?}, \"--\", \"{{word}}\", \"{{seconds}}\", \"{{status}}\"]\n"
        )
        .replace("\"--\", ", "");
        let parameters = "[parameters]\ntype = \"object\"\nadditionalProperties = false\nrequired = [\"word\", \"seconds\", \"status\"]\n\
             properties.word = {type = \"string\", maxLength = 40}\nproperties.seconds = {type = \"integer\", minimum = 0, maximum = 900}\n\
             properties.status = {type = \"integer\", minimum = 0, maximum = 255}\n[limits]\nwall_clock = \"3s\"\n";
        let tools = [
            ("probe", format!("{}{arguments}{parameters}", head("c", "fresh"))),
            ("keeper", format!("{}{arguments}{}", head("b", "principal"), parameters.replace("3s", "15m"))),
            ("other", format!("{}{arguments}{parameters}", head("b", "fresh"))),
        ];
        Stage::of(&tools, &["probe", "keeper"])
    }

    /// With these declarations, of which the librarian may run those.
    pub(super) fn of(tools: &[(&str, String)], granted: &[&str]) -> Stage {
        up();
        let declared: Vec<PathBuf> =
            tools.iter().map(|(name, _)| PathBuf::from(format!("/etc/reeve/tools/{name}.toml"))).collect();
        for (path, (_, text)) in declared.iter().zip(tools) {
            std::fs::write(path, text).unwrap();
        }
        let contract = Edited::new("/etc/reeve/contracts/librarian.toml");
        let allow = format!("[[allow]]\noperations = [\"tool.list\", \"tool.run\"]\ntools = {granted:?}\n");
        contract.write(&format!("{}\n{allow}", contract.before()));
        let loaded = reload().unwrap();
        assert_eq!(loaded.code, 200, "{loaded:?}");
        Stage { _contract: contract, declared }
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        for path in &self.declared {
            std::fs::remove_file(path).unwrap();
        }
        drop(std::fs::remove_dir_all("/var/lib/reeve-tools/principal/librarian"));
    }
}

pub(super) fn ask(tool: &str, word: &str, seconds: u32, status: u32, more: Value) -> Answer {
    let mut params = json!({"arguments": {"word": word, "seconds": seconds, "status": status}});
    params.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    op("librarian", json!({"kind": "tool", "op": "run", "resource": tool, "params": params}))
}

pub(super) fn ended(answer: &Answer) -> Answer {
    end_of("librarian", &answer.id())
}

#[test]
fn a_declared_tool_runs_and_the_answer_and_the_log_say_what_confined_it() {
    let _stage = Stage::new();
    let ran = ended(&ask("probe", "s3cret-word", 0, 0, json!({"input": "given"})));
    assert_eq!((ran.state(), &ran.body["exit_code"]), ("succeeded", &json!(0)), "{ran:?}");
    let result = &ran.body["result"];
    assert_eq!(result["output"]["stdout"]["text"], "s3cret-word given []\n");
    assert_eq!(result["ended"], json!({"by": "itself", "status": 0}));
    let namespaces = json!(["user", "mnt", "pid", "net", "ipc", "uts", "cgroup"]);
    assert_eq!(
        (&result["confined"]["namespaces"], &result["confined"]["seccomp"]),
        (&namespaces, &json!("filter"))
    );
    let records = records_of(&ran.id());
    let outcome = records.iter().find(|record| record["kind"] == "outcome").unwrap();
    assert_eq!(outcome["detail"]["found"]["confined"], result["confined"]);
    assert!(!outcome.to_string().contains("s3cret-word"), "no output in the log: {outcome}");
    let signed = records.iter().find(|record| record["kind"] == "grant_signed").unwrap();
    assert!(signed["detail"]["argv"].as_str().unwrap().contains("tier=c;user=reeve-tool"), "{signed}");
}

#[test]
fn a_status_and_a_limit_are_told_by_their_names() {
    let _stage = Stage::new();
    let failed = ended(&ask("probe", "x", 0, 3, json!({})));
    assert_eq!((failed.state(), &failed.body["exit_code"]), ("failed", &json!(3)), "{failed:?}");
    assert_eq!(failed.body["result"]["output"]["stdout"]["text"], "x  []\n");
    let slow = ended(&ask("probe", "x", 60, 0, json!({})));
    assert_eq!(slow.body["error"], "the tool was ended by its limit: wall_clock", "{slow:?}");
    assert_eq!(slow.body["result"]["ended"], json!({"by": "limit", "limit": "wall_clock"}));
}

#[test]
fn a_callers_own_workspace_stays_and_a_fresh_one_does_not() {
    let _stage = Stage::new();
    let text = |tool: &str| {
        ended(&ask(tool, "x", 0, 0, json!({}))).body["result"]["output"]["stdout"]["text"].clone()
    };
    assert_eq!([text("keeper"), text("keeper")], ["x  []\n", "x  ['left']\n"]);
    assert_eq!([text("probe"), text("probe")], ["x  []\n", "x  []\n"]);
}

#[test]
fn what_is_not_granted_or_not_declared_is_not_run() {
    let _stage = Stage::new();
    assert_eq!(ask("other", "x", 0, 0, json!({})).code, 403);
    assert_eq!(ask("nothing", "x", 0, 0, json!({})).code, 403);
    let bad = op(
        "librarian",
        json!({"kind": "tool", "op": "run", "resource": "probe", "params": {"arguments": {"word": "x"}}}),
    );
    assert!(bad.code >= 400 && bad.body.to_string().contains("tool-arguments"), "{bad:?}");
    let option = ask("probe", "--version", 0, 0, json!({}));
    assert!(option.body.to_string().contains("option"), "{option:?}");
}

#[test]
fn the_list_shows_each_tools_schema_and_confinement() {
    let _stage = Stage::new();
    let list = op("librarian", json!({"kind": "tool", "op": "list", "resource": "declared"}));
    let tools = list.body["result"]["tools"].as_array().unwrap().clone();
    assert_eq!(tools.iter().map(|tool| &tool["name"]).collect::<Vec<_>>(), ["keeper", "other", "probe"]);
    assert_eq!((&tools[2]["tier"], &tools[2]["egress"]), (&json!("c"), &json!("none")));
    assert_eq!(tools[2]["schema"]["required"], json!(["word", "seconds", "status"]));
    let shown = Command::new("/usr/local/bin/reeve").args(["--json", "tool", "list"]).output().unwrap();
    let shown: Value = serde_json::from_slice(&shown.stdout).unwrap();
    assert_eq!(shown["tools"], json!(tools));
}

#[test]
fn cancelling_ends_the_whole_tree_of_a_running_tool() {
    let _stage = Stage::new();
    let running = std::thread::spawn(|| ask("keeper", "x", 80, 0, json!({})));
    wait_until("the tool runs", || processes_of_the_user().contains("80"));
    let listed = get("librarian", "/host/op?state=executing");
    let id = listed.body["operations"][0]["id"].as_str().unwrap_or_else(|| panic!("{listed:?}")).to_owned();
    call("librarian", "DELETE", &format!("/host/op/{id}"), &[]);
    wait_until("nothing of it runs", || processes_of_the_user().is_empty());
    let end = end_of("librarian", &id);
    assert_eq!(end.state(), "failed", "{end:?}");
    drop(running.join().unwrap());
}

#[test]
fn a_declaration_that_cannot_be_held_is_refused_and_what_was_in_force_stays() {
    let stage = Stage::new();
    let path = &stage.declared[0];
    let before = std::fs::read_to_string(path).unwrap();
    let check = || {
        let output = Command::new("/usr/local/bin/reeve").arg("check").output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(check().contains("keeper, other, probe"), "{}", check());
    for (from, to, word) in [
        ("tier = \"c\"", "tier = \"c\"\negress = \"strict\"", "egress"),
        ("tier = \"c\"", "tier = \"w\"", "tier"),
        ("sha256 = \"", "sha256 = \"x", "digest"),
    ] {
        std::fs::write(path, before.replacen(from, to, 1)).unwrap();
        assert_eq!(reload().unwrap().code, 503);
        assert!(check().contains(word), "{}", check());
    }
    std::fs::write(path, before.replace(&sha256(&python()), &"0".repeat(64))).unwrap();
    assert!(check().contains("is not the pinned program"), "{}", check());
    std::fs::write(path, &before).unwrap();
    assert_eq!(ended(&ask("probe", "x", 0, 0, json!({}))).state(), "succeeded");
}

/// All are in hand at once: none has ended when the last is there.
#[test]
fn many_runs_of_one_tool_go_on_beside_each_other() {
    // As many as have to be possible at one time.
    const MANY: usize = 50;
    let _stage = Stage::new();
    let (tell, told) = std::sync::mpsc::channel();
    let callers: Vec<_> = (0..MANY)
        .map(|_| {
            let tell = tell.clone();
            std::thread::spawn(move || tell.send(ask("keeper", "x", 800, 0, json!({}))).unwrap())
        })
        .collect();
    let running = || {
        let listed = get("librarian", "/host/op?state=executing&limit=100");
        let all = listed.body["operations"].as_array().cloned().unwrap_or_default();
        all.iter().filter_map(|one| one["id"].as_str().map(str::to_owned)).collect::<Vec<_>>()
    };
    let ended = || {
        let listed = get("librarian", "/host/op?state=failed&limit=100");
        let all = listed.body["operations"].as_array().cloned().unwrap_or_default();
        all.into_iter()
            .filter(|one| one["operation"]["params"]["arguments"]["seconds"] == 800)
            .collect::<Vec<_>>()
    };
    // A machine that does much else takes its time to start them; one that does not start is said at once.
    let begun = Instant::now();
    while running().len() != MANY {
        assert_eq!(ended(), Vec::<Value>::new(), "none of them ends by itself");
        told.try_iter().for_each(|answer: Answer| assert_eq!(answer.code, 202, "{answer:?}"));
        assert!(begun.elapsed() < Duration::from_secs(300), "{} of {MANY} run", running().len());
        std::thread::sleep(Duration::from_millis(300));
    }
    let ids = running();
    // Another kind is not kept waiting by them.
    assert_eq!(zfs_op("librarian", "list", "tank/media", json!({})).state(), "succeeded");
    for id in &ids {
        call("librarian", "DELETE", &format!("/host/op/{id}"), &[]);
    }
    for id in &ids {
        end_of("librarian", id);
    }
    callers.into_iter().for_each(|caller| caller.join().unwrap());
    wait_until("nothing of them runs", || processes_of_the_user().is_empty());
}
