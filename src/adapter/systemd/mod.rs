//! systemd through `systemctl` and `journalctl`: read by properties and JSON, changed by one verb on exact names.
//!
//! A plan names each unit that would start or stop by its own name, never an alias, and binds the files that say what it is
//! (`systemctl cat`) by their digest.

mod answer;
mod closure;
mod enabling;
mod explain;
mod journal;
mod observe;
mod properties;
mod protected;
mod reader;
mod running;
mod settings;
#[cfg(test)]
mod tests;
mod unit;

use serde_json::Value;

use super::{
    Action, Adapter, Argv, Effects, FailureReason, Garbled, Host, Object, Plan, PlanRefusal, ReadAnswer,
    Step, Verification, WrapperName,
};
use crate::operation::systemd::{SystemdOperation, UnitName, Verb};
use reader::Files;
use unit::Unit;

pub use settings::{SystemdAsWritten, SystemdSettings};

/// What is done to an object by each verb.
const ACTIONS: [(Verb, Action); 9] = [
    (Verb::Start, Action::Start),
    (Verb::Restart, Action::Restart),
    (Verb::Reload, Action::Reload),
    (Verb::Enable, Action::Enable),
    (Verb::Unmask, Action::Unmask),
    (Verb::ResetFailed, Action::ResetFailed),
    (Verb::Stop, Action::Stop),
    (Verb::Disable, Action::Disable),
    (Verb::Mask, Action::Mask),
];

impl Adapter for SystemdOperation {
    fn is_plain_read(&self) -> bool {
        match self {
            Self::List { .. } | Self::Files { .. } | Self::Status { .. } | Self::Show { .. } => true,
            Self::Logs { .. } | Self::Act { .. } => false,
        }
    }

    /// A unit that is not there was not stopped, disabled or masked.
    fn is_gone(&self, _refusal: &PlanRefusal) -> bool {
        false
    }

    fn plan(&self, host: &dyn Host) -> Result<Plan, PlanRefusal> {
        match self {
            Self::List { .. } | Self::Files { .. } | Self::Status { .. } | Self::Show { .. } => {
                Ok(reading(Vec::new()))
            }
            Self::Logs { of, lines, since, priority } => Ok(reading(vec![Step {
                wrapper: WrapperName::Systemd,
                argv: journal::argv(of, *lines, since.as_ref(), *priority),
            }])),
            Self::Act { verb, unit, also } => {
                let units: Vec<&UnitName> = std::iter::once(unit).chain(also).collect();
                match verb {
                    Verb::Start => running::start(host, &units),
                    Verb::Stop => running::stop(host, &units),
                    Verb::Restart => running::restart(host, unit),
                    Verb::Reload => running::reload(host, unit),
                    Verb::ResetFailed => running::reset_failed(host, unit),
                    Verb::Enable => enabling::enable(host, unit),
                    Verb::Disable => enabling::disable(host, unit),
                    Verb::Mask => enabling::mask(host, unit),
                    Verb::Unmask => enabling::unmask(host, unit),
                }
            }
        }
    }

    fn read(&self, host: &dyn Host) -> Result<ReadAnswer, PlanRefusal> {
        match self {
            Self::List { kinds, states } => answer::list(host, kinds, states),
            Self::Files { kinds } => answer::files(host, kinds),
            Self::Status { of } => answer::status(host, of),
            Self::Show { unit, properties } => answer::show(host, unit, properties),
            Self::Logs { .. } | Self::Act { .. } => Err(reader::unreadable("this operation needs a grant")),
        }
    }

    fn interpret(&self, stdout: &[u8]) -> Result<Value, Garbled> {
        match self {
            Self::Logs { .. } => journal::interpret(stdout),
            Self::List { .. }
            | Self::Files { .. }
            | Self::Status { .. }
            | Self::Show { .. }
            | Self::Act { .. } => Ok(Value::Null),
        }
    }

    fn verify(&self, plan: &Plan, host: &dyn Host) -> Verification {
        observe::observe(plan, host, observe::Knowing::StepsSucceeded)
    }

    fn reconcile(&self, plan: &Plan, host: &dyn Host) -> Verification {
        observe::observe(plan, host, observe::Knowing::Nothing)
    }

    fn explain(&self, exit_code: i32, stderr: &[u8]) -> FailureReason {
        explain::explain(exit_code, stderr)
    }

    fn progress(&self, line: &[u8]) -> Option<Value> {
        match self {
            Self::Logs { .. } => journal::entry(line),
            Self::List { .. }
            | Self::Files { .. }
            | Self::Status { .. }
            | Self::Show { .. }
            | Self::Act { .. } => None,
        }
    }
}

fn reading(steps: Vec<Step>) -> Plan {
    Plan { effects: Effects::none(), steps, undo: None, settled: false }
}

/// The one command that does it, on these units and no others.
fn step<'n>(host: &dyn Host, verb: Verb, names: impl IntoIterator<Item = &'n str>) -> Step {
    let fixed = ["--no-ask-password", "--no-pager", "--", verb.as_str()];
    let argv = Argv::systemctl(fixed.into_iter().chain(names));
    let limit = Some(host.settings().systemd.limit);
    Step { wrapper: WrapperName::Systemd, argv: Argv { limit, ..argv } }
}

/// A unit that changes, as it is now.
fn object(action: Action, unit: &Unit, files: &Files) -> Object {
    Object::new(action, unit.kind(), &unit.id, Some(files.identity())).was(unit.state()).note(unit.details())
}

/// A unit's own name, which is no alias.
fn own_name(unit: &Unit) -> Result<UnitName, PlanRefusal> {
    UnitName::try_from(unit.id.clone())
        .map_err(|_strange| reader::unreadable(format!("{} is no name that Reeve takes", unit.id)))
}

/// One operation on several units, when there are not too many.
fn several(verb: Verb, names: Vec<UnitName>) -> Option<SystemdOperation> {
    let mut names = names.into_iter();
    let unit = names.next()?;
    let also: Vec<UnitName> = names.collect();
    let operation = SystemdOperation::Act { verb, unit, also };
    operation.is_within_bounds().then_some(operation)
}
