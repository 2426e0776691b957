//! Contracts and policy: each agent by its own, and rules that do not load never in force.

use serde_json::{Value, json};

use crate::edited::{Edited, reload, reload_from_the_network, sh};
use crate::host::*;

const POLICY: &str = "/etc/reeve/policy.star";

fn denied(answer: &Answer, rule: &str) {
    assert_eq!((answer.code, &answer.body["code"]), (403, &json!("denied")), "{answer:?}");
    assert_eq!(answer.body["decision"]["rule"], rule, "{answer:?}");
}

fn failed_reloads() -> usize {
    let reloads = records().into_iter().filter(|record| record["kind"] == "config_reloaded");
    // Each is tried at the console, too.
    let from_the_network = reloads.filter(|record| record["detail"]["by"] == "operator");
    from_the_network.filter(|record| record["detail"]["loaded"] == false).count()
}

/// What would be decided about destroying a snapshot, with the digest of the rules.
fn verdict() -> (Value, Value) {
    verdict_on("tank/media@judged")
}

fn verdict_on(snapshot: &str) -> (Value, Value) {
    let body = json!({"kind": "zfs", "op": "destroy", "resource": snapshot});
    let plan = post("librarian", "/host/plan", &body, &[]);
    assert_eq!(plan.code, 200, "{plan:?}");
    (plan.body["decision"]["verdict"].clone(), plan.body["decision"]["policy"].clone())
}

#[test]
fn rules_that_do_not_load_change_nothing() {
    up();
    zfs(&["snapshot", "tank/media@judged"]);
    let policy = Edited::new(POLICY);
    let contract = Edited::new("/etc/reeve/contracts/archivist.toml");
    let gate = Edited::new("/etc/reeve/gate.toml");
    assert_eq!(reload().unwrap().code, 200);
    let (before, on_record) = (verdict(), failed_reloads());
    assert_eq!(before.0, "review");
    let allow_all = "def evaluate(tool, args, context):\n    return allow(\"all\")\n";
    let with_example = "example(\"zfs.list\", {\"resource\": \"tank\"}, {\"agent_id\": \"a\", \"effect\": \"read\"}, expect = \"allow\")\n";
    let changes: &[(&Edited, String)] = &[
        (&policy, "def evaluate(:\n".to_owned()),
        (&policy, String::new()),
        (&policy, format!("load(\"/etc/passwd\", \"x\")\n{allow_all}")),
        (
            &policy,
            allow_all.replace("return", "for i in range(1000000000):\n        pass\n    return")
                + with_example,
        ),
        (&policy, allow_all.replace("\"all\"", "(\"x\" * (1 << 30))[:3]") + with_example),
        (&policy, allow_all.to_owned() + &with_example.replace("expect = \"allow\"", "expect = \"deny\"")),
        (&contract, contract.before().replace("max_objects", "max_object")),
        (&contract, contract.before().replace("zfs.snapshot", "zfs.snapshoot")),
        (&contract, contract.before().replace("\"archivist\"", "\"librarian\"")),
        (&gate, gate.before().replace("[audit]", "[audti]")),
        (&gate, gate.before().replace("name = \"bob\"", "name = \"alice\"")),
    ];
    for (file, text) in changes {
        file.write(text);
        let refused = reload().unwrap();
        file.write(file.before());
        assert!(refused.code >= 400, "{text} → {refused:?}");
        assert!(refused.body["detail"].as_str().unwrap().contains("in force"), "{refused:?}");
        assert!(!refused.body.to_string().contains("/etc/reeve"), "no paths for callers: {refused:?}");
        assert_eq!(verdict(), before, "after {text}");
    }
    sh(&format!("chmod o+w {POLICY}"));
    let refused = reload().unwrap();
    sh(&format!("chmod o-w {POLICY}"));
    assert!(refused.code >= 400, "a policy that anybody may write: {refused:?}");
    assert_eq!(reload().unwrap().code, 200);
    assert_eq!(verdict(), before);
    assert_eq!(failed_reloads() - on_record, changes.len() + 1, "each is on record");
}

#[test]
fn a_weaker_policy_that_an_admin_reloads_waits_for_those_who_may_approve() {
    up();
    zfs(&["snapshot", "tank/media@still-asked"]);
    let before = verdict_on("tank/media@still-asked");
    let policy = Edited::new(POLICY);
    policy.write("def evaluate(tool, args, context):\n    return allow(\"all\")\n");
    let waits = reload_from_the_network().unwrap();
    assert_eq!((waits.code, &waits.body["gate"]["reloaded"]), (202, &json!(false)), "{waits:?}");
    assert_eq!(verdict_on("tank/media@still-asked"), before);
    assert_eq!(before.0, "review");
    let asked = prompt("alice", &["operator asks: change who may approve what"]);
    assert!(asked.contains("in policy.star:") && asked.contains("NO UNDO"), "{asked}");
    say("alice", &format!("CONFIRM {}", token(&asked)));
    wait_until("it is in force", || verdict_on("tank/media@still-asked").0 == "allow");
    hears("alice", "✅ in force");
    // At the console nobody is asked, and everybody is told.
    policy.write("def evaluate(tool, args, context):\n    return allow(\"all of it\")\n");
    assert_eq!(reload().unwrap().code, 200);
    hears("bob", "root changed who may approve what");
    drop(policy);
    assert_eq!(verdict_on("tank/media@still-asked").0, "review");
    zfs(&["destroy", "tank/media@still-asked"]);
}

