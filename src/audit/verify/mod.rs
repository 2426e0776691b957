//! Follows a log from its first record to its last and says where it first fails to hold.
//!
//! The chain alone shows every change but one: a tail that was cut off leaves a shorter chain that holds. For that
//! there are checkpoints in people's phones, and root's ledger of what was really run.

mod history;
mod ledger;
mod report;

use std::io;
use std::path::Path;

use super::chain::{Chain, Flaw, TOO_LONG};
use super::checkpoint::Checkpoint;
use super::event::EventKind;
use super::lines::Step;
use super::note::{NoteKey, SignedCheckpoint, WitnessKey};
use super::read::current_file;
use super::record::Record;
use super::scan::{TREE, tree_before};
use super::tree::{NodeHash, Tree};
use super::walk::Walk;
use history::Comparison;
pub use history::{CHECKPOINT_KEY, CheckpointReport, History, WITNESS_KEY, Witnessed, key_of};
use ledger::Unmet;
pub use report::{Against, Broken, LedgerReport, Report, UnrecordedGrant};

/// A log that is being written to can end in half a line for an instant: so many looks before it counts as torn.
const LOOKS: u32 = 1000;

/// What to compare the log with, besides itself.
#[derive(Clone, Debug, Default)]
pub struct Options<'a> {
    /// A record somebody remembers, from a message.
    pub against: Option<Checkpoint>,
    /// Root's directory of spent grants.
    pub ledger: Option<&'a Path>,
    /// A signed checkpoint, from a message.
    pub checkpoint: Option<SignedCheckpoint>,
    /// The one key that may have signed it; without it, those that the log tells of.
    pub key: Option<NoteKey>,
    /// The witnesses whose word the checkpoint must carry.
    pub witnesses: Vec<WitnessKey>,
}

/// Verifies the whole log in a directory, or one file of it by itself, which may begin with any record.
///
/// Reads line by line; memory does not grow with the log.
#[must_use]
pub fn verify(log: &Path, options: &Options<'_>) -> Report {
    let whole = log.is_dir();
    let walk = if whole { Walk::log(&current_file(log)) } else { Walk::file(log) };
    let chain = if whole { Chain::from_one() } else { Chain::anywhere() };
    let ledger = options.ledger.map(|ledger| match whole {
        true => Unmet::read(ledger),
        false => Err("one file of a log does not have the records of the others".to_owned()),
    });
    let mut verification = Verification {
        walk,
        chain,
        ledger,
        found: blank(log),
        against: options.against.clone(),
        compared: None,
        tree: None,
        history: options
            .checkpoint
            .clone()
            .map(|checkpoint| Comparison::new(checkpoint, options.key.clone(), options.witnesses.clone())),
    };
    if let Err(error) = verification.follow() {
        verification.found.unreadable = Some(format!("{}: {error}", verification.walk.file_name()));
    }
    verification.conclude()
}

fn blank(log: &Path) -> Report {
    Report {
        ok: false,
        log: log.to_owned(),
        files: 0,
        records: 0,
        first: None,
        last: None,
        last_time: None,
        broken: None,
        unreadable: None,
        against: None,
        checkpoint: None,
        ledger: None,
    }
}

struct Verification {
    walk: Walk,
    chain: Chain,
    ledger: Option<Result<Unmet, String>>,
    found: Report,
    against: Option<Checkpoint>,
    compared: Option<Against>,
    /// The tree over all records so far; none where a file is read by itself that does not tell what it goes on from.
    tree: Option<Tree>,
    history: Option<Comparison>,
}

impl Verification {
    fn follow(&mut self) -> io::Result<()> {
        let mut looks = 0;
        loop {
            match self.walk.step()? {
                Step::Line => match self.chain.follow(self.walk.line()) {
                    Ok(record) => self.admit(&record),
                    Err(flaw) => self.found.broken = Some(self.explain(flaw)?),
                },
                Step::TooLong => self.break_at_next(Flaw::NotCanonical { problem: TOO_LONG.to_owned() }),
                Step::End(0) if self.found.records == 0 => self.break_at_next(Flaw::Empty),
                Step::End(0) => return Ok(()),
                Step::End(bytes) if looks == LOOKS => self.break_at_next(Flaw::Torn { bytes }),
                Step::End(_) => {
                    looks += 1;
                    std::thread::yield_now();
                }
            }
            if self.found.broken.is_some() {
                return Ok(());
            }
        }
    }

