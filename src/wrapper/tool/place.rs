//! Workspaces that stay: directories of a tool's user, in directories that only root can write, so that nobody can put
//! a link or somebody else's directory in their place.

use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::Path;

use nix::fcntl::{OFlag, open};
use nix::sys::stat::{Mode, fchmod};

use crate::sandbox::Workspace;
use crate::sys::ids::User;
use crate::sys::trusted_file;

/// Sees to it that a workspace is there and is the user's.
///
/// # Errors
/// When it is not, or cannot be made.
pub(super) fn ready(workspace: &Workspace, user: &User) -> io::Result<()> {
    let path = workspace.path();
    let path = Path::new(&path);
    match workspace {
        // It is mounted on a directory that is empty and root's.
        Workspace::Fresh => Ok(()),
        Workspace::Principal(_) | Workspace::Named(_) => {
            match std::fs::DirBuilder::new().mode(0o700).create(path) {
                Ok(()) => std::os::unix::fs::chown(path, Some(user.uid), Some(user.gid))?,
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
            trusted_file::check_place(path).map_err(io::Error::other)?;
            let found = std::fs::symlink_metadata(path)?;
            if found.is_dir() && found.uid() == user.uid {
                return open_again(path);
            }
            Err(io::Error::other(format!("{} is not a directory of {}", path.display(), user.name)))
        }
    }
}

/// A run may have shut it, to itself and all others.
fn open_again(path: &Path) -> io::Result<()> {
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    Ok(fchmod(open(path, flags, Mode::empty())?, Mode::S_IRWXU)?)
}
