//! The gate's side of the launcher's socket. Blocking: the gate calls it from its blocking pool.
//!
//! What matters most here is to tell "nothing ran" from "nobody knows": see [`LaunchError::nothing_ran`].

use std::io::{self, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use thiserror::Error;

use super::frame::{Ask, CANCEL, Frame, Times, Wants};
use crate::grant::{MAX_LIFETIME, SignedGrant, WrapperName};
use crate::sys::peer;
use crate::sys::process::{Finished, Stream};

const SENDING: Duration = Duration::from_secs(5);

/// How long beyond its deadline a program may take to be reported: it may have waited for its turn as long as a grant
/// is good, and then have to be killed.
const SLACK: Duration = MAX_LIFETIME.saturating_add(Duration::from_secs(15));

/// What to start.
#[derive(Clone, Debug)]
pub struct Request {
    /// The wrapper.
    pub wrapper: WrapperName,
    /// What it shall act on.
    pub grant: SignedGrant,
    /// How long it may run. Through sudo the launcher cannot kill it, only the grant's own run limit ends it: leave that
    /// the shorter of the two.
    pub deadline: Duration,
    /// How many bytes of each output are wanted.
    pub max_output: usize,
    /// The launcher's user, when the socket shall be checked to be its. Root passes as well: it is who listens on a
    /// socket made by systemd.
    pub launcher_uid: Option<u32>,
}

/// Lets somebody else end what a request started, or keep it from being started.
#[derive(Clone, Debug, Default)]
pub struct Cancellation(Arc<Mutex<Stage>>);

#[derive(Debug, Default)]
enum Stage {
    #[default]
    NotBegun,
    Begun(UnixStream),
    Cancelled,
}

impl Cancellation {
    /// Ends it, and whatever would be started with this cancellation later.
    ///
    /// # Errors
    /// When the launcher could not be told; what runs goes on to its own limit then.
    pub fn cancel(&self) -> io::Result<()> {
        match std::mem::replace(&mut *self.stage(), Stage::Cancelled) {
            Stage::Begun(mut launcher) => launcher.write_all(&[CANCEL]),
            Stage::NotBegun | Stage::Cancelled => Ok(()),
        }
    }

    /// Whether it was asked for.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        matches!(*self.stage(), Stage::Cancelled)
    }

    /// Sends the request, unless it has been cancelled; from then on a cancellation goes to the launcher.
    fn begin(&self, launcher: &UnixStream, send: impl FnOnce() -> io::Result<()>) -> Result<(), LaunchError> {
        let mut stage = self.stage();
        if matches!(*stage, Stage::Cancelled) {
            return Err(LaunchError::Refused("it was cancelled before it began".to_owned()));
        }
        let ours = launcher.try_clone().map_err(LaunchError::Down)?;
        send().map_err(LaunchError::Down)?;
        *stage = Stage::Begun(ours);
        Ok(())
    }

    /// Lets go of the launcher: nothing runs that it could end. What begins next can be cancelled as before.
    fn end(&self) {
        let mut stage = self.stage();
        if matches!(*stage, Stage::Begun(_)) {
            *stage = Stage::NotBegun;
        }
    }

    fn stage(&self) -> MutexGuard<'_, Stage> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The launcher did not report an end.
#[derive(Debug, Error)]
pub enum LaunchError {
    /// There is no launcher, or it went before it had the whole grant. Nothing ran.
    #[error("the launcher is down")]
    Down(#[source] io::Error),
    /// Somebody else listens on its socket. Nothing was sent.
    #[error("the launcher's socket belongs to uid {0}")]
    PeerRefused(u32),
    /// The launcher says that it started nothing.
    #[error("the launcher refused: {0}")]
    Refused(String),
    /// The launcher started the wrapper and lost sight of it. The outcome is unknown.
    #[error("the launcher lost sight of what it started: {0}")]
    Failed(String),
    /// The connection ended after the grant was sent. The outcome is unknown.
    #[error("the launcher went away after it had the grant")]
    Lost(#[source] io::Error),
    /// The launcher said something that is no frame. The outcome is unknown.
    #[error("the launcher's answer makes no sense")]
    Protocol(#[source] io::Error),
}

impl LaunchError {
    /// Whether it is certain that the program never ran. Otherwise only the host itself can say what happened.
    #[must_use]
    pub fn nothing_ran(&self) -> bool {
        match self {
            LaunchError::Down(_) | LaunchError::PeerRefused(_) | LaunchError::Refused(_) => true,
            LaunchError::Failed(_) | LaunchError::Lost(_) | LaunchError::Protocol(_) => false,
        }
    }
}

/// Has the launcher start a wrapper with a grant, hands on its output as it comes, and returns all of it at the end.
///
/// # Errors
/// When no end was reported.
pub fn run(
    socket: &Path,
    request: &Request,
    cancellation: &Cancellation,
    on_output: &mut dyn FnMut(Stream, &[u8]),
) -> Result<Finished, LaunchError> {
    let launcher = connect(socket, request)?;
    cancellation.begin(&launcher, || send(&launcher, request, Wants::NoTimes))?;
    let heard = hear(&launcher, request, on_output).map(|(finished, _no_times)| finished);
    cancellation.end();
    heard
}

/// The same, and when what happened, where the launcher tells it.
///
/// # Errors
/// When no end was reported.
pub fn run_timed(
    socket: &Path,
    request: &Request,
    cancellation: &Cancellation,
    on_output: &mut dyn FnMut(Stream, &[u8]),
) -> Result<(Finished, Option<Times>), LaunchError> {
    let launcher = connect(socket, request)?;
    cancellation.begin(&launcher, || send(&launcher, request, Wants::Times))?;
    let heard = hear(&launcher, request, on_output);
    cancellation.end();
    heard
}

fn hear(
    launcher: &UnixStream,
    request: &Request,
    on_output: &mut dyn FnMut(Stream, &[u8]),
) -> Result<(Finished, Option<Times>), LaunchError> {
    let mut told = None;
    let mut room = Room { stdout: request.max_output, stderr: request.max_output };
    let finished = Finished::collect(|collect| {
        loop {
            match Frame::read(launcher).map_err(unknown)? {
                Frame::Output(stream, bytes) => {
                    room.take(stream, bytes.len()).map_err(LaunchError::Protocol)?;
                    collect(stream, &bytes);
                    on_output(stream, &bytes);
                }
                Frame::Times(times) => told = Some(times),
                Frame::End(ended) => return Ok(ended),
                Frame::Refused(why) => return Err(LaunchError::Refused(why)),
                Frame::Failed(why) => return Err(LaunchError::Failed(why)),
            }
        }
    })?;
    Ok((finished, told))
}

fn connect(socket: &Path, request: &Request) -> Result<UnixStream, LaunchError> {
    let launcher = UnixStream::connect(socket).map_err(LaunchError::Down)?;
    let peer = peer::credentials(&launcher).map_err(LaunchError::Down)?;
    match request.launcher_uid {
        Some(uid) if peer.uid != uid && peer.uid != 0 => Err(LaunchError::PeerRefused(peer.uid)),
        Some(_) | None => Ok(launcher),
    }
}

/// An error here means that the last byte was not taken, and without it the launcher starts nothing.
fn send(launcher: &UnixStream, request: &Request, wants: Wants) -> io::Result<()> {
    launcher.set_write_timeout(Some(SENDING))?;
    launcher.set_read_timeout(Some(request.deadline.saturating_add(SLACK)))?;
    let ask = Ask {
        wants,
        wrapper: request.wrapper,
        deadline: request.deadline,
        max_output: request.max_output,
        grant: request.grant.as_bytes().to_vec(),
    };
    ask.write(launcher)
}

/// How much of each output may still come: the bound is the launcher's to keep, and ours to hold it to.
struct Room {
    stdout: usize,
    stderr: usize,
}

impl Room {
    fn take(&mut self, stream: Stream, bytes: usize) -> io::Result<()> {
        let room = match stream {
            Stream::Stdout => &mut self.stdout,
            Stream::Stderr => &mut self.stderr,
        };
        let more = || io::Error::new(io::ErrorKind::InvalidData, "more output than was wanted");
        *room = room.checked_sub(bytes).ok_or_else(more)?;
        Ok(())
    }
}

fn unknown(error: io::Error) -> LaunchError {
    if error.kind() == io::ErrorKind::InvalidData {
        return LaunchError::Protocol(error);
    }
    LaunchError::Lost(error)
}
