//! Repositories that a program may be sent into: what was named is where git works, it belongs to the user that git runs
//! as, and nothing in it leads elsewhere.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, AtFlags, OFlag, OpenHow, ResolveFlag, openat2};
use nix::sys::stat::{SFlag, fstat, fstatat};
use nix::unistd::{fchdir, geteuid};

/// What git needs to be there, as directories of their own.
const FOLDERS: [&str; 2] = ["objects", "refs"];
/// What may be there, and is no link.
const ENTRIES: [&str; 7] = ["HEAD", "config", "index", "info", "logs", "objects/info", "objects/pack"];
/// What would lead git to another repository's configuration and objects.
const ELSEWHERE: [&str; 1] = ["commondir"];

/// Goes into a repository.
///
/// # Errors
/// See [`open`].
pub fn enter(path: &Path) -> io::Result<()> {
    Ok(fchdir(open(path)?)?)
}

/// Opens a repository as this process's user. No component of its path is a link, and neither is its `.git`, which is a
/// directory: no file that names another one.
///
/// # Errors
/// When there is none, when it belongs to another user, or when something in it leads elsewhere.
pub fn open(path: &Path) -> io::Result<OwnedFd> {
    let directory = folder(AT_FDCWD, path)?;
    belongs_to_us(&directory)?;
    let git = folder(&directory, Path::new(".git"))?;
    belongs_to_us(&git)?;
    for name in FOLDERS {
        folder(&git, Path::new(name))?;
    }
    for name in ENTRIES {
        if kind(&git, name)? == Some(SFlag::S_IFLNK) {
            return Err(refused(format!("its .git/{name} is a link")));
        }
    }
    for name in ELSEWHERE {
        if kind(&git, name)?.is_some() {
            return Err(refused(format!("its .git/{name} leads elsewhere")));
        }
    }
    Ok(directory)
}

fn folder(at: impl AsFd, path: &Path) -> io::Result<OwnedFd> {
    let how = OpenHow::new()
        .flags(OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC)
        .resolve(ResolveFlag::RESOLVE_NO_SYMLINKS | ResolveFlag::RESOLVE_NO_MAGICLINKS);
    let why = match openat2(at, path, how) {
        Ok(folder) => return Ok(folder),
        Err(Errno::ELOOP) => format!("{} is a link, or lies behind one", path.display()),
        Err(Errno::ENOTDIR) => format!("{} is no directory", path.display()),
        Err(Errno::ENOENT) => format!("has no {}", path.display()),
        Err(error) => return Err(error.into()),
    };
    Err(refused(why))
}

fn belongs_to_us(directory: &OwnedFd) -> io::Result<()> {
    if fstat(directory)?.st_uid == geteuid().as_raw() {
        return Ok(());
    }
    Err(refused("is not owned by the user that git would run as".to_owned()))
}

fn kind(at: &OwnedFd, name: &str) -> io::Result<Option<SFlag>> {
    match fstatat(at, name, AtFlags::AT_SYMLINK_NOFOLLOW) {
        Ok(status) => Ok(Some(SFlag::from_bits_truncate(status.st_mode) & SFlag::S_IFMT)),
        Err(Errno::ENOENT) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn refused(why: String) -> io::Error {
    io::Error::other(why)
}
