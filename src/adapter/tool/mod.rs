//! Declared tools: what a run would be, its one step, and what its wrapper said of it.
//!
//! `docs/sandbox.md` says what confines a tool, and what does not.

mod arguments;
mod builtin;
mod declaration;
mod egress;
mod guard;
mod module;
mod package;
mod settings;
mod told;

pub use declaration::Declaration;
pub use settings::ToolSettings;
pub use told::counted;

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use super::effects::Action;
use super::{
    Adapter, Argv, Effects, FailureReason, Garbled, Happened, Host, Object, Plan, PlanRefusal, Program, Ran,
    ReadAnswer, Rule, Step, Verification, WrapperName,
};
use crate::operation::Digest;
use crate::operation::tool::ToolOperation;
use crate::sandbox::egress::{Egress, Lists};
use crate::sandbox::{self, Builtin, Confinement, MemoryBy, Tier, Workspace};

impl Adapter for ToolOperation {
    fn is_plain_read(&self) -> bool {
        matches!(self, Self::List)
    }

    fn is_gone(&self, _refusal: &PlanRefusal) -> bool {
        false
    }

    fn plan(&self, host: &dyn Host) -> Result<Plan, PlanRefusal> {
        let Self::Run { tool, arguments, input } = self else {
            return Ok(Plan { effects: Effects::none(), steps: Vec::new(), undo: None, settled: false });
        };
        let Some(declared) = host.settings().tools.get(tool) else {
            return Err(PlanRefusal::new(Rule::ToolNotFound, format!("root declared no tool {tool}")));
        };
        let given = Value::Object(arguments.clone());
        let refuse = |problem: String| PlanRefusal::new(Rule::ToolArguments, problem);
        declared.parameters.check_named(&given, "arguments").map_err(refuse)?;
        let args = arguments::render(&declared.arguments, arguments).map_err(refuse)?;
        within_run(declared, tool.as_str(), host)?;
        let confinement = for_caller(declared, host)?;
        if let Egress::Preflight(lists) = &confinement.egress {
            egress::preflight(lists, (&declared.egress_parameters, arguments), &args).map_err(refuse)?;
        }
        let step = step(declared, &confinement, (input.as_deref().unwrap_or_default(), &args));
        let effects = effects(&confinement, (&args, input.as_deref()), declared.wall_clock);
        Ok(Plan { effects, steps: vec![step], undo: None, settled: false })
    }

    fn read(&self, host: &dyn Host) -> Result<ReadAnswer, PlanRefusal> {
        let Self::List = self else {
            return Err(PlanRefusal::new(Rule::HostUnreadable, "this operation needs a grant"));
        };
        let tools: Vec<Value> =
            host.settings().tools.iter().map(|(name, declared)| shown(name.as_str(), declared)).collect();
        Ok(ReadAnswer { result: json!({"tools": tools}), exit_code: 0 })
    }

    fn interpret(&self, _stdout: &[u8]) -> Result<Value, Garbled> {
        Ok(Value::Null)
    }

    /// What a tool did is what its wrapper said: see [`Adapter::ran`].
    fn verify(&self, _plan: &Plan, _host: &dyn Host) -> Verification {
        nobody_saw()
    }

    fn reconcile(&self, _plan: &Plan, _host: &dyn Host) -> Verification {
        nobody_saw()
    }

    fn explain(&self, _exit_code: i32, _stderr: &[u8]) -> FailureReason {
        FailureReason::Unrecognised
    }

    fn progress(&self, line: &[u8]) -> Option<Value> {
        told::progress(line)
    }

    fn ran(&self, stdout: &[u8]) -> Option<Result<Ran, Garbled>> {
        Some(told::ran(stdout))
    }
}

