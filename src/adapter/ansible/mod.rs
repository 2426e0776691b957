//! Ansible: a playbook that root's configuration pins is run dry, and what that shows is the plan of its run.
//!
//! `docs/ansible.md` says what a dry run can show, and what it cannot.

mod acting;
mod events;
mod folder;
pub(super) mod schema;
mod seen;
mod settings;

pub use folder::{FolderError, PinnedFile, read as read_folder};
pub use settings::{AnsibleAsWritten, AnsibleSettings};

use serde_json::{Value, json};

use super::{
    Adapter, Argv, Effects, FailureReason, Garbled, Happened, Host, Plan, PlanRefusal, Program, ReadAnswer,
    Rule, Step, Verification, WrapperName,
};
use crate::operation::ansible::{AnsibleOperation, Vars};
use events::Mode;
use seen::Seen;
use settings::Playbook;

/// What every call has, whatever it is for: this host, by no other way than as itself.
const THIS_HOST: [&str; 6] = ["-i", "localhost,", "-c", "local", "--limit", "localhost"];
/// The statuses of `ansible-playbook`: a task failed, or a play could not go on.
const FAILED: [i32; 3] = [2, 3, 8];
/// The status with which `reeve_events.py` ends what it refuses.
const REFUSED: i32 = 96;

impl Adapter for AnsibleOperation {
    /// A dry run takes its time, and is told while it comes: it is a step.
    fn is_plain_read(&self) -> bool {
        false
    }

    fn is_gone(&self, _refusal: &PlanRefusal) -> bool {
        false
    }

    fn plan(&self, host: &dyn Host) -> Result<Plan, PlanRefusal> {
        let playbook = pinned(self, host)?;
        match self {
            Self::Check { vars, .. } => {
                let steps = vec![step(argv(Mode::Check, vars, playbook))];
                Ok(Plan { effects: Effects::none(), steps, undo: None, settled: false })
            }
            Self::Run { vars, .. } => {
                let seen = look(playbook, vars, host)?;
                if let (false, Some(task)) = (playbook.allow_unforeseen, seen.unforeseen().next()) {
                    let reason =
                        format!("{}, {}: a dry run cannot foresee what it does", task.at, task.name());
                    return Err(PlanRefusal::new(Rule::AnsibleUnforeseen, reason));
                }
                let effects = seen.effects(self.playbook(), &playbook.sha256);
                if seen.is_settled() {
                    return Ok(Plan::settled(effects));
                }
                let steps = vec![step(argv(Mode::Run, vars, playbook))];
                Ok(Plan { effects, steps, undo: None, settled: false })
            }
        }
    }

    fn read(&self, _host: &dyn Host) -> Result<ReadAnswer, PlanRefusal> {
        Err(unreadable("this operation needs a grant"))
    }

    fn interpret(&self, stdout: &[u8]) -> Result<Value, Garbled> {
        match self {
            Self::Check { .. } => Seen::of(stdout)?
                .map(|seen| seen.told())
                .map_err(|refusal| Garbled(format!("it ended well, and yet {}", refusal.reason))),
            Self::Run { .. } => Ok(Value::Null),
        }
    }

    /// A dry run afterwards finds nothing left to do.
    fn verify(&self, _plan: &Plan, host: &dyn Host) -> Verification {
        match again(self, host) {
            Ok(seen) => verdict(&seen),
            Err(refusal) => not_seen(refusal),
        }
    }

    /// The same look, and whether it shows just what it showed before.
    fn reconcile(&self, plan: &Plan, host: &dyn Host) -> Verification {
        let (seen, playbook) = match (again(self, host), pinned(self, host)) {
            (Ok(seen), Ok(playbook)) => (seen, playbook),
            (Err(refusal), _) | (_, Err(refusal)) => return not_seen(refusal),
        };
        let is_as_before = seen.effects(self.playbook(), &playbook.sha256).bound() == plan.effects.bound();
        if is_as_before && seen.changed().next().is_some() {
            let reason = Some("a dry run still shows all of it".to_owned());
            return Verification::new(Happened::NotAtAll, seen.left(), reason);
        }
        verdict(&seen)
    }

    fn explain(&self, exit_code: i32, _stderr: &[u8]) -> FailureReason {
        match exit_code {
            failed if FAILED.contains(&failed) => FailureReason::TaskFailed,
            REFUSED => FailureReason::PlaybookRefused,
            _other => FailureReason::Unrecognised,
        }
    }

    fn progress(&self, line: &[u8]) -> Option<Value> {
        events::progress(line)
    }
}

