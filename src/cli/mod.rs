//! The command line: `reeve`. It asks hosts over mTLS, looks after a host from its own shell, and runs the CA.

mod ask;
mod exit;
mod generate;
mod host;
mod pki;
#[cfg(test)]
mod reference;
mod remote;
mod screen;

use std::process::ExitCode;
use std::sync::Arc;

use clap::{CommandFactory, Parser, Subcommand};

use crate::sys::clock::{Clock, SystemClock};
use ask::Question;
use exit::{Exit, Failure};
use screen::Screen;

const ABOUT: &str = "Asks hosts that Reeve runs, and looks after them";

const AFTER: &str = "\
Agents and people ask a host for operations with `reeve op`; the host's rules decide, people confirm
what cannot be undone, and every step is in the host's audit log. `reeve plan` asks what would be.

Exit codes:
  0  done                          4  waits for people, or still runs
  1  failed                        5  refused by a person, expired or cancelled
  2  the command is wrong          6  the host cannot be reached or cannot do its part
  3  denied by the rules

`reeve help COMMAND` says more, with examples. --json prints one JSON document, for programs.";

/// The command line.
#[derive(Debug, Parser)]
#[command(name = "reeve", version, about = ABOUT, after_help = AFTER,
          max_term_width = 100)]
pub struct Cli {
    /// Print JSON, for programs
    #[arg(long, global = true, display_order = 901)]
    json: bool,

    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Op(ask::OpArgs),
    Plan(ask::PlanArgs),
    Undo(ask::UndoArgs),
    Ops(ask::OpsArgs),
    Status(ask::StatusArgs),
    Watch(ask::WatchArgs),
    Cancel(ask::CancelArgs),
    List(ask::ListArgs),
    Pending(ask::PendingArgs),
    Health(ask::HealthArgs),
    Approval(host::ApprovalArgs),
    Show(host::ShowArgs),
    Freeze(host::FreezeArgs),
    Thaw(host::ThawArgs),
    Approver(host::ApproverArgs),
    Signal(host::SignalArgs),
    Reload(host::ReloadArgs),
    Audit(host::AuditArgs),
    Policy(host::PolicyArgs),
    Lists(host::ListsArgs),
    Alarms(host::AlarmsArgs),
    Secret(host::SecretArgs),
    #[cfg(feature = "otlp")]
    Traces(host::TracesArgs),
    Shields(host::ShieldsArgs),
    #[command(hide = true)]
    Azure(host::AzureArgs),
    Bridge(host::BridgeArgs),
    Hook(host::HookArgs),
    Witness(host::WitnessArgs),
    Check(host::CheckArgs),
    Doctor(host::DoctorArgs),
    Enrol(host::EnrolArgs),
    Sudoers(host::SudoersArgs),
    Tool(host::ToolArgs),
    Pki(pki::PkiArgs),
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    if generate::is_asked(std::env::args_os().nth(1)) {
        return ended(Screen::new(false), generate::Generate::try_parse(), |asked, _screen| {
            generate::run(asked)
        });
    }
    let parsed = Cli::try_parse();
    let screen = Screen::new(parsed.as_ref().is_ok_and(|cli| cli.json));
    ended(screen, parsed, |cli, screen| run(&cli.command, screen))
}

/// Does what was parsed, and tells how that ended.
fn ended<T>(
    screen: Screen,
    parsed: Result<T, clap::Error>,
    run: impl FnOnce(&T, Screen) -> Result<Exit, Failure>,
) -> ExitCode {
    let asked = match parsed {
        Ok(asked) => asked,
        Err(error) => return explain(&error),
    };
    let exit = run(&asked, screen).unwrap_or_else(|failure| {
        screen::tell(screen, &failure);
        failure.exit
    });
    ExitCode::from(exit.code())
}

/// Help and version are answers; everything else is a mistake in the command.
fn explain(error: &clap::Error) -> ExitCode {
    // Whoever asked has gone if this cannot be printed.
    drop(error.print());
    ExitCode::from(if error.use_stderr() { Exit::Usage.code() } else { Exit::Done.code() })
}

fn run(command: &Command, screen: Screen) -> Result<Exit, Failure> {
    let clock = Arc::new(SystemClock);
    let ask = |question: Question<'_>| ask::run(&question, screen, Arc::clone(&clock) as Arc<dyn Clock>);
    match command {
        Command::Op(args) => ask(Question::Op(args)),
        Command::Plan(args) => ask(Question::Plan(args)),
        Command::Undo(args) => ask(Question::Undo(args)),
        Command::Ops(args) => ask(Question::Ops(args)),
        Command::Status(args) => ask(Question::Status(args)),
        Command::Watch(args) => ask(Question::Watch(args)),
        Command::Cancel(args) => ask(Question::Cancel(args)),
        Command::List(args) => ask(Question::List(args)),
        Command::Pending(args) => ask(Question::Pending(args)),
        Command::Health(args) => ask(Question::Health(args)),
        Command::Approval(args) => host::approval(args, screen),
        Command::Show(args) => host::show(args, screen),
        Command::Freeze(args) => host::freeze(args, screen),
        Command::Thaw(args) => host::thaw(args, screen),
        Command::Approver(args) => host::approver(args, screen),
        Command::Signal(args) => host::signal(args, screen),
        Command::Reload(args) => host::reload(args, screen),
        Command::Audit(args) => host::audit(args, screen),
        Command::Policy(args) => host::policy(args, screen, clock.as_ref()),
        Command::Lists(args) => host::lists(args, screen, clock.as_ref()),
        Command::Alarms(args) => host::alarms(args, screen, clock.as_ref()),
        Command::Secret(args) => host::secret(args, screen, clock.as_ref()),
        #[cfg(feature = "otlp")]
        Command::Traces(args) => host::traces(args, clock.as_ref()),
        Command::Shields(args) => host::shields(args, screen),
        Command::Azure(args) => host::azure(args, screen, clock.as_ref()),
        Command::Bridge(args) => host::bridge(args),
        Command::Hook(args) => host::hook(args),
        Command::Witness(args) => host::witness(args),
        Command::Check(args) => host::check(args, screen, clock.as_ref()),
        Command::Doctor(args) => host::doctor(args, screen, clock.as_ref()),
        Command::Enrol(args) => host::enrol(args, screen),
        Command::Sudoers(args) => host::sudoers(args, screen),
        Command::Tool(args) => host::tool(args, screen),
        Command::Pki(args) => pki::run(args, screen, clock),
    }
}

/// The whole command line, for its documentation.
fn command() -> clap::Command {
    Cli::command()
}

/// The help of every command, one after the other, as the golden file holds it.
pub fn all_help() -> String {
    let mut text = String::new();
    let mut root = command().term_width(100);
    root.build();
    generate::collect_help(&mut root, "reeve", &mut text);
    text
}
