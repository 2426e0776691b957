//! Rows once more, by the ways that a first probe leaves out: another call to the same end, another kind of file, another family.

use std::os::unix::fs::{FileTypeExt, PermissionsExt};

use reeve::sandbox::{Tier, Workspace};

use super::files::{OPEN, Open};
use super::fixture::*;

/// None of the words that a probe printed is `OK`.
fn none_is_ok(tier: Tier, code: &str) {
    let ran = Tool::probe(tier, code).run();
    assert!(!ran.text().is_empty(), "{tier:?} {code}");
    assert!(ran.text().split_whitespace().all(|word| word != "OK"), "{tier:?} {code}: {}", ran.text());
}

#[test]
fn row_017_roots_number_means_nothing_and_in_tier_c_is_nobodys() {
    let bits = "print(L.prctl(27, 0, 0, 0, 0))";
    assert_eq!(outside("root", bits), "0");
    // NOROOT and NO_CAP_AMBIENT_RAISE with their locks, and the lock of KEEP_CAPS.
    assert_eq!(Tool::probe(Tier::B, bits).run().text(), "227");
    let numbers = "print(len(open('/proc/self/uid_map').readlines()), open('/proc/self/uid_map').read().split()[0] == '0')";
    assert_eq!(outside("root", numbers), "1 True");
    assert_eq!(Tool::probe(Tier::C, numbers).run().text(), "1 False");
}

#[test]
fn row_024_no_key_is_added_or_asked_for() {
    let code =
        "print(call(248, b'user', b'reeve-e2e', b'x', 1, -2), call(249, b'user', b'reeve-none', 0, 0))";
    row(code, (USER, "OK ENOKEY"), ["EPERM EPERM"; 2]);
}

#[test]
fn row_032_nothing_is_exchanged_across_the_boundary_and_no_directory_moves() {
    let _open = Open::new();
    std::fs::create_dir(format!("{OPEN}/directory")).unwrap();
    std::fs::set_permissions(format!("{OPEN}/directory"), PermissionsExt::from_mode(0o777)).unwrap();
    std::fs::write(format!("{OPEN}/other"), "there").unwrap();
    let within = format!("print(call(316, -100, b'{OPEN}/file', -100, b'{OPEN}/other', 2))");
    assert_eq!(outside(USER, &within), "OK");
    let across = format!(
        "open('own', 'w'); os.mkdir('d')\nprint(call(316, -100, b'own', -100, b'{OPEN}/file', 2), call(316, -100, b'{OPEN}/file', -100, b'own', 2), tried(os.rename, 'd', '{OPEN}/d'), tried(os.rename, '{OPEN}/directory', 'e'))"
    );
    for tier in TIERS {
        none_is_ok(tier, &across);
    }
    assert!(!std::path::Path::new(&format!("{OPEN}/d")).exists());
}

#[test]
fn row_036_another_processs_root_and_directory_and_descriptors_are_no_way_out() {
    let ours = std::process::id();
    let code = format!(
        "print(*(tried(os.listdir, '/proc/{ours}/' + n) for n in ('root', 'cwd', 'fd', 'task')), tried(read, '/proc/self/root{OPEN}/file'))"
    );
    let _open = Open::new();
    assert_eq!(outside("root", &code), "OK OK OK OK OK");
    for tier in TIERS {
        none_is_ok(tier, &code);
    }
}

#[test]
fn row_039_nothing_is_mounted_by_the_newer_calls_either() {
    let code = "print(call(428, -100, b'/', 0), call(429, -1, b'', -1, b'', 0), call(431, -1, 0, 0, 0, 0), call(432, -1, 0, 0), call(433, -1, b'/', 0), call(442, -1, b'', 0, 0, 0))";
    let control = outside("root", code);
    assert!(!control.contains("ENOSYS") && !control.contains("EPERM"), "{control}");
    for tier in TIERS {
        assert_eq!(Tool::probe(tier, code).run().text(), ["ENOSYS"; 6].join(" "), "{tier:?}");
    }
}

/// What everybody may write Landlock lets be touched, where no namespace stands before it: documented, and shown here.
#[test]
fn row_046_in_tier_b_what_everybody_may_write_can_be_touched_and_in_tier_c_it_is_not_there() {
    let _open = Open::new();
    row(&format!("print(tried(os.utime, '{OPEN}/file'))"), (USER, "OK"), ["OK", "ENOENT"]);
    let owned = "print(tried(os.utime, '/usr/bin/env'), tried(os.setxattr, '/usr/bin/env', 'user.x', b'x'))";
    for tier in TIERS {
        none_is_ok(tier, owned);
    }
}

