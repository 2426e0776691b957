//! The rule that makes a log of lines a chain: each record has the next number and names the hash of the line before.

use serde::Serialize;
use thiserror::Error;

use super::hash::RecordHash;
use super::record::{Receipt, Record};

/// What is wrong with a log, in the words an operator reads.
#[derive(Clone, Debug, Error, PartialEq, Eq, Serialize)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum Flaw {
    /// A line that Reeve did not write, or not like this.
    #[error("not a record as Reeve writes it: {problem}")]
    NotCanonical {
        /// What the reader stumbled over.
        problem: String,
    },
    /// The numbers go on, the hashes do not.
    #[error("altered: record {seq} was changed after record {next} was written, or the link in {next} was")]
    Altered {
        /// The record whose hash is not the one that was remembered.
        seq: u64,
        /// The record that remembers.
        next: u64,
    },
    /// Records are not there.
    #[error("missing: records {first} to {last} are not there")]
    Missing {
        /// The first that is not there.
        first: u64,
        /// The last that is not there.
        last: u64,
    },
    /// The record expected here stands further down, or this one stood further up.
    #[error("reordered: record {found} stands where record {expected} belongs")]
    Reordered {
        /// What belongs here.
        expected: u64,
        /// What stands here.
        found: u64,
    },
    /// The same record twice.
    #[error("duplicated: record {seq} stands here a second time")]
    Duplicated {
        /// Which.
        seq: u64,
    },
    /// The log begins in the middle.
    #[error("the chain does not start at record 1 but at record {seq}: older files are missing")]
    NotFromOne {
        /// The first record there is.
        seq: u64,
    },
    /// A record that claims to be the first and is not, or the other way round.
    #[error("only record 1 has no record before it, and record {seq} says otherwise")]
    BadFirst {
        /// Its number.
        seq: u64,
    },
    /// The last line is incomplete.
    #[error("torn: the last {bytes} bytes are not a whole record")]
    Torn {
        /// How many bytes stand behind the last whole record.
        bytes: u64,
    },
    /// A file of the log has nothing in it, or nothing is there at all.
    #[error("there is no record in it")]
    Empty,
    /// A file does not begin with the tree over all that was before it.
    #[error("record {seq} tells of another tree than the one over the records before it")]
    WrongTree {
        /// The record that tells it.
        seq: u64,
    },
    /// The name says that another record stands first in the file.
    #[error("the file's name does not fit: its first record is {seq}")]
    Misnamed {
        /// The first record in the file.
        seq: u64,
    },
}

/// What [`Flaw::NotCanonical`] says of a line past [`super::record::MAX_LINE`].
pub(super) const TOO_LONG: &str = "a line longer than any record";

/// How far a chain has been followed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Chain {
    last: Option<Receipt>,
}

impl Chain {
    /// A chain whose first record may be any: for one file of many.
    pub(super) fn anywhere() -> Chain {
        Chain { last: None }
    }

    /// A chain that must begin with record 1.
    pub(super) fn from_one() -> Chain {
        Chain { last: Some(Receipt::NONE) }
    }

    /// The last record that held, if one did.
    pub(super) fn last(&self) -> Option<Receipt> {
        self.last.filter(|last| last.seq > 0)
    }

    /// Takes the next line, without its newline, if it is the record that must come next.
    pub(super) fn follow(&mut self, line: &[u8]) -> Result<Record, Flaw> {
        let record =
            Record::parse(line).map_err(|error| Flaw::NotCanonical { problem: error.to_string() })?;
        self.admit(&record)?;
        self.last = Some(record.receipt());
        Ok(record)
    }

    fn admit(&self, record: &Record) -> Result<(), Flaw> {
        if record.seq == 0 || (record.seq == 1) != (record.prev == RecordHash::ZERO) {
            return Err(Flaw::BadFirst { seq: record.seq });
        }
        let Some(last) = self.last else { return Ok(()) };
        let expected = last.seq + 1;
        if record.seq == expected {
            let linked = record.prev == last.hash;
            return if linked { Ok(()) } else { Err(Flaw::Altered { seq: last.seq, next: record.seq }) };
        }
        Err(if record.seq < expected {
            let again = record.hash == last.hash;
            if again {
                Flaw::Duplicated { seq: record.seq }
            } else {
                Flaw::Reordered { expected, found: record.seq }
            }
        } else if last.seq == 0 {
            Flaw::NotFromOne { seq: record.seq }
        } else {
            Flaw::Missing { first: expected, last: record.seq - 1 }
        })
    }
}
