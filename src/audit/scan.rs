//! What a file of the log holds: followed record by record when the log is opened.

use std::fs::File;
use std::path::Path;

use super::chain::{Chain, Flaw, TOO_LONG};
use super::error::AuditError;
use super::hash::RecordHash;
use super::lines::{Lines, Step};
use super::record::{Receipt, Record};
use super::tree::{NodeHash, Tree};

/// The field of a `log_rotated` record that has the tree over all records before it.
pub(super) const TREE: &str = "tree";

/// A file whose whole records hold together.
#[derive(Debug, Default)]
pub(super) struct Scan {
    /// The first and the last record, when there is one.
    pub(super) ends: Option<Ends>,
    /// How many bytes are whole records.
    pub(super) whole: u64,
    /// The bytes of a last line that was never finished.
    pub(super) torn: Vec<u8>,
}

/// Where a file's chain begins and ends.
#[derive(Debug)]
pub(super) struct Ends {
    /// The first record's number.
    pub(super) first: u64,
    /// What the first record says of the one before it.
    pub(super) before: RecordHash,
    /// The last record.
    pub(super) last: Receipt,
    /// The last record's bytes, newline included.
    pub(super) last_line: Vec<u8>,
    /// The tree up to the last record, if the first one tells where it began.
    pub(super) tree: Option<Tree>,
}

/// Follows the whole file. A torn tail is found and reported; anything else that does not hold is an error.
pub(super) fn scan(file: File, path: &Path) -> Result<Scan, AuditError> {
    let mut lines = Lines::new(file);
    let mut chain = Chain::anywhere();
    let mut found = Scan::default();
    loop {
        match lines.read().map_err(|error| AuditError::io("read", path, error))? {
            Step::End(_) => {
                found.torn = lines.line().to_owned();
                return Ok(found);
            }
            Step::TooLong => {
                let flaw = Flaw::NotCanonical { problem: TOO_LONG.to_owned() };
                return Err(broken(path, lines.number() + 1, &chain, flaw));
            }
            Step::Line => match chain.follow(lines.line()) {
                Ok(record) => found.add(&record, &lines),
                Err(flaw) => {
                    let number = lines.number();
                    found.torn =
                        unwritten_page(&mut lines).ok_or_else(|| broken(path, number, &chain, flaw))?;
                    return Ok(found);
                }
            },
        }
    }
}

impl Scan {
    fn add(&mut self, record: &Record, lines: &Lines) {
        self.whole = lines.offset();
        let ends = self.ends.get_or_insert_with(|| Ends {
            first: record.seq,
            before: record.prev,
            last: record.receipt(),
            last_line: Vec::new(),
            tree: tree_before(record),
        });
        if let Some(tree) = &mut ends.tree {
            tree.push(NodeHash::leaf(lines.line()));
        }
        ends.last = record.receipt();
        ends.last_line.clear();
        ends.last_line.extend_from_slice(lines.line());
        ends.last_line.push(b'\n');
    }
}

/// The tree over all records before this one, which begins a file.
pub(super) fn tree_before(first: &Record) -> Option<Tree> {
    if first.seq == 1 {
        return Some(Tree::default());
    }
    let told = first.detail.get(TREE).and_then(Tree::from_value);
    told.filter(|tree| tree.size() == first.seq - 1)
}

/// A power cut can leave a last line with its newline on disk and a page of it not: zeros, which Reeve never writes.
/// Such a line is torn, if it is really the last.
fn unwritten_page(lines: &mut Lines) -> Option<Vec<u8>> {
    let mut line = lines.line().to_owned();
    line.push(b'\n');
    let last = matches!(lines.read(), Ok(Step::End(0)));
    if last && line.contains(&0) { Some(line) } else { None }
}

fn broken(path: &Path, line: u64, chain: &Chain, flaw: Flaw) -> AuditError {
    let seq = chain.last().map_or(1, |last| last.seq + 1);
    let file = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
    AuditError::Broken { file, line, seq, flaw }
}
