//! The mounts that a process has for itself before it becomes a tool: directories that are its own, in which nothing can be run
//! that is not meant to be.

use std::ffi::CString;
use std::fs::Permissions;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use nix::fcntl::{OFlag, open};
use nix::sys::stat::Mode;
use nix::sys::statvfs::{FsFlags, statvfs};

use super::ids::User;
use super::jail::unshare;

/// This process has its own mounts and its own System V objects: what it does to them nobody else sees.
///
/// # Errors
/// When the kernel refuses.
pub fn new_mounts() -> io::Result<()> {
    unshare(libc::CLONE_NEWNS | libc::CLONE_NEWIPC)?;
    // What the host unmounts is unmounted here, too: or it would be busy for as long as a tool sleeps. Nothing goes the other way.
    mount("none", "/", "", libc::MS_REC | libc::MS_SLAVE, "")
}

/// The processes of this one's tree, in place of the host's: who looks for a child by its number there finds that child.
///
/// # Errors
/// When it cannot be mounted.
pub fn own_processes() -> io::Result<()> {
    mount("proc", "/proc", "proc", Files::Data.flags(), "")
}

/// What becomes of files that are written to a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Files {
    /// They may be run.
    Run,
    /// They are no code: neither are they run, nor is one mapped to be, by a loader or another program.
    Data,
}

impl Files {
    fn flags(self) -> libc::c_ulong {
        let none = libc::MS_NOSUID | libc::MS_NODEV;
        match self {
            Files::Run => none,
            Files::Data => none | libc::MS_NOEXEC,
        }
    }
}

/// A directory in memory that is this user's, in place of what is there, and of so many bytes and files.
///
/// # Errors
/// When it cannot be mounted.
pub fn private_directory(
    path: &str,
    user: &User,
    (bytes, inodes): (u64, u64),
    files: Files,
) -> io::Result<()> {
    let (uid, gid) = (user.uid, user.gid);
    let options = format!("mode=0700,uid={uid},gid={gid},size={bytes},nr_inodes={inodes}");
    mount("tool", path, "tmpfs", files.flags(), &options)
}

/// Of everything at and below `top` this process has nothing but the directory at `path`, whose files are what is said here.
///
/// # Errors
/// When it cannot be mounted.
pub fn nothing_beside(top: &str, path: &str, files: Files) -> io::Result<()> {
    let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let held = open(path, flags, Mode::empty())?;
    let empty = Files::Data.flags();
    mount("tool", top, "tmpfs", empty, "mode=0711,size=64k,nr_inodes=16")?;
    let (top, path_below) = (Path::new(top), Path::new(path));
    let mut below: Vec<&Path> = path_below.ancestors().take_while(|one| *one != top).collect();
    below.reverse();
    for directory in below {
        std::fs::create_dir(directory)?;
        std::fs::set_permissions(directory, Permissions::from_mode(0o711))?;
    }
    // By its descriptor, since its path leads here now.
    mount(&format!("/proc/self/fd/{}", held.as_raw_fd()), path, "", libc::MS_BIND, "")?;
    mount("none", path, "", libc::MS_REMOUNT | libc::MS_BIND | files.flags(), "")?;
    let read_only = libc::MS_REMOUNT | libc::MS_BIND | libc::MS_RDONLY;
    mount("none", &top.to_string_lossy(), "", read_only | empty, "")
}

/// Whether what lies at a path is mounted so that files there are no more than this.
#[must_use]
pub fn is_mounted_for(path: &str, files: Files) -> bool {
    let Ok(found) = statvfs(path) else { return false };
    let mut needed = FsFlags::ST_NOSUID | FsFlags::ST_NODEV;
    if files == Files::Data {
        needed |= FsFlags::ST_NOEXEC;
    }
    found.flags().contains(needed)
}

fn mount(source: &str, target: &str, kind: &str, flags: libc::c_ulong, options: &str) -> io::Result<()> {
    let [source, target, kind, options] = [source, target, kind, options].map(CString::new);
    let (source, target, kind, options) = (source?, target?, kind?, options?);
    // SAFETY: four strings that end in zero and outlive the call, and an integer.
    let done = unsafe {
        libc::mount(source.as_ptr(), target.as_ptr(), kind.as_ptr(), flags, options.as_ptr().cast())
    };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
