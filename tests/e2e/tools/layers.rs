//! Rows on the layers themselves: what stacks only narrows, and what runs beside does not touch each other.

use std::process::Command;

use reeve::sandbox::Tier;
use reeve::sandbox::report::{Active, How};

use super::fixture::*;
use crate::host::{up, wait_until};

const READABLE: &str = "/var/lib/reeve-e2e-readable";

/// A file that everybody may read and no tool is granted.
struct Readable;

impl Readable {
    fn new() -> Readable {
        up();
        std::fs::write(READABLE, "x").unwrap();
        Readable
    }
}

impl Drop for Readable {
    fn drop(&mut self) {
        std::fs::remove_file(READABLE).unwrap();
    }
}

#[test]
fn row_006_what_is_not_declared_is_denied() {
    let _readable = Readable::new();
    row(&format!("print(tried(read, '{READABLE}'))"), (USER, "OK"), ["EACCES", "ENOENT"]);
    let granted = |tool: &mut Tool| tool.confinement.read_only = vec![READABLE.to_owned()];
    for tier in TIERS {
        let tool = Tool::probe(tier, &format!("print(tried(read, '{READABLE}'))")).with(granted);
        assert_eq!(tool.run().text(), "OK", "{tier:?}: the same, declared");
    }
}

/// A tool that puts Landlock's rules of its own in force: `/` may be read again.
const OWN_RULES: &str = "L.prctl(38, 1, 0, 0, 0)
fd = L.syscall(444, ctypes.create_string_buffer(struct.pack('<Q', 4)), 8, 0)
root = os.open('/', os.O_PATH)
added = L.syscall(445, fd, 1, ctypes.create_string_buffer(struct.pack('<Qi', 4, root)), 0)
";

#[test]
fn row_007_rules_of_the_tools_own_only_narrow() {
    let _readable = Readable::new();
    let code = format!("{OWN_RULES}print(added, L.syscall(446, fd, 0), tried(read, '{READABLE}'))");
    row(&code, (USER, "0 0 OK"), ["0 0 EACCES", "0 0 ENOENT"]);
}

#[test]
fn row_008_where_the_kernel_takes_no_more_rules_it_says_so() {
    let code = format!(
        "{OWN_RULES}done = 0\nwhile done < 20 and L.syscall(446, fd, 0) == 0: done += 1\nprint(done, name(ctypes.get_errno()))"
    );
    // One set of rules is ours.
    row(&code, (USER, "16 E2BIG"), ["15 E2BIG", "15 E2BIG"]);
}

#[test]
fn row_009_runs_beside_each_other_are_shut_in_alike_and_nobody_else_is() {
    let _readable = Readable::new();
    for tier in TIERS {
        let code = format!("print(tried(read, '{READABLE}'))");
        let runs: Vec<_> = (0..8)
            .map(|_| {
                let tool = Tool::probe(tier, &code);
                std::thread::spawn(move || tool.run())
            })
            .collect();
        let answer = if tier == Tier::B { "EACCES" } else { "ENOENT" };
        let all: Vec<Active> = runs
            .into_iter()
            .map(|run| run.join().unwrap())
            .map(|ran| {
                assert_eq!(ran.text(), answer, "{tier:?}");
                ran.active.unwrap()
            })
            .collect();
        assert!(all.iter().all(|active| *active == all[0]), "{all:#?}");
        assert_eq!(outside(USER, &code), "OK");
    }
}

#[test]
fn row_011_every_thread_of_a_tool_is_shut_in() {
    let _readable = Readable::new();
    let code = format!(
        "import threading\nanswers = []\nall = [threading.Thread(target=lambda: answers.append(tried(read, '{READABLE}'))) for _ in range(4)]\n\
         [t.start() for t in all]; [t.join() for t in all]; print(*sorted(set(answers)), len(answers))"
    );
    row(&code, (USER, "OK 4"), ["EACCES 4", "ENOENT 4"]);
}

#[test]
fn row_012_what_forks_has_one_thread_so_that_no_lock_is_held() {
    for tier in TIERS {
        let mut sudo = Tool::probe(tier, "time.sleep(86396)").with(|tool| tool.seconds = 2).start();
        wait_until("the tool runs", || processes_of_the_user().contains("86396"));
        let listed = Command::new("/usr/bin/pgrep").args(["-x", "reeve-tool"]).output().unwrap();
        let pids = String::from_utf8(listed.stdout).unwrap();
        assert!(!pids.is_empty());
        for pid in pids.lines() {
            let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
            assert!(status.contains("Threads:\t1\n"), "{tier:?}: {status}");
        }
        sudo.wait().unwrap();
    }
}

#[test]
fn row_013_a_sandbox_inside_of_it_is_refused_and_gives_nothing() {
    let bwrap = "import subprocess\nr = subprocess.run(['/usr/bin/bwrap', '--unshare-all', '--ro-bind', '/', '/', '/usr/bin/true'], stderr=-1)\nprint(r.returncode == 0)";
    row(bwrap, (USER, "True"), ["False", "False"]);
    let again = format!(
        "import subprocess\nr = subprocess.run(['{WRAPPER}', '--inside'], stdin=-3, stderr=-1)\nprint(r.returncode)"
    );
    for tier in TIERS {
        assert_eq!(Tool::probe(tier, &again).run().text(), "125", "{tier:?}");
    }
}

#[test]
fn row_106_a_stack_that_is_full_ends_the_tool_alone() {
    // Through C, whose stack it is; Python counts its own calls.
    let code = "sys.setrecursionlimit(10 ** 8)\n@ctypes.CFUNCTYPE(None)\ndef f(): f()\nf()";
    for tier in TIERS {
        let ran = Tool::probe(tier, code).run();
        assert_eq!(ran.how(), How::Signal(11), "{tier:?}: {ran:#?}");
        assert_eq!(Tool::probe(tier, "print('next')").run().text(), "next", "{tier:?}");
    }
}
