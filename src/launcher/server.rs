//! The launcher's work: who calls, what to start, and its output on the way back.

use std::convert::Infallible;
use std::io::{self, Read};
use std::num::NonZeroUsize;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::time::Duration;

use super::frame::{Ask, CANCEL, Frame, Times, Wants};
use crate::grant::WrapperName;
use crate::sys::clock::{Clock, SystemClock};
use crate::sys::peer;
use crate::sys::process::{Command, Interrupt, run_until};

const SUDO: &str = "/usr/bin/sudo";

/// A caller that is slower than this in sending a request, or in taking output, is no longer waited for.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long to leave the listener alone when the host is out of descriptors or memory.
const BACKOFF: Duration = Duration::from_millis(100);

const PER_CORE: usize = 4;
/// Fewer than the gate lets tools run at one time would let them keep everything else waiting.
const LEAST: usize = 64;

/// Whom to serve and how to start wrappers.
#[derive(Clone, Debug)]
pub struct Launcher {
    /// The only user that may call.
    pub gate_uid: u32,
    /// Where the wrappers lie.
    pub wrappers: PathBuf,
    /// How they get their rights.
    pub start: Start,
}

/// How a wrapper gets its rights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// Through `sudo -n`.
    Sudo,
    /// It has those of the launcher.
    Direct,
}

/// How many callers it serves at a time, a thread for each, on a host of so many cores.
#[must_use]
pub fn threads(cores: usize) -> usize {
    (cores * PER_CORE).max(LEAST)
}

impl Launcher {
    /// Serves for ever: so many callers at a time, the rest wait in the listener's queue.
    ///
    /// # Errors
    /// When the threads cannot be had.
    pub fn serve(&self, listener: &UnixListener) -> io::Result<Infallible> {
        let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        std::thread::scope(|scope| {
            for number in 1..threads(cores) {
                let name = format!("serve-{number}");
                std::thread::Builder::new()
                    .name(name)
                    .spawn_scoped(scope, || self.serve_one_by_one(listener))?;
            }
            self.serve_one_by_one(listener)
        })
    }

    fn serve_one_by_one(&self, listener: &UnixListener) -> ! {
        loop {
            match listener.accept() {
                Ok((caller, _)) => self.answer(&caller),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    eprintln!("reeve-launcher: cannot accept: {error}");
                    std::thread::sleep(BACKOFF);
                }
            }
        }
    }

    /// Serves one caller. Errors end with the connection: the gate hears of them, or has gone.
    fn answer(&self, caller: &UnixStream) {
        let heard = SystemClock.boot();
        let (last, times) = match self.admit(caller) {
            Ok(ask) => {
                let started = SystemClock.boot();
                let last = self.run(&ask, caller);
                let times = Times { heard, started, ended: SystemClock.boot() };
                (last, Some(times).filter(|_| ask.wants == Wants::Times))
            }
            Err(why) => (Frame::Refused(why.to_string()), None),
        };
        let told = times.map_or(Ok(()), |times| Frame::Times(times).write(caller));
        if let Err(error) = told.and_then(|()| last.write(caller)) {
            eprintln!("reeve-launcher: the caller has gone: {error}");
        }
    }

    fn admit(&self, caller: &UnixStream) -> io::Result<Ask> {
        let peer = peer::credentials(caller)?;
        if peer.uid != self.gate_uid {
            eprintln!("reeve-launcher: refused uid {} (process {})", peer.uid, peer.pid);
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, "only the gate may call"));
        }
        caller.set_read_timeout(Some(PATIENCE))?;
        caller.set_write_timeout(Some(PATIENCE))?;
        Ask::read(caller)
    }

    fn run(&self, ask: &Ask, caller: &UnixStream) -> Frame {
        let mut listening = true;
        let result = run_until(&self.command(ask), &mut Caller(caller), &mut |stream, bytes| {
            listening = listening && Frame::Output(stream, bytes.to_vec()).write(caller).is_ok();
        });
        match result {
            Ok(ended) => Frame::End(ended),
            Err(error) if error.nothing_ran() => Frame::Refused(explain(&error)),
            Err(error) => Frame::Failed(explain(&error)),
        }
    }

    fn command(&self, ask: &Ask) -> Command {
        let wrapper = self.path(ask.wrapper);
        let command = match self.start {
            Start::Sudo => Command::new(SUDO).args(["-n", "--"]).args([wrapper]),
            Start::Direct => Command::new(wrapper),
        };
        command.stdin(ask.grant.as_slice()).deadline(ask.deadline).max_output(ask.max_output)
    }

    fn path(&self, wrapper: WrapperName) -> PathBuf {
        self.wrappers.join(wrapper.as_str())
    }
}

/// The caller, who may want what was started to end before its time.
struct Caller<'a>(&'a UnixStream);

impl Interrupt for Caller<'_> {
    fn source(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }

    fn heard(&mut self) -> Option<bool> {
        let mut byte = [0];
        match self.0.read(&mut byte) {
            Ok(1) => Some(byte == [CANCEL]),
            Ok(_) | Err(_) => None,
        }
    }
}

fn explain(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}
