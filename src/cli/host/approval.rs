//! `reeve approval`: people on the host decide here. The gate knows who they are by the Unix user at the other end of its
//! socket; nothing said here names the person.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::json;

use super::block_on;
use crate::cli::ask::approvals;
use crate::cli::exit::{Exit, Failure};
use crate::cli::screen::{Screen, Tone, harmless, paint};
use crate::gate::client::Client;
use crate::gate::protocol::{Answer, Call, Problem, ProblemKind, WaitingApproval};
use crate::sys::ids;

/// Decide, on the host itself, about what waits for people
#[derive(Debug, Args)]
#[command(after_help = "\
Who you are is your Unix user: gate.toml names it as the unix_user of an [[approver]], and you are
in the group reeve-approvers. Nobody decides about what they asked for themselves.

Examples:
  reeve approval list
  reeve approval confirm op_01JD3VKQ2T9F6M8R4B7WXY5ZAC")]
pub(in crate::cli) struct ApprovalArgs {
    /// The gate's socket
    #[arg(
        long,
        global = true,
        display_order = 900,
        value_name = "PATH",
        default_value = "/run/reeve/gate.sock"
    )]
    socket: PathBuf,
    /// The Unix user that the gate runs as; another that listens there is not spoken to
    #[arg(long, global = true, display_order = 900, value_name = "USER", default_value = "reeve-gate")]
    gate_user: String,
    #[command(subcommand)]
    command: ApprovalCommand,
}

#[derive(Debug, Subcommand)]
enum ApprovalCommand {
    /// List what waits
    List,
    /// Say yes: it runs once enough people have
    Confirm(WhichArgs),
    /// Say no: one no ends it
    Deny(WhichArgs),
}

#[derive(Debug, Args)]
struct WhichArgs {
    /// The operation's or the approval's id, as `reeve approval list` shows them
    id: String,
}

/// Runs `reeve approval …`.
pub(in crate::cli) fn run(args: &ApprovalArgs, screen: Screen) -> Result<Exit, Failure> {
    let gate = ids::user(&args.gate_user)
        .map_err(|error| Failure::new(Exit::Failed, format!("users cannot be looked up: {error}")))?
        .ok_or_else(|| {
            Failure::new(
                Exit::Failed,
                format!("there is no user {} here, so there is no gate", args.gate_user),
            )
            .hint("is Reeve installed on this host? `reeve pending` asks another")
        })?;
    block_on(async {
        let client = Client::new(&args.socket, Some(gate.uid));
        let waiting = waiting(&client).await.map_err(|failure| failure.hint_for(args))?;
        match &args.command {
            ApprovalCommand::List if screen.is_json() => {
                screen.document(&json!({"approvals": waiting}))?;
                Ok(Exit::Done)
            }
            ApprovalCommand::List => approvals(screen, &waiting),
            ApprovalCommand::Confirm(which) => vote(&client, screen, named(&waiting, &which.id)?, true).await,
            ApprovalCommand::Deny(which) => vote(&client, screen, named(&waiting, &which.id)?, false).await,
        }
    })
}

impl Failure {
    fn hint_for(self, args: &ApprovalArgs) -> Self {
        if self.exit != Exit::Unreachable {
            return self;
        }
        self.hint(format!(
            "systemctl status reeve-gate; are you in the group that may use {}?",
            args.socket.display()
        ))
    }
}

async fn waiting(client: &Client) -> Result<Vec<WaitingApproval>, Failure> {
    let answer = client.call(None, Call::Pending).await.map_err(|problem| said(&problem))?;
    let Answer::Approvals(waiting) = answer else { return Err(mismatch()) };
    Ok(waiting)
}

fn named<'a>(waiting: &'a [WaitingApproval], id: &str) -> Result<&'a WaitingApproval, Failure> {
    waiting.iter().find(|one| one.operation == id || one.approval.id == id).ok_or_else(|| {
        Failure::new(Exit::Failed, format!("nothing waits by the id {id:?}"))
            .hint("`reeve approval list` shows what does")
    })
}

async fn vote(client: &Client, screen: Screen, on: &WaitingApproval, confirm: bool) -> Result<Exit, Failure> {
    let call = Call::Vote { approval: on.operation.clone(), confirm };
    let answer = client.call(None, call).await.map_err(|problem| said(&problem))?;
    let Answer::Done(words) = answer else { return Err(mismatch()) };
    if screen.is_json() {
        let vote = if confirm { "confirm" } else { "deny" };
        screen.document(&json!({"operation": on.operation, "vote": vote, "answer": words}))?;
        return Ok(Exit::Done);
    }
    let (word, tone) = if confirm { ("confirmed", Tone::Good) } else { ("denied", Tone::Warning) };
    screen.line(&format!("{} {}  for {}", paint(word, tone), harmless(&on.command), on.principal))?;
    screen.facts(&[("gate", Some(harmless(&words))), ("id", Some(harmless(&on.operation)))])?;
    Ok(Exit::Done)
}

/// What the gate says against it.
fn said(problem: &Problem) -> Failure {
    let exit = match problem.kind {
        ProblemKind::Invalid => Exit::Usage,
        ProblemKind::Denied | ProblemKind::Forbidden => Exit::Denied,
        ProblemKind::Unavailable | ProblemKind::NoChannel | ProblemKind::AuditUnavailable => {
            Exit::Unreachable
        }
        ProblemKind::NotFound
        | ProblemKind::IdempotencyConflict
        | ProblemKind::PlanRefused
        | ProblemKind::TooLate
        | ProblemKind::CoolDown
        | ProblemKind::Busy => Exit::Failed,
    };
    Failure::new(exit, problem.detail.clone())
}

fn mismatch() -> Failure {
    Failure::new(Exit::Failed, "the gate answers something that was not asked")
        .hint("are both programs of one version?")
}
