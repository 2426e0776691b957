//! Rows on what whoever starts a tool has, and the tool does not get: descriptors, a terminal, the state of signals, variables.
//! Whoever starts it here is root's own command, which becomes the wrapper: sudo would take most of it away before.

use std::os::unix::process::ExitStatusExt;
use std::process::Command;

use reeve::sandbox::report::{How, Limit};

use super::fixture::*;
use crate::host::{up, wait_until};

const AS_THE_TOOL: [&str; 7] =
    ["/usr/bin/setpriv", "--reuid", USER, "--regid", "reeve-tools", "--clear-groups", "--"];

const WITH_DESCRIPTORS: [&str; 3] = [
    "/usr/bin/python3",
    "-c",
    "import os, sys\nfor n in range(300): os.set_inheritable(os.open('/etc/shadow' if n % 2 else '/', os.O_RDONLY), True)\n\
     os.dup2(3, 700)\nos.execv(sys.argv[1], sys.argv[1:])",
];

const WITH_A_TERMINAL: [&str; 4] = [
    "/bin/sh",
    "-c",
    "exec 3<&0 4>&1 5>&2; exec /usr/bin/script -qec \"$* <&3 >&4 2>&5\" /dev/null </dev/null >/dev/null 2>&1",
    "sh",
];

const WITHOUT_SIGNALS: [&str; 3] = [
    "/usr/bin/python3",
    "-c",
    "import os, signal, sys\nfor n in signal.valid_signals() - {9, 19}: signal.signal(n, signal.SIG_IGN)\n\
     signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())\nos.execv(sys.argv[1], sys.argv[1:])",
];

const WITH_SECRETS: [&str; 4] =
    ["/usr/bin/env", "REEVE_E2E_SECRET=planted", "PYTHONPATH=/planted", "BASH_ENV=/planted"];

