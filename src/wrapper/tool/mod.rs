//! What the wrapper of tools does instead of becoming a program:
//!
//! look at user, program and kernel → spend the grant → workspace → control group → a child: the group → (tier B) own
//! mounts → the user, for good → (tier C) bubblewrap → the inner stage → … → the tool. The wrapper stays outside, reads
//! what they write, and ends all of them. A process beside it tidies the group away where the wrapper is killed.

mod inside;
mod kept;
mod pipes;
mod place;
mod places;
mod protected;
mod proxy;
mod room;
mod supervisor;
mod watcher;

use std::convert::Infallible;
use std::ffi::CString;
use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use aws_lc_rs::digest::{Context as Digest, SHA256};
use nix::fcntl::OFlag;
use nix::unistd::pipe2;

use super::enforceable::{Layers, Missing};
use super::{REFUSED, Root, Table, cannot, module};
use crate::grant::{Grant, Refusal};
use crate::sandbox::{
    BUBBLEWRAP, Confinement, Descriptors, GROUP, MemoryBy, Tier, USERS, WORKSPACES, Workspace, arguments,
    decode,
};
use crate::sys::cgroup::{Bounds, Cgroup};
use crate::sys::ids::{self, User};
use crate::sys::jail::Starter;
use crate::sys::mounts::{self, Files};
use crate::sys::{exec, jail, trusted_file};
use inside::Order;
use kept::Kept;
use pipes::Pipes;
use places::{Laid, Place};
use proxy::Proxy;
use supervisor::Supervisor;

/// The wrapper itself: what a grant names, and what bubblewrap finds inside.
pub const INNER: &str = "/usr/local/libexec/reeve/reeve-tool";

/// How much longer than the tool the wrapper may take, before the kernel ends it. With [`kept::FIRST`] it is what whoever started
/// the wrapper waits for it.
const SLACK: Duration = Duration::from_secs(7);

/// Runs the wrapper, or its inner stage where bubblewrap starts it: as a user and with one argument. Root takes none.
pub fn main(table: &'static Table) -> ExitCode {
    let mut args = std::env::args_os().skip(1);
    let asks_for_inner = args.next().is_some_and(|arg| arg == "--inside") && args.next().is_none();
    if !asks_for_inner || ids::is_root() {
        return super::main(table);
    }
    let Err(error) = inside::from_descriptors();
    let _ = writeln!(io::stderr(), "reeve-tool: {error}");
    ExitCode::from(REFUSED)
}

/// A tool that may be run: everything about it was looked at.
#[derive(Debug)]
pub(super) struct Prepared {
    confinement: Confinement,
    user: User,
    program: File,
    is_script: bool,
    places: Vec<Place>,
    /// Who runs the proxy, and root's own list, where egress is strict.
    proxy: Option<(User, String)>,
}

/// Looks at everything that a grant for a tool names, and at the kernel.
///
/// # Errors
/// The first thing that is not as it must be.
pub(super) fn prepare(grant: &Grant, root: Root) -> Result<Prepared, Refusal> {
    if root != Root::Held {
        return Err(cannot("run as root")(io::Error::from(io::ErrorKind::PermissionDenied)));
    }
    let confinement = grant.argv.first().and_then(|text| decode(text).ok());
    let confinement = confinement.ok_or(Refusal::ArgumentNotInTable(1))?;
    let user = tool_user(&confinement.user)?;
    Layers::of_this_host().enforce(&confinement).map_err(not_enforced)?;
    let places = places::look(&confinement).map_err(Refusal::InputUntrusted)?;
    let mut program =
        trusted_file::open_file(Path::new(&confinement.program)).map_err(Refusal::ProgramUntrusted)?;
    let (digest, is_script) = digest(&mut program).map_err(cannot("read the program"))?;
    if digest != confinement.sha256 {
        return Err(Refusal::ProgramAltered);
    }
    if let Some(module) = &confinement.module {
        let refused = |doubt: module::Doubt| Refusal::NotEnforced { layer: "module", fix: doubt.to_string() };
        module::vouched(module).map_err(refused)?;
    }
    let proxy = proxy::prepare(&confinement)?;
    Ok(Prepared { confinement, user, program, is_script, places, proxy })
}

fn not_enforced(Missing { layer, fix }: Missing) -> Refusal {
    Refusal::NotEnforced { layer, fix }
}

