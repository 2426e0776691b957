//! How a declared tool is confined: the confinement as a grant carries it, and what it comes to in Landlock's rules, the
//! filter of system calls, the command line of bubblewrap, and the lines that the wrapper reports with.
//!
//! Nothing here touches a host. What a confinement can say is so little that none of them is dangerous: this module's
//! bounds hold for whoever signs a grant.

mod bubblewrap;
mod builtin;
pub mod carving;
mod destination;
pub mod egress;
mod encoding;
pub mod module;
mod networks;
pub mod report;
mod syscalls;
pub mod traffic;
mod view;

pub use bubblewrap::{BUBBLEWRAP, Bound, Descriptors, How as Bind, arguments};
pub use builtin::{BUILTIN, Builtin};
#[cfg(test)]
pub(crate) use encoding::tests::sample;
pub use encoding::{NotAConfinement, decode, encode};
pub use syscalls::{Exec, Leave, filter};
pub use view::{Access, READABLE, View, rights, view};

use crate::sys::mounts::Files;
use egress::Egress;
use module::Module;

/// The Unix group of those that tools run as, and the only one that they have.
pub const GROUP: &str = "reeve-tools";
/// Below this lie the kept workspaces, and the place where a fresh one is mounted.
pub const WORKSPACES: &str = "/var/lib/reeve-tools";
/// As many files as a workspace may have.
pub const MOST_INODES: u64 = 1 << 20;
/// The numbers of those users: system users, and never root.
pub const USERS: std::ops::RangeInclusive<u32> = 100..=999;

/// How far a tool is shut in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tier {
    /// As B, and no program but [`BUILTIN`], which only reads.
    A,
    /// An own user, Landlock, a filter of system calls, an own tree of processes.
    B,
    /// The same inside namespaces of its own, with a root that holds little, by bubblewrap.
    C,
    /// As A, and no program but [`module::RUNNER`], which runs one module of WebAssembly and has no file but that.
    W,
}

impl Tier {
    /// `a`, `b`, `c` or `w`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Tier::A => "a",
            Tier::B => "b",
            Tier::C => "c",
            Tier::W => "w",
        }
    }

    /// The least of Landlock's ABIs that enforces what the tier says: scopes for signals and abstract sockets (6) where no
    /// namespace stands in between, and shortening files (3).
    #[must_use]
    pub fn landlock(self) -> u32 {
        match self {
            Tier::A | Tier::B | Tier::W => 6,
            Tier::C => 3,
        }
    }
}

/// Which network a tool is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Network {
    /// The host's, in which it can make no socket.
    None,
    /// One of its own, in which nothing is but the proxy where there is one.
    Own,
    /// The host's.
    Hosts,
}

/// Where a tool works.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Workspace {
    /// Empty, in memory, and gone afterwards.
    Fresh,
    /// One for each caller, which stays.
    Principal(String),
    /// One for all callers, which stays.
    Named(String),
}

impl Workspace {
    /// Where it lies on the host.
    #[must_use]
    pub fn path(&self) -> String {
        match self {
            Workspace::Fresh => format!("{WORKSPACES}/fresh"),
            Workspace::Principal(name) => format!("{WORKSPACES}/principal/{name}"),
            Workspace::Named(name) => format!("{WORKSPACES}/named/{name}"),
        }
    }
}

/// What bounds memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemoryBy {
    /// A control group: the sum over the tree, and the end of the tree.
    Cgroup,
    /// The address space of each process by itself: its next allocation fails.
    Rlimit,
}

/// How much a run may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Seconds of processor time, all processes together.
    pub cpu: u64,
    /// Bytes of memory.
    pub memory: u64,
    /// What bounds them.
    pub memory_by: MemoryBy,
    /// Processes and threads at one time.
    pub processes: u64,
    /// Descriptors of one process.
    pub open_files: u64,
    /// Bytes of one file.
    pub file_size: u64,
    /// Bytes of both outputs together.
    pub output: u64,
    /// Bytes of the workspace, and of the private `/tmp`.
    pub workspace: u64,
    /// Files in each of them.
    pub inodes: u64,
}