/// What a program says that the same caller starts as the tool's user, without a sandbox.
fn outside_by(caller: &[&str], program: &[&str]) -> String {
    up();
    let command = [caller, &AS_THE_TOOL, program].concat();
    let output = Command::new(command[0]).args(&command[1..]).output().unwrap();
    assert!(output.status.success(), "{command:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}

/// The tool's own process, once it runs: whoever shuts it in has no such argument.
fn process_with(mark: &str) -> String {
    let mut found = String::new();
    wait_until("the tool runs", || {
        found = pgrep(&["-u", USER, "-f", mark]);
        !found.is_empty()
    });
    found
}

fn pgrep(args: &[&str]) -> String {
    let listed = Command::new("/usr/bin/pgrep").args(args).output().unwrap();
    String::from_utf8(listed.stdout).unwrap().trim_end().to_owned()
}

#[test]
fn row_079_it_is_a_session_of_its_own_without_a_terminal() {
    // The control: the caller's children have its terminal, and without one there is none.
    let opens = ["/usr/bin/dd", "if=/dev/tty", "of=/dev/null", "count=0", "status=none"];
    outside_by(&WITH_A_TERMINAL, &opens);
    let without = Command::new("/usr/bin/setsid").args(["--wait"]).args(opens).output().unwrap();
    assert!(!without.status.success(), "{without:?}");
    let code = "print(os.getsid(0) == os.getpid(), tried(open, '/dev/tty'), flush=True)\ntime.sleep(86384)";
    for tier in TIERS {
        let child = Tool::probe(tier, code).with(|tool| tool.seconds = 3).start_by(&WITH_A_TERMINAL);
        let tool = process_with("86384");
        let [of_the_tool, of_the_wrapper] =
            [&tool, &pgrep(&["--oldest", "-u", "root", "-x", "reeve-tool"])].map(|process| session(process));
        assert_ne!(of_the_wrapper.1, "0", "{tier:?}: the wrapper has the caller's terminal");
        assert_eq!(of_the_tool, (tool, "0".to_owned()), "{tier:?}");
        let ran = Ran::of_child(child, std::time::Instant::now());
        assert_eq!(ran.how(), How::Limit(Limit::WallClock), "{tier:?}");
        let said = String::from_utf8(ran.out).unwrap();
        assert!(["True EACCES\n", "True ENXIO\n"].contains(&said.as_str()), "{tier:?} {said}");
    }
}

/// A process's session, and the number of its terminal; 0 is none.
fn session(process: &str) -> (String, String) {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    let mut fields = stat.rsplit_once(')').unwrap().1.split_ascii_whitespace().skip(3).map(str::to_owned);
    (fields.next().unwrap(), fields.next().unwrap())
}

#[test]
fn row_080_signals_are_as_a_program_expects_them() {
    // All but the two that nobody can, and the two of the C library's own.
    const ALL: u64 = 0xffff_fffe_7ffb_feff;
    // cat leaves them as they are, and so does sleep.
    let control = outside_by(&WITHOUT_SIGNALS, &["/usr/bin/cat", "/proc/self/status"]);
    for state in ["SigBlk:\t", "SigIgn:\t"] {
        let found = control.lines().find_map(|line| line.strip_prefix(state)).unwrap();
        assert_eq!(u64::from_str_radix(found, 16).unwrap() & ALL, ALL, "{control}");
    }
    let sudo = [&AS_THE_LAUNCHER[..], &BY_SUDO].concat();
    for caller in [&WITHOUT_SIGNALS[..], &sudo] {
        for tier in TIERS {
            let tool = Tool::new(tier, "/usr/bin/sleep", &["86383"]).with(|tool| tool.seconds = 2);
            let mut child = tool.start_by(caller);
            let status = std::fs::read_to_string(format!("/proc/{}/status", process_with("86383"))).unwrap();
            for state in ["SigBlk", "SigIgn", "SigCgt"] {
                assert!(status.contains(&format!("{state}:\t{:016x}\n", 0)), "{tier:?} {status}");
            }
            child.wait().unwrap();
        }
    }
}

/// By the kernel's own means: what a thread starts may ask to end with that thread.
#[test]
fn row_116_a_run_outlives_the_thread_that_began_it() {
    up();
    let with_the_thread = ["--pdeathsig", "KILL"];
    let sleep = std::thread::spawn(move || {
        let mut setpriv = Command::new("/usr/bin/setpriv");
        let child = setpriv.args(with_the_thread).args(["--", "/bin/sleep", "86385"]).spawn().unwrap();
        let comm = format!("/proc/{}/comm", child.id());
        wait_until("it sleeps", || std::fs::read_to_string(&comm).unwrap() == "sleep\n");
        child
    });
    // The control.
    assert_eq!(sleep.join().unwrap().wait().unwrap().signal(), Some(9));
    for tier in TIERS {
        let tool = Tool::probe(tier, "# 86386\ntime.sleep(2); print('there')");
        let began = std::time::Instant::now();
        let child = std::thread::spawn(move || {
            let child = tool.start_by(&[&AS_THE_LAUNCHER[..], &with_the_thread, &BY_SUDO].concat());
            process_with("86386");
            child
        });
        assert_eq!(Ran::of_child(child.join().unwrap(), began).text(), "there", "{tier:?}");
    }
}

#[test]
fn row_121_only_the_three_descriptors_are_open() {
    let code = "import fcntl\nprint([n for n in range(1024) if tried(fcntl.fcntl, n, 1) == 'OK'])";
    let control =
        outside_by(&WITH_DESCRIPTORS, &["/usr/bin/python3", "-B", "-c", &format!("{PRELUDE}{code}")]);
    assert!(control.matches(", ").count() > 300 && control.ends_with(", 700]"), "{control}");
    for tier in TIERS {
        let tool = || Tool::probe(tier, code);
        assert_eq!(tool().run_by(&WITH_DESCRIPTORS).text(), "[0, 1, 2]", "{tier:?}");
        assert_eq!(tool().run().text(), "[0, 1, 2]", "{tier:?}: by sudo");
    }
}

#[test]
fn row_122_the_environment_is_what_is_declared_and_nothing_else() {
    let planted = outside_by(&WITH_SECRETS, &["/usr/bin/env"]);
    for secret in &WITH_SECRETS[1..] {
        assert!(planted.lines().any(|line| line == *secret), "{planted}");
    }
    for tier in TIERS {
        let home = format!("HOME={}", Tool::probe(tier, "").confinement.workspace_inside());
        let tool = || {
            Tool::new(tier, "/usr/bin/env", &[])
                .with(|tool| tool.confinement.environment = vec![("LANG".to_owned(), "C".to_owned())])
        };
        for ran in [tool().run_by(&WITH_SECRETS), tool().run()] {
            let mut seen: Vec<_> = ran.text().lines().collect();
            seen.sort_unstable();
            assert_eq!(seen, [&home, "LANG=C", "LC_ALL=C.UTF-8", "PATH=/usr/bin:/bin", "TMPDIR=/tmp"]);
        }
    }
}