/// A tool as callers and people on the host see it.
pub fn shown(name: &str, declared: &Declaration) -> Value {
    let Confinement {
        tier,
        program,
        workspace,
        workspace_exec,
        single_program,
        debug,
        read_only,
        hidden,
        protected,
        environment,
        egress,
        limits,
        user,
        module,
        tool: _,
        sha256: _,
    } = &declared.confinement;
    let workspace = match workspace {
        Workspace::Fresh => "fresh".to_owned(),
        Workspace::Principal(_) => "principal".to_owned(),
        Workspace::Named(name) => format!("named:{name}"),
    };
    let memory_by = match limits.memory_by {
        MemoryBy::Cgroup => "cgroup",
        MemoryBy::Rlimit => "rlimit",
    };
    let bounds = module.as_ref().map(|module| &module.bounds);
    let variables: Vec<&String> = environment.iter().map(|(name, _)| name).collect();
    json!({
        "name": name, "about": declared.about, "schema": declared.schema, "program": program, "package": declared.package,
        "builtin": declared.builtin.map(Builtin::as_str),
        "module": module.as_ref().map(|module| &module.path), "signed_by": bounds.map(|bounds| &bounds.key),
        "imports": bounds.map(|bounds| bounds.imports.iter().map(|import| import.as_str()).collect::<Vec<_>>()),
        "max_calls_per_run": declared.max_calls_per_run, "tier": tier.as_str(),
        "user": user, "workspace": workspace, "workspace_exec": workspace_exec, "single_program": single_program, "debug": debug, "read_only": read_only,
        "hidden": hidden, "protected": protected,
        "environment": variables, "egress": egress.as_str(), "egress_is": egress_is(egress),
        "egress_allow": egress.lists().map(|lists| lists.allow.iter().map(ToString::to_string).collect::<Vec<_>>()),
        "limits": {
            "wall_clock_seconds": declared.wall_clock.as_secs(), "cpu_seconds": limits.cpu,
            "memory": bounds.map_or(limits.memory, |bounds| bounds.memory),
            "memory_by": memory_by, "processes": limits.processes, "open_files": limits.open_files,
            "file_size": limits.file_size, "output": limits.output, "workspace": limits.workspace,
            "inodes": limits.inodes,
            "fuel": bounds.map(|bounds| bounds.fuel), "deadline_seconds": bounds.map(|bounds| bounds.deadline),
            "table": bounds.map(|bounds| bounds.table),
        },
    })
}

impl Declaration {
    /// The digest that the program has now, where nothing else pins it: it is a package's, or Reeve's own.
    fn digest_of_the_moment(&self) -> Option<Result<String, String>> {
        let program = &self.confinement.program;
        match (&self.package, self.builtin) {
            (Some(package), _) => Some(package::digest(Path::new(package::DPKG), package, program)),
            (None, Some(_)) => Some(package::digest_of(Path::new(program))),
            (None, None) if self.confinement.module.is_some() => Some(package::digest_of(Path::new(program))),
            (None, None) => None,
        }
    }

    /// Whether the program is there as it is pinned.
    ///
    /// # Errors
    /// The key, and what would be refused when it runs.
    pub fn check_program(&self) -> Result<(), String> {
        if let Some(module) = &self.confinement.module {
            module::check(module)?;
            let runner = package::digest_of(Path::new(&self.confinement.program));
            return runner.map(drop).map_err(|problem| {
                format!("module: {problem}: build reeve-wasm with --features wasm, and install it")
            });
        }
        if let Some(found) = self.digest_of_the_moment() {
            let key = if self.builtin.is_some() { "builtin" } else { "package" };
            return found.map(drop).map_err(|problem| format!("{key}: {problem}"));
        }
        let Confinement { program, sha256, .. } = &self.confinement;
        let found =
            package::digest_of(Path::new(program)).map_err(|problem| format!("program: {problem}"))?;
        if found == *sha256 {
            return Ok(());
        }
        Err(format!(
            "sha256: {program} is not the pinned program, and would be refused; it has sha256:{found}"
        ))
    }
}

/// A run that has had its calls has no more.
fn within_run(declared: &Declaration, tool: &str, host: &dyn Host) -> Result<(), PlanRefusal> {
    let Some(most) = declared.max_calls_per_run else { return Ok(()) };
    let refuse = |reason: String| Err(PlanRefusal::new(Rule::ToolCalls, reason));
    match host.calls_in_run(tool) {
        Some(before) if before < most => Ok(()),
        Some(_) => refuse(format!("{tool} may be run {most} times in one run")),
        None => refuse(format!("{tool} is counted by run: metadata.run_id has to say which run this is")),
    }
}

