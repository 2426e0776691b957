//! The real wrapper, as root, on the production paths: in a mount namespace of its own, with a script for `zfs`.
//!
//! Needs root and overlayfs, and fails without them: a wrapper that was not tried as root was not tried.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may fail")]

#[path = "privileged/steps.rs"]
mod steps;
#[path = "privileged/tool.rs"]
mod tool;
#[path = "privileged/workspace.rs"]
mod workspace;

use std::ffi::OsString;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use reeve::grant::{Grant, RunAs, SignedGrant, SigningKey, WrapperName};
use reeve::launcher::{
    self,
    client::{LaunchError, Request},
};
use reeve::sys::clock::{Clock, SystemClock};
use reeve::sys::process::{Command, Exit, Finished, Worker, run, spawn_with_socket};
use reeve::sys::{host, random};

const WRAPPER: &str = env!("CARGO_BIN_EXE_reeve-zfs");

/// Says all that a program can see of how it was started.
const ZFS: &str = r#"#!/bin/sh
[ "$2" = tank@slow ] && exec sleep 10
echo "args:$*"
echo "user: $(id -u) groups: $(id -G)"
echo "umask: $(umask) core: $(ulimit -c) stdin: $(readlink /proc/$$/fd/0) cwd: $(pwd)"
env | sort | grep -v '^PWD='
# Signals 32 and 33 are libc's own, and it lets nobody touch them.
grep -E '^(SigBlk|SigIgn|NoNewPrivs):' /proc/$$/status | tr '\t' ' ' | sed 's/180000000$/000000000/'
ls /proc/self/fd | tr '\n' ' '; echo
"#;

/// Puts throw-away layers over what root reads and runs, and the demo host into them.
const NAMESPACE: &str = r#"set -eu
mount -t tmpfs -o mode=0755 layers "$LAYERS"
for dir in /etc /var/lib /usr/sbin; do
  mkdir -p "$LAYERS$dir/upper" "$LAYERS$dir/work"
  chmod 0755 "$LAYERS$dir/upper"
  mount -t overlay overlay -o "lowerdir=$dir,upperdir=$LAYERS$dir/upper,workdir=$LAYERS$dir/work" "$dir"
done
mkdir -p -m 0755 /etc/reeve /var/lib/reeve-root
mkdir -p -m 0700 /var/lib/reeve-root/spent
cp "$TEST/grant.pub" /etc/reeve/grant.pub
rm -f /usr/sbin/zfs; cp "$TEST/zfs" /usr/sbin/zfs; chmod 0755 /usr/sbin/zfs
"#;

struct Host {
    directory: PathBuf,
    key: SigningKey,
}

impl Host {
    fn new(name: &str) -> Host {
        let directory = std::env::temp_dir().join(format!("reeve-privileged-{}-{name}", std::process::id()));
        std::fs::DirBuilder::new().mode(0o700).create(&directory).unwrap();
        for sub in ["keys", "layers"] {
            std::fs::DirBuilder::new().mode(0o700).create(directory.join(sub)).unwrap();
        }
        let key = SigningKey::generate(&directory.join("keys/grant.key")).unwrap();
        std::fs::write(directory.join("grant.pub"), key.public().to_hex() + "\n").unwrap();
        std::fs::write(directory.join("zfs"), ZFS).unwrap();
        Host { directory, key }
    }

    /// Writes a grant, good for the next 30 seconds unless changed, to be shown to the wrapper by its name.
    fn grant(&self, name: &str, change: impl FnOnce(&mut Grant)) -> SignedGrant {
        let mut nonce = [0; 16];
        random::fill(&mut nonce).unwrap();
        let until = SystemClock.boot() + Duration::from_secs(30);
        let mut grant = Grant {
            operation: "op_TEST".into(),
            step: 0,
            wrapper: WrapperName::Zfs,
            program: "/usr/sbin/zfs".into(),
            argv: vec!["snapshot".into(), "tank@a".into()],
            directory: None,
            run_as: RunAs::Root,
            host: host::machine_id().unwrap(),
            boot: host::boot_id().unwrap(),
            not_after: u64::try_from(until.as_nanos()).unwrap(),
            run_limit_secs: 20,
            nonce,
        };
        change(&mut grant);
        let signed = self.key.sign(&grant).unwrap();
        std::fs::write(self.directory.join(name), signed.as_bytes()).unwrap();
        signed
    }

