//! The policy engine with its real worker process: what policies say, what they cannot do, and what hostile ones achieve.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use reeve::policy::{
    PolicyDecision, PolicyEngine, PolicyError, PolicyInput, PolicySource, ReviewTerms, SourceFile, Verdict,
    WorkerProgram,
};
use serde_json::{Value, json};

/// The deadline of a decision, and time for a busy host besides.
const SOON: Duration = Duration::from_secs(4);

fn program() -> WorkerProgram {
    WorkerProgram { path: env!("CARGO_BIN_EXE_reeve-gate").into(), args: vec!["__policy-worker".into()] }
}

fn file(name: &str, text: &str) -> SourceFile {
    SourceFile { name: name.to_owned(), text: text.to_owned() }
}

fn source(text: &str) -> PolicySource {
    PolicySource::new(file("policy.star", text), Vec::new())
}

async fn engine(text: &str) -> PolicyEngine {
    PolicyEngine::start(source(text), program()).await.unwrap()
}

/// An engine whose policy returns this expression.
async fn returning(expression: &str) -> PolicyEngine {
    engine(&format!("def evaluate(tool, args, context):\n    return {expression}\n")).await
}

/// An engine whose policy does this when the tool is `bomb`, and allows otherwise.
async fn with_bomb(body: &str) -> PolicyEngine {
    let body: String = body.lines().map(|line| format!("        {line}\n")).collect();
    engine(&format!(
        "def evaluate(tool, args, context):\n    if tool == \"bomb\":\n{body}    return allow(\"honest\")\n"
    ))
    .await
}

async fn ask(engine: &PolicyEngine, tool: &str) -> PolicyDecision {
    engine.decide(&PolicyInput { tool, args: json!({}), context: json!({}) }).await
}

async fn ask_with(engine: &PolicyEngine, args: Value, context: Value) -> PolicyDecision {
    engine.decide(&PolicyInput { tool: "zfs.destroy", args, context }).await
}

async fn rejection(text: &str) -> String {
    match PolicyEngine::start(source(text), program()).await {
        Err(PolicyError::Rejected(problems)) => {
            problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
        }
        other => panic!("{other:?}"),
    }
}

fn is_honest(decision: &PolicyDecision) -> bool {
    (decision.verdict, decision.reason.as_str()) == (Verdict::Allow, "honest")
}

