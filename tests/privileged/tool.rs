//! The real wrapper of tools as root, where one layer is not there, or one step of the set-up fails: nothing is begun, and what
//! is missing is named. Whatever fails is made to fail by the kernel: a filter that root puts before the wrapper, or a mount.

use reeve::grant::{Grant, WrapperName};
use reeve::sandbox::egress::Egress;
use reeve::sandbox::{Confinement, Limits, MemoryBy, Tier, Workspace, encode};
use reeve::sys::process::{Command, run};

use super::{Host, said};

const TOOL: &str = "/usr/local/libexec/reeve/reeve-tool";
const PROGRAM: &str = "/usr/bin/touch";
const TIERS: [Tier; 2] = [Tier::B, Tier::C];

/// A host for tools. `tool NAME [COMMAND…]` shows the wrapper that grant, with a command before it that becomes it, and then tells
/// its status and what the program left in its workspace.
const TOOLS: &str = r#"
mkdir -p "$LAYERS/local/upper" "$LAYERS/local/work"; chmod 0755 "$LAYERS/local/upper"
mount -t overlay overlay -o "lowerdir=/usr/local,upperdir=$LAYERS/local/upper,workdir=$LAYERS/local/work" /usr/local
getent group reeve-tools >/dev/null || groupadd --system reeve-tools
getent passwd reeve-tool >/dev/null ||
  useradd --system --gid reeve-tools --no-create-home --shell /usr/sbin/nologin reeve-tool
mkdir -p -m 0755 /usr/local/libexec/reeve
install -m 0755 "$BUILT" /usr/local/libexec/reeve/reeve-tool
install -d -m 0710 -g reeve-tools /var/lib/reeve-tools /var/lib/reeve-tools/named /var/lib/reeve-tools/principal
install -d -m 0755 /var/lib/reeve-tools/fresh
tool() {
  name=$1; shift
  set +e
  "$@" /usr/local/libexec/reeve/reeve-tool <"$TEST/$name" >"$TEST/out" 2>"$TEST/err"
  echo "$name: $? $(grep -c '^end exit 0 ' "$TEST/out") $(ls /var/lib/reeve-tools/named/faults 2>/dev/null | wc -l) $(tr '\n' ' ' <"$TEST/err")"
  set -e
  rm -rf /var/lib/reeve-tools/named/faults
}
"#;

