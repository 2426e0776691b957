//! `reeve alarms`: takes alarms to people when those who approve cannot be asked. The gate has no network, and this has nothing else.

mod deliver;
mod mail;
mod post;

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::block_on;
use crate::alarm::config::{AlarmsConfig, By, Way};
use crate::alarm::{Alarm, What};
use crate::cli::exit::{Exit, Failure, with_causes};
use crate::cli::screen::{Screen, Tone, harmless, paint};
use crate::secret::{Places, Secret};
use crate::sys::clock::Clock;
use crate::sys::{harden, host};
use crate::webhook::Key;

/// Where it is said how people are told, unless it is said otherwise.
const CONFIG: &str = "/etc/reeve/alarms.toml";
/// How long one attempt may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// Tell people by another way when they cannot be asked on Signal
#[derive(Debug, Args)]
pub(in crate::cli) struct AlarmsArgs {
    /// The file that says how people are told
    #[arg(long, global = true, display_order = 900, value_name = "FILE", default_value = CONFIG)]
    config: PathBuf,
    #[command(subcommand)]
    command: AlarmsCommand,
}

#[derive(Debug, Subcommand)]
enum AlarmsCommand {
    /// Deliver what the gate raises, until it is told to end; reeve-alarms.service runs this
    Deliver,
    /// Send one alarm by every way now, and say what each server answered
    #[command(after_help = "\
It goes past the gate: what is tried is the configuration and the servers.

Example:
  runuser -u reeve-alarms -- reeve alarms test")]
    Test,
}

/// Runs `reeve alarms …`.
pub(in crate::cli) fn run(args: &AlarmsArgs, screen: Screen, clock: &dyn Clock) -> Result<Exit, Failure> {
    let failed = |error: &dyn std::error::Error| Failure::new(Exit::Failed, with_causes(error));
    let config = AlarmsConfig::read(&args.config).map_err(|error| failed(&error))?;
    let config = config.ok_or_else(|| {
        Failure::new(Exit::Failed, format!("{}: is not there, so nobody is told", args.config.display()))
    })?;
    // What alarms are sent with is about to be in this process's memory.
    harden::no_dump().map_err(|error| failed(&error))?;
    match args.command {
        AlarmsCommand::Deliver => block_on(deliver::run(&config, clock)),
        AlarmsCommand::Test => block_on(test(&config, screen, clock)),
    }
}

async fn test(config: &AlarmsConfig, screen: Screen, clock: &dyn Clock) -> Result<Exit, Failure> {
    let host = host::hostname()?;
    let at = millis(clock.now());
    let alarm = Alarm {
        id: format!("test-{at}"),
        text: What::Test.text(&host),
        host,
        what: What::Test.name().to_owned(),
        at,
        expires_at: at,
    };
    let mut told: Vec<Value> = Vec::new();
    for way in &config.ways {
        let problem = tell((way, &config.secrets), &alarm, clock).await.err();
        if !screen.is_json() {
            screen.line(&match &problem {
                None => format!("{} {} ({})", paint("✓", Tone::Good), way.name, way.by.name()),
                Some(problem) => {
                    let problem = harmless(problem);
                    format!("{} {} ({}): {problem}", paint("✗", Tone::Bad), way.name, way.by.name())
                }
            })?;
        }
        told.push(json!({"way": way.name, "by": way.by.name(), "problem": problem}));
    }
    let ok = told.iter().all(|way| way.get("problem").is_some_and(Value::is_null));
    if screen.is_json() {
        screen.document(&json!({"ok": ok, "told": told}))?;
    }
    Ok(if ok { Exit::Done } else { Exit::Failed })
}

/// Takes one alarm to one server.
async fn tell((way, places): (&Way, &Places), alarm: &Alarm, clock: &dyn Clock) -> Result<(), String> {
    let telling = async {
        let secret = secret(way, places)?;
        match &way.by {
            By::Webhook { url, .. } => {
                let key = key(way, secret)?.ok_or("has no key")?;
                post::webhook((url, &way.ca), &key, alarm, clock.now()).await
            }
            By::Ntfy { url, topic, .. } => post::ntfy((url, &way.ca), topic, secret.as_ref(), alarm).await,
            By::Mail { server, from, to, login } => {
                let login = login.as_ref().map(|(user, _)| user.as_str()).zip(secret);
                mail::send((server, &way.ca), (from, to), login, alarm).await
            }
        }
    };
    match tokio::time::timeout(PATIENCE, telling).await {
        Ok(told) => told,
        Err(_elapsed) => Err(format!("no answer within {} s", PATIENCE.as_secs())),
    }
}

/// What `reeve check` says of the alarms.
pub(super) fn finding(path: &Path) -> Result<String, String> {
    let Some(config) = AlarmsConfig::read(path).map_err(|error| with_causes(&error))? else {
        return Ok("none: nobody is told when people cannot be asked".to_owned());
    };
    secrets(&config)?;
    let ways: Vec<String> =
        config.ways.iter().map(|way| format!("{} ({})", way.name, way.by.name())).collect();
    Ok(ways.join(", "))
}

/// Every secret is there, and is one.
pub(super) fn secrets(config: &AlarmsConfig) -> Result<(), String> {
    for way in &config.ways {
        secret(way, &config.secrets)
            .and_then(|secret| key(way, secret))
            .map_err(|problem| format!("{}: {problem}", way.name))?;
    }
    Ok(())
}

/// The secret of a way, as it is now: it changes without a restart.
fn secret(way: &Way, places: &Places) -> Result<Option<Secret>, String> {
    let read = way.by.secret().map(|reference| places.read(reference)).transpose();
    Ok(read.map_err(|error| with_causes(&error))?.map(|found| found.value))
}

/// The key that signs, where one does.
fn key(way: &Way, secret: Option<Secret>) -> Result<Option<Key>, String> {
    match (&way.by, secret) {
        (By::Webhook { key, .. }, Some(secret)) => {
            Key::of(&secret, key).map(Some).map_err(|error| with_causes(&error))
        }
        (By::Webhook { .. } | By::Ntfy { .. } | By::Mail { .. }, _) => Ok(None),
    }
}

fn millis(time: SystemTime) -> u64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
