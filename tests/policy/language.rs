//! What policies say, and what keeps one out.

use std::path::Path;
use std::time::Duration;

use reeve::policy::{
    PolicyDecision, PolicyEngine, PolicyError, PolicySource, ReviewTerms, Timing, Verdict, Window,
};
use serde_json::json;

use super::{ask, ask_with, engine, file, program, rejection, returning, source};

#[tokio::test]
async fn each_form_of_a_verdict_is_understood() {
    let half_hour = || Some(ReviewTerms::default());
    let terms = |approvals, group: Option<&str>, minutes: u64| {
        Some(
            ReviewTerms::new(approvals, group.map(str::to_owned), Duration::from_secs(60 * minutes)).unwrap(),
        )
    };
    let both_at_night = || {
        let window = Window::try_from("02:00-04:00".to_owned()).unwrap();
        let timing = Timing::new(Duration::from_secs(600), Some(window)).unwrap();
        let groups = [("storage".to_owned(), 1), ("owners".to_owned(), 1)].into();
        Some(ReviewTerms::of_groups(1, groups, ReviewTerms::DEFAULT_TTL).unwrap().at(timing))
    };
    for (expression, verdict, rule, reason, terms) in [
        ("\"allow\"", Verdict::Allow, "policy", "", None),
        ("\"deny\"", Verdict::Deny, "policy", "", None),
        ("\"review\"", Verdict::Review, "policy", "", half_hour()),
        ("allow()", Verdict::Allow, "policy", "", None),
        ("allow(\"Reads are free!\")", Verdict::Allow, "reads-are-free", "Reads are free!", None),
        ("deny(\"no\", rule = \"never-ever\")", Verdict::Deny, "never-ever", "no", None),
        ("review(\"a person\")", Verdict::Review, "a-person", "a person", half_hour()),
        (
            "review(\"two\", approvals = 2, group = \"storage\", ttl = \"4h\")",
            Verdict::Review,
            "two",
            "two",
            terms(2, Some("storage"), 240),
        ),
        ("review(\"🔥 ja\")", Verdict::Review, "ja", "🔥 ja", half_hour()),
        ("review(\"🔥\")", Verdict::Review, "policy", "🔥", half_hour()),
        ("review(None)", Verdict::Review, "policy", "", half_hour()),
        ("{\"verdict\": \"review\", \"reason\": None}", Verdict::Review, "policy", "", half_hour()),
        (
            "{\"verdict\": \"review\", \"approvals\": 3, \"ttl\": \"1m\"}",
            Verdict::Review,
            "policy",
            "",
            terms(3, None, 1),
        ),
        ("{\"verdict\": \"deny\", \"reason\": \"x\", \"rule\": \"r-1\"}", Verdict::Deny, "r-1", "x", None),
        (
            "review(\"both\", groups = {\"storage\": 1, \"owners\": 1}, hold = \"10m\", window = \"02:00-04:00\")",
            Verdict::Review,
            "both",
            "both",
            both_at_night(),
        ),
        (
            "[review(\"both\", group = \"storage\", hold = \"10m\"), review(\"x\", group = \"owners\", window = \"02:00-04:00\")]",
            Verdict::Review,
            "both",
            "both",
            both_at_night(),
        ),
        ("[allow(\"a\"), deny(\"b\"), review(\"c\")]", Verdict::Deny, "b", "b", None),
        ("[allow(\"a\"), \"review\"]", Verdict::Review, "policy", "", half_hour()),
        ("[]", Verdict::Deny, "no-rule", "no rule matched", None),
    ] {
        let engine = returning(expression).await;
        let expected = PolicyDecision {
            verdict,
            rule: rule.to_owned(),
            reason: reason.to_owned(),
            terms,
            keep: None,
            contract: None,
            revision: engine.revision(),
        };
        assert_eq!(ask(&engine, "x").await, expected, "{expression}");
    }
}

