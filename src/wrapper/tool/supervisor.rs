//! Outside of the tool's tree: hands its output on, counts what it uses, and ends all of it when a limit is reached, when
//! nobody listens, or when the tool itself has ended.

use std::convert::Infallible;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::Signal;
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::Pid;

use super::inside::Order;
use super::kept::Kept;
use super::pipes::{self, Pipes, Readable, TICK, read, say, tell};
use super::proxy::Proxy;
use super::room::{self, Rooms};
use crate::grant::Refusal;
use crate::sandbox::Confinement;
use crate::sandbox::module::Said;
use crate::sandbox::report::{Active, CHUNK, End, How, Limit, output};
use crate::sys::cgroup::{Bounds, Cgroup};
use crate::sys::jail;

/// How long what was killed may take to be gone.
const KILL_GRACE: Duration = Duration::from_secs(2);
/// How long beyond the tool's time what it left may be read, by somebody who takes it slowly: what ends a tree is in it, and what
/// comes after it, a count and the proxy's word, is within the time that the wrapper has beyond its tool's.
const DRAIN: Duration = Duration::from_secs(3);
/// The same, where somebody may still write whom nothing could end.
const DRAIN_BESIDE: Duration = Duration::from_millis(200);
/// How much is kept of what is said before a tool begins: by bubblewrap, or by the inner stage.
const MAX_SAID: u64 = 4096;

/// A running tool.
pub(super) struct Supervisor {
    child: Pid,
    exit: OwnedFd,
    report: Option<File>,
    out: Option<File>,
    err: Option<File>,
    cgroup: Option<Cgroup>,
    kept: Option<Kept>,
    given: UnixStream,
    rooms: Rooms,
    confinement: Confinement,
    outside: Vec<String>,
    said: Vec<u8>,
    reported: String,
    seen: usize,
    is_active: bool,
    started: Option<Instant>,
    how: Option<How>,
    limit: Option<Limit>,
    /// Those that it came to, whatever ended it.
    met: Vec<Limit>,
    written: u64,
    /// Whether it wrote more than is handed on.
    is_cut: bool,
    began: Instant,
}

/// Why a watch is over.
enum Over {
    Ended,
    NobodyListens,
}

impl Supervisor {
    pub(super) fn new(
        (child, pipes): (Pid, Pipes),
        cgroup: Option<Cgroup>,
        kept: Option<Kept>,
        order: &Order,
    ) -> io::Result<Self> {
        Ok(Self {
            child,
            exit: jail::exit_of(child)?,
            report: Some(File::from(pipes.report)),
            out: Some(File::from(pipes.out)),
            err: Some(File::from(pipes.err)),
            cgroup,
            kept,
            given: pipes.rooms,
            rooms: Rooms::default(),
            confinement: order.confinement.clone(),
            outside: order.outside.clone(),
            said: Vec::new(),
            reported: String::new(),
            seen: 0,
            is_active: false,
            started: None,
            how: None,
            limit: None,
            met: Vec::new(),
            written: 0,
            is_cut: false,
            began: now(),
        })
    }

    /// Watches to the end, which is this process's.
    ///
    /// # Errors
    /// When the tool did not begin.
    pub(super) fn watch(mut self, limit: Duration, proxy: &mut Option<Proxy>) -> Result<Infallible, Refusal> {
        let over = self.until_over(limit, proxy.as_ref());
        let is_gone = self.end_all();
        let over = over.and_then(|over| self.drain(is_gone, limit).map(|()| over));
        // Nobody writes any more: what was filled in a last moment is found, too.
        self.limit =
            self.limit.or_else(|| self.kept.as_ref().and_then(|kept| kept.limit_at_the_end(self.how, now)));
        self.meet_at_the_end();
        let ended = self.end();
        drop(std::mem::take(&mut self.rooms));
        self.cgroup.iter().for_each(Cgroup::remove);
        let traffic = proxy.as_mut().map(Proxy::end);
        drop(proxy.take());
        match over {
            Ok(Over::Ended) if self.is_active => {}
            Ok(Over::Ended) => return Err(self.refusal()),
            Err(source) if source.kind() != io::ErrorKind::BrokenPipe => {
                return Err(Refusal::System { doing: "watch the tool", source });
            }
            Ok(Over::NobodyListens) | Err(_) => {
                let _ = nix::sys::signal::raise(Signal::SIGKILL);
            }
        }
        let told = traffic.map_or(Ok(()), tell).and_then(|()| say(&ended.to_string()));
        std::process::exit(if told.is_ok() { 0 } else { 1 })
    }

