//! Where fetched values are put: for each process a folder that it may enter through its group, and nobody else.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg, OFlag};

use crate::secret::{Consumer, FetchedFolder, Secret, State};

/// The reader's group may read, which the folder hands on to what is made in it.
const OF_GROUP: u32 = 0o640;
/// What is told holds no value.
const OF_ALL: u32 = 0o644;

/// What a round holds.
const ROUND: &str = ".round";

/// Puts a value where its reader finds it: the old one or the new one, and never half of it.
pub(super) fn put(folder: &FetchedFolder, consumer: Consumer, name: &str, value: &Secret) -> io::Result<()> {
    replace(&of(folder, consumer).join(name), value.expose(), OF_GROUP)
}

/// When the value was put there that is there, in seconds since 1970.
pub(super) fn written(folder: &FetchedFolder, consumer: Consumer, name: &str) -> Option<i64> {
    fs::symlink_metadata(of(folder, consumer).join(name)).ok().map(|file| file.mtime())
}

/// Takes away what nobody wants any more.
pub(super) fn keep_only(
    folder: &FetchedFolder,
    consumer: Consumer,
    names: &BTreeSet<String>,
) -> io::Result<()> {
    let entries = match fs::read_dir(of(folder, consumer)) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let entry = entry?;
        if !entry.file_name().to_str().is_some_and(|name| names.contains(name)) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// Held for a round: nobody else puts values there, or takes them away, meanwhile. Nothing, while another round goes on. Whoever may only look
/// at what is told cannot hold it.
pub(super) fn alone(folder: &FetchedFolder) -> io::Result<Option<Flock<File>>> {
    match Flock::lock(round(&folder.told(ROUND))?, FlockArg::LockExclusiveNonblock) {
        Ok(held) => Ok(Some(held)),
        Err((_file, Errno::EWOULDBLOCK)) => Ok(None),
        Err((_file, errno)) => Err(errno.into()),
    }
}

/// The file that a round holds: the folder's owner's, whoever makes it.
fn round(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).mode(0o600).custom_flags(OFlag::O_NOFOLLOW.bits());
    match options.clone().create_new(true).open(path) {
        Ok(file) => {
            let owner = fs::metadata(path.parent().unwrap_or(Path::new("/")))?;
            // Where root made it. The folder's owner has no need to, and in the unit no leave either.
            if file.metadata()?.uid() != owner.uid() {
                fchown(&file, Some(owner.uid()), Some(owner.gid()))?;
            }
            Ok(file)
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => options.open(path),
        Err(error) => Err(error),
    }
}

/// Tells how all of them are.
pub(super) fn tell(folder: &FetchedFolder, state: &State) -> io::Result<()> {
    let text = serde_json::to_vec(state).map_err(io::Error::other)?;
    replace(&folder.state_path(), &text, OF_ALL)
}

/// Puts what everybody may read beside that.
pub(super) fn write_down(folder: &FetchedFolder, name: &str, bytes: &[u8]) -> io::Result<()> {
    replace(&folder.told(name), bytes, OF_ALL)
}

fn of(folder: &FetchedFolder, consumer: Consumer) -> PathBuf {
    folder.path.join(consumer.name())
}

/// No name of a secret begins with a full stop, so nothing reads what is beside it; and no other process writes to that.
fn replace(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    let mut file = tempfile::Builder::new().prefix(".new-").tempfile_in(folder)?;
    file.write_all(bytes)?;
    // Whatever the mask of this process is, the reader's group has to read it.
    file.as_file().set_permissions(Permissions::from_mode(mode))?;
    file.persist(path).map(drop).map_err(|error| error.error)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> (tempfile::TempDir, FetchedFolder) {
        let dir = tempfile::tempdir().unwrap();
        for name in ["gate", "told"] {
            fs::create_dir(dir.path().join(name)).unwrap();
        }
        let folder = FetchedFolder { path: dir.path().to_owned(), user: "nobody".to_owned() };
        (dir, folder)
    }

    #[test]
    fn two_rounds_at_once_leave_whole_values() {
        let (dir, folder) = folder();
        let path = dir.path().join("gate/smtp");
        let (one, two) = (Secret::new(vec![b'1'; 5_000]), Secret::new(vec![b'2'; 70_000]));
        put(&folder, Consumer::Gate, "smtp", &one).unwrap();
        let done = std::sync::atomic::AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for value in [&one, &two] {
                let (folder, done) = (&folder, &done);
                scope.spawn(move || {
                    for _ in 0..3_000 {
                        put(folder, Consumer::Gate, "smtp", value).unwrap();
                    }
                    done.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                });
            }
            let mut seen = 0;
            while done.load(std::sync::atomic::Ordering::SeqCst) < 2 || seen < 10 {
                let found = fs::read(&path).unwrap();
                assert!([5_000, 70_000].contains(&found.len()), "{} bytes", found.len());
                seen += 1;
            }
        });
        assert_eq!(fs::read_dir(dir.path().join("gate")).unwrap().count(), 1, "nothing is left beside it");
    }

    #[test]
    fn only_one_round_goes_on_at_a_time() {
        let (_dir, folder) = folder();
        let held = alone(&folder).unwrap();
        assert!(held.is_some());
        // Whoever could open it could keep all of them away.
        let mode = fs::metadata(folder.told(ROUND)).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o600);
        assert!(alone(&folder).unwrap().is_none());
        drop(held);
        assert!(alone(&folder).unwrap().is_some());
    }
}