    /// Starts the launcher as on an installed host, and waits until it listens.
    fn launcher(&self) -> (Worker, PathBuf) {
        let run = self.path("run");
        std::fs::create_dir(&run).unwrap();
        std::fs::set_permissions(&run, std::fs::Permissions::from_mode(0o777)).unwrap();
        std::fs::set_permissions(&self.directory, std::fs::Permissions::from_mode(0o711)).unwrap();
        let sudoers = concat!(env!("CARGO_MANIFEST_DIR"), "/sudoers/reeve");
        let program = env!("CARGO_BIN_EXE_reeve-launcher");
        let variables = format!(
            "TEST={0} LAYERS={0}/layers WRAPPER={WRAPPER} LAUNCHER={program} SUDOERS={sudoers}",
            self.directory.display()
        );
        let script = format!("{variables}\n{NAMESPACE}{LAUNCHER}");
        let args =
            ["--mount", "--propagation", "private", "/bin/bash", "--norc", "-c", &script].map(OsString::from);
        let (worker, _socket) = spawn_with_socket(Path::new("/usr/bin/unshare"), &args).unwrap();
        let socket = run.join("launcher.sock");
        let listens = (0..500).any(|_| {
            std::thread::sleep(Duration::from_millis(10));
            std::os::unix::net::UnixStream::connect(&socket).is_ok()
        });
        assert!(listens, "the launcher did not start");
        (worker, socket)
    }

    /// Runs a script as root of the namespace; `wrapper NAME` shows the wrapper that grant and then tells its status.
    fn run(&self, script: &str) -> Finished {
        assert!(nix::unistd::geteuid().is_root(), "these tests need root");
        let wrapper = "wrapper() { name=$1; shift; set +e; \"$WRAPPER\" \"$@\" <\"$TEST/$name\"; echo \"status: $?\"; set -e; }";
        let script = format!("{NAMESPACE}{wrapper}\n{script}");
        let command = Command::new("/usr/bin/unshare")
            .args(["--mount", "--propagation", "private", "/bin/bash", "-c", &script])
            .env("TEST", self.path(""))
            .env("LAYERS", self.path("layers"))
            .env("WRAPPER", WRAPPER)
            .env("OPENSSL_ia32cap", "0")
            .env("ZFS_COLOR", "1");
        run(&command).unwrap()
    }

    fn path(&self, name: &str) -> PathBuf {
        Path::new(&self.directory).join(name)
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

fn said(finished: &Finished) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&finished.stdout), text(&finished.stderr))
}

#[test]
fn a_granted_program_runs_with_its_arguments_and_nothing_else_around_it() {
    let host = Host::new("clean");
    host.grant("good", |_| {});
    let (out, err) = said(&host.run("trap '' PIPE USR1 RTMIN+3; umask 0; exec 7</etc/passwd; wrapper good"));
    let expected = "args:snapshot tank@a\nuser: 0 groups: 0\n\
        umask: 0022 core: 0 stdin: /dev/null cwd: /\n\
        LC_ALL=C\nPATH=/usr/sbin:/usr/bin:/sbin:/bin\n\
        SigBlk: 0000000000000000\nSigIgn: 0000000000000000\nNoNewPrivs: 1\n\
        0 1 2 3 \nstatus: 0\n";
    // Descriptor 3 is ls reading the directory.
    assert_eq!((out.as_str(), err.as_str()), (expected, ""));
}

#[test]
fn a_program_for_a_user_runs_as_that_user_with_its_groups_and_no_way_back() {
    let host = Host::new("user");
    host.grant("good", |grant| grant.run_as = RunAs::User("nobody".into()));
    let (out, err) = said(&host.run("wrapper good"));
    let group = nix::unistd::User::from_name("nobody").unwrap().unwrap().gid;
    assert_eq!(out.lines().nth(1), Some(format!("user: 65534 groups: {group}").as_str()), "{out}{err}");
    assert!(out.ends_with("status: 0\n"), "{out}{err}");
}

#[test]
fn a_grant_is_good_for_one_run() {
    let host = Host::new("once");
    host.grant("good", |_| {});
    let (out, err) =
        said(&host.run("wrapper good >/dev/null; wrapper good; ls /var/lib/reeve-root/spent | wc -l"));
    assert_eq!(out, "status: 125\n1\n");
    assert_eq!(err, "reeve-zfs: refused: the grant has been spent\n");
}

#[test]
fn of_sixteen_wrappers_shown_one_grant_at_once_one_runs_it() {
    let host = Host::new("race");
    host.grant("good", |_| {});
    let script = "for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16; do wrapper good & done; wait";
    let (out, err) = said(&host.run(script));
    assert_eq!(out.matches("args:snapshot tank@a").count(), 1, "{out}{err}");
    assert_eq!(err.matches("reeve-zfs: refused: the grant has been spent\n").count(), 15, "{out}{err}");
}

