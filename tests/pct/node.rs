//! A Proxmox node in a folder of its own: the fake in this process, whose state a test holds in its hands.

use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use reeve::adapter::{
    self, Adapter, Argv, Host, HostError, PctAsWritten, Plan, Program, Settings, ToolOutput,
};
use reeve::operation::Operation;
use serde_json::{Value, json};

use crate::fake::{Backing, Machine};

/// What the owner of the node allows.
const ALLOWED: &str = r#"
templates = ["local:vztmpl/debian-12.tar.zst"]
storages = ["local-zfs", "local-lvm"]
bridges = ["vmbr0"]
features = ["nesting"]
backups = ["pbs"]
"#;

/// A node, and every read that was made of it.
pub struct Node {
    dir: PathBuf,
    backing: Backing,
    settings: Settings,
    clock: AtomicU64,
    reads: Mutex<Vec<Argv>>,
}

impl Node {
    /// A node with a template, after these commands.
    pub fn after(commands: &[&str]) -> Self {
        Self::new(Backing::Pure, ALLOWED, commands)
    }

    /// The same, whose containers LXC runs. It needs root, and LXC.
    pub fn on_lxc(commands: &[&str]) -> Self {
        Self::new(Backing::Lxc, ALLOWED, commands)
    }

    /// A node whose owner allows this.
    pub fn allowing(allowed: &str, commands: &[&str]) -> Self {
        Self::new(Backing::Pure, allowed, commands)
    }

