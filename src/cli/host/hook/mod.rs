//! `reeve hook`: asks a program or a server of this host's own whether a vote may count. The gate has no network and starts no
//! program of others, and this has nothing else.

mod ask;
mod config;

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Semaphore;

use super::block_on;
use crate::cli::exit::{Exit, Failure, with_causes};
use crate::cli::screen::harmless;
use crate::sys::{harden, ids, peer};
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
    let gate = ids::user(&config.gate_user).map_err(|error| failed(error.to_string()))?;
    let gate =
        gate.ok_or_else(|| failed(format!("gate_user: there is no Unix user {}", config.gate_user)))?;
    config.check().map_err(failed)?;
    block_on(serve(Arc::new(config), gate.uid))
}

async fn serve(config: Arc<HookConfig>, gate: u32) -> Result<Exit, Failure> {
    let failed =
        |error: std::io::Error| Failure::new(Exit::Failed, format!("{}: {error}", config.socket.display()));
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let listener = listen(&config.socket).map_err(failed)?;
    let places = Arc::new(Semaphore::new(AT_ONCE));
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let (stream, _address) = accepted.map_err(failed)?;
                // One more than there are places is not answered, so that its vote does not count.
                let Ok(place) = Arc::clone(&places).try_acquire_owned() else { continue };
                let config = Arc::clone(&config);
                tokio::spawn(async move {
                    if let Err(problem) = answer(stream, &config, gate).await {
                        said(&problem);
                    }
                    drop(place);
                });
            }
            _ = terminate.recv() => return Ok(Exit::Done),
            _ = interrupt.recv() => return Ok(Exit::Done),
        }
    }
}

async fn answer(mut stream: UnixStream, config: &HookConfig, gate: u32) -> Result<(), String> {
    let who = peer::credentials(&stream).map_err(|error| error.to_string())?;
    if who.uid != gate && who.uid != 0 {
        return Err(format!("uid {} was sent away: gate_user alone may ask", who.uid));
    }
    let mut question = Vec::new();
    let read = tokio::time::timeout(PATIENCE, (&mut stream).take(LONGEST).read_to_end(&mut question)).await;
    read.map_err(|_elapsed| "the gate does not ask".to_owned())?.map_err(|error| error.to_string())?;
    let question: Value = serde_json::from_slice(&question).map_err(|error| error.to_string())?;
    let verdict = ask::verdict(config, &question).await;
    let written = stream.write_all(verdict.to_string().as_bytes()).await;
    written.map_err(|error| error.to_string())
}

/// Its folder says who may connect; the mode, that its group may.
fn listen(path: &Path) -> std::io::Result<UnixListener> {
    if std::os::unix::net::UnixStream::connect(path).is_ok() {
        return Err(std::io::Error::other("another hook listens here"));
    }
    match std::fs::remove_file(path) {
        Ok(()) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o660))?;
    Ok(listener)
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
