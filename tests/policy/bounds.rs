//! How large a policy may be, and that it decides in time at that size.

use std::time::{Duration, Instant};

use reeve::policy::{PolicyEngine, PolicyError, PolicyInput, Verdict};
use serde_json::json;

use super::{SOON, file, program, source};
use reeve::policy::PolicySource;

const RULES: usize = 10_000;

async fn loaded(source: PolicySource) -> (PolicyEngine, Duration) {
    let begun = Instant::now();
    (PolicyEngine::start(source, program()).await.unwrap(), begun.elapsed())
}

/// What the engine says of these tools, each within the time that a decision has.
async fn decides(engine: &PolicyEngine, expected: &[(&str, Verdict, &str)]) {
    for (tool, verdict, reason) in expected {
        let input = PolicyInput { tool, args: json!({"resource": "tank/a9999/x"}), context: json!({}) };
        let begun = Instant::now();
        let decision = engine.decide(&input).await;
        assert_eq!((decision.verdict, decision.reason.as_str()), (*verdict, *reason), "{decision:?}");
        assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
    }
}

#[tokio::test]
async fn ten_thousand_rules_written_out_load_and_decide_in_time() {
    let rules: String = (0..RULES)
        .map(|number| format!("    if tool == \"tool{number}\":\n        return allow(\"rule {number}\")\n"))
        .collect();
    let text = format!("def evaluate(tool, args, context):\n{rules}    return deny(\"no rule\")\n");
    assert!(text.len() > 500_000);
    let (engine, _took) = loaded(source(&text)).await;
    assert_eq!(engine.report().rules, RULES + 1);
    assert_eq!((engine.report().untried_count, engine.report().untried.len()), (RULES + 1, 51));
    let expected = [
        ("tool0", Verdict::Allow, "rule 0"),
        ("tool9999", Verdict::Allow, "rule 9999"),
        ("other", Verdict::Deny, "no rule"),
    ];
    decides(&engine, &expected).await;
}

#[tokio::test]
async fn ten_thousand_rules_in_a_list_beside_a_whole_mebibyte_load_and_decide_in_time() {
    let rules: String =
        (0..RULES).map(|number| format!("    (\"tool{number}\", \"tank/a{number}\"),\n")).collect();
    let list = format!("RULES = [\n{rules}]\n");
    let main = "load(\"rules.star\", \"RULES\")\ndef evaluate(tool, args, context):\n    for tool_of, dataset in RULES:\n        \
                if tool == tool_of and under(dataset):\n            return allow(\"listed\")\n    return deny(\"no rule\")\n";
    let padding = |room: usize| format!("# {}\n", "x".repeat(room - 3));
    let names = "policy.star".len() + "rules.star".len();
    let rest = (1 << 20) - main.len() - list.len() - names;
    let whole = PolicySource::new(
        file("policy.star", main),
        vec![file("rules.star", &(list.clone() + &padding(rest)))],
    );
    let (engine, _took) = loaded(whole).await;
    let expected = [("tool9999", Verdict::Allow, "listed"), ("tool1", Verdict::Deny, "no rule")];
    decides(&engine, &expected).await;
    let more =
        PolicySource::new(file("policy.star", main), vec![file("rules.star", &(list + &padding(rest + 1)))]);
    assert!(matches!(engine.reload(more).await, Err(PolicyError::TooLarge)));
    decides(&engine, &expected).await;
}

#[tokio::test]
async fn a_mistake_in_a_line_of_a_mebibyte_is_still_shown() {
    let text = format!("X = \"{}\" + nothing_such\n", "x".repeat(900_000));
    let Err(PolicyError::Rejected(problems)) = PolicyEngine::start(source(&text), program()).await else {
        panic!("it is not refused as a mistake");
    };
    let shown = problems.first().unwrap().to_string();
    assert!(shown.contains("nothing_such") && shown.len() < 2_000, "{}", shown.len());
}
