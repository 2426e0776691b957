//! Files of somebody else, whose content is judged before it counts for anything: opened so that a link, a pipe or another's file in
//! their place is refused.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

/// What tells whether a file is the one that was read before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    inode: (u64, u64),
    changed: (i64, i64),
    size: u64,
    /// When its content was written, in seconds since 1970.
    pub written: i64,
}

/// An opened file of somebody else.
#[derive(Debug)]
pub struct ForeignFile {
    file: File,
    /// Which it is.
    pub mark: Mark,
}

/// Opens a regular file that belongs to one of these users.
///
/// # Errors
/// When it cannot be opened, is of another kind, or belongs to somebody else.
pub fn open(path: &Path, owners: &[u32]) -> io::Result<ForeignFile> {
    let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_NOCTTY;
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    let status = file.metadata()?;
    if !status.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    if !owners.contains(&status.uid()) {
        return Err(io::Error::other(format!(
            "it belongs to uid {}, who is not who should have written it",
            status.uid()
        )));
    }
    let mark = Mark {
        inode: (status.dev(), status.ino()),
        changed: (status.ctime(), status.ctime_nsec()),
        size: status.len(),
        written: status.mtime(),
    };
    Ok(ForeignFile { file, mark })
}

impl ForeignFile {
    /// All of it.
    ///
    /// # Errors
    /// When it is larger than that, or cannot be read.
    pub fn read(self, max_bytes: usize) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let limit = u64::try_from(max_bytes).unwrap_or(u64::MAX).saturating_add(1);
        self.file.take(limit).read_to_end(&mut bytes)?;
        if bytes.len() > max_bytes {
            return Err(io::Error::other(format!("it is larger than {max_bytes} bytes")));
        }
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use nix::unistd::geteuid;

    use super::*;

    #[test]
    fn a_link_a_pipe_a_folder_and_somebody_elses_file_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link, pipe) = (folder.path().join("a"), folder.path().join("l"), folder.path().join("p"));
        std::fs::write(&file, "text").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
        let own = [geteuid().as_raw()];
        assert_eq!(open(&file, &own).unwrap().read(4).unwrap(), b"text");
        assert!(open(&file, &own).unwrap().read(3).is_err());
        for path in [&link, &pipe, &folder.path().to_owned()] {
            assert!(open(path, &own).is_err(), "{}", path.display());
        }
        assert!(open(&file, &[own[0] + 1]).is_err());
    }
}
