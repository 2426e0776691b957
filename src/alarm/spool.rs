//! The two folders between the gate and the one who delivers: `waiting`, which the gate alone writes, and `told`, which the other
//! alone writes. Files come whole or not at all, and what either finds in the other's folder is bounded and judged.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::config::AlarmsConfig;
use super::message::Alarm;
use crate::sys::{foreign_file, ids};

/// No file of either folder comes near this.
const MOST_BYTES: usize = 16 << 10;
/// How many files of a folder are looked at.
const MOST_FILES: usize = 4_000;
/// How much of an explanation is taken over.
const MOST_WORDS: usize = 200;
/// The folder's permissions keep others out, not the file's: the two who use it share no group.
const MODE: u32 = 0o644;

/// What became of an alarm on one way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Told {
    /// How it ended.
    pub outcome: Outcome,
    /// How often it was tried.
    pub tries: u32,
    /// What went wrong last.
    pub why: Option<String>,
}

/// How an alarm ended on one way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The server took it.
    Told,
    /// Its time was over before the server took it.
    Expired,
}

impl Outcome {
    /// The word in records and metrics.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Told => "told",
            Self::Expired => "expired",
        }
    }
}

/// An alarm that has ended, by its id, with what each way says of it.
pub type Ended = (String, Vec<(String, Told)>);

/// An alarm was not handed over.
#[derive(Debug, thiserror::Error)]
pub enum PutError {
    /// As many wait as may.
    #[error("{0} alarms wait already: what delivers them does not run, or no server takes them")]
    Full(usize),
    /// The folder takes no file.
    #[error("an alarm cannot be written")]
    Io(#[from] io::Error),
}

/// The two folders.
#[derive(Debug, Clone)]
pub struct Spool {
    waiting: PathBuf,
    told: PathBuf,
    ways: Vec<String>,
    most: usize,
    /// Who may have written into `told`.
    deliverers: Vec<u32>,
}

impl Spool {
    /// Of a configuration.
    #[must_use]
    pub fn of(config: &AlarmsConfig) -> Self {
        let deliverer = ids::user(&config.user).ok().flatten().map(|user| user.uid);
        Self {
            waiting: config.directory.join("waiting"),
            told: config.directory.join("told"),
            ways: config.ways.iter().map(|way| way.name.clone()).collect(),
            most: config.most_waiting,
            deliverers: [0, nix::unistd::geteuid().as_raw()].into_iter().chain(deliverer).collect(),
        }
    }

    /// The gate hands an alarm over.
    ///
    /// # Errors
    /// When too many wait, or it cannot be written.
    pub fn put(&self, alarm: &Alarm) -> Result<(), PutError> {
        let waiting = names(&self.waiting)?.len();
        if waiting >= self.most {
            return Err(PutError::Full(waiting));
        }
        Ok(write(&self.waiting, &alarm.id, alarm)?)
    }

    /// How many wait.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn count(&self) -> io::Result<usize> {
        Ok(names(&self.waiting)?.len())
    }

