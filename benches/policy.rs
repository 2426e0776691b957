//! What a decision in a process of its own costs: against one round trip of the same bytes to a process that sends them
//! back, and against the decision alone; one at a time by 50 and by 1 000 rules, and 64 at once, in alternating rounds. And
//! what a contract's check costs, which comes before. In the same rounds, by the same rules, what two engines that others use
//! take within one process, when `REEVE_BENCH_ENGINES` names the program of `benches/engines`, as `benches/run.sh` has it.
//!
//! Prints one JSON object a line.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a benchmark measures time and says what is wrong by failing"
)]

use std::ffi::OsString;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use reeve::operation::Operation;
use reeve::policy::{Contract, PolicyEngine, PolicyInput, PolicySource, SourceFile, Verdict, WorkerProgram};
use reeve::sys::process::spawn_with_socket;
use serde_json::json;

const ROUNDS: usize = 5;
const ALONE: usize = 2000;
const CALLERS: usize = 64;
const OF_EACH: usize = 300;
/// How many rules there are: as an operator has, and as a large site has.
const FEW: usize = 50;
const MANY: usize = 1000;

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let (mut echoes, mut rates, mut costs, mut checks) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let (mut few, mut many) = (Vec::new(), Vec::new());
    let (mut others_few, mut others_many) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        echoes.push(echo());
        few.push(runtime.block_on(one_at_a_time(FEW)));
        others_few.extend(others(FEW));
        many.push(runtime.block_on(one_at_a_time(MANY)));
        others_many.extend(others(MANY));
        checks.push(contract_check());
        let (rate, cost) = runtime.block_on(many_at_once());
        rates.push(rate);
        costs.push(cost);
    }
    let echo = median(echoes);
    let p50 = |rounds: &[[f64; 2]]| median(rounds.iter().map(|[p50, _p99]| *p50).collect());
    let p99 = |rounds: &[[f64; 2]]| median(rounds.iter().map(|[_p50, p99]| *p99).collect());
    print("policy_decision_p50", p50(&few), "us", echo, "<= 100 us");
    print("policy_decision_p99", p99(&few), "us", echo, "none");
    print("policy_decision_1000_rules_p50", p50(&many), "us", echo, "none");
    print("policy_decision_1000_rules_p99", p99(&many), "us", echo, "none");
    print("contract_check", median(checks), "us", echo, "none");
    print("policy_decision_cpu_64_callers", median(costs), "us", echo, "<= 8 us");
    print("policy_decisions_per_second_64_callers", median(rates), "1/s", 1e6 / echo, ">= 1");
    for (rules, ours, others) in [(FEW, &few, &others_few), (MANY, &many, &others_many)] {
        for (engine, at) in ["cedar", "regorus"].into_iter().zip(0..) {
            let theirs = |percentile: usize| -> Option<f64> {
                let values: Vec<f64> =
                    others.iter().filter_map(|both| both.get(at)?.get(percentile).copied()).collect();
                (!values.is_empty()).then(|| median(values))
            };
            let Some((median, most)) = theirs(0).zip(theirs(1)) else { continue };
            print(
                &format!("policy_decision_{rules}_rules_and_{engine}_p50"),
                p50(ours),
                "us",
                median,
                "none",
            );
            print(&format!("policy_decision_{rules}_rules_and_{engine}_p99"), p99(ours), "us", most, "none");
        }
    }
}

/// What cedar-policy and regorus take for a decision by so many rules: the median and the 99th percentile of each, in µs.
fn others(rules: usize) -> Option<[[f64; 2]; 2]> {
    let Some(program) = std::env::var_os("REEVE_BENCH_ENGINES") else {
        eprintln!("REEVE_BENCH_ENGINES names no program: cedar-policy and regorus are not measured");
        return None;
    };
    let output = std::process::Command::new(program).arg(rules.to_string()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let figures: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let of =
        |engine: &str| [0, 1].map(|at| figures.get(engine).and_then(|all| all.get(at)?.as_f64()).unwrap());
    Some([of("cedar"), of("regorus")])
}

fn print(name: &str, value: f64, unit: &str, baseline: f64, aim: &str) {
    let ratio = value / baseline;
    println!(
        "{}",
        json!({"name": name, "value": value, "unit": unit, "baseline": baseline, "ratio": ratio, "aim": aim})
    );
}

fn median(values: Vec<f64>) -> f64 {
    let [median, _p99] = percentiles(values);
    median
}

/// The median, and what 99 of 100 stay below.
fn percentiles(mut values: Vec<f64>) -> [f64; 2] {
    values.sort_by(f64::total_cmp);
    [values.len() / 2, values.len() * 99 / 100].map(|at| values.get(at).copied().unwrap())
}

/// So many rules, of which the last matches.
fn policy(rules: usize) -> PolicySource {
    let rules: String = (0..rules)
        .map(|number| format!("    struct(tool = \"tool{number}.run\", dataset = \"tank/app{number}\"),\n"))
        .collect();
    let text = format!(
        "RULES = [\n{rules}]\ndef evaluate(tool, args, context):\n    for rule in RULES:\n        \
         if rule.tool == tool and under(args[\"resource\"], rule.dataset):\n            \
         return allow(\"the rule of \" + rule.tool)\n    return deny(\"no rule\")\n"
    );
    PolicySource::new(SourceFile { name: "policy.star".to_owned(), text }, Vec::new())
}

/// What the last of so many rules is about.
fn input(tool: &str, last: usize) -> PolicyInput<'_> {
    PolicyInput {
        tool,
        args: json!({"resource": format!("tank/app{last}/data@daily"), "recursive": false}),
        context: json!({"agent_id": "librarian", "roles": ["agent"], "effect": "change", "reversible": true}),
    }
}

