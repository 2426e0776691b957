//! `reeved`: hears agents over mutual TLS and passes what they ask to the gate. Its options and keys are in docs/configuration.md.

use std::error::Error;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use reeve::api::{Handle, Server, Settings};
use reeve::config::logging;
use reeve::sys::activation::{self, Passed};
use reeve::sys::clock::SystemClock;
use reeve::sys::harden;
use sd_notify::NotifyState;
use tokio::signal::unix::{SignalKind, signal};

/// Hears agents over mutual TLS and passes what they ask to the gate.
#[derive(Parser)]
#[command(name = "reeved", version)]
struct Arguments {
    /// The configuration.
    #[arg(long, default_value = "/etc/reeve/reeved.toml")]
    config: PathBuf,
    /// Reads configuration, certificates and revocation lists, says what is wrong, and ends.
    #[arg(long)]
    check: bool,
}

/// For when nobody waits for a word.
const UNWATCHED: Duration = Duration::from_secs(3600);

/// Of a thousand connections, glibc's allocator keeps half as much again.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    let passed = match harden() {
        Ok(passed) => passed,
        Err(error) => {
            eprintln!("reeved: cannot harden itself: {error}");
            return ExitCode::FAILURE;
        }
    };
    match run(&Arguments::parse(), passed) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("reeved: {}", with_causes(error.as_ref()));
            ExitCode::FAILURE
        }
    }
}

/// Takes what systemd passed, and leaves everything else.
fn harden() -> io::Result<Option<Passed>> {
    let passed = activation::passed(|name| std::env::var(name).ok())?;
    harden::start(&passed.iter().map(Passed::descriptor).collect::<Vec<_>>())?;
    harden::no_new_privileges()?;
    Ok(passed)
}

fn run(arguments: &Arguments, passed: Option<Passed>) -> Result<(), Box<dyn Error>> {
    let settings = Settings::read(&arguments.config)?;
    if arguments.check {
        settings.check()?;
        println!("reeved: {} is valid", arguments.config.display());
        return Ok(());
    }
    logging::begin(&settings.log)?;
    if nix::unistd::geteuid().is_root() {
        tracing::warn!(
            "reeved runs as root: whoever takes it over has the host; let it run as the user reeve"
        );
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(serve(arguments, settings, passed))
}

async fn serve(
    arguments: &Arguments,
    settings: Settings,
    passed: Option<Passed>,
) -> Result<(), Box<dyn Error>> {
    let server = Server::on(passed, &arguments.config, settings, Arc::new(SystemClock)).await?;
    tracing::info!(listen = %server.local_addr()?, metrics = ?server.metrics_addr(), "ready");
    let signals = tokio::spawn(obey_signals(server.handle())?);
    notify(&[NotifyState::Ready]);
    server.run().await;
    signals.abort();
    tracing::info!("ended");
    Ok(())
}

/// SIGHUP reloads; SIGTERM and SIGINT end the server once the requests under way are answered.
fn obey_signals(handle: Handle) -> Result<impl Future<Output = ()>, Box<dyn Error>> {
    let mut hangup = signal(SignalKind::hangup())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let limit = sd_notify::watchdog_enabled().filter(|limit| !limit.is_zero());
    Ok(async move {
        let mut watched = tokio::time::interval(limit.unwrap_or(UNWATCHED) / 3);
        loop {
            tokio::select! {
                _ = watched.tick(), if limit.is_some() => notify(&[NotifyState::Watchdog]),
                _ = hangup.recv() => reload(&handle).await,
                _ = terminate.recv() => break,
                _ = interrupt.recv() => break,
            }
        }
        notify(&[NotifyState::Stopping]);
        handle.stop();
    })
}

async fn reload(handle: &Handle) {
    if let Ok(now) = NotifyState::monotonic_usec_now() {
        notify(&[NotifyState::Reloading, now]);
    }
    // The server has logged why, and goes on with what it had.
    drop(handle.reload().await);
    notify(&[NotifyState::Ready]);
}

/// Tells systemd; where there is none, nobody.
fn notify(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::warn!(%error, "cannot tell systemd");
    }
}

fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
