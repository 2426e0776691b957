//! The files of a log in their order: which one is written to, and how one makes room for the next.
//!
//! Every step can be the last before a crash. Between the rename and the first record of the new file nothing is
//! acknowledged, and opening the log finishes what was begun.

use std::fs;
use std::path::PathBuf;

use super::directory::{Directory, archive_name, stem};
use super::error::Outage;
use super::record::Receipt;
use super::segment::Segment;

/// The current file and what is needed to begin the next.
#[derive(Debug)]
pub(super) struct Series {
    directory: Directory,
    path: PathBuf,
    rotate_bytes: u64,
    place: Place,
    /// The name of the last full file.
    previous: Option<String>,
    /// A name was given or taken that is not durable yet.
    names_changed: bool,
}

/// Where records go.
#[derive(Debug)]
enum Place {
    /// To this file, which is as we left it.
    At(Segment),
    /// To this file, once it has been looked at: something went wrong.
    InDoubt(Segment),
    /// To a file that could not be begun yet: the one before has been renamed.
    Between,
}

impl Series {
    pub(super) fn new(directory: Directory, path: PathBuf, rotate_bytes: u64, segment: Segment) -> Series {
        let place = Place::At(segment);
        Series { directory, path, rotate_bytes, place, previous: None, names_changed: true }
    }

    /// Says which full file comes before the current one.
    pub(super) fn continues(&mut self, archive: String) {
        self.previous = Some(archive);
    }

    /// From now on the current file is looked at anew before anything is written. Returns how many refused bytes were
    /// cut off at once: should this process end before the repair, nobody takes them for acknowledged.
    pub(super) fn doubt(&mut self) -> u64 {
        let (place, dropped) = match std::mem::replace(&mut self.place, Place::Between) {
            Place::At(segment) | Place::InDoubt(segment) => {
                let dropped = segment.cut_back().unwrap_or_else(|error| {
                    tracing::warn!(%error, "refused records could not be cut from the audit log yet");
                    0
                });
                (Place::InDoubt(segment), dropped)
            }
            Place::Between => (Place::Between, 0),
        };
        self.place = place;
        dropped
    }

    /// Checks, or repairs, the place to write to. Some bytes: that many were dropped in a repair.
    pub(super) fn make_ready(&mut self, acked: Receipt) -> Result<Option<u64>, Outage> {
        match &mut self.place {
            Place::At(segment) => segment.check().map(|()| None),
            Place::InDoubt(segment) => {
                let dropped = segment.recover(acked.seq)?;
                self.place = match std::mem::replace(&mut self.place, Place::Between) {
                    Place::At(segment) | Place::InDoubt(segment) => Place::At(segment),
                    Place::Between => Place::Between,
                };
                Ok(Some(dropped))
            }
            Place::Between => self.begin().map(|()| Some(0)),
        }
    }

    /// Renames the current file and begins the next, when asked to or when the file is full. A file that holds no
    /// more than its own link stays.
    pub(super) fn rotate_if_due(&mut self, asked: bool, acked: Receipt) -> Result<(), Outage> {
        let Place::At(segment) = &self.place else { return Ok(()) };
        let Some(first) = segment.first().filter(|first| *first < acked.seq) else { return Ok(()) };
        if !asked && segment.len() < self.rotate_bytes {
            return Ok(());
        }
        let name = archive_name(&stem(&self.path), first);
        let archive = self.directory.path().join(&name);
        // Nobody else can write to this directory, so nothing can take the name between this look and the rename.
        if fs::symlink_metadata(&archive).is_ok() {
            return Err(Outage::NameTaken(archive));
        }
        fs::rename(&self.path, &archive).map_err(Outage::io("rename"))?;
        self.previous = Some(name);
        self.place = Place::Between;
        self.directory.sync().map_err(Outage::io("sync the directory of"))?;
        self.begin()
    }

    fn begin(&mut self) -> Result<(), Outage> {
        self.names_changed = true;
        self.place = Place::At(Segment::create(&self.path)?);
        Ok(())
    }

    /// The name of the file before, if the current one has no record yet that says so.
    pub(super) fn needs_link(&self, acked: Receipt) -> Option<String> {
        match &self.place {
            Place::At(segment) if segment.len() == 0 && acked.seq > 0 => self.previous.clone(),
            Place::At(_) | Place::InDoubt(_) | Place::Between => None,
        }
    }

    /// Makes the lines durable, and the file's name where it is new.
    pub(super) fn write(&mut self, lines: &[u8], first: u64) -> Result<(), Outage> {
        let Place::At(segment) = &mut self.place else { return Err(Outage::Gone(self.path.clone())) };
        if lines.is_empty() {
            return Ok(());
        }
        if self.names_changed {
            self.directory.sync().map_err(Outage::io("sync the directory of"))?;
            self.names_changed = false;
        }
        segment.write(lines, first)
    }
}