/// Becomes a command for which one system call, or that with one first argument, fails: `NUMBER[:FIRST] ERRNO COMMAND…`.
const WITHOUT: &str = r"
import ctypes, os, struct, sys
number, _, first = sys.argv[1].partition(':')
op = lambda code, k, no=0: struct.pack('HBBI', code, 0, no, k)
is_first = [op(0x20, 16), op(0x15, int(first), 1)] if first else []
answers = [op(0x06, 0x50000 | int(sys.argv[2])), op(0x06, 0x7fff0000)]
program = b''.join([op(0x20, 0), op(0x15, int(number), 1 + len(is_first))] + is_first + answers)
kept = ctypes.create_string_buffer(program)
filter = struct.pack('HxxxxxxP', len(program) // 8, ctypes.addressof(kept))
assert ctypes.CDLL(None).prctl(22, 2, filter) == 0
os.execv(sys.argv[3], sys.argv[3:])
";

pub(super) struct Tools(Host);

impl Tools {
    pub(super) fn new(name: &str) -> Tools {
        let host = Host::new(name);
        std::fs::write(host.path("without.py"), WITHOUT).unwrap();
        Tools(host)
    }

    /// A grant of a program that leaves a file in its workspace.
    fn grant(&self, name: &str, tier: Tier, memory_by: MemoryBy) {
        self.grant_of(name, (PROGRAM, &["ran"]), |confinement| {
            (confinement.tier, confinement.limits.memory_by) = (tier, memory_by);
        });
    }

    pub(super) fn grant_of(
        &self,
        name: &str,
        (program, args): (&str, &[&str]),
        change: impl FnOnce(&mut Confinement),
    ) {
        let mut confinement = Confinement {
            tool: "faults".to_owned(),
            tier: Tier::B,
            user: "reeve-tool".to_owned(),
            program: program.to_owned(),
            sha256: sha256(program),
            workspace: Workspace::Named("faults".to_owned()),
            workspace_exec: false,
            single_program: false,
            debug: false,
            read_only: vec![],
            hidden: vec![],
            protected: vec![],
            environment: vec![],
            egress: Egress::None,
            limits: Limits {
                cpu: 10,
                memory: 1 << 30,
                memory_by: MemoryBy::Rlimit,
                // The kernel counts those of the same user in the tests beside this one, too.
                processes: 256,
                open_files: 64,
                file_size: 1 << 20,
                output: 1 << 16,
                workspace: 1 << 20,
                inodes: 1024,
            },
            module: None,
        };
        change(&mut confinement);
        self.0.grant(name, |grant: &mut Grant| {
            grant.wrapper = WrapperName::Tool;
            grant.program = TOOL.to_owned();
            grant.argv = vec![encode(&confinement), String::new()];
            grant.argv.extend(args.iter().map(|&arg| arg.to_owned()));
        });
    }

    /// What each call of `tool` in this script came to, a line each.
    fn run(&self, script: &str) -> Vec<Came> {
        let (out, err) = self.said(script);
        out.lines().map(|line| Came::read(line).unwrap_or_else(|| panic!("{line}: {out}{err}"))).collect()
    }

    /// What a script said on that host.
    pub(super) fn said(&self, script: &str) -> (String, String) {
        let built = env!("CARGO_BIN_EXE_reeve-tool");
        said(&self.0.run(&format!("BUILT={built}\n{TOOLS}{script}")))
    }
}

/// What a call of the wrapper came to: its status, how many good ends it told of, what the program left.
#[derive(Debug)]
struct Came {
    name: String,
    status: i32,
    ended: u32,
    left: u32,
    said: String,
}

impl Came {
    fn read(line: &str) -> Option<Came> {
        let (name, rest) = line.split_once(": ")?;
        let mut words = rest.splitn(4, ' ');
        let mut next = || words.next();
        Some(Came {
            name: name.to_owned(),
            status: next()?.parse().ok()?,
            ended: next()?.parse().ok()?,
            left: next()?.parse().ok()?,
            said: next()?.to_owned(),
        })
    }

    /// Whether it was refused for this reason, or ran to its end where there is none.
    fn is(&self, refused: Option<&str>) -> bool {
        let all = (self.status, self.ended, self.left);
        refused.map_or(all == (0, 1, 1), |why| all == (125, 0, 0) && self.said.contains(why))
    }
}

fn sha256(path: &str) -> String {
    let (out, _err) = said(&run(&Command::new("/usr/bin/sha256sum").args([path])).unwrap());
    out.split(' ').next().unwrap().to_owned()
}

/// Covers a file of the kernel's with another, in the namespace of this script.
fn covered(path: &str, by: &str, then: &str) -> String {
    format!("mount --bind {by} {path}\n{then}\numount {path}\n")
}

fn without(call: &str, errno: i32, name: &str) -> String {
    format!("tool {name} /usr/bin/python3 \"$TEST/without.py\" {call} {errno}\n")
}

#[test]
fn row_002_a_layer_that_is_not_there_is_named_with_what_to_do_and_nothing_is_tried_without_it() {
    let tools = Tools::new("layers");
    let mut script = String::from(
        "mkdir \"$TEST/empty\"; echo 0 >\"$TEST/zero\"; install -m 4755 /usr/bin/bwrap \"$TEST/setuid\"\n",
    );
    let mut expected = vec![];
    for tier in TIERS {
        let mut case =
            |what: &str, memory_by: MemoryBy, why: Option<&'static str>, lines: &dyn Fn(&str) -> String| {
                let name = format!("{}-{what}", tier.as_str());
                tools.grant(&name, tier, memory_by);
                script += &lines(&name);
                expected.push((name, why));
            };
        let by_rlimit = MemoryBy::Rlimit;
        case("whole", by_rlimit, None, &|name| without("9999", 1, name));
        // Of a kernel that has none, or in which it is switched off.
        let landlock = libc::SYS_landlock_create_ruleset.to_string();
        case("landlock", by_rlimit, Some("landlock: cannot be enforced here: tier"), &|name| {
            without(&landlock, libc::EOPNOTSUPP, name)
        });
        let seccomp = libc::SYS_seccomp.to_string();
        case(
            "seccomp",
            by_rlimit,
            Some("seccomp: cannot be enforced here: a kernel with CONFIG_SECCOMP_FILTER"),
            &|name| without(&seccomp, libc::ENOSYS, name),
        );
        let no_groups = |name: &str| covered("/sys/fs/cgroup", "\"$TEST/empty\"", &format!("tool {name}"));
        case(
            "groups",
            MemoryBy::Cgroup,
            Some("cgroup: cannot be enforced here: control groups for memory and processes"),
            &no_groups,
        );
        case("no-groups", by_rlimit, None, &no_groups);
        let no_bubblewrap = |name: &str| covered("/usr/bin/bwrap", "/dev/null", &format!("tool {name}"));
        let no_users = |name: &str| {
            covered("/proc/sys/user/max_user_namespaces", "\"$TEST/zero\"", &format!("tool {name}"))
        };
        let of_c = |why: &'static str| (tier == Tier::C).then_some(why);
        case(
            "bubblewrap",
            by_rlimit,
            of_c("bubblewrap: cannot be enforced here: /usr/bin/bwrap: is of the wrong kind"),
            &no_bubblewrap,
        );
        case(
            "setuid",
            by_rlimit,
            of_c(
                "bubblewrap: cannot be enforced here: /usr/bin/bwrap is setuid: chmod u-s,g-s /usr/bin/bwrap",
            ),
            &|name| covered("/usr/bin/bwrap", "\"$TEST/setuid\"", &format!("tool {name}")),
        );
        case(
            "users",
            by_rlimit,
            of_c("user namespaces: cannot be enforced here: sysctl user.max_user_namespaces above 0"),
            &no_users,
        );
    }
    held(&tools.run(&script), &expected);
}

