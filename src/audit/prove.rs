//! Proofs for whoever has no log: that a record is in the history of a signed checkpoint, and that this history goes on
//! from that of an older one.

use std::path::Path;

use thiserror::Error;

use super::note::SignedCheckpoint;
use super::read::{Filter, ReadError, export};
use super::tree::{Collector, NodeHash, Tree, consistent, included};

/// The first line of a proof that a record is there: C2SP tlog-proof.
pub(super) const INCLUSION: &str = "c2sp.org/tlog-proof@v1";

/// Why there is no proof.
#[derive(Debug, Error)]
pub enum ProveError {
    /// The log cannot be read.
    #[error("the audit log cannot be read")]
    Read(#[from] ReadError),
    /// The record is not one of the checkpoint's, or the older checkpoint is not the older one.
    #[error("{what} is not in a history of {size} records")]
    Outside {
        /// What was to be proved.
        what: String,
        /// How many records the checkpoint stands for.
        size: u64,
    },
    /// The checkpoint's history is not in this log.
    #[error(
        "this log does not hold the history of the checkpoint of {size} records; `reeve audit verify --checkpoint` says how they differ"
    )]
    OtherHistory {
        /// How many records the checkpoint stands for.
        size: u64,
    },
}

/// Proves that a record, by its number from 1, is in the checkpoint's history: a C2SP tlog-proof.
///
/// # Errors
/// When it is not, or the log does not hold that history from its first record on.
pub fn inclusion(log: &Path, seq: u64, checkpoint: &SignedCheckpoint) -> Result<String, ProveError> {
    let size = checkpoint.size();
    let outside = || ProveError::Outside { what: format!("record {seq}"), size };
    let index = seq.checked_sub(1).ok_or_else(outside)?;
    let collector = Collector::inclusion(index, size).ok_or_else(outside)?;
    let seen = read(log, collector, checkpoint, seq)?;
    let head = (size, checkpoint.root());
    if !seen.leaf.is_some_and(|leaf| included(leaf, index, head, &seen.proof)) {
        return Err(ProveError::OtherHistory { size });
    }
    Ok(format!("{INCLUSION}\nindex {index}\n{}\n{checkpoint}\n", lines(&seen.proof)))
}

/// Proves that the newer checkpoint's history goes on from the older one's: what C2SP tlog-witness calls add-checkpoint.
///
/// # Errors
/// When it does not, or the log does not hold the newer one's history from its first record on.
pub fn consistency(log: &Path, old: &SignedCheckpoint, new: &SignedCheckpoint) -> Result<String, ProveError> {
    let size = new.size();
    let outside = || ProveError::Outside { what: format!("a checkpoint of {} records", old.size()), size };
    let collector = Collector::consistency(old.size(), size).ok_or_else(outside)?;
    let seen = read(log, collector, new, old.size())?;
    if !consistent((old.size(), old.root()), (size, new.root()), &seen.proof) {
        return Err(ProveError::OtherHistory { size: old.size() });
    }
    Ok(format!("old {}\n{}\n{new}\n", old.size(), lines(&seen.proof)))
}

/// Asks a witness to cosign the checkpoint, when it has seen that many records before, none for the first time. Whether those are
/// the ones that it saw is for it to say: it has their root.
///
/// # Errors
/// When the log does not hold the checkpoint's history from its first record on.
pub fn growth(log: &Path, old: u64, new: &SignedCheckpoint) -> Result<String, ProveError> {
    if old == 0 {
        return Ok(format!("old 0\n\n{new}\n"));
    }
    let size = new.size();
    let outside = || ProveError::Outside { what: format!("a checkpoint of {old} records"), size };
    let collector = Collector::consistency(old, size).ok_or_else(outside)?;
    let seen = read(log, collector, new, 0)?;
    Ok(format!("old {old}\n{}\n{new}\n", lines(&seen.proof)))
}

struct Seen {
    proof: Vec<NodeHash>,
    /// The leaf that was asked for.
    leaf: Option<NodeHash>,
}

/// One pass over the records of the checkpoint, in bounded memory.
fn read(
    log: &Path,
    mut collector: Collector,
    checkpoint: &SignedCheckpoint,
    wanted: u64,
) -> Result<Seen, ProveError> {
    let (mut tree, mut leaf) = (Tree::default(), None);
    for entry in export(log, Filter { last: Some(checkpoint.size()), ..Filter::default() }) {
        let entry = entry?;
        let node = NodeHash::leaf(entry.line.as_bytes());
        collector.take(node);
        tree.push(node);
        if entry.record.seq == wanted {
            leaf = Some(node);
        }
    }
    let other = ProveError::OtherHistory { size: checkpoint.size() };
    if (tree.size(), tree.root()) != (checkpoint.size(), checkpoint.root()) {
        return Err(other);
    }
    Ok(Seen { proof: collector.proof().ok_or(other)?, leaf })
}

fn lines(proof: &[NodeHash]) -> String {
    proof.iter().map(|node| format!("{node}\n")).collect()
}
