//! Files that are either the old or the new one after a crash, never half, and keys that nobody else could read for a moment.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::PkiError;
use crate::sys::random;

/// Who may read a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Everybody: certificates and revocation lists.
    Public,
    /// The owner alone: keys.
    Secret,
}

impl Access {
    fn mode(self) -> u32 {
        match self {
            Self::Public => 0o644,
            Self::Secret => 0o600,
        }
    }
}

/// Puts a file into place: a new one beside it, written and synced, then renamed over it.
///
/// # Errors
/// When a step fails; the file is then as it was.
pub fn write_atomically(path: &Path, content: &[u8], access: Access) -> Result<(), PkiError> {
    let failed = |source| PkiError::Write { path: path.to_owned(), source };
    let temporary = beside(path)?;
    let written = write_new(&temporary, content, access)
        .and_then(|()| std::fs::rename(&temporary, path))
        .and_then(|()| sync_directory(parent(path)));
    written.map_err(|error| {
        // The error that matters is the one before; what is left over has a name that nothing reads.
        drop(std::fs::remove_file(&temporary));
        failed(error)
    })
}

/// Makes a file that was not there. It has its mode before it has content.
pub(super) fn write_new(path: &Path, content: &[u8], access: Access) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(access.mode()).open(path)?;
    file.write_all(content)?;
    file.sync_all()
}

/// Makes a directory that only its owner may enter.
pub(super) fn private_directory(path: &Path) -> Result<(), PkiError> {
    DirBuilder::new()
        .mode(0o700)
        .create(path)
        .map_err(|source| PkiError::Write { path: path.to_owned(), source })
}

/// A name in the same directory that nothing reads and nobody has.
pub(super) fn beside(path: &Path) -> Result<PathBuf, PkiError> {
    let mut bytes = [0; 8];
    random::fill(&mut bytes).map_err(PkiError::Random)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Ok(parent(path).join(format!(".{name}.new-{:016x}", u64::from_le_bytes(bytes))))
}

/// Makes a rename in the directory survive a power cut.
pub(super) fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// The directory that holds the path.
pub(super) fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        Some(_) | None => Path::new("."),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::sys::scratch::Scratch;

    fn names(dir: &Path) -> Vec<String> {
        let mut names: Vec<_> = std::fs::read_dir(dir)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_is_replaced_whole_and_nothing_else_is_left() {
        let dir = Scratch::new();
        let path = dir.path("key");
        write_atomically(&path, b"old", Access::Secret).unwrap();
        write_atomically(&path, b"new", Access::Secret).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"new");
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
        assert_eq!(names(dir.root()), ["key"]);
    }

    #[test]
    fn a_write_that_fails_before_the_rename_leaves_the_old_file() {
        let dir = Scratch::new();
        let path = dir.path("index.json");
        write_atomically(&path, b"old", Access::Public).unwrap();
        // A directory in the file's place makes the rename fail after everything was written.
        let blocked = dir.path("blocked");
        std::fs::create_dir(&blocked).unwrap();
        std::fs::write(blocked.join("child"), b"").unwrap();
        assert!(write_atomically(&blocked, b"new", Access::Public).is_err());
        assert_eq!(names(dir.root()), ["blocked", "index.json"]);
        assert_eq!(std::fs::read(&path).unwrap(), b"old");
    }

    #[test]
    fn a_kill_between_writing_and_renaming_leaves_the_old_file_whole() {
        let dir = Scratch::new();
        let path = dir.path("index.json");
        write_atomically(&path, b"old", Access::Public).unwrap();
        write_new(&beside(&path).unwrap(), b"ne", Access::Public).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"old");
        write_atomically(&path, b"new", Access::Public).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"new");
    }

    #[test]
    fn a_new_file_never_goes_through_what_stands_in_its_place() {
        let dir = Scratch::new();
        let target = dir.path("elsewhere");
        std::os::unix::fs::symlink(&target, dir.path("key")).unwrap();
        let refused = write_new(&dir.path("key"), b"secret", Access::Secret).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::AlreadyExists);
        assert!(!target.exists());
    }
}
