//! A filter of system calls, put in force for this process and all that it starts.

use std::io;

/// Whether the kernel has filters.
#[must_use]
pub fn is_there() -> bool {
    const GET_ACTION_AVAIL: u32 = 2;
    let action: u32 = libc::SECCOMP_RET_ERRNO;
    // SAFETY: integers, and a pointer to one that the kernel only reads.
    let done = unsafe { libc::syscall(libc::SYS_seccomp, GET_ACTION_AVAIL, 0u32, &raw const action) };
    done == 0
}

/// Puts a filter in force. It must not be possible any more to gain privileges.
///
/// # Errors
/// When the kernel does not take the program.
pub fn install(program: &[libc::sock_filter]) -> io::Result<()> {
    let length = u16::try_from(program.len()).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
    let program = libc::sock_fprog { len: length, filter: program.as_ptr().cast_mut() };
    // SAFETY: the struct points to `length` instructions that outlive the call, and the kernel only reads them.
    let done =
        unsafe { libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, 0u32, &raw const program) };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