#[test]
fn row_048_no_device_of_either_kind_is_made_where_it_would_be_one() {
    let code = "print(tried(os.mknod, 'blk', 0o600 | stat.S_IFBLK, os.makedev(7, 0)))\nos.path.exists('blk') and os.unlink('blk')";
    row(code, ("root", "OK"), ["EACCES", "EACCES"]);
}

#[test]
fn row_050_no_device_of_the_host_is_opened_but_those_that_hold_nothing() {
    let harmless = ["null", "zero", "full", "random", "urandom", "tty", "ptmx"];
    let devices = std::fs::read_dir("/dev").unwrap().flatten().filter(|entry| {
        entry.file_type().is_ok_and(|kind| kind.is_char_device() || kind.is_block_device())
            && !harmless.iter().any(|name| entry.file_name() == *name)
    });
    let mut names: Vec<String> = devices.map(|entry| entry.path().display().to_string()).collect();
    names.extend(["/dev/mem", "/dev/kvm", "/dev/fuse", "/dev/vsock", "/dev/net/tun"].map(str::to_owned));
    assert!(names.iter().any(|name| name == "/dev/kmsg"), "something to be kept from: {names:?}");
    let code = format!("print(*(tried(os.open, name, 0) for name in {names:?}))");
    for tier in TIERS {
        none_is_ok(tier, &code);
    }
}

/// By the loader, and as a library of somebody who runs already.
#[test]
fn row_053_what_was_written_is_no_code_for_a_loader_either_unless_it_is_declared() {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let libc =
        maps.split_whitespace().find(|word| word.ends_with("/libc.so.6")).expect("where libraries lie");
    let library = libc.replace("libc.so.6", "libm.so.6");
    let code = |place: &str| {
        format!(
            "import shutil, subprocess\np = '{place}/reeve-e2e-code'\nshutil.copy('/usr/bin/true', p); shutil.copy('{library}', p + '.so')\nr = subprocess.run(['/lib64/ld-linux-x86-64.so.2', p], stderr=-3)\ntry: ctypes.CDLL(p + '.so'); loaded = True\nexcept OSError: loaded = False\nprint(r.returncode == 0, loaded); os.unlink(p); os.unlink(p + '.so')"
        )
    };
    assert_eq!(outside(USER, &code(".")), "True True");
    let kept = Workspace::Named("e2e-code".to_owned());
    for (tier, place) in
        [(Tier::B, "."), (Tier::B, "/tmp"), (Tier::C, "."), (Tier::C, "/tmp"), (Tier::C, "/dev/shm")]
    {
        for workspace in [Workspace::Fresh, kept.clone()] {
            let tool = |exec| {
                Tool::probe(tier, &code(place)).with(|tool| {
                    tool.confinement.workspace = workspace.clone();
                    tool.confinement.workspace_exec = exec;
                })
            };
            assert_eq!(tool(false).run().text(), "False False", "{tier:?} {place} {workspace:?}");
            let declared = if place == "/dev/shm" { "False False" } else { "True True" };
            assert_eq!(tool(true).run().text(), declared, "{tier:?} {place} {workspace:?}");
        }
    }
    std::fs::remove_dir_all(kept.path()).unwrap();
}

/// As many of these as this kernel has, and what opens them.
fn there(paths: &[&str], flags: &str) -> String {
    let paths: Vec<_> = paths.iter().filter(|path| std::path::Path::new(path).exists()).collect();
    assert!(paths.len() > 2, "something to be kept from: {paths:?}");
    format!("print(*{{tried(os.open, p, os.{flags}) for p in {paths:?}}})")
}

