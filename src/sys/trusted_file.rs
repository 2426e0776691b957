//! The one way to open a file whose contents decide something: configuration, policy, keys, the ledger.
//!
//! The path is walked from `/` one descriptor at a time and no symbolic link is followed, so that what was checked is
//! what is read. An access list that lets somebody write shows in the group bits of the mode, so it is seen too.

use std::ffi::OsStr;
use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Component, Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{OFlag, open, openat};
use nix::sys::stat::{FileStat, Mode, fstat};
use nix::unistd::{Uid, geteuid};

const GROUP_OR_WORLD_WRITE: u32 = 0o022;
const GROUP_OR_WORLD: u32 = 0o077;
const WORLD: u32 = 0o007;
const STICKY: u32 = 0o1000;

/// Reads a file that only root or this process's user can have written.
///
/// # Errors
/// Names the path that is not as it must be, what is wrong with it, and what to do.
pub fn read(path: &Path, max_bytes: usize) -> Result<Vec<u8>, TrustedFileError> {
    let file = open_regular(path)?;
    contents(path, file, max_bytes)
}

/// That only root or this process's user can have written the file, without reading it.
///
/// # Errors
/// As [`read`].
pub fn check(path: &Path) -> Result<(), TrustedFileError> {
    open_regular(path).map(drop)
}

/// Opens a file that only root or this process's user can have written, to read or to run it.
///
/// # Errors
/// As [`read`].
pub fn open_file(path: &Path) -> Result<File, TrustedFileError> {
    open_regular(path)
}

/// That only root or this process's user can put something else in the place of a file or directory, which may itself
/// belong to anybody.
///
/// # Errors
/// As [`read`].
pub fn check_place(path: &Path) -> Result<(), TrustedFileError> {
    open_place(path).map(drop)
}

/// As [`check_place`], with the file or directory itself, by a descriptor that only says which it is.
///
/// # Errors
/// As [`read`].
pub fn open_place(path: &Path) -> Result<OwnedFd, TrustedFileError> {
    let (parent, name) = open_parent(path, Leaf::File)?;
    let flags = OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let found = openat(&parent, name, flags, Mode::empty()).map_err(|errno| cannot_open(path, errno))?;
    match status(path, &found)?.st_mode & libc::S_IFMT {
        libc::S_IFDIR | libc::S_IFREG => Ok(found),
        libc::S_IFLNK => Err(refuse(path, Problem::SymbolicLink)),
        _ => Err(refuse(path, Problem::WrongKind)),
    }
}

/// As [`read`], for a secret: group and world must not be able to read it either.
///
/// # Errors
/// As [`read`].
pub fn read_secret(path: &Path, max_bytes: usize) -> Result<Vec<u8>, TrustedFileError> {
    let file = open_regular(path)?;
    let mode = status(path, &file)?.st_mode;
    if mode & GROUP_OR_WORLD != 0 {
        return Err(refuse(path, Problem::Readable { mode }));
    }
    contents(path, file, max_bytes)
}

/// As [`read_secret`], for what systemd hands to a service: its access list for that one user shows in the group's bits of
/// the mode, so that only the world's tell whether others may read it.
///
/// # Errors
/// As [`read`].
pub fn read_credential(path: &Path, max_bytes: usize) -> Result<Vec<u8>, TrustedFileError> {
    let file = open_regular(path)?;
    let mode = status(path, &file)?.st_mode;
    if mode & WORLD != 0 {
        return Err(refuse(path, Problem::Readable { mode }));
    }
    contents(path, file, max_bytes)
}

/// Writes a secret where there is none yet, whole or not at all, for its owner's eyes only.
///
/// # Errors
/// When something stands there already, or there is no room.
pub fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    // Written beside, synced, then linked into place, which fails where something stands already.
    let beside = path.with_extension("new");
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
    let linked =
        file.write_all(bytes).and_then(|()| file.sync_all()).and_then(|()| std::fs::hard_link(&beside, path));
    std::fs::remove_file(&beside)?;
    linked?;
    File::open(path.parent().unwrap_or(Path::new("/")))?.sync_all()
}

