//! The file that records go to now: written and synced in one step, and looked at before each.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::error::{AuditError, Outage};
use super::scan::{Scan, scan};

const MODE: u32 = 0o640;
const WRITABLE_BY_OTHERS: u32 = 0o022;

/// A new file is its group's to read, for whoever ships records elsewhere, although the process makes all others for itself.
fn share(file: &File) -> io::Result<()> {
    file.set_permissions(fs::Permissions::from_mode(MODE))
}

/// A file of the log, open for writing.
#[derive(Debug)]
pub(super) struct Segment {
    path: PathBuf,
    file: File,
    /// Device and inode: what stands at the path must stay this file.
    id: (u64, u64),
    /// How many bytes are acknowledged records; writing goes on from here, whatever stands behind.
    len: u64,
    /// The last acknowledged line, newline included.
    last_line: Vec<u8>,
    /// The number of the first record, once there is one.
    first: Option<u64>,
}

impl Segment {
    /// Opens the file, or begins it, and follows everything in it.
    pub(super) fn open(path: &Path) -> Result<(Segment, Scan), AuditError> {
        let file = options().create(true).truncate(false).open(path);
        let file = file.map_err(|error| AuditError::io("open", path, error))?;
        let found = file.metadata().map_err(|error| AuditError::io("look at", path, error))?;
        if let Some(why) = distrust(&found) {
            return Err(AuditError::Untrusted { path: path.to_owned(), why });
        }
        if found.len() == 0 {
            share(&file).map_err(|error| AuditError::io("set the mode of", path, error))?;
        }
        let reader = file.try_clone().map_err(|error| AuditError::io("open", path, error))?;
        let scan = scan(reader, path)?;
        let mut segment = Segment::around(path, file, &found);
        segment.len = scan.whole;
        if let Some(ends) = &scan.ends {
            segment.last_line.clone_from(&ends.last_line);
            segment.first = Some(ends.first);
        }
        Ok((segment, scan))
    }

    /// Begins a file where none may be.
    pub(super) fn create(path: &Path) -> Result<Segment, Outage> {
        let file = options().create_new(true).open(path).map_err(Outage::io("begin"))?;
        share(&file).map_err(Outage::io("set the mode of"))?;
        let found = file.metadata().map_err(Outage::io("look at"))?;
        Ok(Segment::around(path, file, &found))
    }

    fn around(path: &Path, file: File, found: &fs::Metadata) -> Segment {
        let id = (found.dev(), found.ino());
        Segment { path: path.to_owned(), file, id, len: 0, last_line: Vec::new(), first: None }
    }

    pub(super) fn len(&self) -> u64 {
        self.len
    }

    pub(super) fn first(&self) -> Option<u64> {
        self.first
    }

    /// Looks whether the file at the path is still ours and as long as we left it. One system call.
    pub(super) fn check(&self) -> Result<(), Outage> {
        let found = fs::symlink_metadata(&self.path).map_err(|error| self.not_there(error))?;
        self.same_file(&found)?;
        match found.len().checked_sub(self.len) {
            Some(0) => Ok(()),
            Some(surplus) => Err(Outage::Surplus { surplus }),
            None => Err(Outage::Cut { expected: self.len, found: found.len() }),
        }
    }

    /// One write, one `fdatasync`. Only after this may anything in `lines` be acknowledged.
    pub(super) fn write(&mut self, lines: &[u8], first: u64) -> Result<(), Outage> {
        self.file.write_all_at(lines, self.len).map_err(Outage::io("write to"))?;
        self.file.sync_data().map_err(Outage::io("sync"))?;
        self.len += lines.len() as u64;
        let body = lines.strip_suffix(b"\n").unwrap_or(lines);
        let start = body.iter().rposition(|byte| *byte == b'\n').map_or(0, |newline| newline + 1);
        self.last_line.clear();
        self.last_line.extend_from_slice(lines.get(start..).unwrap_or_default());
        self.first.get_or_insert(first);
        Ok(())
    }

    /// Goes back to the last acknowledged record, and returns how many bytes behind it were dropped.
    pub(super) fn recover(&mut self, last_seq: u64) -> Result<u64, Outage> {
        let file = options().open(&self.path).map_err(|error| self.not_there(error))?;
        let found = file.metadata().map_err(Outage::io("look at"))?;
        self.same_file(&found)?;
        let cut = Outage::Cut { expected: self.len, found: found.len() };
        let dropped = found.len().checked_sub(self.len).ok_or(cut)?;
        let start = self.len.saturating_sub(self.last_line.len() as u64);
        let mut there = vec![0; self.last_line.len()];
        file.read_exact_at(&mut there, start).map_err(Outage::io("read"))?;
        if there != self.last_line {
            return Err(Outage::LastRecordGone { seq: last_seq });
        }
        file.set_len(self.len).map_err(Outage::io("cut back"))?;
        // After a failed sync the kernel takes the pages for clean, so a second sync alone would prove nothing. The
        // only page that acknowledged bytes share with the failed ones holds the end of this line: write it again.
        file.write_all_at(&there, start).map_err(Outage::io("write to"))?;
        file.sync_all().map_err(Outage::io("sync"))?;
        self.file = file;
        Ok(dropped)
    }

    /// Drops what stands behind the acknowledged records, without promising that it lasts. Never makes a file longer:
    /// one that somebody cut must not be filled up with zeros.
    pub(super) fn cut_back(&self) -> io::Result<u64> {
        let surplus = self.file.metadata()?.len().saturating_sub(self.len);
        if surplus > 0 {
            self.file.set_len(self.len)?;
        }
        Ok(surplus)
    }

    fn same_file(&self, found: &fs::Metadata) -> Result<(), Outage> {
        if (found.dev(), found.ino()) == self.id { Ok(()) } else { Err(Outage::Replaced(self.path.clone())) }
    }

    fn not_there(&self, error: io::Error) -> Outage {
        if error.kind() == io::ErrorKind::NotFound {
            return Outage::Gone(self.path.clone());
        }
        if error.raw_os_error() == Some(libc::ELOOP) {
            return Outage::Replaced(self.path.clone());
        }
        Outage::Io { doing: "open", source: error }
    }
}

fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).mode(MODE).custom_flags(libc::O_NOFOLLOW | libc::O_CLOEXEC);
    options
}

/// A second name would let its owner write past every check on this one.
fn distrust(found: &fs::Metadata) -> Option<&'static str> {
    let us = nix::unistd::geteuid().as_raw();
    if !found.is_file() {
        return Some("it is not a regular file");
    }
    if found.nlink() != 1 {
        return Some("it has more than one name");
    }
    if found.uid() != us && found.uid() != 0 {
        return Some("its owner is neither root nor the user of this process");
    }
    if found.mode() & WRITABLE_BY_OTHERS != 0 {
        return Some("others than its owner may write to it");
    }
    None
}