fn held(came: &[Came], expected: &[(String, Option<&str>)]) {
    let names: Vec<&String> = came.iter().map(|came| &came.name).collect();
    assert_eq!(names, expected.iter().map(|(name, _)| name).collect::<Vec<_>>());
    let wrong: Vec<_> = came.iter().zip(expected).filter(|(came, (_, why))| !came.is(*why)).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn row_003_whichever_step_of_the_set_up_fails_the_program_is_not_begun_and_the_step_is_named() {
    let tools = Tools::new("steps");
    // The call, and what is said of it in tier B and in tier C. The wrapper needs some of them for itself before, and bubblewrap others.
    let steps: [(&str, libc::c_long, Option<u32>, [&str; 2]); 20] = [
        ("tree", libc::SYS_unshare, None, ["", ""]),
        ("mounts", libc::SYS_mount, None, ["mounts: ", ""]),
        ("bounding", libc::SYS_prctl, Some(24), ["user: ", "user: "]),
        ("securebits", libc::SYS_prctl, Some(28), ["user: ", "user: "]),
        ("groups", libc::SYS_setgroups, None, ["user: ", "user: "]),
        ("gid", libc::SYS_setresgid, None, ["user: ", "user: "]),
        ("uid", libc::SYS_setresuid, None, ["user: ", "user: "]),
        ("capabilities", libc::SYS_capset, None, ["user: ", "user: "]),
        ("privileges", libc::SYS_prctl, Some(38), ["give up new privileges"; 2]),
        ("parent", libc::SYS_prctl, Some(1), ["", ""]),
        ("hide", libc::SYS_prctl, Some(4), ["cannot harden"; 2]),
        ("session", libc::SYS_setsid, None, ["session: ", "setsid"]),
        ("workspace", libc::SYS_chdir, None, ["cannot harden"; 2]),
        ("limits", libc::SYS_prlimit64, None, ["cannot harden"; 2]),
        ("rules", libc::SYS_landlock_add_rule, None, ["landlock: ", "landlock: "]),
        ("restrict", libc::SYS_landlock_restrict_self, None, ["landlock: ", "landlock: "]),
        ("descriptors", libc::SYS_close_range, None, ["", ""]),
        ("filter", libc::SYS_seccomp, Some(1), ["seccomp: ", "seccomp: "]),
        ("exec", libc::SYS_execveat, None, ["exec: ", "exec: "]),
        ("root", libc::SYS_pivot_root, None, ["-", "pivot_root"]),
    ];
    let (mut script, mut expected) = (String::new(), vec![]);
    for (tier, place) in TIERS.into_iter().zip(0..) {
        for (step, call, first, why) in steps {
            let name = format!("{}-{step}", tier.as_str());
            tools.grant(&name, tier, MemoryBy::Rlimit);
            let first = first.map(|first| format!(":{first}")).unwrap_or_default();
            script += &without(&format!("{call}{first}"), libc::EPERM, &name);
            expected.push((name, Some(why[place]).filter(|why| *why != "-")));
        }
    }
    held(&tools.run(&script), &expected);
}

/// Given to the loader; executing it is Landlock's to refuse.
#[test]
fn row_053_neither_workspace_nor_tmp_nor_shared_memory_holds_code_unless_that_is_declared() {
    let tools = Tools::new("code");
    let shell = std::fs::canonicalize("/bin/sh").unwrap().display().to_string();
    let (mut script, mut expected) = (String::new(), vec![]);
    for (tier, place) in
        [(Tier::B, "."), (Tier::B, "/tmp"), (Tier::C, "."), (Tier::C, "/tmp"), (Tier::C, "/dev/shm")]
    {
        for declared in [false, true] {
            let name = format!("{}{}-{declared}", tier.as_str(), place.replace('/', "-"));
            let is_code = declared && place != "/dev/shm";
            let wanted = if is_code { "" } else { "! " };
            let run = format!(
                ": >ran; cp /usr/bin/true {place}/code && cmp -s /usr/bin/true {place}/code || exit 3\n\
                 [ {place} != . ] || trap 'rm code' EXIT\n{wanted}/lib64/ld-linux-*.so.* {place}/code"
            );
            tools.grant_of(&name, (&shell, &["-c", &run]), |confinement| {
                (confinement.tier, confinement.workspace_exec) = (tier, declared);
            });
            script += &format!("tool {name}\n");
            expected.push((name, None));
        }
    }
    held(&tools.run(&script), &expected);
}

/// A hierarchy of plain files whose top cannot be written, and a real group of that name that the wrapper is in, so that it finds
/// itself there.
const DELEGATED: &str = r#"
real=/sys/fs/cgroup; [ ! -d $real/unified ] || real=$real/unified
scope=reeve-faults-$$
mkdir $real/$scope; echo $$ >$real/$scope/cgroup.procs
tree=$TEST/tree; mkdir "$tree"; mount -t tmpfs -o mode=0755 tree "$tree"
mkdir "$tree/$scope"; echo cpu memory pids | tee "$tree/cgroup.controllers" >"$tree/$scope/cgroup.controllers"
mount --bind "$tree/$scope" "$tree/$scope"; mount -o remount,bind,ro "$tree"
mount --rbind "$tree" /sys/fs/cgroup
mark() { /usr/bin/python3 -c "import os; os.setxattr('/sys/fs/cgroup/$scope', 'trusted.delegate', b'$1')"; }
leave() { umount -R /sys/fs/cgroup; echo $$ >$real/cgroup.procs; rmdir $real/$scope; }
trap leave EXIT
"#;

#[test]
fn a_run_is_bounded_below_the_group_that_systemd_delegated_and_begins_nowhere_where_none_was() {
    let tools = Tools::new("delegated");
    let (mut script, mut expected) = (DELEGATED.to_owned(), vec![]);
    let none = Some("cgroup: cannot be enforced here: control groups for memory and processes");
    for tier in TIERS {
        for (mark, why) in [("0", none), ("1", None)] {
            let name = format!("{}-{mark}", tier.as_str());
            tools.grant(&name, tier, MemoryBy::Cgroup);
            script += &format!("mark {mark}; tool {name}\n");
            expected.push((name, why));
        }
        let bounds = "$(grep -h '' /sys/fs/cgroup/$scope/reeve-tools/*/{memory.max,pids.max,cgroup.procs} | tr '\\n' ' ')";
        let receipt = "$(grep -o 'processes=.*' \"$TEST/out\")";
        script += &format!(
            "echo \"{}-bounds: 0 1 1 {bounds}{receipt}\"; rm -r /sys/fs/cgroup/$scope/reeve-tools\n",
            tier.as_str()
        );
        expected.push((format!("{}-bounds", tier.as_str()), None));
    }
    let came = tools.run(&script);
    held(&came, &expected);
    // Its own processes, and those around it.
    for (place, around) in [(2, 1), (5, 2)] {
        let wanted = format!("1073741824 {} 0 processes=256 cgroup-v2", 256 + around);
        assert_eq!(came[place].said, wanted);
    }
}