#[tokio::test]
async fn reversible_first_keeps_the_verdict_and_says_for_how_long() {
    let (day, week) = (24 * 3600, 7 * 24 * 3600);
    for (expression, verdict, reason, keep) in [
        ("reversible_first(allow(\"a\"))", Verdict::Allow, "a", week),
        ("reversible_first(\"allow\", keep = \"1day\")", Verdict::Allow, "", day),
        ("reversible_first(review(\"r\", ttl = \"5m\"), keep = \"1h\")", Verdict::Review, "r", 3600),
        ("{\"verdict\": \"allow\", \"keep\": \"2days\"}", Verdict::Allow, "", 2 * day),
        ("[reversible_first(allow(\"a\")), review(\"r\")]", Verdict::Review, "r", week),
        (
            "[reversible_first(\"allow\", keep = \"1h\"), reversible_first(\"allow\", keep = \"2h\")]",
            Verdict::Allow,
            "",
            7200,
        ),
    ] {
        let ruled = ask(&returning(expression).await, "x").await;
        assert_eq!((ruled.verdict, ruled.reason.as_str()), (verdict, reason), "{expression}");
        assert_eq!(ruled.keep.map(u64::from), Some(keep), "{expression}");
    }
    for wrong in [
        "reversible_first(deny(\"x\"))",
        "reversible_first(1)",
        "reversible_first(\"allow\", keep = \"59m\")",
        "reversible_first(\"allow\", keep = \"2years\")",
        "reversible_first(\"allow\", keep = \"soon\")",
        "{\"verdict\": \"deny\", \"keep\": \"7d\"}",
        "{\"verdict\": \"allow\", \"keep\": 7}",
    ] {
        let ruled = ask(&returning(wrong).await, "x").await;
        assert_eq!((ruled.verdict, ruled.rule.as_str()), (Verdict::Deny, "policy-error"), "{wrong}");
    }
}

#[tokio::test]
async fn whatever_is_no_verdict_beyond_doubt_is_a_refusal_by_policy_error() {
    for expression in [
        "None",
        "True",
        "1",
        "(\"allow\", \"x\")",
        "\"Allow\"",
        "\"allow \"",
        "\"yes\"",
        "\"\"",
        "{}",
        "{\"verdict\": \"ALLOW\"}",
        "{\"verdict\": None}",
        "{\"reason\": \"x\"}",
        "{\"verdict\": \"allow\", \"reason\": 1}",
        "{\"verdict\": \"review\", \"approval\": 2}",
        "{\"verdict\": \"review\", \"approvals\": \"2\"}",
        "{\"verdict\": \"review\", \"approvals\": 0}",
        "{\"verdict\": \"allow\", \"approvals\": 2}",
        "{\"verdict\": \"allow\", 1: 2}",
        "[None]",
        "[\"allow\", None]",
        "[[\"allow\"]]",
        "allow",
        "review(\"a\", approvals = 0)",
        "review(\"a\", approvals = 17)",
        "review(\"a\", approvals = -1)",
        "review(\"a\", approvals = 1000000000000)",
        "review(\"a\", ttl = \"10s\")",
        "review(\"a\", ttl = \"25h\")",
        "review(\"a\", ttl = \"soon\")",
        "review(\"a\", group = \"Storage People\")",
        "review(\"a\", group = \"a\", groups = {\"b\": 1})",
        "review(\"a\", groups = {\"b\": 0})",
        "review(\"a\", groups = [\"b\"])",
        "review(\"a\", groups = {\"b\": \"one\"})",
        "review(\"a\", hold = \"25h\")",
        "review(\"a\", window = \"02:00\")",
        "review(\"a\", window = \"02:00-02:00\")",
        "{\"verdict\": \"allow\", \"hold\": \"1m\"}",
        "allow(\"x\", rule = \"Not A Name\")",
        "context[\"nothing\"]",
        "fail(\"x\")",
        "under(\"tank/a\", \"tank/\")",
    ] {
        // Written so that nothing can be computed while the policy loads.
        let text = format!("def evaluate(tool, args, context):\n    if tool:\n        return {expression}\n");
        let decision = match PolicyEngine::start(source(&text), program()).await {
            Ok(engine) => ask(&engine, "x").await,
            Err(error) => panic!("{expression}: {error}"),
        };
        assert_eq!(
            (decision.verdict, decision.rule.as_str()),
            (Verdict::Deny, "policy-error"),
            "{expression}"
        );
    }
}

