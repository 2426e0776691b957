//! A file of root's that is written anew: the old one or the new one after whatever happens, with its owner, and only if it is still the
//! one that was read.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

use nix::fcntl::{Flock, FlockArg};

use super::trusted_file;

/// Who begins with a draft may read and write it, and nobody else.
const PRIVATE: u32 = 0o600;

/// A file that was read, and is to be written. Nobody else rewrites it meanwhile.
#[derive(Debug)]
pub struct Original {
    path: PathBuf,
    file: Flock<File>,
}

/// What is to stand in its place, on the disk already. Dropped, it leaves nothing.
#[derive(Debug)]
pub struct Draft {
    original: Original,
    stamp: Stamp,
    beside: PathBuf,
    is_put: bool,
}

/// That it is in the place of the original.
#[derive(Debug)]
#[must_use = "it may not be there after a power failure"]
pub struct Put {
    /// Why the disk may not have it yet.
    pub unsynced: Option<io::Error>,
}

/// Tells a file from what somebody else made of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    place: (u64, u64),
    size: u64,
    changed: (i64, i64),
}

impl Stamp {
    fn of(found: &fs::Metadata) -> Self {
        Self {
            place: (found.dev(), found.ino()),
            size: found.size(),
            changed: (found.ctime(), found.ctime_nsec()),
        }
    }
}

impl Original {
    /// Opens a file that only root or this process's user can have written.
    ///
    /// # Errors
    /// When it is not to be trusted, or somebody else is about to write it.
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = trusted_file::open_file(path).map_err(|error| io::Error::other(chained(&error)))?;
        let busy = |(_, errno): (File, nix::errno::Errno)| {
            io::Error::other(format!("{}: somebody else is writing it ({errno})", path.display()))
        };
        let file = Flock::lock(file, FlockArg::LockExclusiveNonblock).map_err(busy)?;
        Ok(Self { path: path.to_owned(), file })
    }

    /// What stands in it.
    ///
    /// # Errors
    /// When it cannot be read, is no text, or is larger than this.
    pub fn text(&mut self, max_bytes: u64) -> io::Result<String> {
        let mut text = String::new();
        (&mut *self.file).take(max_bytes.saturating_add(1)).read_to_string(&mut text)?;
        if text.len() as u64 > max_bytes {
            return Err(io::Error::other(format!(
                "{}: is larger than {max_bytes} bytes",
                self.path.display()
            )));
        }
        Ok(text)
    }

    /// Writes what is to take its place beside it, with its owner and of its rights at most these to read it: what there is no room for
    /// is known now.
    ///
    /// # Errors
    /// When it cannot be written; then nothing is left of it.
    pub fn draft(self, text: &str, readers: u32) -> io::Result<Draft> {
        let found = self.file.metadata()?;
        let name = self.path.file_name().unwrap_or_default().to_string_lossy();
        let beside = self.path.with_file_name(format!(".{name}.reeve-new"));
        // Of somebody who was ended while they wrote: nobody else does, since the original is ours.
        match fs::remove_file(&beside) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(PRIVATE).open(&beside)?;
        let draft = Draft { stamp: Stamp::of(&found), original: self, beside, is_put: false };
        fchown(&file, Some(found.uid()), Some(found.gid()))?;
        file.write_all(text.as_bytes())?;
        file.set_permissions(Permissions::from_mode(PRIVATE | (found.mode() & readers & 0o044)))?;
        file.sync_all()?;
        Ok(draft)
    }
}

impl Draft {
    /// The file that is to be replaced.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.original.path
    }

    /// That nobody changed the original meanwhile.
    ///
    /// # Errors
    /// When somebody did.
    pub fn check(&self) -> io::Result<()> {
        let path = self.path();
        if Stamp::of(&fs::symlink_metadata(path)?) != self.stamp {
            return Err(io::Error::other(format!("{}: was changed meanwhile", path.display())));
        }
        Ok(())
    }

    /// Puts it in the place of the original.
    ///
    /// # Errors
    /// When somebody changed the original meanwhile, or it cannot be put there; then the original stays.
    pub fn put(self) -> io::Result<Put> {
        self.put_and(File::sync_all)
    }

    /// The same, with how its folder is brought to the disk. Once it is in its place nothing is an error any more: whoever took one for that
    /// would take back what the file relies on.
    ///
    /// # Errors
    /// As [`Self::put`].
    pub fn put_and(mut self, sync: impl FnOnce(&File) -> io::Result<()>) -> io::Result<Put> {
        self.check()?;
        let path = &self.original.path;
        let folder = File::open(path.parent().unwrap_or(Path::new("/")))?;
        fs::rename(&self.beside, path)?;
        self.is_put = true;
        Ok(Put { unsynced: sync(&folder).err() })
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // Once it was put, that name may be somebody else's draft.
        if !self.is_put {
            drop(fs::remove_file(&self.beside));
        }
    }
}

