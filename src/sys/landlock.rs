//! Landlock, by its three system calls: what a process may still do to files, TCP ports, abstract sockets and other
//! processes, for itself and all that it starts, with no way back.

use std::io;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::path::Path;

use nix::fcntl::{OFlag, open};
use nix::sys::stat::{Mode, SFlag, fstat};

/// Rights on files.
pub mod fs {
    /// Run it.
    pub const EXECUTE: u64 = 1 << 0;
    /// Open it to write.
    pub const WRITE_FILE: u64 = 1 << 1;
    /// Open it to read.
    pub const READ_FILE: u64 = 1 << 2;
    /// List it.
    pub const READ_DIR: u64 = 1 << 3;
    /// Make a device of characters.
    pub const MAKE_CHAR: u64 = 1 << 6;
    /// Make whatever else has a name: directories, files, sockets, pipes, links.
    pub const MAKE_OTHERS: u64 = 1 << 7 | 1 << 8 | 1 << 9 | 1 << 10 | 1 << 12;
    /// Make a device of blocks.
    pub const MAKE_BLOCK: u64 = 1 << 11;
    /// Shorten it (ABI 3).
    pub const TRUNCATE: u64 = 1 << 14;
    /// What a device does besides reading and writing (ABI 5).
    pub const IOCTL_DEV: u64 = 1 << 15;
    /// What it takes to add anything to a directory, or to a file in it.
    pub const ADDING: u64 = WRITE_FILE | MAKE_CHAR | MAKE_OTHERS | MAKE_BLOCK;
    /// What can be a right on something that is no directory.
    pub const OF_FILES: u64 = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV;
}

/// Every right on files that an ABI knows.
#[must_use]
pub fn all_rights(abi: u32) -> u64 {
    let count = match abi {
        0 => 0,
        1 => 13,
        2 => 14,
        3 | 4 => 15,
        _ => 16,
    };
    (1 << count) - 1
}

/// What is taken away, before anything is given back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Handled {
    /// Rights on files.
    pub fs: u64,
    /// Rights on TCP ports: 1 to bind, 2 to connect (ABI 4).
    pub net: u64,
    /// 1: abstract sockets outside; 2: signals to processes outside (ABI 6).
    pub scoped: u64,
}

#[repr(C, packed)]
struct PathBeneath {
    allowed: u64,
    parent: i32,
}

const CREATE_VERSION: u32 = 1;
const RULE_PATH_BENEATH: u32 = 1;
const RULE_NET_PORT: u32 = 2;

#[repr(C)]
struct NetPort {
    allowed: u64,
    port: u64,
}

/// The right to connect to a TCP port (ABI 4).
const CONNECT_TCP: u64 = 2;

/// Which ABI the kernel has; 0 when it has no Landlock, or has it switched off.
#[must_use]
pub fn abi() -> u32 {
    // SAFETY: asked for the version, the kernel reads no memory of ours.
    let abi = unsafe {
        libc::syscall(
            libc::SYS_landlock_create_ruleset,
            std::ptr::null::<libc::c_void>(),
            0usize,
            CREATE_VERSION,
        )
    };
    u32::try_from(abi).unwrap_or(0)
}

/// Which of its known flaws the kernel says it has mended, a bit for each; none where it does not know of any.
#[must_use]
pub fn errata() -> u32 {
    const CREATE_ERRATA: u32 = 2;
    // SAFETY: asked for its errata, the kernel reads no memory of ours.
    let errata = unsafe {
        libc::syscall(
            libc::SYS_landlock_create_ruleset,
            std::ptr::null::<libc::c_void>(),
            0usize,
            CREATE_ERRATA,
        )
    };
    u32::try_from(errata).unwrap_or(0)
}

/// Rules that are not in force yet.
#[derive(Debug)]
pub struct Ruleset {
    fd: OwnedFd,
    handled: Handled,
}

impl Ruleset {
    /// Takes everything away that is handled.
    ///
    /// # Errors
    /// When the kernel does not know all of it.
    pub fn new(handled: Handled) -> io::Result<Ruleset> {
        // SAFETY: a pointer to a struct of the kernel's layout, and its size; the kernel only reads it.
        let fd = unsafe {
            libc::syscall(libc::SYS_landlock_create_ruleset, &raw const handled, size_of::<Handled>(), 0u32)
        };
        match i32::try_from(fd) {
            // SAFETY: the kernel has just made this descriptor, and nothing else owns it.
            Ok(fd) if fd >= 0 => Ok(Ruleset { fd: unsafe { OwnedFd::from_raw_fd(fd) }, handled }),
            Ok(_) | Err(_) => Err(io::Error::last_os_error()),
        }
    }

    /// Gives rights back at and below a path; of those that the rules do not handle, none.
    ///
    /// # Errors
    /// When the path is not there.
    pub fn allow(&self, path: &Path, rights: u64) -> io::Result<()> {
        let place = open(path, OFlag::O_PATH | OFlag::O_CLOEXEC, Mode::empty())?;
        self.allow_at(&place, rights)
    }

    /// The same for what a descriptor stands for.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn allow_at(&self, place: &impl AsFd, rights: u64) -> io::Result<()> {
        let is_directory = fstat(place)?.st_mode & SFlag::S_IFMT.bits() == SFlag::S_IFDIR.bits();
        let possible = if is_directory { u64::MAX } else { fs::OF_FILES };
        let rule =
            PathBeneath { allowed: rights & possible & self.handled.fs, parent: place.as_fd().as_raw_fd() };
        // SAFETY: a pointer to a struct of the kernel's layout, which the kernel only reads, and integers.
        let done = unsafe {
            libc::syscall(
                libc::SYS_landlock_add_rule,
                self.fd.as_raw_fd(),
                RULE_PATH_BENEATH,
                &raw const rule,
                0u32,
            )
        };
        if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    }

    /// Gives back connecting to a TCP port, where that is handled.
    ///
    /// # Errors
    /// When the kernel refuses.
    pub fn allow_connecting(&self, port: u16) -> io::Result<()> {
        let rule = NetPort { allowed: CONNECT_TCP & self.handled.net, port: port.into() };
        if rule.allowed == 0 {
            return Ok(());
        }
        // SAFETY: a pointer to a struct of the kernel's layout, which the kernel only reads, and integers.
        let done = unsafe {
            libc::syscall(
                libc::SYS_landlock_add_rule,
                self.fd.as_raw_fd(),
                RULE_NET_PORT,
                &raw const rule,
                0u32,
            )
        };
        if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    }

    /// Puts the rules in force for this thread and all that it starts. It must not be able to gain privileges any more.
    ///
    /// # Errors
    /// When the kernel refuses, as it does for the seventeenth set of rules.
    pub fn restrict_self(self) -> io::Result<()> {
        // SAFETY: integers.
        let done = unsafe { libc::syscall(libc::SYS_landlock_restrict_self, self.fd.as_raw_fd(), 0u32) };
        if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_abi_knows_the_rights_of_the_one_before() {
        for abi in 1..9 {
            assert_eq!(all_rights(abi) & all_rights(abi - 1), all_rights(abi - 1));
        }
        assert_eq!(all_rights(0), 0);
        assert_ne!(all_rights(3) & fs::TRUNCATE, 0);
        assert_eq!(all_rights(4) & fs::IOCTL_DEV, 0);
        assert_ne!(all_rights(5) & fs::IOCTL_DEV, 0);
    }
}