/// The playbook, when it is the one that root pinned, does nothing in a dry run as far as that can be read, and takes
/// these variables.
fn pinned<'a>(operation: &AnsibleOperation, host: &'a dyn Host) -> Result<&'a Playbook, PlanRefusal> {
    let name = operation.playbook();
    let Some(playbook) = host.settings().ansible.playbook(name) else {
        let reason = format!("root's configuration has no playbook {name}");
        return Err(PlanRefusal::new(Rule::AnsibleNotFound, reason));
    };
    let vars = Value::Object(operation.vars().as_map().clone());
    playbook.vars.check(&vars).map_err(|problem| PlanRefusal::new(Rule::AnsibleVars, problem))?;
    if let Some(why) = acting::find_in(operation.vars()) {
        return Err(PlanRefusal::new(Rule::AnsibleVars, format!("vars: {why}")));
    }
    let files = host.folder(playbook.folder()).map_err(|error| {
        tracing::error!(
            error = &error as &dyn std::error::Error,
            playbook = name.as_str(),
            "a playbook is not read"
        );
        PlanRefusal::new(
            Rule::AnsibleAltered,
            format!("the folder of {name} cannot be read, or others may write it"),
        )
    })?;
    if folder::digest(&files) != playbook.sha256 || !files.iter().any(|file| file.path == playbook.file()) {
        tracing::error!(
            playbook = name.as_str(),
            found = folder::digest(&files),
            "a playbook is not the pinned one"
        );
        let reason = format!("the folder of {name} is not what root's configuration pins");
        return Err(PlanRefusal::new(Rule::AnsibleAltered, reason));
    }
    match acting::find(&files) {
        None => Ok(playbook),
        Some(line) => Err(PlanRefusal::new(Rule::AnsibleForbidden, line)),
    }
}

fn argv(mode: Mode, vars: &Vars, playbook: &Playbook) -> Argv {
    let (words, limit): (&[&str], _) = match mode {
        Mode::Check => (&["--check", "--diff"], playbook.check_limit),
        Mode::Run => (&["--diff"], playbook.run_limit),
    };
    let mut args: Vec<String> = THIS_HOST.iter().chain(words).map(|word| (*word).to_owned()).collect();
    args.extend(["--extra-vars".to_owned(), vars.argument(), playbook.path.clone()]);
    Argv { limit: Some(limit), ..Argv::new(Program::AnsiblePlaybook, args) }
}

fn step(argv: Argv) -> Step {
    Step { wrapper: WrapperName::Ansible, argv }
}

/// A dry run, and what it shows.
fn look(playbook: &Playbook, vars: &Vars, host: &dyn Host) -> Result<Seen, PlanRefusal> {
    let output =
        host.read(&argv(Mode::Check, vars, playbook)).map_err(|error| unreadable(error.to_string()))?;
    match Seen::of(&output.stdout) {
        Ok(Ok(seen)) if output.exit_code == 0 => Ok(seen),
        Ok(Ok(_)) => Err(unreadable(format!("ansible-playbook ended with status {}", output.exit_code))),
        Ok(Err(refusal)) => Err(refusal),
        Err(garbled) => {
            let said = String::from_utf8_lossy(&output.stderr);
            tracing::error!(exit_code = output.exit_code, %said, "a dry run was not understood");
            Err(unreadable(garbled.to_string()))
        }
    }
}

fn again(operation: &AnsibleOperation, host: &dyn Host) -> Result<Seen, PlanRefusal> {
    look(pinned(operation, host)?, operation.vars(), host)
}

/// What a look after the run comes to. Tasks that no dry run foresees cannot be looked at either.
fn verdict(seen: &Seen) -> Verification {
    let left: Vec<String> = seen.changed().map(events::TaskResult::name).collect();
    if let Some(first) = left.first() {
        let more = match left.len() {
            1 => String::new(),
            count => format!(" and {} more", count - 1),
        };
        return Verification::new(
            Happened::Partly,
            seen.left(),
            Some(format!("a run would still change: {first}{more}")),
        );
    }
    if let Some(task) = seen.unforeseen().next() {
        let reason = format!("a dry run does not show what {} did", task.name());
        return Verification::new(Happened::CannotTell, seen.left(), Some(reason));
    }
    Verification::new(Happened::Wholly, seen.left(), None)
}

fn not_seen(refusal: PlanRefusal) -> Verification {
    Verification::new(Happened::CannotTell, json!({"changed": null}), Some(refusal.reason))
}

fn unreadable(reason: impl Into<String>) -> PlanRefusal {
    PlanRefusal::new(Rule::HostUnreadable, reason)
}