/// Opens a directory that nobody but its trusted owner may even enter (mode 0700).
///
/// # Errors
/// As [`read`].
pub fn private_directory(path: &Path) -> Result<OwnedFd, TrustedFileError> {
    let (parent, name) = open_parent(path, Leaf::Directory)?;
    let directory = open_directory(&parent, name, path)?;
    let status = status(path, &directory)?;
    check_owner(path, &status)?;
    if status.st_mode & GROUP_OR_WORLD != 0 {
        return Err(refuse(path, Problem::Readable { mode: status.st_mode }));
    }
    Ok(directory)
}

/// A file or one of its parent directories is not to be trusted, or could not be read.
#[derive(Debug)]
pub struct TrustedFileError {
    path: PathBuf,
    problem: Problem,
}

impl TrustedFileError {
    /// The file or directory that is wrong: not always the one that was asked for.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What is wrong with it.
    #[must_use]
    pub fn problem(&self) -> &Problem {
        &self.problem
    }

    /// Whether there is no such file, which some callers may take for "not set up yet".
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        matches!(&self.problem, Problem::Io(error) if error.kind() == io::ErrorKind::NotFound)
    }
}

/// What is wrong with a file that should be trusted.
#[derive(Debug)]
pub enum Problem {
    /// The path is relative, or has `..` in it.
    NotAbsolute,
    /// A symbolic link stands in the way.
    SymbolicLink,
    /// A device, a socket, a directory, or a parent that is none.
    WrongKind,
    /// Owned by this user, who is neither root nor the one this process runs as.
    Owner(u32),
    /// Group or world may write.
    Writable {
        /// The mode found.
        mode: u32,
    },
    /// Group or world may read what is secret.
    Readable {
        /// The mode found.
        mode: u32,
    },
    /// Larger than such a file may be.
    TooLarge {
        /// The limit in bytes.
        max: usize,
    },
    /// The system's own refusal.
    Io(io::Error),
}

impl fmt::Display for TrustedFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        match &self.problem {
            Problem::NotAbsolute => write!(f, "{path}: must be an absolute path without '..'"),
            Problem::SymbolicLink => write!(f, "{path}: is a symbolic link: name the real path"),
            Problem::WrongKind => {
                write!(f, "{path}: is of the wrong kind: want a regular file in real directories")
            }
            Problem::Owner(uid) => {
                write!(
                    f,
                    "{path}: is owned by uid {uid}: chown it to root, or to uid {} that reads it",
                    geteuid()
                )
            }
            Problem::Writable { mode } => {
                write!(f, "{path}: others may write it (mode {:04o}): run chmod go-w on it", mode & 0o7777)
            }
            Problem::Readable { mode } => {
                write!(f, "{path}: others may read it (mode {:04o}): run chmod go= on it", mode & 0o7777)
            }
            Problem::TooLarge { max } => write!(f, "{path}: is larger than {max} bytes"),
            Problem::Io(_) => write!(f, "{path}: cannot be read"),
        }
    }
}

impl std::error::Error for TrustedFileError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.problem {
            Problem::Io(error) => Some(error),
            Problem::NotAbsolute
            | Problem::SymbolicLink
            | Problem::WrongKind
            | Problem::Owner(_)
            | Problem::Writable { .. }
            | Problem::Readable { .. }
            | Problem::TooLarge { .. } => None,
        }
    }
}

fn open_regular(path: &Path) -> Result<File, TrustedFileError> {
    let (parent, name) = open_parent(path, Leaf::File)?;
    // Without O_NONBLOCK a FIFO in the file's place would hold us here for ever.
    let flags = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
    let file = openat(&parent, name, flags, Mode::empty()).map_err(|errno| cannot_open(path, errno))?;
    let status = status(path, &file)?;
    if status.st_mode & libc::S_IFMT != libc::S_IFREG {
        return Err(refuse(path, Problem::WrongKind));
    }
    check_owner(path, &status)?;
    if status.st_mode & GROUP_OR_WORLD_WRITE != 0 {
        return Err(refuse(path, Problem::Writable { mode: status.st_mode }));
    }
    Ok(File::from(file))
}

