//! The inner stage: the first process of a tool's tree, which makes the tool's own process and waits for all of them.
//!
//! In the tool's process, in this order: a session of its own → limits → is it who it was to become? → Landlock → the
//! filter of system calls → one line on what is in force → exec. Nothing after the filter but that line and exec.

use std::convert::Infallible;
use std::ffi::{CString, NulError};
use std::fs::File;
use std::io::{self, Read, Write};
use std::net::TcpListener;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use nix::fcntl::OFlag;
use nix::unistd::{chdir, getegid, geteuid, pipe2, setsid};

use crate::egress::READY;
use crate::sandbox::egress::{Egress, PROXY_PORT};
use crate::sandbox::report::{Active, FULL, How};
use crate::sandbox::{
    Confinement, Descriptors, Exec, Leave, MemoryBy, Network, Tier, Workspace, decode, filter, rights, view,
};
use crate::sys::landlock::{self, Handled, Ruleset};
use crate::sys::mounts::{self, Files};
use crate::sys::reap::{Ended, next_end};
use crate::sys::ticket::Ticket;
use crate::sys::{handover, jail, seccomp};

/// The kinds of namespaces, as `/proc/self/ns` calls them.
pub(super) const NAMESPACES: [&str; 7] = ["user", "mnt", "pid", "net", "ipc", "uts", "cgroup"];

/// What is to be run, and how.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Order {
    pub(super) confinement: Confinement,
    pub(super) args: Vec<String>,
    pub(super) is_script: bool,
    /// Whether its workspace is too large already: then it may remove from it, and add nothing.
    pub(super) is_full: bool,
    /// The namespaces of the host, which the tool must not be in.
    pub(super) outside: Vec<String>,
}

/// How long the proxy may take to listen.
const PATIENCE: Duration = Duration::from_secs(5);

/// A step that failed.
struct Failed(String);

fn step(name: &str) -> impl Fn(io::Error) -> Failed + '_ {
    move |error| Failed(format!("{name}: {error}"))
}

impl Order {
    /// The bytes in which an order goes through bubblewrap.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let script = if self.is_script { "script" } else { "program" };
        let room = if self.is_full { FULL } else { "room" };
        let mut parts = vec![
            script.to_owned(),
            room.to_owned(),
            self.outside.join(","),
            crate::sandbox::encode(&self.confinement),
        ];
        parts.extend(self.args.iter().cloned());
        parts.join("\0").into_bytes()
    }

    fn from_bytes(bytes: Vec<u8>) -> Option<Order> {
        let text = String::from_utf8(bytes).ok()?;
        let mut parts = text.split('\0');
        Some(Order {
            is_script: parts.next()? == "script",
            is_full: parts.next()? == FULL,
            outside: parts.next()?.split(',').map(str::to_owned).collect(),
            confinement: decode(parts.next()?).ok()?,
            args: parts.map(str::to_owned).collect(),
        })
    }
}

/// The stage as bubblewrap starts it: its order, its report and the program lie where [`Descriptors::FIXED`] says.
///
/// # Errors
/// When it was not started so.
pub(super) fn from_descriptors() -> io::Result<Infallible> {
    let Descriptors { order, report, program, proxy } = Descriptors::FIXED;
    let (order, report, program) =
        (jail::inherited(order)?, jail::inherited(report)?, jail::inherited(program)?);
    let proxy = jail::inherited(proxy).ok();
    jail::close_all_on_exec()?;
    let mut bytes = Vec::new();
    File::from(order).read_to_end(&mut bytes)?;
    let order = Order::from_bytes(bytes).ok_or_else(|| io::Error::other("no order"))?;
    run(&order, report, program, proxy)
}

/// Runs the tool to its end, as the first process of its tree; this process ends with it. `proxy` is where its proxy takes
/// the socket to listen on.
pub(super) fn run(order: &Order, report: OwnedFd, program: OwnedFd, proxy: Option<OwnedFd>) -> ! {
    let mut report = File::from(report);
    let ended = way_out(&order.confinement, proxy)
        .and_then(|()| start(order, program, &mut report))
        .and_then(|()| wait(&mut report).map_err(step("wait")));
    if let Err(Failed(why)) = ended {
        let _ = writeln!(report, "failed {}", why.replace('\n', " "));
    }
    jail::end(0)
}

