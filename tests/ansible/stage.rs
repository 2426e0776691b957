//! A playbook in a folder of its own, and `ansible-playbook` as the wrapper starts it, on files of its own.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use reeve::adapter::{
    self, AnsibleAsWritten, Argv, FolderError, Host, HostError, PinnedFile, Plan, PlanRefusal, Settings,
    ToolOutput, read_folder,
};
use reeve::operation::Operation;
use reeve::wrapper::ansible::ENVIRONMENT;
use serde_json::{Value, json};
use tempfile::TempDir;

/// What the wrapper starts.
const ANSIBLE: &str = "/usr/bin/ansible-playbook";
/// Where Reeve's own files for it lie in the tree.
const PARTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/wrappers/ansible");
const PLAYBOOKS: &str = "/etc/reeve/playbooks";

/// A host with one playbook, `p`.
pub struct Stage {
    folder: TempDir,
    settings: Settings,
}

impl Stage {
    /// A playbook of these files, pinned; `OUT` in them stands for a directory that it may change.
    pub fn new(files: &[(&str, &str)], more: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        open(folder.path());
        for part in ["out", "playbooks/p", "parts", "home"] {
            std::fs::create_dir_all(folder.path().join(part)).unwrap();
        }
        let mut stage = Self { folder, settings: Settings::default() };
        for (name, contents) in files {
            stage.put(name, contents);
        }
        stage.put_parts();
        stage.pin(more);
        stage
    }

    /// A playbook of these tasks for this host.
    pub fn of_tasks(tasks: &str) -> Self {
        Self::new(&[("site.yml", &play(tasks))], "")
    }

    /// The same, and what cannot be foreseen is allowed.
    pub fn of_any_tasks(tasks: &str) -> Self {
        Self::new(&[("site.yml", &play(tasks))], "allow_unforeseen = true")
    }

    /// Writes a file of the playbook, without pinning it.
    pub fn put(&self, name: &str, contents: &str) {
        let path = self.folder.path().join("playbooks/p").join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, contents.replace("OUT", self.out().to_str().unwrap())).unwrap();
    }

    /// Pins the playbook as it is now, with more lines of its section.
    pub fn pin(&mut self, more: &str) {
        let listing = "find . -type f -printf '%P\\0' | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum";
        let made = Command::new("/bin/sh")
            .args(["-c", listing])
            .current_dir(self.folder.path().join("playbooks/p"))
            .output()
            .unwrap();
        let sha256 = String::from_utf8(made.stdout).unwrap().split(' ').next().unwrap().to_owned();
        let text =
            format!("[playbook.p]\npath = \"{PLAYBOOKS}/p/site.yml\"\nsha256 = \"{sha256}\"\n{more}\n");
        let written: AnsibleAsWritten = toml::from_str(&text).unwrap();
        self.settings.ansible = written.meant().unwrap();
    }

    /// The directory that the playbook may change.
    pub fn out(&self) -> PathBuf {
        self.folder.path().join("out")
    }

    /// What a file of that directory holds, if it is there.
    pub fn found(&self, name: &str) -> Option<String> {
        std::fs::read_to_string(self.out().join(name)).ok()
    }

    fn put_parts(&self) {
        for part in ["ansible.cfg", "reeve_events.py"] {
            let text = std::fs::read_to_string(Path::new(PARTS).join(part)).unwrap();
            let home = self.folder.path().join("home");
            let text = text.replace("/var/lib/reeve-root/ansible", home.to_str().unwrap());
            std::fs::write(self.folder.path().join("parts").join(part), text).unwrap();
        }
    }

    /// Runs a command line of an adapter.
    pub fn run(&self, argv: &Argv) -> Output {
        let here =
            |text: &str| text.replace(PLAYBOOKS, self.folder.path().join("playbooks").to_str().unwrap());
        let parts = self.folder.path().join("parts");
        let environment: BTreeMap<&str, String> = [("PATH", "/usr/sbin:/usr/bin:/sbin:/bin".to_owned())]
            .into_iter()
            .chain(ENVIRONMENT.iter().map(|(name, value)| {
                (*name, value.replace("/usr/local/libexec/reeve/ansible", parts.to_str().unwrap()))
            }))
            .collect();
        Command::new(ANSIBLE)
            .args(argv.args.iter().map(|arg| here(arg)))
            .env_clear()
            .envs(environment)
            .current_dir("/")
            .stdin(std::process::Stdio::null())
            .output()
            .expect("ansible-core is installed (Debian: apt-get install ansible-core)")
    }

    /// Plans a run with these variables.
    pub fn plan(&self, vars: Value) -> Result<Plan, PlanRefusal> {
        adapter::of(&operation("run", vars)).plan(self)
    }

    /// The rule and reason by which a run is refused.
    pub fn refusal(&self) -> (&'static str, String) {
        let refusal = self.plan(json!({})).expect_err("it is planned");
        (refusal.rule.as_str(), refusal.reason)
    }

    /// Runs the steps of a plan; what they printed.
    pub fn act(&self, plan: &Plan) -> Vec<u8> {
        let mut printed = Vec::new();
        for step in &plan.steps {
            let output = self.run(&step.argv);
            assert!(output.status.success(), "{output:?}");
            printed = output.stdout;
        }
        printed
    }
}

/// An operation on the playbook.
pub fn operation(op: &str, vars: Value) -> Operation {
    Operation::from_value(json!({"kind": "ansible", "op": op, "resource": "p", "params": {"vars": vars}}))
        .unwrap()
}

/// A play of these tasks for this host.
pub fn play(tasks: &str) -> String {
    let tasks: String = tasks.lines().map(|line| format!("    {line}\n")).collect();
    format!("- hosts: localhost\n  gather_facts: false\n  tasks:\n{tasks}")
}

fn open(path: &Path) {
    std::fs::set_permissions(path, PermissionsExt::from_mode(0o755)).unwrap();
}

impl Host for Stage {
    fn read(&self, argv: &Argv) -> Result<ToolOutput, HostError> {
        let output = self.run(argv);
        Ok(ToolOutput {
            exit_code: output.status.code().unwrap(),
            stdout: output.stdout,
            stderr: output.stderr,
        })
    }

    fn settings(&self) -> &Settings {
        &self.settings
    }

    fn folder(&self, path: &str) -> Result<Vec<PinnedFile>, FolderError> {
        let rest = path.strip_prefix(PLAYBOOKS).unwrap().trim_start_matches('/');
        read_folder(&self.folder.path().join("playbooks").join(rest))
    }
}
