//! A long-lived helper process that talks over a socket on its stdin.

use std::ffi::OsString;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Stdio;

use super::tree::{Tree, builder};
use super::{Command, Exit, ProcessError};

/// A running helper. Dropping it kills its process group.
pub struct Worker(Tree);

impl Worker {
    /// Its process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.0.id()
    }

    /// Kills its process group.
    pub fn kill(&mut self) {
        self.0.kill();
    }

    /// How it ended; `None` while it runs.
    ///
    /// # Errors
    /// When the system cannot say.
    pub fn try_wait(&mut self) -> io::Result<Option<Exit>> {
        self.0.try_wait()
    }
}

impl std::fmt::Debug for Worker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Worker({})", self.id())
    }
}

/// Starts a helper whose stdin is one end of a socket pair, and returns the other. Stdout is nowhere, stderr is ours.
///
/// # Errors
/// When the pair or the process could not be made.
pub fn spawn_with_socket(program: &Path, args: &[OsString]) -> Result<(Worker, UnixStream), ProcessError> {
    if !program.is_absolute() {
        return Err(ProcessError::NotAbsolute(program.to_owned()));
    }
    let start = |source| ProcessError::Start { program: program.to_owned(), source };
    let (ours, theirs) = UnixStream::pair().map_err(start)?;
    let mut builder = builder(&Command::new(program).args(args));
    builder.stdin(OwnedFd::from(theirs)).stdout(Stdio::null()).stderr(Stdio::inherit());
    let child = builder.spawn().map_err(start)?;
    // The builder holds the helper's end of the pair; while it lives, a dead helper never shows as end of file.
    drop(builder);
    Ok((Worker(Tree::of(child)), ours))
}