/// Makes the one way out of the tool's network: a socket that listens in it, and that nobody has in the end but the proxy
/// outside. Without a proxy that says it listens, nothing is started.
fn way_out(confinement: &Confinement, proxy: Option<OwnedFd>) -> Result<(), Failed> {
    match &confinement.egress {
        Egress::None | Egress::Preflight(_) => return Ok(()),
        Egress::Strict(_) => {}
    }
    let proxy = proxy.ok_or_else(|| Failed("egress: there is no proxy".to_owned()))?;
    let mut proxy = UnixStream::from(proxy);
    let listener = TcpListener::bind(("127.0.0.1", PROXY_PORT)).map_err(step("egress: listen"))?;
    handover::give(&proxy, &listener).map_err(step("egress: the proxy"))?;
    drop(listener);
    proxy.set_read_timeout(Some(PATIENCE)).map_err(step("egress: the proxy"))?;
    let mut said = [0];
    match proxy.read_exact(&mut said) {
        Ok(()) if said == [READY] => Ok(()),
        Ok(()) | Err(_) => Err(Failed("egress: the proxy does not listen".to_owned())),
    }
}

fn start(order: &Order, program: OwnedFd, report: &mut File) -> Result<(), Failed> {
    jail::hide().map_err(step("hide"))?;
    let (told, tell) = pipe2(OFlag::O_CLOEXEC).map_err(|errno| step("pipe")(errno.into()))?;
    match jail::split().map_err(step("fork"))? {
        jail::Side::Child(_stage) => {
            let mut tell = File::from(tell);
            let Err(Failed(why)) = become_tool(order, &program, &mut tell);
            let _ = writeln!(tell, "failed {}", why.replace('\n', " "));
            jail::end(126)
        }
        jail::Side::Parent(child) => {
            drop((tell, program));
            jail::let_go_of_output().map_err(step("output"))?;
            let mut said = String::new();
            // Its end is the exec, or the end of the process that did not get there.
            File::from(told).take(4096).read_to_string(&mut said).map_err(step("read"))?;
            report.write_all(said.as_bytes()).map_err(step("report"))?;
            FIRST.set(child.as_raw()).map_err(|_again| Failed("started twice".to_owned()))
        }
    }
}

/// The tool's own process among those that this one waits for.
static FIRST: std::sync::OnceLock<i32> = std::sync::OnceLock::new();

fn wait(report: &mut File) -> io::Result<()> {
    let first = FIRST.get().copied();
    while let Some(Ended { pid, by }) = next_end()? {
        if Some(pid) == first {
            let how = by.map_or_else(How::Signal, How::Exit);
            return writeln!(report, "{}", how.words());
        }
    }
    Err(io::Error::other("the tool's process is gone and was not seen to end"))
}

