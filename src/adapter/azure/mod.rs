//! Azure, by the program `reeve azure`, which the wrapper `reeve-azure` starts as the user who has the host's identity there.
//!
//! Every look is a call of Azure's, by a grant for its one argv. A listing that failed, or that broke off, is never an empty one: the program
//! answers whole or not at all.

mod answer;
mod delete;
mod firewall;
mod reader;
mod scale;

use std::time::Duration;

use serde_json::{Value, json};

use super::effects::Action;
use super::foreign::all_harmless;
use super::{
    Adapter, Effects, FailureReason, Garbled, Happened, Host, Object, Plan, PlanRefusal, Ran, ReadAnswer,
    Rule, Step, Verification, WrapperName,
};
use crate::arm::{Answer, App, Trouble};
use crate::operation::azure::{AppName, AzureOperation};
use crate::vault::CredentialKind;

use reader::{argv, last_line, read_app, unreadable};

/// How long a change may take, with all that Azure does for it.
const LONG: Duration = Duration::from_secs(15 * 60);
/// What Azure calls an app that nothing is being done to.
const AT_REST: &str = "Succeeded";

impl Adapter for AzureOperation {
    fn is_plain_read(&self) -> bool {
        match self {
            Self::Groups { .. } | Self::Resources { .. } | Self::App { .. } => true,
            Self::Restart { .. }
            | Self::Scale { .. }
            | Self::Delete { .. }
            | Self::KeyvaultAllowIp { .. }
            | Self::KeyvaultRemoveIp { .. } => false,
        }
    }

    fn is_gone(&self, _refusal: &PlanRefusal) -> bool {
        false
    }

    fn plan(&self, host: &dyn Host) -> Result<Plan, PlanRefusal> {
        match self {
            Self::Groups { .. } | Self::Resources { .. } | Self::App { .. } => {
                Ok(Plan { effects: Effects::none(), steps: Vec::new(), undo: None, settled: false })
            }
            Self::Restart { app } => restart(app, &at_rest(host, app)?),
            Self::Scale { app, min, max } => scale::plan(app, &at_rest(host, app)?, (*min, *max)),
            Self::Delete { target } => delete::plan(target, host),
            Self::KeyvaultAllowIp { vault, minutes } => firewall::allow(vault, *minutes, host),
            Self::KeyvaultRemoveIp { vault } => firewall::remove(vault, host),
        }
    }

    fn read(&self, host: &dyn Host) -> Result<ReadAnswer, PlanRefusal> {
        match self {
            Self::Groups { .. } | Self::Resources { .. } | Self::App { .. } => answer::read(self, host),
            Self::Restart { .. }
            | Self::Scale { .. }
            | Self::Delete { .. }
            | Self::KeyvaultAllowIp { .. }
            | Self::KeyvaultRemoveIp { .. } => Err(unreadable("this operation needs a grant")),
        }
    }

    fn interpret(&self, _stdout: &[u8]) -> Result<Value, Garbled> {
        Ok(Value::Null)
    }

    fn verify(&self, plan: &Plan, host: &dyn Host) -> Verification {
        match self {
            Self::Delete { .. } => delete::look(plan, host, true),
            Self::KeyvaultAllowIp { vault, .. } | Self::KeyvaultRemoveIp { vault } => {
                firewall::look(vault, plan, host, true)
            }
            Self::Scale { app, min, max } => scale::look(app, (*min, *max), (plan, host), true),
            Self::Groups { .. } | Self::Resources { .. } | Self::App { .. } | Self::Restart { .. } => {
                unseen()
            }
        }
    }

    fn reconcile(&self, plan: &Plan, host: &dyn Host) -> Verification {
        match self {
            Self::Delete { .. } => delete::look(plan, host, false),
            Self::KeyvaultAllowIp { vault, .. } | Self::KeyvaultRemoveIp { vault } => {
                firewall::look(vault, plan, host, false)
            }
            Self::Scale { app, min, max } => scale::look(app, (*min, *max), (plan, host), false),
            Self::Groups { .. } | Self::Resources { .. } | Self::App { .. } | Self::Restart { .. } => {
                unseen()
            }
        }
    }

