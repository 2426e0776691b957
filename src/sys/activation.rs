//! A socket that systemd made and passed on (`sd_listen_fds`).

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixListener;
use std::sync::atomic::{AtomicBool, Ordering};

use nix::sys::socket::{getsockopt, sockopt};

/// Where systemd puts the first descriptor that it passes.
const FIRST: RawFd = 3;

/// One listening socket, passed and not yet taken.
#[derive(Debug)]
pub struct Passed(OwnedFd);

impl Passed {
    /// The descriptor, to be kept by [`super::harden::start`].
    #[must_use]
    pub fn descriptor(&self) -> RawFd {
        self.0.as_raw_fd()
    }

    /// The listener.
    ///
    /// # Errors
    /// When what was passed is no listening socket.
    pub fn into_listener(self) -> io::Result<UnixListener> {
        if !getsockopt(&self.0, sockopt::AcceptConn)? {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "the descriptor that was passed does not listen",
            ));
        }
        let listener = UnixListener::from(self.0);
        listener.local_addr()?;
        listener.set_nonblocking(false)?;
        Ok(listener)
    }
}

/// Takes what `LISTEN_PID` and `LISTEN_FDS`, looked up by `variable`, say was passed; `None` when nothing was. To be
/// called once, first in `main`.
///
/// # Errors
/// When more than one was passed, or none is there, or it was taken before.
pub fn passed(variable: impl Fn(&str) -> Option<String>) -> io::Result<Option<Passed>> {
    static TAKEN: AtomicBool = AtomicBool::new(false);
    let for_us = variable("LISTEN_PID").is_some_and(|pid| pid == std::process::id().to_string());
    let count = variable("LISTEN_FDS").filter(|_| for_us);
    let wrong = |what| Err(io::Error::new(io::ErrorKind::InvalidInput, what));
    match count.as_deref() {
        None | Some("0") => return Ok(None),
        Some("1") => {}
        Some(_) => return wrong("want one socket from systemd"),
    }
    // SAFETY: an integer. It says whether the descriptor is open, and keeps it out of our children.
    if unsafe { libc::fcntl(FIRST, libc::F_SETFD, libc::FD_CLOEXEC) } != 0 {
        return Err(io::Error::last_os_error());
    }
    if TAKEN.swap(true, Ordering::SeqCst) {
        return wrong("the socket from systemd was taken before");
    }
    // SAFETY: the descriptor is open (checked above), was passed to this very process, and is taken once only, before
    // `main` has opened anything that might have come by its number.
    Ok(Some(Passed(unsafe { OwnedFd::from_raw_fd(FIRST) })))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(pid: &str, count: &str) -> io::Result<Option<Passed>> {
        passed(|name| match name {
            "LISTEN_PID" => Some(pid.to_owned()),
            "LISTEN_FDS" => Some(count.to_owned()),
            _ => None,
        })
    }

    #[test]
    fn what_was_passed_to_another_process_is_not_ours() {
        assert!(passed(|_| None).unwrap().is_none());
        assert!(with("1", "1").unwrap().is_none());
        assert!(with(&std::process::id().to_string(), "0").unwrap().is_none());
    }

    #[test]
    fn more_than_one_socket_is_refused() {
        let error = with(&std::process::id().to_string(), "2").unwrap_err();
        assert_eq!(error.to_string(), "want one socket from systemd");
    }
}
