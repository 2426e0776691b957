//! One round of fetching, and what it tells.

use std::time::{Duration, SystemTime};

use serde_json::json;
use zeroize::Zeroizing;

use super::files::{Configurations, Stands};
use crate::cli::exit::{Exit, Failure, with_causes};
use crate::cli::screen::{Screen, Tone, harmless, paint};
use crate::config::{self, ConfigError};
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
    show(&state, &[], screen, clock)
}

/// Says how the last round went, and where each secret of the configuration is.
pub(super) fn list(
    config: &VaultsConfig,
    configurations: &Configurations,
    screen: Screen,
    clock: &dyn Clock,
) -> Result<Exit, Failure> {
    let state = config.folder.state().map_err(|error| failed(&error))?;
    let mut keys = Vec::new();
    let mut is_plain = false;
    for configuration in configurations.all() {
        let path = configuration.path.display();
        let text = match config::read_text(configuration.path) {
            Ok(text) => Zeroizing::new(text),
            Err(ConfigError::Untrusted(error)) if error.is_not_found() => continue,
            Err(error) => {
                keys.push((path.to_string(), "could not be read".to_owned(), with_causes(&error)));
                continue;
            }
        };
        for written in configuration.secrets(&text).map_err(|problem| Failure::new(Exit::Failed, problem))? {
            let (source, place) = match Stands::of(&written) {
                Stands::Named(reference) => (reference.source().to_string(), reference.to_string()),
                Stands::Plain => {
                    is_plain = true;
                    ("itself".to_owned(), "`reeve secret migrate` moves it into a vault".to_owned())
                }
            };
            keys.push((format!("{path}: {}", written.key), source, place));
        }
    }
    let shown = show(&state, &keys, screen, clock)?;
    Ok(if is_plain { Exit::Failed } else { shown })
}

fn failed(error: &std::io::Error) -> Failure {
    Failure::new(Exit::Failed, format!("secrets cannot be fetched: {error}"))
}

/// A key of a configuration, the kind of place that its secret is in, and which one.
type Key = (String, String, String);

fn show(state: &State, keys: &[Key], screen: Screen, clock: &dyn Clock) -> Result<Exit, Failure> {
    let ok = state.secrets.iter().all(|fetched| fetched.problem.is_none());
    if screen.is_json() {
        let keys: Vec<_> = keys
            .iter()
            .map(|(key, source, place)| json!({"key": key, "source": source, "place": place}))
            .collect();
        screen.document(&json!({"ok": ok, "at": state.at, "keys": keys, "secrets": state.secrets}))?;
    } else {
        for (key, source, place) in keys {
            screen.line(&format!("{}  {source}  {}", harmless(key), harmless(place)))?;
        }
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