/// How far it can be relied on.
fn egress_is(egress: &Egress) -> &'static str {
    match egress {
        Egress::None | Egress::Strict(_) => "enforced",
        Egress::Preflight(_) => "advisory",
    }
}

/// The confinement with the caller's own workspace in it, and without the hosts that contract and lists deny.
fn for_caller(declared: &Declaration, host: &dyn Host) -> Result<Confinement, PlanRefusal> {
    let mut confinement = declared.confinement.clone();
    if let Some(found) = declared.digest_of_the_moment() {
        confinement.sha256 = found.map_err(|problem| PlanRefusal::new(Rule::ToolNotFound, problem))?;
    }
    if let Workspace::Principal(name) = &mut confinement.workspace {
        let caller = host.caller().ok_or_else(|| {
            PlanRefusal::new(
                Rule::HostUnreadable,
                "nobody asks, so that there is no workspace of the caller's",
            )
        })?;
        caller.clone_into(name);
    }
    match &mut confinement.egress {
        Egress::None => {}
        Egress::Preflight(lists) | Egress::Strict(lists) => {
            let bounded = host.bounded(std::mem::take(lists));
            *lists = bounded.map_err(|problem| PlanRefusal::new(Rule::ToolHosts, problem))?;
        }
    }
    // What does not fit into a grant would be refused by its wrapper, after everybody was asked.
    match sandbox::decode(&sandbox::encode(&confinement)) {
        Ok(_) => Ok(confinement),
        Err(broken) => {
            Err(PlanRefusal::new(Rule::ToolArguments, format!("it cannot be confined so: {}", broken.0)))
        }
    }
}

fn step(declared: &Declaration, confinement: &Confinement, (input, args): (&str, &[String])) -> Step {
    let first = [sandbox::encode(confinement), input.to_owned()];
    let argv = Argv::new(Program::Tool, first.into_iter().chain(args.iter().cloned()));
    Step { wrapper: WrapperName::Tool, argv: Argv { limit: Some(declared.wall_clock), ..argv } }
}

/// The tool with all that confines it, and the workspace where it leaves one.
fn effects(confinement: &Confinement, (args, input): (&[String], Option<&str>), time: Duration) -> Effects {
    let whole = json!([sandbox::encode(confinement), args, input, time.as_millis().to_string()]);
    let digest = Digest::of(&whole).as_str().to_owned();
    let runs = confinement.module.as_ref().map_or(&confinement.program, |module| &module.path);
    let mut line = runs.clone();
    args.iter().for_each(|arg| line.push_str(&format!(" {}", in_one_line(arg))));
    let note = format!(
        "in tier {}, {}, as {}",
        confinement.tier.as_str(),
        reaches(&confinement.egress),
        confinement.user
    );
    let run = Object::new(Action::Run, "tool", confinement.tool.as_str(), Some(digest));
    let mut objects = vec![run.becomes(line).note(note)];
    let stays = confinement.workspace != Workspace::Fresh && confinement.tier != Tier::A;
    if stays {
        objects.push(Object::new(Action::Write, "workspace", confinement.workspace.path(), None));
    }
    Effects { objects, reversible: !stays, ..Effects::none() }
}

/// Whom it reaches, in the words that people read.
fn reaches(egress: &Egress) -> String {
    let listed = |lists: &Lists| lists.allow.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    match egress {
        Egress::None => "without a network".to_owned(),
        Egress::Strict(lists) => format!("reaching only {}", listed(lists)),
        Egress::Preflight(lists) => {
            format!("in the host's network, asked to reach only {} (advisory)", listed(lists))
        }
    }
}

fn in_one_line(text: &str) -> String {
    text.chars().map(|character| if character.is_control() { '\u{fffd}' } else { character }).collect()
}

/// Nobody saw the end, and the host does not show it: it is over all the same, since a tool ends with its wrapper.
fn nobody_saw() -> Verification {
    let reason =
        "the tool was ended with its wrapper; what it had written to a workspace that stays is there";
    Verification::new(Happened::Ended, json!({"ended": "unseen"}), Some(reason.to_owned()))
}

#[cfg(test)]
mod tests;
