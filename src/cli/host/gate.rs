//! The gate of this host, spoken to by a person at its socket.

use std::path::PathBuf;

use clap::Args;

use crate::cli::exit::{Exit, Failure};
use crate::gate::client::Client;
use crate::gate::protocol::{Answer, Call, Problem, ProblemKind};
use crate::sys::ids;

/// Where the gate is, and who it must be.
#[derive(Debug, Args)]
pub(super) struct GateArgs {
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
}

/// The gate, and how to look after it when it does not answer.
pub(super) struct LocalGate<'a> {
    client: Client,
    args: &'a GateArgs,
}

impl GateArgs {
    /// The gate that is meant.
    pub(super) fn gate(&self) -> Result<LocalGate<'_>, Failure> {
        let gate = ids::user(&self.gate_user)
            .map_err(|error| Failure::new(Exit::Failed, format!("users cannot be looked up: {error}")))?
            .ok_or_else(|| {
                let why = format!("there is no user {} here, so there is no gate", self.gate_user);
                Failure::new(Exit::Failed, why)
                    .hint("is Reeve installed on this host? `reeve pending` asks another")
            })?;
        Ok(LocalGate { client: Client::new(&self.socket, Some(gate.uid)), args: self })
    }
}

impl LocalGate<'_> {
    /// What speaks to it.
    pub(super) fn client(&self) -> Client {
        self.client.clone()
    }

    /// Asks one thing as the Unix user that this is.
    pub(super) async fn ask(&self, call: Call) -> Result<Answer, Failure> {
        self.client.call(None, call).await.map_err(|problem| {
            let failure = said(&problem);
            if failure.exit != Exit::Unreachable {
                return failure;
            }
            let socket = self.args.socket.display();
            failure.hint(format!("systemctl status reeve-gate; are you in the group that may use {socket}?"))
        })
    }

    /// Has something done, and what the gate says of it.
    pub(super) async fn done(&self, call: Call) -> Result<String, Failure> {
        let Answer::Done(words) = self.ask(call).await? else { return Err(mismatch()) };
        Ok(words)
    }
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

/// The gate is of another version.
pub(super) fn mismatch() -> Failure {
    Failure::new(Exit::Failed, "the gate answers something that was not asked")
        .hint("are both programs of one version?")
}