fn become_tool(order: &Order, program: &OwnedFd, tell: &mut File) -> Result<Infallible, Failed> {
    let confinement = &order.confinement;
    // To the program that runs a module root says itself which, and in what bounds.
    let module: Vec<String> = confinement
        .module
        .iter()
        .flat_map(|module| [module.bounds.to_string(), module.path.clone()])
        .collect();
    let args = c_strings(std::iter::once(&confinement.program).chain(&module).chain(&order.args))?;
    let environment: Vec<String> =
        confinement.whole_environment().iter().map(|(name, value)| format!("{name}={value}")).collect();
    let environment = c_strings(environment.iter())?;
    setsid().map_err(|errno| step("session")(errno.into()))?;
    let workspace = confinement.workspace_inside();
    chdir(Path::new(&workspace)).map_err(|errno| step("workspace")(errno.into()))?;
    let limits = limit(confinement).map_err(step("limits"))?;
    let (uid, gid) = (geteuid().as_raw(), getegid().as_raw());
    jail::look(uid, gid).map_err(|what| Failed(format!("not as it was to be: {what}")))?;
    let namespaces = namespaces().map_err(step("namespaces"))?;
    is_apart(confinement, &namespaces, &order.outside)?;
    holds_no_code(confinement)?;
    let script = order.is_script.then_some(confinement.program.as_str());
    let ticket = confinement.runs_once().then(|| {
        let path = CString::new(script.unwrap_or_default())?;
        Ticket::new(&path, &args, &environment)
    });
    let ticket: Option<Ticket> = ticket.transpose().map_err(step("leave for one exec"))?;
    let exec = ticket
        .as_ref()
        .map_or(Exec::Any, |ticket| Exec::Once { by_path: order.is_script, at: ticket.addresses() });
    let leave = Leave {
        exec,
        tracing: confinement.debug,
        no_attributes: confinement.workspace != Workspace::Fresh,
        no_unix: !confinement.read_only.is_empty(),
    };
    let program_of_filter = filter(confinement.tier, confinement.network(), leave);
    let (handled, abi) = shut_in(order, program).map_err(step("landlock"))?;
    jail::close_all_on_exec().map_err(step("descriptors"))?;
    seccomp::install(&program_of_filter).map_err(step("seccomp"))?;
    let active = Active {
        landlock: abi,
        errata: landlock::errata(),
        fs: handled.fs,
        net: handled.net,
        scoped: handled.scoped,
        seccomp: jail::filter_mode(),
        uid,
        gid,
        namespaces,
        egress: confinement.egress.as_str().to_owned(),
        exec: if ticket.is_some() { "once" } else { "any" }.to_owned(),
        tracing: if confinement.debug { "tracing" } else { "untraced" }.to_owned(),
        module: module.first().map_or("-", String::as_str).to_owned(),
        workspace: if order.is_full { FULL } else { "-" }.to_owned(),
        limits,
        bounded_by: String::new(),
    };
    writeln!(tell, "{active}").map_err(step("report"))?;
    match ticket {
        Some(ticket) => ticket.spend(program, order.is_script).map_err(step("exec")),
        None => jail::become_program(program, script, (&args, &environment)).map_err(step("exec")),
    }
}

fn c_strings<'a>(texts: impl Iterator<Item = &'a String>) -> Result<Vec<CString>, Failed> {
    let all: Result<Vec<_>, NulError> = texts.map(|text| CString::new(text.as_str())).collect();
    all.map_err(|_zero| Failed("a zero byte in an argument".to_owned()))
}

/// Puts the limits of one process in force, and tells what the kernel makes of them.
fn limit(confinement: &Confinement) -> io::Result<Vec<(String, u64)>> {
    let limits = &confinement.limits;
    let by_process = limits.memory_by == MemoryBy::Rlimit;
    jail::limit(&jail::ProcessLimits {
        cpu: limits.cpu,
        file_size: limits.file_size,
        open_files: limits.open_files,
        // The kernel counts the first process of the tree, too.
        processes: by_process.then_some(limits.processes + 1),
        address_space: by_process.then_some(limits.memory),
    })?;
    let found = jail::limits_in_force()?;
    let of_the_process = by_process.then_some([
        ("memory", found.address_space.unwrap_or(u64::MAX)),
        ("processes", found.processes.map_or(u64::MAX, |all| all.saturating_sub(1))),
    ]);
    let all = [("cpu", found.cpu), ("file_size", found.file_size), ("open_files", found.open_files)];
    let all = all.into_iter().chain(of_the_process.into_iter().flatten());
    Ok(all.map(|(name, most)| (name.to_owned(), most)).collect())
}

/// Each namespace that this process is in, as `mnt:4026531841`.
pub(super) fn namespaces() -> io::Result<Vec<String>> {
    let one = |kind: &str| {
        let link = std::fs::read_link(format!("/proc/self/ns/{kind}"))?;
        let link = link.to_string_lossy();
        let number = link.split(['[', ']']).nth(1).unwrap_or_default();
        Ok(format!("{kind}:{number}"))
    };
    NAMESPACES.into_iter().map(one).collect()
}

/// What a tier has of its own it does not share with the host.
fn is_apart(confinement: &Confinement, own: &[String], outside: &[String]) -> Result<(), Failed> {
    let needed: &[&str] = match (confinement.tier, confinement.network()) {
        (Tier::A | Tier::B | Tier::W, _) => &["mnt", "pid", "ipc"],
        (Tier::C, Network::Hosts) => &["user", "mnt", "pid", "ipc", "uts", "cgroup"],
        (Tier::C, Network::None | Network::Own) => &NAMESPACES,
    };
    let is_new = |kind: &&&str| {
        let prefix = format!("{kind}:");
        let find = |all: &[String]| all.iter().find(|one| one.starts_with(&prefix)).cloned();
        matches!((find(own), find(outside)), (Some(own), Some(outside)) if own != outside)
    };
    match needed.iter().find(|kind| !is_new(kind)) {
        None => Ok(()),
        Some(kind) => Err(Failed(format!("not as it was to be: the {kind} namespace is the host's"))),
    }
}

