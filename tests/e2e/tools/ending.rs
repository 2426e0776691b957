//! Rows on limits, and on how a tree of processes comes to its end.

use std::path::Path;
use std::time::{Duration, Instant};

use reeve::sandbox::report::{How, Limit};
use reeve::sandbox::{MemoryBy, Tier, Workspace};
use reeve::sys::cgroup::{Bounds, Cgroup};
use reeve::sys::jail;

use super::fixture::*;
use super::left::{kill_wrapper, no_group_is_left};
use super::soon::within_a_second;

fn ended_by(limit: Limit, tool: impl Fn(Tier) -> Tool) {
    for tier in TIERS {
        let ran = tool(tier).run();
        assert_eq!((ran.how(), ran.reached()), (How::Limit(limit), [].as_slice()), "{tier:?}: {ran:#?}");
        assert_eq!(processes_of_the_user(), "", "{tier:?}");
    }
}

#[test]
fn row_098_time_by_the_clock_ends_it_whatever_it_does_about_signals() {
    for code in [
        "time.sleep(60)",
        "for n in range(1, 65):\n  if n not in (9, 19, 32, 33): signal.signal(n, signal.SIG_IGN)\nwhile True: time.sleep(1)",
        "os.kill(os.getpid(), signal.SIGSTOP)",
    ] {
        ended_by(Limit::WallClock, |tier| Tool::probe(tier, code).with(|tool| tool.seconds = 1));
    }
}

#[test]
fn row_099_processor_time_counts_for_all_processes_together() {
    ended_by(Limit::Cpu, |tier| {
        Tool::probe(tier, "while True: pass").with(|tool| tool.confinement.limits.cpu = 1)
    });
    // Each of the four, and who waits for them, stays well below what they may take together.
    let code = "for _ in range(4):\n  if os.fork() == 0:\n    while time.process_time() < 1: pass\n    os._exit(0)\n\
                for _ in range(4): os.wait()\nprint('each had its second')";
    for tier in TIERS {
        let tool = || Tool::probe(tier, code).with(|tool| tool.confinement.limits.cpu = 2);
        // The control: what bounds each process alone lets all of them be.
        let each = tool().with(|tool| tool.confinement.limits.memory_by = MemoryBy::Rlimit);
        assert_eq!(each.run().text(), "each had its second", "{tier:?}");
        let ran = tool().run();
        assert_eq!(ran.how(), How::Limit(Limit::Cpu), "{tier:?}: {ran:#?}");
        let used = ran.end.unwrap().cpu_ms.unwrap();
        assert!((2000..3500).contains(&used), "{tier:?}: {used} ms of 4000");
        assert_eq!(processes_of_the_user(), "", "{tier:?}");
    }
}

#[test]
fn row_100_memory_counts_for_all_processes_together() {
    let one = "x = bytearray(1 << 29)";
    let eight = "for _ in range(3): os.fork()\nx = bytearray(24 << 20)\ntime.sleep(5)";
    for code in [one, eight] {
        ended_by(Limit::Memory, |tier| {
            Tool::probe(tier, code).with(|tool| tool.confinement.limits.memory = 96 << 20)
        });
    }
}

#[test]
fn row_101_what_lies_in_memory_as_files_is_memory() {
    ended_by(Limit::Memory, |tier| {
        Tool::probe(tier, "f = open('x', 'wb', 0)\nwhile True: f.write(bytes(1 << 20))").with(|tool| {
            tool.confinement.limits.memory = 64 << 20;
            tool.confinement.limits.workspace = 1 << 30;
            tool.confinement.limits.file_size = 1 << 30;
        })
    });
}

#[test]
fn memory_by_rlimit_is_of_each_process_and_says_so_in_the_receipt() {
    for tier in TIERS {
        let tool =
            Tool::probe(tier, "try: bytearray(1 << 29)\nexcept MemoryError: print('no')").with(|tool| {
                tool.confinement.limits.memory_by = MemoryBy::Rlimit;
            });
        let ran = tool.run();
        assert_eq!(ran.text(), "no", "{tier:?}");
        assert_eq!(ran.active.unwrap().bounded_by, "rlimit");
    }
}

#[test]
fn row_102_processes_are_as_many_as_declared() {
    let code = "n = 1\ntry:\n  while True:\n    if os.fork() == 0: time.sleep(60)\n    n += 1\nexcept OSError as e: print(n, name(e.errno))";
    for tier in TIERS {
        let tool = Tool::probe(tier, code).with(|tool| tool.confinement.limits.processes = 16);
        assert_eq!(tool.run().text(), "16 EAGAIN", "{tier:?}");
    }
}

