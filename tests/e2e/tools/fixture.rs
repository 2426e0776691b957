//! A tool as a taken-over gate could ask for it: a signed grant straight to the wrapper, through the real sudo.

use std::io::Write;
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use reeve::grant::{Grant, WrapperName};
use reeve::sandbox::egress::Egress;
use reeve::sandbox::report::{Active, End, How, Limit, bytes};
use reeve::sandbox::traffic::Traffic;
use reeve::sandbox::{Confinement, Limits, MemoryBy, Tier, Workspace, encode};
use reeve::sys::clock::{Clock, SystemClock};

use crate::grants::{grant, sign};
use crate::host::up;

pub const TIERS: [Tier; 2] = [Tier::B, Tier::C];
pub const USER: &str = "reeve-tool";
pub const WRAPPER: &str = "/usr/local/libexec/reeve/reeve-tool";
/// Where probes outside run: the tool's user's own, and nobody else's.
const OUTSIDE: &str = "/run/reeve-tool-outside";

/// How the launcher starts a wrapper, in two parts.
pub const AS_THE_LAUNCHER: [&str; 6] =
    ["/usr/bin/setpriv", "--reuid", "reeve-run", "--regid", "reeve-run", "--init-groups"];
pub const BY_SUDO: [&str; 4] = ["--", "/usr/bin/sudo", "-n", "--"];

/// What every probe begins with.
pub const PRELUDE: &str = r#"
import os, sys, errno, ctypes, socket, signal, time, stat, struct
L = ctypes.CDLL(None, use_errno=True)
def name(number): return errno.errorcode.get(number, str(number))
def call(*a):
    r = L.syscall(*[ctypes.c_long(x) if isinstance(x, int) else x for x in a])
    return 'OK' if r >= 0 else name(ctypes.get_errno())
def tried(f, *a):
    try: f(*a); return 'OK'
    except OSError as e: return name(e.errno)
def wrote(path):
    with open(path, 'a') as f: f.write('x')
def read(path):
    with open(path, 'rb') as f: return f.read(1)
"#;

/// A tool that is to be run.
pub struct Tool {
    pub confinement: Confinement,
    pub args: Vec<String>,
    pub input: String,
    pub seconds: u32,
}

pub fn limits() -> Limits {
    Limits {
        cpu: 20,
        memory: 256 << 20,
        memory_by: MemoryBy::Cgroup,
        processes: 64,
        open_files: 256,
        file_size: 64 << 20,
        output: 1 << 20,
        workspace: 16 << 20,
        inodes: 16 << 10,
    }
}

pub fn sha256(path: &str) -> String {
    let made = Command::new("/usr/bin/sha256sum").arg(path).output().unwrap();
    String::from_utf8(made.stdout).unwrap().split(' ').next().unwrap().to_owned()
}

pub fn python() -> String {
    std::fs::canonicalize("/usr/bin/python3").unwrap().display().to_string()
}

impl Tool {
    pub fn new(tier: Tier, program: &str, args: &[&str]) -> Tool {
        let confinement = Confinement {
            tool: "probe".to_owned(),
            tier,
            user: USER.to_owned(),
            program: program.to_owned(),
            sha256: sha256(program),
            workspace: Workspace::Fresh,
            workspace_exec: false,
            single_program: false,
            debug: false,
            read_only: vec![],
            hidden: vec![],
            protected: vec![],
            environment: vec![],
            egress: Egress::None,
            limits: limits(),
            module: None,
        };
        let args = args.iter().map(|&arg| arg.to_owned()).collect();
        Tool { confinement, args, input: String::new(), seconds: 30 }
    }

    /// Python with this code.
    pub fn probe(tier: Tier, code: &str) -> Tool {
        Tool::new(tier, &python(), &["-B", "-c", &format!("{PRELUDE}{code}")])
    }

    pub fn with(mut self, change: impl FnOnce(&mut Tool)) -> Tool {
        change(&mut self);
        self
    }

    pub fn grant(&self) -> Grant {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let mut nonce = [0x7e; 16];
        nonce[8..].copy_from_slice(&NEXT.fetch_add(1, Ordering::Relaxed).to_be_bytes());
        nonce[..4].copy_from_slice(&std::process::id().to_be_bytes());
        let first = [encode(&self.confinement), self.input.clone()];
        let soon = SystemClock.boot() + Duration::from_secs(30);
        Grant {
            wrapper: WrapperName::Tool,
            program: WRAPPER.to_owned(),
            argv: first.into_iter().chain(self.args.iter().cloned()).collect(),
            run_limit_secs: self.seconds,
            not_after: soon.as_nanos().try_into().unwrap(),
            nonce,
            ..grant(&[])
        }
    }

    pub fn start(&self) -> Child {
        self.start_by(&[&AS_THE_LAUNCHER[..], &BY_SUDO].concat())
    }

