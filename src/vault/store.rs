//! Putting a value into a vault, so that it is known to be there: it is read back and compared, and taken back when that fails.

use std::collections::BTreeMap;
use std::future::Future;
use std::io;

use url::Url;

use super::fetch::{Got, Trouble, Vaults};
use crate::secret::Secret;

/// No value of a Key Vault is larger.
pub const MOST_IN_VAULT: usize = 25 * 1024;

/// Who can put secrets into vaults.
pub trait Keeper: Vaults {
    /// The newest version of a secret, or that there is none.
    fn newest(&self, url: &Url, name: &str) -> impl Future<Output = Result<Kept, Trouble>> + Send;

    /// Makes a new version, and says which.
    fn put(
        &self,
        url: &Url,
        name: &str,
        value: &Secret,
        about: &About,
    ) -> impl Future<Output = Result<String, Trouble>> + Send;

    /// Has a version be there and not be given out, with a mark that it was taken back.
    fn disable(
        &self,
        url: &Url,
        name: &str,
        version: &str,
    ) -> impl Future<Output = Result<(), Trouble>> + Send;
}

/// What a vault has of a name.
#[derive(Debug)]
pub enum Kept {
    /// Nothing.
    Nothing,
    /// A version that it does not give out.
    Disabled {
        /// Whether it has the mark of what was taken back, and is nobody else's.
        was_taken_back: bool,
    },
    /// A value.
    Value {
        /// The value.
        value: Secret,
        /// Its version.
        version: String,
        /// What is known about it.
        about: About,
    },
}

/// What a vault knows about a secret besides its value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct About {
    /// What kind of text it is, as people wrote it there.
    pub content_type: Option<String>,
    /// Names with values, as people wrote them there.
    pub tags: BTreeMap<String, String>,
}

/// What to do with a name that has another value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// It gets a new version.
    Renewed,
    /// It is somebody else's, and is left alone.
    Refused,
}

/// A value that is in a vault.
#[derive(Debug)]
#[must_use]
struct Stored<'a, K> {
    keeper: &'a K,
    url: Url,
    name: String,
    version: String,
    before: Before,
}

#[derive(Debug)]
enum Before {
    Same,
    None,
    Value { value: Secret, about: About },
}

/// Puts a value there, unless it is there already, and makes sure of it.
async fn store<'a, K: Keeper>(
    keeper: &'a K,
    (url, name): (&Url, &str),
    value: &Secret,
    taken: Taken,
) -> Result<Stored<'a, K>, String> {
    fits(value)?;
    let kept = keeper.newest(url, name).await.map_err(told)?;
    let stored = |version: String, before: Before| Stored {
        keeper,
        url: url.clone(),
        name: name.to_owned(),
        version,
        before,
    };
    let (about, before) = match kept {
        Kept::Value { value: old, version, .. } if old.digest() == value.digest() => {
            return Ok(stored(version, Before::Same));
        }
        Kept::Value { .. } if taken == Taken::Refused => {
            return Err("the vault has another value under this name, which is left alone".to_owned());
        }
        // Disabling is how a value is revoked: who asks for it by its name is not to be given another one.
        Kept::Disabled { was_taken_back: false } if taken == Taken::Refused => {
            return Err("the vault has a disabled value under this name, which is left alone".to_owned());
        }
        Kept::Value { value, about, .. } => (about.clone(), Before::Value { value, about }),
        Kept::Nothing | Kept::Disabled { .. } => (About::default(), Before::None),
    };
    match keeper.put(url, name, value, &about).await {
        Ok(version) => {
            let stored = stored(version, before);
            match stored.check(value).await {
                Ok(()) => Ok(stored),
                Err(problem) => Err(stored.taken_back(&problem).await),
            }
        }
        // Whether it was taken in, its answer does not say.
        Err(trouble) => {
            let problem = told(trouble);
            match keeper.newest(url, name).await {
                Ok(Kept::Value { value: now, version, .. }) if now.digest() == value.digest() => {
                    Err(stored(version, before).taken_back(&problem).await)
                }
                Ok(Kept::Value { .. } | Kept::Nothing | Kept::Disabled { .. }) => Err(problem),
                Err(_unseen) => {
                    Err(format!("{problem}; whether the vault took it in could not be looked at"))
                }
            }
        }
    }
}

