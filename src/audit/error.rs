//! Why a record could not be made durable, or a log could not be opened.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use thiserror::Error;

use super::canonical::CanonicalError;
use super::chain::Flaw;

/// Why the audit log did not do what it was asked. Whatever it is, the step that needed the record must not be taken.
#[derive(Clone, Debug, Error)]
pub enum AuditError {
    /// Nothing can be recorded now. The next append tries again by itself.
    #[error("the audit log cannot take records")]
    Unavailable(#[source] Arc<Outage>),
    /// The event has no canonical form. Other events are not affected.
    #[error("the event cannot be recorded")]
    NotRecordable(#[from] CanonicalError),
    /// The log on disk does not hold together. It is left as it is.
    #[error("the audit log is broken: {file}:{line}, seq {seq}")]
    Broken {
        /// Which file.
        file: String,
        /// Which line of it, from 1.
        line: u64,
        /// The record expected or found there.
        seq: u64,
        /// What is wrong.
        #[source]
        flaw: Flaw,
    },
    /// The log, or a directory above it, is open to others than root and this process.
    #[error("{} cannot be trusted with an audit log: {why}", path.display())]
    Untrusted {
        /// What was looked at.
        path: PathBuf,
        /// What is wrong with it.
        why: &'static str,
    },
    /// Another process writes this log.
    #[error("another process writes the audit log in {}", .0.display())]
    Busy(PathBuf),
    /// The operating system refused.
    #[error("cannot {doing} {}", path.display())]
    Io {
        /// What was tried.
        doing: &'static str,
        /// On which file.
        path: PathBuf,
        /// What came back.
        #[source]
        source: Arc<io::Error>,
    },
    /// The log has been closed.
    #[error("the audit log is closed")]
    Closed,
}

impl AuditError {
    pub(super) fn io(doing: &'static str, path: impl Into<PathBuf>, source: io::Error) -> AuditError {
        AuditError::Io { doing, path: path.into(), source: Arc::new(source) }
    }
}

/// Why the log cannot take records now.
#[derive(Debug, Error)]
pub enum Outage {
    /// A system call failed: no space, a device error, a read-only file system.
    #[error("cannot {doing} the audit log")]
    Io {
        /// What was tried.
        doing: &'static str,
        /// What came back.
        #[source]
        source: io::Error,
    },
    /// Nothing stands at the path any more.
    #[error("{} is gone: it was moved or deleted; put it back, or restart to begin where the last file ends", .0.display())]
    Gone(PathBuf),
    /// Another file stands at the path.
    #[error("{} is not the file that was written to: put the old one back", .0.display())]
    Replaced(PathBuf),
    /// Acknowledged bytes are gone.
    #[error("the audit log was cut from {expected} to {found} bytes by somebody else")]
    Cut {
        /// How long it was.
        expected: u64,
        /// How long it is.
        found: u64,
    },
    /// Bytes that this process did not write.
    #[error("somebody else wrote {surplus} bytes to the audit log")]
    Surplus {
        /// How many.
        surplus: u64,
    },
    /// The last acknowledged record is not where it was written.
    #[error("the last acknowledged record, {seq}, is not where it was written")]
    LastRecordGone {
        /// Its number.
        seq: u64,
    },
    /// The name a full file would get is taken.
    #[error("cannot rotate: {} is there already", .0.display())]
    NameTaken(PathBuf),
}

impl Outage {
    pub(super) fn io(doing: &'static str) -> impl FnOnce(io::Error) -> Outage {
        move |source| Outage::Io { doing, source }
    }
}
