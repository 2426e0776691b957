//! Where a tool's tree writes, what of it there is to read, and what the wrapper says itself.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::sandbox::report::CHUNK;
use crate::sandbox::traffic::{Traffic, UNCOUNTED};

/// How often what is used is looked at.
pub(super) const TICK: Duration = Duration::from_millis(50);

/// Where the tree's processes write.
#[derive(Debug)]
pub(super) struct Pipes {
    pub(super) report: OwnedFd,
    pub(super) out: OwnedFd,
    pub(super) err: OwnedFd,
    /// Where it gives its directories in memory.
    pub(super) rooms: UnixStream,
}

/// What a poll found.
#[derive(Clone, Copy, Debug)]
pub(super) struct Readable {
    pub(super) listener_gone: bool,
    pub(super) exited: bool,
    pub(super) report: bool,
    pub(super) out: bool,
    pub(super) err: bool,
}

/// Waits for the end of a process, for something in what is open of report, output and error output, or for a tick to be over.
pub(super) fn wait(exit: &OwnedFd, sources: [Option<&File>; 3]) -> io::Result<Readable> {
    let stdout = io::stdout();
    let mut fds =
        vec![PollFd::new(stdout.as_fd(), PollFlags::empty()), PollFd::new(exit.as_fd(), PollFlags::POLLIN)];
    fds.extend(sources.iter().flatten().map(|fd| PollFd::new(fd.as_fd(), PollFlags::POLLIN)));
    match poll(&mut fds, PollTimeout::try_from(TICK).unwrap_or(PollTimeout::ZERO)) {
        Ok(_) | Err(Errno::EINTR) => {}
        Err(errno) => return Err(errno.into()),
    }
    let mut answers = fds.iter().map(|fd| fd.any().unwrap_or(false));
    let mut next = |is_there: bool| is_there && answers.next().unwrap_or(false);
    let [report, out, err] = sources.map(|source| source.is_some());
    Ok(Readable {
        listener_gone: next(true),
        exited: next(true),
        report: next(report),
        out: next(out),
        err: next(err),
    })
}

/// What is there to read now; at its end the file is closed.
pub(super) fn read(from: &mut Option<File>) -> io::Result<Vec<u8>> {
    let mut buffer = vec![0; CHUNK];
    let count = match from {
        Some(file) => file.read(&mut buffer)?,
        None => 0,
    };
    if count == 0 {
        *from = None;
    }
    buffer.truncate(count);
    Ok(buffer)
}

/// What went through the proxy; one word when it did not live to say so.
pub(super) fn tell(traffic: Option<Vec<Traffic>>) -> io::Result<()> {
    match traffic {
        Some(all) => all.iter().try_for_each(|one| say(&one.to_string())),
        None => say(UNCOUNTED),
    }
}

pub(super) fn say(line: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(format!("{line}\n").as_bytes())?;
    stdout.flush()
}
