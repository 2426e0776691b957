//! What is left when one of the processes around a tool is killed: nothing, whichever it is.

use std::path::PathBuf;
use std::process::{Child, Command};
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
        // bubblewrap, the inner stage, the tool: whatever there is below the wrapper, and not what the tool started itself.
        for place in 0.. {
            let mut is_there = true;
            within_a_second(tier, || {
                let mut child =
                    Tool::probe(tier, "if os.fork() == 0: os.setsid()\ntime.sleep(86395)").start();
                wait_until("the tool runs", || processes_of_the_user().matches("86395").count() == 2);
                assert!(!groups_of_runs().is_empty(), "what is looked for is seen while it is there");
                let killed =
                    tree_of(child.id()).split_last().and_then(|(_daemon, ours)| ours.get(place).copied());
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

fn killed_at_once(process: u32) {
    kill(Pid::from_raw(process.cast_signed()), Signal::SIGKILL).unwrap();
}

fn started(tier: reeve::sandbox::Tier) -> Child {
    let child = Tool::probe(tier, "if os.fork() == 0: os.setsid()\ntime.sleep(86393)").start();
    wait_until("the tool runs", || processes_of_the_user().contains("86393"));
    wait_until("it is watched", || watcher_of(child.id()).is_some());
    child
}

#[test]
fn row_111_of_a_killed_wrapper_no_group_is_left_and_nobody_who_waited_for_its_end() {
    for tier in TIERS {
        let before = groups();
        let mut child = started(tier);
        let own: Vec<PathBuf> = groups().into_iter().filter(|group| !before.contains(group)).collect();
        assert!(!own.is_empty(), "{tier:?}");
        let began = Instant::now();
        killed_at_once(child.id());
        child.wait().unwrap();
        wait_until("no group is left", || own.iter().all(|group| !group.exists()));
        wait_until("nobody waits", || wrappers().is_empty());
        assert!(began.elapsed() < Duration::from_secs(5), "{tier:?}: {:?}", began.elapsed());
    }
}

#[test]
fn who_waits_for_the_wrappers_end_holds_nothing_and_goes_with_it() {
    for tier in TIERS {
        let mut child = started(tier);
        let watcher = watcher_of(child.id()).unwrap();
        let open = || {
            let listed = std::fs::read_dir(format!("/proc/{watcher}/fd")).unwrap().flatten();
            let mut open: Vec<String> = listed
                .filter_map(|fd| Some(std::fs::read_link(fd.path()).ok()?.to_string_lossy().into_owned()))
                .collect();
            open.sort();
            open
        };
        let null = || "/dev/null".to_owned();
        let wanted = [null(), null(), null(), "anon_inode:[pidfd]".to_owned()];
        wait_until("it has let go of all else", || open() == wanted);
        let watcher = Pid::from_raw(watcher);
        assert_eq!(nix::unistd::getsid(Some(watcher)).unwrap(), watcher, "{tier:?}");
        drop(child.stdout.take());
        child.wait().unwrap();
        wait_until("it is gone, too", || wrappers().is_empty());
    }
}

#[test]
fn who_waits_for_the_wrappers_end_may_be_killed_and_the_run_is_none_the_worse_for_it() {
    for tier in TIERS {
        let before = groups();
        let child = Tool::probe(tier, "time.sleep(1); print('on')").start();
        wait_until("it is watched", || watcher_of(child.id()).is_some());
        killed_at_once(watcher_of(child.id()).unwrap().cast_unsigned());
        let ran = Ran::of(&child.wait_with_output().unwrap(), Duration::ZERO);
        assert_eq!(ran.text(), "on", "{tier:?}");
        assert!(groups().iter().all(|group| before.contains(group)), "{tier:?}");
    }
}

/// The groups of runs that this test began: the kernel's tree of groups may have those of others.
fn groups() -> Vec<PathBuf> {
    let own = format!("{:08x}7e7e7e7e", std::process::id());
    ["", "memory/", "pids/", "cpuacct/"]
        .iter()
        .filter_map(|place| std::fs::read_dir(format!("/sys/fs/cgroup/{place}reeve-tools")).ok())
        .flat_map(|listed| listed.flatten())
        .map(|entry| entry.path())
        .filter(|group| group.file_name().is_some_and(|name| name.to_string_lossy().starts_with(&own)))
        .collect()
}

/// Whoever of those below a wrapper is not in the tool's tree of processes, but in the wrapper's.
fn watcher_of(wrapper: u32) -> Option<i32> {
    below(wrapper).into_iter().find(|process| is_beside(*process))
}

fn tree_of(wrapper: u32) -> Vec<i32> {
    below(wrapper).into_iter().filter(|process| !is_beside(*process)).collect()
}

fn is_beside(process: i32) -> bool {
    let tree = |process: &str| std::fs::read_link(format!("/proc/{process}/ns/pid")).ok();
    tree(&process.to_string()).is_some_and(|own| Some(own) == tree("self"))
}

/// Every process that another started, and that those started.
fn below(process: u32) -> Vec<i32> {
    let listed = Command::new("/usr/bin/pgrep").args(["-P", &process.to_string()]).output().unwrap();
    let text = String::from_utf8(listed.stdout).unwrap();
    let children: Vec<i32> = text.lines().map(|line| line.parse().unwrap()).collect();
    children.iter().flat_map(|child| std::iter::once(*child).chain(below(child.cast_unsigned()))).collect()
}