#[test]
fn a_policy_that_loops_or_swells_on_one_request_refuses_that_one_and_goes_on() {
    up();
    let policy = Edited::new(POLICY);
    let traps = "    if args.get(\"name\") == \"spin\":\n        for i in range(1000000000):\n            pass\n    \
                 if args.get(\"name\") == \"swell\":\n        return allow((\"x\" * (1 << (25 + len(args[\"name\"]))))[:3])\n    \
                 if args.get(\"name\") == \"odd\":\n        return (\"allow\",)\n";
    policy.replace(
        "    if context[\"effect\"] == \"read\":\n",
        &format!("{traps}    if context[\"effect\"] == \"read\":\n"),
    );
    assert_eq!(reload().unwrap().code, 200);
    for name in ["spin", "swell", "odd", "spin"] {
        let refused = zfs_op("librarian", "snapshot", "tank/media", json!({"name": name}));
        assert_eq!((refused.code, &refused.body["code"]), (403, &json!("denied")), "{name}: {refused:?}");
        assert!(!refused.body.to_string().contains("range("), "no source for callers: {refused:?}");
        assert!(!exists(&format!("tank/media@{name}")));
        assert_eq!(zfs_op("librarian", "list", "tank/media", json!({})).code, 200);
    }
}

#[test]
fn each_agent_has_what_its_own_contract_says_by_whole_names() {
    up();
    zfs(&["create", "tank/archive-evil"]);
    zfs(&["create", "tank/media2"]);
    let snapshot =
        |agent: &str, dataset: &str| zfs_op(agent, "snapshot", dataset, json!({"name": "contract"}));
    for dataset in ["tank/media", "tank/archive-evil", "tank/archiv", "tank", "other/archive"] {
        denied(&snapshot("archivist", dataset), "contract-resource");
    }
    for dataset in ["tank/archive", "tank/media2", "tank/vm2", "tank"] {
        denied(&snapshot("librarian", dataset), "contract-resource");
    }
    denied(&snapshot("operator", "tank/media"), "contract-role");
    denied(&zfs_op("archivist", "pool-status", "tank", json!({})), "contract-operation");
    assert_eq!(zfs_op("librarian", "pool-status", "tank", json!({})).code, 200);
    let recursive = json!({"name": "contract", "recursive": true});
    assert_eq!(zfs_op("archivist", "snapshot", "tank/archive", recursive).code, 403);
    assert!(!exists("tank/media@contract") && !exists("tank/archive@contract"));
    zfs(&["destroy", "tank/archive-evil"]);
    zfs(&["destroy", "tank/media2"]);
}

#[test]
fn a_new_name_must_be_in_the_contract_as_the_old_one() {
    up();
    zfs(&["create", "tank/media/mine"]);
    zfs(&["snapshot", "tank/media/mine@s"]);
    denied(
        &zfs_op("librarian", "rename", "tank/media/mine", json!({"to": "tank/archive/mine"})),
        "contract-resource",
    );
    denied(
        &zfs_op("librarian", "clone", "tank/media/mine@s", json!({"target": "tank/archive/mine"})),
        "contract-resource",
    );
    denied(
        &zfs_op("archivist", "rename", "tank/media/mine", json!({"to": "tank/archive/mine"})),
        "contract-operation",
    );
    assert!(exists("tank/media/mine") && !exists("tank/archive/mine"));
    zfs(&["destroy", "-r", "tank/media/mine"]);
}

#[test]
fn what_the_contract_does_not_grant_is_not_even_looked_for() {
    up();
    let body = |dataset: &str| {
        let mut answer = zfs_op("archivist", "destroy", dataset, json!({}));
        let id = answer.body["operation"].take();
        let text = answer.body.to_string().replace(dataset, "NAME");
        (answer.code, text, records_of(id.as_str().unwrap())[0]["kind"].clone())
    };
    assert_eq!(body("tank/media"), body("tank/nobody"), "there and not there look the same");
    let plan = |dataset: &str| {
        let asked = json!({"kind": "zfs", "op": "destroy", "resource": dataset});
        post("archivist", "/host/plan", &asked, &[]).body.to_string().replace(dataset, "NAME")
    };
    assert_eq!(plan("tank/media"), plan("tank/nobody"));
}

