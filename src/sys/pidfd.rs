//! A descriptor that tells when a process has ended.

use std::io;
use std::os::fd::{FromRawFd, OwnedFd};

use nix::unistd::Pid;

/// The descriptor of a child that has not been reaped, so that the number is its own and nobody else's. It is readable
/// once the child has ended.
///
/// # Errors
/// When the kernel refuses.
pub(super) fn pidfd(child: Pid) -> io::Result<OwnedFd> {
    // SAFETY: two integers.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, child.as_raw(), 0) };
    match i32::try_from(fd) {
        // SAFETY: the kernel has just made this descriptor (with CLOEXEC, as it always does for a pidfd) and nothing
        // else owns it.
        Ok(fd) if fd >= 0 => Ok(unsafe { OwnedFd::from_raw_fd(fd) }),
        Ok(_) | Err(_) => Err(io::Error::last_os_error()),
    }
}
