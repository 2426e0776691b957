//! The real wrapper of tools as root, where a step of its set-up fails, or says that it succeeded and did nothing: the program is
//! not begun, and which it was is named.

use reeve::sandbox::{MemoryBy, Tier};

use super::tool::{Came, TIERS, Tools, held, without};

/// Becomes a command in which one system call, or that with one first argument, fails, and only where the wrapper's later stages
/// make it: `NUMBER[:FIRST] ERRNO PLACE COMMAND…`. At each such call a process beside it is asked.
const WITHIN: &str = r"
import ctypes, fcntl, os, select, socket, struct, sys
number, _, first = sys.argv[1].partition(':')
errno, place = int(sys.argv[2]), sys.argv[3]
def is_there(pid):
    look = lambda what: open('/proc/%d/%s' % (pid, what), 'rb').read()
    if place == 'inside': return look('cmdline').split(b'\0')[1:2] == [b'--inside']
    if place == 'bwrap': return look('comm') == b'bwrap\n'
    # The tool's user, before any other program.
    return look('comm') == b'reeve-tool\n' and b'\nUid:\t0\t' not in look('status') and b'--inside' not in look('cmdline')
ours, theirs = socket.socketpair()
if os.fork() == 0:
    # Nobody's child.
    if os.fork() != 0: os._exit(0)
    ours.close()
    listener = socket.recv_fds(theirs, 1, 1)[1][0]
    calls = select.poll()
    calls.register(listener, select.POLLIN)
    while calls.poll()[0][1] & select.POLLIN:
        call = bytearray(80)
        try:
            fcntl.ioctl(listener, 0xc0502100, call)
            this, pid = struct.unpack_from('QI', call)
            try: fails = is_there(pid)
            except OSError: fails = False
            fcntl.ioctl(listener, 0xc0182101, struct.pack('QqiI', this, 0, -errno if fails else 0, 0 if fails else 1))
        # It has ended meanwhile.
        except FileNotFoundError: pass
    os._exit(0)
