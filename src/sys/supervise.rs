//! A process that stays behind to end everything that its program started: when the time is over, or when nobody reads
//! its output any more, which is how the launcher, who has no right to signal root's processes, says "enough".
//!
//! As the subreaper it becomes the parent of whatever the program leaves behind, so that no double fork gets away. What
//! has been left behind by a program that ended by itself stays: to start a service is what some operations are for.

use std::convert::Infallible;
use std::fs;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::prctl;
use nix::sys::signal::{SigHandler, Signal, kill, raise, signal};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, alarm, fork};

use super::pidfd::pidfd;

/// How long the program may take to end by itself once it was asked to (SIGTERM).
const GRACE: Duration = Duration::from_secs(3);
/// How long what was killed may take to die.
const KILL_GRACE: Duration = Duration::from_secs(2);
/// How often processes that may just be forking are looked for again.
const AGAIN: Duration = Duration::from_millis(20);

/// A program that was started and is watched.
#[derive(Debug)]
pub struct Supervised {
    child: Pid,
    exit: OwnedFd,
}

/// Starts a child, in which `program` becomes the program; what it returns, when that failed, is the child's status.
/// To be called while this process has one thread.
///
/// # Errors
/// When there can be no child.
pub fn start(program: impl FnOnce() -> u8) -> io::Result<Supervised> {
    prctl::set_child_subreaper(true)?;
    // The wrapper's patience for its grant ends here; a fork leaves timers behind.
    alarm::cancel();
    // SAFETY: this process has one thread, so the child finds no lock held by another.
    match unsafe { fork() }? {
        ForkResult::Child => {
            let status = program();
            // SAFETY: ends the process; nothing of the parent's runs in the child.
            unsafe { libc::_exit(status.into()) }
        }
        ForkResult::Parent { child } => Ok(Supervised { exit: pidfd(child)?, child }),
    }
}

/// Why a watch came to its end.
enum Ending {
    Exited,
    TimeOver,
    NobodyListens,
}

impl Supervised {
    /// Waits for the program's end and ends as it did; ends it, and all that it started, when it takes longer than `limit`
    /// or when nobody reads stdout any more. The process is gone afterwards: by SIGALRM when the time was over, by SIGTERM
    /// when nobody listened.
    ///
    /// # Errors
    /// When the program cannot be watched; it is ended then.
    pub fn watch(self, limit: Duration) -> io::Result<Infallible> {
        let ending = match self.wait(limit) {
            Ok(ending) => ending,
            Err(error) => {
                self.end_all();
                return Err(error);
            }
        };
        match ending {
            Ending::Exited => end_like(waitpid(self.child, None)?),
            Ending::TimeOver => {
                self.end_all();
                end_by(Signal::SIGALRM)
            }
            Ending::NobodyListens => {
                self.end_all();
                end_by(Signal::SIGTERM)
            }
        }
    }

    fn wait(&self, limit: Duration) -> io::Result<Ending> {
        let stdout = io::stdout();
        let until = now() + limit;
        loop {
            // A pipe whose reader has gone is in error, whatever one asks about it.
            let mut fds = [
                PollFd::new(self.exit.as_fd(), PollFlags::POLLIN),
                PollFd::new(stdout.as_fd(), PollFlags::empty()),
            ];
            match poll(&mut fds, timeout(until)) {
                Ok(0) if now() >= until => return Ok(Ending::TimeOver),
                Ok(_) | Err(Errno::EINTR) => {}
                Err(errno) => return Err(errno.into()),
            }
            let [exit, listener] = fds.map(|fd| fd.any().unwrap_or(false));
            if exit {
                return Ok(Ending::Exited);
            }
            if listener {
                return Ok(Ending::NobodyListens);
            }
        }
    }

    /// Asks the program to end, then kills everything that descends from this process, until there is nothing.
    fn end_all(&self) {
        let _ = kill(self.child, Signal::SIGTERM);
        let mut exit = [PollFd::new(self.exit.as_fd(), PollFlags::POLLIN)];
        let _ = poll(&mut exit, timeout(now() + GRACE));
        let until = now() + KILL_GRACE;
        while now() < until {
            for process in descendants() {
                let _ = kill(process, Signal::SIGKILL);
            }
            if reap_all() {
                return;
            }
            std::thread::sleep(AGAIN);
        }
    }
}

/// Reaps what has ended; whether no child is left.
fn reap_all() -> bool {
    loop {
        match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::StillAlive) => return false,
            Ok(_) | Err(Errno::EINTR) => {}
            Err(_no_child) => return true,
        }
    }
}

/// Every process that descends from this one, as far as it can be seen now.
fn descendants() -> Vec<Pid> {
    let parents: Vec<(i32, i32)> = fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let pid: i32 = entry.file_name().to_str()?.parse().ok()?;
            Some((pid, parent_of(&fs::read_to_string(entry.path().join("stat")).ok()?)?))
        })
        .collect();
    let mut found = vec![Pid::this().as_raw()];
    let mut next = 0;
    while let Some(parent) = found.get(next).copied() {
        let children = parents.iter().filter(|(pid, of)| *of == parent && !found.contains(pid));
        let children: Vec<i32> = children.map(|(pid, _)| *pid).collect();
        found.extend(children);
        next += 1;
    }
    found.into_iter().skip(1).map(Pid::from_raw).collect()
}

/// The fourth field of `/proc/PID/stat`. The second is a name in brackets that may hold anything, brackets included.
fn parent_of(stat: &str) -> Option<i32> {
    stat.rsplit_once(')')?.1.split_ascii_whitespace().nth(1)?.parse().ok()
}

fn end_like(status: WaitStatus) -> io::Result<Infallible> {
    match status {
        WaitStatus::Exited(_, code) => std::process::exit(code),
        WaitStatus::Signaled(_, by, _) => end_by(by),
        WaitStatus::Stopped(..)
        | WaitStatus::PtraceEvent(..)
        | WaitStatus::PtraceSyscall(_)
        | WaitStatus::Continued(_)
        | WaitStatus::StillAlive => Err(io::Error::other("a process was reaped that had not ended")),
    }
}

fn end_by(by: Signal) -> io::Result<Infallible> {
    if !matches!(by, Signal::SIGKILL | Signal::SIGSTOP) {
        // SAFETY: the default disposition is not code of ours, so nothing can run inside a signal.
        unsafe { signal(by, SigHandler::SigDfl) }?;
    }
    raise(by)?;
    Err(io::Error::other(format!("{by} did not end this process")))
}

fn timeout(until: Instant) -> PollTimeout {
    let left = until.saturating_duration_since(now());
    PollTimeout::try_from(left.as_millis().saturating_add(1)).unwrap_or(PollTimeout::MAX)
}

#[allow(
    clippy::disallowed_methods,
    reason = "a deadline of the kernel's, not a time that anything is decided by"
)]
fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parent_is_found_behind_any_name() {
        assert_eq!(parent_of("12 (a) b) 9 (x) S 7 12 12 0"), Some(7));
        assert_eq!(parent_of("12 (sh) S 7 12"), Some(7));
        assert_eq!(parent_of("12"), None);
    }
}
