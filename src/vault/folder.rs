//! Where fetched values are put: for each process a folder that it may enter through its group, and nobody else.

use std::collections::BTreeSet;
use std::fs::{self, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::secret::{Consumer, FetchedFolder, Secret, State};

/// The reader's group may read, which the folder hands on to what is made in it.
const OF_GROUP: u32 = 0o640;
/// What is told holds no value.
const OF_ALL: u32 = 0o644;

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

/// No name of a secret begins with a full stop, so nothing reads what is beside it.
fn replace(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let beside = path.with_file_name(format!(".{name}.new"));
    match fs::remove_file(&beside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
    file.write_all(bytes)?;
    // Whatever the mask of this process is, the reader's group has to read it.
    file.set_permissions(Permissions::from_mode(mode))?;
    fs::rename(&beside, path)
}