    fn admit(&mut self, record: &Record) {
        if self.walk.number() == 1 {
            self.found.files += 1;
            if self.walk.promised_first().is_some_and(|promised| promised != record.seq) {
                self.found.broken = Some(self.here(record.seq, Flaw::Misnamed { seq: record.seq }));
                return;
            }
        }
        if self.found.records == 0 {
            self.tree = tree_before(record);
        } else if !self.tells_the_tree(record) {
            self.found.broken = Some(self.here(record.seq, Flaw::WrongTree { seq: record.seq }));
            return;
        }
        if let Some(tree) = &mut self.tree {
            tree.push(NodeHash::leaf(self.walk.line()));
        }
        if let Some(history) = &mut self.history {
            history.admit(record, self.tree.as_ref());
        }
        self.found.records += 1;
        self.found.first.get_or_insert(record.seq);
        self.found.last_time = Some(record.time.clone());
        if let Some(Ok(unmet)) = &mut self.ledger {
            unmet.meet(record);
        }
        if let Some(checkpoint) = self.against.take_if(|checkpoint| checkpoint.seq() == record.seq) {
            self.compared = Some(if checkpoint.agrees_with(&record.hash) {
                Against::Agrees { checkpoint }
            } else {
                Against::Differs { checkpoint, found: record.hash }
            });
        }
    }

    /// What the log goes on from is what it was made of: a record that tells the tree tells the right one.
    fn tells_the_tree(&self, record: &Record) -> bool {
        match (record.detail.get(TREE).filter(|_| record.kind == EventKind::LogRotated.as_str()), &self.tree)
        {
            (Some(told), Some(tree)) => Tree::from_value(told).as_ref() == Some(tree),
            (Some(_), None) | (None, _) => true,
        }
    }

    fn expected(&self) -> u64 {
        self.chain.last().map_or(1, |last| last.seq + 1)
    }

    fn here(&self, seq: u64, flaw: Flaw) -> Broken {
        Broken { file: self.walk.file_name(), line: self.walk.number(), seq, flaw }
    }

    fn break_at_next(&mut self, flaw: Flaw) {
        let mut broken = self.here(self.expected(), flaw);
        broken.line += 1;
        self.found.broken = Some(broken);
    }

    /// Numbers that are not where they belong may stand further down: then they are not missing but moved.
    fn explain(&mut self, flaw: Flaw) -> io::Result<Broken> {
        let mut broken = self.here(self.expected(), flaw);
        let found = match broken.flaw {
            Flaw::Missing { last, .. } => last + 1,
            Flaw::NotFromOne { seq } => seq,
            Flaw::NotCanonical { .. }
            | Flaw::Altered { .. }
            | Flaw::Reordered { .. }
            | Flaw::Duplicated { .. }
            | Flaw::BadFirst { .. }
            | Flaw::Torn { .. }
            | Flaw::Empty
            | Flaw::WrongTree { .. }
            | Flaw::Misnamed { .. } => return Ok(broken),
        };
        while self.walk.step()? == Step::Line && self.walk.file_name() == broken.file {
            if Record::parse(self.walk.line()).is_ok_and(|record| record.seq == broken.seq) {
                broken.flaw = Flaw::Reordered { expected: broken.seq, found };
                break;
            }
        }
        Ok(broken)
    }

    fn conclude(mut self) -> Report {
        self.found.last = self.chain.last();
        let whole = self.found.broken.is_none() && self.found.unreadable.is_none();
        let missed = self.against.take().map(|checkpoint| {
            let last = self.found.last.map_or(0, |last| last.seq);
            let cut = (whole || self.ends_torn()) && checkpoint.seq() > last;
            if cut { Against::TailMissing { checkpoint, last } } else { Against::NotReached { checkpoint } }
        });
        self.found.against = self.compared.take().or(missed);
        let ended_at = (whole || self.ends_torn()).then(|| self.found.last.map_or(0, |last| last.seq));
        self.found.checkpoint = self.history.take().map(|history| history.report(ended_at));
        self.found.ledger = self.ledger.map(|ledger| match ledger {
            Ok(unmet) if whole => unmet.report(),
            Ok(_) => LedgerReport::NotChecked { why: "the log does not hold to its end".to_owned() },
            Err(why) => LedgerReport::NotChecked { why },
        });
        self.found.ok = self.found.holds();
        self.found
    }

    /// Nothing stands behind a torn end, or in an empty log.
    fn ends_torn(&self) -> bool {
        self.found
            .broken
            .as_ref()
            .is_some_and(|broken| matches!(broken.flaw, Flaw::Torn { .. } | Flaw::Empty))
    }
}
