//! What every process of ours does before it reads its first byte: no inherited descriptors, no dump of its memory,
//! signals and file modes as they should be, whoever started it.

use std::io;
use std::ops::RangeInclusive;
use std::os::fd::RawFd;

use nix::sys::prctl;
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::signal::{SigSet, SigmaskHow, sigprocmask};
use nix::sys::stat::{Mode, umask};

/// Hardens this process. To be called first in `main`, before any thread or descriptor of ours exists, since every
/// descriptor from 3 up that is not in `keep` (those systemd passed) is closed. Std has opened 0 to 2 if they were not.
///
/// What has no dump is root's to look at: a process that is not root can no longer read its own `/proc/self/environ`
/// and `io`, while `fd`, `maps`, `exe`, `stat` and `status` stay open to it.
///
/// # Errors
/// When the system refuses any part; the process must not go on then.
pub fn start(keep: &[RawFd]) -> io::Result<()> {
    no_dump()?;
    umask(Mode::from_bits_truncate(0o077));
    for range in gaps(keep) {
        close(&range)?;
    }
    reset_signals()?;
    nix::unistd::chdir("/")?;
    Ok(())
}

/// Keeps this process's memory to itself: no core is written of it, and nobody but root looks into it.
///
/// # Errors
/// When the kernel refuses.
pub fn no_dump() -> io::Result<()> {
    no_core()?;
    Ok(prctl::set_dumpable(false)?)
}

/// This process, and what it becomes and starts, leaves no core. A limit of 1 byte is too little for a file, and the one that
/// keeps the kernel from starting what it pipes cores to as well, such as systemd-coredump (core(5)); 0 does not. Who was
/// given 0, and may not raise that, stays there.
///
/// # Errors
/// When the kernel refuses.
pub fn no_core() -> nix::Result<()> {
    setrlimit(Resource::RLIMIT_CORE, 1, 1).or_else(|_given| setrlimit(Resource::RLIMIT_CORE, 0, 0))
}

/// Gives up gaining rights by running a setuid program: for all but the launcher, whose work is to call sudo.
///
/// # Errors
/// When the kernel refuses.
pub fn no_new_privileges() -> io::Result<()> {
    Ok(prctl::set_no_new_privs()?)
}

/// The ranges of descriptors from 3 up that leave out `keep`.
fn gaps(keep: &[RawFd]) -> Vec<RangeInclusive<u32>> {
    let mut kept: Vec<u32> =
        keep.iter().filter_map(|fd| u32::try_from(*fd).ok()).filter(|fd| *fd >= 3).collect();
    kept.sort_unstable();
    kept.dedup();
    let mut ranges = Vec::new();
    let mut from = 3;
    for fd in kept {
        if from < fd {
            ranges.push(from..=fd - 1);
        }
        from = fd.saturating_add(1);
    }
    ranges.push(from..=u32::MAX);
    ranges
}

fn close(range: &RangeInclusive<u32>) -> io::Result<()> {
    // SAFETY: three integers. Closing a descriptor that something owns would be unsound; the contract of `start` is
    // that it comes first in `main`, when nothing owns any above 2.
    let done = unsafe { libc::syscall(libc::SYS_close_range, *range.start(), *range.end(), 0) };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Default for all but SIGPIPE: a peer that hangs up is an error to handle, not a reason to die. (Std gives a child
/// the default back, and [`super::exec::replace`] does before it executes.)
fn reset_signals() -> io::Result<()> {
    for number in 1..=libc::SIGRTMAX() {
        let handler = if number == libc::SIGPIPE { libc::SIG_IGN } else { libc::SIG_DFL };
        // SAFETY: neither handler is code of ours, so nothing can run inside a signal.
        let before = unsafe { libc::signal(number, handler) };
        let fixed =
            matches!(number, libc::SIGKILL | libc::SIGSTOP) || (32..libc::SIGRTMIN()).contains(&number);
        // The kernel fixes two of them, and libc keeps those below SIGRTMIN to itself.
        if before == libc::SIG_ERR && !fixed {
            return Err(io::Error::last_os_error());
        }
    }
    sigprocmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::empty()), None)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptors_to_keep_split_the_range_that_is_closed() {
        assert_eq!(gaps(&[]), [3..=u32::MAX]);
        assert_eq!(gaps(&[3]), [4..=u32::MAX]);
        assert_eq!(gaps(&[5, 3, 0, 5, -1]), [4..=4, 6..=u32::MAX]);
    }
}