    fn explain(&self, exit_code: i32, _stderr: &[u8]) -> FailureReason {
        match Trouble::of_status(exit_code) {
            Some(Trouble::NotFound) => FailureReason::NotFound,
            Some(Trouble::Denied) => FailureReason::PermissionDenied,
            Some(Trouble::Unavailable) => FailureReason::Unreachable,
            Some(Trouble::Conflict) => FailureReason::Conflict,
            Some(Trouble::Begun) => FailureReason::EndUnseen,
            Some(Trouble::Moved) => FailureReason::Moved,
            Some(Trouble::Unclaimed) => FailureReason::Unclaimed,
            Some(Trouble::Unfit) => FailureReason::Unfit,
            Some(Trouble::Failed | Trouble::Other) | None => FailureReason::Unrecognised,
        }
    }

    fn code(&self, stderr: &[u8]) -> Option<String> {
        delete::code(stderr)
    }

    /// Of what is one call, a no is the end of it: nothing goes on. Whatever is the matter behind that call is told as begun.
    fn is_refusal(&self, exit_code: i32) -> bool {
        let is_no = match Trouble::of_status(exit_code) {
            Some(
                Trouble::NotFound
                | Trouble::Denied
                | Trouble::Unavailable
                | Trouble::Conflict
                | Trouble::Failed
                | Trouble::Moved
                | Trouble::Unclaimed
                | Trouble::Unfit,
            ) => true,
            Some(Trouble::Other | Trouble::Begun) | None => false,
        };
        let is_one_call = matches!(
            self,
            Self::Scale { .. }
                | Self::Delete { .. }
                | Self::KeyvaultAllowIp { .. }
                | Self::KeyvaultRemoveIp { .. }
        );
        is_no && is_one_call
    }

    /// Of a restart, which replicas are new is seen only by who has seen the old ones.
    fn ran(&self, stdout: &[u8]) -> Option<Result<Ran, Garbled>> {
        if !matches!(self, Self::Restart { .. }) {
            return None;
        }
        Some(match last_line(stdout).map(|answered| answered.answer) {
            Some(Answer::Restarted(replaced)) => Ok(Ran {
                result: json!({"replaced": replaced}),
                output: Value::Null,
                exit_code: Some(0),
                error: None,
            }),
            Some(_) | None => Err(Garbled("a restart does not say what it restarted".to_owned())),
        })
    }

    fn acted_as(&self, stdout: &[u8]) -> Option<&'static str> {
        last_line(stdout)?.credential.map(CredentialKind::name)
    }

    /// How far Azure is, while it takes its time.
    fn progress(&self, line: &[u8]) -> Option<Value> {
        let line: Value = serde_json::from_slice(line).ok()?;
        line.get("progress").cloned().map(all_harmless)
    }
}

/// An app to which nothing is being done just now.
fn at_rest(host: &dyn Host, app: &AppName) -> Result<App, PlanRefusal> {
    let seen = read_app(host, app)?;
    if seen.state == AT_REST {
        return Ok(seen);
    }
    let reason = format!("something is being done to {app} just now, or it went wrong: {}", seen.state);
    Err(PlanRefusal::new(Rule::AzureBusy, all_plain(&reason)))
}

fn restart(app: &AppName, seen: &App) -> Result<Plan, PlanRefusal> {
    if seen.revisions.is_empty() {
        let reason = format!("{app} has no active revision");
        return Err(PlanRefusal::new(Rule::AzureNotRunning, reason));
    }
    let objects = seen.revisions.iter().map(|revision| {
        let name = format!("{app}/{}", all_plain(&revision.name));
        let object = Object::new(Action::Restart, "revision", name, revision.created.clone());
        object.note(format!("{} replicas, {} % of the requests", revision.replicas.len(), revision.traffic))
    });
    let effects = Effects { objects: objects.collect(), ..Effects::none() };
    let mut args = reader::place("restart", app);
    args.extend(seen.revisions.iter().map(|revision| revision.name.clone()));
    Ok(Plan { effects, steps: vec![step(args)], undo: None, settled: false })
}

fn step(args: Vec<String>) -> Step {
    let argv = argv(args);
    Step { wrapper: WrapperName::Azure, argv: super::Argv { limit: Some(LONG), ..argv } }
}

/// Of a restart, nothing that Azure shows says whether it happened.
fn unseen() -> Verification {
    let reason = "Azure does not show whether replicas are new ones".to_owned();
    Verification::new(Happened::CannotTell, json!({}), Some(reason))
}

/// What Azure wrote, in one line that steers nothing.
fn all_plain(text: &str) -> String {
    super::foreign::harmless(text).replace(['\n', '\t'], " ")
}