/// What a path should end in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Leaf {
    File,
    Directory,
}

/// Walks to the directory that holds `path`, checking every one on the way.
fn open_parent(path: &Path, leaf: Leaf) -> Result<(OwnedFd, &OsStr), TrustedFileError> {
    let mut components = path.components();
    if components.next() != Some(Component::RootDir) {
        return Err(refuse(path, Problem::NotAbsolute));
    }
    let mut here = PathBuf::from("/");
    let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    let mut directory = open("/", flags, Mode::empty()).map_err(|errno| cannot_open(&here, errno))?;
    let mut names = components.peekable();
    while let Some(component) = names.next() {
        let Component::Normal(name) = component else { return Err(refuse(path, Problem::NotAbsolute)) };
        let last = names.peek().is_none();
        check_parent(&here, &directory, if last { leaf } else { Leaf::Directory })?;
        if last {
            return Ok((directory, name));
        }
        here.push(name);
        directory = open_directory(&directory, name, &here)?;
    }
    Err(refuse(path, Problem::WrongKind))
}

fn open_directory(parent: &OwnedFd, name: &OsStr, path: &Path) -> Result<OwnedFd, TrustedFileError> {
    // O_PATH without O_DIRECTORY opens a symbolic link itself, so that it can be told from a file in the way.
    let flags = OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let found = openat(parent, name, flags, Mode::empty()).map_err(|errno| cannot_open(path, errno))?;
    match status(path, &found)?.st_mode & libc::S_IFMT {
        libc::S_IFDIR => Ok(found),
        libc::S_IFLNK => Err(refuse(path, Problem::SymbolicLink)),
        _ => Err(refuse(path, Problem::WrongKind)),
    }
}

/// A sticky directory that everybody writes, such as `/tmp`, may hold a trusted directory (nobody else can rename
/// that away) but not a trusted file, for which somebody's hard link might stand.
fn check_parent(path: &Path, directory: &OwnedFd, holds: Leaf) -> Result<(), TrustedFileError> {
    let status = status(path, directory)?;
    check_owner(path, &status)?;
    let sticky = status.st_mode & STICKY != 0 && holds == Leaf::Directory;
    if status.st_mode & GROUP_OR_WORLD_WRITE != 0 && !sticky {
        return Err(refuse(path, Problem::Writable { mode: status.st_mode }));
    }
    Ok(())
}

fn check_owner(path: &Path, status: &FileStat) -> Result<(), TrustedFileError> {
    if may_own(status.st_uid, geteuid()) { Ok(()) } else { Err(refuse(path, Problem::Owner(status.st_uid))) }
}

/// Root may own what anybody trusts; a service's own user what the service trusts, and never what root does.
fn may_own(owner: u32, reader: Uid) -> bool {
    owner == 0 || owner == reader.as_raw()
}

fn status(path: &Path, descriptor: &impl AsFd) -> Result<FileStat, TrustedFileError> {
    fstat(descriptor).map_err(|errno| cannot_open(path, errno))
}

fn contents(path: &Path, file: File, max: usize) -> Result<Vec<u8>, TrustedFileError> {
    let limit = u64::try_from(max).unwrap_or(u64::MAX).saturating_add(1);
    let mut bytes = Vec::new();
    file.take(limit).read_to_end(&mut bytes).map_err(|error| refuse(path, Problem::Io(error)))?;
    if bytes.len() > max {
        return Err(refuse(path, Problem::TooLarge { max }));
    }
    Ok(bytes)
}

fn cannot_open(path: &Path, errno: Errno) -> TrustedFileError {
    if errno == Errno::ELOOP {
        return refuse(path, Problem::SymbolicLink);
    }
    if matches!(errno, Errno::ENOTDIR | Errno::ENXIO) {
        return refuse(path, Problem::WrongKind);
    }
    refuse(path, Problem::Io(errno.into()))
}

fn refuse(path: &Path, problem: Problem) -> TrustedFileError {
    TrustedFileError { path: path.to_owned(), problem }
}

#[cfg(test)]
mod tests;
