//! What all of Reeve's processes keep of what they have done, and how soon they serve.

use std::process::Command;
use std::time::{Duration, Instant};

use crate::figures::{ROUNDS, print};
use crate::load::{Client, Question};
use crate::processes::{Place, memory, run};
use crate::reeve::{PORT, Reeve, Rules, health, list, pki, snapshot};

/// After how many operations memory is first read, and after how many again.
const EARLY: usize = 1_000;
const LATE: usize = 24_000;
/// One in so many changes something, and is kept in the store.
const CHANGES: usize = 24;

/// Memory after many operations against memory after some: what grows with each of them is a leak.
pub(crate) async fn measure() {
    let reeve = Reeve::up(Place::Anywhere).await;
    let mut connection = reeve.client().connect().await.unwrap();
    let mut early = 0.0;
    for number in 1..=LATE {
        let question = if number % CHANGES == 0 { snapshot(&format!("endurance-{number}")) } else { list() };
        connection.ask(&question).await;
        if number == EARLY {
            early = memory(&reeve.processes()) / 1024.0;
        }
    }
    let late = memory(&reeve.processes()) / 1024.0;
    print("memory_after_24000_operations", (&[late], "MiB"), &[early], "<= 1.1");
}

const OURS: [&str; 3] = ["reeve-launcher.socket", "reeve-gate.service", "reeved.service"];
/// A unit with nothing but the bare server of [`crate::bare`].
const BARE: &str = "reeve-bench-bare.service";
const BARE_PORT: u16 = 18600;

/// From `systemctl start` to the first answer, by the units as they are installed, against a bare server in a unit of its own.
pub(crate) async fn measure_start() {
    // The guest has no pool, and who only asks for its health needs none.
    let reeve = Reeve::up_with(Place::Anywhere, &Rules { contract: "", gate: "" }).await;
    reeve.down_for_units();
    let own = std::env::current_exe().unwrap();
    let unit = format!(
        "[Service]\nEnvironment=REEVE_TESTBED=1\nExecStart={} bare {BARE_PORT} {}\n",
        own.display(),
        pki().display()
    );
    std::fs::write(format!("/etc/systemd/system/{BARE}"), unit).unwrap();
    systemctl(&["daemon-reload"]);
    let (mut ours, mut bare) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        ours.push(until_served(&OURS, &Client::new(PORT, &pki()), &health()).await);
        systemctl(&[
            "stop",
            "reeved.service",
            "reeve-gate.service",
            "reeve-launcher.service",
            "reeve-launcher.socket",
        ]);
        bare.push(until_served(&[BARE], &Client::new(BARE_PORT, &pki()), &health()).await);
        systemctl(&["stop", BARE]);
    }
    print("start_to_first_answer", (&ours, "ms"), &bare, "<= 1000 ms");
}

async fn until_served(units: &[&str], client: &Client, question: &Question) -> f64 {
    let began = Instant::now();
    systemctl(&[&["start"], units].concat());
    while !client.answers(question).await {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    began.elapsed().as_secs_f64() * 1e3
}

fn systemctl(words: &[&str]) {
    run(Command::new("systemctl").args(words));
}