fn chained(error: &trusted_file::TrustedFileError) -> String {
    match std::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Stage {
        folder: tempfile::TempDir,
        path: PathBuf,
    }

    impl Stage {
        fn new(mode: u32) -> Self {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("a.toml");
            fs::write(&path, "old").unwrap();
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            Self { folder, path }
        }

        fn draft(&self, readers: u32) -> Draft {
            let mut original = Original::open(&self.path).unwrap();
            assert_eq!(original.text(3).unwrap(), "old");
            original.draft("new", readers).unwrap()
        }

        fn names(&self) -> Vec<String> {
            let names = fs::read_dir(self.folder.path()).unwrap();
            names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
        }

        fn mode(&self) -> u32 {
            fs::metadata(&self.path).unwrap().mode() & 0o7777
        }
    }

    #[test]
    fn a_file_is_the_old_one_until_it_is_the_new_one_and_nothing_is_left_beside_it() {
        let stage = Stage::new(0o644);
        let draft = stage.draft(0);
        assert_eq!(fs::read_to_string(&stage.path).unwrap(), "old");
        assert!(draft.put().unwrap().unsynced.is_none());
        assert_eq!(fs::read_to_string(&stage.path).unwrap(), "new");
        assert_eq!((stage.names(), stage.mode()), (vec!["a.toml".to_owned()], 0o600));
        drop(Stage::new(0o600).draft(0));
    }

    #[test]
    fn nobody_reads_the_new_one_who_could_not_read_the_old_one() {
        for (before, readers, after) in [(0o644, 0o044, 0o644), (0o644, 0o040, 0o640), (0o600, 0o044, 0o600)]
        {
            let stage = Stage::new(before);
            assert!(stage.draft(readers).put().unwrap().unsynced.is_none());
            assert_eq!(stage.mode(), after, "{before:o} {readers:o}");
        }
    }

    #[test]
    fn what_was_put_is_put_whatever_comes_after() {
        let stage = Stage::new(0o600);
        let put = stage.draft(0).put_and(|_folder| Err(io::Error::other("EIO"))).unwrap();
        assert_eq!(put.unsynced.unwrap().to_string(), "EIO");
        assert_eq!(fs::read_to_string(&stage.path).unwrap(), "new");
        assert_eq!(stage.names(), ["a.toml"]);
    }

    #[test]
    fn what_somebody_changed_meanwhile_is_not_overwritten() {
        let stage = Stage::new(0o600);
        let draft = stage.draft(0);
        fs::write(&stage.path, "other").unwrap();
        assert!(draft.put().unwrap_err().to_string().contains("was changed meanwhile"));
        assert_eq!(fs::read_to_string(&stage.path).unwrap(), "other");
        assert_eq!(stage.names(), ["a.toml"]);
    }

    #[test]
    fn two_do_not_write_it_at_once_and_a_leftover_is_in_nobodys_way() {
        let stage = Stage::new(0o600);
        fs::write(stage.folder.path().join(".a.toml.reeve-new"), "half").unwrap();
        let draft = stage.draft(0);
        assert!(Original::open(&stage.path).unwrap_err().to_string().contains("somebody else is writing it"));
        assert!(draft.put().unwrap().unsynced.is_none());
        assert_eq!(stage.names(), ["a.toml"]);
    }

    #[test]
    fn a_link_a_large_file_and_one_that_others_may_write_are_not_rewritten() {
        let stage = Stage::new(0o600);
        let link = stage.folder.path().join("link");
        std::os::unix::fs::symlink(&stage.path, &link).unwrap();
        assert!(Original::open(&link).unwrap_err().to_string().contains("symbolic link"));
        assert!(Original::open(&stage.path).unwrap().text(2).is_err());
        assert!(Original::open(&Stage::new(0o622).path).is_err());
    }
}