#[test]
fn row_054_what_the_kernel_tells_root_it_tells_no_tool() {
    let told = there(
        &[
            "/proc/kcore",
            "/proc/kpagecount",
            "/proc/timer_list",
            "/proc/slabinfo",
            "/proc/vmallocinfo",
            "/proc/1/mem",
            "/sys/kernel/debug",
            "/sys/firmware/dmi/tables/DMI",
        ],
        "O_RDONLY",
    );
    let kernel = there(
        &[
            "/proc/irq/default_smp_affinity",
            "/proc/sys/vm/overcommit_memory",
            "/proc/sysrq-trigger",
            "/sys/kernel/mm/ksm/run",
            "/sys/kernel/mm/transparent_hugepage/enabled",
        ],
        "O_WRONLY",
    );
    for code in [told, kernel] {
        assert_eq!(outside("root", &code), "OK", "{code}");
        for tier in TIERS {
            none_is_ok(tier, &code);
        }
    }
}

#[test]
fn row_069_no_descriptor_is_taken_from_another_process() {
    row("print(call(438, -1, 0, 0))", (USER, "EBADF"), ["EPERM", "EPERM"]);
}

#[test]
fn row_071_nothing_of_another_process_is_read() {
    let ours = std::process::id();
    let code = format!(
        "print(*(tried(read, f'/proc/{ours}/{{n}}') for n in ('environ', 'maps', 'cmdline', 'stat', 'status')))"
    );
    assert_eq!(outside("root", &code), "OK OK OK OK OK");
    for tier in TIERS {
        none_is_ok(tier, &code);
    }
}

/// To a process of the same user, whom nothing but the sandbox keeps apart.
#[test]
fn row_072_no_process_outside_gets_a_signal_by_any_other_call() {
    let mut other = std::process::Command::new("/usr/bin/setpriv")
        .args(["--reuid", USER, "--regid", "reeve-tools", "--clear-groups", "--", "/bin/sleep", "86391"])
        .spawn()
        .unwrap();
    let pid = other.id();
    crate::host::wait_until("it sleeps", || {
        outside(USER, &format!("print(tried(os.kill, {pid}, 0))")) == "OK"
    });
    // tkill, tgkill, rt_sigqueueinfo and rt_tgsigqueueinfo as a program queues signals, pidfd_open and pidfd_send_signal, and whom
    // a descriptor's signals go to.
    let code = format!(
        "import fcntl\nr, w = os.pipe()\nqueued = ctypes.create_string_buffer(struct.pack('iii', 0, 0, -1), 128)\n\
         def by_descriptor():\n  fd = L.syscall(434, {pid}, 0)\n  return call(424, fd, 0, 0, 0) if fd >= 0 else name(ctypes.get_errno())\n\
         print(call(200, {pid}, 0), call(234, {pid}, {pid}, 0), call(129, {pid}, 0, queued), call(297, {pid}, {pid}, 0, queued), by_descriptor(), tried(fcntl.fcntl, r, fcntl.F_SETOWN, {pid}))"
    );
    row(&code, (USER, ["OK"; 6].join(" ").as_str()), [["ESRCH"; 6].join(" ").as_str(); 2]);
    assert!(other.try_wait().unwrap().is_none());
    other.kill().unwrap();
    other.wait().unwrap();
}

#[test]
fn row_074_no_datagram_reaches_an_abstract_socket_of_the_host() {
    use std::os::linux::net::SocketAddrExt;
    let address =
        <std::os::unix::net::SocketAddr as SocketAddrExt>::from_abstract_name("reeve-e2e-gram").unwrap();
    let receiver = std::os::unix::net::UnixDatagram::bind_addr(&address).unwrap();
    receiver.set_nonblocking(true).unwrap();
    let code = "print(tried(lambda: socket.socket(1, 2).sendto(b'x', '\\0reeve-e2e-gram')))";
    row(code, (USER, "OK"), ["EPERM", "ECONNREFUSED"]);
    receiver.recv(&mut [0; 4]).expect("the control");
    assert!(receiver.recv(&mut [0; 4]).is_err(), "and nothing of a tool's");
}

#[test]
fn row_076_descriptors_pass_through_a_pair_of_sockets() {
    let code = "a, b = socket.socketpair(); r, w = os.pipe(); socket.send_fds(a, [b'x'], [w]); os.write(socket.recv_fds(b, 1, 1)[1][0], b'through'); print(os.read(r, 9).decode())";
    row(code, (USER, "through"), ["through"; 2]);
}

