//! Tier W: a module of WebAssembly, what it may use of the world and how much, as a grant carries it, and how Reeve's own
//! program that runs it says in which way it ended.

use std::fmt;

use super::report::{How, Limit};

/// The program that runs a module, as the tool's user, and that tier W runs and no other.
pub const RUNNER: &str = "/usr/local/libexec/reeve/reeve-wasm";
/// Below this modules lie. Root opens what a grant names: of files elsewhere it would say whether they are there, and whose.
pub const PLACE: &str = "/usr";
/// Where root keeps the keys of those whose modules may run, `NAME.pub` each.
pub const KEYS: &str = "/etc/reeve/module-keys";
/// As large as a module may be.
pub const MOST_BYTES: usize = 16 << 20;
/// As much memory as the process has besides the module's own: for the compiler, and for what it made.
pub const ROOM: u64 = 256 << 20;
/// The one interface that there is.
pub const INTERFACE: &str = "wasi_snapshot_preview1";

/// A function that a module may be given. None of them opens anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Import(&'static str);

impl Import {
    /// Every one of them, in order of their names.
    pub const ALL: [Import; 16] = [
        Import("args_get"),
        Import("args_sizes_get"),
        Import("clock_res_get"),
        Import("clock_time_get"),
        Import("environ_get"),
        Import("environ_sizes_get"),
        Import("fd_close"),
        Import("fd_fdstat_get"),
        Import("fd_prestat_dir_name"),
        Import("fd_prestat_get"),
        Import("fd_read"),
        Import("fd_seek"),
        Import("fd_write"),
        Import("proc_exit"),
        Import("random_get"),
        Import("sched_yield"),
    ];

    /// Its name in the interface.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.0
    }

    /// The one of this name.
    #[must_use]
    pub fn read(name: &str) -> Option<Import> {
        Import::ALL.into_iter().find(|one| one.0 == name)
    }
}

/// A module, and what it may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Module {
    /// Where it lies.
    pub path: String,
    /// What bounds it.
    pub bounds: Bounds,
}

/// What bounds a module, whoever runs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// What its bytes must be, in hexadecimal digits.
    pub sha256: String,
    /// The name of the key that signed them.
    pub key: String,
    /// How many instructions it may take, and bytes it may have moved for it.
    pub fuel: u64,
    /// Seconds from its process's start, the compiler's included.
    pub deadline: u64,
    /// Bytes of all its memories together.
    pub memory: u64,
    /// Elements of all its tables together.
    pub table: u64,
    /// What it may call, in the order of [`Import::ALL`].
    pub imports: Vec<Import>,
}

impl fmt::Display for Bounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Bounds { sha256, key, fuel, deadline, memory, table, imports } = self;
        let imports: Vec<&str> = imports.iter().map(|import| import.as_str()).collect();
        write!(f, "{sha256},{key},{fuel},{deadline},{memory},{table},{}", imports.join("+"))
    }
}

impl Bounds {
    /// Reads what this type wrote.
    #[must_use]
    pub fn read(text: &str) -> Option<Bounds> {
        let mut parts = text.split(',');
        let mut next = || parts.next();
        let bounds = Bounds {
            sha256: next()?.to_owned(),
            key: next()?.to_owned(),
            fuel: next()?.parse().ok()?,
            deadline: next()?.parse().ok()?,
            memory: next()?.parse().ok()?,
            table: next()?.parse().ok()?,
            imports: next()?
                .split('+')
                .filter(|name| !name.is_empty())
                .map(Import::read)
                .collect::<Option<_>>()?,
        };
        (next().is_none() && bounds.to_string() == text).then_some(bounds)
    }

    /// Whether they bound anything, each in its one form.
    pub(super) fn hold(&self) -> bool {
        let Bounds { sha256: _, key: _, fuel, deadline, memory, table, imports } = self;
        (1..=1 << 50).contains(fuel)
            && (1..=3600).contains(deadline)
            && (1 << 16..=1 << 32).contains(memory)
            && *table <= 1 << 24
            && imports.is_sorted_by(|one, next| one < next)
    }
}

/// How the program that runs a module says in which way it ended: by a signal to itself, since every status is the
/// module's to give.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    /// It reached this limit.
    Limit(Limit),
    /// It trapped; how stands on standard error.
    Trapped,
    /// It is no such module as may run, and was not begun; why stands on standard error.
    Refused,
}

impl Said {
    const ALL: [(Said, i32); 6] = [
        (Said::Limit(Limit::Fuel), libc::SIGVTALRM),
        (Said::Limit(Limit::Deadline), libc::SIGALRM),
        (Said::Limit(Limit::Memory), libc::SIGUSR1),
        (Said::Limit(Limit::Table), libc::SIGUSR2),
        (Said::Trapped, libc::SIGTRAP),
        (Said::Refused, libc::SIGQUIT),
    ];

    /// The signal that says so.
    #[must_use]
    pub fn signal(self) -> i32 {
        Said::ALL.into_iter().find(|(said, _)| *said == self).map_or(libc::SIGABRT, |(_, signal)| signal)
    }

    /// What a signal says.
    #[must_use]
    pub fn by(signal: i32) -> Option<How> {
        let said = Said::ALL.into_iter().find(|(_, one)| *one == signal);
        said.map(|(said, _)| match said {
            Said::Limit(limit) => How::Limit(limit),
            Said::Trapped => How::Trap,
            Said::Refused => How::Refused,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_read_as_they_were_written_and_no_others_are() {
        let text = "0f,vendor,1000,5,65536,10,fd_read+fd_write";
        let bounds = Bounds::read(text).unwrap();
        assert_eq!(bounds.to_string(), text);
        assert_eq!(bounds.imports.len(), 2);
        assert_eq!(Bounds::read("0f,vendor,1000,5,65536,10,").map(|none| none.imports), Some(vec![]));
        for other in [
            "",
            "0f,vendor,1000,5,65536,10",
            "0f,vendor,1000,5,65536,10,path_open",
            "0f,vendor,1000,5,65536,10,,",
            "0f,vendor,+1000,5,65536,10,",
            "0f,vendor,1000,5,65536,10,fd_read+",
        ] {
            assert_eq!(Bounds::read(other), None, "{other}");
        }
    }

    #[test]
    fn every_import_has_its_one_place() {
        assert!(Import::ALL.is_sorted_by(|one, next| one < next));
        for import in Import::ALL {
            assert_eq!(Import::read(import.as_str()), Some(import));
        }
        for absent in ["path_open", "sock_accept", "poll_oneoff", "fd_readdir", "proc_raise"] {
            assert_eq!(Import::read(absent), None);
        }
    }

    #[test]
    fn each_way_to_end_has_a_signal_of_its_own() {
        for (said, signal) in Said::ALL {
            assert_eq!(said.signal(), signal);
            assert_eq!(Said::ALL.iter().filter(|(_, one)| *one == signal).count(), 1);
        }
        assert_eq!(Said::by(libc::SIGUSR1), Some(How::Limit(Limit::Memory)));
        assert_eq!(Said::by(libc::SIGKILL), None);
    }
}
