//! Reading a log back: its last records, what follows them, and ranges of it.
//!
//! Nothing here vouches for what it reads; [`super::verify`] does. A line that is no record is an error, and reading
//! can go on behind it.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;
use time::OffsetDateTime;

use super::event::EventKind;
use super::lines::Step;
use super::record::{NotARecord, Record};
use super::walk::Walk;
use super::writer::stamp;

/// A record and the exact line it was read from: the line is what its hash is of.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// What it says.
    pub record: Record,
    /// Its bytes, without the newline.
    pub line: String,
}

/// Why a log, or one line of it, could not be read.
#[derive(Debug, Error)]
pub enum ReadError {
    /// The operating system refused.
    #[error("cannot read the audit log at {}", path.display())]
    Io {
        /// Which log.
        path: PathBuf,
        /// What came back.
        #[source]
        source: io::Error,
    },
    /// This line is no record. Verify the log.
    #[error("{file}: not a record")]
    NotARecord {
        /// Which file.
        file: String,
        /// What is wrong with the line.
        #[source]
        source: NotARecord,
    },
}

/// Whether there is a log to read: one that is not there must not look like one that holds nothing.
///
/// # Errors
/// [`ReadError::Io`] when its current file cannot be found.
pub fn is_there(log: &Path) -> Result<(), ReadError> {
    let path = current_file(log);
    match std::fs::metadata(&path) {
        Ok(_) => Ok(()),
        Err(source) => Err(ReadError::Io { path, source }),
    }
}

/// The last `count` records of the log in this directory, oldest first, and then whatever is appended.
///
/// The iterator returns `None` where the log ends now. Asking again later goes on from there, through rotations.
pub fn tail(log: &Path, count: usize) -> Result<Entries, ReadError> {
    let path = current_file(log);
    let walk = Walk::last(&path, count).map_err(|source| ReadError::Io { path: path.clone(), source })?;
    Ok(Entries { path, walk, filter: Filter::default(), stopped: false })
}

/// The records of the log in this directory, or of this one file, that pass the filter, oldest first.
#[must_use]
pub fn export(log: &Path, filter: Filter) -> Entries {
    let walk = if log.is_dir() { Walk::log(&current_file(log)) } else { Walk::file(log) };
    Entries { path: current_file(log), walk, filter, stopped: false }
}

/// Which records an export takes. Nothing set takes all.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// From this number on.
    pub first: Option<u64>,
    /// Up to this number.
    pub last: Option<u64>,
    /// From this time on.
    pub since: Option<OffsetDateTime>,
    /// Before this time.
    pub until: Option<OffsetDateTime>,
    /// Of this operation.
    pub operation: Option<String>,
    /// Of this principal.
    pub principal: Option<String>,
    /// Of this kind.
    pub kind: Option<EventKind>,
}

impl Filter {
    /// Whether the record is wanted.
    #[must_use]
    pub fn takes(&self, record: &Record) -> bool {
        // All times in a log have one form and one zone, so they sort as text does.
        let from = self.since.is_none_or(|since| record.time >= stamp(since.into()));
        let before = self.until.is_none_or(|until| record.time < stamp(until.into()));
        let numbered = self.first.is_none_or(|first| record.seq >= first) && !self.is_past(record);
        numbered
            && from
            && before
            && is(self.operation.as_deref(), record.operation.as_deref())
            && is(self.principal.as_deref(), record.principal.as_deref())
            && is(self.kind.map(EventKind::as_str), Some(&record.kind))
    }

    fn is_past(&self, record: &Record) -> bool {
        self.last.is_some_and(|last| record.seq > last)
    }
}

fn is(wanted: Option<&str>, found: Option<&str>) -> bool {
    wanted.is_none() || wanted == found
}

/// Records as they are read. Not fused: see [`tail`].
#[derive(Debug)]
pub struct Entries {
    path: PathBuf,
    walk: Walk,
    filter: Filter,
    stopped: bool,
}

impl Iterator for Entries {
    type Item = Result<Entry, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.stopped {
            match self.walk.step() {
                Ok(Step::Line) => match self.entry() {
                    Ok(entry) if self.filter.takes(&entry.record) => return Some(Ok(entry)),
                    Ok(entry) => self.stopped = self.filter.is_past(&entry.record),
                    Err(source) => {
                        return Some(Err(ReadError::NotARecord { file: self.walk.file_name(), source }));
                    }
                },
                Ok(Step::End(_)) => return None,
                Ok(Step::TooLong) => {
                    self.stopped = true;
                    let (file, source) = (self.walk.file_name(), NotARecord::TooLong);
                    return Some(Err(ReadError::NotARecord { file, source }));
                }
                Err(source) => {
                    self.stopped = true;
                    return Some(Err(ReadError::Io { path: self.path.clone(), source }));
                }
            }
        }
        None
    }
}

impl Entries {
    fn entry(&self) -> Result<Entry, NotARecord> {
        let record = Record::parse(self.walk.line())?;
        Ok(Entry { record, line: String::from_utf8_lossy(self.walk.line()).into_owned() })
    }
}

/// The current file of the log in this directory; a path that is no directory is taken as it is.
pub(super) fn current_file(log: &Path) -> PathBuf {
    if log.is_dir() { log.join(FILE) } else { log.to_owned() }
}

/// The name the current file of a log has.
const FILE: &str = "audit.jsonl";
