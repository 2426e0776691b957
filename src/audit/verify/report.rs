//! What a verification found, for programs (JSON) and for somebody who was woken up by it (text).

use std::fmt;
use std::path::PathBuf;

use serde::Serialize;

use super::super::chain::Flaw;
use super::super::checkpoint::Checkpoint;
use super::super::hash::RecordHash;
use super::super::record::Receipt;
use super::history::CheckpointReport;

/// The result of following a log from its first record to its last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// True only if everything that was asked for was checked and held.
    pub ok: bool,
    /// What was verified.
    pub log: PathBuf,
    /// How many files were read.
    pub files: u64,
    /// How many records hold.
    pub records: u64,
    /// The number of the first record.
    pub first: Option<u64>,
    /// The last record that holds.
    pub last: Option<Receipt>,
    /// When it was written.
    pub last_time: Option<String>,
    /// The first place where the chain does not hold.
    pub broken: Option<Broken>,
    /// What could not be read, and why.
    pub unreadable: Option<String>,
    /// How the log compares with a record somebody remembers.
    pub against: Option<Against>,
    /// How the log compares with a signed checkpoint.
    pub checkpoint: Option<CheckpointReport>,
    /// How the log compares with root's ledger.
    pub ledger: Option<LedgerReport>,
}

/// The first broken link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Broken {
    /// The file it is in.
    pub file: String,
    /// The line in that file, from 1.
    pub line: u64,
    /// The record that was expected there.
    pub seq: u64,
    /// What is wrong.
    #[serde(flatten)]
    pub flaw: Flaw,
}

/// What became of a remembered record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "result", rename_all = "snake_case")]
pub enum Against {
    /// It is there, unchanged.
    Agrees {
        /// What was remembered.
        checkpoint: Checkpoint,
    },
    /// Another record stands in its place: the log was written anew.
    Differs {
        /// What was remembered.
        checkpoint: Checkpoint,
        /// The hash of what stands there.
        found: RecordHash,
    },
    /// The log ends before it: its tail was cut off.
    TailMissing {
        /// What was remembered.
        checkpoint: Checkpoint,
        /// The last record there is; 0 if there is none.
        last: u64,
    },
    /// The chain is broken before it, or begins behind it.
    NotReached {
        /// What was remembered.
        checkpoint: Checkpoint,
    },
}

/// What the ledger of spent grants says of the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "result", rename_all = "snake_case")]
pub enum LedgerReport {
    /// Every entry was looked for.
    Checked {
        /// How many grants were spent.
        spent: u64,
        /// Those without a record.
        unrecorded: Vec<UnrecordedGrant>,
    },
    /// It could not be checked. That is never a pass.
    NotChecked {
        /// Why not.
        why: String,
    },
}

/// A grant that root acted on and that the log does not know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct UnrecordedGrant {
    /// The name of the ledger's entry.
    pub nonce: String,
    /// The operation it was for, by the ledger.
    pub operation: String,
    /// The step.
    pub step: u16,
}

impl Report {
    /// Whether everything that was asked for was checked and held.
    pub(super) fn holds(&self) -> bool {
        let against = match &self.against {
            None | Some(Against::Agrees { .. }) => true,
            Some(Against::Differs { .. } | Against::TailMissing { .. } | Against::NotReached { .. }) => false,
        };
        let checkpoint = self.checkpoint.as_ref().is_none_or(CheckpointReport::holds);
        let ledger = match &self.ledger {
            None => true,
            Some(LedgerReport::Checked { unrecorded, .. }) => unrecorded.is_empty(),
            Some(LedgerReport::NotChecked { .. }) => false,
        };
        self.broken.is_none() && self.unreadable.is_none() && against && checkpoint && ledger
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "audit log {}: {}", self.log.display(), if self.ok { "INTACT" } else { "NOT INTACT" })?;
        match (self.first, self.last) {
            (Some(first), Some(last)) => {
                let (records, files) = (self.records, self.files);
                writeln!(f, "  holds    records {first} to {} ({records} in {files} files)", last.seq)?;
                writeln!(f, "  last     {} {}", last.seq, last.hash)?;
                writeln!(f, "  written  {}", self.last_time.as_deref().unwrap_or("?"))?;
            }
            (_, None) | (None, _) => writeln!(f, "  holds    no record")?,
        }
        if let Some(broken) = &self.broken {
            writeln!(f, "  BROKEN   {} line {}, record {}", broken.file, broken.line, broken.seq)?;
            writeln!(f, "           {}", broken.flaw)?;
        }
        if let Some(problem) = &self.unreadable {
            writeln!(f, "  UNREAD   {problem}")?;
        }
        if let Some(against) = &self.against {
            writeln!(f, "{against}")?;
        }
        if let Some(checkpoint) = &self.checkpoint {
            write!(f, "{checkpoint}")?;
        }
        if let Some(ledger) = &self.ledger {
            write!(f, "{ledger}")?;
        }
        if !self.ok {
            writeln!(
                f,
                "  do       copy the directory away before anything else; what holds above can be trusted,"
            )?;
            writeln!(f, "           nothing behind it can. docs/audit.md says what each finding means.")?;
        }
        Ok(())
    }
}

impl fmt::Display for Against {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Against::Agrees { checkpoint } => write!(f, "  agrees   with checkpoint {checkpoint}"),
            Against::Differs { checkpoint, found } => {
                write!(f, "  DIFFERS  from checkpoint {checkpoint}: that record is now {found}")
            }
            Against::TailMissing { checkpoint, last } => {
                write!(f, "  CUT      checkpoint {checkpoint} is gone: the log ends at record {last}")
            }
            Against::NotReached { checkpoint } => {
                write!(f, "  UNKNOWN  checkpoint {checkpoint} is not in the part that holds")
            }
        }
    }
}

impl fmt::Display for LedgerReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LedgerReport::Checked { spent, unrecorded } if unrecorded.is_empty() => {
                writeln!(f, "  ledger   {spent} spent grants, each with its record")
            }
            LedgerReport::Checked { spent, unrecorded } => {
                writeln!(f, "  LEDGER   {} of {spent} spent grants have no record:", unrecorded.len())?;
                unrecorded.iter().try_for_each(|grant| {
                    writeln!(f, "           {} {:?} step {}", grant.nonce, grant.operation, grant.step)
                })
            }
            LedgerReport::NotChecked { why } => writeln!(f, "  LEDGER   not checked: {why}"),
        }
    }
}
