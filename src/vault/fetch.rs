//! One round: every secret that is wanted is asked for, those that came are put in place, and of the others the last good one stays.

use std::collections::BTreeSet;
use std::fs::File;
use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use nix::fcntl::Flock;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::Instant;
use url::Url;

use super::config::VaultsConfig;
use super::folder;
use super::wanted::Wanted;
use crate::secret::{Consumer, Fetched, MAX_BYTES, Secret, State, VaultReference};
use crate::sys::clock::Clock;

/// How many are asked for at one time: enough that none waits long, few enough that a vault does not throttle.
const AT_ONCE: usize = 16;

/// How long a round may take with all that it fetches: it always comes to where it is told how it went. The unit that runs it, and who waits for that,
/// count on it.
pub const AT_MOST: Duration = Duration::from_secs(50);

/// How long a round waits for another one that goes on, and how often it looks.
const FOR_ANOTHER: Duration = Duration::from_secs(5);
const LOOK: Duration = Duration::from_millis(100);

/// Who has the secrets.
pub trait Vaults: Send + Sync + 'static {
    /// A secret's value, in the vault at an address.
    fn get(
        &self,
        url: &Url,
        name: &str,
        version: Option<&str>,
    ) -> impl Future<Output = Result<Got, Trouble>> + Send;
}

/// A value, and whose word opened the vault.
#[derive(Debug)]
pub struct Got {
    /// The value.
    pub value: Secret,
    /// The credential that answered.
    pub credential: &'static str,
}

/// Why there is none: for the log and for people, without anything of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// What is wrong.
    pub problem: String,
    /// The credential that the vault did not open to.
    pub credential: Option<&'static str>,
}

/// Fetches everything that is wanted, puts it in place, and tells how it went: of what did not come until then, that it did not.
///
/// # Errors
/// When it cannot be told, or another round goes on; what is wrong with one secret is told of that secret.
pub async fn fetch<V: Vaults>(
    config: &VaultsConfig,
    wanted: &Wanted,
    vaults: Arc<V>,
    (clock, within): (&dyn Clock, Duration),
) -> io::Result<State> {
    let _alone = alone(config).await?;
    let until = Instant::now() + within;
    let mut rounds = JoinSet::new();
    let places = Arc::new(Semaphore::new(AT_ONCE));
    for (reference, consumers) in wanted.iter() {
        let (reference, consumers, vaults) = (reference.clone(), consumers.clone(), Arc::clone(&vaults));
        let (address, patience) = (config.address(&reference).cloned(), config.azure.patience);
        let places = Arc::clone(&places);
        rounds.spawn(async move {
            let _place = places.acquire().await;
            let got = ask(address.as_ref(), &reference, vaults.as_ref(), (patience, until)).await;
            (reference, consumers, address, got)
        });
    }
    let mut state = State { at: seconds(clock.now()), secrets: Vec::new() };
    while let Some(round) = rounds.join_next().await {
        let (reference, consumers, address, got) = round.map_err(io::Error::other)?;
        state.secrets.push(settle(config, &reference, (&consumers, address.ok()), got, state.at));
    }
    state.secrets.sort_by(|one, two| one.reference.cmp(&two.reference));
    for consumer in Consumer::FETCHED_FOR {
        let names = wanted.iter().filter(|(_, by)| by.contains(&consumer));
        let names: BTreeSet<_> = names.map(|(reference, _)| reference.file_name()).collect();
        folder::keep_only(&config.folder, consumer, &names)?;
    }
    folder::tell(&config.folder, &state)?;
    Ok(state)
}

/// A round by itself: two would take away each other's values.
async fn alone(config: &VaultsConfig) -> io::Result<Flock<File>> {
    let until = Instant::now() + FOR_ANOTHER;
    loop {
        if let Some(held) = folder::alone(&config.folder)? {
            return Ok(held);
        }
        if Instant::now() >= until {
            return Err(io::Error::other("another round goes on: `reeve secret list` says how it went"));
        }
        tokio::time::sleep(LOOK).await;
    }
}

async fn ask<V: Vaults>(
    address: Result<&Url, &String>,
    reference: &VaultReference,
    vaults: &V,
    (patience, until): (Duration, Instant),
) -> Result<Got, Trouble> {
    let trouble = |problem: String| Trouble { problem, credential: None };
    let address = address.map_err(|problem| trouble(problem.clone()))?;
    let now = Instant::now();
    if now >= until {
        return Err(trouble(
            "was not asked for: others did not come, and the time for all was over".to_owned(),
        ));
    }
    let ends = until.min(now + patience);
    let asked = tokio::time::timeout_at(ends, vaults.get(address, reference.name(), reference.version()));
    let waited = ends.duration_since(now).as_secs_f64().ceil();
    let got = asked.await.map_err(|_late| trouble(format!("no answer within {waited} s")))??;
    let unfit = |problem: &str| Trouble { problem: problem.to_owned(), credential: Some(got.credential) };
    if got.value.is_empty() {
        return Err(unfit("its value is empty, and an empty secret keeps nobody out"));
    }
    if got.value.expose().len() > MAX_BYTES {
        return Err(unfit("its value is larger than a secret can be"));
    }
    Ok(got)
}

/// Puts what came in place, or says why what was there stays.
fn settle(
    config: &VaultsConfig,
    reference: &VaultReference,
    (consumers, address): (&BTreeSet<Consumer>, Option<Url>),
    got: Result<Got, Trouble>,
    now: i64,
) -> Fetched {
    let name = reference.file_name();
    let put = got.and_then(|got| {
        for consumer in consumers {
            folder::put(&config.folder, *consumer, &name, &got.value).map_err(|error| Trouble {
                problem: format!("cannot be put in place for {}: {error}", consumer.name()),
                credential: Some(got.credential),
            })?;
        }
        Ok(got.credential)
    });
    let (good_at, credential, problem) = match put {
        Ok(credential) => (Some(now), Some(credential), None),
        Err(trouble) => {
            // The oldest that somebody still reads.
            let written = consumers.iter().map(|consumer| folder::written(&config.folder, *consumer, &name));
            (written.min().flatten(), trouble.credential, Some(trouble.problem))
        }
    };
    Fetched {
        reference: reference.to_string(),
        consumers: consumers.iter().map(|consumer| consumer.name().to_owned()).collect(),
        vault: address.map(|url| url.to_string()),
        credential: credential.map(str::to_owned),
        good_at,
        problem,
    }
}

fn seconds(time: SystemTime) -> i64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
