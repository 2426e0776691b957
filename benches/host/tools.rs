//! How long a tool takes to start and end: the wrapper with a grant, apart from sudo, against the same program by itself, and
//! against bubblewrap with the very arguments that the wrapper gives it.

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use reeve::grant::{Grant, RunAs, SigningKey, WrapperName};
use reeve::sandbox::egress::Egress;
use reeve::sandbox::{BUBBLEWRAP, Confinement, Limits, MemoryBy, Tier, Workspace, arguments, encode};
use reeve::sys::clock::{Clock, SystemClock};
use reeve::sys::{host, ids};

use crate::figures::{ROUNDS, median, print};

const WRAPPER: &str = "/usr/local/libexec/reeve/reeve-tool";
const PROGRAM: &str = "/usr/bin/true";
const USER: &str = "reeve-tool";
/// How often in each round, one after another and beside each other.
const TIMES: usize = 40;
const BESIDE: usize = 50;
/// What a parent has in memory that forks for a living.
const LARGE: usize = 512 << 20;

pub(crate) fn measure() {
    let key = key();
    let digest = sha256(PROGRAM);
    let of = |tier| confinement(tier, &digest);
    let bare = || run(&mut Command::new(PROGRAM));
    let (b, c) = (|| wrapper(&key, &of(Tier::B)), || wrapper(&key, &of(Tier::C)));
    let user = ids::user(USER).unwrap().unwrap();
    let own = || run(bubblewrap(&of(Tier::C)).uid(user.uid).gid(user.gid));
    let times = || (one_by_one(&bare), one_by_one(&b), one_by_one(&own), one_by_one(&c));
    let rounds: Vec<_> = (0..ROUNDS).map(|_| times()).collect();
    let [spawned, in_b, wrapped, in_c] = [
        rounds.iter().map(|round| round.0).collect::<Vec<_>>(),
        rounds.iter().map(|round| round.1).collect(),
        rounds.iter().map(|round| round.2).collect(),
        rounds.iter().map(|round| round.3).collect(),
    ];
    print("tool_start_b_p50", (&in_b, "ms"), &spawned, "<= 2");
    print("tool_start_c_p50", (&in_c, "ms"), &wrapped, "<= 1.1");
    let fifty: Vec<_> = (0..ROUNDS).map(|_| (beside(&own), beside(&c))).collect();
    let (theirs, ours): (Vec<_>, Vec<_>) = fifty.into_iter().unzip();
    print("tool_fifty_beside_c", (&ours, "ms"), &theirs, "none");
    // What starts the wrapper may be large: that must not matter.
    let large = std::hint::black_box(vec![1_u8; LARGE]);
    let by_large: Vec<_> = (0..ROUNDS).map(|_| one_by_one(&b)).collect();
    assert_eq!(large.iter().map(|byte| usize::from(*byte)).sum::<usize>(), LARGE);
    print("tool_start_b_large_parent_p50", (&by_large, "ms"), &in_b, "<= 1.2");
    #[cfg(feature = "wasm")]
    super::modules::measure(&bare, &c);
}

pub(crate) fn sha256(path: &str) -> String {
    let said = Command::new("/usr/bin/sha256sum").arg(path).output().unwrap();
    String::from_utf8(said.stdout).unwrap().split(' ').next().unwrap().to_owned()
}

/// The gate's key, as root can have it.
pub(crate) fn key() -> SigningKey {
    let copy = "/run/reeve-bench.key";
    std::fs::write(copy, std::fs::read("/var/lib/reeve/grant.key").unwrap()).unwrap();
    std::fs::set_permissions(copy, PermissionsExt::from_mode(0o600)).unwrap();
    SigningKey::load(copy.as_ref()).unwrap()
}

pub(crate) fn confinement(tier: Tier, digest: &str) -> Confinement {
    Confinement {
        tool: "true".to_owned(),
        tier,
        user: USER.to_owned(),
        program: PROGRAM.to_owned(),
        sha256: digest.to_owned(),
        workspace: Workspace::Fresh,
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
            memory: 64 << 20,
            memory_by: MemoryBy::Cgroup,
            processes: 16,
            open_files: 64,
            file_size: 1 << 20,
            output: 1 << 16,
            workspace: 1 << 20,
            inodes: 1024,
        },
        module: None,
    }
}

/// The same arguments, with the program where the inner stage would be.
fn bubblewrap(confinement: &Confinement) -> Command {
    let mut argv = arguments(confinement, PROGRAM, &[]);
    assert_eq!(argv.pop().as_deref(), Some("--inside"));
    let mut command = Command::new(BUBBLEWRAP);
    command.args(argv).env_clear();
    command
}

/// From a signed grant to the end of the tool.
pub(crate) fn wrapper(key: &SigningKey, confinement: &Confinement) {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let mut nonce = [0xbe; 16];
    nonce[8..].copy_from_slice(&NEXT.fetch_add(1, Ordering::Relaxed).to_be_bytes());
    nonce[..4].copy_from_slice(&std::process::id().to_be_bytes());
    let soon = SystemClock.boot() + Duration::from_secs(30);
    let grant = Grant {
        operation: "op_00000000000000000000000000".to_owned(),
        step: 0,
        wrapper: WrapperName::Tool,
        program: WRAPPER.to_owned(),
        argv: vec![encode(confinement), String::new()],
        directory: None,
        run_as: RunAs::Root,
        host: host::machine_id().unwrap(),
        boot: host::boot_id().unwrap(),
        not_after: soon.as_nanos().try_into().unwrap(),
        run_limit_secs: 10,
        nonce,
    };
    let signed = key.sign(&grant).unwrap();
    let mut child =
        Command::new(WRAPPER).env_clear().stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(signed.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(String::from_utf8(output.stdout).unwrap().contains("end exit 0"), "the tool did not run");
}

fn run(command: &mut Command) {
    assert!(command.stdin(Stdio::null()).stdout(Stdio::null()).status().unwrap().success());
}

fn timed(work: impl FnOnce()) -> f64 {
    let began = Instant::now();
    work();
    began.elapsed().as_secs_f64() * 1000.0
}

pub(crate) fn one_by_one(work: &impl Fn()) -> f64 {
    median(&(0..TIMES).map(|_| timed(work)).collect::<Vec<_>>())
}

fn beside(work: &(impl Fn() + Sync)) -> f64 {
    timed(|| {
        std::thread::scope(|scope| (0..BESIDE).for_each(|_| drop(scope.spawn(work))));
    })
}
