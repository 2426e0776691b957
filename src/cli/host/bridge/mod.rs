//! `reeve bridge`: reaches signal-cli over HTTP, and speaks to the gate as signal-cli does on its socket. The gate has no network, and
//! this has nothing else.

mod config;
mod daemon;
mod request;
mod rest;
mod session;
mod sse;
mod upstream;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;

use super::{block_on, for_gate};
use crate::cli::exit::{Exit, Failure, with_causes};
use crate::cli::screen::harmless;
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
    let gate = for_gate::gate(&config.gate_user)?;
    let bridge = Arc::new(Bridge::new(&config).map_err(failed)?);
    block_on(for_gate::serve(&config.socket, gate, SESSIONS, said, |stream| {
        let bridge = Arc::clone(&bridge);
        // A session goes on until it fails.
        async move { session::run(&bridge, stream).await.map(|never| match never {}) }
    }))
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