#[test]
fn arguments_and_a_grant_with_a_byte_more_or_less_are_refused_before_anything_runs() {
    let host = Host::new("refused");
    host.grant("good", |_| {});
    let bytes = std::fs::read(host.path("good")).unwrap();
    std::fs::write(host.path("long"), [bytes.as_slice(), b"x"].concat()).unwrap();
    std::fs::write(host.path("short"), &bytes[..bytes.len() - 1]).unwrap();
    std::fs::write(host.path("none"), b"").unwrap();
    let script =
        "wrapper good destroy; wrapper long; wrapper short; wrapper none; ls /var/lib/reeve-root/spent";
    let (out, err) = said(&host.run(script));
    assert_eq!(out, "status: 125\n".repeat(4));
    assert_eq!(
        err,
        "reeve-zfs: refused: takes no arguments: the grant comes on stdin\n\
         reeve-zfs: refused: the signature is not the gate's\n\
         reeve-zfs: refused: the signature is not the gate's\n\
         reeve-zfs: refused: not a grant: ends too early\n"
    );
}

#[test]
fn a_key_or_ledger_that_others_could_have_changed_is_refused() {
    let host = Host::new("untrusted");
    host.grant("good", |_| {});
    let script = "key=/etc/reeve/grant.pub ledger=/var/lib/reeve-root/spent
        chmod 0664 $key; wrapper good; chmod 0644 $key
        mv $key $key.real; ln -s grant.pub.real $key; wrapper good; mv $key.real $key
        chmod 0777 /etc/reeve; wrapper good; chmod 0755 /etc/reeve
        chown nobody $key; wrapper good; chown root $key
        chmod 0750 $ledger; wrapper good; chmod 0700 $ledger
        rmdir $ledger; wrapper good; mkdir -m 0700 $ledger
        wrapper good | tail -1";
    let (out, err) = said(&host.run(script));
    assert_eq!(out, "status: 125\n".repeat(6) + "status: 0\n");
    let key = "reeve-zfs: refused: the gate's public key is not to be trusted: /etc/reeve";
    let ledger =
        "reeve-zfs: refused: the ledger of spent grants is not to be trusted: /var/lib/reeve-root/spent";
    assert_eq!(
        err,
        format!(
            "{key}/grant.pub: others may write it (mode 0664): run chmod go-w on it\n\
             {key}/grant.pub: is a symbolic link: name the real path\n\
             {key}: others may write it (mode 0777): run chmod go-w on it\n\
             {key}/grant.pub: is owned by uid 65534: chown it to root, or to uid 0 that reads it\n\
             {ledger}: others may read it (mode 0750): run chmod go= on it\n\
             {ledger}: cannot be read\n"
        )
    );
}

#[test]
fn a_program_that_outlives_its_run_limit_is_ended() {
    let host = Host::new("limit");
    host.grant("slow", slow(1));
    let (out, err) = said(&host.run("wrapper slow"));
    // 128 + SIGALRM, as the shell tells it.
    assert_eq!(out, "status: 142\n", "{err}");
}

#[test]
fn the_table_of_the_real_wrapper_has_no_recursive_destroy_and_no_foreign_property() {
    let host = Host::new("table");
    for (name, argv) in [
        ("a", ["destroy", "-r", "tank/a"].as_slice()),
        ("b", &["destroy", "-Rf", "tank/a"]),
        ("c", &["rollback", "-r", "tank/a@b"]),
        ("d", &["set", "mountpoint=/etc", "tank/a"]),
        ("e", &["set", "setuid=on", "tank/a"]),
        ("f", &["create", "-o", "sharenfs=on", "tank/a"]),
        ("g", &["send", "tank/a@b"]),
        ("h", &["allow", "everyone", "destroy", "tank"]),
        ("i", &["destroy", "tank/a@b%c"]),
    ] {
        host.grant(name, |grant| grant.argv = argv.iter().map(|arg| (*arg).to_owned()).collect());
    }
    let quarantine = ["create", "-o", "canmount=off", "-o", "mountpoint=none", "tank/reeve-quarantine"];
    host.grant("z", |grant| grant.argv = quarantine.map(str::to_owned).to_vec());
    let script = "for name in a b c d e f g h i; do wrapper $name; done; wrapper z | tail -1";
    let (out, err) = said(&host.run(script));
    assert_eq!(out, "status: 125\n".repeat(9) + "status: 0\n", "{err}");
    assert_eq!(err.matches("is not in the table\n").count(), 9, "{err}");
}

