//! What is left when one of the processes around a tool is killed: nothing, whichever it is.

use std::process::Command;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::fixture::*;
use super::left::{Left, groups_of_runs, kill_wrapper, no_group_is_left, wrappers};
use super::soon::within_a_second;
use crate::host::wait_until;

#[test]
fn row_115_whichever_of_its_processes_is_killed_nothing_of_the_tool_is_left() {
    Tool::probe(TIERS[0], "").run().text();
    let before = Left::now();
    for tier in TIERS {
        // bubblewrap, the inner stage, the tool: whatever there is below the wrapper.
        for place in 0.. {
            let mut is_there = true;
            within_a_second(tier, || {
                let mut child =
                    Tool::probe(tier, "if os.fork() == 0: os.setsid()\ntime.sleep(86395)").start();
                wait_until("the tool runs", || processes_of_the_user().contains("86395"));
                assert!(!groups_of_runs().is_empty(), "what is looked for is seen while it is there");
                let killed = below(child.id()).get(place).copied();
                is_there = killed.is_some();
                let began = Instant::now();
                match killed {
                    Some(killed) => kill(Pid::from_raw(killed), Signal::SIGKILL).unwrap(),
                    None => drop(child.stdout.take()),
                }
                child.wait().unwrap();
                wait_until("all of it is gone", || processes_of_the_user().is_empty());
                let took = began.elapsed();
                no_group_is_left();
                took
            });
            if !is_there {
                assert!(place > 1, "{tier:?}: {place}");
                break;
            }
        }
        Left::is_as(&before, tier);
    }
}

/// At any moment between the grant and the tool.
#[test]
fn row_115_when_the_wrapper_is_killed_while_it_sets_up_nothing_is_left_and_the_next_run_finds_room() {
    Tool::probe(TIERS[0], "").run().text();
    let before = Left::now();
    for tier in TIERS {
        for moment in 0..48 {
            within_a_second(tier, || {
                let mut child =
                    Tool::probe(tier, "if os.fork() == 0: os.setsid()\ntime.sleep(86394)").start();
                std::thread::sleep(Duration::from_millis(moment));
                let began = Instant::now();
                kill_wrapper(&child);
                child.wait().unwrap();
                wait_until("nothing of it runs", || {
                    processes_of_the_user().is_empty() && wrappers().is_empty()
                });
                let took = began.elapsed();
                no_group_is_left();
                took
            });
        }
        assert_eq!(Tool::probe(tier, "print('next')").run().text(), "next", "{tier:?}");
        Left::is_as(&before, tier);
    }
}

/// Every process that another started, and that those started.
fn below(process: u32) -> Vec<i32> {
    let listed = Command::new("/usr/bin/pgrep").args(["-P", &process.to_string()]).output().unwrap();
    let text = String::from_utf8(listed.stdout).unwrap();
    let children: Vec<i32> = text.lines().map(|line| line.parse().unwrap()).collect();
    children.iter().flat_map(|child| std::iter::once(*child).chain(below(child.cast_unsigned()))).collect()
}