#[tokio::test]
async fn each_form_of_a_verdict_is_understood() {
    let half_hour = || Some(ReviewTerms::default());
    let terms = |approvals, group: Option<&str>, minutes: u64| {
        Some(
            ReviewTerms::new(approvals, group.map(str::to_owned), Duration::from_secs(60 * minutes)).unwrap(),
        )
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
            revision: engine.revision(),
        };
        assert_eq!(ask(&engine, "x").await, expected, "{expression}");
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
        "allow(1)",
        "review((\"a\",))",
        "review(\"a\", approvals = 0)",
        "review(\"a\", approvals = 17)",
        "review(\"a\", approvals = -1)",
        "review(\"a\", approvals = 1000000000000)",
        "review(\"a\", ttl = \"10s\")",
        "review(\"a\", ttl = \"25h\")",
        "review(\"a\", ttl = \"soon\")",
        "review(\"a\", group = \"Storage People\")",
        "review(\"a\", aprovals = 2)",
        "deny()",
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
         1 | def evaluate(tool, args, context)\n    |                                  ^"
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
async fn a_policy_that_exhausts_time_or_memory_is_refused_in_time_and_the_next_is_decided() {
    for body in [
        "for i in range(1000000000):\n    pass",
        "for i in range(1000000000):\n    for j in range(1000000000):\n        pass",
        "x = \"a\" * args.get(\"n\", 1000000000)",
        "x = [0] * args.get(\"n\", 1000000000)",
        "x = [0]\nfor i in range(40):\n    x = x + x",
        "x = \"a\"\nfor i in range(40):\n    x = \"%s%s\" % (x, x)",
        "x = max(range(args.get(\"n\", 2000000000)))",
        "x = sorted(range(args.get(\"n\", 1000000000)))",
        "a = \"a\" * args.get(\"n\", 100000)\nx = a.replace(\"a\", a)",
        "x = 3\nfor i in range(40):\n    x = x * x",
        "x = []\nfor i in range(90000):\n    x = [x]\nreturn allow(json.encode(x))",
        "return evaluate(tool, args, context)",
    ] {
        let engine = with_bomb(body).await;
        let begun = Instant::now();
        let decision = ask(&engine, "bomb").await;
        let took = begun.elapsed();
        assert_eq!(decision.verdict, Verdict::Deny, "{body}");
        assert!(
            ["policy-error", "policy-timeout", "policy-worker-died"].contains(&decision.rule.as_str()),
            "{body}: {decision:?}"
        );
        assert!(took < SOON, "{body}: {took:?}");
        assert!(is_honest(&ask(&engine, "x").await), "{body}");
    }
}

#[tokio::test]
async fn a_policy_that_is_hostile_while_it_loads_is_kept_out_and_the_old_one_stays() {
    let engine = with_bomb("pass").await;
    let honest = engine.revision();
    let nested = |open: &str, close: &str| format!("X = {}1{}\n", open.repeat(50_000), close.repeat(50_000));
    for top in [
        nested("(", ")"),
        nested("[", "]"),
        nested("not ", ""),
        format!("X = 1{}\n", "+1".repeat(50_000)),
        "X = \"a\" * 1000000000\n".to_owned(),
        "X = [0] * 1000000000\n".to_owned(),
        "X = sorted(range(1000000000))\n".to_owned(),
        "def f():\n    return max(range(2000000000))\n".to_owned(),
        "X = max(range(2000000000))\n".to_owned(),
    ] {
        let text = format!("{top}def evaluate(tool, args, context):\n    return allow()\n");
        let begun = Instant::now();
        let error = engine.reload(source(&text)).await.unwrap_err();
        let head: String = top.chars().take(40).collect();
        assert!(
            matches!(error, PolicyError::Died | PolicyError::Slow(_) | PolicyError::Rejected(_)),
            "{head}: {error:?}"
        );
        assert!(begun.elapsed() < SOON + Duration::from_secs(5), "{head}: {:?}", begun.elapsed());
        assert_eq!(engine.revision(), honest);
        assert!(is_honest(&ask(&engine, "x").await), "{head}");
    }
    let large = format!("X = \"{}\"\n", "x".repeat(1 << 20));
    assert!(matches!(engine.reload(source(&large)).await, Err(PolicyError::TooLarge)));
}

#[tokio::test]
async fn a_reload_decides_by_the_new_policy_and_a_broken_one_changes_nothing() {
    let engine = returning("allow(\"old\")").await;
    let old = ask(&engine, "x").await;
    assert!(engine.reload(source("def evaluate(:\n")).await.is_err());
    assert_eq!(ask(&engine, "x").await, old);
    let new = source("def evaluate(tool, args, context):\n    return deny(\"new\")\n");
    engine.reload(new.clone()).await.unwrap();
    let decision = ask(&engine, "x").await;
    assert_eq!((decision.reason.as_str(), &decision.revision), ("new", &new.revision()));
    assert_eq!(engine.revision(), new.revision());
    assert_ne!(old.revision, new.revision());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bomb_among_honest_questions_is_refused_alone() {
    for body in ["x = max(range(args.get(\"n\", 2000000000)))", "x = [0] * args.get(\"n\", 1000000000)"] {
        let engine = Arc::new(with_bomb(body).await);
        let asked: Vec<_> = (0..21)
            .map(|number| {
                let engine = engine.clone();
                tokio::spawn(async move { ask(&engine, if number == 7 { "bomb" } else { "x" }).await })
            })
            .collect();
        for (number, answer) in asked.into_iter().enumerate() {
            let decision = answer.await.unwrap();
            assert_eq!(is_honest(&decision), number != 7, "{number}: {decision:?}");
        }
    }
}

/// The policy workers that this process has started.
fn workers() -> Vec<u32> {
    let mut found = Vec::new();
    for thread in std::fs::read_dir("/proc/self/task").unwrap() {
        let children = std::fs::read_to_string(thread.unwrap().path().join("children")).unwrap_or_default();
        found.extend(children.split_whitespace().filter_map(|pid| pid.parse::<u32>().ok()));
    }
    found
}

/// A worker whose policy has this in its text is found by nothing but being the youngest child: so these tests run one engine each.
#[tokio::test]
async fn a_worker_that_is_killed_between_questions_is_replaced() {
    // Other tests of this process have workers too, so all that could be ours are killed in turn.
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "killed_in_a_process_of_its_own", "--test-threads=1"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

#[tokio::test]
#[ignore = "runs in a process of its own, by the test above"]
async fn killed_in_a_process_of_its_own() {
    let engine = with_bomb("pass").await;
    for _ in 0..5 {
        assert!(is_honest(&ask(&engine, "x").await));
        let pids = workers();
        assert_eq!(pids.len(), 1, "{pids:?}");
        for pid in pids {
            nix::sys::signal::kill(
                nix::unistd::Pid::from_raw(pid.try_into().unwrap()),
                nix::sys::signal::Signal::SIGKILL,
            )
            .unwrap();
        }
        assert!(is_honest(&ask(&engine, "x").await));
    }
    drop(engine);
    let begun = Instant::now();
    while !workers().is_empty() && begun.elapsed() < SOON {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(workers(), Vec::<u32>::new());
}

#[tokio::test]
async fn more_than_a_mebibyte_is_not_asked_and_everything_else_is_passed_on_unchanged() {
    let engine = returning("deny(json.encode([args, context]))").await;
    let large = ask_with(&engine, json!({"x": "y".repeat(1 << 20)}), json!({})).await;
    assert_eq!((large.verdict, large.rule.as_str()), (Verdict::Deny, "policy-input-too-large"));
    let args = json!({"a": [1, -2, true, null, "ü🔥\n"], "big": u64::MAX, "none": {}});
    let echoed = ask_with(&engine, args.clone(), json!({"k": "v"})).await;
    assert_eq!(serde_json::from_str::<Value>(&echoed.reason).unwrap(), json!([args, {"k": "v"}]));
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
async fn a_program_that_is_no_worker_gives_no_engine() {
    for program in ["/bin/true", "/bin/cat", "/nonexistent"] {
        let program = WorkerProgram { path: program.into(), args: Vec::new() };
        let policy = source("def evaluate(tool, args, context):\n    return allow()\n");
        assert!(PolicyEngine::start(policy, program).await.is_err());
    }
}

#[tokio::test]
async fn whoever_observes_is_told_of_every_decision() {
    let seen = Arc::new(std::sync::Mutex::new(Vec::new()));
    let log = seen.clone();
    let engine =
        returning("review(\"x\")").await.observed_by(Arc::new(move |took, decision: &PolicyDecision| {
            log.lock().unwrap().push((took > Duration::ZERO, decision.verdict));
        }));
    ask(&engine, "x").await;
    ask(&engine, "x").await;
    assert_eq!(*seen.lock().unwrap(), [(true, Verdict::Review); 2]);
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
