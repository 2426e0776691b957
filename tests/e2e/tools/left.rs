//! What is left of runs on the host: nothing, in whichever way they end.

use std::process::{Child, Command};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use reeve::sandbox::Tier;
use reeve::sandbox::report::{How, Limit};

use super::fixture::*;
use crate::host::wait_until;

/// How long something may be there once nobody is in it.
const PATIENCE: Duration = Duration::from_secs(5);

/// Where a run could leave something.
pub struct Left {
    mounts: Vec<String>,
    /// Everything there is of workspaces, with owner, mode, size, and when something in it came or went.
    workspaces: Vec<String>,
    /// What is the tool's user's of what all share, where others may write meanwhile.
    shared: Vec<String>,
    /// The tool's user's, and the wrappers.
    processes: Vec<String>,
    groups: Vec<String>,
}

impl Left {
    pub fn now() -> Left {
        let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
        Left {
            mounts: sorted(&mounts),
            workspaces: found(&["/var/lib/reeve-tools", "-printf", "%p %u %m %y %s %T@\\n"]),
            shared: found(&["/tmp", "/var/tmp", "/dev/shm", "-maxdepth", "1", "-user", USER]),
            processes: sorted(&(processes_of_the_user() + &wrappers())),
            groups: groups_of_runs(),
        }
    }

    /// There is nothing that was not there before, within some seconds; and of mounts and workspaces nothing less.
    pub fn is_as(before: &Left, tier: Tier) {
        let began = Instant::now();
        while !Left::now().beyond(before).is_empty() && began.elapsed() < PATIENCE {
            std::thread::sleep(Duration::from_millis(50));
        }
        let now = Left::now();
        assert_eq!(now.beyond(before), [""; 0], "{tier:?}: new");
        assert_eq!(
            (now.mounts, now.workspaces),
            (before.mounts.clone(), before.workspaces.clone()),
            "{tier:?}"
        );
    }

    fn beyond(&self, before: &Left) -> Vec<String> {
        let all = |left: &Left| {
            [&left.mounts, &left.workspaces, &left.shared, &left.processes, &left.groups]
                .map(|lines| lines.clone())
                .concat()
        };
        let before = all(before);
        all(self).into_iter().filter(|line| !before.contains(line)).collect()
    }
}

fn sorted(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    lines.sort_unstable();
    lines
}

fn found(args: &[&str]) -> Vec<String> {
    // What goes away while it looks is not there.
    let output = Command::new("/usr/bin/find").args(args).output().unwrap();
    sorted(&String::from_utf8(output.stdout).unwrap())
}

/// The wrappers that run, and bubblewrap. What has ended and waits to be taken note of runs no more.
pub fn wrappers() -> String {
    let listed = Command::new("/usr/bin/pgrep").args(["-ax", "reeve-tool|bwrap"]).output().unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    listed.lines().filter(|line| !line.ends_with("<defunct>")).map(|line| format!("{line}\n")).collect()
}

/// The control groups of this suite's runs, which have its number in their names: a machine may have others' as well.
pub fn groups_of_runs() -> Vec<String> {
    let ours = format!("*/reeve-tools/{:08x}*", std::process::id());
    found(&["/sys/fs/cgroup", "-type", "d", "-path", &ours])
}

/// And no other run has begun meanwhile, which would tidy them away.
pub fn no_group_is_left() {
    let began = Instant::now();
    while !groups_of_runs().is_empty() {
        assert!(began.elapsed() < PATIENCE, "{:?}", groups_of_runs());
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Ends the wrapper, which sudo has become, as nothing can catch it.
pub fn kill_wrapper(child: &Child) {
    kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGKILL).unwrap();
}

#[test]
fn row_057_nothing_is_left_on_the_host() {
    const WRITES: &str =
        "wrote('x'); os.mkdir('d'); os.mkfifo('d/f'); wrote('/tmp/x'); tried(wrote, '/dev/shm/x')\n";
    let tool = |tier, ends: &str| Tool::probe(tier, &format!("{WRITES}{ends}"));
    tool(Tier::B, "").run().text();
    let before = Left::now();
    for (tier, runs) in [(Tier::B, 100), (Tier::C, 50)] {
        for run in 0..runs {
            match run % 10 {
                4 | 9 => {
                    let mut child = tool(tier, "time.sleep(86391)").start();
                    wait_until("the tool runs", || processes_of_the_user().contains("86391"));
                    assert!(!groups_of_runs().is_empty(), "what is looked for is seen while it is there");
                    kill_wrapper(&child);
                    child.wait().unwrap();
                    wait_until("all of it is gone", || processes_of_the_user().is_empty());
                    no_group_is_left();
                }
                2 => assert_eq!(tool(tier, "os.kill(os.getpid(), 9)").run().how(), How::Signal(9)),
                _ => assert_eq!(tool(tier, "").run().text(), ""),
            }
        }
        let late = tool(tier, "time.sleep(60)").with(|tool| tool.seconds = 1).run();
        assert_eq!(late.how(), How::Limit(Limit::WallClock));
        Left::is_as(&before, tier);
    }
}
