//! One command on its way to the launcher: signed into a grant, with its limits.

use std::sync::Arc;
use std::time::Duration;

use super::Gate;
use super::live::Cell;
use super::protocol::{Problem, ProblemKind};
use crate::adapter::{self, Argv};
use crate::grant::{Grant, RunAs, SignedGrant, WrapperName};
use crate::job::Job;
use crate::launcher::client::{LaunchError, Request, run, run_timed};
use crate::sys::process::{Finished, Stream};
use crate::sys::random;

/// How long a grant is good, in seconds of the boot clock: long enough for the launcher's queue, too short to be kept.
pub(super) const GRANT_LIFETIME_SECS: u64 = 15;
/// How much of each of a tool's outputs is taken, in bytes.
const MAX_OUTPUT: usize = 4 << 20;
/// How long a command that only reads may run, in seconds, unless its adapter knows that it takes longer.
const READING_SECS: u32 = 10;

/// What is to be started.
pub(super) struct Launch<'a> {
    pub(super) wrapper: WrapperName,
    pub(super) argv: &'a Argv,
    pub(super) run_as: &'a RunAs,
    /// How many seconds it may run.
    pub(super) limit: u32,
}

/// How many seconds a command that only reads may run.
pub(super) fn reading_limit(argv: &Argv) -> u32 {
    argv.limit.map_or(READING_SECS, seconds)
}

fn seconds(time: Duration) -> u32 {
    u32::try_from(time.as_secs()).unwrap_or(u32::MAX).max(1)
}

impl Gate {
    /// How many seconds a step may run.
    pub(super) fn step_limit(&self, argv: &Argv) -> u32 {
        seconds(argv.limit.unwrap_or(self.launcher.settings.deadline))
    }

    /// Signs leave for one command.
    pub(super) fn sign(
        &self,
        operation: &str,
        step: usize,
        launch: &Launch<'_>,
    ) -> Result<SignedGrant, Problem> {
        let trouble = |why: &str| Problem::new(ProblemKind::Unavailable, why);
        let mut nonce = [0; 16];
        random::fill(&mut nonce).map_err(|_error| trouble("the host gives no randomness; nothing ran"))?;
        let not_after = self.clock.boot() + Duration::from_secs(GRANT_LIFETIME_SECS);
        let grant = Grant {
            operation: operation.to_owned(),
            step: u16::try_from(step).map_err(|_many| trouble("the plan has too many steps; nothing ran"))?,
            wrapper: launch.wrapper,
            program: launch.argv.program.production_path().to_owned(),
            argv: launch.argv.args.clone(),
            directory: launch.argv.directory.clone(),
            run_as: launch.run_as.clone(),
            host: self.identity.machine_id.clone(),
            boot: self.identity.boot_id.clone(),
            not_after: u64::try_from(not_after.as_nanos()).unwrap_or(0),
            run_limit_secs: launch.limit,
            nonce,
        };
        self.key.sign(&grant).map_err(|_malformed| trouble("the step does not fit into a grant; nothing ran"))
    }

    /// What the launcher is asked for.
    pub(super) fn request(&self, launch: &Launch<'_>, grant: SignedGrant) -> Request {
        Request {
            wrapper: launch.wrapper,
            grant,
            // The wrapper's own limit ends the tool; the launcher's comes a little later and ends what ignored it.
            deadline: Duration::from_secs(u64::from(launch.limit) + 10),
            max_output: MAX_OUTPUT,
            launcher_uid: Some(self.launcher.uid),
        }
    }

    /// Has the launcher run a step; what it prints is shown to the caller as far as its adapter says so.
    pub(super) async fn launch(
        &self,
        cell: &Arc<Cell>,
        job: &Job,
        request: Request,
    ) -> Result<Finished, LaunchError> {
        let socket = self.launcher.settings.socket.clone();
        let (cell, operation) = (Arc::clone(cell), job.submission.operation.clone());
        let is_shown = self.shows_output_as_it_comes();
        let (work, wrapper) = (self.work(job, "launch"), request.wrapper);
        let is_timed = work.is_kept();
        let running = tokio::task::spawn_blocking(move || {
            let adapter = adapter::of(&operation);
            let mut lines = Lines::default();
            let on_output = &mut |stream: Stream, bytes: &[u8]| {
                if stream == Stream::Stdout && is_shown {
                    lines.take(bytes, &mut |line| {
                        if let Some(shown) = adapter.progress(line) {
                            cell.output.push(shown);
                        }
                    });
                }
            };
            if is_timed {
                return run_timed(&socket, &request, &cell.cancellation, on_output);
            }
            run(&socket, &request, &cell.cancellation, on_output).map(|finished| (finished, None))
        });
        let gone = |_panicked| Err(LaunchError::Failed("the gate's thread ended".to_owned()));
        let (finished, times) = running.await.unwrap_or_else(gone)?;
        self.trace_launched(&work, wrapper, times);
        Ok(finished)
    }
}

/// Cuts output into lines as it comes.
#[derive(Default)]
struct Lines {
    begun: Vec<u8>,
    too_long: bool,
}

impl Lines {
    /// The longest line that is looked at; a longer one is left out.
    const LONGEST: usize = 64 * 1024;

    fn take(&mut self, bytes: &[u8], on_line: &mut dyn FnMut(&[u8])) {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let (piece, ends) = match piece.strip_suffix(b"\n") {
                Some(rest) => (rest, true),
                None => (piece, false),
            };
            if self.begun.len() + piece.len() > Self::LONGEST {
                self.too_long = true;
                self.begun.clear();
            }
            if !self.too_long {
                self.begun.extend_from_slice(piece);
            }
            if ends {
                if !self.too_long {
                    on_line(&self.begun);
                }
                self.begun.clear();
                self.too_long = false;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(pieces: &[&[u8]]) -> Vec<String> {
        let (mut lines, mut seen) = (Lines::default(), Vec::new());
        for piece in pieces {
            lines.take(piece, &mut |line| seen.push(String::from_utf8_lossy(line).into_owned()));
        }
        seen
    }

    #[test]
    fn lines_are_the_same_however_the_output_is_cut() {
        assert_eq!(cut(&[b"one\ntwo\n\nthr", b"ee\nfour"]), ["one", "two", "", "three"]);
        let bytes: Vec<&[u8]> = b"one\ntwo\n\nthree\nfour".chunks(1).collect();
        assert_eq!(cut(&bytes), ["one", "two", "", "three"]);
    }

    #[test]
    fn a_line_that_is_too_long_is_left_out_and_the_next_one_is_not() {
        let long = vec![b'x'; Lines::LONGEST];
        assert_eq!(cut(&[b"a\n", &long, b"x\nb\n"]), ["a", "b"]);
        assert_eq!(cut(&[&long, b"\nb\n"]).len(), 2);
    }
}