    fn until_over(&mut self, limit: Duration, proxy: Option<&Proxy>) -> io::Result<Over> {
        let until = self.began + limit;
        loop {
            let is_readable = self.wait_for_something()?;
            if is_readable.listener_gone {
                return Ok(Over::NobodyListens);
            }
            self.take(&is_readable)?;
            // Who fails before it begins closes its report first, and says why after that.
            let has_closed = self.report.is_none() && self.is_active;
            if self.how.is_some() || has_closed || is_readable.exited {
                return Ok(Over::Ended);
            }
            // It has no way out any more, and nobody is left to say whom it reached.
            if self.is_active && proxy.is_some_and(Proxy::is_gone) {
                return Ok(Over::Ended);
            }
            self.limit = self.limit.or_else(|| self.limit_reached(until));
            if self.limit.is_some() {
                return Ok(Over::Ended);
            }
        }
    }

    fn wait_for_something(&self) -> io::Result<Readable> {
        // What the tool writes stays in its pipes until it is certain that it is the tool that writes.
        let [out, err] = [&self.out, &self.err].map(|pipe| pipe.as_ref().filter(|_| self.is_active));
        pipes::wait(&self.exit, [self.report.as_ref(), out, err])
    }

    fn take(&mut self, readable: &Readable) -> io::Result<()> {
        if readable.report {
            let bytes = read(&mut self.report)?;
            self.reported.push_str(&String::from_utf8_lossy(&bytes));
            self.hear()?;
        }
        if readable.out {
            let bytes = read(&mut self.out)?;
            self.hand_on("out", &bytes)?;
        }
        if readable.err {
            let bytes = read(&mut self.err)?;
            self.hand_on("err", &bytes)?;
        }
        Ok(())
    }

    /// What the inner stage reports, line by line.
    fn hear(&mut self) -> io::Result<()> {
        while let Some((line, rest)) = self.reported.get(self.seen..).and_then(|rest| rest.split_once('\n')) {
            let line = line.to_owned();
            self.seen = self.reported.len() - rest.len();
            if let Some(active) = Active::read(&line) {
                self.is_active = true;
                self.started.get_or_insert_with(now);
                self.rooms = room::take(&self.confinement, &self.given)?;
                let own = active.namespaces.iter().filter(|one| !self.outside.contains(one));
                let namespaces =
                    own.map(|one| one.split(':').next().unwrap_or_default().to_owned()).collect();
                let bounded_by = self.cgroup.as_ref().map_or("rlimit", Cgroup::kind).to_owned();
                let mut limits = active.limits.clone();
                limits.extend(self.bounds_of_the_group());
                say(&Active { namespaces, limits, bounded_by, ..active }.to_string())?;
            } else if let Some(why) = line.strip_prefix("failed ") {
                self.is_active = false;
                self.said.extend_from_slice(why.as_bytes());
            } else if let Some(limit) = line.strip_prefix("reached ") {
                self.meet(Limit::read(limit));
            } else if let Some((kind, what)) = line.split_once(' ') {
                self.how = How::read(kind, what);
            }
        }
        Ok(())
    }

    /// As the kernel tells them.
    fn bounds_of_the_group(&self) -> Vec<(String, u64)> {
        let bounds = self.cgroup.as_ref().and_then(Cgroup::bounds);
        let around = super::around(self.confinement.tier);
        let all = bounds.map(|Bounds { memory, processes }| {
            [("memory", memory), ("processes", processes.saturating_sub(around))]
        });
        all.into_iter().flatten().map(|(name, most)| (name.to_owned(), most)).collect()
    }

    /// A tool's output.
    fn hand_on(&mut self, stream: &str, bytes: &[u8]) -> io::Result<()> {
        let most = self.confinement.limits.output;
        let room = usize::try_from(most.saturating_sub(self.written)).unwrap_or(usize::MAX);
        if bytes.len() > room {
            self.is_cut = true;
            self.limit = self.limit.or(Some(Limit::Output));
        }
        let kept = bytes.get(..bytes.len().min(room)).unwrap_or_default();
        self.written += u64::try_from(kept.len()).unwrap_or(u64::MAX);
        kept.chunks(CHUNK).try_for_each(|chunk| say(&output(stream, chunk)))
    }

    /// A limit that a call came to, or a process: inside, where nobody outside sees that.
    fn meet(&mut self, limits: impl IntoIterator<Item = Limit>) {
        for limit in limits {
            if !self.met.contains(&limit) {
                self.met.push(limit);
            }
        }
    }

    fn meet_at_the_end(&mut self) {
        let processes = self.cgroup.as_ref().is_some_and(Cgroup::ran_out_of_processes);
        self.meet(processes.then_some(Limit::Processes));
        self.meet(self.rooms.reached());
    }

