//! A descriptor that tells when a process has ended.

use std::io;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};

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

/// Ends the process that a descriptor stands for, and nobody who has its number later.
///
/// # Errors
/// When it is gone.
pub fn end_by(process: &impl AsFd) -> io::Result<()> {
    let nothing = std::ptr::null::<libc::c_void>();
    // SAFETY: integers, and no further word on the signal.
    let done = unsafe {
        libc::syscall(libc::SYS_pidfd_send_signal, process.as_fd().as_raw_fd(), libc::SIGKILL, nothing, 0)
    };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
