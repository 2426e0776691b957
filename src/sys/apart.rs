//! A process that stays beside the one that made it and has nothing to do with what that one runs: with nothing open that somebody
//! waits for.
//!
//! As in [`super::jail`], everything here is for a process with one thread that was made for it.

use std::io;
use std::os::fd::{AsFd, AsRawFd};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::unistd::setsid;

use super::jail;

/// This process has nothing open any more but this, and nothing to read and nowhere to write, and is in a session of its own. It
/// must end without going back to what it had open.
///
/// # Errors
/// When the kernel refuses.
pub fn let_go_of_all_but(kept: &impl AsFd) -> io::Result<()> {
    let kept = u32::try_from(kept.as_fd().as_raw_fd()).map_err(io::Error::other)?;
    setsid()?;
    jail::let_go_of_output()?;
    for (from, to) in [(3, kept.saturating_sub(1)), (kept.saturating_add(1).max(3), u32::MAX)] {
        if from <= to {
            // SAFETY: integers. What was open there is not used any more, by the contract of this function.
            let done = unsafe { libc::syscall(libc::SYS_close_range, from, to, 0u32) };
            if done != 0 {
                return Err(io::Error::last_os_error());
            }
        }
    }
    Ok(())
}

/// Waits until the process has ended that a descriptor stands for.
///
/// # Errors
/// When the kernel refuses.
pub fn until_ended(process: &impl AsFd) -> io::Result<()> {
    let mut ended = [PollFd::new(process.as_fd(), PollFlags::POLLIN)];
    loop {
        match poll(&mut ended, PollTimeout::NONE) {
            Ok(0) | Err(Errno::EINTR) => {}
            Ok(_) => return Ok(()),
            Err(errno) => return Err(errno.into()),
        }
    }
}
