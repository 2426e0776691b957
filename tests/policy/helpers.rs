//! What makes rules short, profiles, and what is said about a policy besides its decisions.

use reeve::policy::{MatchedIn, PolicyEngine, PolicyInput, PolicySource, Verdict};
use serde_json::{Value, json};

use super::{ask_with, engine, file, program, rejection, source};

/// 2026-11-20, a Friday, at noon.
const NOON: u64 = 1_795_176_000;

fn circumstances() -> Value {
    let hours: Vec<u64> = (1..=24).collect();
    json!({"agent_id": "librarian", "now": NOON, "recent": {"minute": 0, "hour": 1, "hours": hours}})
}

/// What the expression says of a destroy of `tank/media@old` by the librarian, Friday at noon; none when it fails.
async fn holds(expression: &str) -> Option<bool> {
    holds_in(expression, circumstances()).await
}

async fn holds_in(expression: &str, context: Value) -> Option<bool> {
    let text = format!(
        "def evaluate(tool, args, context):\n    return allow(\"yes\") if {expression} else deny(\"no\")\n"
    );
    let args = json!({"resource": "tank/media@old", "domain": "cdn.evil.example"});
    let decision = ask_with(&engine(&text).await, args, context).await;
    match decision.reason.as_str() {
        "yes" => Some(true),
        "no" => Some(false),
        _failed => None,
    }
}

#[tokio::test]
async fn helpers_say_where_when_how_often_and_of_which_names() {
    for (expression, says) in [
        ("under(\"tank/media\")", Some(true)),
        ("under(\"tank/med\")", Some(false)),
        ("under(\"tank/vm\", \"tank\")", Some(true)),
        ("under(\"tank/\")", None),
        ("matches(tool, \"zfs[.].*\")", Some(true)),
        ("matches(tool, \"zfs\")", Some(false)),
        ("matches(tool, \"(\" + \"\")", None),
        ("within_window(\"mon-fri 08:00-18:00\")", Some(true)),
        ("within_window(\"fri 12:00-12:01\")", Some(true)),
        ("within_window(\"sat,sun 00:00-24:00\")", Some(false)),
        ("within_window(\"22:00-06:00 +10:00\")", Some(true)),
        ("within_window(\"always\")", None),
        ("in_list(args[\"domain\"], [\"evil.example\"])", Some(true)),
        ("in_list(args[\"domain\"], [\"EVIL.example.\"])", Some(true)),
        ("in_list(\"notevil.example\", [\"evil.example\"])", Some(false)),
        ("in_list(\"bücher.example\", [\"xn--bcher-kva.example\"])", Some(true)),
        ("in_list(None, [\"evil.example\"])", Some(false)),
        ("in_list(\"a b\", [\"evil.example\"])", None),
        ("in_list(\"a.example\", [\"*.example\"])", None),
        ("recent(1)", Some(true)),
        ("recent(2)", Some(false)),
        ("recent(5, 5)", Some(true)),
        ("recent(6, hours = 5)", Some(false)),
        ("recent(24, 24)", Some(true)),
        ("recent(1, 25)", None),
        ("recent(1, 0)", None),
        ("recent(0)", None),
    ] {
        assert_eq!(holds(expression).await, says, "{expression}");
    }
}

#[tokio::test]
async fn a_helper_that_is_not_told_what_it_needs_refuses() {
    for expression in ["within_window(\"00:00-24:00\")", "recent(1)"] {
        assert_eq!(holds_in(expression, json!({})).await, None, "{expression}");
    }
    let bare = engine(
        "def evaluate(tool, args, context):\n    return allow() if under(\"tank\") else deny(\"no\")\n",
    )
    .await;
    let decision = ask_with(&bare, json!({}), json!({})).await;
    assert_eq!((decision.verdict, decision.rule.as_str()), (Verdict::Deny, "policy-error"));
}

#[tokio::test]
async fn helpers_have_nothing_to_say_while_a_file_loads() {
    let text = |call: &str| format!("X = {call}\ndef evaluate(tool, args, context):\n    return allow()\n");
    for call in ["recent(1)", "within_window(\"00:00-24:00\")", "under(\"tank\")"] {
        assert!(rejection(&text(call)).await.contains("here"), "{call}");
    }
}