    /// Started by root's own command, which becomes the wrapper: what that command has at the time is the wrapper's.
    pub fn start_by(&self, caller: &[&str]) -> Child {
        up();
        let (program, args) = caller.split_first().unwrap();
        let mut child = Command::new(program)
            .args(args)
            .arg(WRAPPER)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(&sign(&self.grant())).unwrap();
        child
    }

    pub fn run(&self) -> Ran {
        let began = Instant::now();
        Ran::of_child(self.start(), began)
    }

    pub fn run_by(&self, caller: &[&str]) -> Ran {
        let began = Instant::now();
        Ran::of_child(self.start_by(caller), began)
    }
}

/// What a run came to.
#[derive(Debug)]
pub struct Ran {
    pub code: Option<i32>,
    pub said: String,
    pub out: Vec<u8>,
    pub err: Vec<u8>,
    pub active: Option<Active>,
    pub traffic: Vec<Traffic>,
    pub end: Option<End>,
    pub took: Duration,
}

impl Ran {
    /// Waits for its end.
    pub fn of_child(child: Child, began: Instant) -> Ran {
        let output = child.wait_with_output().unwrap();
        Ran::of(&output, began.elapsed())
    }

    pub fn of(output: &Output, took: Duration) -> Ran {
        let mut ran = Ran {
            code: output.status.code(),
            said: String::from_utf8_lossy(&output.stderr).into_owned(),
            out: vec![],
            err: vec![],
            active: None,
            traffic: vec![],
            end: None,
            took,
        };
        for line in String::from_utf8(output.stdout.clone()).unwrap().lines() {
            match line.split_once(' ').unwrap() {
                ("out", digits) => ran.out.extend(bytes(digits).unwrap()),
                ("err", digits) => ran.err.extend(bytes(digits).unwrap()),
                ("active", _) => ran.active = Active::read(line),
                ("reached" | "stopped", _) => ran.traffic.push(Traffic::read(line).unwrap()),
                _end => ran.end = End::read(line),
            }
        }
        ran
    }

    /// What it printed, when it came to a good end.
    pub fn text(&self) -> &str {
        assert_eq!(self.how(), How::Exit(0), "{self:#?} {}", String::from_utf8_lossy(&self.err));
        std::str::from_utf8(&self.out).unwrap().trim_end()
    }

    pub fn how(&self) -> How {
        self.end.as_ref().unwrap_or_else(|| panic!("it did not begin: {self:#?}")).how
    }

    /// The limits that it came to and that did not end it.
    pub fn reached(&self) -> &[Limit] {
        &self.end.as_ref().unwrap_or_else(|| panic!("it did not begin: {self:#?}")).reached
    }

    pub fn is_refused(&self, why: &str) {
        assert_eq!((self.code, self.said.contains(why)), (Some(125), true), "wanted {why:?}: {self:#?}");
        assert!(self.end.is_none() && self.out.is_empty(), "{self:#?}");
    }
}

/// The same probe without a sandbox, as the tool's user or as root.
pub fn outside(user: &str, code: &str) -> String {
    up();
    std::fs::create_dir_all(OUTSIDE).unwrap();
    let owner = format!("{USER}:reeve-tools");
    assert!(Command::new("/bin/chown").args([&owner, OUTSIDE]).status().unwrap().success());
    let ids: &[&str] = match user {
        "root" => &["--reuid", "root", "--regid", "root", "--clear-groups"],
        _ => &["--reuid", USER, "--regid", "reeve-tools", "--clear-groups"],
    };
    let output = Command::new("/usr/bin/setpriv")
        .args(ids)
        .args(["--", &python(), "-B", "-c", &format!("{PRELUDE}{code}")])
        .current_dir(OUTSIDE)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}

/// A probe prints this outside, as this user, and that in tier B and in tier C.
pub fn row(code: &str, (user, control): (&str, &str), [b, c]: [&str; 2]) {
    assert_eq!(outside(user, code), control, "outside, as {user}: the control of {code}");
    for (tier, expected) in [(Tier::B, b), (Tier::C, c)] {
        assert_eq!(Tool::probe(tier, code).run().text(), expected, "tier {tier:?}: {code}");
    }
}

/// Everything of the tool's user that runs on the host.
pub fn processes_of_the_user() -> String {
    processes_of(USER)
}

pub fn processes_of(user: &str) -> String {
    let listed = Command::new("/usr/bin/pgrep").args(["-u", user, "-a"]).output().unwrap();
    // What has ended and waits for the host's first process to take note of it runs no more.
    let listed = String::from_utf8(listed.stdout).unwrap();
    listed.lines().filter(|line| !line.ends_with("<defunct>")).map(|line| format!("{line}\n")).collect()
}
