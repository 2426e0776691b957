//! The jobs on disk: one redb file; every write is durable when it returns.

use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};
use serde::{Deserialize, Serialize};

use super::{Job, State, layout, new_id};
use crate::principal::PrincipalName;

const JOBS: TableDefinition<&str, &[u8]> = TableDefinition::new("jobs-1");
/// When what a job put aside is due, by the job's id.
const PURGES: TableDefinition<&str, u64> = TableDefinition::new("purges-1");
/// What the gate keeps besides jobs, each by its name.
const NOTES: TableDefinition<&str, &[u8]> = TableDefinition::new("notes-1");
const KEYS: TableDefinition<&str, &[u8]> = TableDefinition::new("idempotency-keys-1");

/// The store of the gate.
pub struct Store {
    database: Database,
}

/// What an idempotency key stands for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyEntry {
    /// Digest of the operation that it was first used with.
    pub operation: String,
    /// The job.
    pub id: String,
    /// When, in milliseconds since 1970.
    pub at: u64,
}

/// Which jobs a listing shows.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Of this caller.
    pub principal: Option<PrincipalName>,
    /// In this state.
    pub state: Option<State>,
    /// Of this kind.
    pub kind: Option<String>,
    /// Older than this id.
    pub before: Option<String>,
}

/// One page of a listing.
#[derive(Debug)]
pub struct Page {
    /// Newest first.
    pub jobs: Vec<Job>,
    /// Where the next page begins: behind this id; nothing on the last page.
    pub next: Option<String>,
}

/// How many records one listing looks at: a filter that shows few must not read ninety days at once.
const MOST_EXAMINED: usize = 2_000;