/// A user that is for tools and nothing else.
fn tool_user(name: &str) -> Result<User, Refusal> {
    let user = ids::user(name).map_err(cannot("look the user up"))?.ok_or(Refusal::UserUnknown)?;
    let group = ids::group(GROUP).map_err(cannot("look the group up"))?;
    let is_one = USERS.contains(&user.uid)
        && user.gid != 0
        && Some(user.gid) == group
        && user.groups.iter().all(|group| *group == user.gid);
    if is_one { Ok(user) } else { Err(Refusal::NotAToolUser) }
}

/// The digest of a program, in hexadecimal digits, and whether an interpreter has to read it.
fn digest(program: &mut File) -> io::Result<(String, bool)> {
    let mut digest = Digest::new(&SHA256);
    let mut buffer = vec![0; 64 * 1024];
    let mut is_script = None;
    loop {
        let count = program.read(&mut buffer)?;
        let read = buffer.get(..count).unwrap_or_default();
        is_script.get_or_insert(read.starts_with(b"#!"));
        if count == 0 {
            break;
        }
        digest.update(read);
    }
    program.rewind()?;
    let hex = digest.finish().as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok((hex, is_script.unwrap_or(false)))
}

/// Runs a tool to its end and says all about it on standard output; this process ends with it.
///
/// # Errors
/// When it was not started.
pub(super) fn run(tool: Prepared, grant: &Grant) -> Result<Infallible, Refusal> {
    let Prepared { confinement, user, program, is_script, places, proxy } = tool;
    let limit = Duration::from_secs(grant.run_limit_secs.into());
    exec::end_after(kept::FIRST + SLACK);
    place::ready(&confinement.workspace, &user).map_err(cannot("have the workspace"))?;
    let kept = Kept::of(&confinement, supervisor::now).map_err(cannot("count what is in the workspace"))?;
    // What the count took is not the tool's.
    exec::end_after(limit + SLACK);
    let proxy = proxy.map(|(user, list)| Proxy::start(&confinement, &user, &list)).transpose();
    let (mut proxy, way_out) = proxy.map_err(cannot("start the proxy"))?.unzip();
    let cgroup = match confinement.limits.memory_by {
        MemoryBy::Rlimit => None,
        MemoryBy::Cgroup => {
            let bounds = Bounds {
                memory: confinement.limits.memory,
                processes: confinement.limits.processes + around(confinement.tier),
            };
            let name: String = grant.nonce.iter().map(|byte| format!("{byte:02x}")).collect();
            let made = watcher::start(&name, limit + SLACK).and_then(|()| Cgroup::new(&name, &bounds));
            Some(made.map_err(|source| Refusal::NotEnforced {
                layer: "cgroup",
                fix: format!("{source}: see docs/sandbox.md on control groups"),
            })?)
        }
    };
    let outside = inside::namespaces().map_err(cannot("read its namespaces"))?;
    let input = grant.argv.get(1).cloned().unwrap_or_default();
    let args = grant.argv.iter().skip(2).cloned().collect();
    let is_full = kept.as_ref().is_some_and(Kept::is_full);
    let order = Order { confinement, args, is_script, is_full, outside };
    let started = start(&order, (&user, &places), (program, cgroup.as_ref()), (&input, way_out));
    let (child, pipes) = started
        .inspect_err(|_error| cgroup.iter().for_each(Cgroup::remove))
        .map_err(cannot("start the tool"))?;
    let supervisor =
        Supervisor::new((child, pipes), cgroup, kept, &order).map_err(cannot("watch the tool"))?;
    supervisor.watch(limit, &mut proxy)
}

/// What shuts a tool in is in its group and not of it: the first process of its tree, and bubblewrap.
fn around(tier: Tier) -> u64 {
    match tier {
        Tier::A | Tier::B => 1,
        // What runs a module has a thread besides for its deadline.
        Tier::C | Tier::W => 2,
    }
}

fn start(
    order: &Order,
    who: (&User, &[Place]),
    (program, cgroup): (File, Option<&Cgroup>),
    (input, way_out): (&str, Option<OwnedFd>),
) -> io::Result<(nix::unistd::Pid, Pipes)> {
    let stdin = jail::input(input.as_bytes(), who.0)?;
    let (report, tell) = pipe2(OFlag::O_CLOEXEC)?;
    let (out, stdout) = pipe2(OFlag::O_CLOEXEC)?;
    let (err, stderr) = pipe2(OFlag::O_CLOEXEC)?;
    let (rooms, giving) = UnixStream::pair()?;
    // Also around bubblewrap, which makes another: killed between making its child and letting it go on, it leaves it waiting.
    jail::new_process_tree().map_err(|error| doing("processes", &error))?;
    match jail::split()? {
        jail::Side::Parent(child) => Ok((child, Pipes { report, out, err, rooms })),
        jail::Side::Child(wrapper) => {
            // With them it would read what it writes itself, and never see that nobody else does.
            drop((report, out, err, rooms));
            let own = Own { stdin, stdout, stderr, report: tell, giving, program: program.into(), way_out };
            let Err(error) = own.go(order, &wrapper, who, cgroup);
            // What was standard error is the supervisor's to read, which shows it when nothing was started.
            let _ = writeln!(io::stderr(), "{error}");
            jail::end(REFUSED.into())
        }
    }
}

