//! `reeve approval`: people on the host decide here. The gate knows who they are by the Unix user at the other end of its
//! socket; nothing said here names the person.

use clap::{Args, Subcommand};
use serde_json::json;

use super::block_on;
use super::gate::{GateArgs, LocalGate, mismatch};
use crate::approval::vote::LocalVote;
use crate::cli::ask::approvals;
use crate::cli::exit::{Exit, Failure};
use crate::cli::screen::{Screen, Tone, harmless, paint};
use crate::gate::protocol::{Answer, Call, WaitingApproval};

/// Decide, on the host itself, about what waits for people
#[derive(Debug, Args)]
#[command(after_help = "\
Who you are is your Unix user: gate.toml names it as the unix_user of an [[approver]], and you are
in the group reeve-approvers. Nobody decides about what they asked for themselves.

Examples:
  reeve approval list
  reeve approval confirm op_01JD3VKQ2T9F6M8R4B7WXY5ZAC
  reeve approval confirm op_01JD3VKQ2T9F6M8R4B7WXY5ZAC tank/vm-101")]
pub(in crate::cli) struct ApprovalArgs {
    #[command(flatten)]
    gate: GateArgs,
    #[command(subcommand)]
    command: ApprovalCommand,
}

#[derive(Debug, Subcommand)]
enum ApprovalCommand {
    /// List what waits
    List,
    /// Say yes: it runs once enough people have
    Confirm(ConfirmArgs),
    /// Say no: one no ends it
    Deny(WhichArgs),
}

#[derive(Debug, Args)]
struct WhichArgs {
    /// The operation's or the approval's id, as `reeve approval list` shows them
    id: String,
}

#[derive(Debug, Args)]
struct ConfirmArgs {
    #[command(flatten)]
    which: WhichArgs,
    /// The name of what is lost for good, where the request says that it must be repeated
    #[arg(value_name = "NAME")]
    object: Option<String>,
}

/// Runs `reeve approval …`.
pub(in crate::cli) fn run(args: &ApprovalArgs, screen: Screen) -> Result<Exit, Failure> {
    let gate = args.gate.gate()?;
    block_on(async {
        let waiting = waiting(&gate).await?;
        match &args.command {
            ApprovalCommand::List if screen.is_json() => {
                screen.document(&json!({"approvals": waiting}))?;
                Ok(Exit::Done)
            }
            ApprovalCommand::List => approvals(screen, &waiting),
            ApprovalCommand::Confirm(ConfirmArgs { which, object }) => {
                let vote = LocalVote::Confirm(object.as_deref());
                cast(&gate, screen, named(&waiting, &which.id)?, vote).await
            }
            ApprovalCommand::Deny(which) => {
                cast(&gate, screen, named(&waiting, &which.id)?, LocalVote::Deny).await
            }
        }
    })
}

async fn waiting(gate: &LocalGate<'_>) -> Result<Vec<WaitingApproval>, Failure> {
    let answer = gate.ask(Call::Pending).await?;
    let Answer::Approvals(waiting) = answer else { return Err(mismatch()) };
    Ok(waiting)
}

fn named<'a>(waiting: &'a [WaitingApproval], id: &str) -> Result<&'a WaitingApproval, Failure> {
    waiting.iter().find(|one| one.operation == id || one.approval.id == id).ok_or_else(|| {
        Failure::new(Exit::Failed, format!("nothing waits by the id {id:?}"))
            .hint("`reeve approval list` shows what does")
    })
}

async fn cast(
    gate: &LocalGate<'_>,
    screen: Screen,
    on: &WaitingApproval,
    vote: LocalVote<'_>,
) -> Result<Exit, Failure> {
    let (confirm, object) = match vote {
        LocalVote::Confirm(object) => (true, object.map(str::to_owned)),
        LocalVote::Deny => (false, None),
    };
    let call = Call::Vote { approval: on.operation.clone(), confirm, object };
    let words = gate.done(call).await?;
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
