//! One round of fetching, and what it tells.

use std::time::{Duration, SystemTime};

use serde_json::json;

use crate::cli::exit::{Exit, Failure};
use crate::cli::screen::{Screen, Tone, harmless, paint};
use crate::secret::{Fetched, State};
use crate::sys::clock::Clock;
use crate::sys::harden;
use crate::vault::{self, VaultsConfig, Wanted};

/// Fetches everything. One that fails does not keep the others.
pub(super) async fn run(
    config: &VaultsConfig,
    wanted: &Wanted,
    screen: Screen,
    clock: &dyn Clock,
) -> Result<Exit, Failure> {
    // Values are about to be in this process's memory.
    harden::no_dump().map_err(|error| failed(&error))?;
    let environment = |name: &str| std::env::var(name).ok();
    let state =
        vault::from_azure(config, wanted, clock, &environment).await.map_err(|error| failed(&error))?;
    show(&state, screen, clock)
}

/// Says how the last round went.
pub(super) fn list(config: &VaultsConfig, screen: Screen, clock: &dyn Clock) -> Result<Exit, Failure> {
    show(&config.folder.state().map_err(|error| failed(&error))?, screen, clock)
}

fn failed(error: &std::io::Error) -> Failure {
    Failure::new(Exit::Failed, format!("secrets cannot be fetched: {error}"))
}

fn show(state: &State, screen: Screen, clock: &dyn Clock) -> Result<Exit, Failure> {
    let ok = state.secrets.iter().all(|fetched| fetched.problem.is_none());
    if screen.is_json() {
        screen.document(&json!({"ok": ok, "at": state.at, "secrets": state.secrets}))?;
    } else {
        for fetched in &state.secrets {
            screen.line(&line(fetched, clock.now()))?;
        }
    }
    Ok(if ok { Exit::Done } else { Exit::Failed })
}

fn line(fetched: &Fetched, now: SystemTime) -> String {
    let from = match (&fetched.vault, &fetched.credential) {
        (Some(vault), Some(credential)) => format!("{vault} as {credential}"),
        (Some(vault), None) => vault.clone(),
        (None, _) => "no vault".to_owned(),
    };
    let head = format!("{} for {}, from {from}", fetched.reference, fetched.consumers.join(" and "));
    match &fetched.problem {
        None => format!("{} {}", paint("✓", Tone::Good), harmless(&head)),
        Some(problem) => {
            let stays = match fetched.good_at {
                Some(good_at) => format!("the value of {} ago stays", age(good_at, now)),
                None => "there is no value".to_owned(),
            };
            format!("{} {}: {}; {stays}", paint("✗", Tone::Bad), harmless(&head), harmless(problem))
        }
    }
}

fn age(good_at: i64, now: SystemTime) -> String {
    let then = SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(good_at).unwrap_or_default());
    let since = now.duration_since(then).unwrap_or_default();
    humantime::format_duration(Duration::from_secs(since.as_secs())).to_string()
}
