//! Rows on set-up, privilege, processes and system calls.

use reeve::sandbox::Tier;
use reeve::sandbox::report::How;
use reeve::sys::landlock;

use super::fixture::*;

#[test]
fn row_001_the_receipt_says_which_rights_landlock_really_handles() {
    for tier in TIERS {
        let active = Tool::probe(tier, "").run().active.unwrap();
        assert_eq!((active.landlock, active.errata), (landlock::abi(), landlock::errata()));
        assert_eq!(active.fs, landlock::all_rights(active.landlock));
        assert_eq!((active.seccomp, active.uid == 0), (2, false));
        let own: &[&str] = match tier {
            Tier::A | Tier::B | Tier::W => &["mnt", "pid", "ipc"],
            Tier::C => &["user", "mnt", "pid", "net", "ipc", "uts", "cgroup"],
        };
        assert_eq!(active.namespaces, own);
        // As the kernel told them.
        let declared = limits();
        let wanted = [
            ("cpu", declared.cpu),
            ("file_size", declared.file_size),
            ("open_files", declared.open_files),
            ("memory", declared.memory),
            ("processes", declared.processes),
        ];
        assert_eq!(active.limits, wanted.map(|(name, most)| (name.to_owned(), most)), "{tier:?}");
        let by_rlimit = Tool::probe(tier, "").with(|tool| {
            tool.confinement.limits.memory_by = reeve::sandbox::MemoryBy::Rlimit;
            tool.confinement.limits.memory = 1 << 30;
        });
        let found = by_rlimit.run().active.unwrap().limits;
        assert!(found.contains(&("memory".to_owned(), 1 << 30)), "{tier:?} {found:?}");
    }
}

#[test]
fn row_014_no_new_privs_is_set_and_stays() {
    row("print(L.prctl(39, 0, 0, 0, 0), L.prctl(38, 0, 0, 0, 0))", (USER, "0 -1"), ["1 -1", "1 -1"]);
}

#[test]
fn row_015_a_setuid_program_gives_nothing() {
    let program = "/usr/local/bin/reeve-e2e-id";
    std::fs::copy("/usr/bin/id", program).unwrap();
    std::fs::set_permissions(program, std::os::unix::fs::PermissionsExt::from_mode(0o4755)).unwrap();
    let code = format!(
        "import subprocess; print('euid=0' in subprocess.run(['{program}'], capture_output=True, text=True).stdout)"
    );
    row(&code, (USER, "True"), ["False", "False"]);
    std::fs::remove_file(program).unwrap();
}

#[test]
fn row_016_there_is_no_capability() {
    let code = "h = struct.pack('Ii', 0x20080522, 0); d = ctypes.create_string_buffer(24)\nL.syscall(125, h, d); print(d.raw == bytes(24))";
    row(code, ("root", "False"), ["True", "True"]);
}

#[test]
fn row_017_the_bounding_set_is_empty() {
    row(
        "print(sum(L.prctl(23, c, 0, 0, 0) == 1 for c in range(41)) > 30)",
        (USER, "True"),
        ["False", "False"],
    );
    row(
        "print(sum(L.prctl(23, c, 0, 0, 0) == 1 for c in range(41)) == 0)",
        (USER, "False"),
        ["True", "True"],
    );
}

#[test]
fn row_019_the_user_is_the_tools_own_in_every_sense_and_has_no_groups() {
    let code = "print(len(set(os.getresuid())), len(set(os.getresgid())), [g for g in os.getgroups() if g != os.getgid()])";
    row(code, (USER, "1 1 []"), ["1 1 []", "1 1 []"]);
}

#[test]
fn row_020_it_is_not_root_on_the_host() {
    for tier in TIERS {
        let tool =
            Tool::probe(tier, "print(os.getuid() != 0); time.sleep(86391)").with(|tool| tool.seconds = 2);
        let mut child = tool.start();
        crate::host::wait_until("the tool runs", || processes_of_the_user().contains("86391"));
        child.wait().unwrap();
    }
}

#[test]
fn row_021_no_user_namespace_can_be_made() {
    row("print(call(272, 0x10000000))", (USER, "OK"), ["EPERM", "EPERM"]);
}

#[test]
fn row_022_no_namespace_of_any_kind_can_be_made_or_entered() {
    let flags = "[0x20000, 0x20000000, 0x40000000, 0x8000000, 0x4000000, 0x2000000, 0x80]";
    let code = format!("print(*{{call(272, flag) for flag in {flags}}})");
    row(&code, ("root", "OK"), ["EPERM", "EPERM"]);
    row("print(call(308, 0, 0))", (USER, "EINVAL"), ["EPERM", "EPERM"]);
    let clone = "r = L.syscall(56, 0x20000000 | 17, 0, 0, 0, 0)\nif r == 0: os._exit(0)\nprint('OK' if r > 0 else name(ctypes.get_errno()))";
    row(clone, ("root", "OK"), ["EPERM", "EPERM"]);
}

#[test]
fn row_023_threads_are_made_though_there_is_no_clone3() {
    row("print(call(435, 0, 0))", (USER, "EINVAL"), ["ENOSYS", "ENOSYS"]);
    let threads =
        "import threading\nt = threading.Thread(target=print, args=('thread',)); t.start(); t.join()";
    row(threads, (USER, "thread"), ["thread", "thread"]);
}

#[test]
fn row_024_there_are_no_keys() {
    row("print(call(250, 0, -3, 0))", (USER, "OK"), ["EPERM", "EPERM"]);
}

#[test]
fn row_069_nothing_is_traced() {
    row("print(call(101, 0, 0, 0, 0))", (USER, "OK"), ["EPERM", "EPERM"]);
    row("print(call(310, os.getpid(), 0, 0, 0, 0, 0))", (USER, "OK"), ["EPERM", "EPERM"]);
}