/// Why the store cannot do its part.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file cannot be opened or made.
    #[error("cannot open the job store {path}")]
    Open {
        /// Which file.
        path: String,
        /// Why.
        #[source]
        source: redb::DatabaseError,
    },
    /// A newer Reeve wrote it.
    #[error(
        "the job store {path} has layout {found}, and this Reeve reads up to {known}: install the Reeve that wrote it, or bring back \
         the copy of the state from before the upgrade (docs/upgrade.md)"
    )]
    Newer {
        /// Which file.
        path: String,
        /// Its layout.
        found: u64,
        /// The newest that can be read.
        known: u64,
    },
    /// Reading or writing failed.
    #[error("the job store cannot be read or written")]
    Storage(#[source] Box<redb::Error>),
    /// What was read is no job of this version.
    #[error("the job store holds a record that is not readable: {id}")]
    Record {
        /// Under which key.
        id: String,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
}

/// Turns each of redb's error types into ours.
pub(super) fn storage<E: Into<redb::Error>>(error: E) -> StoreError {
    StoreError::Storage(Box::new(error.into()))
}

/// Bytes of the store that are kept in memory. Without a bound of ours it would be all that ninety days leave, up to redb's
/// own of 1 GiB.
const CACHE: usize = 16 << 20;

impl Store {
    /// Opens the store, or makes an empty one.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let database = Database::builder()
            .set_cache_size(CACHE)
            .create(path)
            .map_err(|source| StoreError::Open { path: path.display().to_string(), source })?;
        layout::check(&database, path)?;
        let write = database.begin_write().map_err(storage)?;
        layout::mark(&write)?;
        write.open_table(JOBS).map_err(storage)?;
        write.open_table(KEYS).map_err(storage)?;
        write.open_table(PURGES).map_err(storage)?;
        write.open_table(NOTES).map_err(storage)?;
        write.commit().map_err(storage)?;
        Ok(Self { database })
    }

    /// Writes a job over what was there.
    pub fn put(&self, job: &Job) -> Result<(), StoreError> {
        self.put_with_key(job, None)
    }

    /// Writes a job and, in the same transaction, the idempotency key that it came with.
    pub fn put_with_key(&self, job: &Job, key: Option<(&str, &KeyEntry)>) -> Result<(), StoreError> {
        let bytes = encode(&job.id, job)?;
        let write = self.database.begin_write().map_err(storage)?;
        write
            .open_table(JOBS)
            .map_err(storage)?
            .insert(job.id.as_str(), bytes.as_slice())
            .map_err(storage)?;
        if let Some(purge) = &job.outcome.purge {
            write.open_table(PURGES).map_err(storage)?.insert(job.id.as_str(), purge.at).map_err(storage)?;
        }
        if let Some((key, entry)) = key {
            let bytes = encode(key, entry)?;
            let name = key_name(&job.principal, key);
            write
                .open_table(KEYS)
                .map_err(storage)?
                .insert(name.as_str(), bytes.as_slice())
                .map_err(storage)?;
        }
        write.commit().map_err(storage)
    }

    /// The job with that id.
    pub fn get(&self, id: &str) -> Result<Option<Job>, StoreError> {
        let read = self.database.begin_read().map_err(storage)?;
        let table = read.open_table(JOBS).map_err(storage)?;
        table.get(id).map_err(storage)?.map(|bytes| decode(id, bytes.value())).transpose()
    }

    /// The jobs that put something aside which has been kept for its time.
    pub fn due(&self, now: u64) -> Result<Vec<Job>, StoreError> {
        let read = self.database.begin_read().map_err(storage)?;
        let (purges, table) =
            (read.open_table(PURGES).map_err(storage)?, read.open_table(JOBS).map_err(storage)?);
        let mut jobs = Vec::new();
        for entry in purges.iter().map_err(storage)? {
            let (id, at) = entry.map_err(storage)?;
            if at.value() <= now
                && let Some(bytes) = table.get(id.value()).map_err(storage)?
            {
                jobs.push(decode(id.value(), bytes.value())?);
            }
        }
        Ok(jobs)
    }

    /// What this job put aside is not due any more.
    pub fn purged(&self, id: &str) -> Result<(), StoreError> {
        let write = self.database.begin_write().map_err(storage)?;
        write.open_table(PURGES).map_err(storage)?.remove(id).map_err(storage)?;
        write.commit().map_err(storage)
    }

    /// What was kept by a name.
    pub fn note<T: for<'de> Deserialize<'de>>(&self, name: &str) -> Result<Option<T>, StoreError> {
        let read = self.database.begin_read().map_err(storage)?;
        let table = read.open_table(NOTES).map_err(storage)?;
        table.get(name).map_err(storage)?.map(|bytes| decode(name, bytes.value())).transpose()
    }

    /// Keeps something by a name, in place of what was kept by it.
    pub fn put_note<T: Serialize>(&self, name: &str, value: &T) -> Result<(), StoreError> {
        let bytes = encode(name, value)?;
        let write = self.database.begin_write().map_err(storage)?;
        write.open_table(NOTES).map_err(storage)?.insert(name, bytes.as_slice()).map_err(storage)?;
        write.commit().map_err(storage)
    }

    /// What a caller's idempotency key stands for.
    pub fn key(&self, principal: &PrincipalName, key: &str) -> Result<Option<KeyEntry>, StoreError> {
        let read = self.database.begin_read().map_err(storage)?;
        let table = read.open_table(KEYS).map_err(storage)?;
        let name = key_name(principal, key);
        table.get(name.as_str()).map_err(storage)?.map(|bytes| decode(&name, bytes.value())).transpose()
    }

    /// Writes an idempotency key for a job that is there already.
    pub fn put_key(&self, principal: &PrincipalName, key: &str, entry: &KeyEntry) -> Result<(), StoreError> {
        let bytes = encode(key, entry)?;
        let write = self.database.begin_write().map_err(storage)?;
        let name = key_name(principal, key);
        write.open_table(KEYS).map_err(storage)?.insert(name.as_str(), bytes.as_slice()).map_err(storage)?;
        write.commit().map_err(storage)
    }

    /// The newest jobs that the filter shows, at most `limit`. A record that cannot be read is left out and logged, so
    /// that one does not hide all others.
    pub fn list(&self, filter: &Filter, limit: usize) -> Result<Page, StoreError> {
        let read = self.database.begin_read().map_err(storage)?;
        let table = read.open_table(JOBS).map_err(storage)?;
        // "op_~" sorts behind every id.
        let before = filter.before.as_deref().unwrap_or("op_~");
        let mut jobs = Vec::new();
        for (examined, entry) in table.range::<&str>(..before).map_err(storage)?.rev().enumerate() {
            let (id, bytes) = entry.map_err(storage)?;
            match decode::<Job>(id.value(), bytes.value()) {
                Ok(job) if filter.shows(&job) => jobs.push(job),
                Ok(_) => {}
                Err(error) => {
                    tracing::error!(error = &error as &dyn std::error::Error, "left out of a listing")
                }
            }
            if jobs.len() >= limit || examined + 1 >= MOST_EXAMINED {
                return Ok(Page { jobs, next: Some(id.value().to_owned()) });
            }
        }
        Ok(Page { jobs, next: None })
    }

    /// Every job submitted since `since` (milliseconds since 1970), oldest first.
    pub fn since(&self, since: u64) -> Result<Vec<Job>, StoreError> {
        let read = self.database.begin_read().map_err(storage)?;
        let table = read.open_table(JOBS).map_err(storage)?;
        let first = new_id("op", UNIX_EPOCH + Duration::from_millis(since), [0; 10]);
        let mut jobs = Vec::new();
        for entry in table.range::<&str>(first.as_str()..).map_err(storage)? {
            let (id, bytes) = entry.map_err(storage)?;
            jobs.push(decode(id.value(), bytes.value())?);
        }
        Ok(jobs)
    }

    /// Every job that is not final: what a start goes on with.
    pub fn open_jobs(&self) -> Result<Vec<Job>, StoreError> {
        let read = self.database.begin_read().map_err(storage)?;
        let table = read.open_table(JOBS).map_err(storage)?;
        let mut jobs = Vec::new();
        for entry in table.iter().map_err(storage)? {
            let (id, bytes) = entry.map_err(storage)?;
            let job: Job = decode(id.value(), bytes.value())?;
            if !job.state.is_final() {
                jobs.push(job);
            }
        }
        Ok(jobs)
    }

    /// Forgets what ended, and keys that were used, before `before` (milliseconds since 1970). Says how many jobs went.
    pub fn forget(&self, before: u64) -> Result<usize, StoreError> {
        let write = self.database.begin_write().map_err(storage)?;
        let mut old = Vec::new();
        {
            let mut jobs = write.open_table(JOBS).map_err(storage)?;
            for entry in jobs.iter().map_err(storage)? {
                let (id, bytes) = entry.map_err(storage)?;
                let job: Job = decode(id.value(), bytes.value())?;
                let is_over = job.outcome.purge.as_ref().is_none_or(|purge| purge.at < before);
                if job.state.is_final() && job.changed_at() < before && is_over {
                    old.push(id.value().to_owned());
                }
            }
            for id in &old {
                jobs.remove(id.as_str()).map_err(storage)?;
            }
            let mut keys = write.open_table(KEYS).map_err(storage)?;
            keys.retain(|name, bytes| decode::<KeyEntry>(name, bytes).is_ok_and(|entry| entry.at >= before))
                .map_err(storage)?;
        }
        write.commit().map_err(storage)?;
        Ok(old.len())
    }
}

impl Filter {
    fn shows(&self, job: &Job) -> bool {
        self.principal.as_ref().is_none_or(|principal| *principal == job.principal)
            && self.state.is_none_or(|state| state == job.state)
            && self.kind.as_ref().is_none_or(|kind| kind == job.submission.operation.kind())
    }
}

fn key_name(principal: &PrincipalName, key: &str) -> String {
    // A blank is in no principal's name, so two callers cannot share an entry.
    format!("{principal} {key}")
}

fn encode<T: Serialize>(id: &str, value: &T) -> Result<Vec<u8>, StoreError> {
    serde_json::to_vec(value).map_err(|source| StoreError::Record { id: id.to_owned(), source })
}

fn decode<T: for<'de> Deserialize<'de>>(id: &str, bytes: &[u8]) -> Result<T, StoreError> {
    serde_json::from_slice(bytes).map_err(|source| StoreError::Record { id: id.to_owned(), source })
}
