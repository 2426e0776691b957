//! A playbook's folder: everything that belongs to the playbook, held to one digest.
//!
//! The digest is that of `sha256sum`'s own listing, so that root can make it without Reeve:
//! `find . -type f -printf '%P\0' | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum`.

use std::io;
use std::path::{Path, PathBuf};

use crate::operation::Digest;
use crate::sys::trusted_file::{self, TrustedFileError};

/// How much may belong to one playbook.
const MAX_FILES: usize = 512;
const MAX_BYTES: usize = 8 << 20;
const MAX_DEPTH: usize = 8;

/// One file of a playbook's folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PinnedFile {
    /// Its path within the folder.
    pub path: String,
    /// Its contents.
    pub contents: Vec<u8>,
}

/// A folder cannot be read, or is not one that a playbook may lie in.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// A file of it could have been written by somebody else than root.
    #[error("a file is not to be trusted")]
    Untrusted(#[from] TrustedFileError),
    /// It, or a folder in it, cannot be listed.
    #[error("{}: cannot be listed", path.display())]
    Unlisted {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Something in it is neither a file nor a folder, or has a name that a digest's listing cannot hold.
    #[error("{}: is no plain file or folder with a plain name", .0.display())]
    Stranger(PathBuf),
    /// There is more in it than belongs to a playbook.
    #[error("{}: holds too much: at most {MAX_FILES} files and {MAX_BYTES} bytes", .0.display())]
    TooMuch(PathBuf),
}

/// Reads every file of a folder, each of which only root, or this process's user, can have written.
///
/// # Errors
/// Names what is not as it must be.
pub fn read(folder: &Path) -> Result<Vec<PinnedFile>, FolderError> {
    let mut files = Vec::new();
    let mut folders = vec![(folder.to_owned(), String::new(), 0)];
    let mut left = MAX_BYTES;
    while let Some((path, within, depth)) = folders.pop() {
        let unlisted = |source| FolderError::Unlisted { path: path.clone(), source };
        for entry in std::fs::read_dir(&path).map_err(unlisted)? {
            let entry = entry.map_err(unlisted)?;
            let stranger = || FolderError::Stranger(entry.path());
            let name =
                entry.file_name().into_string().ok().filter(|name| is_plain(name)).ok_or_else(stranger)?;
            let name = format!("{within}{name}");
            let kind = entry.file_type().map_err(unlisted)?;
            if kind.is_dir() && depth < MAX_DEPTH {
                folders.push((entry.path(), format!("{name}/"), depth + 1));
            } else if kind.is_file() {
                let contents = trusted_file::read(&entry.path(), MAX_BYTES)?;
                left = left
                    .checked_sub(contents.len())
                    .ok_or_else(|| FolderError::TooMuch(folder.to_owned()))?;
                files.push(PinnedFile { path: name, contents });
            } else {
                return Err(stranger());
            }
            if files.len() > MAX_FILES {
                return Err(FolderError::TooMuch(folder.to_owned()));
            }
        }
    }
    Ok(files)
}

fn is_plain(name: &str) -> bool {
    name.chars().all(|character| !character.is_control() && character != '\\')
}

/// The digest of a folder's files.
pub(super) fn digest(files: &[PinnedFile]) -> String {
    let mut files: Vec<&PinnedFile> = files.iter().collect();
    files.sort_by(|one, other| one.path.as_bytes().cmp(other.path.as_bytes()));
    let listing: String =
        files.iter().map(|file| format!("{}  {}\n", hex(&file.contents), file.path)).collect();
    hex(listing.as_bytes())
}

fn hex(bytes: &[u8]) -> String {
    Digest::of_bytes(bytes).as_str().trim_start_matches("sha256:").to_owned()
}

#[cfg(test)]
mod tests;