#[test]
fn row_103_descriptors_are_as_many_as_declared() {
    let code = "print(tried(lambda: [os.dup(0) for _ in range(1000)]))";
    for tier in TIERS {
        let tool = Tool::probe(tier, code).with(|tool| tool.confinement.limits.open_files = 64);
        assert_eq!(tool.run().text(), "EMFILE", "{tier:?}");
    }
}

#[test]
fn row_104_a_file_is_no_larger_than_declared() {
    let code = "signal.signal(signal.SIGXFSZ, signal.SIG_DFL)\nf = open('x', 'wb', 0)\nwhile True: f.write(bytes(1 << 16))";
    ended_by(Limit::FileSize, |tier| {
        Tool::probe(tier, code).with(|tool| tool.confinement.limits.file_size = 1 << 20)
    });
}

#[test]
fn row_105_a_crash_leaves_no_core() {
    let look = "import resource\nprint(resource.getrlimit(resource.RLIMIT_CORE))";
    // 0 binds no core that goes through a pipe, to systemd-coredump and like it; 1 does. sudo has set 0, and in some containers not
    // even root raises that.
    let raise = "import resource\nresource.setrlimit(resource.RLIMIT_CORE, (0, 0))\n\
        try: resource.setrlimit(resource.RLIMIT_CORE, (1, 1)); print('(1, 1)')\n\
        except ValueError: print('(0, 0)')";
    let least = outside("root", raise);
    assert_ne!(outside(USER, look), least, "outside there may be one");
    for tier in TIERS {
        assert_eq!(Tool::probe(tier, look).run().text(), least, "{tier:?}");
        assert_eq!(Tool::probe(tier, "os.kill(os.getpid(), 11)").run().how(), How::Signal(11), "{tier:?}");
    }
}

#[test]
fn row_107_and_108_output_is_bounded_on_either_stream_and_nothing_of_it_is_waited_for() {
    for stream in ["stdout", "stderr"] {
        for tier in TIERS {
            let code = format!("while True: sys.{stream}.write('y' * 65536)");
            let ran = Tool::probe(tier, &code).with(|tool| tool.confinement.limits.output = 100_000).run();
            assert_eq!(ran.how(), How::Limit(Limit::Output), "{tier:?}");
            assert_eq!(ran.out.len() + ran.err.len(), 100_000, "{tier:?}");
            assert!(ran.took < Duration::from_secs(5), "{ran:#?}");
        }
    }
}

#[test]
fn row_109_every_byte_of_output_comes_through() {
    let code = "sys.stdout.buffer.write(bytes(range(256)) + b'\\x1b]0;x\\x07\\nend exit 0 1 1 1\\nactive 7')";
    for tier in TIERS {
        let ran = Tool::probe(tier, code).run();
        let mut expected: Vec<u8> = (0..=255).collect();
        expected.extend(b"\x1b]0;x\x07\nend exit 0 1 1 1\nactive 7");
        assert_eq!(ran.out, expected, "{tier:?}");
        assert_eq!(ran.how(), How::Exit(0));
    }
}

#[test]
fn row_111_runs_beside_each_other_do_not_count_for_each_other() {
    for tier in TIERS {
        let runs: Vec<_> = (0..6)
            .map(|number| {
                let code = format!(
                    "wrote('x'); x = bytearray(24 << 20); time.sleep(0.5); print({number}, os.listdir('.'))"
                );
                let tool = Tool::probe(tier, &code).with(|tool| tool.confinement.limits.memory = 64 << 20);
                std::thread::spawn(move || tool.run())
            })
            .collect();
        for (number, run) in runs.into_iter().enumerate() {
            assert_eq!(run.join().unwrap().text(), format!("{number} ['x']"), "{tier:?}");
        }
    }
}

#[test]
fn row_111_fifty_runs_go_on_beside_each_other() {
    for tier in TIERS {
        let start =
            || Tool::probe(tier, "time.sleep(1); print(os.listdir('.'))").with(|tool| tool.seconds = 60);
        let runs: Vec<_> =
            (0..50).map(|_| start()).map(|tool| std::thread::spawn(move || tool.run())).collect();
        for run in runs {
            assert_eq!(run.join().unwrap().text(), "[]", "{tier:?}");
        }
        assert_eq!(processes_of_the_user(), "", "{tier:?}");
    }
}

