//! Checks a printed proof on any machine: it takes the proof, the key and what the proof is of, and no log.

use std::str::FromStr;

use thiserror::Error;

use super::note::{NoteKey, SignedCheckpoint};
use super::prove::INCLUSION;
use super::record::Record;
use super::tree::{NodeHash, consistent, included};
use super::witness::plain_number;

/// No proof about a tree whose size fits 64 bits has more hashes.
const MOST_HASHES: usize = 64;

/// A proof as it was printed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    claim: Claim,
    hashes: Vec<NodeHash>,
    checkpoint: SignedCheckpoint,
}

/// What a proof says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// The record of this number is in the checkpoint's history.
    Record(u64),
    /// The checkpoint's history goes on from that of so many records.
    GoesOn(u64),
}

/// The text is no proof.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("no proof as `reeve audit prove` prints it: {0}")]
pub struct NotAProof(&'static str);

/// Why a proof does not show what it is given for.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum NotShown {
    /// It is a proof of the other kind.
    #[error("{0}")]
    OtherClaim(&'static str),
    /// None of the keys has made that checkpoint.
    #[error("the checkpoint of {size} records is signed by none of the keys that were given")]
    Unsigned {
        /// How many records it stands for.
        size: u64,
    },
    /// The line is none that a log would have there.
    #[error("the line is not record {seq} as Reeve writes it")]
    NotTheRecord {
        /// The record that the proof is of.
        seq: u64,
    },
    /// The older checkpoint is not the one that the proof goes on from.
    #[error("the proof goes on from {wanted} records, and the older checkpoint is of {given}")]
    OtherSize {
        /// How many the proof goes on from.
        wanted: u64,
        /// How many the older checkpoint stands for.
        given: u64,
    },
    /// The two checkpoints are of different logs.
    #[error("the checkpoints are of different logs: {older:?} and {newer:?}")]
    OtherLog {
        /// Whose log the older one is of.
        older: String,
        /// Whose log the newer one is of.
        newer: String,
    },
    /// The hashes do not add up.
    #[error("the hashes do not lead to the checkpoint's root: it was altered, or it is of something else")]
    Hashes,
}

impl Proof {
    /// What it says.
    #[must_use]
    pub fn claim(&self) -> Claim {
        self.claim
    }

    /// In whose history.
    #[must_use]
    pub fn checkpoint(&self) -> &SignedCheckpoint {
        &self.checkpoint
    }

    /// That the record with this line, without its newline, is in the history, and who signed that.
    ///
    /// # Errors
    /// When it does not show that.
    pub fn shows_record<'a>(
        &self,
        line: &[u8],
        keys: &'a [NoteKey],
    ) -> Result<(Record, &'a NoteKey), NotShown> {
        let Claim::Record(seq) = self.claim else {
            return Err(NotShown::OtherClaim("this is a proof that a history goes on from an older one"));
        };
        let key = signer(&self.checkpoint, keys)?;
        let record = Record::parse(line).ok().filter(|record| record.seq == seq);
        let record = record.ok_or(NotShown::NotTheRecord { seq })?;
        let index = seq.checked_sub(1).ok_or(NotShown::Hashes)?;
        let head = (self.checkpoint.size(), self.checkpoint.root());
        match included(NodeHash::leaf(line), index, head, &self.hashes) {
            true => Ok((record, key)),
            false => Err(NotShown::Hashes),
        }
    }

    /// That the history goes on from the older checkpoint's, nothing of which was changed, and who signed the newer one.
    ///
    /// # Errors
    /// When it does not show that.
    pub fn shows_growth<'a>(
        &self,
        older: &SignedCheckpoint,
        keys: &'a [NoteKey],
    ) -> Result<&'a NoteKey, NotShown> {
        let Claim::GoesOn(wanted) = self.claim else {
            return Err(NotShown::OtherClaim("this is a proof that a record is there"));
        };
        signer(older, keys)?;
        let key = signer(&self.checkpoint, keys)?;
        if older.origin() != self.checkpoint.origin() {
            let (older, newer) = (older.origin().to_owned(), self.checkpoint.origin().to_owned());
            return Err(NotShown::OtherLog { older, newer });
        }
        if older.size() != wanted {
            return Err(NotShown::OtherSize { wanted, given: older.size() });
        }
        let head = (self.checkpoint.size(), self.checkpoint.root());
        match consistent((wanted, older.root()), head, &self.hashes) {
            true => Ok(key),
            false => Err(NotShown::Hashes),
        }
    }
}

fn signer<'a>(checkpoint: &SignedCheckpoint, keys: &'a [NoteKey]) -> Result<&'a NoteKey, NotShown> {
    let signed_by = keys.iter().find(|key| checkpoint.is_signed_by(key));
    signed_by.ok_or(NotShown::Unsigned { size: checkpoint.size() })
}

impl FromStr for Proof {
    type Err = NotAProof;

    fn from_str(text: &str) -> Result<Proof, NotAProof> {
        let mut lines = text.lines();
        let claim = match lines.next() {
            Some(INCLUSION) => Claim::Record(index(&mut lines)?),
            Some(first) => {
                let size = first.strip_prefix("old ").and_then(plain_number);
                Claim::GoesOn(size.ok_or(NotAProof("it begins with neither form's first line"))?)
            }
            None => return Err(NotAProof("it is empty")),
        };
        let mut hashes = Vec::new();
        for line in lines.by_ref().take_while(|line| !line.is_empty()) {
            hashes.push(NodeHash::from_base64(line).ok_or(NotAProof("a line of it is no hash"))?);
            if hashes.len() > MOST_HASHES {
                return Err(NotAProof("it has more hashes than any tree has levels"));
            }
        }
        let rest: Vec<&str> = lines.collect();
        let checkpoint = SignedCheckpoint::from_pasted(&rest.join("\n"));
        let checkpoint = checkpoint.map_err(|_none| NotAProof("there is no whole checkpoint at its end"))?;
        Ok(Proof { claim, hashes, checkpoint })
    }
}

/// The number of the record, from the lines that a tlog-proof has before its hashes.
fn index<'a>(lines: &mut impl Iterator<Item = &'a str>) -> Result<u64, NotAProof> {
    // What stands behind `extra` is anybody's, and not looked at.
    let line = lines.find(|line| !line.starts_with("extra "));
    let index = line.and_then(|line| line.strip_prefix("index ")).and_then(plain_number);
    index.and_then(|index| index.checked_add(1)).ok_or(NotAProof("it does not say which record it is of"))
}
