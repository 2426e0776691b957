//! The gate: decides, asks people, records, signs. It has no network and no sudo.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::{Parser, Subcommand};
use reeve::config::logging;
use reeve::gate::config::GateConfig;
use reeve::gate::{self, causes, server};
use reeve::sys::activation::{self, Passed};
use reeve::sys::clock::SystemClock;
use reeve::sys::{harden, host, ids};
use tokio::signal::unix::{SignalKind, signal};

/// The gate of a host: it decides what agents ask, asks people, keeps the audit log and signs grants.
#[derive(Parser)]
#[command(version, max_term_width = 100)]
struct Args {
    /// The configuration.
    #[arg(long, default_value = "/etc/reeve/gate.toml")]
    config: PathBuf,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Make the grant key where there is none, and print its public half for /etc/reeve/grant.pub.
    Init,
}

/// For when nobody waits for a word.
const UNWATCHED: Duration = Duration::from_secs(3600);

type Failure = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    // The worker confines itself before it reads a byte, so it comes before everything else.
    if std::env::args().nth(1).as_deref() == Some(reeve::policy::worker::ARGUMENT) {
        return reeve::policy::worker::main();
    }
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("reeve-gate: {}", causes(error.as_ref()));
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Result<(), Failure> {
    let passed = activation::passed(|name| std::env::var(name).ok())?;
    harden::start(&passed.iter().map(Passed::descriptor).collect::<Vec<_>>())?;
    let host_name = host::hostname()?;
    let config = match (&args.command, args.config.exists()) {
        // An installer makes the key before there is a configuration.
        (Some(Command::Init), false) => GateConfig::parse("the defaults", "", &host_name)?,
        (Some(Command::Init), true) | (None, _) => GateConfig::read(&args.config, &host_name)?,
    };
    match args.command {
        Some(Command::Init) => init(&config),
        None => {
            logging::begin(&config.log)?;
            // One thread decides, which spares it waking another for each frame; what blocks has its own.
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(serve(args.config.clone(), config, passed))
        }
    }
}

fn init(config: &GateConfig) -> Result<(), Failure> {
    println!("{}", gate::own_keys::init(config)?.public().to_hex());
    Ok(())
}

async fn serve(path: PathBuf, config: GateConfig, passed: Option<Passed>) -> Result<(), Failure> {
    harden::no_new_privileges()?;
    let (socket, fetched) = (config.socket.clone(), config.secrets.fetched.clone());
    let admitted = admitted(&config)?;
    let gate = gate::start(&path, config, Arc::new(SystemClock)).await?;
    tokio::spawn(Arc::clone(&gate).keep_secrets(fetched));
    let listener = listen(&socket, passed)?;
    let serving = tokio::spawn(server::serve(Arc::clone(&gate), listener, admitted));
    sd_notify::notify(&[sd_notify::NotifyState::Ready])?;
    tracing::info!(socket = %socket.display(), "the gate is open");
    until_told(&gate).await?;
    sd_notify::notify(&[sd_notify::NotifyState::Stopping])?;
    gate.drain().await;
    serving.abort();
    gate.stop().await;
    Ok(())
}

/// Reloads at SIGHUP, has the audit log begin a new file at SIGUSR1, returns at SIGTERM and SIGINT.
async fn until_told(gate: &Arc<gate::Gate>) -> Result<(), Failure> {
    let mut hang_up = signal(SignalKind::hangup())?;
    let mut new_file = signal(SignalKind::user_defined1())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    // The one thread that decides says so: when it is stuck, systemd hears nothing, and starts another.
    let limit = sd_notify::watchdog_enabled().filter(|limit| !limit.is_zero());
    let mut watched = tokio::time::interval(limit.unwrap_or(UNWATCHED) / 3);
    loop {
        tokio::select! {
            _ = watched.tick(), if limit.is_some() => drop(sd_notify::notify(&[sd_notify::NotifyState::Watchdog])),
            _ = hang_up.recv() => {
                sd_notify::notify(&[sd_notify::NotifyState::Reloading, sd_notify::NotifyState::monotonic_usec_now()?])?;
                // What failed is recorded and logged; what was in force stays in force.
                drop(gate.reload(gate::ReloadBy::Root).await);
                sd_notify::notify(&[sd_notify::NotifyState::Ready])?;
            }
            _ = new_file.recv() => gate.begin_new_audit_file().await,
            _ = terminate.recv() => return Ok(()),
            _ = interrupt.recv() => return Ok(()),
        }
    }
}

fn admitted(config: &GateConfig) -> Result<server::Admitted, Failure> {
    let front = ids::user(&config.front_user)?
        .ok_or_else(|| format!("there is no Unix user {}", config.front_user))?;
    let approvers = ids::group(&config.approvers_group)?
        .ok_or_else(|| format!("there is no Unix group {}", config.approvers_group))?;
    Ok(server::Admitted { front: front.uid, approvers })
}

/// Binds the socket, or takes the one that systemd holds. Anybody may connect; the kernel says who it is, and most are sent away.
fn listen(path: &Path, passed: Option<Passed>) -> Result<tokio::net::UnixListener, Failure> {
    if let Some(passed) = passed {
        let listener = passed.into_own_listener()?;
        listener.set_nonblocking(true)?;
        return Ok(tokio::net::UnixListener::from_std(listener)?);
    }
    if std::os::unix::net::UnixStream::connect(path).is_ok() {
        return Err(format!("another gate listens on {}", path.display()).into());
    }
    if path.exists() {
        std::fs::remove_file(path)?;
    }
    let listener = tokio::net::UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o666))?;
    Ok(listener)
}
