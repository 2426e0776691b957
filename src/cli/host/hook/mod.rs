//! `reeve hook`: asks a program or a server of this host's own whether a vote may count. The gate has no network and starts no
//! program of others, and this has nothing else.

mod ask;
mod config;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

use super::{block_on, for_gate};
use crate::cli::exit::{Exit, Failure, with_causes};
use crate::cli::screen::harmless;
use crate::sys::{harden, ids};
pub(in crate::cli) use config::HookConfig;

/// Where it is said who is asked, unless it is said otherwise.
pub(super) const CONFIG: &str = "/etc/reeve/hook.toml";
/// How many votes are asked about at once.
const AT_ONCE: usize = 8;
/// The longest question.
const LONGEST: u64 = 4096;
/// How long the gate may take to put it.
const PATIENCE: Duration = Duration::from_secs(5);

/// Ask a program or a server of your own whether a vote may count, for the gate, until it is told to end
#[derive(Debug, Args)]
#[command(after_help = "\
reeve-hook.service runs this. The gate asks it about each confirmation that would count, and never
about a refusal; it can only keep a vote from counting. A program that exits with 0 lets it pass, a
server that answers {\"verdict\": \"pass\"}; whatever else happens does not. What they are asked is one
JSON object: host, approver, account, via, approval. The token is not in it.

Example:
  runuser -u reeve-hook -- reeve hook")]
pub(in crate::cli) struct HookArgs {
    /// The file that says who is asked
    #[arg(long, value_name = "FILE", default_value = CONFIG)]
    config: PathBuf,
}

/// Runs `reeve hook`.
pub(in crate::cli) fn run(args: &HookArgs) -> Result<Exit, Failure> {
    let failed = |problem: String| Failure::new(Exit::Failed, problem);
    if ids::is_root() {
        return Err(failed("it runs what others have written, so it does not run as root".to_owned())
            .hint("reeve-hook.service has a user of its own: systemctl enable --now reeve-hook"));
    }
    harden::no_new_privileges().map_err(|error| failed(error.to_string()))?;
    let config = HookConfig::read(&args.config).map_err(|error| failed(with_causes(&error)))?;
    let config = config
        .ok_or_else(|| failed(format!("{}: is not there, so nobody is asked", args.config.display())))?;
    let gate = for_gate::gate(&config.gate_user)?;
    config.check().map_err(failed)?;
    let config = Arc::new(config);
    // One more than there are places is not answered, so that its vote does not count.
    block_on(for_gate::serve(&config.socket, gate, AT_ONCE, said, |stream| {
        let config = Arc::clone(&config);
        async move { answer(stream, &config).await }
    }))
}

async fn answer(mut stream: UnixStream, config: &HookConfig) -> Result<(), String> {
    let mut question = Vec::new();
    let read = tokio::time::timeout(PATIENCE, (&mut stream).take(LONGEST).read_to_end(&mut question)).await;
    read.map_err(|_elapsed| "the gate does not ask".to_owned())?.map_err(|error| error.to_string())?;
    let question: Value = serde_json::from_slice(&question).map_err(|error| error.to_string())?;
    let verdict = ask::verdict(config, &question).await;
    let written = stream.write_all(verdict.to_string().as_bytes()).await;
    written.map_err(|error| error.to_string())
}

/// Into the unit's log.
fn said(text: &str) {
    eprintln!("reeve hook: {}", harmless(text));
}

/// What `reeve check` says of the file; nothing when there is none.
pub(super) fn finding(path: &Path) -> Option<Result<String, String>> {
    match HookConfig::read(path) {
        Ok(None) => None,
        Ok(Some(config)) => Some(config.check().map(|()| config.describe())),
        Err(error) => Some(Err(with_causes(&error))),
    }
}
