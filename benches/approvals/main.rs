//! What people wait for: from a submission to the question in their phones, from a CONFIRM to the granted command at the
//! launcher; and what a thousand questions that wait cost in memory. The gate is the real process with its real store and
//! log; Signal, the launcher and `zfs` are the stand-ins of its tests, so that what they take is known.
//!
//! Prints one JSON object a line. As root, with `TMPDIR` on a disk that keeps what it is told.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    dead_code,
    unused_imports,
    reason = "a benchmark measures time and says what is wrong by failing; it needs a part of the tests' stage"
)]

#[path = "../../tests/answers/mod.rs"]
mod answers;
#[path = "../host/figures.rs"]
mod figures;
#[path = "../../tests/gate/launcher.rs"]
mod launcher;
#[path = "../../tests/gate/local.rs"]
mod local;
#[path = "../../tests/gate/phones.rs"]
mod phones;
#[path = "../../tests/gate/secrets.rs"]
mod secrets;
#[path = "../../tests/gate/stage.rs"]
mod stage;
#[path = "../../tests/gate/zfs.rs"]
mod zfs;

use std::time::{Duration, Instant};

use reeve::gate::protocol::{Answer, Call, State};

use figures::{median, print};
use phones::token;
use stage::{POLICY, Stage, submission};

/// How many requests are timed one after the other, and how many wait at once.
const TIMED: usize = 60;
const HELD: usize = 1000;
/// One caller may not have more in hand.
const EACH: usize = 50;

fn main() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        one_after_the_other().await;
        many_at_once().await;
    });
}

async fn host(callers: usize) -> Stage {
    let mut stage = Stage::with(POLICY).await;
    stage.kill();
    let bounds = "[approvals]\nper_principal = 100\noverall = 10000\ncool_down = \"0s\"\n\n[launcher]";
    stage.write("gate.toml", &stage.read("gate.toml").replace("[launcher]", bounds));
    for number in 0..callers {
        let contract = format!(
            "principal = \"{}\"\nroles = [\"agent\"]\n\n[[allow]]\noperations = [\"zfs.destroy\"]\ndatasets = [\"tank/media\"]\n",
            caller(number)
        );
        stage.write(&format!("contracts/{}.toml", caller(number)), &contract);
    }
    stage.start().await;
    stage
}

fn caller(number: usize) -> String {
    format!("agent-{number:02}")
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

/// How long it takes until alice has the question, and from her yes until the launcher has the grant. Held against a
/// plan of the same: the reading of the host that is in either.
async fn one_after_the_other() {
    let stage = host(0).await;
    let (mut asked, mut begun, mut plans) = (Vec::new(), Vec::new(), Vec::new());
    let mut questions = 0;
    for number in 0..TIMED {
        let name = format!("tank/media@timed-{number}");
        stage.zfs.add(&name);
        let began = Instant::now();
        stage
            .call("librarian", Call::Plan { submission: submission(stage::zfs("destroy", &name)) })
            .await
            .unwrap();
        plans.push(ms(began.elapsed()));

        let began = Instant::now();
        let op = stage.submit("librarian", stage::zfs("destroy", &name)).await.unwrap();
        let question = question(&stage, &name).await;
        asked.push(ms(began.elapsed()));
        questions += 1;

        let began = Instant::now();
        stage.phones.says("alice", &format!("CONFIRM {question}"));
        stage.launcher.wait_for(questions);
        begun.push(ms(began.elapsed()));
        stage.until(&op.id, State::Succeeded).await;
    }
    print("approval_submit_to_prompt_p50", (&asked, "ms"), &plans, "<= 50 ms");
    print("approval_confirm_to_start_p50", (&begun, "ms"), &plans, "<= 50 ms");
    let apart: Vec<f64> = begun.iter().map(|time| time - median(&plans)).collect();
    print("approval_confirm_to_start_apart_from_reading_p50", (&apart, "ms"), &plans, "<= 50 ms");
}

/// Waits until alice has the question about it, and reads its token.
async fn question(stage: &Stage, name: &str) -> String {
    let about = format!("{name}\n");
    loop {
        let messages = stage.phones.so_far("alice");
        if let Some(message) =
            messages.iter().rev().find(|one| one.is_question() && one.text.contains(&about))
        {
            return token(&message.text);
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// A thousand questions wait, end, and a thousand others take their place: what they hold is given back.
async fn many_at_once() {
    let callers = HELD / EACH;
    let stage = host(callers).await;
    let idle = memory(stage.pid());
    let mut held = Vec::new();
    for round in 0..3 {
        let mut ids = Vec::new();
        for number in 0..HELD {
            let name = format!("tank/media@held-{round}-{number}");
            stage.zfs.add(&name);
            let caller = caller(number % callers);
            ids.push((
                caller.clone(),
                stage.submit(&caller, stage::zfs("destroy", &name)).await.unwrap().id,
                name,
            ));
        }
        let waiting = stage.call("operator", Call::Pending).await.unwrap();
        let Answer::Approvals(waiting) = waiting else { panic!("{waiting:?}") };
        assert_eq!(waiting.len(), HELD);
        held.push(memory(stage.pid()));
        if round == 0 {
            among_many(&stage, &ids).await;
        }
        for (caller, id, name) in ids {
            // Those that were confirmed are over.
            drop(stage.call(&caller, Call::Cancel { op: id }).await);
            stage.zfs.remove(&name);
        }
    }
    let each: Vec<f64> = vec![(held[0] - idle) / HELD as f64];
    print("approval_memory_of_each_that_waits", (&each, "KiB"), &[idle / 1024.0], "<= 32 KiB");
    print(
        "approval_memory_of_the_third_thousand",
        (&[held[2] / 1024.0], "MiB"),
        &[held[1] / 1024.0],
        "<= 1.1",
    );
}

/// The newest of the thousand is confirmed while the others wait.
async fn among_many(stage: &Stage, ids: &[(String, String, String)]) {
    let mut begun = Vec::new();
    let before = stage.launcher.granted().len();
    for (count, (_, id, name)) in ids.iter().rev().take(20).enumerate() {
        let question = question(stage, name).await;
        let began = Instant::now();
        stage.phones.says("alice", &format!("CONFIRM {question}"));
        stage.launcher.wait_for(before + count + 1);
        begun.push(ms(began.elapsed()));
        stage.until(id, State::Succeeded).await;
    }
    print("approval_confirm_to_start_among_1000_p50", (&begun, "ms"), &[50.0], "<= 50 ms");
}

/// KiB that the process holds for itself.
fn memory(pid: u32) -> f64 {
    let rollup = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap();
    let line = rollup.lines().find(|line| line.starts_with("Pss:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}
