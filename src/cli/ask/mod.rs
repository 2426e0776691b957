//! Asking a host: submit, plan, look, wait, take back.

mod catalogue;
mod command;
mod follow;
mod look;
mod parameters;
mod show;
mod submit;
mod value;

pub(super) use catalogue::OpsArgs;
pub(super) use command::command_of;
pub(super) use follow::WatchArgs;
pub(super) use look::{CancelArgs, HealthArgs, ListArgs, PendingArgs, StatusArgs};
pub(super) use parameters::operation;
pub(super) use show::approvals;
pub(super) use submit::{OpArgs, PlanArgs, UndoArgs};

use std::sync::Arc;

use super::exit::{Exit, Failure};
use super::screen::Screen;
use crate::sys::clock::Clock;

/// Something that is asked of a host.
#[derive(Debug)]
pub(super) enum Question<'a> {
    Op(&'a OpArgs),
    Plan(&'a PlanArgs),
    Undo(&'a UndoArgs),
    Ops(&'a OpsArgs),
    Status(&'a StatusArgs),
    Watch(&'a WatchArgs),
    Cancel(&'a CancelArgs),
    List(&'a ListArgs),
    Pending(&'a PendingArgs),
    Health(&'a HealthArgs),
}

/// Asks, on this thread alone: a command that asks one thing has no use for more.
pub(super) fn run(question: &Question<'_>, screen: Screen, clock: Arc<dyn Clock>) -> Result<Exit, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(Exit::Failed, format!("the runtime cannot be started: {error}")))?;
    let exit = runtime.block_on(async {
        match question {
            Question::Op(args) => submit::op(args, screen, clock.as_ref()).await,
            Question::Plan(args) => submit::plan(args, screen).await,
            Question::Undo(args) => submit::undo(args, screen, clock.as_ref()).await,
            Question::Ops(args) => catalogue::ops(args, screen).await,
            Question::Status(args) => look::status(args, screen).await,
            Question::Watch(args) => follow::watch(args, screen).await,
            Question::Cancel(args) => look::cancel(args, screen).await,
            Question::List(args) => look::list(args, screen).await,
            Question::Pending(args) => look::pending(args, screen).await,
            Question::Health(args) => look::health(args, screen).await,
        }
    });
    // A look-up of a name may still be under way in a thread of its own; nobody waits for it.
    runtime.shutdown_background();
    exit
}