os.wait()
theirs.close()
op = lambda code, k, no=0: struct.pack('HBBI', code, 0, no, k)
is_first = [op(0x20, 16), op(0x15, int(first), 1)] if first else []
answers = [op(0x06, 0x7fc00000), op(0x06, 0x7fff0000)]
program = b''.join([op(0x20, 0), op(0x15, int(number), 1 + len(is_first))] + is_first + answers)
kept = ctypes.create_string_buffer(program)
filter = ctypes.create_string_buffer(struct.pack('HxxxxxxP', len(program) // 8, ctypes.addressof(kept)))
listener = ctypes.CDLL(None).syscall(SECCOMP, 1, 8, filter)
assert listener >= 0
socket.send_fds(ours, [b'x'], [listener])
os.execv(sys.argv[4], sys.argv[4:])
";

/// Where a call fails: wherever it is made, or only in one of the later stages.
#[derive(Clone, Copy)]
enum Place {
    Anywhere,
    /// As the tool's user, in the wrapper's own child. In tier B that is the inner stage.
    User,
    Bubblewrap,
    /// What bubblewrap starts.
    Inside,
}

fn failing(place: Place, call: &str, name: &str) -> String {
    let place = match place {
        Place::Anywhere => return without(call, libc::EPERM, name),
        Place::User => "user",
        Place::Bubblewrap => "bwrap",
        Place::Inside => "inside",
    };
    format!("tool {name} /usr/bin/python3 \"$TEST/within.py\" {call} {} {place}\n", libc::EPERM)
}

fn with_within(name: &str) -> Tools {
    let tools = Tools::new(name);
    tools.write("within.py", &WITHIN.replace("SECCOMP", &libc::SYS_seccomp.to_string()));
    tools
}

#[test]
fn row_003_whichever_step_of_the_set_up_fails_the_program_is_not_begun_and_the_step_is_named() {
    use Place::{Anywhere, Bubblewrap, Inside, User};
    let tools = with_within("set-up");
    let (b, c, both) = (&[Tier::B][..], &[Tier::C][..], &TIERS[..]);
    let prctl = |what: u32| format!("{}:{what}", libc::SYS_prctl);
    let all = |call: libc::c_long| call.to_string();
    let unshare = |what: i32| format!("{}:{what}", libc::SYS_unshare);
    // In the order of the set-up.
    let steps: [(&str, &[Tier], Place, String, &str); 47] = [
        ("dump", both, Anywhere, prctl(4), "cannot harden"),
        ("close", both, Anywhere, all(libc::SYS_close_range), "cannot harden"),
        ("directory", both, Anywhere, all(libc::SYS_chdir), "cannot harden"),
        ("cores", both, Anywhere, all(libc::SYS_prlimit64), "cannot harden"),
        ("privileges", both, Anywhere, prctl(38), "give up new privileges"),
        ("tree", both, Anywhere, unshare(libc::CLONE_NEWPID), "start the tool: processes: "),
        ("unshare", both, Anywhere, unshare(libc::CLONE_NEWNS | libc::CLONE_NEWIPC), "mounts: "),
        ("mounts", both, Anywhere, all(libc::SYS_mount), "mounts: "),
        ("bounding", both, Anywhere, prctl(24), "user: "),
        ("securebits", both, Anywhere, prctl(28), "user: "),
        ("groups", both, Anywhere, all(libc::SYS_setgroups), "user: "),
        ("gid", both, Anywhere, all(libc::SYS_setresgid), "user: "),
        ("uid", both, Anywhere, all(libc::SYS_setresuid), "user: "),
        ("capabilities", both, Anywhere, all(libc::SYS_capset), "user: "),
        ("parent", both, Anywhere, prctl(1), "parent: "),
        ("handed", c, User, all(libc::SYS_close_range), "descriptors: "),
        ("bubblewrap", c, User, all(libc::SYS_execve), "bubblewrap: "),
        ("its-tree", c, Bubblewrap, all(libc::SYS_clone), "namespace"),
        ("its-mounts", c, Bubblewrap, all(libc::SYS_mount), "bwrap: Failed to make / slave"),
        ("its-root", c, Bubblewrap, all(libc::SYS_pivot_root), "bwrap: pivot_root"),
        ("its-parent", c, Bubblewrap, prctl(1), "bwrap: prctl"),
        ("its-session", c, Bubblewrap, all(libc::SYS_setsid), "bwrap: setsid"),
        ("its-own", c, Inside, all(libc::SYS_close_range), "descriptors: "),
        ("hide", b, User, prctl(4), "hide: "),
        ("hide", c, Inside, prctl(4), "hide: "),
        ("pipe", b, User, all(libc::SYS_pipe2), "pipe: "),
        ("pipe", c, Inside, all(libc::SYS_pipe2), "pipe: "),
        ("fork", b, User, all(libc::SYS_clone), "fork: "),
        ("fork", c, Inside, all(libc::SYS_clone), "fork: "),
        ("session", b, User, all(libc::SYS_setsid), "session: "),
        ("session", c, Inside, all(libc::SYS_setsid), "session: "),
        ("workspace", b, User, all(libc::SYS_chdir), "workspace: "),
        ("workspace", c, Inside, all(libc::SYS_chdir), "workspace: "),
        ("limits", b, User, all(libc::SYS_prlimit64), "limits: "),
        ("limits", c, Inside, all(libc::SYS_prlimit64), "limits: "),
        ("look", b, User, all(libc::SYS_capget), "not as it was to be: the capabilities"),
        ("look", c, Inside, all(libc::SYS_capget), "not as it was to be: the capabilities"),
        ("rules", both, Anywhere, all(libc::SYS_landlock_add_rule), "landlock: "),
        ("restrict", both, Anywhere, all(libc::SYS_landlock_restrict_self), "landlock: "),
        ("ruleset", b, User, all(libc::SYS_landlock_create_ruleset), "landlock: "),
        ("ruleset", c, Inside, all(libc::SYS_landlock_create_ruleset), "landlock: "),
        ("descriptors", b, User, all(libc::SYS_close_range), "descriptors: "),
        ("filter", both, Anywhere, format!("{}:1", libc::SYS_seccomp), "seccomp: "),
        ("exec", both, Anywhere, all(libc::SYS_execveat), "exec: "),
        ("only-b", b, Inside, all(libc::SYS_chdir), ""),
        ("only-c", c, User, all(libc::SYS_pivot_root), ""),
        ("other", both, Bubblewrap, "9999".to_owned(), ""),
    ];
    // No grant is good for as long as all of them take.
    for some in steps.chunks(8) {
        let (mut script, mut expected) = (String::new(), vec![]);
        for (step, tiers, place, call, why) in some {
            for tier in *tiers {
                let name = format!("{}-{step}", tier.as_str());
                tools.grant(&name, *tier, MemoryBy::Rlimit);
                script += &failing(*place, call, &name);
                // The controls: what fails in a place where it is not called keeps nothing from going on.
                expected.push((name, Some(*why).filter(|why| !why.is_empty())));
            }
        }
        held(&tools.run(&script), &expected);
    }
}

/// In tier B. In tier C bubblewrap makes all of it anew, and a test of the installed host has it leave one thing out.
#[test]
fn row_018_what_kept_a_right_or_a_namespace_does_not_become_a_tool() {
    let tools = Tools::new("kept");
    let python = "/usr/bin/python3 \"$TEST/without.py\"";
    // It says that it succeeded.
    let skipped = |call: &str| format!("{python} {call} 0");
    let prctl = |what: u32| skipped(&format!("{}:{what}", libc::SYS_prctl));
    let call = |number: libc::c_long| skipped(&number.to_string());
    let unshare = |what: i32| skipped(&format!("{}:{what}", libc::SYS_unshare));
    // Root's capabilities outlive a change of users only when that is asked for.
    let keeps = "/usr/bin/setpriv --securebits +no_setuid_fixup --";
    let capabilities = format!("{keeps} {} {}", call(libc::SYS_capset), prctl(28));
    let cases = [
        ("nothing", skipped("9999"), None),
        ("capabilities", capabilities, Some("the capabilities")),
        ("bounding", prctl(24), Some("the capability bounding set")),
        ("privileges", prctl(38), Some("no_new_privs")),
        // Without its capabilities root may not even enter the workspace.
        ("uid", format!("{} {}", call(libc::SYS_setresuid), call(libc::SYS_capset)), Some("the user")),
        ("gid", call(libc::SYS_setresgid), Some("the group")),
        (
            "groups",
            format!("/usr/bin/setpriv --groups 4,24 -- {}", call(libc::SYS_setgroups)),
            Some("the supplementary groups"),
        ),
        ("tree", unshare(libc::CLONE_NEWPID), Some("the pid namespace is the host's")),
        // What it mounts then is mounted for whoever started it.
        (
            "mounts",
            format!("/usr/bin/unshare --mount -- {}", unshare(libc::CLONE_NEWNS | libc::CLONE_NEWIPC)),
            Some("the mnt namespace is the host's"),
        ),
        // Where nothing lies over the workspaces, there they still are.
        ("data", call(libc::SYS_mount), Some("workspace: File exists")),
    ];
    let (mut script, mut expected) = (String::new(), vec![]);
    for (name, before, why) in &cases {
        tools.grant(name, Tier::B, MemoryBy::Rlimit);
        script += &format!("tool {name} {before}\n");
        let found = if *name == "data" { "" } else { "not as it was to be: " };
        expected.push(((*name).to_owned(), why.map(|why| format!("{found}{why}"))));
    }
    let came: Vec<Came> = tools.run(&script);
    let expected: Vec<_> = expected.iter().map(|(name, why)| (name.clone(), why.as_deref())).collect();
    held(&came, &expected);
}
