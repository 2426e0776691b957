//! A policy on trial beside the live one, hostile policies, and what of a decision is on record.

use std::time::Instant;

use reeve::gate::protocol::{Answer, Call, ProblemKind, State};
use serde_json::json;

use crate::rules::rule;
use crate::stage::{LENIENT, PATIENCE, POLICY, STRICT, Stage, kind, snapshot, zfs};

/// Denies what destroys, allows the rest by a rule of another name, and fails on what is called `hard`.
const TRIAL: &str = r#"
def evaluate(tool, args, context):
    if args.get("name") == "hard":
        return args["nothing such"]
    if context["effect"] == "destroy":
        return deny("never")
    return allow("another name")
"#;

impl Stage {
    /// Puts a policy on trial.
    fn puts_on_trial(&self, policy: &str) {
        self.write("new.star", policy);
        let config = self.read("gate.toml");
        if !config.contains("shadow =") {
            self.write("gate.toml", &config.replacen("log =", "shadow = \"new.star\"\nlog =", 1));
        }
        self.reload();
    }

    /// Waits until the policy on trial has been counted so.
    async fn until_counted(&self, outcome: &str, count: u64) {
        let line = format!("reeve_policy_shadow_total{{outcome=\"{outcome}\"}} {count}");
        let begun = Instant::now();
        loop {
            let Ok(Answer::Text(text)) = self.call("operator", Call::Metrics).await else { panic!() };
            if text.lines().any(|there| there == line) {
                return;
            }
            assert!(begun.elapsed() < PATIENCE, "no {line} in\n{text}");
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    }
}

#[tokio::test]
async fn a_policy_on_trial_changes_no_verdict_and_what_it_would_change_is_counted_and_recorded() {
    let stage = Stage::with(LENIENT).await;
    stage.puts_on_trial(TRIAL);
    let done = stage.submit("librarian", snapshot("tank/media", "x")).await.unwrap();
    assert_eq!(done.state, State::Succeeded);
    stage.until_counted("other_rule", 1).await;
    let done = stage.submit("librarian", zfs("destroy", "tank/media@old")).await.unwrap();
    assert_eq!(done.state, State::Succeeded);
    stage.until_counted("other_verdict", 1).await;
    stage.submit("librarian", snapshot("tank/media", "hard")).await.unwrap();
    stage.until_counted("failed", 1).await;
    let records = stage.until_recorded("shadow", 2);
    assert_eq!(records.len(), 2, "what is as it was is not recorded");
    let detail = &records[0]["detail"];
    assert_eq!(records[0]["operation"], done.id.as_str());
    assert_eq!((&detail["outcome"], &detail["tool"]), (&json!("other_verdict"), &json!("zfs.destroy")));
    assert_eq!((&detail["live"]["verdict"], &detail["shadow"]["verdict"]), (&json!("allow"), &json!("deny")));
    assert_eq!((&detail["shadow"]["rule"], &detail["shadow"]["reason"]), (&json!("never"), &json!("never")));
    assert_eq!(records[1]["detail"]["outcome"], "failed");
}

#[tokio::test]
async fn what_other_gateways_ask_is_decided_beside_by_every_host_and_its_verdict_stays() {
    let stage = Stage::with(LENIENT).await;
    stage.puts_on_trial(
        "def evaluate(tool, args, context):\n    if context[\"domain\"] == \"b.example\":\n        \
         return deny(\"never there\")\n    return allow(\"free\")\n",
    );
    let ask = async |urls: &[&str]| {
        let args = json!({"urls": urls}).as_object().unwrap().clone();
        let call = Call::Evaluate { tool: "http.get".to_owned(), args, context: serde_json::Map::new() };
        let Ok(Answer::Verdict { verdict, .. }) = stage.call("librarian", call).await else { panic!() };
        verdict
    };
    assert_eq!(ask(&["https://a.example"]).await, "allow");
    stage.until_counted("same", 1).await;
    assert_eq!(ask(&["https://a.example", "https://b.example"]).await, "allow");
    stage.until_counted("other_verdict", 1).await;
    let records = stage.until_recorded("shadow", 1);
    let evaluation = stage.records("evaluation").pop().unwrap();
    let detail = &records[0]["detail"];
    assert_eq!((records.len(), &detail["evaluation"]), (1, &evaluation["seq"]));
    assert_eq!((&detail["tool"], &detail["live"]["verdict"]), (&json!("http.get"), &json!("allow")));
    assert_eq!(
        (&detail["shadow"]["verdict"], &detail["shadow"]["rule"]),
        (&json!("deny"), &json!("never-there"))
    );
}

#[tokio::test]
async fn a_policy_on_trial_that_would_allow_what_is_denied_allows_nothing() {
    let stage = Stage::with(STRICT).await;
    stage.puts_on_trial(LENIENT);
    assert_eq!(kind(stage.submit("librarian", snapshot("tank/media", "x")).await), ProblemKind::Denied);
    stage.until_counted("other_verdict", 1).await;
    assert_eq!(stage.launcher.commands(), [""; 0]);
}

#[tokio::test]
async fn a_broken_policy_on_trial_harms_nothing_and_is_counted() {
    let mut stage = Stage::with(LENIENT).await;
    for (number, broken) in ["def evaluate(:\n", "X = max(range(2000000000))\n"].into_iter().enumerate() {
        stage.puts_on_trial(broken);
        let name = format!("broken-{number}");
        let done = stage.submit("librarian", snapshot("tank/media", &name)).await.unwrap();
        assert_eq!(done.state, State::Succeeded);
        stage.until_counted("failed", 1 + u64::try_from(number).unwrap()).await;
    }
    let reloads = stage.records("config_reloaded");
    assert_eq!(reloads[0]["detail"]["shadow"]["loaded"], false, "{}", reloads[0]);
    // Nor does it keep the gate from coming up.
    stage.crash().await;
    stage.submit("librarian", snapshot("tank/media", "after")).await.unwrap();
    stage.until_counted("failed", 1).await;
}

#[tokio::test]
async fn a_policy_on_trial_that_never_answers_keeps_nobody_waiting() {
    let stage = Stage::with(LENIENT).await;
    stage.puts_on_trial(
        "def evaluate(tool, args, context):\n    return max(range(args.get(\"n\", 2000000000)))\n",
    );
    let begun = Instant::now();
    for number in 0..5 {
        stage.submit("librarian", snapshot("tank/media", &format!("x{number}"))).await.unwrap();
    }
    assert!(begun.elapsed() < PATIENCE, "{:?}", begun.elapsed());
    stage.until_counted("failed", 5).await;
}

#[tokio::test]
async fn what_is_on_trial_beside_the_policy_is_no_part_of_it() {
    let stage = Stage::with(POLICY).await;
    stage.puts_on_trial(LENIENT);
    let before = stage.records("config_reloaded").pop().unwrap();
    stage.puts_on_trial(STRICT);
    let after = stage.records("config_reloaded").pop().unwrap();
    assert_eq!(before["detail"]["rules"], after["detail"]["rules"]);
    assert_eq!(after["detail"]["weaker"], json!([]));
    assert_ne!(before["detail"]["shadow"], after["detail"]["shadow"]);
}

#[tokio::test]
async fn a_hostile_policy_is_a_deny_with_its_reason_in_time_and_the_next_request_is_served() {
    for bomb in [
        "x = [0] * args.get(\"n\", 1000000000)",
        "x = max(range(args.get(\"n\", 2000000000)))",
        "x = \"a\" * args.get(\"n\", 1000000000)",
        "for i in range(1000000000):\n            pass",
    ] {
        let text = format!(
            "def evaluate(tool, args, context):\n    if tool == \"zfs.destroy\":\n        {bomb}\n    return allow(\"free\")\n"
        );
        let stage = Stage::with(&text).await;
        let begun = Instant::now();
        let refused = rule(stage.submit("librarian", zfs("destroy", "tank/media@old")).await);
        assert!(
            ["policy-error", "policy-timeout", "policy-worker-died"].contains(&refused.as_str()),
            "{bomb}: {refused}"
        );
        // One decision, and one to learn whether it was that one which killed the worker.
        assert!(begun.elapsed().as_secs() < 6, "{bomb}: {:?}", begun.elapsed());
        let done = stage.submit("librarian", snapshot("tank/media", "x")).await.unwrap();
        assert_eq!(done.state, State::Succeeded, "{bomb}");
        assert_eq!(stage.launcher.commands(), ["snapshot tank/media@x"]);
    }
}

#[tokio::test]
async fn a_policy_that_bombs_the_parser_is_kept_out_and_the_gate_goes_on_with_the_old_one() {
    let stage = Stage::with(LENIENT).await;
    stage.write("policy.star", &format!("X = {}1{}\n", "(".repeat(100_000), ")".repeat(100_000)));
    stage.signal(nix::sys::signal::Signal::SIGHUP);
    let reloads = stage.until_recorded("config_reloaded", 1);
    assert_eq!(reloads[0]["detail"]["loaded"], false);
    let done = stage.submit("librarian", snapshot("tank/media", "x")).await.unwrap();
    assert_eq!(done.state, State::Succeeded);
}

const LOGIN: &str = r#"
about = "Logs in somewhere"
program = "/usr/bin/true"
sha256 = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
tier = "b"
arguments = ["--user", "{user}", "--", "{password}"]

[parameters]
type = "object"
additionalProperties = false
properties.user = { type = "string", maxLength = 40 }
properties.password = { type = "string", maxLength = 40 }
"#;

#[tokio::test]
async fn a_secret_reaches_neither_the_policy_nor_the_log() {
    let stage = Stage::with(
        "def evaluate(tool, args, context):\n    return deny(str([args, context[\"effects\"]]), rule = \"all\")\n",
    )
    .await;
    std::fs::create_dir(stage.path("tools")).unwrap();
    stage.write("tools/login.toml", LOGIN);
    let tools = format!("tools = {:?}\nlog =", stage.path("tools"));
    stage.write("gate.toml", &stage.read("gate.toml").replacen("log =", &tools, 1));
    let contract = "principal = \"librarian\"\nroles = [\"agent\"]\n\n[[allow]]\noperations = [\"tool.run\"]\n\
                    tools = [\"login\"]\nwhere = { \"/arguments/password\" = { prefix = \"hunter\" } }\n";
    stage.write("contracts/librarian.toml", contract);
    stage.reload();
    let login = json!({"kind": "tool", "op": "run", "resource": "login",
        "params": {"arguments": {"user": "ann", "password": "hunter22"}}});
    let digest = reeve::operation::Digest::of_bytes(b"hunter22").to_string();
    let refused = stage.submit("librarian", login).await.unwrap_err().decision.unwrap();
    assert_eq!(refused.rule, "all", "the contract is held against the value itself: {refused:?}");
    assert!(refused.reason.contains(&digest) && !refused.reason.contains("hunter22"), "{}", refused.reason);
    let args = json!({"password": "hunter22"}).as_object().unwrap().clone();
    let call = Call::Evaluate { tool: "login".to_owned(), args, context: serde_json::Map::new() };
    let Ok(Answer::Verdict { reason, .. }) = stage.call("librarian", call).await else { panic!() };
    assert!(reason.contains(&digest) && !reason.contains("hunter22"), "{reason}");
    let log = stage.read("log/audit.jsonl");
    assert!(!log.contains("hunter22"), "{log}");
    let decision = stage.records("decision").pop().unwrap();
    for place in ["/detail/request/params/arguments/password", "/detail/input/asked/args/arguments/password"]
    {
        assert_eq!(decision.pointer(place).unwrap(), &json!(digest), "{place}");
    }
    assert!(decision["detail"]["effects"].to_string().contains(&digest), "{decision}");
}