#[test]
fn every_step_that_an_adapter_plans_is_in_the_table_of_the_real_wrapper() {
    let host = Host::new("steps");
    let golden = include_str!("golden/argv.txt").replace("GUID", "42");
    let steps: Vec<&str> = golden.lines().filter_map(|line| line.strip_prefix("step  ")).collect();
    assert!(steps.len() > 30, "{steps:?}");
    for (number, step) in steps.iter().enumerate() {
        let (program, args) = step.split_once(' ').unwrap();
        host.grant(&number.to_string(), |grant| {
            grant.program = format!("/usr/sbin/{program}");
            grant.argv = args.split(' ').map(str::to_owned).collect();
        });
    }
    let script = format!(
        "cp /usr/sbin/zfs /usr/sbin/zpool; for name in $(seq 0 {}); do wrapper $name; done",
        steps.len() - 1
    );
    let (out, err) = said(&host.run(&script));
    assert_eq!(out.matches("status: 0\n").count(), steps.len(), "{err}");
}

/// Users, sudoers and wrapper as on an installed host, then the launcher as its own user. The gate is played by this
/// process, so root may call.
const LAUNCHER: &str = r#"
mkdir -p "$LAYERS/local/upper" "$LAYERS/local/work"; chmod 0755 "$LAYERS/local/upper"
mount -t overlay overlay -o "lowerdir=/usr/local,upperdir=$LAYERS/local/upper,workdir=$LAYERS/local/work" /usr/local
getent passwd reeve-run >/dev/null || useradd --system --no-create-home --shell /usr/sbin/nologin reeve-run
mkdir -p -m 0755 /usr/local/libexec/reeve
install -m 0755 "$WRAPPER" /usr/local/libexec/reeve/reeve-zfs
install -m 0440 "$SUDOERS" /etc/sudoers.d/reeve
install -m 0755 "$LAUNCHER" /usr/local/bin/reeve-launcher
cd /
exec setpriv --reuid reeve-run --regid reeve-run --clear-groups \
  /usr/local/bin/reeve-launcher --socket "$TEST/run/launcher.sock" --gate-user root
"#;

fn request(grant: SignedGrant) -> Request {
    Request {
        wrapper: WrapperName::Zfs,
        grant,
        deadline: Duration::from_secs(20),
        max_output: 10_000,
        launcher_uid: None,
    }
}

fn slow(seconds: u32) -> impl FnOnce(&mut Grant) {
    move |grant| {
        grant.argv = vec!["snapshot".into(), "tank@slow".into()];
        grant.run_limit_secs = seconds;
    }
}

#[test]
fn what_the_launcher_may_not_kill_is_reported_as_unknown_and_ends_by_its_own_limit() {
    let host = Host::new("unkillable");
    let (_launcher, socket) = host.launcher();
    let impatient = Request { deadline: Duration::from_millis(300), ..request(host.grant("slow", slow(3))) };
    let error = launcher::client::run(
        &socket,
        &impatient,
        &launcher::client::Cancellation::default(),
        &mut |_, _| {},
    )
    .unwrap_err();
    assert!(matches!(&error, LaunchError::Failed(why) if why.contains("still runs")), "{error}");
    assert!(!error.nothing_ran());
}

#[test]
fn the_launcher_starts_a_wrapper_through_the_real_sudo() {
    let host = Host::new("sudo");
    let (_launcher, socket) = host.launcher();
    let good = request(host.grant("good", |_| {}));
    let finished =
        launcher::client::run(&socket, &good, &launcher::client::Cancellation::default(), &mut |_, _| {})
            .unwrap();
    let (out, err) = said(&finished);
    assert!(out.starts_with("args:snapshot tank@a\nuser: 0 groups: 0\n"), "{out}{err}");
    assert!(!out.contains("SUDO_"), "{out}");
    assert_eq!(finished.status, Exit::Code(0));

    let stranger = Request { launcher_uid: Some(1), ..good.clone() };
    let refused =
        launcher::client::run(&socket, &stranger, &launcher::client::Cancellation::default(), &mut |_, _| {})
            .unwrap_err();
    assert!(matches!(refused, LaunchError::PeerRefused(_)) && refused.nothing_ran(), "{refused}");

    let again =
        launcher::client::run(&socket, &good, &launcher::client::Cancellation::default(), &mut |_, _| {})
            .unwrap();
    assert_eq!(again.status, Exit::Code(125));
    assert_eq!(said(&again).1, "reeve-zfs: refused: the grant has been spent\n");

    let late = launcher::client::run(
        &socket,
        &request(host.grant("slow", slow(1))),
        &launcher::client::Cancellation::default(),
        &mut |_, _| {},
    )
    .unwrap();
    assert!(matches!(late.status, Exit::Signal(14) | Exit::Code(142)), "{late:?}");
}
