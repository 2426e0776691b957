//! A folder with repositories in it, and git started there as the wrapper starts it: after the same look at the
//! repository, with the same environment, and with arguments that the wrapper's table has.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use reeve::adapter::{
    self, Argv, GitSettingsAsWritten, Host, HostError, Plan, PlanRefusal, Program, Settings, ToolOutput,
    Verification,
};
use reeve::operation::Operation;
use reeve::sys::repository;
use serde_json::{Value, json};

use crate::wrapper::ENVIRONMENT;

pub const GIT: &str = "/usr/bin/git";

/// A folder that goes away with the test, and what root's configuration says.
pub struct Bench {
    folder: PathBuf,
    settings: Settings,
    calls: Mutex<Vec<Argv>>,
}

impl Drop for Bench {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

impl Bench {
    /// A folder with the repository `app` in it: two commits on `main`, and nothing that is not committed.
    pub fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("reeve-git-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().canonicalize().unwrap().join(name);
        std::fs::create_dir(&folder).unwrap();
        let bench = Self { folder, settings: Settings::default(), calls: Mutex::default() };
        bench.make("app");
        bench.commit("app", "a", "one\n", "first");
        bench.commit("app", "b", "two\n", "second");
        bench
    }

    /// The same, with a section `[git]`.
    pub fn with(settings: impl FnOnce(&Self) -> String) -> Self {
        let mut bench = Self::new();
        bench.set(&settings(&bench));
        bench
    }

