//! What is left when one of the processes around a tool is killed: nothing, whichever it is.

use std::process::Command;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::fixture::*;
use crate::host::wait_until;

#[test]
fn row_115_whichever_of_its_processes_is_killed_nothing_of_the_tool_is_left() {
    for tier in TIERS {
        // bubblewrap, the inner stage, the tool: whatever there is below the wrapper.
        for place in 0.. {
            let mut child = Tool::probe(tier, "if os.fork() == 0: os.setsid()\ntime.sleep(86395)").start();
            wait_until("the tool runs", || processes_of_the_user().contains("86395"));
            let Some(killed) = below(child.id()).get(place).copied() else {
                drop(child.stdout.take());
                child.wait().unwrap();
                assert!(place > 1, "{tier:?}: {place}");
                break;
            };
            let killed = Pid::from_raw(killed);
            kill(killed, Signal::SIGKILL).unwrap();
            child.wait().unwrap();
            wait_until("all of it is gone", || processes_of_the_user().is_empty());
        }
    }
}

/// At any moment between the grant and the tool.
#[test]
fn row_115_when_the_wrapper_is_killed_while_it_sets_up_nothing_is_left_and_the_next_run_finds_room() {
    let mounts = || std::fs::read_to_string("/proc/self/mountinfo").unwrap().lines().count();
    Tool::probe(TIERS[0], "").run().text();
    let before = mounts();
    for tier in TIERS {
        for moment in 0..48 {
            let mut child = Tool::probe(tier, "if os.fork() == 0: os.setsid()\ntime.sleep(86394)").start();
            std::thread::sleep(Duration::from_millis(moment));
            kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGKILL).unwrap();
            child.wait().unwrap();
            wait_until("nothing of it runs", || {
                let wrappers = Command::new("/usr/bin/pgrep").args(["-x", "reeve-tool"]).output().unwrap();
                processes_of_the_user().is_empty() && wrappers.stdout.is_empty()
            });
        }
        assert_eq!(Tool::probe(tier, "print('next')").run().text(), "next", "{tier:?}");
    }
    assert_eq!(mounts(), before);
}

/// Every process that another started, and that those started.
fn below(process: u32) -> Vec<i32> {
    let listed = Command::new("/usr/bin/pgrep").args(["-P", &process.to_string()]).output().unwrap();
    let text = String::from_utf8(listed.stdout).unwrap();
    let children: Vec<i32> = text.lines().map(|line| line.parse().unwrap()).collect();
    children.iter().flat_map(|child| std::iter::once(*child).chain(below(child.cast_unsigned()))).collect()
}
