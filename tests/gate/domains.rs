//! Hosts in arguments: what contracts, lists and rules say of them, at the gate.

use std::time::Duration;

use reeve::gate::protocol::{Answer, Call};
use serde_json::{Map, Value, json};

use crate::stage::{Stage, engine};

/// Written as policies for other gateways are: words and dicts.
const POLICY: &str = r#"
def evaluate(tool, args, context):
    if tool == "tell":
        return deny(json.encode([context["domain"], context["domains"], context["domain_lists"], context["agent_allowed_domains"], context["agent_denied_domains"]]))
    if context["domain"] in context["domain_lists"]["malware"]:
        return {"verdict": "deny", "reason": "malware"}
    if context["domain"] == "intranet.example":
        return "review"
    return "allow"
"#;

async fn ask(stage: &Stage, caller: &str, tool: &str, args: Value) -> (String, String) {
    with(stage, caller, tool, args, Map::new()).await
}

async fn with(
    stage: &Stage,
    caller: &str,
    tool: &str,
    args: Value,
    context: Map<String, Value>,
) -> (String, String) {
    let args = args.as_object().unwrap().clone();
    let call = Call::Evaluate { tool: tool.to_owned(), args, context };
    let Answer::Verdict { verdict, reason } = stage.call(caller, call).await.unwrap() else { panic!() };
    (verdict, reason)
}

async fn verdict(stage: &Stage, caller: &str, args: Value) -> String {
    ask(stage, caller, "http.get", args).await.0
}

/// A gate with a list of one name, and a librarian who may not name one host.
async fn stage() -> Stage {
    let mut stage = Stage::with(POLICY).await;
    let lists =
        format!("[[list]]\nname = \"malware\"\nfile = {:?}\nrefresh = \"1m\"\n", stage.path("malware.txt"));
    stage.write("malware.txt", "evil.example\nno name at all\n");
    stage.write("lists.toml", &lists);
    let contract = stage.read("contracts/librarian.toml");
    let contract = contract.replacen("roles", "denied_domains = [\"tracker.example\"]\nroles", 1);
    stage.write("contracts/librarian.toml", &contract);
    let contract = stage.read("contracts/archivist.toml");
    let contract =
        contract.replacen("roles", "allowed_domains = [\"=archive.example\", \"*.books.example\"]\nroles", 1);
    stage.write("contracts/archivist.toml", &contract);
    let config = format!("lists = {:?}\n{}", stage.path("lists.toml"), stage.read("gate.toml"));
    stage.write("gate.toml", &config);
    stage.crash().await;
    stage
}

#[tokio::test]
async fn a_policy_of_words_and_dicts_decides_about_every_host_that_the_arguments_name() {
    let stage = stage().await;
    for (args, wanted) in [
        (json!({"url": "https://good.example/"}), "allow"),
        (json!({"url": "https://sub.EVIL.example./"}), "deny"),
        (json!({"url": "https://good.example@evil.example/"}), "deny"),
        (json!({"text": ["https://good.example", {"deep": "see http://evil%2eexample/x"}]}), "deny"),
        (json!({"text": "https://good.example https://intranet.example"}), "review"),
        (json!({"text": "https://intranet.example https://evil.example"}), "deny"),
        (json!({"nothing": "at all"}), "allow"),
    ] {
        assert_eq!(verdict(&stage, "librarian", args.clone()).await, wanted, "{args}");
    }
    assert_eq!(ask(&stage, "librarian", "x", json!({"a": "http://evil.example"})).await.1, "malware");
    let many: Vec<String> = (0..65).map(|number| format!("https://n{number}.example")).collect();
    assert_eq!(verdict(&stage, "librarian", json!({"urls": many})).await, "deny");
    let recorded = stage.records("evaluation");
    assert_eq!(recorded[1]["detail"]["domains"], json!(["sub.evil.example"]));
}

#[tokio::test]
async fn an_agents_allowed_and_denied_domains_hold_whatever_the_policy_says_and_each_has_its_own() {
    let stage = stage().await;
    let url = |host: &str| json!({"deep": [{"text": format!("see https://{host}/x")}]});
    for (caller, host, wanted) in [
        ("librarian", "a.tracker.example", "deny"),
        ("librarian", "archive.example", "allow"),
        ("archivist", "tracker.example", "deny"),
        ("archivist", "archive.example", "allow"),
        ("archivist", "old.archive.example", "deny"),
        ("archivist", "new.books.example", "allow"),
        ("archivist", "books.example", "deny"),
        ("archivist", "1.2.3.4.5", "deny"),
    ] {
        assert_eq!(verdict(&stage, caller, url(host)).await, wanted, "{caller} {host}");
    }
    let (_, told) = ask(&stage, "archivist", "tell", json!({"url": "https://archive.example"})).await;
    let wanted = json!(["archive.example", ["archive.example"], {"malware": []}, ["=archive.example", "*.books.example"], []]);
    assert_eq!(serde_json::from_str::<Value>(&told).unwrap(), wanted);
}

#[tokio::test]
async fn a_host_that_the_caller_names_in_the_context_is_one_more_and_takes_none_away() {
    let stage = stage().await;
    let context = json!({"domain": "good.example", "domain_lists": {"malware": []}, "domains": []});
    let context = context.as_object().unwrap().clone();
    let (verdict, _) = with(&stage, "librarian", "x", json!({"url": "https://evil.example"}), context).await;
    assert_eq!(verdict, "deny");
    let context = json!({"domain": "evil.example"}).as_object().unwrap().clone();
    assert_eq!(with(&stage, "librarian", "x", json!({}), context).await.0, "deny");
}

