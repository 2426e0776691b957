//! One host with a gate: its files, its processes, and the ways to speak to it.

use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use reeve::gate::client::Client;
use reeve::gate::protocol::{Answer, Call, Envelope, Problem, ProblemKind, State, Status};
use reeve::grant::SigningKey;
use reeve::operation::{Operation, Submission};
use reeve::policy::{PolicyEngine, PolicySource, SourceFile, WorkerProgram};
use reeve::principal::PrincipalName;
use serde_json::{Value, json};

use crate::launcher::Launcher;
use crate::phones::{self, Phones};
use crate::zfs::Zfs;

/// For what must happen; a busy machine is slow.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Everybody who may approve, and what their keys and accounts are made of. The two first have Unix users, too.
pub(crate) const PEOPLE: [(&str, char); 2] = [("alice", 'a'), ("bob", 'b')];
/// Their Unix users, and one of somebody who may nothing.
pub(crate) const ALICE: u32 = 70_001;
pub(crate) const BOB: u32 = 70_002;
pub(crate) const MALLORY: u32 = 70_003;

/// Puts throw-away layers over `/etc` and `/usr/sbin`, makes the people's users and `zfs`, and becomes the gate.
const NAMESPACE: &str = r#"set -eu
mount -t tmpfs -o mode=0755 layers "$DIR/layers"
for dir in /etc /usr/sbin; do
  mkdir -p "$DIR/layers$dir/upper" "$DIR/layers$dir/work"
  chmod 0755 "$DIR/layers$dir/upper"
  mount -t overlay overlay -o "lowerdir=$dir,upperdir=$DIR/layers$dir/upper,workdir=$DIR/layers$dir/work" "$dir"
done
for user in alice:70001 bob:70002 mallory:70003; do
  echo "${user%:*}:x:${user#*:}:${user#*:}::/:/bin/false" >>/etc/passwd
done
echo 'gate-test-approvers:x:70000:alice,bob' >>/etc/group
rm -f /usr/sbin/zfs
cp "$DIR/zfs" /usr/sbin/zfs
chmod 0755 /usr/sbin/zfs
exec "$GATE" --config "$DIR/gate.toml"
"#;

/// Reads and changes are free, what destroys needs people: two where `tank/vm` is meant.
pub(crate) const POLICY: &str = r#"
def evaluate(tool, args, context):
    if tool == "whoami":
        return deny(context["agent_id"])
    if tool == "circumstances":
        return deny(str([context.get(name) for name in args["names"]]))
    if context.get("effect") != "destroy":
        return allow("not destroying is free")
    approvals = 2 if under(args["resource"], "tank/vm") else 1
    return review("destroying needs a person", approvals = approvals, group = "storage", ttl = "30m")
"#;

/// Everything is free.
pub(crate) const LENIENT: &str = "def evaluate(tool, args, context):\n    return allow(\"free\")\n";
/// Nothing is.
pub(crate) const STRICT: &str =
    "def evaluate(tool, args, context):\n    return deny(\"nothing is allowed\")\n";

const CONFIG: &str = r#"
host = "host01"
socket = "@DIR@/gate.sock"
front_user = "root"
approvers_group = "gate-test-approvers"
state = "@DIR@/state"
contracts = "@DIR@/contracts"
policy = "@DIR@/policy.star"
log = "warn"

[launcher]
socket = "@DIR@/launcher.sock"
user = "root"
deadline = "5s"

[audit]
path = "@DIR@/log/audit.jsonl"
daily_at = "never"

[preflight]
report = "@DIR@/report.json"

[signal]
socket = "@DIR@/signal.sock"
account = "@ACCOUNT@"
uuid = "@US@"
user = "root"
"#;

const LIBRARIAN: &str = r#"principal = "librarian"
roles = ["agent"]

[[allow]]
operations = ["zfs.list", "zfs.snapshot", "zfs.destroy", "zfs.rollback"]
datasets = ["tank/media", "tank/vm"]
"#;

const ARCHIVIST: &str = r#"principal = "archivist"
roles = ["agent"]

[[allow]]
operations = ["zfs.list", "zfs.snapshot", "zfs.destroy"]
datasets = ["tank/archive", "tank/media/films"]
"#;

const OPERATOR: &str = "principal = \"operator\"\nroles = [\"admin\", \"metrics\"]\n";

pub(crate) struct Stage {
    pub(crate) zfs: Zfs,
    pub(crate) launcher: Launcher,
    pub(crate) phones: Phones,
    gate: Option<Child>,
    /// Every answer that the gate gave.
    pub(crate) answered: Mutex<String>,
    dir: tempfile::TempDir,
}

impl Stage {
    /// A host in good order, its people reachable.
    pub(crate) async fn set() -> Self {
        Self::with(POLICY).await
    }

