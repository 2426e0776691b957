//! The guest under test: units of the tests' own, reads as an ordinary user, steps as root.

use std::process::{Command, Output};
use std::time::Duration;

use reeve::adapter::{
    self, Argv, Host, HostError, Plan, PlanRefusal, Program, Settings, SystemdAsWritten, ToolOutput,
    Verification,
};
use reeve::operation::Operation;
use serde_json::{Value, json};

const UNITS: &str = "/etc/systemd/system";
/// Where packages put their units: those can be masked.
pub const VENDOR: &str = "/usr/lib/systemd/system";

/// The guest's systemd. Tests run one after another (`tests/systemd.sh`).
pub struct Guest {
    settings: Settings,
}

impl Guest {
    /// The guest, with a state that has to last half a second.
    pub fn new() -> Self {
        Self::configured("hold = '500ms'")
    }

    /// The guest, with a section of `gate.toml`.
    pub fn configured(section: &str) -> Self {
        assert_eq!(
            std::fs::read_to_string("/etc/hostname").unwrap().trim(),
            "reeve-guest",
            "run it by tests/systemd.sh"
        );
        let written: SystemdAsWritten = toml::from_str(section).unwrap();
        Self { settings: Settings { systemd: written.meant().unwrap(), ..Settings::default() } }
    }

    pub fn plan(&self, op: &Operation) -> Result<Plan, PlanRefusal> {
        adapter::of(op).plan(self)
    }

    /// Plans, runs every step as root, and looks.
    pub fn does(&self, op: &Operation) -> (Plan, Verification) {
        let plan = self.plan(op).unwrap_or_else(|refusal| panic!("{}: {refusal:?}", op.command_line()));
        assert!(!plan.settled, "{}: nothing to do", op.command_line());
        for step in &plan.steps {
            let output = run(&step.argv);
            if !output.status.success() {
                return (plan.clone(), adapter::of(op).reconcile(&plan, self));
            }
        }
        let seen = adapter::of(op).verify(&plan, self);
        (plan, seen)
    }

    /// The same, and it must be so.
    pub fn does_well(&self, op: &Operation) -> Plan {
        let (plan, seen) = self.does(op);
        assert!(seen.verified, "{}: {seen:?}", op.command_line());
        plan
    }

    /// Does what the plan offers as its undo, which must be so afterwards.
    pub fn undoes(&self, plan: &Plan) -> Plan {
        self.does_well(&plan.undo.as_ref().expect("an undo").operation)
    }

    pub fn reads(&self, op: &Operation) -> Value {
        adapter::of(op).read(self).unwrap().result
    }

    pub fn refuses(&self, op: &Operation) -> (String, String) {
        let refusal = self.plan(op).expect_err(&op.command_line());
        (refusal.rule.as_str().to_owned(), refusal.reason)
    }
}

impl Host for Guest {
    /// Reads the units as nobody in particular, as the gate does, and the journal as root, as its wrapper does.
    fn read(&self, argv: &Argv) -> Result<ToolOutput, HostError> {
        let output = if argv.program == Program::Journalctl {
            run(argv)
        } else {
            Command::new("/usr/bin/setpriv")
                .args(["--reuid=nobody", "--regid=nogroup", "--clear-groups", "--no-new-privs", "--"])
                .arg(argv.program.production_path())
                .args(&argv.args)
                .output()
                .unwrap()
        };
        let exit_code = output.status.code().unwrap();
        Ok(ToolOutput { exit_code, stdout: output.stdout, stderr: output.stderr })
    }

    fn settings(&self) -> &Settings {
        &self.settings
    }
}

/// A command as root, for as long as its plan allows.
pub fn run(argv: &Argv) -> Output {
    let limit = argv.limit.unwrap_or(Duration::from_secs(60)).as_secs().to_string();
    let mut timeout = Command::new("/usr/bin/timeout");
    timeout.args([&limit, argv.program.production_path()]).args(&argv.args).output().unwrap()
}

pub fn systemctl(args: &[&str]) -> String {
    let output = Command::new("/usr/bin/systemctl").args(args).output().unwrap();
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

pub fn is_active(unit: &str) -> String {
    systemctl(&["is-active", unit])
}

/// A unit of root's own, fresh: whatever was of that name before is forgotten.
pub fn unit(name: &str, content: &str) {
    unit_in(UNITS, name, content);
}

pub fn unit_in(place: &str, name: &str, content: &str) {
    systemctl(&["stop", name]);
    systemctl(&["reset-failed", name]);
    std::fs::write(format!("{place}/{name}"), content).unwrap();
    systemctl(&["daemon-reload"]);
}

/// A service that runs until it is stopped.
pub fn service(name: &str) {
    unit(name, &format!("[Unit]\nDescription=test {name}\n{RUNS}"));
}

pub const RUNS: &str = "[Service]\nExecStart=/usr/bin/sleep 1000\n[Install]\nWantedBy=multi-user.target\n";

pub fn operation(op: &str, unit: &str) -> Operation {
    with(op, unit, json!({}))
}

pub fn with(op: &str, unit: &str, params: Value) -> Operation {
    Operation::from_value(json!({"kind": "systemd", "op": op, "resource": unit, "params": params})).unwrap()
}

pub fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    for _ in 0..300 {
        if is_so() {
            return;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    panic!("waited in vain until {what}");
}

/// The messages that come with a verification.
pub fn told(seen: &Verification) -> String {
    let lines =
        seen.output.as_ref().and_then(|output| output["lines"].as_array().cloned()).unwrap_or_default();
    let messages: Vec<String> =
        lines.iter().map(|line| line["message"].as_str().unwrap_or_default().to_owned()).collect();
    messages.join("\n")
}