#[tokio::test]
async fn a_list_that_fails_keeps_its_last_good_state_over_a_restart_and_people_who_watch_are_told() {
    let mut stage = stage().await;
    assert_eq!(stage.records("domain_list")[0]["detail"]["skipped_lines"], 1);
    stage.write("malware.txt", "");
    stage.crash().await;
    assert_eq!(verdict(&stage, "librarian", json!({"url": "https://evil.example"})).await, "deny");
    let Answer::Text(metrics) = stage.call("operator", Call::Metrics).await.unwrap() else { panic!() };
    for line in
        ["reeve_domain_list_good{list=\"malware\"} 0", "reeve_domain_list_entries{list=\"malware\"} 1"]
    {
        assert!(metrics.contains(line), "{line}: {metrics}");
    }
    stage.write("malware.txt", "other.example\n");
    stage.reload();
    tokio::time::sleep(Duration::from_millis(200)).await;
    stage.crash().await;
    assert_eq!(verdict(&stage, "librarian", json!({"url": "https://evil.example"})).await, "allow");
    assert_eq!(verdict(&stage, "librarian", json!({"url": "https://other.example"})).await, "deny");
}

#[tokio::test]
async fn a_rule_about_a_list_that_there_never_was_denies() {
    let mut stage = stage().await;
    std::fs::remove_dir_all(stage.path("state/lists")).unwrap();
    stage.write("malware.txt", "");
    stage.crash().await;
    assert_eq!(verdict(&stage, "librarian", json!({"url": "https://good.example"})).await, "deny");
}

#[tokio::test]
async fn a_host_that_is_written_to_look_like_an_allowed_one_is_the_one_that_would_be_reached() {
    let stage = stage().await;
    for text in [
        "https://archive.example@evil.example/",
        "https:\\\\evil.example\\@archive.example/",
        "https://archive.example%2eevil.example/",
        "https://archive.example\t.evil.example/",
        "https://archive.example:443@evil.example:443/https://archive.example/",
        "https://\u{430}rchive.example/",
        "http://2130706433/",
        "http://[::ffff:7f00:1]/",
    ] {
        for args in [json!({"url": text}), json!({"deep": [{"all": [text, "https://archive.example/"]}]})] {
            assert_eq!(verdict(&stage, "archivist", args).await, "deny", "{text}");
        }
    }
    assert_eq!(verdict(&stage, "archivist", json!({"url": "https://archive.example/"})).await, "allow");
}

#[tokio::test]
async fn what_another_gateway_asked_is_in_its_record_and_decides_the_same_again() {
    let stage = stage().await;
    let context =
        json!({"session_token": "hunter22", "task": "sign in with hunter22", "agent_id": "archivist"});
    let args = json!({"password": "hunter22", "depth": 3,
        "urls": ["https://good.example/?p=hunter22", "https://intranet.example"]});
    let (verdict, _) =
        with(&stage, "librarian", "http.get", args, context.as_object().unwrap().clone()).await;
    assert_eq!(verdict, "review");
    assert!(!stage.read("log/audit.jsonl").contains("hunter22"), "secrets by their digests");
    let record = stage.records("evaluation").pop().unwrap();
    let input: reeve::policy::Input = serde_json::from_value(record["detail"]["input"].clone()).unwrap();
    assert_eq!(
        (input.hosts.join(" ").as_str(), input.verdict.as_str()),
        ("good.example intranet.example", "review")
    );
    assert_eq!(input.asked.context["agent_id"], "librarian");
    let contract = reeve::operation::Digest::of_bytes(stage.read("contracts/librarian.toml").as_bytes());
    assert_eq!(record["detail"]["contract"], contract.as_str());
    assert_eq!(input.asked.args["depth"], 3);
    let again = input.again_by(&engine(POLICY).await).await;
    assert_eq!((again.verdict, again.rule), (input.verdict, input.rule.clone()));
    let other = POLICY.replace("intranet.example", "good.example");
    assert_eq!(
        input.again_by(&engine(&other).await).await.verdict.as_str(),
        "review",
        "each host is asked about"
    );
    let none = POLICY.replace("intranet.example", "elsewhere.example");
    assert_eq!(input.again_by(&engine(&none).await).await.verdict.as_str(), "allow");
    // What the contract refuses, the policy is not asked, now or later.
    ask(&stage, "librarian", "x", json!({"url": "https://tracker.example"})).await;
    assert_eq!(stage.records("evaluation").pop().unwrap()["detail"].get("input"), None);
}

#[tokio::test]
async fn arguments_that_the_log_has_no_form_for_are_decided_about_and_known_by_their_digest() {
    let stage = stage().await;
    let deep = (0..40).fold(json!("x"), |inner, _| json!([inner]));
    for args in [json!({"temperature": 0.7}), json!({"deep": deep})] {
        assert_eq!(verdict(&stage, "librarian", args.clone()).await, "allow", "{args}");
        let detail = &stage.records("evaluation").pop().unwrap()["detail"];
        assert!(detail.get("input").is_none() && detail["input_digest"].is_string(), "{detail}");
    }
}