const PROFILED: &str = "\
def evaluate(tool, args, context):
    if tool == \"zfs.purge\":
        return deny(\"never\")
    return allow(\"free\")

def careful(tool, args, context):
    if tool == \"zfs.destroy\":
        return review(\"the librarian is new\", approvals = 2)
    if tool == \"zfs.purge\":
        return allow(\"as if\")
    if tool == \"zfs.list\":
        return 1

PROFILES = {\"librarian\": careful}

example(\"zfs.destroy\", {}, {\"agent_id\": \"librarian\"}, expect = \"review\")
example(\"zfs.destroy\", {}, {\"agent_id\": \"keeper\"}, expect = \"allow\")
";

#[tokio::test]
async fn a_profile_tightens_what_the_policy_says_of_one_principal_and_loosens_nothing() {
    let engine = engine(PROFILED).await;
    assert_eq!(engine.report().profiles, ["librarian"]);
    let verdict = async |caller: &str, tool: &str| {
        let context = json!({"agent_id": caller});
        engine.decide(&PolicyInput { tool, args: json!({}), context }).await.verdict
    };
    assert_eq!(verdict("librarian", "zfs.destroy").await, Verdict::Review);
    assert_eq!(verdict("keeper", "zfs.destroy").await, Verdict::Allow);
    assert_eq!(verdict("librarianevil", "zfs.destroy").await, Verdict::Allow);
    assert_eq!(verdict("librarian", "zfs.snapshot").await, Verdict::Allow);
    assert_eq!(verdict("librarian", "zfs.purge").await, Verdict::Deny);
    assert_eq!(verdict("librarian", "zfs.list").await, Verdict::Deny);
    assert_eq!(verdict("keeper", "zfs.list").await, Verdict::Allow);
}

#[tokio::test]
async fn profiles_that_are_none_keep_a_policy_out() {
    for (written, complaint) in [
        ("[]", "PROFILES is list, not a dict"),
        ("{\"Librarian\": evaluate}", "no principal's name"),
        ("{1: evaluate}", "no principal's name"),
        ("{\"librarian\": \"review\"}", "not a function"),
    ] {
        let text =
            format!("def evaluate(tool, args, context):\n    return allow()\n\nPROFILES = {written}\n");
        let said = rejection(&text).await;
        assert!(said.contains(complaint) && said.contains("help: write PROFILES"), "{said}");
    }
}

#[tokio::test]
async fn an_explanation_names_every_rule_that_matched_in_order_with_its_place() {
    let text = "\
def evaluate(tool, args, context):
    unused = deny(\"made and not returned\")
    return [allow(\"a\"), review(\"b\"), {\"verdict\": \"review\", \"reason\": \"c\"}, deny(\"d\"), \"allow\"]

PROFILES = {\"librarian\": lambda tool, args, context: review(\"b\")}
";
    let engine = engine(text).await;
    let input = PolicyInput { tool: "x", args: json!({}), context: json!({"agent_id": "librarian"}) };
    let (decision, matched) = engine.explain(&input).await;
    assert_eq!((decision.verdict, decision.rule.as_str()), (Verdict::Deny, "d"));
    let shown: Vec<_> = matched
        .iter()
        .map(|rule| {
            let place = rule.stands.as_ref().and_then(|stands| stands.place.as_ref());
            (rule.within, rule.verdict, rule.reason.as_str(), place.map(|place| (place.line, place.column)))
        })
        .collect();
    assert_eq!(
        shown,
        [
            (MatchedIn::Policy, Verdict::Allow, "a", Some((3, 13))),
            (MatchedIn::Policy, Verdict::Review, "b", Some((3, 25))),
            (MatchedIn::Policy, Verdict::Review, "c", None),
            (MatchedIn::Policy, Verdict::Deny, "d", Some((3, 76))),
            (MatchedIn::Policy, Verdict::Allow, "", None),
            (MatchedIn::Profile, Verdict::Review, "b", Some((5, 54))),
        ]
    );
    assert_eq!(engine.decide(&input).await, decision);
}

#[tokio::test]
async fn rules_that_no_example_comes_to_and_functions_that_nothing_uses_are_reported() {
    let text = "\
load(\"more.star\", \"helped\")

def small(tool):
    return deny(\"small\")

def evaluate(tool, args, context):
    if tool == \"a\":
        return small(tool)
    if tool == \"b\":
        return review(\"b\")
    return helped(tool)

example(\"a\", expect = \"deny\")
example(\"c\", expect = \"allow\")
";
    let more =
        "def helped(tool):\n    return allow(\"helped\")\n\ndef forgotten(tool):\n    return deny(\"x\")\n";
    let policy = PolicySource::new(file("policy.star", text), vec![file("more.star", more)]);
    let report = PolicyEngine::check(&policy, &program()).await.unwrap();
    let first_lines = |problems: &[reeve::policy::Problem]| -> Vec<String> {
        problems.iter().map(|one| one.to_string().lines().next().unwrap().to_owned()).collect()
    };
    assert_eq!(report.rules, 4);
    assert_eq!(
        first_lines(&report.warnings),
        ["more.star:4:5: nothing uses forgotten: what it says never counts"]
    );
    assert_eq!(
        first_lines(&report.untried),
        ["policy.star:10:16: no example comes to this rule", "more.star:5:12: no example comes to this rule",]
    );
    assert_eq!(report.untried_count, 2);
}

#[tokio::test]
async fn a_call_that_cannot_succeed_keeps_a_policy_out_though_no_example_comes_to_it() {
    for call in
        ["allow(1)", "review((\"a\",))", "review(\"a\", aprovals = 2)", "deny()", "recent(\"1\")", "under()"]
    {
        let text = format!("def evaluate(tool, args, context):\n    if tool:\n        return {call}\n");
        let said = rejection(&text).await;
        assert!(said.starts_with("policy.star:3:"), "{call}: {said}");
    }
}

#[tokio::test]
async fn a_mistake_is_shown_with_what_would_put_it_right() {
    let unknown = rejection("def evaluate(tool, args, context):\n    return alow()\n").await;
    assert_eq!(
        unknown,
        "policy.star:2:12: Variable `alow` not found, did you mean `allow`?\n  2 |     return alow()\n    |            ^^^^\n    = help: write allow"
    );
    let top = rejection("if 1:\n    x = 1\n").await;
    assert!(top.ends_with("= help: put it into a function, and call that"), "{top}");
    let colon = rejection("def evaluate(tool, args, context)\n    return allow()\n").await;
    assert!(colon.ends_with("ends with a colon"), "{colon}");
    let wrong =
        "def evaluate(tool, args, context):\n    return deny(\"no\")\nexample(\"x\", expect = \"allow\")\n";
    let wrong = rejection(wrong).await;
    assert!(
        wrong.ends_with("= help: write expect = \"deny\" if that is right, or change the rule no"),
        "{wrong}"
    );
}

#[tokio::test]
async fn of_many_mistakes_the_first_are_told_and_the_rest_counted() {
    let mut text = "def evaluate(tool, args, context):\n    return deny(\"no\")\n".to_owned();
    text.push_str(&"example(\"x\", expect = \"allow\")\n".repeat(9_000));
    let said = rejection(&text).await;
    assert!(said.ends_with("policy.star: and 8950 more like these"), "{}", &said[said.len() - 200..]);
    assert_eq!(source(&text).revision(), source(&text).revision());
}

#[tokio::test]
async fn a_word_that_is_nearly_one_that_there_is_is_shown_since_what_compares_with_it_never_comes_true() {
    let text = "\
def evaluate(tool, args, context):
    if tool == \"zfs.destory\" or tool in [\"zfs.rollback\", \"zfs.promte\", \"pct.destroi\"]:
        return deny(\"never\")
    if context[\"efect\"] == \"destroy\" or context.get(\"role\") or \"schedule\" in context:
        return deny(\"never\")
    if tool == \"git.push\" or context.get(\"session\") or args.get(\"efect\") == \"zfs.destory\":
        return deny(\"not ours\")
    return allow(\"free\")
";
    let report = PolicyEngine::check(&source(text), &program()).await.unwrap();
    let shown: Vec<String> = report.warnings.iter().map(ToString::to_string).collect();
    let words: Vec<&str> = shown.iter().filter_map(|one| one.lines().next()).collect();
    assert_eq!(
        words,
        [
            "policy.star:2:16: there is no operation \"zfs.destory\": nothing is ever called so",
            "policy.star:2:72: there is no operation \"pct.destroi\": nothing is ever called so",
            "policy.star:4:16: context has no \"efect\"",
            "policy.star:4:53: context has no \"role\"",
            "policy.star:4:64: context has no \"schedule\"",
        ],
        "{shown:#?}"
    );
    assert!(shown[0].ends_with("= help: write \"zfs.destroy\""), "{}", shown[0]);
}
