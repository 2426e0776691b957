//! The worker process: it confines itself, reads one policy, and then decides until its socket closes.

use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::process::ExitCode;
use std::time::Duration;

use super::language::Policy;
use super::source::{PolicySource, SourceFile};
use super::wire::{Frames, MAX_POLICY_FRAME, Question, Reply, Startup, WorkerReport, frame};
use crate::sys::clock::{Clock, SystemClock};
use crate::sys::confine::{self, Landlock};
use crate::sys::harden;

/// The argument by which a program of ours is a policy worker and nothing else.
pub const ARGUMENT: &str = "__policy-worker";

/// All memory that the worker may have. What a policy could ask for beyond that ends it.
const MEMORY: u64 = 256 << 20;

/// How long a decision that is made may wait for others to be sent with it.
const HOLD: Duration = Duration::from_millis(1);

const CHUNK: usize = 64 * 1024;

/// The whole worker. To be called first in `main`, before any thread exists.
#[must_use]
pub fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(_told_by_the_status) => ExitCode::FAILURE,
    }
}

fn run() -> io::Result<()> {
    // A panic ends the worker, which is answer enough; its message would be one write too many for the filter.
    std::panic::set_hook(Box::new(|_panic| {}));
    harden::start(&[])?;
    let mut socket = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    warm_up();
    match confine::to_socket(&socket, MEMORY) {
        Ok(landlock) => Worker::new(socket).serve(landlock),
        Err(error) => {
            let cause =
                std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
            send(&mut socket, &Startup::Unconfined(format!("{error}{cause}")))
        }
    }
}

/// Loads a policy of our own before anything of others is read: libraries below the interpreter look at the number of
/// processors when first used, and the filter would kill them for it.
fn warm_up() {
    let text = "def evaluate(tool, args, context):\n    matches(tool, \"a+\")\n    return allow(f\"{tool}\" + \"{}\".format(json.encode(args)))\n\
                example(\"a\", {\"b\": 1}, expect = \"allow\")\n";
    let main = SourceFile { name: "warm-up.star".to_owned(), text: text.to_owned() };
    // What comes of it does not matter: if it fails, so will the real one, and say why.
    drop(Policy::load(&PolicySource::new(main, Vec::new())));
}

struct Worker {
    socket: UnixStream,
    frames: Frames,
    chunk: Box<[u8]>,
    replies: Vec<u8>,
}

impl Worker {
    fn new(socket: UnixStream) -> Self {
        Self {
            socket,
            frames: Frames::up_to(MAX_POLICY_FRAME),
            chunk: vec![0; CHUNK].into(),
            replies: Vec::new(),
        }
    }

    fn serve(mut self, landlock: Landlock) -> io::Result<()> {
        let Some(policy) = self.load(landlock)? else { return Ok(()) };
        let mut flushed = SystemClock.boot();
        loop {
            while let Some(json) = self.frames.next().map_err(|_too_large| bad_frame())? {
                let question: Question<'_> = serde_json::from_slice(json)?;
                let (ruling, matched) = policy.rule(&question);
                let reply = Reply { id: question.id, ruling, matched };
                self.replies.extend(frame(&reply).map_err(|_too_large| bad_frame())?);
                if SystemClock.boot().saturating_sub(flushed) > HOLD {
                    self.flush()?;
                    flushed = SystemClock.boot();
                }
            }
            self.flush()?;
            if !self.receive()? {
                return Ok(());
            }
            flushed = SystemClock.boot();
        }
    }

    /// Reads the policy and says how that went.
    fn load(&mut self, landlock: Landlock) -> io::Result<Option<Policy>> {
        let source: PolicySource = loop {
            if let Some(json) = self.frames.next().map_err(|_too_large| bad_frame())? {
                break serde_json::from_slice(json)?;
            }
            if !self.receive()? {
                return Ok(None);
            }
        };
        match Policy::load(&source) {
            Ok(policy) => {
                let found = policy.found();
                let report = WorkerReport {
                    landlock: word(landlock).to_owned(),
                    examples: found.examples,
                    rules: found.rules,
                    warnings: found.warnings.clone(),
                    untried: found.untried.clone(),
                    untried_count: found.untried_count,
                    profiles: policy.profiles(),
                };
                send(&mut self.socket, &Startup::Ready(report))?;
                Ok(Some(policy))
            }
            Err(problems) => {
                send(&mut self.socket, &Startup::Rejected(problems))?;
                Ok(None)
            }
        }
    }

    /// Waits for bytes; false when the gate has closed its end.
    fn receive(&mut self) -> io::Result<bool> {
        let count = self.socket.read(&mut self.chunk)?;
        self.frames.push(self.chunk.get(..count).unwrap_or_default());
        Ok(count > 0)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.socket.write_all(&self.replies)?;
        self.replies.clear();
        Ok(())
    }
}

fn word(landlock: Landlock) -> &'static str {
    match landlock {
        Landlock::Full => "full",
        Landlock::Partial => "partial",
        Landlock::Absent => "absent",
    }
}

fn send(socket: &mut UnixStream, message: &Startup) -> io::Result<()> {
    socket.write_all(&frame(message).map_err(|_too_large| bad_frame())?)
}

fn bad_frame() -> io::Error {
    io::Error::other("a frame is too large")
}
