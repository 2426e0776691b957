//! A control group for one run: what its processes use together, and their end.
//!
//! On a unified hierarchy (v2) with its controllers, or on the older one with a hierarchy for each (v1). A group lies at
//! the top, below `reeve-tools`: where the launcher itself runs, systemd allows none below a group with processes. Where the top
//! is somebody else's, it lies below what systemd delegated; where nothing was, there is none.
//!
//! What a killed wrapper leaves somebody tidies away who waits for that ([`Cgroup::left`]), and whoever makes the next group. So that nobody takes away a group that has no process *yet*, its
//! maker holds a lock on its directory, which the kernel takes back when the last of the run has ended, however it ended.

use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

mod hierarchy;

use hierarchy::{Hierarchy, Layout};

const OURS: &str = "reeve-tools";
/// How often a directory is made anew that was tidied away between being made and being held, which are two system calls.
const TRIES: u32 = 64;

/// The group of one run.
#[derive(Debug)]
pub struct Cgroup {
    hierarchy: Hierarchy,
    name: String,
    /// The directories above, held together with other runs, and the group's own, held alone.
    above: Vec<File>,
    held: Vec<File>,
}

/// What a run may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Bytes of memory, what is swapped out included.
    pub memory: u64,
    /// Processes and threads.
    pub processes: u64,
}

impl Cgroup {
    /// Makes a group.
    ///
    /// # Errors
    /// When this host has no controllers for memory and processes, or a bound cannot be set.
    pub fn new(name: &str, bounds: &Bounds) -> io::Result<Cgroup> {
        let hierarchy =
            Hierarchy::of_this_host().ok_or_else(|| io::Error::from(io::ErrorKind::Unsupported))?;
        Self::below(hierarchy, name, bounds)
    }

    fn below(hierarchy: Hierarchy, name: &str, bounds: &Bounds) -> io::Result<Cgroup> {
        sweep(&hierarchy);
        let mut group = Cgroup { hierarchy, name: name.to_owned(), above: Vec::new(), held: Vec::new() };
        group.make(bounds).inspect_err(|_error| group.remove())?;
        Ok(group)
    }

    /// What it is called in reports.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self.hierarchy.layout {
            Layout::Unified => "cgroup-v2",
            Layout::Separate => "cgroup-v1",
        }
    }

    fn make(&mut self, bounds: &Bounds) -> io::Result<()> {
        for top in tops(&self.hierarchy) {
            self.above.push(hold(&top, File::lock_shared)?);
        }
        if self.hierarchy.layout == Layout::Unified {
            for above in [self.hierarchy.base.clone(), self.hierarchy.base.join(OURS)] {
                fs::write(above.join("cgroup.subtree_control"), "+memory +pids")?;
            }
        }
        for group in self.directories() {
            self.held.push(hold(&group, File::lock)?);
        }
        let memory = bounds.memory.to_string();
        let processes = bounds.processes.to_string();
        match self.hierarchy.layout {
            Layout::Unified => {
                let group = self.directory("");
                fs::write(group.join("memory.max"), memory)?;
                // Not there without swap.
                when_there(&group.join("memory.swap.max"), "0")?;
                fs::write(group.join("memory.oom.group"), "1")?;
                fs::write(group.join("pids.max"), processes)
            }
            Layout::Separate => {
                fs::write(self.directory("memory").join("memory.limit_in_bytes"), &memory)?;
                when_there(&self.directory("memory").join("memory.memsw.limit_in_bytes"), &memory)?;
                fs::write(self.directory("pids").join("pids.max"), processes)
            }
        }
    }

    /// Puts this process, which has one thread, and with it all that it starts into the group.
    ///
    /// # Errors
    /// When the group is gone.
    pub fn enter(&self) -> io::Result<()> {
        let processes = match self.hierarchy.layout {
            Layout::Unified => "cgroup.procs",
            // A thread that moves itself needs not wait, for some ten milliseconds, until no other thread of the host begins or ends.
            Layout::Separate => "tasks",
        };
        self.directories().into_iter().try_for_each(|group| fs::write(group.join(processes), "0"))
    }

    /// The bounds that it really has.
    #[must_use]
    pub fn bounds(&self) -> Option<Bounds> {
        let (memory, processes) = match self.hierarchy.layout {
            Layout::Unified => (self.directory("").join("memory.max"), self.directory("").join("pids.max")),
            Layout::Separate => (
                self.directory("memory").join("memory.limit_in_bytes"),
                self.directory("pids").join("pids.max"),
            ),
        };
        Some(Bounds { memory: number(&memory)?, processes: number(&processes)? })
    }

    /// Processor time that its processes used so far.
    #[must_use]
    pub fn cpu(&self) -> Option<Duration> {
        match self.hierarchy.layout {
            Layout::Unified => {
                entry(&self.directory("").join("cpu.stat"), "usage_usec").map(Duration::from_micros)
            }
            Layout::Separate => {
                number(&self.directory("cpuacct").join("cpuacct.usage")).map(Duration::from_nanos)
            }
        }
    }

    /// The most bytes of memory that they had at one time.
    #[must_use]
    pub fn memory_peak(&self) -> Option<u64> {
        match self.hierarchy.layout {
            Layout::Unified => number(&self.directory("").join("memory.peak")),
            Layout::Separate => number(&self.directory("memory").join("memory.max_usage_in_bytes")),
        }
    }

    /// Whether the kernel ended a process of theirs because there was no memory left.
    #[must_use]
    pub fn ran_out_of_memory(&self) -> bool {
        let killed = match self.hierarchy.layout {
            Layout::Unified => entry(&self.directory("").join("memory.events"), "oom_kill"),
            Layout::Separate => entry(&self.directory("memory").join("memory.oom_control"), "oom_kill"),
        };
        killed.is_some_and(|killed| killed > 0)
    }

    /// Whether the kernel refused a process or a thread because there were as many as there may be.
    #[must_use]
    pub fn ran_out_of_processes(&self) -> bool {
        let events = match self.hierarchy.layout {
            Layout::Unified => self.directory("").join("pids.events"),
            Layout::Separate => self.directory("pids").join("pids.events"),
        };
        entry(&events, "max").is_some_and(|refused| refused > 0)
    }

    /// Ends every process in it, as far as this hierarchy can.
    pub fn end_all(&self) {
        match self.hierarchy.layout {
            Layout::Unified => drop(fs::write(self.directory("").join("cgroup.kill"), "1")),
            // The end of the tree's first process ends the others; the group only counts.
            Layout::Separate => {}
        }
    }

    /// Whether no process is in it any more.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.directories().iter().all(|group| {
            fs::read_to_string(group.join("cgroup.procs"))
                .map_or(true, |processes| processes.trim().is_empty())
        })
    }

    /// Removes the group, which has to be empty.
    pub fn remove(&self) {
        for group in self.directories() {
            // A group that is not empty stays; whoever makes the next one tidies it away.
            let _ = fs::remove_dir(&group);
        }
        self.above.iter().for_each(|top| drop(top.unlock()));
        tops(&self.hierarchy).iter().for_each(|top| remove_unless_held(top));
    }

    fn directory(&self, controller: &str) -> PathBuf {
        self.hierarchy.base.join(controller).join(OURS).join(&self.name)
    }

    fn directories(&self) -> Vec<PathBuf> {
        tops(&self.hierarchy).iter().map(|top| top.join(&self.name)).collect()
    }
}