/// A tool's confinement for one run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Confinement {
    /// The tool's name.
    pub tool: String,
    /// How far it is shut in.
    pub tier: Tier,
    /// The Unix user that it runs as, one of [`GROUP`].
    pub user: String,
    /// The program, by its absolute path without links.
    pub program: String,
    /// What the program's bytes must be, in hexadecimal digits.
    pub sha256: String,
    /// Where it works.
    pub workspace: Workspace,
    /// Whether files of the workspace may be run.
    pub workspace_exec: bool,
    /// Whether it may become no other program, and start none.
    pub single_program: bool,
    /// Whether it may trace processes of its own.
    pub debug: bool,
    /// What else it may read.
    pub read_only: Vec<String>,
    /// What of that it does not see, in tier C.
    pub hidden: Vec<String>,
    /// What of a workspace that stays it may read and not write, in tier C: paths in it, and names wherever they are.
    pub protected: Vec<String>,
    /// Its environment, besides what every tool has.
    pub environment: Vec<(String, String)>,
    /// How it gets to a network.
    pub egress: Egress,
    /// How much it may use.
    pub limits: Limits,
    /// What is run in tier W, and in no other.
    pub module: Option<Module>,
}

impl Confinement {
    /// Which network it is in.
    #[must_use]
    pub fn network(&self) -> Network {
        match (&self.egress, self.tier) {
            (Egress::Preflight(_), _) => Network::Hosts,
            (Egress::None | Egress::Strict(_), Tier::C) => Network::Own,
            (Egress::None | Egress::Strict(_), Tier::A | Tier::B | Tier::W) => Network::None,
        }
    }

    /// The least of Landlock's ABIs that enforces all of it: in the host's network, ports (4) and scopes (6), too.
    #[must_use]
    pub fn landlock(&self) -> u32 {
        match self.network() {
            Network::Hosts => self.tier.landlock().max(6),
            Network::None | Network::Own => self.tier.landlock(),
        }
    }

    /// Whether nothing runs but the program itself. In tiers A and W that is not for a declaration to say.
    #[must_use]
    pub fn runs_once(&self) -> bool {
        self.single_program || matches!(self.tier, Tier::A | Tier::W)
    }

    /// What may become of files that the tool writes.
    #[must_use]
    pub fn files(&self) -> Files {
        if self.workspace_exec { Files::Run } else { Files::Data }
    }

    /// Where the tool sees its workspace.
    #[must_use]
    pub fn workspace_inside(&self) -> String {
        match self.tier {
            Tier::A | Tier::B | Tier::W => self.workspace.path(),
            Tier::C => "/workspace".to_owned(),
        }
    }

    /// The whole environment: what every tool has, and what is declared.
    #[must_use]
    pub fn whole_environment(&self) -> Vec<(String, String)> {
        if self.tier == Tier::W {
            // It is the module's, which has no files that one could look for.
            return self.environment.clone();
        }
        let own = [
            ("PATH", "/usr/bin:/bin".to_owned()),
            ("LC_ALL", "C.UTF-8".to_owned()),
            ("HOME", self.workspace_inside()),
            ("TMPDIR", "/tmp".to_owned()),
        ];
        let proxy = format!("http://127.0.0.1:{}", egress::PROXY_PORT);
        let to_the_proxy: &[&str] = match self.egress {
            Egress::Strict(_) => &["http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"],
            Egress::None | Egress::Preflight(_) => &[],
        };
        let own = own.into_iter().chain(to_the_proxy.iter().map(|name| (*name, proxy.clone())));
        let is_declared = |name: &str| self.environment.iter().any(|(declared, _)| declared == name);
        own.filter(|(name, _)| !is_declared(name))
            .map(|(name, value)| (name.to_owned(), value))
            .chain(self.environment.iter().cloned())
            .collect()
    }
}
