//! Is the host's identity what it should be: who it is and until when, what it may do, and whether it can read what it must and nothing else.
//! What could not be looked at is said to be so, and never passes.

mod acting;

use std::future::Future;
use std::io;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use url::Url;

use super::config::{Trial, VaultsConfig};
use super::fetch::{Trouble, Vaults};
use super::folder;
use super::roles::{Allowed, Assignment, judge};
use super::scope::Scope;
use super::wanted::Wanted;
use crate::secret::{Alias, FetchedFolder};
use crate::sys::random;
pub use acting::{Acting, Acts, examine_acting};

/// How far a host's clock may be off before tokens and certificates come to be refused for it.
const SKEW: i64 = 300;
/// How long before a certificate's end it is said.
const SOON: i64 = 30 * 24 * 3600;

/// How something is, the best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Seen {
    /// As it should be.
    Well,
    /// Wider or shorter than it could be.
    Wide,
    /// It could not be looked at.
    Unseen,
    /// Wrong.
    Wrong,
}

/// What was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Looked {
    /// Who the host is.
    Credential,
    /// What it may do.
    Roles,
    /// Whether its vaults give it what it needs.
    Vaults,
    /// Whether they give it nothing else.
    Isolation,
    /// Whether it reaches what it acts on.
    Reach,
}

/// One thing that was seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sight {
    /// Of what.
    pub of: Looked,
    /// How it is.
    pub seen: Seen,
    /// In words.
    pub words: String,
}

/// All that was seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Examined {
    /// When, in seconds since 1970.
    pub at: i64,
    /// What.
    pub sights: Vec<Sight>,
}

/// Who the host is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Who {
    /// Whose word it is.
    pub credential: &'static str,
    /// The identity's own id, by which roles are given.
    pub principal: String,
    /// What else is known: tenant and application.
    pub more: String,
    /// When the token was made, and when it ends, by the clock of whoever made it.
    pub token: (i64, i64),
    /// When the certificate ends that it is known by, if it is by one.
    pub certificate_ends: Option<i64>,
}

/// Who knows about the host's identity.
pub trait Registry: Vaults {
    /// Who the host is.
    fn who(&self) -> impl Future<Output = Result<Who, Trouble>> + Send;

    /// The roles that somebody has at a place, in it and above it.
    fn roles(
        &self,
        place: &Scope,
        principal: &str,
    ) -> impl Future<Output = Result<Vec<Assignment>, Trouble>> + Send;

    /// Whether the vault tells which secrets it has.
    fn lists(&self, url: &Url) -> impl Future<Output = Result<bool, Trouble>> + Send;

    /// Whether a secret can be read: `None` where the vault says that it has none of that name.
    fn reads(&self, url: &Url, name: &str) -> impl Future<Output = Result<Option<bool>, Trouble>> + Send;
}

impl Examined {
    /// Nothing could be looked at.
    #[must_use]
    pub fn unable(problem: &str, now: SystemTime) -> Self {
        let all = [Looked::Credential, Looked::Roles, Looked::Vaults, Looked::Isolation];
        Self {
            at: seconds(now),
            sights: all.into_iter().map(|of| sight(of, Seen::Unseen, problem)).collect(),
        }
    }
}

/// Looks at everything.
pub async fn examine<R: Registry>(
    config: &VaultsConfig,
    wanted: &Wanted,
    registry: &R,
    now: SystemTime,
) -> Examined {
    let at = seconds(now);
    let mut sights = Vec::new();
    let patience = config.azure.patience;
    let who = within(patience, registry.who()).await;
    sights.push(credential(who.as_ref(), at));
    sights.extend(certificate(who.as_ref().ok(), at));
    for (alias, url) in &config.vaults {
        let trial = config.examine.trials.get(alias).cloned().unwrap_or_default();
        let read = canary((registry, patience), (alias, url), &trial).await;
        sights.extend(match read.seen {
            Seen::Well => isolation((registry, patience), (alias, url), &trial).await,
            Seen::Wide | Seen::Unseen | Seen::Wrong => {
                let words = format!(
                    "{alias}: what may be read cannot be read either, so that a refusal shows nothing"
                );
                vec![sight(Looked::Isolation, Seen::Unseen, words)]
            }
        });
        sights.push(read);
        sights.extend(match &who {
            Ok(who) => roles(config, wanted, registry, (alias, &trial, who)).await,
            Err(_nobody) => {
                vec![sight(Looked::Roles, Seen::Unseen, format!("{alias}: nobody says who this host is"))]
            }
        });
    }
    Examined { at, sights }
}

