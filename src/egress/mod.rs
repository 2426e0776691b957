//! The proxy: the only way out that a tool with `egress = "strict"` has, a process of its own for each run.
//!
//! It listens on a socket in the tool's empty network, which the inner stage made there and handed out, and connects from
//! the host's. The wrapper starts it as a user that is for nothing else; it gives up what is left before it takes the
//! first connection, and ends when the wrapper lets go of it.

mod head;
mod hello;
mod reach;
mod serve;
mod tally;

use std::fs::File;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::unistd::{getegid, geteuid};

use crate::sandbox::egress::{Egress, RootsList};
use crate::sandbox::{Access, Confinement, Leave, Network, Tier, decode, encode, filter, rights};
use crate::sys::landlock::{self, Handled, Ruleset};
use crate::sys::{handover, harden, jail, seccomp};
use reach::{Reach, by_the_host};
use tally::Tally;

/// Where the proxy finds what it is given.
#[derive(Clone, Copy, Debug)]
pub struct Descriptors {
    /// What it may do.
    pub order: i32,
    /// The wrapper, which lets go when the run is over and then hears what went through.
    pub wrapper: i32,
    /// The inner stage, which hands over the socket to listen on.
    pub inner: i32,
}

impl Descriptors {
    /// Where they are.
    pub const FIXED: Descriptors = Descriptors { order: 3, wrapper: 4, inner: 5 };
}

/// As many connections as a run may have at one time.
const MOST_CONNECTIONS: usize = 64;
/// As many threads as the proxy has: its own, and for each connection two, one for each direction.
pub const MOST_THREADS: usize = 1 + 2 * MOST_CONNECTIONS;
/// What it says to the inner stage when it listens.
pub const READY: u8 = b'r';
/// As the wrappers, when it was given nothing that it could do.
const REFUSED: u8 = 125;
/// Where names are looked up.
const DNS: u16 = 53;
/// What a resolver reads.
const READS: [&str; 8] = [
    "/etc/resolv.conf",
    "/etc/hosts",
    "/etc/nsswitch.conf",
    "/etc/host.conf",
    "/etc/gai.conf",
    "/etc/services",
    "/etc/ld.so.cache",
    "/run/systemd/resolve",
];

/// The bytes of an order.
#[must_use]
pub fn order(confinement: &Confinement, roots_list: &str) -> Vec<u8> {
    format!("{}\0{roots_list}", encode(confinement)).into_bytes()
}

/// Runs the proxy to its end.
pub fn main() -> ExitCode {
    let Err(error) = run();
    let _ = writeln!(io::stderr(), "reeve-egress: {error}");
    ExitCode::from(REFUSED)
}

fn doing(what: &'static str) -> impl Fn(io::Error) -> io::Error {
    move |error| io::Error::new(error.kind(), format!("{what}: {error}"))
}

fn run() -> io::Result<std::convert::Infallible> {
    let Descriptors { order, wrapper, inner } = Descriptors::FIXED;
    harden::start(&[order, wrapper, inner])?;
    let (order, wrapper, inner) = (
        jail::inherited(order)?,
        UnixStream::from(jail::inherited(wrapper)?),
        UnixStream::from(jail::inherited(inner)?),
    );
    let reach = read_order(File::from(order))?;
    jail::look(geteuid().as_raw(), getegid().as_raw())
        .map_err(|what| io::Error::other(format!("not as it was to be: {what}")))?;
    shut_in(&reach).map_err(doing("landlock"))?;
    seccomp::install(&filter(Tier::C, Network::Own, Leave::default())).map_err(doing("seccomp"))?;
    let listener = TcpListener::from(handover::take(&inner).map_err(doing("the tool's network"))?);
    (&inner).write_all(&[READY])?;
    drop(inner);
    let tally = Arc::new(Tally::default());
    accept(&listener, &wrapper, (Arc::new(reach), &tally))?;
    (&wrapper).write_all(tally.lines().as_bytes())?;
    // Connections that are still open end with this process.
    std::process::exit(0)
}

fn read_order(mut order: File) -> io::Result<Reach> {
    let mut text = String::new();
    order.read_to_string(&mut text)?;
    let broken = |what: &str| io::Error::other(format!("no order: {what}"));
    let (confinement, roots) = text.split_once('\0').ok_or_else(|| broken("it has one part"))?;
    let confinement = decode(confinement).map_err(|error| broken(error.0))?;
    let roots = RootsList::read(roots).map_err(|(line, _)| broken(&format!("line {line} of root's list")))?;
    match confinement.egress {
        Egress::Strict(lists) => Ok(Reach { lists, roots, resolver: Box::new(by_the_host) }),
        Egress::None | Egress::Preflight(_) => Err(broken("there is nothing to reach")),
    }
}

/// Nothing is written, nothing is run, and no other port is connected to than those of the tool's list and of names.
fn shut_in(reach: &Reach) -> io::Result<()> {
    let abi = landlock::abi();
    let (net, scoped) = (if abi >= 4 { 3 } else { 0 }, if abi >= 6 { 3 } else { 0 });
    let handled = Handled { fs: landlock::all_rights(abi), net, scoped };
    let rules = Ruleset::new(handled)?;
    rules.allow(Path::new("/usr"), rights(Access::Read))?;
    for path in READS {
        match rules.allow(Path::new(path), rights(Access::Read)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            other => other?,
        }
    }
    for port in reach.lists.allow.iter().map(|entry| entry.port).chain([DNS]) {
        rules.allow_connecting(port)?;
    }
    rules.restrict_self()
}

/// Serves until the wrapper lets go.
fn accept(
    listener: &TcpListener,
    wrapper: &UnixStream,
    (reach, tally): (Arc<Reach>, &Arc<Tally>),
) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let open = Arc::new(AtomicUsize::new(0));
    loop {
        let mut fds = [
            PollFd::new(wrapper.as_fd(), PollFlags::POLLIN),
            PollFd::new(listener.as_fd(), PollFlags::POLLIN),
        ];
        match poll(&mut fds, PollTimeout::NONE) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno.into()),
        }
        let [is_over, _] = fds.map(|fd| fd.any().unwrap_or(false));
        if is_over {
            return Ok(());
        }
        if let Ok((client, _)) = listener.accept() {
            client.set_nonblocking(false)?;
            begin(client, &open, (Arc::clone(&reach), Arc::clone(tally)));
        }
    }
}

fn begin(client: TcpStream, open: &Arc<AtomicUsize>, (reach, tally): (Arc<Reach>, Arc<Tally>)) {
    if open.fetch_add(1, Ordering::Relaxed) >= MOST_CONNECTIONS {
        open.fetch_sub(1, Ordering::Relaxed);
        serve::too_many(&client, &tally);
        return;
    }
    let counted = Arc::clone(open);
    let started = std::thread::Builder::new().spawn(move || {
        serve::serve(&client, &reach, &tally);
        counted.fetch_sub(1, Ordering::Relaxed);
    });
    if started.is_err() {
        open.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests;
