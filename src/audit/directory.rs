//! The directory of a log: who may write there, the names of its files, and their order.

use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::error::AuditError;

const WRITABLE_BY_OTHERS: u32 = 0o022;
const STICKY: u32 = 0o1000;

/// A directory that only root and this process can change, held against a second writer.
#[derive(Debug)]
pub(super) struct Directory {
    path: PathBuf,
    /// Kept open for `fsync` and for the lock, which ends with it.
    handle: File,
}

impl Directory {
    /// Opens the directory a log stands in, if nobody else could put another log there.
    pub(super) fn open(path: &Path) -> Result<Directory, AuditError> {
        let path = fs::canonicalize(path).map_err(|error| AuditError::io("find", path, error))?;
        trusted(&path)?;
        let handle = File::open(&path).map_err(|error| AuditError::io("open", &path, error))?;
        match handle.try_lock() {
            Ok(()) => Ok(Directory { path, handle }),
            Err(TryLockError::WouldBlock) => Err(AuditError::Busy(path)),
            Err(TryLockError::Error(error)) => Err(AuditError::io("lock", path, error)),
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Makes names given and taken in this directory durable.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.handle.sync_all()
    }
}

/// Whoever owns a directory can replace what is in it, all the way up.
fn trusted(directory: &Path) -> Result<(), AuditError> {
    let us = nix::unistd::geteuid().as_raw();
    for (level, path) in directory.ancestors().enumerate() {
        let found = fs::symlink_metadata(path).map_err(|error| AuditError::io("look at", path, error))?;
        let place = if level == 0 { Place::OfTheLog } else { Place::Above };
        if let Some(why) = distrust(place, us, found.uid(), found.mode()) {
            return Err(AuditError::Untrusted { path: path.to_owned(), why });
        }
    }
    Ok(())
}

#[derive(Clone, Copy)]
enum Place {
    OfTheLog,
    Above,
}

/// In a sticky directory each can move only what is their own, so one may stand above the log's own directory.
fn distrust(place: Place, us: u32, owner: u32, mode: u32) -> Option<&'static str> {
    if owner != us && owner != 0 {
        return Some("its owner is neither root nor the user of this process");
    }
    let kept_apart = match place {
        Place::OfTheLog => false,
        Place::Above => mode & STICKY != 0,
    };
    if mode & WRITABLE_BY_OTHERS != 0 && !kept_apart {
        return Some("others than its owner may write there");
    }
    None
}

/// The name a full file gets: its first record's number, so that names sort as records do.
pub(super) fn archive_name(stem: &str, first: u64) -> String {
    format!("{stem}-{first:012}.jsonl")
}

/// The part of a log's file name that its full files share: `audit` of `audit.jsonl`.
pub(super) fn stem(current: &Path) -> String {
    current.file_stem().map_or_else(|| "audit".to_owned(), |stem| stem.to_string_lossy().into_owned())
}

/// The full files beside a log, oldest first, with the number in each name.
pub(super) fn archives(current: &Path) -> io::Result<Vec<(u64, PathBuf)>> {
    let (stem, directory) = (stem(current), parent(current));
    let mut found = Vec::new();
    for entry in fs::read_dir(&directory)? {
        let name = entry?.file_name();
        let first = name.to_str().and_then(|name| archive_number(&stem, name));
        if let Some(first) = first {
            found.push((first, directory.join(name)));
        }
    }
    found.sort();
    Ok(found)
}

/// The directory a path stands in; a bare name stands in the working directory.
pub(super) fn parent(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        Some(_) | None => PathBuf::from("."),
    }
}

fn archive_number(stem: &str, name: &str) -> Option<u64> {
    let digits = name.strip_prefix(stem)?.strip_prefix('-')?.strip_suffix(".jsonl")?;
    let plain = digits.len() >= 12 && digits.bytes().all(|digit| digit.is_ascii_digit());
    if plain { digits.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_full_file_is_named_by_its_first_record() {
        assert_eq!(archive_name("audit", 1), "audit-000000000001.jsonl");
        assert_eq!(archive_number("audit", "audit-000000048213.jsonl"), Some(48213));
        for other in [
            "audit.jsonl",
            "audit-1.jsonl",
            "audit-00000000000x.jsonl",
            "audit-000000000001.jsonl.gz",
            "b-000000000001.jsonl",
        ] {
            assert_eq!(archive_number("audit", other), None, "{other}");
        }
    }

    #[test]
    fn a_directory_that_others_may_write_to_is_refused() {
        let home = tempfile::tempdir().unwrap();
        let open = home.path().join("open");
        fs::create_dir(&open).unwrap();
        for mode in [0o770, 0o707, 0o1777] {
            fs::set_permissions(&open, fs::Permissions::from_mode(mode)).unwrap();
            assert!(matches!(Directory::open(&open), Err(AuditError::Untrusted { .. })), "{mode:o}");
        }
        fs::set_permissions(&open, fs::Permissions::from_mode(0o750)).unwrap();
        assert!(Directory::open(&open).is_ok());
    }

    #[test]
    fn a_directory_under_one_that_others_may_write_to_is_refused() {
        let home = tempfile::tempdir().unwrap();
        let below = home.path().join("open/log");
        fs::create_dir_all(&below).unwrap();
        fs::set_permissions(home.path().join("open"), fs::Permissions::from_mode(0o777)).unwrap();
        assert!(matches!(Directory::open(&below), Err(AuditError::Untrusted { .. })));
    }

    #[test]
    fn a_directory_of_another_user_is_refused() {
        for place in [Place::OfTheLog, Place::Above] {
            assert_eq!(distrust(place, 990, 990, 0o750), None);
            assert_eq!(distrust(place, 990, 0, 0o755), None);
            assert!(distrust(place, 990, 65534, 0o755).is_some());
            assert!(distrust(place, 0, 990, 0o755).is_some());
        }
    }

    #[test]
    fn a_second_writer_is_refused_until_the_first_is_gone() {
        let home = tempfile::tempdir().unwrap();
        let first = Directory::open(home.path()).unwrap();
        assert!(matches!(Directory::open(home.path()), Err(AuditError::Busy(_))));
        drop(first);
        assert!(Directory::open(home.path()).is_ok());
    }
}
