//! `reeve bridge`: reaches signal-cli over HTTP, and speaks to the gate as signal-cli does on its socket. The gate has no network, and
//! this has nothing else.

mod config;
mod daemon;
mod request;
mod rest;
mod session;
mod sse;
mod upstream;

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use tokio::net::{UnixListener, UnixStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Semaphore;

use super::block_on;
use crate::cli::exit::{Exit, Failure, with_causes};
use crate::cli::screen::harmless;
use crate::sys::{ids, peer};
pub(in crate::cli) use config::{BridgeConfig, Transport};
use session::Bridge;

/// Where it is said how signal-cli is reached, unless it is said otherwise.
pub(super) const CONFIG: &str = "/etc/reeve/bridge.toml";
/// The gate has one connection, and for a moment two.
const SESSIONS: usize = 4;

/// Reach signal-cli over HTTP for the gate, until it is told to end
#[derive(Debug, Args)]
#[command(after_help = "\
reeve-bridge.service runs this, for a host whose signal-cli is reached over HTTP: its own daemon
with --http, or signal-cli-rest-api, which loses messages. The gate finds here the socket that it
would find at signal-cli.

Example:
  runuser -u reeve-bridge -- reeve bridge")]
pub(in crate::cli) struct BridgeArgs {
    /// The file that says how signal-cli is reached
    #[arg(long, value_name = "FILE", default_value = CONFIG)]
    config: PathBuf,
}

/// Runs `reeve bridge`.
pub(in crate::cli) fn run(args: &BridgeArgs) -> Result<Exit, Failure> {
    let failed = |problem: String| Failure::new(Exit::Failed, problem);
    let config = BridgeConfig::read(&args.config).map_err(|error| failed(with_causes(&error)))?;
    let config = config.ok_or_else(|| {
        failed(format!("{}: is not there, so there is nobody to reach", args.config.display()))
    })?;
    let gate = ids::user(&config.gate_user).map_err(|error| failed(error.to_string()))?;
    let gate =
        gate.ok_or_else(|| failed(format!("gate_user: there is no Unix user {}", config.gate_user)))?;
    let bridge = Arc::new(Bridge::new(&config).map_err(failed)?);
    block_on(serve(bridge, &config.socket, gate.uid))
}

async fn serve(bridge: Arc<Bridge>, socket: &Path, gate: u32) -> Result<Exit, Failure> {
    let failed = |error: std::io::Error| Failure::new(Exit::Failed, format!("{}: {error}", socket.display()));
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let listener = listen(socket).map_err(failed)?;
    let places = Arc::new(Semaphore::new(SESSIONS));
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let (stream, _address) = accepted.map_err(failed)?;
                let Ok(place) = Arc::clone(&places).try_acquire_owned() else { continue };
                let bridge = Arc::clone(&bridge);
                tokio::spawn(async move {
                    admit(&bridge, stream, gate).await;
                    drop(place);
                });
            }
            _ = terminate.recv() => return Ok(Exit::Done),
            _ = interrupt.recv() => return Ok(Exit::Done),
        }
    }
}

/// Only the gate, and root: whoever is let in reads what people write, and writes to them.
async fn admit(bridge: &Bridge, stream: UnixStream, gate: u32) {
    match peer::credentials(&stream) {
        Ok(who) if who.uid == gate || who.uid == 0 => {
            let Err(why) = session::run(bridge, stream).await;
            said(&why);
        }
        Ok(who) => said(&format!("uid {} was sent away: gate_user alone is let in", who.uid)),
        Err(error) => said(&format!("who connected is not known: {error}")),
    }
}

/// Its folder says who may connect; the mode, that its group may.
fn listen(path: &Path) -> std::io::Result<UnixListener> {
    if std::os::unix::net::UnixStream::connect(path).is_ok() {
        return Err(std::io::Error::other("another bridge listens here"));
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
    eprintln!("reeve bridge: {}", harmless(text));
}

/// What `reeve check` says of the file; nothing when there is none.
pub(super) fn finding(path: &Path) -> Option<Result<String, String>> {
    match BridgeConfig::read(path) {
        Ok(None) => None,
        Ok(Some(config)) => {
            let made = Bridge::new(&config);
            Some(made.map(|_bridge| format!("{}, {}", config.transport.describe(), config.url)))
        }
        Err(error) => Some(Err(with_causes(&error))),
    }
}