/// The directories of a group, without a hold on them.
#[derive(Clone, Debug)]
pub struct Left {
    groups: Vec<PathBuf>,
    tops: Vec<PathBuf>,
}

impl Left {
    /// Those of a group of this name, whether it is there yet or not, for somebody who holds nothing of it.
    ///
    /// # Errors
    /// When this host has no groups.
    pub fn of(name: &str) -> io::Result<Left> {
        let hierarchy =
            Hierarchy::of_this_host().ok_or_else(|| io::Error::from(io::ErrorKind::Unsupported))?;
        Ok(Self::below(&hierarchy, name))
    }

    fn below(hierarchy: &Hierarchy, name: &str) -> Left {
        let tops = tops(hierarchy);
        Left { groups: tops.iter().map(|top| top.join(name)).collect(), tops }
    }

    /// Removes what has no process in it any more. Whether nothing of the group is left.
    #[must_use]
    pub fn tidy(&self) -> bool {
        let is_gone = |group: &PathBuf| match fs::remove_dir(group) {
            Ok(()) => true,
            Err(error) => error.kind() == io::ErrorKind::NotFound,
        };
        let gone = self.groups.iter().filter(|group| is_gone(group)).count();
        self.tops.iter().for_each(|top| remove_unless_held(top));
        gone == self.groups.len()
    }
}

/// Whether this host has what a group needs.
#[must_use]
pub fn is_there() -> bool {
    Hierarchy::of_this_host().is_some()
}

/// The directories in which groups lie.
fn tops(Hierarchy { layout, base }: &Hierarchy) -> Vec<PathBuf> {
    match layout {
        Layout::Unified => vec![base.join(OURS)],
        Layout::Separate => ["memory", "pids", "cpuacct"].map(|name| base.join(name).join(OURS)).to_vec(),
    }
}

/// Takes away what runs left behind whose wrapper was killed. A group with processes is in use and stays.
fn sweep(hierarchy: &Hierarchy) {
    for group in tops(hierarchy).iter().filter_map(|top| fs::read_dir(top).ok()).flatten().flatten() {
        if group.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove_unless_held(&group.path());
        }
    }
}

/// Removes an empty directory that nobody holds.
fn remove_unless_held(path: &Path) {
    let Ok(directory) = File::open(path) else { return };
    match directory.try_lock() {
        Ok(()) => drop(fs::remove_dir(path)),
        Err(TryLockError::WouldBlock | TryLockError::Error(_)) => {}
    }
}

/// Makes a directory where there is none, and holds it, so that it stays.
fn hold(path: &Path, lock: fn(&File) -> io::Result<()>) -> io::Result<File> {
    for _try in 0..TRIES {
        match make_directory(path).and_then(|()| File::open(path)) {
            Ok(directory) => {
                lock(&directory)?;
                // Until it was held, somebody may have taken it away, or made another.
                if fs::metadata(path)
                    .is_ok_and(|now| directory.metadata().is_ok_and(|held| held.ino() == now.ino()))
                {
                    return Ok(directory);
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::other(format!("{} is taken away as soon as it is made", path.display())))
}

/// For root alone: whoever could open it could hold it, and no tool would start.
fn make_directory(path: &Path) -> io::Result<()> {
    match fs::DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        other => other,
    }
}

fn when_there(path: &Path, value: &str) -> io::Result<()> {
    if path.exists() { fs::write(path, value) } else { Ok(()) }
}

fn number(path: &Path) -> Option<u64> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

fn entry(path: &Path, name: &str) -> Option<u64> {
    let text = fs::read_to_string(path).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))?;
    line.trim().parse().ok()
}

#[cfg(test)]
mod tests;