impl<K: Keeper> Stored<'_, K> {
    /// Whether it was there already.
    fn was_there(&self) -> bool {
        matches!(self.before, Before::Same)
    }

    /// Brings back what was there before, as far as a vault lets one: versions cannot be deleted, so the new one is disabled, and what was
    /// there before it is put there again.
    async fn undo(self) -> Result<(), String> {
        let Self { keeper, url, name, version, before } = self;
        let unable = |what: &str, trouble: Trouble| format!("{what}: {}", told(trouble));
        match before {
            Before::Same => return Ok(()),
            Before::None => {}
            Before::Value { value, about } => {
                let newest = keeper.newest(&url, &name).await;
                let newest =
                    newest.map_err(|trouble| unable("what is there now could not be looked at", trouble))?;
                // What somebody else put there since then is theirs.
                if matches!(newest, Kept::Value { version: now, .. } if now == version) {
                    let again = keeper.put(&url, &name, &value, &about).await;
                    let not_back =
                        |trouble: Trouble| unable("the value from before could not be put back", trouble);
                    let again = again.map_err(not_back)?;
                    let read = keeper.get(&url, &name, Some(&again)).await.map_err(not_back)?;
                    if read.value.digest() != value.digest() {
                        return Err(
                            "the value from before is read back otherwise than it was put back".to_owned()
                        );
                    }
                }
            }
        }
        let disabled = keeper.disable(&url, &name, &version).await;
        disabled
            .map_err(|trouble| unable(&format!("the new version {version} could not be disabled"), trouble))
    }

    async fn taken_back(self, problem: &str) -> String {
        match self.undo().await {
            Ok(()) => format!("{problem}; it was taken back"),
            Err(left) => format!("{problem}; and {left}"),
        }
    }

    async fn check(&self, value: &Secret) -> Result<(), String> {
        let read = self.keeper.get(&self.url, &self.name, Some(&self.version)).await;
        let Got { value: read, .. } =
            read.map_err(|trouble| format!("it cannot be read back: {}", told(trouble)))?;
        if read.digest() != value.digest() {
            return Err("what is read back is not what was put there".to_owned());
        }
        match self.keeper.newest(&self.url, &self.name).await {
            Ok(Kept::Value { version, .. }) if version == self.version => Ok(()),
            Ok(Kept::Value { .. } | Kept::Nothing | Kept::Disabled { .. }) => {
                Err("somebody else put another value there at the same time".to_owned())
            }
            Err(trouble) => Err(format!("it cannot be read back: {}", told(trouble))),
        }
    }
}

/// A value that is to be in a vault.
#[derive(Debug)]
pub struct Move {
    /// The vault's address.
    pub url: Url,
    /// Under which name.
    pub name: String,
    /// The value.
    pub value: Secret,
    /// What to do with a name that has another value.
    pub taken: Taken,
}

/// What became of a move.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moved {
    /// Under which name.
    pub name: String,
    /// Which version has the value.
    pub version: String,
    /// Whether it had it already.
    pub was_there: bool,
}

/// Puts all of the values there, and then does what relies on them being there. When any of it fails, all of it is taken back.
///
/// # Errors
/// Says which failed, and what could not be taken back.
pub async fn store_all<K: Keeper>(
    keeper: &K,
    moves: &[Move],
    then: impl FnOnce() -> io::Result<()>,
) -> Result<Vec<Moved>, String> {
    let mut stored = Vec::new();
    for one in moves {
        match store(keeper, (&one.url, &one.name), &one.value, one.taken).await {
            Ok(done) => stored.push(done),
            Err(problem) => return Err(all_back(stored, format!("{}: {problem}", one.name)).await),
        }
    }
    if let Err(error) = then() {
        return Err(all_back(stored, error.to_string()).await);
    }
    let moved = |done: &Stored<'_, K>| Moved {
        name: done.name.clone(),
        version: done.version.clone(),
        was_there: done.was_there(),
    };
    Ok(stored.iter().map(moved).collect())
}

async fn all_back<K: Keeper>(stored: Vec<Stored<'_, K>>, problem: String) -> String {
    let mut problem = problem;
    for done in stored.into_iter().rev() {
        let name = done.name.clone();
        if let Err(left) = done.undo().await {
            problem = format!("{problem}; and of {name}, {left}");
        }
    }
    problem
}

/// That a vault can hold the value as it is.
fn fits(value: &Secret) -> Result<(), String> {
    if value.is_empty() {
        return Err("the value is empty, and an empty secret keeps nobody out".to_owned());
    }
    if value.expose().len() > MOST_IN_VAULT {
        return Err(format!("the value is larger than the {MOST_IN_VAULT} bytes that a vault holds"));
    }
    value.expose_text().map(drop).map_err(|error| error.to_string())
}

fn told(trouble: Trouble) -> String {
    match trouble.credential {
        Some(credential) => format!("{} (as {credential})", trouble.problem),
        None => trouble.problem,
    }
}

#[cfg(test)]
mod tests;