#[tokio::test]
async fn a_policy_that_returns_nothing_refuses() {
    let engine = engine("def evaluate(tool, args, context):\n    pass\n").await;
    let decision = ask(&engine, "x").await;
    assert_eq!((decision.verdict, decision.rule.as_str()), (Verdict::Deny, "policy-error"));
}

#[tokio::test]
async fn an_error_tells_the_caller_nothing_of_the_policys_text() {
    let engine = engine("def evaluate(tool, args, context):\n    return context[\"secret name\"]\n").await;
    assert_eq!(ask(&engine, "x").await.reason, "the policy failed on this (line 2)");
}

#[tokio::test]
async fn two_agents_are_decided_by_who_they_are() {
    let engine = engine(
        "def evaluate(tool, args, context):\n    \
         if context[\"agent_id\"] == \"librarian\" and under(args[\"resource\"], \"tank/media\"):\n        \
         return allow(\"hers\")\n    return deny(\"not yours\")\n",
    )
    .await;
    let verdict = async |agent: &str, resource: &str| {
        ask_with(&engine, json!({"resource": resource}), json!({"agent_id": agent})).await.verdict
    };
    assert_eq!(verdict("librarian", "tank/media/a@x").await, Verdict::Allow);
    assert_eq!(verdict("keeper", "tank/media/a@x").await, Verdict::Deny);
    assert_eq!(verdict("librarianevil", "tank/media/a@x").await, Verdict::Deny);
    assert_eq!(verdict("librarian", "tank/media-evil").await, Verdict::Deny);
}

#[tokio::test]
async fn a_syntax_error_keeps_a_policy_out_and_is_shown_in_its_line() {
    assert_eq!(
        rejection("def evaluate(tool, args, context)\n    return allow()\n").await,
        "policy.star:1:34: Parse error: unexpected new line, expected symbol ':'\n  \
         1 | def evaluate(tool, args, context)\n    |                                  ^\n    \
         = help: a line that begins def, if, elif, else or for ends with a colon"
    );
    let unknown = rejection("def evaluate(tool, args, context):\n    return alow()\n").await;
    assert!(
        unknown.starts_with("policy.star:2:12: Variable `alow` not found, did you mean `allow`?"),
        "{unknown}"
    );
    assert!(rejection("x = 1\n").await.contains("has no function evaluate"));
    assert!(rejection("evaluate = 1\n").await.contains("evaluate is no function"));
}

#[tokio::test]
async fn an_example_that_does_not_come_true_keeps_a_policy_out_and_says_what_came_out() {
    let policy = "def evaluate(tool, args, context):\n    if context[\"effect\"] == \"destroy\":\n        \
                  return deny(\"never\")\n    return allow()\n";
    let example = |context: &str, expect: &str| {
        format!("{policy}example(\"zfs.x\", {{}}, {context}, expect = \"{expect}\")\n")
    };
    assert_eq!(
        rejection(&example("{\"effect\": \"destroy\"}", "review")).await.lines().next(),
        Some("policy.star:5:1: this example expects review, and what came out is deny (\"never\")")
    );
    // An error is no `deny` that was meant.
    assert_eq!(
        rejection(&example("{}", "deny")).await.lines().next(),
        Some(
            "policy.star:5:1: this example expects deny, and what came out is an error at line 2: Key `\"effect\"` was not found"
        )
    );
    assert!(rejection(&example("{}", "Deny")).await.contains("expect is \"allow\", \"review\" or \"deny\""));
    let fine = engine(&example("{\"effect\": \"destroy\"}", "deny")).await;
    assert_eq!(fine.report().examples, 1);
}