/// Until its first process is in it, a group looks like one that a killed wrapper left.
#[test]
fn row_111_whoever_begins_leaves_the_groups_of_others_alone_and_tidies_away_what_nobody_has() {
    let bounds = Bounds { memory: 64 << 20, processes: 8 };
    let is_there = || {
        let places = ["", "memory/", "pids/", "cpuacct/"];
        places
            .map(|place| Path::new(&format!("/sys/fs/cgroup/{place}reeve-tools/e2e-held")).is_dir())
            .contains(&true)
    };
    let held = Cgroup::new("e2e-held", &bounds).unwrap();
    let others: Vec<_> = (0..8)
        .map(|number| {
            std::thread::spawn(move || {
                for turn in 0..20 {
                    Cgroup::new(&format!("e2e-{number}-{turn}"), &bounds).unwrap().remove();
                }
            })
        })
        .collect();
    others.into_iter().for_each(|other| other.join().unwrap());
    assert!(is_there());
    // What the end of its wrapper comes to, however it ended.
    drop(held);
    assert!(is_there());
    Cgroup::new("e2e-next", &bounds).unwrap().remove();
    assert!(!is_there());
}

/// Whoever holds a group keeps every other run from making one.
#[test]
fn row_111_nobody_but_root_can_hold_the_groups_of_runs() {
    let group = Cgroup::new("e2e-mine", &Bounds { memory: 64 << 20, processes: 8 }).unwrap();
    let all = "/sys/fs/cgroup/reeve-tools /sys/fs/cgroup/memory/reeve-tools /sys/fs/cgroup/pids/reeve-tools";
    let there: Vec<&str> = all.split(' ').filter(|path| Path::new(path).is_dir()).collect();
    assert!(!there.is_empty());
    for path in there {
        let hold = |user: &str| {
            let flock = ["--reuid", user, "--clear-groups", "flock", "--shared", "--nonblock", path, "true"];
            std::process::Command::new("setpriv").args(flock).status().unwrap().success()
        };
        assert!(hold("root"), "{path}");
        assert!(!hold("nobody"), "{path}");
    }
    group.remove();
}

/// Ends at its limit of one second. What it took besides.
fn beyond_its_second(tool: Tool) -> Duration {
    let ran = tool.with(|tool| tool.seconds = 1).run();
    assert_eq!(ran.how(), How::Limit(Limit::WallClock), "{ran:#?}");
    assert_eq!(processes_of_the_user(), "");
    ran.took.saturating_sub(Duration::from_secs(1))
}

#[test]
fn row_112_what_made_itself_a_daemon_ends_with_the_tool() {
    let daemon = "if os.fork() == 0:\n  os.setsid()\n  if os.fork() == 0: time.sleep(86394)\n  os._exit(0)\n";
    for tier in TIERS {
        within_a_second(tier, || {
            let ran = Tool::probe(tier, &format!("{daemon}print('bye')")).run();
            assert_eq!(ran.text(), "bye", "{tier:?}");
            assert_eq!(processes_of_the_user(), "", "{tier:?}");
            ran.took
        });
        within_a_second(tier, || beyond_its_second(Tool::probe(tier, &format!("{daemon}time.sleep(60)"))));
    }
}

#[test]
fn row_113_a_fork_bomb_is_gone_within_a_second() {
    let code = "while True:\n  try: os.fork()\n  except OSError: pass";
    for tier in TIERS {
        within_a_second(tier, || beyond_its_second(Tool::probe(tier, code)));
    }
}

#[test]
fn row_114_whoever_holds_the_output_open_holds_nobody_up() {
    let code = "if os.fork() == 0:\n  os.setsid(); time.sleep(86395)\nprint('done')";
    for tier in TIERS {
        within_a_second(tier, || {
            let ran = Tool::probe(tier, code).run();
            assert_eq!(ran.text(), "done", "{tier:?}");
            ran.took
        });
    }
}

#[test]
fn row_115_when_the_wrapper_is_killed_nothing_of_the_tool_is_left() {
    for tier in TIERS {
        let code = "if os.fork() == 0:\n  os.setsid()\nwrote('x'); time.sleep(86396)";
        within_a_second(tier, || {
            let mut child = Tool::probe(tier, code).start();
            crate::host::wait_until("the tool runs", || processes_of_the_user().contains("86396"));
            let began = Instant::now();
            kill_wrapper(&child);
            child.wait().unwrap();
            crate::host::wait_until("all of it is gone", || processes_of_the_user().is_empty());
            let took = began.elapsed();
            no_group_is_left();
            took
        });
    }
}

