//! What `reeve secret fetch` tells of the secrets that it fetches from vaults: where each is from, since when, and what is wrong. Never a value.

use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::sys::{foreign_file, ids};

/// Where it is told, within the folder of what was fetched: that one is root's, so that nobody puts another in the place of a reader's.
const TOLD: &str = "told";
const STATE: &str = "state.json";
/// A thousand references come nowhere near this.
const MOST_STATE: usize = 1 << 20;

/// The folder of what was fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchedFolder {
    /// The folder itself, with a folder in it for each process that needs secrets.
    pub path: PathBuf,
    /// The Unix user that fetches.
    pub user: String,
}

/// How all of them are.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// When they were last asked for, in seconds since 1970.
    pub at: i64,
    /// Each of them.
    pub secrets: Vec<Fetched>,
}

/// How one of them is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fetched {
    /// As configuration names it.
    pub reference: String,
    /// Who needs it.
    pub consumers: Vec<String>,
    /// The vault's address, when it is known which.
    pub vault: Option<String>,
    /// Whose word opened the vault.
    pub credential: Option<String>,
    /// When the value that is in force was fetched, in seconds since 1970. Without one there is none.
    pub good_at: Option<i64>,
    /// Why the newest value is not in force.
    pub problem: Option<String>,
}

impl FetchedFolder {
    /// What it tells; nothing where nothing was fetched yet.
    ///
    /// # Errors
    /// When it is somebody else's, or not what it should be.
    pub fn state(&self) -> io::Result<State> {
        match self.open(&self.state_path()) {
            Ok(file) => serde_json::from_slice(&file.read(MOST_STATE)?).map_err(io::Error::other),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(State::default()),
            Err(error) => Err(error),
        }
    }

    /// What was written down beside it.
    ///
    /// # Errors
    /// When it is not there, somebody else's, or too large.
    pub fn beside_state(&self, name: &str) -> io::Result<Vec<u8>> {
        self.open(&self.told(name))?.read(MOST_STATE)
    }

    /// Where it is told.
    #[must_use]
    pub fn state_path(&self) -> PathBuf {
        self.told(STATE)
    }

    /// Where something else is told beside it.
    pub(crate) fn told(&self, name: &str) -> PathBuf {
        self.path.join(TOLD).join(name)
    }

    /// Opens a file in it, which must be root's or that user's.
    pub(super) fn open(&self, path: &Path) -> io::Result<foreign_file::ForeignFile> {
        let owners = [Some(0), ids::user(&self.user)?.map(|user| user.uid)];
        foreign_file::open(path, &owners.into_iter().flatten().collect::<Vec<_>>())
    }
}

impl State {
    /// What is told of one reference.
    #[must_use]
    pub fn of(&self, reference: &str) -> Option<&Fetched> {
        self.secrets.iter().find(|fetched| fetched.reference == reference)
    }
}