    /// What waits, oldest first. What is no alarm is passed over: the gate removes it when its time is over.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn waiting(&self) -> io::Result<Vec<Alarm>> {
        // Whoever owns the folder may have written what is in it.
        let owner = fs::metadata(&self.waiting)?.uid();
        let read = |name: &String| read::<Alarm>(&self.waiting, name, &[owner]).ok().flatten();
        let names = names(&self.waiting)?;
        let alarms = names.iter().filter_map(|name| read(name).filter(|one| one.id == *name));
        Ok(alarms.collect())
    }

    /// Whether that way is done with an alarm.
    #[must_use]
    pub fn is_settled(&self, id: &str, way: &str) -> bool {
        self.told.join(file_name(&settled(id, way))).exists()
    }

    /// The one who delivers writes what became of an alarm on a way.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn settle(&self, id: &str, way: &str, told: &Told) -> io::Result<()> {
        write(&self.told, &settled(id, way), told)
    }

    /// The one who delivers removes what it wrote about alarms that are gone.
    ///
    /// # Errors
    /// When a folder cannot be read.
    pub fn tidy(&self) -> io::Result<()> {
        let waiting = names(&self.waiting)?;
        let is_over = |name: &&String| {
            !name.split_once('.').is_some_and(|(id, _way)| waiting.iter().any(|waits| waits == id))
        };
        for name in names(&self.told)?.iter().filter(is_over) {
            fs::remove_file(self.told.join(file_name(name)))?;
        }
        Ok(())
    }

    /// The alarms whose end the gate may take to the log, each with what its ways say: all of them have settled it, or its time is
    /// over and nobody came.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn ended(&self, now: u64) -> io::Result<Vec<Ended>> {
        let mut ended = Vec::new();
        for id in names(&self.waiting)? {
            let own = [nix::unistd::geteuid().as_raw(), 0];
            let alarm = read::<Alarm>(&self.waiting, &id, &own).ok().flatten();
            let is_over = alarm.is_none_or(|alarm| now > alarm.expires_at.saturating_add(GRACE));
            let said: Vec<_> = self
                .ways
                .iter()
                .map(|way| (way.clone(), read::<Told>(&self.told, &settled(&id, way), &self.deliverers)))
                .collect();
            // A file of somebody else, or one that is none, says nothing; the alarm then ends with its time.
            if !is_over && said.iter().any(|(_, told)| !matches!(told, Ok(Some(_)))) {
                continue;
            }
            let nobody = || Told {
                outcome: Outcome::Expired,
                tries: 0,
                why: Some("nothing was heard of who delivers".to_owned()),
            };
            let said = said
                .into_iter()
                .map(|(way, told)| (way, bounded(told.ok().flatten().unwrap_or_else(nobody))));
            ended.push((id, said.collect()));
        }
        Ok(ended)
    }

    /// The gate takes an alarm out.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub fn remove(&self, id: &str) -> io::Result<()> {
        fs::remove_file(self.waiting.join(file_name(id)))
    }

    /// Whether both folders are there, each its writer's own; for whoever looks after the host.
    ///
    /// # Errors
    /// Says what is not so.
    pub fn check(&self, gate: u32, deliverer: u32) -> Result<(), String> {
        for (folder, owner) in [(&self.waiting, gate), (&self.told, deliverer)] {
            let found =
                fs::symlink_metadata(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
            if !found.is_dir() || found.uid() != owner || found.mode() & 0o022 != 0 {
                return Err(format!("{}: is not the folder of uid {owner} alone", folder.display()));
            }
        }
        Ok(())
    }
}

/// How long after its time an alarm is left to who delivers.
const GRACE: u64 = 60_000;

fn bounded(told: Told) -> Told {
    Told { why: told.why.map(|why| why.chars().take(MOST_WORDS).collect()), ..told }
}

fn settled(id: &str, way: &str) -> String {
    format!("{id}.{way}")
}

fn file_name(name: &str) -> String {
    format!("{name}.json")
}

/// The names in a folder, without their ending, oldest first. What begins with a dot is not there yet.
fn names(folder: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)?.take(MOST_FILES) {
        let name = entry?.file_name();
        let name = name.to_str().and_then(|name| name.strip_suffix(".json"));
        names.extend(name.filter(|name| !name.starts_with('.')).map(str::to_owned));
    }
    names.sort_unstable();
    Ok(names)
}

/// Nothing when there is no such file.
fn read<T: DeserializeOwned>(folder: &Path, name: &str, owners: &[u32]) -> io::Result<Option<T>> {
    let file = match foreign_file::open(&folder.join(file_name(name)), owners) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    Ok(Some(serde_json::from_slice(&file.read(MOST_BYTES)?)?))
}

/// Under another name, made durable, then renamed: nobody reads half of one.
fn write<T: Serialize>(folder: &Path, name: &str, value: &T) -> io::Result<()> {
    let beside = folder.join(format!(".{name}.new"));
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(MODE).open(&beside)?;
    file.write_all(&serde_json::to_vec(value)?)?;
    file.set_permissions(Permissions::from_mode(MODE))?;
    file.sync_all()?;
    fs::rename(&beside, folder.join(file_name(name)))?;
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests;
