//! Repositories that a program may be sent into: what was named is where git works, it belongs to the user that git runs
//! as, and nothing in it leads elsewhere.

use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use nix::dir::{Dir, Entry, Type};
use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, AtFlags, OFlag, OpenHow, ResolveFlag, openat2};
use nix::sys::stat::{SFlag, fstat, fstatat};
use nix::unistd::{fchdir, geteuid};

/// What git needs to be there, as directories of their own.
const FOLDERS: [&str; 2] = ["objects", "refs"];
/// What would lead git to another repository's configuration and objects.
const ELSEWHERE: [&str; 1] = ["commondir"];
/// Where git looks for a remote that its configuration does not have: with a file there, an address is a name.
const REMOTES: [&str; 2] = ["remotes", "branches"];
/// What is not looked into: no hook runs and no submodule is entered, and links in both are usual.
const NOT_ENTERED: [&str; 2] = ["hooks", "modules"];
/// How many files and folders are looked at; a repository with more is refused.
const MOST: usize = 200_000;

/// Goes into a repository.
///
/// # Errors
/// See [`open`].
pub fn enter(path: &Path) -> io::Result<()> {
    Ok(fchdir(open(path)?)?)
}

/// Opens a repository as this process's user. No component of its path is a link, and neither is its `.git`, which is a
/// directory: no file that names another one. Only files and folders lie in there: git would read and write through a link,
/// and wait at a pipe.
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
    for name in ELSEWHERE {
        if kind(&git, Path::new(name))?.is_some() {
            return Err(refused(format!("its .git/{name} leads elsewhere")));
        }
    }
    nothing_leads_elsewhere(&git)?;
    Ok(directory)
}

/// Every file and folder is looked at, however deep, without following anything.
fn nothing_leads_elsewhere(git: &OwnedFd) -> io::Result<()> {
    let mut folders = vec![PathBuf::from(".")];
    let mut seen = 0;
    while let Some(path) = folders.pop() {
        let mut listed = match openat2(git, &path, unfollowed(OFlag::O_RDONLY)) {
            Ok(folder) => Dir::from_fd(folder)?,
            // A collection of garbage removes folders while this looks.
            Err(Errno::ENOENT) => continue,
            Err(Errno::ELOOP) => return Err(leads_elsewhere(&path)),
            Err(error) => return Err(error.into()),
        };
        for entry in listed.iter() {
            let entry = entry?;
            let name = OsStr::from_bytes(entry.file_name().to_bytes());
            if name == "." || name == ".." {
                continue;
            }
            seen += 1;
            if seen > MOST {
                return Err(refused(format!("its .git has more than {MOST} files")));
            }
            let path = if path == Path::new(".") { PathBuf::from(name) } else { path.join(name) };
            folders.extend(look(git, &entry, path)?);
        }
    }
    Ok(())
}

/// One entry; a folder that is to be looked into comes back.
fn look(git: &OwnedFd, entry: &Entry, path: PathBuf) -> io::Result<Option<PathBuf>> {
    let is = |names: [&str; 2], path: &Path| names.iter().any(|name| path == Path::new(name));
    if path.parent().is_some_and(|folder| is(REMOTES, folder)) {
        return Err(leads_elsewhere(&path));
    }
    if is(NOT_ENTERED, &path) {
        return Ok(None);
    }
    let (is_link, is_folder, is_file) = match entry.file_type() {
        Some(known) => (known == Type::Symlink, known == Type::Directory, known == Type::File),
        None => match kind(git, &path)? {
            Some(found) => (found == SFlag::S_IFLNK, found == SFlag::S_IFDIR, found == SFlag::S_IFREG),
            None => return Ok(None),
        },
    };
    if is_link {
        return Err(leads_elsewhere(&path));
    }
    // git would wait for the other end of a pipe, and everybody else for git.
    if !is_folder && !is_file {
        return Err(refused(format!("its .git/{} is neither a file nor a folder", shown(&path))));
    }
    Ok(is_folder.then_some(path))
}

fn leads_elsewhere(path: &Path) -> io::Error {
    refused(format!("its .git/{} leads elsewhere", shown(path)))
}

fn shown(path: &Path) -> String {
    path.to_string_lossy().escape_debug().to_string()
}

fn unfollowed(flags: OFlag) -> OpenHow {
    OpenHow::new()
        .flags(flags | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC)
        .resolve(ResolveFlag::RESOLVE_NO_SYMLINKS | ResolveFlag::RESOLVE_NO_MAGICLINKS)
}

fn folder(at: impl AsFd, path: &Path) -> io::Result<OwnedFd> {
    let why = match openat2(at, path, unfollowed(OFlag::O_PATH)) {
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

fn kind(at: &OwnedFd, name: &Path) -> io::Result<Option<SFlag>> {
    match fstatat(at, name, AtFlags::AT_SYMLINK_NOFOLLOW) {
        Ok(status) => Ok(Some(SFlag::from_bits_truncate(status.st_mode) & SFlag::S_IFMT)),
        Err(Errno::ENOENT) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn refused(why: String) -> io::Error {
    io::Error::other(why)
}