    fn limit_reached(&mut self, until: Instant) -> Option<Limit> {
        // Who makes room again was at it all the same.
        self.meet(self.rooms.reached());
        if now() >= until {
            return Some(Limit::WallClock);
        }
        if self.cgroup.as_ref().is_some_and(Cgroup::ran_out_of_memory) {
            return Some(Limit::Memory);
        }
        if self.used_its_time() {
            return Some(Limit::Cpu);
        }
        self.kept.as_mut().and_then(|kept| kept.limit_reached(now))
    }

    fn used_its_time(&self) -> bool {
        let used = self.cgroup.as_ref().and_then(Cgroup::cpu);
        used.is_some_and(|used| used >= Duration::from_secs(self.confinement.limits.cpu))
    }

    /// Ends the tree by its first process, or by what has that as its child and dies with it, and waits until it is gone. Whether it is.
    fn end_all(&self) -> bool {
        let until = now() + KILL_GRACE;
        // By its descriptor: once it is reaped, its number may be another's.
        let _ = jail::end_by(&self.exit);
        self.cgroup.iter().for_each(Cgroup::end_all);
        let mut gone = [PollFd::new(self.exit.as_fd(), PollFlags::POLLIN)];
        let ended = poll(&mut gone, PollTimeout::try_from(KILL_GRACE).unwrap_or(PollTimeout::ZERO));
        let _ = waitpid(self.child, Some(WaitPidFlag::WNOHANG));
        while self.cgroup.as_ref().is_some_and(|group| !group.is_empty()) && now() < until {
            std::thread::sleep(TICK / 10);
            self.cgroup.iter().for_each(Cgroup::end_all);
        }
        matches!(ended, Ok(1..)) && self.cgroup.as_ref().is_none_or(Cgroup::is_empty)
    }

    /// What is still in the pipes. When nobody is left to write, all of that was the tool's, and is read until there is no more: not to
    /// their ends, which a tool may have given to another run's. What is not read is said to be cut.
    fn drain(&mut self, is_gone: bool, limit: Duration) -> io::Result<()> {
        let until = if is_gone { self.began + limit + DRAIN } else { now() + DRAIN_BESIDE };
        while self.report.is_some() || (self.has_output() && !self.is_cut) {
            if now() >= until {
                self.is_cut |= self.has_output();
                break;
            }
            let readable = self.wait_for_something()?;
            if readable.listener_gone {
                return Ok(());
            }
            if is_gone && readable.exited && !(readable.report || readable.out || readable.err) {
                break;
            }
            self.take(&readable)?;
        }
        if let (false, Some(err)) = (self.is_active, self.err.take()) {
            // What kept it from beginning says why: bubblewrap, or the inner stage.
            err.take(MAX_SAID).read_to_end(&mut self.said)?;
        }
        Ok(())
    }

    fn has_output(&self) -> bool {
        self.is_active && (self.out.is_some() || self.err.is_some())
    }

    fn end(&self) -> End {
        let ran_out = self.cgroup.as_ref().is_some_and(Cgroup::ran_out_of_memory);
        let how = match (self.limit, self.how) {
            (Some(limit), _) => How::Limit(limit),
            (None, Some(How::Signal(libc::SIGXCPU))) => How::Limit(Limit::Cpu),
            (None, Some(How::Signal(libc::SIGXFSZ))) => How::Limit(Limit::FileSize),
            (None, None | Some(How::Signal(libc::SIGKILL))) if ran_out => How::Limit(Limit::Memory),
            (None, Some(How::Signal(libc::SIGKILL))) if self.used_its_time() => How::Limit(Limit::Cpu),
            (None, Some(How::Signal(signal))) if self.confinement.module.is_some() => {
                Said::by(signal).unwrap_or(How::Signal(signal))
            }
            (None, Some(how)) => how,
            (None, None) => How::Signal(libc::SIGKILL),
        };
        let wall = now().saturating_duration_since(self.began);
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        End {
            how,
            start_ms: millis(
                self.started.map_or(wall, |started| started.saturating_duration_since(self.began)),
            ),
            wall_ms: millis(wall),
            cpu_ms: self.cgroup.as_ref().and_then(Cgroup::cpu).map(millis),
            memory: self.cgroup.as_ref().and_then(Cgroup::memory_peak),
            is_cut: self.is_cut,
            reached: self.met.iter().copied().filter(|limit| how != How::Limit(*limit)).collect(),
        }
    }

    fn refusal(&self) -> Refusal {
        let said = String::from_utf8_lossy(&self.said);
        let line: Vec<&str> = said.split_whitespace().collect();
        let fix = if line.is_empty() { "it ended before it began".to_owned() } else { line.join(" ") };
        Refusal::NotEnforced { layer: "the sandbox", fix }
    }
}

#[allow(
    clippy::disallowed_methods,
    reason = "a deadline of the kernel's, not a time that anything is decided by"
)]
pub(super) fn now() -> Instant {
    Instant::now()
}