#[test]
fn row_077_neither_semaphores_nor_queues_are_the_hosts() {
    assert_eq!(outside(USER, "print(call(64, 0x5eee, 1, 0o1666), call(68, 0x5eee, 0o1666))"), "OK OK");
    let find = "print(call(64, 0x5eee, 1, 0o666), call(68, 0x5eee, 0o666))";
    row(find, (USER, "OK OK"), ["EPERM EPERM", "ENOENT ENOENT"]);
    let remove = "print(call(66, L.semget(0x5eee, 1, 0o666), 0, 0), call(71, L.msgget(0x5eee, 0o666), 0, 0))";
    assert_eq!(outside(USER, remove), "OK OK");
}

#[test]
fn row_082_fast_open_by_an_option_is_no_way_out_either() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    let code = format!(
        "def go():\n  s = socket.socket(); s.setsockopt(6, 30, 1); s.connect(('127.0.0.1', {port})); s.send(b'x')\nprint(tried(go))"
    );
    row(&code, (USER, "OK"), ["EPERM", "ECONNREFUSED"]);
    assert_eq!(std::iter::from_fn(|| listener.accept().ok()).count(), 1, "the control");
}

/// Which groups may ping, as this network has it while this lives: all of them.
struct AllMayPing(String);

impl AllMayPing {
    const RANGE: &str = "/proc/sys/net/ipv4/ping_group_range";

    fn new() -> AllMayPing {
        let before = std::fs::read_to_string(Self::RANGE).unwrap();
        std::fs::write(Self::RANGE, "0 2147483647").unwrap();
        AllMayPing(before)
    }
}

impl Drop for AllMayPing {
    fn drop(&mut self) {
        std::fs::write(Self::RANGE, &self.0).unwrap();
    }
}

#[test]
fn row_085_nobody_is_pinged() {
    let _all = AllMayPing::new();
    let pings = || -> u64 {
        let text = std::fs::read_to_string("/proc/net/snmp").unwrap();
        let mut lines = text.lines().filter(|line| line.starts_with("Icmp: ")).map(str::split_whitespace);
        let (names, counts) = (lines.next().unwrap(), lines.next().unwrap());
        names.zip(counts).find(|(name, _count)| *name == "InEchos").unwrap().1.parse().unwrap()
    };
    let before = pings();
    let ping = "print(tried(lambda: socket.socket(2, 2, 1).sendto(b'\\x08' + bytes(7), ('127.0.0.1', 0))))";
    row(ping, (USER, "OK"), ["EPERM", "EACCES"]);
    assert_eq!(pings(), before + 1, "the control, and nothing of a tool's");
}

#[test]
fn row_096_in_tier_b_there_is_no_loopback_to_serve_on() {
    row("print(tried(lambda: socket.create_server(('127.0.0.1', 0))))", (USER, "OK"), ["EPERM", "OK"]);
}

#[test]
fn row_097_what_the_host_is_connected_to_is_not_seen() {
    let _listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let seen = "print(len(open('/proc/net/tcp').readlines()) > 1)";
    assert_eq!(outside(USER, seen), "True");
    assert_eq!(Tool::probe(Tier::C, seen).run().text(), "False");
    row("print(tried(os.listdir, '/sys/class/net'))", (USER, "OK"), ["EACCES", "ENOENT"]);
    assert_eq!(Tool::probe(Tier::B, "print(tried(read, '/proc/net/tcp'))").run().text(), "EACCES");
}

#[test]
fn row_110_no_memory_is_locked_beyond_a_little_and_no_disk_is_hurried() {
    let lock = "import mmap\nm = mmap.mmap(-1, 1 << 22)\nprint(call(149, ctypes.c_void_p(ctypes.addressof(ctypes.c_char.from_buffer(m))), 1 << 22))";
    row(lock, ("root", "OK"), ["ENOMEM", "ENOMEM"]);
    // The class of real time.
    row("print(call(251, 1, 0, 1 << 13))", ("root", "OK"), ["EPERM", "EPERM"]);
}

#[test]
fn row_125_nothing_else_that_reaches_into_the_kernel_is_had() {
    let calls = "[323, 154, 172, 173, 212, 447, 320, 305, 159, 298, 279, 443]";
    let code = format!("print(*{{call(n, -1, -1, -1, -1, -1) for n in {calls}}})");
    for tier in TIERS {
        let ran = Tool::probe(tier, &code).run();
        assert!(
            ran.text().split(' ').all(|answer| ["EPERM", "ENOSYS"].contains(&answer)),
            "{tier:?}: {}",
            ran.text()
        );
    }
}
