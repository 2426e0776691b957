//! Processes: how servers are started, and what they use of processors and memory.

use std::process::{Child, Command};
use std::time::Duration;

/// Where a server runs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// On a processor of its own, while the load comes from another.
    OwnCore,
    /// Where the kernel likes.
    Anywhere,
}

/// A program with its arguments, to be run in its place.
pub(crate) fn program(place: Place, program: &str) -> Command {
    match place {
        Place::Anywhere => Command::new(program),
        Place::OwnCore => {
            let mut command = Command::new("taskset");
            command.args(["--cpu-list", &server_core(), program]);
            command
        }
    }
}

fn server_core() -> String {
    std::env::var("REEVE_BENCH_SERVER_CORE").unwrap_or_else(|_| "0".to_owned())
}

/// Runs a command to its end, which must be a good one; gives what it printed.
pub(crate) fn run(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "{command:?}: {} {}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

/// A process that ends with its handle.
pub(crate) struct Server(Child);

impl Server {
    pub(crate) fn start(command: &mut Command) -> Self {
        Self(command.spawn().unwrap())
    }

    /// It and its children.
    pub(crate) fn processes(&self) -> Vec<u32> {
        family(self.0.id())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may be gone already.
        for pid in self.processes().into_iter().rev() {
            drop(Command::new("kill").arg(pid.to_string()).status());
        }
        drop(self.0.wait());
    }
}

/// A process and its children.
pub(crate) fn family(pid: u32) -> Vec<u32> {
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    let lists =
        threads.filter_map(|thread| std::fs::read_to_string(thread.unwrap().path().join("children")).ok());
    let children =
        lists.flat_map(|list| list.split_whitespace().map(|pid| pid.parse().unwrap()).collect::<Vec<_>>());
    std::iter::once(pid).chain(children).collect()
}

/// Time on processors, of all threads together.
pub(crate) fn cpu(pids: &[u32]) -> Duration {
    let ticks: u64 = pids.iter().map(|pid| ticks(*pid)).sum();
    let per_second = nix::unistd::sysconf(nix::unistd::SysconfVar::CLK_TCK).unwrap().unwrap();
    Duration::from_secs_f64(ticks as f64 / per_second as f64)
}

fn ticks(pid: u32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    // A program's name may hold anything, and ends with the last parenthesis; utime and stime are fields 14 and 15.
    let (_, fields) = stat.rsplit_once(") ").unwrap();
    fields.split(' ').skip(11).take(2).map(|ticks| ticks.parse::<u64>().unwrap()).sum()
}

/// Memory in KiB, what is shared counted by shares.
pub(crate) fn memory(pids: &[u32]) -> f64 {
    pids.iter().map(|pid| pss(*pid)).sum()
}

fn pss(pid: u32) -> f64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}