/// What the child has.
struct Own {
    stdin: OwnedFd,
    stdout: OwnedFd,
    stderr: OwnedFd,
    report: OwnedFd,
    giving: UnixStream,
    program: OwnedFd,
    way_out: Option<OwnedFd>,
}

impl Own {
    fn go(
        self,
        order: &Order,
        wrapper: &Starter,
        (user, places): (&User, &[Place]),
        cgroup: Option<&Cgroup>,
    ) -> io::Result<Infallible> {
        let Own { stdin, stdout, stderr, report, giving, program, way_out } = self;
        let standard = [(stdin.as_fd(), 0), (stdout.as_fd(), 1), (stderr.as_fd(), 2)];
        jail::hand_on(&standard).map_err(|error| doing("descriptors", &error))?;
        if let Some(cgroup) = cgroup {
            cgroup.enter().map_err(|error| doing("cgroup", &error))?;
        }
        let confinement = &order.confinement;
        own_mounts(confinement, user)?;
        room::give(confinement, &giving).map_err(|error| doing("its directories", &error))?;
        drop(giving);
        match confinement.tier {
            Tier::A | Tier::B | Tier::W => {
                jail::become_nobody_else(user).map_err(|error| doing("user", &error))?;
                wrapper.end_with_it().map_err(|error| doing("parent", &error))?;
                drop((stdin, stdout, stderr));
                inside::run(order, report, program, way_out)
            }
            Tier::C => {
                let bytes = jail::file_in_memory(&order.to_bytes())?;
                jail::become_nobody_else(user).map_err(|error| doing("user", &error))?;
                wrapper.end_with_it().map_err(|error| doing("parent", &error))?;
                let laid = Laid::new(confinement, places, Descriptors::FIRST_BOUND)?;
                let argv = arguments(confinement, INNER, &laid.bound);
                let argv = std::iter::once(BUBBLEWRAP.to_owned()).chain(argv);
                let argv = argv.map(CString::new).collect::<Result<Vec<_>, _>>()?;
                let Descriptors { order: at, report: report_at, program: program_at, proxy: proxy_at } =
                    Descriptors::FIXED;
                let mut handed =
                    vec![(bytes.as_fd(), at), (report.as_fd(), report_at), (program.as_fd(), program_at)];
                handed.extend(way_out.iter().map(|way| (way.as_fd(), proxy_at)));
                handed.extend(laid.handed());
                jail::hand_on(&handed).map_err(|error| doing("descriptors", &error))?;
                jail::execute(BUBBLEWRAP, &argv).map_err(|error| doing("bubblewrap", &error))
            }
        }
    }
}

/// What a tool writes to: in memory and its own, but for a workspace that stays. In tier C, too: bubblewrap's own know no number of
/// files, and none that cannot be run.
fn own_mounts(confinement: &Confinement, user: &User) -> io::Result<()> {
    mounts::new_mounts().map_err(|error| doing("mounts", &error))?;
    let size = (confinement.limits.workspace, confinement.limits.inodes);
    let own = |path: &str, files| {
        mounts::private_directory(path, user, size, files).map_err(|error| doing(path, &error))
    };
    let files = confinement.files();
    own("/tmp", files)?;
    if confinement.tier == Tier::C {
        own("/dev/shm", Files::Data)?;
        mounts::own_processes().map_err(|error| doing("/proc", &error))?;
    }
    let path = confinement.workspace.path();
    // Other callers' belong to the same user, and Landlock keeps nobody from changing modes, times and attributes of what is his.
    mounts::nothing_beside(WORKSPACES, &path, files).map_err(|error| doing("workspace", &error))?;
    match &confinement.workspace {
        Workspace::Fresh => own(&path, files),
        Workspace::Principal(_) | Workspace::Named(_) => Ok(()),
    }
}

fn doing(what: &str, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{what}: {error}"))
}