    fn new(backing: Backing, allowed: &str, commands: &[&str]) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let dir = std::env::temp_dir().join(format!("reeve-pct-{}-{number}", std::process::id()));
        for folder in ["templates", "backups/pbs", "ha"] {
            std::fs::create_dir_all(dir.join(folder)).unwrap();
        }
        std::fs::write(dir.join("templates/debian-12.tar.zst"), "").unwrap();
        let pct = toml::from_str::<PctAsWritten>(allowed).unwrap().meant().unwrap();
        let mut settings = Settings::default();
        settings.pct.clone_from(&pct);
        let clock = AtomicU64::new(1_795_164_886);
        let node = Self { dir, backing, settings, clock, reads: Mutex::default() };
        commands.iter().for_each(|command| node.must(command));
        node
    }

    /// Runs a command line as root, a second later than the one before.
    pub fn root(&self, line: &str) -> ToolOutput {
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        self.clock.fetch_add(1, Ordering::Relaxed);
        self.call(&words[0], &words[1..])
    }

    /// Runs a command line as root, which must succeed.
    pub fn must(&self, line: &str) {
        let output = self.root(line);
        assert_eq!(output.exit_code, 0, "{line}: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// What a command line prints.
    pub fn says(&self, line: &str) -> String {
        String::from_utf8(self.root(line).stdout).unwrap()
    }

    /// Makes something go wrong from now on.
    pub fn fault(&self, word: &str) {
        std::fs::write(self.dir.join("faults"), word).unwrap();
    }

    /// A folder of the node's.
    pub fn folder(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// Writes a file of the node's.
    pub fn file(&self, name: &str, text: &str) {
        std::fs::write(self.dir.join(name), text).unwrap();
    }

    /// Adds lines to a container's configuration, as somebody with an editor.
    pub fn edit(&self, vm: u32, lines: &str) {
        let path = self.dir.join(format!("nodes/pve/lxc/{vm}.conf"));
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(path, format!("{lines}{text}")).unwrap();
    }

    /// Runs a shell line inside a container that LXC runs.
    pub fn inside(&self, vm: u32, line: &str) -> String {
        let (path, vm) = (self.dir.join("lxc"), vm.to_string());
        let mut attach = std::process::Command::new("/usr/bin/lxc-attach");
        attach.arg("-P").arg(path).args(["-n", &vm, "--clear-env", "--", "/bin/sh", "-c", line]);
        let output = attach.output().unwrap();
        assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Plans, which must not be refused.
    pub fn plan(&self, op: &Operation) -> Plan {
        adapter::of(op).plan(self).unwrap_or_else(|refusal| panic!("{}: {refusal:?}", op.command_line()))
    }

    /// The rule by which a plan is refused.
    pub fn rule(&self, op: &Operation) -> &'static str {
        match adapter::of(op).plan(self) {
            Ok(plan) => panic!("{} is planned: {plan:?}", op.command_line()),
            Err(refusal) => refusal.rule.as_str(),
        }
    }

    /// What a read answers.
    pub fn answer(&self, op: &Operation) -> Value {
        adapter::of(op).read(self).unwrap().result
    }

    /// Runs a plan's steps in order; the first that fails ends it.
    pub fn act(&self, plan: &Plan) -> Result<(), String> {
        self.clock.fetch_add(1, Ordering::Relaxed);
        for step in &plan.steps {
            let output = self.call(step.argv.program.name(), &step.argv.args);
            if output.exit_code != 0 {
                return Err(String::from_utf8_lossy(&output.stderr).into_owned());
            }
        }
        Ok(())
    }

    /// Plans, runs and verifies; the operation that takes it back, when there is one.
    pub fn through(&self, op: &Operation) -> Option<Operation> {
        let plan = self.plan(op);
        assert!(!plan.settled, "{}", op.command_line());
        self.act(&plan).unwrap_or_else(|error| panic!("{}: {error}", op.command_line()));
        let after = adapter::of(op).verify(&plan, self);
        assert!(after.verified, "{} after: {after:?}", op.command_line());
        plan.undo.map(|offer| offer.operation)
    }

    /// The reads since the last call of this.
    pub fn reads(&self) -> Vec<Argv> {
        std::mem::take(&mut self.reads.lock().unwrap())
    }

    fn call(&self, program: &str, args: &[String]) -> ToolOutput {
        let machine =
            Machine { dir: self.dir.clone(), backing: self.backing, now: self.clock.load(Ordering::Relaxed) };
        let output = machine.run(program, args);
        ToolOutput {
            exit_code: i32::from(output.code),
            stdout: output.stdout.into_bytes(),
            stderr: output.stderr.into_bytes(),
        }
    }
}

impl Host for Node {
    fn read(&self, argv: &Argv) -> Result<ToolOutput, HostError> {
        self.reads.lock().unwrap().push(argv.clone());
        Ok(self.call(argv.program.name(), &argv.args))
    }

    fn settings(&self) -> &Settings {
        &self.settings
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if self.backing == Backing::Lxc {
            for line in self.says("pct list").lines().filter(|line| line.contains(" running ")) {
                let _gone_already = self.root(&format!("pct stop {}", line.split(' ').next().unwrap()));
            }
        }
        let _left_behind = std::fs::remove_dir_all(&self.dir);
    }
}

/// A container 101 that does not run.
pub const ONE: &str = "pct create 101 local:vztmpl/debian-12.tar.zst --hostname=web --memory=512 --rootfs=local-zfs:8 --net0=name=eth0,bridge=vmbr0,ip=dhcp";

/// An operation from its JSON.
pub fn operation(op: &str, resource: &str, params: Value) -> Operation {
    Operation::from_value(json!({"kind": "pct", "op": op, "resource": resource, "params": params})).unwrap()
}

/// The steps as command lines.
pub fn steps(plan: &Plan) -> Vec<String> {
    plan.steps.iter().map(|step| step.argv.to_string()).collect()
}

/// A look after an interruption, as one word.
pub fn reconciled(op: &Operation, plan: &Plan, host: &dyn Host) -> String {
    serde_json::to_value(Adapter::reconcile(adapter::of(op), plan, host).happened)
        .unwrap()
        .as_str()
        .unwrap()
        .to_owned()
}

/// Every program of Proxmox's reads with root's help.
#[test]
fn nothing_of_proxmox_is_read_without_a_grant() {
    use reeve::adapter::{Reads, WrapperName};
    for program in [Program::Pct, Program::Pvesm, Program::HaManager] {
        assert_eq!(program.reads(), Reads::ByWrapper(WrapperName::Pct));
        assert!(program.is_supervised());
    }
}
