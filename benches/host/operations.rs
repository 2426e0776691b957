//! What an operation takes from asking to its answer, against `sudo zfs …` over an open ssh connection.

use std::process::Command;
use std::time::Instant;

use crate::baselines::{Ssh, one_shot_list};
use crate::figures::{ROUNDS, median, print};
use crate::load::{Connection, Question};
use crate::processes::{Place, run};
use crate::reeve::{Reeve, Start, list, snapshot};

/// How often in each round.
const TIMES: usize = 25;
const STATE: &str = "/run/fake-zfs/state.json";
const KEPT_STATE: &str = "/run/fake-zfs/kept.json";
/// What Reeve runs for `zfs list tank/media`.
const LIST: [&str; 9] = [
    "list",
    "-Hp",
    "-o",
    "name,type,guid,createtxg,creation,used,referenced,written,origin,clones,userrefs,mounted",
    "-t",
    "filesystem,volume",
    "-d",
    "1",
    "tank/media",
];

#[derive(Default)]
struct Times {
    list: Vec<f64>,
    ssh_list: Vec<f64>,
    one_shot: Vec<f64>,
    snapshot_sudo: Vec<f64>,
    snapshot_direct: Vec<f64>,
    ssh_snapshot: Vec<f64>,
}

pub(crate) async fn measure() {
    let reeve = Reeve::up(Place::Anywhere).await;
    let ssh = Ssh::up();
    let mut connection = reeve.client().connect().await.unwrap();
    std::fs::copy(STATE, KEPT_STATE).unwrap();
    let mut times = Times::default();
    for round in 0..ROUNDS {
        times.ssh_list.push(commands(|_| ssh.sudo_zfs(&LIST)));
        times.list.push(asked(&mut connection, |_| list()).await);
        times.one_shot.push(commands(|_| one_shot_list()));
        let name = |side: &str, number: usize| format!("{side}-{round}-{number}");
        times.ssh_snapshot.push(commands(|number| {
            ssh.sudo_zfs(&["snapshot", &format!("tank/media@{}", name("ssh", number))])
        }));
        reeve.launcher_with(Start::Sudo);
        times.snapshot_sudo.push(asked(&mut connection, |number| snapshot(&name("sudo", number))).await);
        reeve.launcher_with(Start::Direct);
        times.snapshot_direct.push(asked(&mut connection, |number| snapshot(&name("direct", number))).await);
    }
    print("zfs_list_p50", (&times.list, "ms"), &times.ssh_list, "<= 0.25");
    print("zfs_snapshot_through_sudo_p50", (&times.snapshot_sudo, "ms"), &times.ssh_snapshot, "<= 1.0");
    print("zfs_snapshot_by_root_p50", (&times.snapshot_direct, "ms"), &times.ssh_snapshot, "<= 0.25");
    print("one_shot_command_p50", (&times.one_shot, "ms"), &times.ssh_list, "<= 0.6");
}

/// The fake's state grows with each snapshot, and with it what a call costs: every part begins with the same.
fn same_state() {
    std::fs::copy(KEPT_STATE, STATE).unwrap();
}

/// The median time of new processes, in ms.
fn commands(mut command: impl FnMut(usize) -> Command) -> f64 {
    same_state();
    let mut times = Vec::new();
    for number in 0..TIMES {
        let mut command = command(number);
        let began = Instant::now();
        run(&mut command);
        times.push(began.elapsed().as_secs_f64() * 1e3);
    }
    median(&times)
}

/// The median time of operations on an open connection, in ms.
async fn asked(connection: &mut Connection, mut question: impl FnMut(usize) -> Question) -> f64 {
    same_state();
    let mut times = Vec::new();
    for number in 0..TIMES {
        let question = question(number);
        let began = Instant::now();
        connection.ask(&question).await;
        times.push(began.elapsed().as_secs_f64() * 1e3);
    }
    median(&times)
}
