//! A socket that systemd made and passed on (`sd_listen_fds`).

use std::io;
use std::net::TcpListener;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixListener;
use std::sync::atomic::{AtomicBool, Ordering};

use nix::sys::socket::{self, Backlog, getsockopt, sockopt};

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
    /// When what was passed is no listening Unix socket.
    pub fn into_listener(self) -> io::Result<UnixListener> {
        self.listens()?;
        let listener = UnixListener::from(self.0);
        listener.local_addr()?;
        listener.set_nonblocking(false)?;
        Ok(listener)
    }

    /// The listener, as our own: from now on who connects reads from the socket that we listen, and not systemd, which made it.
    ///
    /// # Errors
    /// As [`Passed::into_listener`].
    pub fn into_own_listener(self) -> io::Result<UnixListener> {
        let listener = self.into_listener()?;
        // The kernel notes who listens with each call.
        socket::listen(&listener, Backlog::MAXCONN)?;
        Ok(listener)
    }

    /// The listener, where it is the network's, for a runtime that does not wait in `accept`.
    ///
    /// # Errors
    /// When what was passed is no listening TCP socket.
    pub fn into_tcp(self) -> io::Result<TcpListener> {
        self.listens()?;
        let listener = TcpListener::from(self.0);
        listener.local_addr()?;
        listener.set_nonblocking(true)?;
        Ok(listener)
    }

    fn listens(&self) -> io::Result<()> {
        if getsockopt(&self.0, sockopt::AcceptConn)? {
            return Ok(());
        }
        Err(io::Error::new(io::ErrorKind::InvalidInput, "the descriptor that was passed does not listen"))
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
    fn what_does_not_listen_or_listens_elsewhere_is_refused() {
        let (quiet, _other) = std::os::unix::net::UnixStream::pair().unwrap();
        let error = Passed(quiet.into()).into_listener().unwrap_err();
        assert_eq!(error.to_string(), "the descriptor that was passed does not listen");
        let tcp = || Passed(TcpListener::bind("127.0.0.1:0").unwrap().into());
        assert!(tcp().into_tcp().is_ok() && tcp().into_listener().is_err());
        let dir = tempfile::tempdir().unwrap();
        let unix = UnixListener::bind(dir.path().join("socket")).unwrap();
        assert!(Passed(unix.into()).into_tcp().is_err());
    }

    #[test]
    fn more_than_one_socket_is_refused() {
        let error = with(&std::process::id().to_string(), "2").unwrap_err();
        assert_eq!(error.to_string(), "want one socket from systemd");
    }
}