#[test]
fn when_nobody_listens_any_more_the_tool_ends() {
    for tier in TIERS {
        within_a_second(tier, || {
            let mut child = Tool::probe(tier, "time.sleep(86397)").start();
            crate::host::wait_until("the tool runs", || processes_of_the_user().contains("86397"));
            drop(child.stdout.take());
            let began = Instant::now();
            assert!(!child.wait().unwrap().success());
            assert_eq!(processes_of_the_user(), "", "{tier:?}");
            began.elapsed()
        });
    }
}

/// A process that gets the number of one that has ended.
#[test]
fn row_117_who_has_the_number_of_an_ended_process_is_not_ended_in_its_place() {
    use nix::unistd::Pid;
    let sleep = || std::process::Command::new("/bin/sleep").arg("86398").spawn().unwrap();
    let number = |child: &std::process::Child| i32::try_from(child.id()).unwrap();
    let mut first = sleep();
    let handle = jail::exit_of(Pid::from_raw(number(&first))).unwrap();
    jail::end_by(&handle).unwrap();
    first.wait().unwrap();
    let mut second = None;
    // Somebody else may be quicker.
    for _try in 0..500 {
        std::fs::write("/proc/sys/kernel/ns_last_pid", (first.id() - 1).to_string()).unwrap();
        let mut other = sleep();
        if other.id() == first.id() {
            second = Some(other);
            break;
        }
        other.kill().unwrap();
        other.wait().unwrap();
    }
    let mut second = second.expect("a process of the same number");
    assert_eq!(jail::end_by(&handle).unwrap_err().raw_os_error(), Some(libc::ESRCH));
    assert!(second.try_wait().unwrap().is_none());
    // By its number it would have been hit.
    nix::sys::signal::kill(Pid::from_raw(number(&first)), nix::sys::signal::Signal::SIGKILL).unwrap();
    assert!(!second.wait().unwrap().success());
}

#[test]
fn row_118_a_stopped_tree_ends() {
    let code = "for _ in range(3):\n  if os.fork() == 0: os.kill(os.getpid(), signal.SIGSTOP)\nos.kill(os.getpid(), signal.SIGSTOP)";
    for tier in TIERS {
        within_a_second(tier, || beyond_its_second(Tool::probe(tier, code)));
    }
}

#[test]
fn row_119_each_end_is_told_apart_from_the_others() {
    for tier in TIERS {
        for status in [0, 1, 125, 126, 127, 137, 255] {
            let ran = Tool::probe(tier, &format!("os._exit({status})")).run();
            assert_eq!((ran.code, ran.how()), (Some(0), How::Exit(status)), "{tier:?}");
        }
        for number in [9, 15, 6, 40, 64] {
            let ran = Tool::probe(tier, &format!("os.kill(os.getpid(), {number})")).run();
            assert_eq!(ran.how(), How::Signal(number), "{tier:?}");
        }
    }
}

/// Of which no library has a name: whoever looks after the tree must not fall over it.
#[test]
fn an_orphan_that_a_real_time_signal_ends_is_no_end_of_the_run() {
    let code = "p = os.fork()\nif p == 0:\n  if os.fork() == 0: time.sleep(0.2); os.kill(os.getpid(), 40)\n  os._exit(0)\nos.waitpid(p, 0); time.sleep(0.6); print('on')";
    for tier in TIERS {
        assert_eq!(Tool::probe(tier, code).run().text(), "on", "{tier:?}");
    }
}

#[test]
fn row_120_orphans_are_reaped_inside() {
    let code = "for _ in range(200):\n  if os.fork() == 0:\n    if os.fork() == 0: os._exit(0)\n    os._exit(0)\n  os.wait()\nprint('all')";
    for tier in TIERS {
        assert_eq!(Tool::probe(tier, code).run().text(), "all", "{tier:?}");
    }
}

#[test]
fn a_workspace_that_stays_is_the_callers_and_has_what_it_had() {
    for tier in TIERS {
        let run = |code: &str, name: &str| {
            let workspace = Workspace::Principal(name.to_owned());
            Tool::probe(tier, code)
                .with(|tool| tool.confinement.workspace = workspace)
                .run()
                .text()
                .to_owned()
        };
        run("wrote('kept')", "e2e-one");
        assert_eq!(run("print(os.listdir('.'))", "e2e-one"), "['kept']", "{tier:?}");
        assert_eq!(run("print(os.listdir('.'))", "e2e-two"), "[]", "{tier:?}");
        for name in ["e2e-one", "e2e-two"] {
            std::fs::remove_dir_all(format!("/var/lib/reeve-tools/principal/{name}")).unwrap();
        }
    }
}