/// Nothing that the tool writes can be run, by any loader, where that is not declared.
fn holds_no_code(confinement: &Confinement) -> Result<(), Failed> {
    let workspace = confinement.workspace_inside();
    let places: &[(&str, Files)] = match confinement.tier {
        // They write nothing.
        Tier::A | Tier::W => &[],
        Tier::B => &[(&workspace, confinement.files()), ("/tmp", confinement.files())],
        Tier::C => {
            &[(&workspace, confinement.files()), ("/tmp", confinement.files()), ("/dev/shm", Files::Data)]
        }
    };
    let wrong = places.iter().find(|(place, files)| !mounts::is_mounted_for(place, *files));
    wrong.map_or(Ok(()), |(place, _)| Err(Failed(format!("not as it was to be: the mount of {place}"))))
}

/// Landlock with every right that the kernel knows. Tier C has a network of its own, in which its ports are its own
/// matter. To a workspace that is too large already nothing is added.
fn shut_in(order: &Order, program: &impl AsFd) -> io::Result<(Handled, u32)> {
    let confinement = &order.confinement;
    let abi = landlock::abi();
    let needed = confinement.landlock();
    if abi < needed {
        return Err(io::Error::other(format!("this kernel has ABI {abi}, and {needed} is needed")));
    }
    let net = match confinement.network() {
        Network::None | Network::Hosts => 3,
        Network::Own => 0,
    };
    let scoped = if abi >= 6 { 3 } else { 0 };
    let handled = Handled { fs: landlock::all_rights(abi), net, scoped };
    let rules = Ruleset::new(handled)?;
    let full = order.is_full.then(|| confinement.workspace_inside());
    for seen in view(confinement) {
        let taken = if full.as_ref() == Some(&seen.path) { landlock::fs::ADDING } else { 0 };
        match rules.allow(Path::new(&seen.path), rights(seen.access) & !taken) {
            Err(error) if seen.optional && error.kind() == io::ErrorKind::NotFound => {}
            other => {
                other.map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", seen.path)))?
            }
        }
    }
    rules.allow_at(program, rights(crate::sandbox::Access::Run))?;
    if confinement.network() == Network::Hosts {
        for entry in confinement.egress.lists().into_iter().flat_map(|lists| &lists.allow) {
            rules.allow_connecting(entry.port)?;
        }
    }
    rules.restrict_self()?;
    Ok((handled, abi))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::egress::{Destination, Lists};
    use crate::sandbox::sample;

    fn all(number: u32) -> Vec<String> {
        NAMESPACES.map(|kind| format!("{kind}:{number}")).to_vec()
    }

    #[test]
    fn a_tool_that_shares_a_namespace_with_the_host_does_not_start() {
        let c = sample(Tier::C);
        assert!(is_apart(&c, &all(2), &all(1)).is_ok());
        for place in 0..NAMESPACES.len() {
            let mut own = all(2);
            own[place] = format!("{}:1", NAMESPACES[place]);
            assert!(is_apart(&c, &own, &all(1)).is_err(), "{own:?}");
            own.remove(place);
            assert!(is_apart(&c, &own, &all(1)).is_err(), "{own:?}");
        }
        let own = ["user:1", "mnt:2", "pid:2", "net:1", "ipc:2", "uts:1", "cgroup:1"].map(str::to_owned);
        assert!(is_apart(&sample(Tier::B), &own, &all(1)).is_ok());
        assert!(is_apart(&sample(Tier::B), &all(1), &all(1)).is_err());
    }

    #[test]
    fn without_a_proxy_that_listens_there_is_no_strict_egress() {
        let lists = Lists { allow: vec![Destination::read("a.com:443").unwrap()], never: vec![] };
        let strict = Confinement { egress: Egress::Strict(lists), ..sample(Tier::C) };
        assert!(way_out(&strict, None).is_err());
        let (near, far) = UnixStream::pair().unwrap();
        drop(far);
        assert!(way_out(&strict, Some(near.into())).is_err());
        assert!(way_out(&sample(Tier::C), None).is_ok());
    }
}
