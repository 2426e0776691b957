//! The last good text of a list, kept by the gate itself, so that neither a failure nor a restart leaves rules without it.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::config::ListConfig;
use crate::sys::trusted_file;

/// How the first line of a kept text begins; to a reader of lists it is a comment.
const HEAD: &str = "# entries: ";
/// Room for that line.
const HEAD_BYTES: usize = 64;

/// A folder of last good texts, one for each list.
#[derive(Debug, Clone)]
pub(super) struct Kept(PathBuf);

impl Kept {
    pub(super) fn new(directory: &Path) -> Self {
        Self(directory.to_owned())
    }

    /// The last good text, and how many entries it has.
    pub(super) fn read(&self, list: &ListConfig) -> Option<(Vec<u8>, usize)> {
        let text = trusted_file::read(&self.path(list), list.max_bytes.saturating_add(HEAD_BYTES)).ok()?;
        let first = text.split(|byte| *byte == b'\n').next()?;
        let entries = std::str::from_utf8(first).ok()?.strip_prefix(HEAD)?.parse().ok()?;
        Some((text, entries))
    }

    /// Keeps a text in the place of the one before.
    pub(super) fn write(&self, list: &ListConfig, text: &[u8], entries: usize) -> io::Result<()> {
        std::fs::create_dir_all(&self.0)?;
        let mut file = tempfile::NamedTempFile::new_in(&self.0)?;
        writeln!(file, "{HEAD}{entries}")?;
        file.write_all(text)?;
        file.as_file().sync_data()?;
        file.persist(self.path(list)).map_err(|error| error.error)?;
        Ok(())
    }

    fn path(&self, list: &ListConfig) -> PathBuf {
        self.0.join(format!("{}.list", list.name))
    }
}
