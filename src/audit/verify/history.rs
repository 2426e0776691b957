//! A signed checkpoint held against the log: are the records that it stands for still the first ones of the log, and who
//! says so.

use std::fmt;

use serde::Serialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::super::event::EventKind;
use super::super::note::{NoteKey, SignedCheckpoint, WitnessKey};
use super::super::record::Record;
use super::super::tree::{NodeHash, Tree};

/// The field of a `gate_started` record that has the key of the checkpoints from then on.
pub const CHECKPOINT_KEY: &str = "checkpoint_key";

/// The field of the same record that has the key by which this host says that it has seen checkpoints of others.
pub const WITNESS_KEY: &str = "witness_key";

/// What became of the history that a signed checkpoint stands for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CheckpointReport {
    /// How many records it stands for.
    pub size: u64,
    /// Their root.
    pub root: NodeHash,
    /// Whether they are there.
    pub history: History,
    /// The key that made it, if it is one that counts.
    pub signed_by: Option<NoteKey>,
    /// The witnesses that were asked for, and when each has cosigned it, if it carries that.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub witnesses: Vec<Witnessed>,
}

/// What one witness says of a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Witnessed {
    /// The witness.
    pub by: WitnessKey,
    /// When, in seconds since 1970; nothing where it has not.
    pub at: Option<u64>,
}

/// Whether the records of a checkpoint are the first ones of the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "result", rename_all = "snake_case")]
pub enum History {
    /// They are, each of them unchanged and in its place.
    Holds,
    /// Others stand in their place: the log was written anew.
    Differs {
        /// The root over what stands there.
        found: NodeHash,
    },
    /// The log ends before: its tail was cut off.
    Cut {
        /// The last record there is; 0 if there is none.
        last: u64,
    },
    /// The chain is broken before, or what was read does not tell.
    NotReached,
}

impl CheckpointReport {
    pub(super) fn holds(&self) -> bool {
        let is_seen = self.witnesses.iter().all(|witness| witness.at.is_some());
        self.history == History::Holds && self.signed_by.is_some() && is_seen
    }
}

impl fmt::Display for CheckpointReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let size = self.size;
        match &self.history {
            History::Holds => writeln!(f, "  contains the whole history of the checkpoint: {size} records")?,
            History::Differs { found } => {
                writeln!(
                    f,
                    "  DIFFERS  from the checkpoint: the root over the first {size} records is {found}"
                )?;
            }
            History::Cut { last } => {
                writeln!(
                    f,
                    "  CUT      the checkpoint is of {size} records, and the log ends at record {last}"
                )?;
            }
            History::NotReached => {
                writeln!(f, "  UNKNOWN  the checkpoint's {size} records are not in the part that holds")?;
            }
        }
        match &self.signed_by {
            Some(key) => writeln!(f, "  signed   by {key}")?,
            None => writeln!(
                f,
                "  UNSIGNED the checkpoint's signature is by no key of this log, or by none that was asked for"
            )?,
        }
        self.witnesses.iter().try_for_each(|Witnessed { by, at }| match at {
            Some(at) => writeln!(f, "  seen     by {by}, {}", time(*at)),
            None => writeln!(f, "  UNSEEN   the checkpoint carries no word of {by}"),
        })
    }
}

fn time(seconds: u64) -> String {
    let time =
        i64::try_from(seconds).ok().and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok());
    time.and_then(|time| time.format(&Rfc3339).ok()).unwrap_or_else(|| format!("{seconds} s after 1970"))
}

/// A comparison under way.
#[derive(Debug)]
pub(super) struct Comparison {
    checkpoint: SignedCheckpoint,
    /// The keys that count: those that were given, or else those that the log tells of.
    keys: Vec<NoteKey>,
    gathers: bool,
    found: Option<NodeHash>,
    witnesses: Vec<WitnessKey>,
}

impl Comparison {
    pub(super) fn new(
        checkpoint: SignedCheckpoint,
        key: Option<NoteKey>,
        witnesses: Vec<WitnessKey>,
    ) -> Comparison {
        let gathers = key.is_none();
        Comparison { checkpoint, keys: key.into_iter().collect(), gathers, found: None, witnesses }
    }

    /// Takes the next record, and the tree that it is the last leaf of, where that is known.
    pub(super) fn admit(&mut self, record: &Record, tree: Option<&Tree>) {
        if self.gathers {
            self.keys.extend(key_of(record));
        }
        if let Some(tree) = tree.filter(|tree| tree.size() == self.checkpoint.size()) {
            self.found = Some(tree.root());
        }
    }

    /// `ended_at` is the last record, where the log's end was seen.
    pub(super) fn report(self, ended_at: Option<u64>) -> CheckpointReport {
        let (size, root) = (self.checkpoint.size(), self.checkpoint.root());
        let history = match (self.found, ended_at) {
            (Some(found), _) if found == root => History::Holds,
            (Some(found), _) => History::Differs { found },
            (None, Some(last)) if last < size => History::Cut { last },
            (None, Some(_) | None) => History::NotReached,
        };
        let signed_by = self.keys.into_iter().find(|key| self.checkpoint.is_signed_by(key));
        let said = |by: WitnessKey| Witnessed { at: self.checkpoint.cosigned_at(&by), by };
        let witnesses = self.witnesses.into_iter().map(said).collect();
        CheckpointReport { size, root, history, signed_by, witnesses }
    }
}

/// The key that a record tells of.
#[must_use]
pub fn key_of(record: &Record) -> Option<NoteKey> {
    let tells = record.kind == EventKind::GateStarted.as_str();
    record.detail.get(CHECKPOINT_KEY).filter(|_| tells)?.as_str()?.parse().ok()
}