#[tokio::test]
async fn files_beside_the_policy_can_be_loaded_and_nothing_else() {
    let main =
        "load(\"zfs.star\", \"decide\")\ndef evaluate(tool, args, context):\n    return decide(tool)\n";
    let zfs = file("zfs.star", "def decide(tool):\n    return allow(\"loaded\")\n");
    let both = PolicySource::new(file("policy.star", main), vec![zfs.clone()]);
    let engine = PolicyEngine::start(both, program()).await.unwrap();
    assert_eq!(ask(&engine, "x").await.reason, "loaded");

    let missing = rejection(main).await;
    assert!(missing.starts_with("policy.star:1:6: no file \"zfs.star\" beside the policy"), "{missing}");
    for outside in ["../zfs.star", "/etc/reeve/zfs.star", "sub/zfs.star", "file:///zfs.star", "."] {
        let text = main.replace("zfs.star", outside);
        let hidden = PolicySource::new(file("policy.star", &text), vec![file(outside, &zfs.text)]);
        let error = PolicyEngine::start(hidden, program()).await.unwrap_err().to_string();
        assert!(error.contains("beside the policy"), "{outside}: {error}");
    }
    let circle =
        PolicySource::new(file("policy.star", main), vec![file("zfs.star", "load(\"zfs.star\", \"x\")\n")]);
    let error = PolicyEngine::start(circle, program()).await.unwrap_err().to_string();
    assert!(error.starts_with("zfs.star:1:6: zfs.star loads itself"), "{error}");
    let broken = PolicySource::new(file("policy.star", main), vec![file("zfs.star", "def decide(:\n")]);
    let error = PolicyEngine::start(broken, program()).await.unwrap_err().to_string();
    assert!(error.starts_with("zfs.star:1:12: "), "{error}");
}

#[tokio::test]
async fn a_policy_has_no_clock_no_randomness_and_no_files() {
    for name in ["time", "now", "random", "open", "os", "breakpoint", "print", "debug"] {
        let found = rejection(&format!("x = {name}\ndef evaluate(tool, args, context):\n    pass\n")).await;
        assert!(found.contains(&format!("Variable `{name}` not found")), "{found}");
    }
}

#[tokio::test]
async fn checking_says_what_is_wrong_without_deciding_and_what_looks_wrong() {
    let text = "def evaluate(tool, args, context):\n    if tool:\n        return allow()\n";
    let report = PolicyEngine::check(&source(text), &program()).await.unwrap();
    let warnings: Vec<_> = report
        .warnings
        .iter()
        .filter_map(|warning| warning.to_string().lines().next().map(str::to_owned))
        .collect();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(["full", "partial", "absent"].contains(&report.landlock.as_str()));
    assert!(matches!(PolicyEngine::check(&source("x"), &program()).await, Err(PolicyError::Rejected(_))));
}

#[tokio::test]
async fn the_documented_policy_loads_and_decides_as_documented() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/examples/policy.star");
    let text = std::fs::read_to_string(path).unwrap();
    let engine = engine(&text).await;
    let report = engine.report();
    assert_eq!((report.examples, report.warnings), (5, vec![]));
    let context = json!({"agent_id": "librarian", "effect": "destroy", "reversible": false});
    let decision = ask_with(&engine, json!({"resource": "tank/media/family@2020"}), context).await;
    let terms = ReviewTerms::new(2, Some("storage".to_owned()), Duration::from_secs(30 * 60)).unwrap();
    assert_eq!((decision.verdict, decision.terms), (Verdict::Review, Some(terms)));
}

#[test]
fn the_documented_contract_loads() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/examples/contracts/librarian.toml");
    let text = std::fs::read_to_string(path).unwrap();
    let contract = reeve::policy::Contract::parse("librarian.toml", &text).unwrap();
    assert_eq!(contract.principal().as_str(), "librarian");
    assert!(contract.has("zfs.destroy") && !contract.has("zfs.purge"));
}
