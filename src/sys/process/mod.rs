//! The one place that starts processes: by absolute path, with an argument array, a cleared environment, a deadline and
//! bounded output, and with the whole process group ended before the call returns.
//!
//! Std starts them by `posix_spawn`, which does not copy this process's page tables; `pre_exec`, `uid` and `gid` would
//! turn that into a `fork` and are not used. What leaves its process group (`setsid`) outlives the call, though it
//! cannot hold it: only a cgroup or a pid namespace ends such a process, and the sandbox has one.

mod pipes;
mod tree;
mod worker;

use std::ffi::OsString;
use std::fmt;
use std::io;
use std::os::fd::BorrowedFd;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::Duration;

pub use worker::{Worker, spawn_with_socket};

/// What to start, and within which bounds.
#[derive(Clone, Debug)]
pub struct Command {
    /// The program, by absolute path.
    pub program: PathBuf,
    /// Its arguments, without the program's name.
    pub args: Vec<OsString>,
    /// Its whole environment.
    pub env: Vec<(OsString, OsString)>,
    /// What it reads from stdin; `/dev/null` when empty.
    pub stdin: Vec<u8>,
    /// How long it may run before its process group is killed.
    pub deadline: Duration,
    /// How many bytes of each output stream are kept; what comes after is read and forgotten.
    pub max_output: usize,
}

impl Command {
    /// A program without arguments, with 30 seconds, 1 MiB of each output, and the environment of
    /// [`super::exec::ENVIRONMENT`].
    #[must_use]
    pub fn new(program: impl Into<PathBuf>) -> Command {
        Command {
            program: program.into(),
            args: Vec::new(),
            env: super::exec::ENVIRONMENT.map(|(name, value)| (name.into(), value.into())).to_vec(),
            stdin: Vec::new(),
            deadline: Duration::from_secs(30),
            max_output: 1024 * 1024,
        }
    }

    /// Adds arguments.
    #[must_use]
    pub fn args(mut self, args: impl IntoIterator<Item = impl Into<OsString>>) -> Command {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Adds one environment variable.
    #[must_use]
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Command {
        self.env.push((name.into(), value.into()));
        self
    }

    /// Sets what it reads.
    #[must_use]
    pub fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Command {
        self.stdin = bytes.into();
        self
    }

    /// Sets how long it may run.
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Command {
        self.deadline = deadline;
        self
    }

    /// Sets how much of each output is kept.
    #[must_use]
    pub fn max_output(mut self, bytes: usize) -> Command {
        self.max_output = bytes;
        self
    }
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// By itself, with this status.
    Code(i32),
    /// By this signal.
    Signal(i32),
}

impl Exit {
    /// Whether it ended by itself with status 0.
    #[must_use]
    pub fn success(self) -> bool {
        self == Exit::Code(0)
    }

    fn from_status(status: ExitStatus) -> Exit {
        match (status.code(), status.signal()) {
            (Some(code), _) => Exit::Code(code),
            (None, Some(signal)) => Exit::Signal(signal),
            // Neither ended by itself nor by a signal: wait() does not return such a status.
            (None, None) => Exit::Code(-1),
        }
    }
}

/// One of the two outputs of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Descriptor 1.
    Stdout,
    /// Descriptor 2.
    Stderr,
}

/// How a process ended, its output having been handed on as it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    /// The status.
    pub status: Exit,
    /// Whether output past the bound was thrown away.
    pub truncated: bool,
    /// Whether it was killed for running past its deadline.
    pub timed_out: bool,
}

/// Asked, while a process runs, whether it shall end before its time.
pub trait Interrupt {
    /// What becomes readable when there is something to ask about.
    fn source(&self) -> BorrowedFd<'_>;

    /// Whether that means "end it". When it does, or when it is None (nothing will come any more), it is not asked again.
    fn heard(&mut self) -> Option<bool>;
}

/// How a process ended and what it wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finished {
    /// The status.
    pub status: Exit,
    /// What it wrote to descriptor 1.
    pub stdout: Vec<u8>,
    /// What it wrote to descriptor 2.
    pub stderr: Vec<u8>,
    /// Whether output past the bound was thrown away.
    pub truncated: bool,
    /// Whether it was killed for running past its deadline.
    pub timed_out: bool,
}

impl Finished {
    pub(crate) fn collect<E>(
        run: impl FnOnce(&mut dyn FnMut(Stream, &[u8])) -> Result<Ended, E>,
    ) -> Result<Finished, E> {
        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        let ended = run(&mut |stream, bytes| match stream {
            Stream::Stdout => stdout.extend_from_slice(bytes),
            Stream::Stderr => stderr.extend_from_slice(bytes),
        })?;
        let Ended { status, truncated, timed_out } = ended;
        Ok(Finished { status, stdout, stderr, truncated, timed_out })
    }
}

/// Runs a process to its end and returns what it wrote.
///
/// # Errors
/// When it could not be started, or could not be ended.
pub fn run(command: &Command) -> Result<Finished, ProcessError> {
    Finished::collect(|on_output| run_streaming(command, on_output))
}

/// Runs a process to its end and hands on what it writes, as it comes. While `on_output` runs, the process may have to
/// wait for room in its pipe, and its deadline is not looked at.
///
/// # Errors
/// When it could not be started, or could not be ended.
pub fn run_streaming(
    command: &Command,
    on_output: &mut dyn FnMut(Stream, &[u8]),
) -> Result<Ended, ProcessError> {
    tree::Tree::start(command)?.run(command, on_output, None)
}

/// As [`run_streaming`], until somebody says "enough": then nobody reads the process's output any more, which ends a
/// supervised program with all its children, and after a while its group is killed.
///
/// # Errors
/// When it could not be started, or could not be ended.
pub fn run_until(
    command: &Command,
    interrupt: &mut dyn Interrupt,
    on_output: &mut dyn FnMut(Stream, &[u8]),
) -> Result<Ended, ProcessError> {
    tree::Tree::start(command)?.run(command, on_output, Some(interrupt))
}

/// A process could not be started, watched or ended.
#[derive(Debug)]
pub enum ProcessError {
    /// The program's path is not absolute.
    NotAbsolute(PathBuf),
    /// Nothing was started.
    Start {
        /// What should have been.
        program: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// It was started, but its pipes or its end could not be watched; its group has been killed.
    Watch {
        /// What was started.
        program: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// It ran past its deadline and could not be killed: it waits inside the kernel, or belongs to another user.
    StillRunning {
        /// What was started.
        program: PathBuf,
        /// Its process id.
        pid: u32,
    },
}

impl ProcessError {
    /// Whether it is certain that the program never ran.
    #[must_use]
    pub fn nothing_ran(&self) -> bool {
        match self {
            ProcessError::NotAbsolute(_) | ProcessError::Start { .. } => true,
            ProcessError::Watch { .. } | ProcessError::StillRunning { .. } => false,
        }
    }
}

impl fmt::Display for ProcessError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ProcessError::NotAbsolute(program) => {
                write!(f, "{}: must be an absolute path", program.display())
            }
            ProcessError::Start { program, .. } => write!(f, "{}: could not be started", program.display()),
            ProcessError::Watch { program, .. } => write!(f, "{}: was lost sight of", program.display()),
            ProcessError::StillRunning { program, pid } => {
                write!(f, "{}: still runs past its deadline as process {pid}", program.display())
            }
        }
    }
}

impl std::error::Error for ProcessError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            ProcessError::Start { source, .. } | ProcessError::Watch { source, .. } => Some(source),
            ProcessError::NotAbsolute(_) | ProcessError::StillRunning { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests;
