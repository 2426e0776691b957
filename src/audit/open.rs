//! Opening a log: follow what is there, finish what a crash left half done, and say so in the log.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::AuditConfig;
use super::chain::{Chain, Flaw, TOO_LONG};
use super::directory::{Directory, archives, parent};
use super::error::AuditError;
use super::event::output_digest;
use super::lines::{Lines, Step, start_of_last};
use super::record::Receipt;
use super::rotation::Series;
use super::scan::{Ends, Scan, scan};
use super::segment::Segment;
use super::status::Head;
use super::tree::{NodeHash, Tree};
use super::walk::Walk;
use super::writer::{Repair, Writer};
use crate::sys::clock::Clock;

/// Opens the log for writing. Afterwards everything acknowledged before is there, and nothing else.
pub(super) fn open(config: AuditConfig, clock: Arc<dyn Clock>) -> Result<Writer, AuditError> {
    let directory = Directory::open(&parent(&config.path))?;
    let name = config
        .path
        .file_name()
        .ok_or(AuditError::Untrusted { path: config.path.clone(), why: "it is not the name of a file" })?;
    let path = directory.path().join(name);
    let full = archives(&path).map_err(|error| AuditError::io("list", directory.path(), error))?;
    let (segment, found) = Segment::open(&path)?;
    let head = last_acknowledged(&path, &found, full.last())?;

    let mut series = Series::new(directory, path, config.rotate_bytes, segment);
    if let Some((_, archive)) = full.last() {
        series.continues(file_name(archive));
    }
    let mut writer = Writer::new(clock, config.host, series, head);
    finish(&mut writer, found)?;
    Ok(writer)
}

/// Drops a torn tail, begins a file that a crash left without its first record, and records either.
fn finish(writer: &mut Writer, found: Scan) -> Result<(), AuditError> {
    if !found.torn.is_empty() {
        let dropped_bytes = writer.series.doubt();
        let torn = Some(output_digest(&found.torn));
        writer.repair = Some(Repair { dropped_bytes, torn, ..Repair::default() });
    }
    let unavailable = |outage| AuditError::Unavailable(Arc::new(outage));
    writer.commit(&[]).map(drop).map_err(unavailable)
}

/// Where the log ends: in the current file, or, when that has no record yet, in the full file before it.
fn last_acknowledged(path: &Path, found: &Scan, before: Option<&(u64, PathBuf)>) -> Result<Head, AuditError> {
    match (&found.ends, before) {
        (Some(ends), Some((_, archive))) => linked(path, ends, archive).and_then(|()| head(path, ends)),
        (Some(ends), None) => head(path, ends),
        (None, Some((_, archive))) => head(path, &ends_of(archive)?),
        (None, None) => Ok(Head { last: Receipt::NONE, tree: Tree::default() }),
    }
}

/// With the tree that the file's first record tells the beginning of, or else from all records there are.
fn head(path: &Path, ends: &Ends) -> Result<Head, AuditError> {
    let tree = match &ends.tree {
        Some(tree) => tree.clone(),
        None => grown(path, ends.last.seq)?,
    };
    Ok(Head { last: ends.last, tree })
}

/// The tree over a log whose files do not tell it. Records must be there from the first on.
fn grown(path: &Path, records: u64) -> Result<Tree, AuditError> {
    let (mut walk, mut chain, mut tree) = (Walk::log(path), Chain::from_one(), Tree::default());
    while tree.size() < records {
        let step = walk.step().map_err(|error| AuditError::io("read", path, error))?;
        let followed = match step {
            Step::Line => chain.follow(walk.line()).map(drop),
            Step::TooLong => Err(Flaw::NotCanonical { problem: TOO_LONG.to_owned() }),
            Step::End(bytes) => Err(Flaw::Torn { bytes }),
        };
        let (file, line, seq) = (walk.file_name(), walk.number(), tree.size() + 1);
        followed.map_err(|flaw| AuditError::Broken { file, line, seq, flaw })?;
        tree.push(NodeHash::leaf(walk.line()));
    }
    Ok(tree)
}

/// The current file must go on where the full file before it ends.
fn linked(path: &Path, ends: &Ends, archive: &Path) -> Result<(), AuditError> {
    let last = last_record(archive)?;
    let flaw = if ends.first != last.seq + 1 {
        Flaw::Reordered { expected: last.seq + 1, found: ends.first }
    } else if ends.before != last.hash {
        Flaw::Altered { seq: last.seq, next: ends.first }
    } else {
        return Ok(());
    };
    Err(AuditError::Broken { file: file_name(path), line: 1, seq: ends.first, flaw })
}

/// The last record of a full file, without following the file: `reeve audit verify` does that.
fn last_record(archive: &Path) -> Result<Receipt, AuditError> {
    let io = |error| AuditError::io("read", archive, error);
    let file = File::open(archive).map_err(io)?;
    let start = start_of_last(&file, 1).map_err(io)?.offset;
    let mut lines = Lines::from_offset(file, start).map_err(io)?;
    let broken = |flaw| AuditError::Broken { file: file_name(archive), line: 0, seq: 0, flaw };
    match lines.read().map_err(io)? {
        Step::Line => Chain::anywhere().follow(lines.line()).map(|record| record.receipt()).map_err(broken),
        Step::End(0) => Err(broken(Flaw::Empty)),
        Step::End(bytes) => Err(broken(Flaw::Torn { bytes })),
        Step::TooLong => Err(broken(Flaw::NotCanonical { problem: TOO_LONG.to_owned() })),
    }
}

/// For a log whose current file has no record: the full file before it was the current one until the crash.
fn ends_of(archive: &Path) -> Result<Ends, AuditError> {
    let file = File::open(archive).map_err(|error| AuditError::io("open", archive, error))?;
    let found = scan(file, archive)?;
    let flaw =
        if found.torn.is_empty() { Flaw::Empty } else { Flaw::Torn { bytes: found.torn.len() as u64 } };
    match found.ends {
        Some(ends) if found.torn.is_empty() => Ok(ends),
        Some(_) | None => Err(AuditError::Broken { file: file_name(archive), line: 1, seq: 0, flaw }),
    }
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}
