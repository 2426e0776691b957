//! Watching somebody else's log: what a witness is asked (C2SP tlog-witness, `add-checkpoint`), and whether it may say yes.

use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::note::{Note, NoteKey};
use super::tree::{NodeHash, consistent};

/// The protocol's bound.
const MOST_HASHES: usize = 63;

/// A checkpoint, and that it goes on from the one before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddCheckpoint {
    old: u64,
    proof: Vec<NodeHash>,
    note: Note,
}

/// Not a request of that form.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("not an add-checkpoint request: {0}")]
pub struct Malformed(pub(super) &'static str);

/// What was cosigned last of a log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// How many records.
    pub size: u64,
    /// Their root, in base64.
    pub root: String,
}

/// Why a checkpoint is not cosigned.
#[derive(Clone, Debug, Error, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NotCosigned {
    /// It is no request.
    #[error("{0}")]
    Malformed(String),
    /// Nobody has asked this host to watch a log of that name.
    #[error("no log of this name is watched")]
    Unknown,
    /// Its key has not signed it.
    #[error("the checkpoint is not signed by the log's key")]
    Unsigned,
    /// It does not begin where the last one ended; it is told where that is.
    #[error("the last checkpoint that was cosigned is of {0} records")]
    OldSize(u64),
    /// The log's own key has signed fewer records than were seen. It did so of a log that grows, too, before.
    #[error("the log was cut, or an old checkpoint of it was sent: {size} records, after {seen} were seen")]
    Fewer {
        /// How many it is of.
        size: u64,
        /// How many were seen.
        seen: u64,
    },
    /// The log's own key has signed other records in the place of those that were seen.
    #[error("the log was forked: {size} records with another root, after {seen} were seen")]
    Forked {
        /// How many it is of.
        size: u64,
        /// How many were seen.
        seen: u64,
    },
    /// The proof does not show that it only grew.
    #[error("the proof does not show that the log only grew from {0} records")]
    Inconsistent(u64),
}

impl NotCosigned {
    /// Whether the one whose log it is says what it never says of a log that only grows, or cannot show that it only grew.
    #[must_use]
    pub fn is_alarming(&self) -> bool {
        match self {
            Self::Fewer { .. } | Self::Forked { .. } | Self::Inconsistent(_) => true,
            Self::Malformed(_) | Self::Unknown | Self::Unsigned | Self::OldSize(_) => false,
        }
    }

    /// Whether what was sent shows by itself that the log does not only grow, whoever has sent it.
    #[must_use]
    pub fn is_proof(&self) -> bool {
        match self {
            Self::Forked { .. } | Self::Inconsistent(_) => true,
            Self::Fewer { .. } | Self::Malformed(_) | Self::Unknown | Self::Unsigned | Self::OldSize(_) => {
                false
            }
        }
    }
}

impl AddCheckpoint {
    /// Whose log it is about.
    #[must_use]
    pub fn origin(&self) -> &str {
        self.note.origin()
    }

    /// What is cosigned.
    #[must_use]
    pub fn body(&self) -> &str {
        self.note.body()
    }

    /// Whether it may be cosigned after what was seen; then that is what has been seen.
    ///
    /// # Errors
    /// Why not, as the protocol tells it.
    pub fn after(&self, key: &NoteKey, last: Option<&Seen>) -> Result<Seen, NotCosigned> {
        if !self.note.is_signed_by(key) {
            return Err(NotCosigned::Unsigned);
        }
        let (size, root) = (self.note.size(), self.note.root());
        let seen = last.map_or(0, |last| last.size);
        let is_other = |last: &Seen| size == last.size && root.base64() != last.root;
        if size < seen {
            return Err(NotCosigned::Fewer { size, seen });
        }
        if last.is_some_and(is_other) {
            return Err(NotCosigned::Forked { size, seen });
        }
        if self.old > size {
            return Err(NotCosigned::Malformed("the old size is larger than the checkpoint's".to_owned()));
        }
        if self.old != seen {
            return Err(NotCosigned::OldSize(seen));
        }
        let goes_on = match last.map(|last| NodeHash::from_base64(&last.root)) {
            None => self.proof.is_empty(),
            Some(Some(before)) => consistent((seen, before), (size, root), &self.proof),
            Some(None) => false,
        };
        if !goes_on {
            return Err(NotCosigned::Inconsistent(seen));
        }
        Ok(Seen { size, root: root.base64() })
    }
}

impl FromStr for AddCheckpoint {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<AddCheckpoint, Malformed> {
        let (head, note) = text.split_once("\n\n").ok_or(Malformed("there is no empty line"))?;
        let mut lines = head.split('\n');
        let old = lines.next().and_then(|line| line.strip_prefix("old "));
        let old = old.and_then(plain_number).ok_or(Malformed("it begins with `old` and a number"))?;
        let proof: Option<Vec<NodeHash>> = lines.map(NodeHash::from_base64).collect();
        let proof = proof.filter(|proof| proof.len() <= MOST_HASHES);
        let proof = proof.ok_or(Malformed("a line of the proof is no hash, or there are too many"))?;
        Ok(AddCheckpoint { old, proof, note: note.parse()? })
    }
}

/// A number without a sign or zeros before it.
pub(super) fn plain_number(text: &str) -> Option<u64> {
    let is_plain =
        text.bytes().all(|digit| digit.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    text.parse().ok().filter(|_| is_plain)
}
