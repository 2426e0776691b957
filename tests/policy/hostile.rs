//! What hostile policies and questions achieve: nothing but their own refusal.

use std::sync::Arc;
use std::time::{Duration, Instant};

use reeve::policy::{PolicyError, Verdict};

use super::{SOON, ask, is_honest, source, with_bomb};

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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bombs_among_honest_questions_are_refused_alone() {
    for body in ["x = max(range(args.get(\"n\", 2000000000)))", "x = [0] * args.get(\"n\", 1000000000)"] {
        let engine = Arc::new(with_bomb(body).await);
        let asked: Vec<_> = (0..21)
            .map(|number| {
                let engine = engine.clone();
                tokio::spawn(async move { ask(&engine, if number % 10 == 7 { "bomb" } else { "x" }).await })
            })
            .collect();
        for (number, answer) in asked.into_iter().enumerate() {
            let decision = answer.await.unwrap();
            assert_eq!(is_honest(&decision), number % 10 != 7, "{number}: {decision:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everybody_is_answered_while_the_policy_changes_again_and_again() {
    let engine = Arc::new(with_bomb("pass").await);
    let asked: Vec<_> = (0..16)
        .map(|_| {
            let engine = engine.clone();
            tokio::spawn(async move {
                for _ in 0..100 {
                    assert_eq!(ask(&engine, "x").await.verdict, Verdict::Allow);
                }
            })
        })
        .collect();
    for number in 0..5 {
        let text = format!("def evaluate(tool, args, context):\n    return allow(\"number {number}\")\n");
        engine.reload(source(&text)).await.unwrap();
        assert_eq!(ask(&engine, "x").await.reason, format!("number {number}"));
    }
    for asker in asked {
        asker.await.unwrap();
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

/// Runs a test that looks at this process's workers where no other test has any.
fn alone(test: &str) {
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", test, "--test-threads=1"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

#[test]
fn a_worker_that_is_killed_between_questions_is_replaced() {
    alone("hostile::killed_in_a_process_of_its_own");
}

#[test]
fn a_worker_outlives_the_thread_that_asked_for_it() {
    alone("hostile::started_by_a_thread_that_ends");
}

#[test]
#[ignore = "runs in a process of its own, by the test above"]
fn started_by_a_thread_that_ends() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .thread_keep_alive(Duration::from_millis(1))
        .build()
        .unwrap();
    let handle = runtime.handle().clone();
    let start = move || handle.block_on(with_bomb("pass"));
    let engine = runtime.block_on(async { tokio::task::spawn_blocking(start).await.unwrap() });
    let born = workers();
    runtime.block_on(async { tokio::time::sleep(Duration::from_millis(300)).await });
    assert!(runtime.block_on(async { is_honest(&ask(&engine, "x").await) }));
    assert_eq!((born.len(), workers()), (1, born));
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