#[test]
fn row_071_no_other_process_is_read() {
    let code = "print(tried(read, f'/proc/{os.getppid()}/cmdline'))";
    // In tier C that is the first process of its own tree, which is hidden.
    row(code, (USER, "OK"), ["EACCES", "OK"]);
    let ours = format!("print(tried(read, '/proc/{}/environ'))", std::process::id());
    row(&ours, ("root", "OK"), ["EACCES", "ENOENT"]);
}

#[test]
fn row_072_no_process_outside_gets_a_signal() {
    let mut other = std::process::Command::new("/usr/bin/setpriv")
        .args(["--reuid", USER, "--regid", "reeve-tools", "--clear-groups", "--", "/bin/sleep", "86392"])
        .spawn()
        .unwrap();
    let code = format!("print(tried(os.kill, {}, 0))", other.id());
    crate::host::wait_until("it sleeps", || outside(USER, &code) == "OK");
    row(&code, (USER, "OK"), ["ESRCH", "ESRCH"]);
    assert!(other.try_wait().unwrap().is_none());
    other.kill().unwrap();
    other.wait().unwrap();
}

#[test]
fn row_073_signals_inside_arrive() {
    let code = "p = os.fork()\nif p == 0: time.sleep(60)\nos.kill(p, 9); print(os.waitpid(p, 0)[1])";
    row(code, (USER, "9"), ["9", "9"]);
}

#[test]
fn row_077_objects_of_system_v_are_not_the_hosts() {
    let make = "print(call(29, 0x5eed, 4096, 0o1666))";
    assert_eq!(outside(USER, make), "OK");
    let find = "print(call(29, 0x5eed, 4096, 0o666))";
    row(find, (USER, "OK"), ["EPERM", "ENOENT"]);
    assert_eq!(outside(USER, "print(call(31, L.shmget(0x5eed, 4096, 0o666), 0, 0))"), "OK");
}

#[test]
fn row_078_no_terminal_is_typed_into() {
    let code =
        "import fcntl\nprint(tried(fcntl.ioctl, 0, 0x5412, b'x'), call(16, 0, 0x5412 | 1 << 33, b'x'))";
    row(code, (USER, "ENOTTY ENOTTY"), ["EPERM EPERM", "EPERM EPERM"]);
}

#[test]
fn row_088_there_is_no_io_uring() {
    row("print(call(425, 0, 0))", (USER, "EFAULT"), ["ENOSYS", "ENOSYS"]);
}

#[test]
fn row_110_priority_cannot_be_raised() {
    row("print(tried(os.nice, -5))", ("root", "OK"), ["EPERM", "EPERM"]);
    row(
        "print(tried(os.sched_setscheduler, 0, os.SCHED_FIFO, os.sched_param(1)))",
        ("root", "OK"),
        ["EPERM", "EPERM"],
    );
}

#[test]
fn row_123_input_is_what_was_given_and_then_its_end() {
    for tier in TIERS {
        let read = |input: &str| {
            let tool = Tool::new(tier, "/usr/bin/cat", &[]).with(|tool| tool.input = input.to_owned());
            tool.run().text().to_owned()
        };
        assert_eq!((read(""), read("one\ntwo")), (String::new(), "one\ntwo".to_owned()));
    }
}

#[test]
#[cfg(target_arch = "x86_64")]
fn row_124_system_calls_of_another_architecture_end_it() {
    // getpid of i386, by its own door.
    let code = "import mmap\nm = mmap.mmap(-1, 4096, prot=7)\nm.write(b'\\xb8\\x14\\0\\0\\0\\xcd\\x80\\xc3')\nf = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(m)))\nprint(f() == os.getpid())";
    assert_eq!(outside(USER, code), "True");
    for tier in TIERS {
        assert_eq!(Tool::probe(tier, code).run().how(), How::Signal(31), "{tier:?}");
        assert_eq!(Tool::probe(tier, "print(call(0x40000000 | 39))").run().text(), "ENOSYS", "{tier:?}");
    }
}

#[test]
fn row_125_what_reaches_into_the_kernel_is_refused() {
    row("print(call(312, os.getpid(), os.getpid(), 0, 0, 0))", (USER, "OK"), ["EPERM", "EPERM"]);
    row("print(call(135, 0x0040000))", (USER, "OK"), ["EPERM", "EPERM"]);
    row("print(call(440, -1, 0, 0, 0, 0))", (USER, "EBADF"), ["EPERM", "EPERM"]);
    row("print(call(303, -100, b'/tmp', 0, 0, 0))", (USER, "EFAULT"), ["EPERM", "EPERM"]);
    // What no probe outside may try on a living host: that the filter answers these is shown by its own tests.
    let dangerous = "[246, 175, 313, 176, 321, 298, 167, 168, 169, 163, 179, 164, 227, 103, 300, 304]";
    let code = format!("print(*{{call(n, -1, -1, -1, -1, -1) for n in {dangerous}}})");
    for tier in TIERS {
        assert_eq!(Tool::probe(tier, &code).run().text(), "EPERM", "{tier:?}");
    }
}

#[test]
fn row_126_a_filter_of_its_own_takes_none_away() {
    // seccomp(SET_MODE_FILTER) with one instruction: allow.
    let code = "prog = struct.pack('HBBI', 6, 0, 0, 0x7fff0000); b = ctypes.create_string_buffer(prog)\nf = ctypes.create_string_buffer(struct.pack('HxxxxxxP', 1, ctypes.addressof(b)))\nL.prctl(38, 1, 0, 0, 0)\nprint(call(317, 1, 0, f), call(272, 0x10000000))";
    row(code, (USER, "OK OK"), ["OK EPERM", "OK EPERM"]);
}
