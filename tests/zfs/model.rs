//! The fake in this process: a host whose state a test holds in its hands.

use std::sync::Mutex;

use reeve::adapter::{Argv, Host, HostError, Plan, Program, ToolOutput};
use reeve::operation::Operation;
use serde_json::{Value, json};

use crate::fake::{Call, Caller, State, run};

/// Pools in memory, and every read that was made of them.
#[derive(Default)]
pub struct Model {
    state: Mutex<State>,
    reads: Mutex<Vec<Argv>>,
}

impl Model {
    /// A host with the pool `tank`, after these commands.
    pub fn after(commands: &[&str]) -> Self {
        let model = Self::default();
        model.must("zpool create tank /var/tmp/v0");
        for command in commands {
            model.must(command);
        }
        model
    }

    /// Runs a command line as root.
    pub fn root(&self, line: &str) -> ToolOutput {
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        let (program, args) = words.split_first().unwrap();
        self.call(program, args, Caller::Root)
    }

    /// Runs a command line as root, which must succeed.
    pub fn must(&self, line: &str) {
        let output = self.root(line);
        assert_eq!(output.exit_code, 0, "{line}: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// Runs a step as a wrapper would.
    pub fn step(&self, argv: &Argv) -> ToolOutput {
        self.call(program(argv.program), &argv.args, Caller::Root)
    }

    /// Runs a plan's steps in order; the first that fails ends it.
    pub fn act(&self, plan: &Plan) -> Result<(), String> {
        for step in &plan.steps {
            let output = self.step(&step.argv);
            if output.exit_code != 0 {
                return Err(String::from_utf8_lossy(&output.stderr).into_owned());
            }
        }
        Ok(())
    }

    /// The reads since the last call of this.
    pub fn reads(&self) -> Vec<Argv> {
        std::mem::take(&mut self.reads.lock().unwrap())
    }

    /// Name and guid of everything, as `zfs list` has it.
    pub fn everything(&self) -> Vec<(String, String)> {
        let listed = self.root("zfs list -Hp -t all -o name,guid -r tank");
        let text = String::from_utf8(listed.stdout).unwrap();
        text.lines()
            .map(|line| line.split_once('\t').unwrap())
            .map(|(n, g)| (n.to_owned(), g.to_owned()))
            .collect()
    }

    fn call(&self, program: &str, args: &[String], caller: Caller) -> ToolOutput {
        let call = Call { program, args, caller, now: 1_795_164_886 };
        let output = run(&mut self.state.lock().unwrap(), &call);
        ToolOutput {
            exit_code: i32::from(output.code),
            stdout: output.stdout.into_bytes(),
            stderr: output.stderr.into_bytes(),
        }
    }
}

impl Host for Model {
    fn read(&self, argv: &Argv) -> Result<ToolOutput, HostError> {
        self.reads.lock().unwrap().push(argv.clone());
        // As the gate: without any privilege.
        Ok(self.call(program(argv.program), &argv.args, Caller::User("reeve-gate".to_owned())))
    }
}

fn program(program: Program) -> &'static str {
    program.name()
}

/// An operation from its JSON.
pub fn operation(op: &str, resource: &str, params: Value) -> Operation {
    Operation::from_value(json!({"kind": "zfs", "op": op, "resource": resource, "params": params})).unwrap()
}

/// The steps as command lines.
pub fn steps(plan: &Plan) -> Vec<String> {
    plan.steps.iter().map(|step| step.argv.to_string()).collect()
}