/// Writes down what was seen, beside what was fetched. There is no secret in it.
///
/// # Errors
/// When it cannot be written.
pub fn write_down(folder: &FetchedFolder, examined: &Examined) -> io::Result<()> {
    folder::write_down(folder, NAME, &serde_json::to_vec(examined).map_err(io::Error::other)?)
}

/// What was written down last; nothing where nothing was.
///
/// # Errors
/// When it is somebody else's, or not what it should be.
pub fn written_down(folder: &FetchedFolder) -> io::Result<Option<Examined>> {
    match folder.beside_state(NAME) {
        Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(io::Error::other),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Beside the state of what was fetched.
const NAME: &str = "examined.json";

fn sight(of: Looked, seen: Seen, words: impl Into<String>) -> Sight {
    Sight { of, seen, words: words.into() }
}

fn unseen(of: Looked, what: &str, trouble: &Trouble) -> Sight {
    sight(of, Seen::Unseen, format!("{what}: {}", told(trouble)))
}

fn told(trouble: &Trouble) -> String {
    match trouble.credential {
        Some(credential) => format!("{} (as {credential})", trouble.problem),
        None => trouble.problem.clone(),
    }
}

fn credential(who: Result<&Who, &Trouble>, now: i64) -> Sight {
    let who = match who {
        Ok(who) => who,
        Err(trouble) => return sight(Looked::Credential, Seen::Wrong, told(trouble)),
    };
    let (made, ends) = who.token;
    let words = format!(
        "{}: principal {}, {}; its token ends in {}",
        who.credential,
        who.principal,
        who.more,
        lasting(ends - now)
    );
    // It was just asked for, so that neither can be unless one of the two clocks is wrong.
    if made > now + SKEW {
        let off = lasting(made - now);
        return sight(
            Looked::Credential,
            Seen::Wrong,
            format!("{words}, and was made {off} from now: is the clock behind?"),
        );
    }
    if ends <= now {
        return sight(
            Looked::Credential,
            Seen::Wrong,
            format!("{words}, and so it has: is the clock ahead?"),
        );
    }
    sight(Looked::Credential, Seen::Well, words)
}

fn certificate(who: Option<&Who>, now: i64) -> Option<Sight> {
    let ends = who?.certificate_ends?;
    let left = ends - now;
    let seen = match left {
        ..=0 => Seen::Wrong,
        left if left < SOON => Seen::Wide,
        _ => Seen::Well,
    };
    let words = if left <= 0 { "has ended".to_owned() } else { format!("ends in {}", lasting(left)) };
    Some(sight(Looked::Credential, seen, format!("the certificate of the service principal {words}")))
}

/// That the vault gives the host what it needs is shown by a secret that is read.
async fn canary<R: Registry>(
    (registry, patience): (&R, Duration),
    (alias, url): (&Alias, &Url),
    trial: &Trial,
) -> Sight {
    let Some(name) = &trial.canary else {
        let words = format!("{alias}: secrets.toml names no secret to try: vault.{alias}.canary");
        return sight(Looked::Vaults, Seen::Unseen, words);
    };
    match within(patience, registry.get(url, name, None)).await {
        Ok(got) if got.value.is_empty() => {
            sight(Looked::Vaults, Seen::Wrong, format!("{alias}: {name} is empty"))
        }
        Ok(got) => {
            sight(Looked::Vaults, Seen::Well, format!("{alias}: {name} is read as {}", got.credential))
        }
        Err(trouble) => sight(Looked::Vaults, Seen::Wrong, format!("{alias}: {name}: {}", told(&trouble))),
    }
}

/// That it gives it nothing else is shown by trying. Where not even the canary can be read, a refusal shows nothing.
async fn isolation<R: Registry>(
    (registry, patience): (&R, Duration),
    (alias, url): (&Alias, &Url),
    trial: &Trial,
) -> Vec<Sight> {
    let mut sights = Vec::new();
    let about = |seen, words: String| sight(Looked::Isolation, seen, format!("{alias}: {words}"));
    sights.push(match within(patience, registry.lists(url)).await {
        Ok(false) => about(Seen::Well, "the vault does not tell which secrets it has".to_owned()),
        Ok(true) => about(Seen::Wrong, "the vault tells this host which secrets it has".to_owned()),
        Err(trouble) => unseen(Looked::Isolation, &format!("{alias}: its list"), &trouble),
    });
    // Whoever may read one of any name is told that there is none; whoever may not is told only that.
    let any = match random_name() {
        Ok(name) => name,
        Err(error) => {
            sights.push(about(Seen::Unseen, format!("there is no randomness: {error}")));
            return sights;
        }
    };
    sights.push(match within(patience, registry.reads(url, &any)).await {
        Ok(Some(false)) => about(Seen::Well, "a secret that nothing names is not given out".to_owned()),
        Ok(Some(true) | None) => about(Seen::Wrong, "this host reads secrets of any name".to_owned()),
        Err(trouble) => unseen(Looked::Isolation, &format!("{alias}: a secret that nothing names"), &trouble),
    });
    for name in &trial.forbidden {
        sights.push(match within(patience, registry.reads(url, name)).await {
            Ok(Some(false)) => about(Seen::Well, format!("{name} is not given out")),
            Ok(Some(true)) => about(Seen::Wrong, format!("this host reads {name}, which is forbidden to it")),
            Ok(None) => about(
                Seen::Wrong,
                format!("this host is told that there is no {name}: it reads secrets of any name"),
            ),
            Err(trouble) => unseen(Looked::Isolation, &format!("{alias}: {name}"), &trouble),
        });
    }
    sights
}

/// An answer, or that there was none for so long.
async fn within<T>(
    patience: Duration,
    asked: impl Future<Output = Result<T, Trouble>>,
) -> Result<T, Trouble> {
    match tokio::time::timeout(patience, asked).await {
        Ok(answer) => answer,
        Err(_late) => {
            let problem = format!("no answer within {} s", patience.as_secs());
            Err(Trouble { problem, credential: None })
        }
    }
}

/// What the host may do: in all of the subscription, or, where it may not look there, at the vault and above.
async fn roles<R: Registry>(
    config: &VaultsConfig,
    wanted: &Wanted,
    registry: &R,
    (alias, trial, who): (&Alias, &Trial, &Who),
) -> Vec<Sight> {
    let Some(vault) = &trial.id else {
        let words = format!("{alias}: secrets.toml does not say where it is: vault.{alias}.id");
        return vec![sight(Looked::Roles, Seen::Unseen, words)];
    };
    let mut sights = Vec::new();
    let whole = vault.subscription().unwrap_or_else(|| vault.clone());
    let patience = config.azure.patience;
    let found = match within(patience, registry.roles(&whole, &who.principal)).await {
        Ok(found) => Ok(found),
        Err(trouble) => {
            sights.push(unseen(
                Looked::Roles,
                &format!("{alias}: roles elsewhere than at the vault"),
                &trouble,
            ));
            within(patience, registry.roles(vault, &who.principal)).await
        }
    };
    let assignments = match found {
        Ok(assignments) => assignments,
        Err(trouble) => {
            sights.push(unseen(Looked::Roles, &format!("{alias}: roles at the vault"), &trouble));
            return sights;
        }
    };
    let judged = judge(&assignments, &allowed(config, wanted));
    let counted = format!("{alias}: {}", judged.counted);
    // It reads the vault, so that it has some: a listing without any has not shown them.
    let shown = if assignments.is_empty() { Seen::Unseen } else { Seen::Well };
    sights.push(sight(Looked::Roles, shown, counted));
    sights.extend(judged.wrong.into_iter().map(|words| sight(Looked::Roles, Seen::Wrong, words)));
    sights.extend(judged.wide.into_iter().map(|words| sight(Looked::Roles, Seen::Wide, words)));
    sights
}

fn allowed(config: &VaultsConfig, wanted: &Wanted) -> Allowed {
    let mut allowed = Allowed { elsewhere: config.examine.scopes.clone(), ..Allowed::default() };
    for (alias, trial) in &config.examine.trials {
        let Some(vault) = &trial.id else { continue };
        allowed.vaults.push(vault.clone());
        allowed.secrets.extend(trial.canary.iter().map(|name| vault.secret(name)));
        let own = |reference: &crate::secret::VaultReference| {
            config.vaults.get(alias).is_some_and(|url| config.address(reference) == Ok(url))
        };
        let named = wanted.iter().filter(|(reference, _)| own(reference));
        allowed.secrets.extend(named.map(|(reference, _)| vault.secret(reference.name())));
    }
    allowed
}

/// A name that no secret has.
fn random_name() -> io::Result<String> {
    let mut bytes = [0_u8; 12];
    random::fill(&mut bytes)?;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(format!("reeve-isolation-{hex}"))
}

fn lasting(seconds: i64) -> String {
    humantime::format_duration(Duration::from_secs(u64::try_from(seconds).unwrap_or_default())).to_string()
}

fn seconds(time: SystemTime) -> i64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
