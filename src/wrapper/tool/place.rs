//! Workspaces that stay: directories of a tool's user, in directories that only root can write, so that nobody can put
//! a link or somebody else's directory in their place.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, chown};
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
    match workspace {
        // It is mounted on a directory that is empty and root's.
        Workspace::Fresh => Ok(()),
        Workspace::Principal(_) | Workspace::Named(_) => kept(Path::new(&workspace.path()), user),
    }
}

fn kept(path: &Path, user: &User) -> io::Result<()> {
    if !is_there(path)? {
        make(path, user)?;
    }
    trusted_file::check_place(path).map_err(io::Error::other)?;
    let found = std::fs::symlink_metadata(path)?;
    if found.is_dir() && found.uid() == user.uid {
        return open_again(path);
    }
    Err(io::Error::other(format!("{} is not a directory of {}", path.display(), user.name)))
}

/// A run may have shut it, to itself and all others.
fn open_again(path: &Path) -> io::Result<()> {
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    Ok(fchmod(open(path, flags, Mode::empty())?, Mode::S_IRWXU)?)
}

/// Makes it under a name that no workspace has, and gives it its own when it is the user's: nobody finds one that is root's still,
/// neither a run beside this one nor the next after one that was killed here, which goes on with what it finds.
fn make(path: &Path, user: &User) -> io::Result<()> {
    let (Some(above), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    // One at a time, until this file is closed. Only root can open it.
    let held = File::open(above)?;
    held.lock()?;
    if is_there(path)? {
        return Ok(());
    }
    let mut beside = OsString::from(".");
    beside.push(name);
    let beside = above.join(beside);
    match std::fs::DirBuilder::new().mode(0o700).create(&beside) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        Ok(()) | Err(_) => {}
    }
    chown(&beside, Some(user.uid), Some(user.gid))?;
    std::fs::rename(&beside, path)
}

fn is_there(path: &Path) -> io::Result<bool> {
    match std::fs::symlink_metadata(path) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;

    use super::*;
    use crate::sys::scratch::Scratch;

    fn me() -> User {
        let found = std::fs::metadata("/proc/self").unwrap();
        User { name: "me".to_owned(), uid: found.uid(), gid: found.gid(), groups: vec![] }
    }

    fn names(scratch: &Scratch) -> Vec<String> {
        let entries = std::fs::read_dir(scratch.root()).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    #[test]
    fn runs_that_begin_at_once_have_one_workspace_and_leave_nothing_beside_it() {
        let (scratch, me) = (Scratch::new(), me());
        // Root gives it to another, as it does on a host.
        let user = if me.uid == 0 { User { uid: 54321, gid: 54321, ..me } } else { me };
        for round in 0..20 {
            let path = scratch.path(&format!("app{round}"));
            let at_once = Barrier::new(8);
            std::thread::scope(|scope| {
                let start = || {
                    at_once.wait();
                    kept(&path, &user)
                };
                let runs: Vec<_> = (0..8).map(|_| scope.spawn(start)).collect();
                runs.into_iter().for_each(|run| run.join().unwrap().unwrap());
            });
            std::fs::write(path.join("x"), "").unwrap();
            kept(&path, &user).unwrap();
            assert!(path.join("x").exists(), "what is there stays");
        }
        assert_eq!(names(&scratch).len(), 20);
    }

    #[test]
    fn what_a_killed_run_left_half_made_is_made_whole() {
        let (scratch, me) = (Scratch::new(), me());
        std::fs::create_dir(scratch.path(".app")).unwrap();
        kept(&scratch.path("app"), &me).unwrap();
        assert_eq!(names(&scratch), ["app"]);
        assert_eq!(std::fs::metadata(scratch.path("app")).unwrap().uid(), me.uid);
    }

    #[test]
    fn what_is_no_directory_of_the_users_is_no_workspace_of_its_own() {
        let (scratch, me) = (Scratch::new(), me());
        std::fs::write(scratch.path("file"), "").unwrap();
        std::os::unix::fs::symlink("/etc", scratch.path("link")).unwrap();
        for name in ["file", "link"] {
            assert!(kept(&scratch.path(name), &me).is_err(), "{name}");
        }
        let other = User { uid: me.uid + 1, ..me };
        std::fs::create_dir(scratch.path("app")).unwrap();
        assert!(
            kept(&scratch.path("app"), &other).unwrap_err().to_string().contains("is not a directory of me")
        );
    }
}
