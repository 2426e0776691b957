//! Our ends of a process's three pipes: one poll that feeds it, reads both its outputs and notices its end, so that no
//! full pipe can hold up another.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::process::{Child, ChildStdin};
use std::time::Instant;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::tree::now;
use super::{Command, Stream};

const CHUNK: usize = 64 * 1024;

/// Our ends of a process's three pipes.
pub(super) struct Pipes<'a> {
    stdin: Option<ChildStdin>,
    unsent: &'a [u8],
    stdout: Output,
    stderr: Output,
    buffer: Vec<u8>,
    pub(super) truncated: bool,
}

/// What else is waited for.
pub(super) struct Also<'a> {
    /// Readable when the process has ended.
    pub(super) exit: Option<BorrowedFd<'a>>,
    /// Readable when somebody may want it to end.
    pub(super) interrupt: Option<BorrowedFd<'a>>,
}

/// What else happened.
pub(super) struct Seen {
    pub(super) exited: bool,
    pub(super) interrupted: bool,
}

/// One output: the pipe while it is open, and how many bytes may still be kept.
struct Output {
    stream: Stream,
    pipe: Option<File>,
    room: usize,
}

impl<'a> Pipes<'a> {
    pub(super) fn take(child: &mut Child, command: &'a Command) -> io::Result<Pipes<'a>> {
        let stdin = child.stdin.take();
        if let Some(pipe) = &stdin {
            // The pipe's other end has flags of its own, so the child does not see this.
            fcntl(pipe, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
        }
        let output = |stream, pipe: Option<OwnedFd>| Output {
            stream,
            pipe: pipe.map(File::from),
            room: command.max_output,
        };
        Ok(Pipes {
            stdin,
            unsent: &command.stdin,
            stdout: output(Stream::Stdout, child.stdout.take().map(OwnedFd::from)),
            stderr: output(Stream::Stderr, child.stderr.take().map(OwnedFd::from)),
            buffer: vec![0; CHUNK],
            truncated: false,
        })
    }

    pub(super) fn outputs_closed(&self) -> bool {
        self.stdout.pipe.is_none() && self.stderr.pipe.is_none()
    }

    /// Lets go of the process's outputs: whoever writes to them learns that nobody reads.
    pub(super) fn close(&mut self) {
        self.stdin = None;
        self.stdout.pipe = None;
        self.stderr.pipe = None;
    }

    /// Waits for something to happen, deals with what comes through the pipes, and says what else happened.
    pub(super) fn step(
        &mut self,
        also: &Also<'_>,
        until: Instant,
        on_output: &mut dyn FnMut(Stream, &[u8]),
    ) -> io::Result<Seen> {
        let [stdin, stdout, stderr, exited, interrupted] = self.ready(also, until)?;
        if stdin {
            self.feed()?;
        }
        if stdout {
            self.truncated |= self.stdout.forward(&mut self.buffer, on_output)?;
        }
        if stderr {
            self.truncated |= self.stderr.forward(&mut self.buffer, on_output)?;
        }
        Ok(Seen { exited, interrupted })
    }

    fn ready(&self, also: &Also<'_>, until: Instant) -> io::Result<[bool; 5]> {
        let sources = [
            (self.stdin.as_ref().map(AsFd::as_fd), PollFlags::POLLOUT),
            (self.stdout.pipe.as_ref().map(AsFd::as_fd), PollFlags::POLLIN),
            (self.stderr.pipe.as_ref().map(AsFd::as_fd), PollFlags::POLLIN),
            (also.exit, PollFlags::POLLIN),
            (also.interrupt, PollFlags::POLLIN),
        ];
        let mut fds: Vec<PollFd<'_>> =
            sources.iter().filter_map(|(fd, wanted)| fd.map(|fd| PollFd::new(fd, *wanted))).collect();
        match poll(&mut fds, timeout(until)) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno.into()),
        }
        let mut seen = fds.iter();
        Ok(sources.map(|(fd, _)| fd.is_some() && seen.next().and_then(PollFd::any).unwrap_or(false)))
    }

    fn feed(&mut self) -> io::Result<()> {
        let Some(pipe) = &mut self.stdin else { return Ok(()) };
        match pipe.write(self.unsent) {
            Ok(sent) => self.unsent = self.unsent.get(sent..).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => self.unsent = &[],
            Err(error) if is_passing(&error) => {}
            Err(error) => return Err(error),
        }
        if self.unsent.is_empty() {
            self.stdin = None;
        }
        Ok(())
    }
}

impl Output {
    /// Hands on one read, as far as there is room; says whether something was thrown away.
    fn forward(&mut self, buffer: &mut [u8], on_output: &mut dyn FnMut(Stream, &[u8])) -> io::Result<bool> {
        let Some(pipe) = &mut self.pipe else { return Ok(false) };
        match pipe.read(buffer) {
            Ok(0) => {
                self.pipe = None;
                Ok(false)
            }
            Ok(got) => {
                let kept = got.min(self.room);
                self.room -= kept;
                if let Some(bytes) = buffer.get(..kept)
                    && kept > 0
                {
                    on_output(self.stream, bytes);
                }
                Ok(kept < got)
            }
            Err(error) if is_passing(&error) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

fn is_passing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}

/// Rounded up, so that a wait never ends just before its time and spins.
fn timeout(until: Instant) -> PollTimeout {
    let left = until.saturating_duration_since(now());
    PollTimeout::try_from(left.as_millis().saturating_add(1)).unwrap_or(PollTimeout::MAX)
}
