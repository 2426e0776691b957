//! A log in a directory of its own, and what tests do with it.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use reeve::audit::verify::{Options, Report, verify};
use reeve::audit::{AuditConfig, AuditError, AuditLog, Event, EventKind, Flaw, Receipt, Record};
use reeve::sys::clock::ManualClock;
use tempfile::TempDir;

pub(crate) struct Home {
    pub(crate) directory: PathBuf,
    _temporary: TempDir,
}

impl Home {
    pub(crate) fn new() -> Home {
        let temporary = tempfile::tempdir().unwrap();
        Home { directory: temporary.path().to_owned(), _temporary: temporary }
    }

    /// With `count` records in one file, closed.
    pub(crate) fn with(count: u64) -> Home {
        let home = Home::new();
        append(&home.open().unwrap(), count);
        home
    }

    /// With `count` records over several files, closed.
    pub(crate) fn rotated(count: u64) -> Home {
        let home = Home::new();
        let log = open_in(&home.directory, 1000).unwrap();
        append(&log, count);
        drop(log);
        assert!(home.files().len() > 3, "{:?}", home.files());
        home
    }

    pub(crate) fn open(&self) -> Result<AuditLog, AuditError> {
        open_in(&self.directory, u64::MAX)
    }

    pub(crate) fn current(&self) -> PathBuf {
        self.directory.join("audit.jsonl")
    }

    /// The names of all files, full ones first.
    pub(crate) fn files(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.directory).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        fs::read_to_string(self.current()).unwrap().lines().map(str::to_owned).collect()
    }

    pub(crate) fn write_lines(&self, lines: &[String]) {
        fs::write(self.current(), lines.join("\n") + "\n").unwrap();
    }

    /// Every record of the current file.
    pub(crate) fn records(&self) -> Vec<Record> {
        self.lines().iter().map(|line| Record::parse(line.as_bytes()).unwrap()).collect()
    }

    pub(crate) fn verify(&self) -> Report {
        verify(&self.directory, &Options::default())
    }

    pub(crate) fn verify_against(&self, receipt: Receipt) -> Report {
        verify(&self.directory, &Options { against: Some(receipt.into()), ..Options::default() })
    }

    /// The first place where the log does not hold: file, line, record, and what is wrong.
    pub(crate) fn flaw(&self) -> Option<(String, u64, u64, Flaw)> {
        self.verify().broken.map(|broken| (broken.file, broken.line, broken.seq, broken.flaw))
    }
}

/// A process that another test starts holds every lock of this one from its fork to its exec, so a lock that was just
/// let go can be held a moment longer. Only a lock that stays counts.
pub(crate) fn open_in(directory: &Path, rotate_bytes: u64) -> Result<AuditLog, AuditError> {
    let config = AuditConfig { path: directory.join("audit.jsonl"), rotate_bytes, host: "host01".to_owned() };
    let mut opened = AuditLog::open(config.clone(), Arc::new(ManualClock::default()));
    for _ in 0..10_000 {
        if !matches!(opened, Err(AuditError::Busy(_))) {
            break;
        }
        std::thread::yield_now();
        opened = AuditLog::open(config.clone(), Arc::new(ManualClock::default()));
    }
    opened
}

pub(crate) fn decision(number: u64) -> Event {
    Event::new(EventKind::Decision)
        .principal("librarian")
        .operation(format!("op_{number}"))
        .with("verdict", "allow")
        .with("rule", "reads-are-free")
}

pub(crate) fn append(log: &AuditLog, count: u64) -> Vec<Receipt> {
    (1..=count).map(|number| log.append_blocking(decision(number)).unwrap()).collect()
}