#[test]
fn a_bound_on_objects_holds_for_what_would_really_go() {
    up();
    zfs(&["create", "tank/archive/box"]);
    for name in ["a", "b", "c"] {
        zfs(&["snapshot", &format!("tank/archive/box@{name}")]);
    }
    denied(
        &zfs_op("archivist", "destroy", "tank/archive/box", json!({"recursive": true})),
        "contract-objects",
    );
    assert!(exists("tank/archive/box@a"));
    zfs(&["destroy", "-r", "tank/archive/box"]);
}

#[test]
fn an_agent_whose_contract_is_taken_away_may_ask_nothing_more() {
    up();
    let file = "/etc/reeve/contracts/archivist.toml";
    assert_eq!(zfs_op("archivist", "list", "tank/archive", json!({})).code, 200);
    sh(&format!("mv {file} {file}.away"));
    let reloaded = reload().unwrap();
    let refused = zfs_op("archivist", "list", "tank/archive", json!({}));
    let catalogue = get("archivist", "/host/ops");
    sh(&format!("mv {file}.away {file}"));
    assert_eq!(reload().unwrap().code, 200);
    assert_eq!((reloaded.code, refused.code, catalogue.code), (200, 403, 403), "{refused:?} {catalogue:?}");
    assert_eq!(zfs_op("archivist", "list", "tank/archive", json!({})).code, 200);
}

#[test]
fn only_an_admin_reloads_and_reads_what_is_everybodys() {
    up();
    let before = records().len();
    assert_eq!(post("librarian", "/admin/reload", &json!({}), &[]).code, 403);
    assert_eq!(get("librarian", "/metrics").code, 403);
    // What the network side was told to read in another test may be recorded only now.
    let by_the_gate =
        |record: &Value| record["kind"] == "config_reloaded" && record["detail"]["of"] == "reeve-gate";
    assert!(!records().split_off(before).iter().any(by_the_gate));
    let mine = zfs_op("librarian", "snapshot", "tank/media", json!({"name": "listed"}));
    let has = |agent: &str| get(agent, "/host/op?limit=20").body.to_string().contains(&mine.id());
    assert!(has("librarian") && has("operator") && !has("archivist"));
}

#[test]
fn evaluate_believes_the_certificate_about_who_asks() {
    up();
    let policy = Edited::new(POLICY);
    policy.replace(
        "def evaluate(tool, args, context):\n",
        "def evaluate(tool, args, context):\n    if tool == \"http.get\":\n        return allow(\"archivist may\") if context[\"agent_id\"] == \"archivist\" else deny(\"not \" + context[\"agent_id\"])\n",
    );
    assert_eq!(reload().unwrap().code, 200);
    let ask = |agent: &str| {
        let context = json!({"agent_id": "archivist", "roles": ["admin"]});
        post(agent, "/evaluate", &json!({"tool": "http.get", "args": {}, "context": context}), &[]).body
    };
    assert_eq!(ask("archivist"), json!({"verdict": "allow", "reason": "archivist may"}));
    assert_eq!(ask("librarian"), json!({"verdict": "deny", "reason": "not librarian"}));
}

#[test]
fn what_other_gateways_asked_is_in_the_log_and_is_decided_again_by_a_candidate() {
    up();
    let policy = Edited::new(POLICY);
    policy.replace(
        "def evaluate(tool, args, context):\n",
        "def evaluate(tool, args, context):\n    if tool == \"web.replayed\":\n        return \"allow\"\n",
    );
    assert_eq!(reload().unwrap().code, 200);
    let args = json!({"text": "see https://one.example and https://two.example", "api_key": "hunter22"});
    let answer = post("librarian", "/evaluate", &json!({"tool": "web.replayed", "args": args}), &[]);
    assert_eq!(answer.body["verdict"], "allow", "{answer:?}");
    let of_it = |record: &Value| record["detail"]["tool"] == "web.replayed";
    let record = records().into_iter().find(of_it).unwrap();
    assert_eq!(record["detail"]["input"]["hosts"], json!(["one.example", "two.example"]));
    assert!(!record.to_string().contains("hunter22"), "{record}");
    let candidate = "/etc/reeve/candidate.star";
    let text = "def evaluate(tool, args, context):\n    return \"deny\" if context[\"domain\"] == \"two.example\" else \"allow\"\n";
    std::fs::write(candidate, text).unwrap();
    let replay = ["--json", "policy", "replay", "--since", "1h", "--candidate", candidate];
    let replayed = std::process::Command::new("/usr/local/bin/reeve").args(replay).output().unwrap();
    std::fs::remove_file(candidate).unwrap();
    let replayed: Value = serde_json::from_slice(&replayed.stdout).unwrap();
    let flips = replayed["evaluations"]["flips"].as_array().unwrap();
    let of_tool = |flip: &&Value| flip["samples"][0]["tool"] == "web.replayed";
    let flip = flips.iter().find(of_tool).unwrap_or_else(|| panic!("{replayed}"));
    assert_eq!((&flip["from"]["verdict"], &flip["to"]["verdict"]), (&json!("allow"), &json!("deny")));
    assert_eq!(flip["samples"][0]["seq"], record["seq"]);
}