/// µs for one check of an operation by a contract of twenty entries, with bounds and a schema on the one that has it.
fn contract_check() -> f64 {
    let entries: String = (0..20)
        .map(|number| {
            format!(
                "[[allow]]\noperations = [\"zfs.create\", \"zfs.destroy\"]\ndatasets = [\"tank/app{number}\"]\nmax_objects = 5\n"
            )
        })
        .collect();
    let contract = format!(
        "principal = \"librarian\"\nroles = [\"agent\"]\n{entries}[[allow]]\noperations = [\"zfs.create\"]\ndatasets = [\"tank/media\"]\n\
         where = {{ \"/size\" = {{ max = \"10G\" }} }}\nschema = {{ required = [\"size\"], properties = {{ size = {{ type = \"integer\" }} }} }}\n"
    );
    let contract = Contract::parse("librarian.toml", &contract).unwrap();
    let operation =
        json!({"kind": "zfs", "op": "create", "resource": "tank/media/a", "params": {"size": 1 << 20}});
    let operation = Operation::from_value(operation).unwrap();
    let check = || {
        let began = Instant::now();
        let grant = contract.check(&operation).unwrap();
        let took = micros(began.elapsed());
        assert_eq!(grant.at_least(), Verdict::Allow);
        took
    };
    median((0..ALONE).map(|_| check()).collect())
}

async fn engine(rules: usize) -> PolicyEngine {
    let program = WorkerProgram {
        path: env!("CARGO_BIN_EXE_reeve-gate").into(),
        args: vec![OsString::from("__policy-worker")],
        load_deadline: std::time::Duration::from_secs(30),
    };
    PolicyEngine::start(policy(rules), program).await.unwrap()
}

/// The median round trip, in µs, of as many bytes as a decision has, to a process that only sends them back.
fn echo() -> f64 {
    let arguments = ["-c", "cat >&0"].map(OsString::from);
    let (_cat, mut socket) = spawn_with_socket("/bin/sh".as_ref(), &arguments).unwrap();
    let (question, mut answer) = (vec![b'x'; 200], vec![0; 200]);
    let mut round_trip = |socket: &mut UnixStream| {
        let began = Instant::now();
        socket.write_all(&question).unwrap();
        socket.read_exact(&mut answer).unwrap();
        micros(began.elapsed())
    };
    median((0..ALONE).map(|_| round_trip(&mut socket)).collect())
}

async fn one_at_a_time(rules: usize) -> [f64; 2] {
    let engine = engine(rules).await;
    let tool = format!("tool{}.run", rules - 1);
    // A task of the runtime asks, as in the gate: whoever blocks on a runtime from outside pays for one more wake-up.
    tokio::spawn(async move {
        let mut times = Vec::new();
        for _ in 0..ALONE {
            let began = Instant::now();
            let decision = engine.decide(&input(&tool, rules - 1)).await;
            times.push(micros(began.elapsed()));
            assert_eq!(decision.verdict, Verdict::Allow);
        }
        percentiles(times)
    })
    .await
    .unwrap()
}

/// Decisions each second, and µs of CPU for each in both processes.
async fn many_at_once() -> (f64, f64) {
    let engine = Arc::new(engine(FEW).await);
    let (own, worker) = (cpu_of_this_process(), cpu_of_children());
    let began = Instant::now();
    let callers: Vec<_> = (0..CALLERS).map(|_| tokio::spawn(ask_many(engine.clone()))).collect();
    for caller in callers {
        caller.await.unwrap();
    }
    let took = began.elapsed();
    let decisions = (CALLERS * OF_EACH) as f64;
    let cpu = micros(cpu_of_this_process() - own) + micros(cpu_of_children() - worker);
    (decisions / took.as_secs_f64(), cpu / decisions)
}

async fn ask_many(engine: Arc<PolicyEngine>) {
    for _ in 0..OF_EACH {
        assert_eq!(engine.decide(&input("tool49.run", 49)).await.verdict, Verdict::Allow);
    }
}

fn cpu_of_this_process() -> Duration {
    let usage = getrusage(UsageWho::RUSAGE_SELF).unwrap();
    let time = usage.user_time() + usage.system_time();
    Duration::from_micros(time.num_microseconds().try_into().unwrap())
}

/// CPU time of live children, which rusage counts only once they have ended.
fn cpu_of_children() -> Duration {
    std::fs::read_dir("/proc/self/task")
        .unwrap()
        .filter_map(|thread| std::fs::read_to_string(thread.unwrap().path().join("children")).ok())
        .flat_map(|children| children.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
        .filter_map(|pid| std::fs::read_to_string(format!("/proc/{pid}/schedstat")).ok())
        .filter_map(|stat| stat.split(' ').next().and_then(|run| run.parse().ok()))
        .map(Duration::from_nanos)
        .sum()
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}