    pub(crate) async fn with(policy: &str) -> Self {
        assert!(nix::unistd::geteuid().is_root(), "these tests need root");
        let dir = tempfile::tempdir().unwrap();
        // People of other users reach the socket, and nothing else.
        std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o711)).unwrap();
        for sub in ["layers", "state", "log", "contracts"] {
            std::fs::DirBuilder::new().mode(0o700).create(dir.path().join(sub)).unwrap();
        }
        let zfs = Zfs::make(dir.path());
        let key = SigningKey::generate(&dir.path().join("state/grant.key")).unwrap();
        let launcher = Launcher::listen(&dir.path().join("launcher.sock"), key.public(), zfs.clone());
        let phones = Phones::start(dir.path());
        let mut stage = Self { zfs, launcher, phones, gate: None, answered: Mutex::default(), dir };
        stage.write("gate.toml", &stage.config());
        stage.write("policy.star", policy);
        stage.write("contracts/librarian.toml", LIBRARIAN);
        stage.write("contracts/archivist.toml", ARCHIVIST);
        stage.write("contracts/operator.toml", OPERATOR);
        stage.start().await;
        stage
    }

    fn config(&self) -> String {
        let dir = self.dir.path().to_str().unwrap();
        let config =
            CONFIG.replace("@DIR@", dir).replace("@ACCOUNT@", phones::ACCOUNT).replace("@US@", phones::US);
        let approver = |(name, digit): (&str, char)| {
            let groups = if name == "bob" { "\"storage\", \"owners\"" } else { "\"storage\"" };
            format!(
                "[[approver]]\nname = \"{name}\"\nuuid = \"{}\"\nfingerprint = \"{}\"\nunix_user = \"{name}\"\ngroups = [{groups}]\n",
                phones::uuid(digit),
                phones::key(digit)
            )
        };
        config + &PEOPLE.map(approver).concat()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
        std::fs::set_permissions(self.path(name), std::fs::Permissions::from_mode(0o600)).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    /// Starts the gate and waits until it answers and reaches its people.
    pub(crate) async fn start(&mut self) {
        let mut command = Command::new("/usr/bin/unshare");
        command.args(["--mount", "--propagation", "private", "/bin/bash", "-c", NAMESPACE]);
        command.env("DIR", self.dir.path()).env("GATE", env!("CARGO_BIN_EXE_reeve-gate"));
        self.gate = Some(command.spawn().unwrap());
        let begun = Instant::now();
        while self.status().await.is_none_or(|status| status.approvals != "up") {
            assert!(self.gate.as_mut().unwrap().try_wait().unwrap().is_none(), "the gate has ended");
            assert!(begun.elapsed() < PATIENCE, "the gate does not come up");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Ends the gate as a crash does.
    pub(crate) fn kill(&mut self) {
        let mut gate = self.gate.take().unwrap();
        gate.kill().unwrap();
        gate.wait().unwrap();
    }

    pub(crate) async fn crash(&mut self) {
        self.kill();
        self.start().await;
    }

    /// Waits until the gate has ended by itself, in good order.
    pub(crate) async fn ended(&mut self) {
        let begun = Instant::now();
        let status = loop {
            if let Some(status) = self.gate.as_mut().unwrap().try_wait().unwrap() {
                break status;
            }
            assert!(begun.elapsed() < PATIENCE, "the gate goes on");
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        self.gate = None;
        assert!(status.success(), "{status}");
    }

    pub(crate) fn pid(&self) -> u32 {
        self.gate.as_ref().unwrap().id()
    }

    pub(crate) fn signal(&self, signal: nix::sys::signal::Signal) {
        let pid = nix::unistd::Pid::from_raw(i32::try_from(self.pid()).unwrap());
        nix::sys::signal::kill(pid, signal).unwrap();
    }

    pub(crate) fn client(&self) -> Client {
        Client::new(&self.path("gate.sock"), Some(0))
    }

    pub(crate) async fn status(&self) -> Option<Status> {
        match self.client().call(None, Call::Status).await {
            Ok(Answer::Status(status)) => Some(status),
            Ok(other) => panic!("{other:?}"),
            Err(_down) => None,
        }
    }

    pub(crate) async fn call(&self, caller: &str, call: Call) -> Result<Answer, Problem> {
        let answer = self.client().call(Some(principal(caller)), call.clone()).await;
        crate::secrets::says_no_way_around(&call, &answer);
        self.heard(&answer);
        answer
    }

    fn heard(&self, answer: &Result<Answer, Problem>) {
        self.answered.lock().unwrap().push_str(&serde_json::to_string(answer).unwrap());
    }

    pub(crate) async fn submit(&self, caller: &str, operation: Value) -> Result<Envelope, Problem> {
        self.submit_with(caller, submission(operation), None).await
    }

    pub(crate) async fn submit_with(
        &self,
        caller: &str,
        submission: Submission,
        key: Option<&str>,
    ) -> Result<Envelope, Problem> {
        let call = Call::Submit { submission, idempotency_key: key.map(str::to_owned) };
        self.call(caller, call).await.map(envelope)
    }

    pub(crate) async fn look(&self, caller: &str, id: &str) -> Result<Envelope, Problem> {
        let call = Call::Get { op: id.to_owned(), wait_ms: 0, seen: 0 };
        self.call(caller, call).await.map(envelope)
    }

    /// Waits until the operation is in that state.
    pub(crate) async fn until(&self, id: &str, wanted: State) -> Envelope {
        let begun = Instant::now();
        loop {
            let seen = self.look("operator", id).await;
            if let Ok(envelope) = &seen
                && envelope.state == wanted
            {
                return envelope.clone();
            }
            assert!(begun.elapsed() < PATIENCE, "not {wanted:?}: {seen:?}");
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
    }

    /// Asks as another Unix user, on a connection of its own; none when the connection was closed on it.
    pub(crate) fn ask_as(&self, uid: u32, call: &Call) -> Option<Result<Answer, Problem>> {
        let answer = crate::local::ask_as(&self.path("gate.sock"), self.dir.path(), uid, call);
        answer.iter().for_each(|answer| self.heard(answer));
        answer
    }

    /// The audit records of one kind.
    pub(crate) fn records(&self, kind: &str) -> Vec<Value> {
        let log = self.read("log/audit.jsonl");
        let records = log.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        records.filter(|record| record["kind"] == kind).collect()
    }

    /// The number of the last audit record.
    pub(crate) fn last_seq(&self) -> u64 {
        let log = self.read("log/audit.jsonl");
        serde_json::from_str::<Value>(log.lines().last().unwrap()).unwrap()["seq"].as_u64().unwrap()
    }

    /// Has the gate read everything again as root does at the console, and waits until it is in force.
    pub(crate) fn reload(&self) {
        let before = self.records("config_reloaded").len();
        self.signal(nix::sys::signal::Signal::SIGHUP);
        let records = self.until_recorded("config_reloaded", before + 1);
        assert_eq!(records[before]["detail"]["loaded"], true, "{}", records[before]);
        // It comes into force in the same breath, and the next call is heard after that.
        std::thread::sleep(Duration::from_millis(100));
    }

    /// Waits until there are so many audit records of one kind.
    pub(crate) fn until_recorded(&self, kind: &str, count: usize) -> Vec<Value> {
        let begun = Instant::now();
        loop {
            let records = self.records(kind);
            if records.len() >= count {
                return records;
            }
            assert!(begun.elapsed() < PATIENCE, "{} records of {kind}", records.len());
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.holds_no_token();
        }
        if let Some(gate) = &mut self.gate {
            gate.kill().unwrap();
            gate.wait().unwrap();
        }
    }
}

pub(crate) fn principal(name: &str) -> PrincipalName {
    PrincipalName::try_from(name.to_owned()).unwrap()
}

pub(crate) fn submission(operation: Value) -> Submission {
    let operation = Operation::from_value(operation).unwrap();
    Submission { operation, reason: None, run_id: None, on_behalf_of: None }
}

/// A policy in a worker of its own, beside the gate's.
pub(crate) async fn engine(policy: &str) -> PolicyEngine {
    let main = SourceFile { name: "policy.star".to_owned(), text: policy.to_owned() };
    let worker = WorkerProgram {
        path: env!("CARGO_BIN_EXE_reeve-gate").into(),
        args: vec!["__policy-worker".into()],
        load_deadline: PATIENCE,
    };
    PolicyEngine::start(PolicySource::new(main, Vec::new()), worker).await.unwrap()
}

pub(crate) fn zfs(op: &str, resource: &str) -> Value {
    json!({"kind": "zfs", "op": op, "resource": resource})
}

pub(crate) fn snapshot(dataset: &str, name: &str) -> Value {
    json!({"kind": "zfs", "op": "snapshot", "resource": dataset, "params": {"name": name}})
}

pub(crate) fn envelope(answer: Answer) -> Envelope {
    let Answer::Operation(envelope) = answer else { panic!("no operation: {answer:?}") };
    *envelope
}

pub(crate) fn kind<T: std::fmt::Debug>(answer: Result<T, Problem>) -> ProblemKind {
    answer.unwrap_err().kind
}

/// Says one frame and reads one: none when the gate hangs up instead.
pub(crate) fn exchange(socket: &Path, frame: &[u8]) -> Option<Vec<u8>> {
    let mut stream = UnixStream::connect(socket).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    // The gate may have hung up already.
    drop(stream.write_all(frame));
    let mut length = [0; 4];
    match stream.read_exact(&mut length) {
        Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => panic!("neither answer nor end"),
        Err(_ended) => return None,
        Ok(()) => {}
    }
    let mut body = vec![0; usize::try_from(u32::from_le_bytes(length)).unwrap()];
    stream.read_exact(&mut body).unwrap();
    Some(body)
}