    pub fn set(&mut self, text: &str) {
        let written: GitSettingsAsWritten = toml::from_str(text).unwrap();
        self.settings.git = written.meant().unwrap();
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    pub fn text(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    /// Plain git, as its user would start it, with an empty home.
    pub fn plain(&self, name: &str, args: &[&str]) -> Output {
        self.plain_git(name).args(args).output().unwrap()
    }

    pub fn plain_git(&self, name: &str) -> Command {
        let mut git = Command::new(GIT);
        git.current_dir(self.path(name)).env_clear().env("PATH", "/usr/bin:/bin").env("HOME", &self.folder);
        for who in ["AUTHOR", "COMMITTER"] {
            git.env(format!("GIT_{who}_NAME"), "somebody")
                .env(format!("GIT_{who}_EMAIL"), "somebody@localhost");
        }
        git.stdin(std::process::Stdio::null());
        git
    }

    /// Plain git that must succeed; what it prints.
    pub fn git(&self, name: &str, args: &[&str]) -> String {
        let output = self.plain(name, args);
        assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
    }

    pub fn make(&self, name: &str) {
        std::fs::create_dir_all(self.path(name)).unwrap();
        self.git(name, &["init", "--quiet", "--initial-branch=main"]);
    }

    pub fn write(&self, name: &str, content: &str) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    pub fn content(&self, name: &str) -> Option<String> {
        std::fs::read_to_string(self.path(name)).ok()
    }

    /// Commits one file; the commit's id.
    pub fn commit(&self, repository: &str, file: &str, content: &str, message: &str) -> String {
        self.write(&format!("{repository}/{file}"), content);
        self.git(repository, &["add", "--", file]);
        self.git(repository, &["commit", "--quiet", "-m", message]);
        self.head(repository)
    }

    pub fn head(&self, repository: &str) -> String {
        self.git(repository, &["rev-parse", "HEAD"])
    }

    /// An operation in one of the repositories.
    pub fn operation(&self, repository: &str, op: &str, params: Value) -> Operation {
        let value = json!({"kind": "git", "op": op, "resource": self.text(repository), "params": params});
        Operation::from_value(value).unwrap()
    }

    pub fn plan(&self, repository: &str, op: &str, params: Value) -> Result<Plan, PlanRefusal> {
        adapter::of(&self.operation(repository, op, params)).plan(self)
    }

    /// The rule by which it is refused.
    pub fn rule(&self, repository: &str, op: &str, params: Value) -> &'static str {
        let operation = self.operation(repository, op, params);
        let adapter = adapter::of(&operation);
        let refusal = match adapter.is_plain_read() {
            true => adapter.read(self).unwrap_err(),
            false => adapter.plan(self).unwrap_err(),
        };
        refusal.rule.as_str()
    }

    /// What a read answers.
    pub fn read(&self, repository: &str, op: &str, params: Value) -> Value {
        adapter::of(&self.operation(repository, op, params)).read(self).unwrap().result
    }

    /// Runs a plan's steps; the first that fails ends it.
    pub fn act(&self, plan: &Plan) -> Result<(), ToolOutput> {
        for step in &plan.steps {
            let output = Host::read(self, &step.argv).unwrap();
            if output.exit_code != 0 {
                return Err(output);
            }
        }
        Ok(())
    }

    /// Plans, runs and looks again; it must be as planned.
    pub fn done(&self, repository: &str, op: &str, params: Value) -> (Plan, Verification) {
        let operation = self.operation(repository, op, params);
        let plan = adapter::of(&operation).plan(self).unwrap_or_else(|refusal| panic!("{op}: {refusal:?}"));
        let before = adapter::of(&operation).reconcile(&plan, self);
        assert!(plan.settled || !before.verified, "{op} was not done before it was: {before:?}");
        if let Err(output) = self.act(&plan) {
            panic!("{op}: {}", String::from_utf8_lossy(&output.stderr));
        }
        let seen = adapter::of(&operation).verify(&plan, self);
        assert!(plan.settled || seen.verified, "{op}: {seen:?}");
        (plan, seen)
    }

    /// Takes a plan back by what it offered.
    pub fn undo(&self, plan: &Plan) -> Plan {
        let offer = plan.undo.as_ref().expect("something that takes it back");
        let back =
            adapter::of(&offer.operation).plan(self).unwrap_or_else(|refusal| panic!("undo: {refusal:?}"));
        if let Err(output) = self.act(&back) {
            panic!("undo: {}", String::from_utf8_lossy(&output.stderr));
        }
        let seen = adapter::of(&offer.operation).verify(&back, self);
        assert!(seen.verified, "undo: {seen:?}");
        back
    }

    /// Every call since the last time.
    pub fn calls(&self) -> Vec<Argv> {
        std::mem::take(&mut self.calls.lock().unwrap())
    }

    /// git as the wrapper starts it, whether its table has these arguments or not.
    pub fn wrapped(&self, directory: &Path, args: &[String]) -> Output {
        let mut git = Command::new(GIT);
        git.current_dir(directory).args(args).env_clear().stdin(std::process::Stdio::null());
        git.envs(reeve::sys::exec::ENVIRONMENT).envs(ENVIRONMENT.iter().copied());
        git.output().unwrap()
    }
}

impl Host for Bench {
    fn read(&self, argv: &Argv) -> Result<ToolOutput, HostError> {
        self.calls.lock().unwrap().push(argv.clone());
        assert_eq!(crate::table::permitted(argv), Ok(()), "{argv}");
        let program = argv.program;
        let directory = PathBuf::from(argv.directory.clone().unwrap());
        if let Err(error) = repository::open(&directory) {
            return Err(HostError::Refused { program, said: error.to_string() });
        }
        let output = if program == Program::Git {
            self.wrapped(&directory, &argv.args)
        } else {
            let mut command = Command::new(program.production_path());
            command.current_dir(&directory).args(&argv.args).env_clear();
            command.envs(reeve::sys::exec::ENVIRONMENT).output().unwrap()
        };
        if output.stdout.len() > 4 << 20 {
            return Err(HostError::TooMuchOutput { program, bytes: 4 << 20 });
        }
        Ok(ToolOutput {
            exit_code: output.status.code().unwrap(),
            stdout: output.stdout,
            stderr: output.stderr,
        })
    }

    fn settings(&self) -> &Settings {
        &self.settings
    }
}

/// The objects of a plan: what happens, to what, by its name in the repository.
pub fn objects(plan: &Plan) -> Vec<(String, String, String)> {
    let one = |object: &reeve::adapter::Object| {
        let action = serde_json::to_value(object.action).unwrap().as_str().unwrap().to_owned();
        let (_, name) = object.name.split_once(':').unwrap();
        (action, object.kind.clone(), name.to_owned())
    };
    plan.effects.objects.iter().map(one).collect()
}

/// The same, written down.
pub fn expected(all: &[(&str, &str, &str)]) -> Vec<(String, String, String)> {
    all.iter()
        .map(|(action, kind, name)| ((*action).to_owned(), (*kind).to_owned(), (*name).to_owned()))
        .collect()
}
