//! A running process and its group, from its start to the moment when nothing of the group is left.

use std::io;
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use super::pipes::{Also, Pipes, Seen};
use super::{Command, Ended, Exit, Interrupt, ProcessError, Stream};
use crate::sys::pidfd::pidfd;

/// How long output is waited for once the process itself has ended: what it left in its pipes is there at once, and
/// more can only come from somebody it left behind.
const DRAIN_GRACE: Duration = Duration::from_millis(200);

/// How long a supervised program may take to end once nobody reads its output: longer than its supervisor gives it.
const SUPERVISOR_GRACE: Duration = Duration::from_secs(8);

/// How long a killed process may take to die.
const KILL_GRACE: Duration = Duration::from_secs(2);

/// A started process that leads its own group. Dropping it ends the group.
pub(super) struct Tree {
    child: Child,
    reaped: bool,
}

/// How far a run has come.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Running,
    Killed,
    Exited,
}

impl Tree {
    pub(super) fn start(command: &Command) -> Result<Tree, ProcessError> {
        let program = &command.program;
        if !program.is_absolute() {
            return Err(ProcessError::NotAbsolute(program.clone()));
        }
        let stdin = if command.stdin.is_empty() { Stdio::null() } else { Stdio::piped() };
        let child = builder(command)
            .stdin(stdin)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|source| ProcessError::Start { program: program.clone(), source })?;
        Ok(Tree { child, reaped: false })
    }

    pub(super) fn of(child: Child) -> Tree {
        Tree { child, reaped: false }
    }

    pub(super) fn run(
        mut self,
        command: &Command,
        on_output: &mut dyn FnMut(Stream, &[u8]),
        interrupt: Option<&mut dyn Interrupt>,
    ) -> Result<Ended, ProcessError> {
        let lost = |source| ProcessError::Watch { program: command.program.clone(), source };
        let (end, truncated) = self.watch(command, on_output, interrupt).map_err(lost)?;
        let timed_out = match end {
            End::InTime => false,
            End::Killed => true,
            End::Unkillable => {
                return Err(ProcessError::StillRunning {
                    program: command.program.clone(),
                    pid: self.child.id(),
                });
            }
        };
        let status = self.reap().map_err(lost)?;
        Ok(Ended { status, truncated, timed_out })
    }

    fn watch(
        &mut self,
        command: &Command,
        on_output: &mut dyn FnMut(Stream, &[u8]),
        mut interrupt: Option<&mut dyn Interrupt>,
    ) -> io::Result<(End, bool)> {
        let mut pipes = Pipes::take(&mut self.child, command)?;
        let exit = pidfd(self.pid()?)?;
        let mut phase = Phase::Running;
        let mut timed_out = false;
        let mut until = after(command.deadline);
        loop {
            let also = Also {
                exit: (phase != Phase::Exited).then(|| exit.as_fd()),
                interrupt: interrupt.as_ref().map(|interrupt| interrupt.source()),
            };
            let Seen { exited, interrupted } = pipes.step(&also, until, on_output)?;
            if exited {
                phase = Phase::Exited;
                until = after(DRAIN_GRACE);
            }
            if interrupted {
                let heard = interrupt.as_mut().and_then(|interrupt| interrupt.heard());
                if heard != Some(false) {
                    interrupt = None;
                }
                if heard == Some(true) && phase == Phase::Running {
                    pipes.close();
                    until = after(SUPERVISOR_GRACE);
                }
            }
            let over = now() >= until;
            match phase {
                Phase::Exited if over || pipes.outputs_closed() => {
                    return Ok((if timed_out { End::Killed } else { End::InTime }, pipes.truncated));
                }
                Phase::Running if over => {
                    timed_out = true;
                    self.kill();
                    phase = Phase::Killed;
                    until = after(KILL_GRACE);
                }
                Phase::Killed if over => return Ok((End::Unkillable, pipes.truncated)),
                Phase::Running | Phase::Killed | Phase::Exited => {}
            }
        }
    }

    /// Ends what is left of the group, then lets go of its leader. In this order: until it is reaped the leader keeps
    /// its number, so that no stranger can have come by it.
    fn reap(&mut self) -> io::Result<Exit> {
        self.kill();
        let status = self.child.wait()?;
        self.reaped = true;
        Ok(Exit::from_status(status))
    }

    /// Kills the group. Failure shows: the process does not end, and [`End::Unkillable`] follows.
    pub(super) fn kill(&mut self) {
        if let Ok(pid) = self.pid()
            && !self.reaped
        {
            let _ = killpg(pid, Signal::SIGKILL);
        }
    }

    fn pid(&self) -> io::Result<Pid> {
        i32::try_from(self.child.id()).map(Pid::from_raw).map_err(io::Error::other)
    }

    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(super) fn try_wait(&mut self) -> io::Result<Option<Exit>> {
        let status = self.child.try_wait()?;
        self.reaped |= status.is_some();
        Ok(status.map(Exit::from_status))
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        if self.reaped {
            return;
        }
        self.kill();
        // Whoever drops must not wait for one that will not die.
        let pid = self.child.id();
        if !matches!(self.child.try_wait(), Ok(Some(_))) {
            std::thread::spawn(move || {
                if let Ok(pid) = i32::try_from(pid) {
                    let _ = nix::sys::wait::waitpid(Pid::from_raw(pid), None);
                }
            });
        }
    }
}

enum End {
    InTime,
    Killed,
    Unkillable,
}

/// A std command with path, arguments, environment and its own process group, but no descriptors yet.
#[allow(clippy::disallowed_methods, reason = "the one place that starts processes")]
pub(super) fn builder(command: &Command) -> std::process::Command {
    let mut builder = std::process::Command::new(&command.program);
    builder.args(&command.args).env_clear().envs(command.env.iter().map(|(name, value)| (name, value)));
    builder.process_group(0);
    builder
}

#[allow(
    clippy::disallowed_methods,
    reason = "a deadline of the kernel's, not a time that anything is decided by"
)]
pub(super) fn now() -> Instant {
    Instant::now()
}

fn after(time: Duration) -> Instant {
    const A_DAY: Duration = Duration::from_secs(24 * 60 * 60);
    now() + time.min(A_DAY)
}
