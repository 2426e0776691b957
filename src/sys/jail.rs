//! What a process does to itself before it becomes a tool: a tree of processes, limits, rights given up for good, and a look
//! at what is really so.
//!
//! Everything here is for a process with one thread that was made for it.

use std::ffi::CString;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};

use nix::fcntl::{FcntlArg, OFlag, fcntl, open};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::prctl;
use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit, setrlimit};
use nix::sys::signal::Signal;
use nix::sys::stat::{Mode, fchmod, umask};
use nix::unistd::{
    ForkResult, Gid, Pid, Uid, execve, execveat, fchown, fork, getgroups, getresgid, getresuid, pipe2,
    setgroups, setresgid, setresuid,
};

use super::ids::User;
pub use super::pidfd::end_by;

/// A child of this process, or that this is it.
#[derive(Debug)]
pub enum Side {
    /// This is the child, and who started it.
    Child(Starter),
    /// This is the parent of this one.
    Parent(Pid),
}

/// Makes a child.
///
/// # Errors
/// When there can be none.
pub fn split() -> io::Result<Side> {
    let starter = Starter(exit_of(Pid::this())?);
    // SAFETY: by the contract of this module there is one thread, so the child finds no lock held by another.
    match unsafe { fork() }? {
        ForkResult::Child => Ok(Side::Child(starter)),
        ForkResult::Parent { child } => Ok(Side::Parent(child)),
    }
}

/// The process that started this one, whatever tree of processes either is in.
#[derive(Debug)]
pub struct Starter(OwnedFd);

impl Starter {
    /// This process ends when that one does. Changing users takes that back, so it comes after.
    ///
    /// # Errors
    /// When the kernel refuses, and when that one has ended already, which the kernel says nothing of.
    pub fn end_with_it(&self) -> io::Result<()> {
        prctl::set_pdeathsig(Some(Signal::SIGKILL))?;
        let mut ended = [PollFd::new(self.0.as_fd(), PollFlags::POLLIN)];
        match poll(&mut ended, PollTimeout::ZERO)? {
            0 => Ok(()),
            _ => Err(io::Error::other("whoever started this process has ended")),
        }
    }
}

/// Ends this process with nothing more being run.
pub fn end(status: i32) -> ! {
    // SAFETY: ends the process.
    unsafe { libc::_exit(status) }
}

/// The children of this process, from now on, are in a tree of processes of their own: when the first of them ends, the
/// kernel ends all others.
///
/// # Errors
/// When the kernel refuses.
pub fn new_process_tree() -> io::Result<()> {
    unshare(libc::CLONE_NEWPID)
}

pub(super) fn unshare(what: i32) -> io::Result<()> {
    // SAFETY: an integer.
    if unsafe { libc::unshare(what) } == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// The limits of one process.
#[derive(Clone, Copy, Debug)]
pub struct ProcessLimits {
    /// Seconds of processor time.
    pub cpu: u64,
    /// Bytes of a file.
    pub file_size: u64,
    /// Descriptors.
    pub open_files: u64,
    /// Processes of the user, where no control group counts those of the run.
    pub processes: Option<u64>,
    /// Bytes of address space, where no control group counts memory.
    pub address_space: Option<u64>,
}

/// Puts them in force.
///
/// # Errors
/// When the kernel refuses one.
pub fn limit(limits: &ProcessLimits) -> io::Result<()> {
    super::harden::no_core()?;
    let mut all = vec![
        (Resource::RLIMIT_FSIZE, limits.file_size),
        (Resource::RLIMIT_NOFILE, limits.open_files),
        (Resource::RLIMIT_MEMLOCK, 64 << 10),
        (Resource::RLIMIT_RTPRIO, 0),
        (Resource::RLIMIT_NICE, 0),
        (Resource::RLIMIT_MSGQUEUE, 0),
    ];
    all.extend(limits.processes.map(|most| (Resource::RLIMIT_NPROC, most)));
    all.extend(limits.address_space.map(|most| (Resource::RLIMIT_AS, most)));
    // A second between the signal that says why (SIGXCPU) and the one that nobody withstands.
    setrlimit(Resource::RLIMIT_CPU, limits.cpu, limits.cpu + 1)?;
    for (resource, most) in all {
        setrlimit(resource, most, most)?;
    }
    umask(Mode::from_bits_truncate(0o022));
    Ok(())
}

/// The limits that this process really has.
///
/// # Errors
/// When the kernel does not tell.
pub fn limits_in_force() -> io::Result<ProcessLimits> {
    let of = |resource| Ok::<u64, io::Error>(getrlimit(resource)?.0);
    let bounded = |most: u64| (most != RLIM_INFINITY).then_some(most);
    Ok(ProcessLimits {
        cpu: of(Resource::RLIMIT_CPU)?,
        file_size: of(Resource::RLIMIT_FSIZE)?,
        open_files: of(Resource::RLIMIT_NOFILE)?,
        processes: bounded(of(Resource::RLIMIT_NPROC)?),
        address_space: bounded(of(Resource::RLIMIT_AS)?),
    })
}

/// Becomes a user without groups but its own, without capabilities and without a way to any.
///
/// # Errors
/// When a step fails; the process is in between two users then and must end.
pub fn become_nobody_else(user: &User) -> io::Result<()> {
    for capability in 0..64 {
        match drop_from_bounding_set(capability) {
            Ok(()) => {}
            // There are no more.
            Err(error) if error.raw_os_error() == Some(libc::EINVAL) && capability > 0 => break,
            Err(error) => return Err(error),
        }
    }
    lock_securebits()?;
    let (uid, gid) = (Uid::from_raw(user.uid), Gid::from_raw(user.gid));
    setgroups(&[])?;
    setresgid(gid, gid, gid)?;
    setresuid(uid, uid, uid)?;
    no_capabilities()?;
    prctl::set_no_new_privs()?;
    Ok(())
}

fn drop_from_bounding_set(capability: u32) -> io::Result<()> {
    // SAFETY: integers.
    let done = unsafe { libc::prctl(libc::PR_CAPBSET_DROP, capability, 0, 0, 0) };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Root's number means nothing to `exec` any more, and no capability becomes ambient; neither can be taken back.
fn lock_securebits() -> io::Result<()> {
    const NOROOT: i32 = 1 << 0;
    const KEEP_CAPS_LOCKED: i32 = 1 << 5;
    const NO_AMBIENT: i32 = 1 << 6;
    let bits = NOROOT | NOROOT << 1 | KEEP_CAPS_LOCKED | NO_AMBIENT | NO_AMBIENT << 1;
    // SAFETY: integers.
    let done = unsafe { libc::prctl(libc::PR_SET_SECUREBITS, bits, 0, 0, 0) };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[repr(C)]
struct CapabilityHeader {
    version: u32,
    pid: i32,
}

/// Effective, permitted and inheritable, of the first 32 and of the rest.
type Capabilities = [[u32; 3]; 2];

const CAPABILITY_VERSION: u32 = 0x2008_0522;

fn no_capabilities() -> io::Result<()> {
    let header = CapabilityHeader { version: CAPABILITY_VERSION, pid: 0 };
    let none: Capabilities = [[0; 3]; 2];
    // SAFETY: two pointers to structs of the kernel's layout for this version, which it only reads.
    let done = unsafe { libc::syscall(libc::SYS_capset, &raw const header, &raw const none) };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

fn has_capabilities() -> io::Result<bool> {
    let header = CapabilityHeader { version: CAPABILITY_VERSION, pid: 0 };
    let mut found: Capabilities = [[0; 3]; 2];
    // SAFETY: two pointers to structs of the kernel's layout for this version; it writes into the second, all of it.
    let done = unsafe { libc::syscall(libc::SYS_capget, &raw const header, &raw mut found) };
    if done == 0 { Ok(found != [[0; 3]; 2]) } else { Err(io::Error::last_os_error()) }
}

fn bounding_set_is_empty() -> bool {
    // SAFETY: integers. What the kernel does not know it answers with an error, which is not 1.
    (0..64).all(|capability| unsafe { libc::prctl(libc::PR_CAPBSET_READ, capability, 0, 0, 0) } != 1)
}

/// Looks whether this process is what it was to become: the user with its one group, without any capability or a way to
/// one.
///
/// # Errors
/// What is not so.
pub fn look(uid: u32, gid: u32) -> Result<(), &'static str> {
    let (Ok(uids), Ok(gids), Ok(groups)) = (getresuid(), getresgid(), getgroups()) else {
        return Err("the ids cannot be read");
    };
    let checks = [
        ([uids.real, uids.effective, uids.saved] == [Uid::from_raw(uid); 3] && uid != 0, "the user"),
        ([gids.real, gids.effective, gids.saved] == [Gid::from_raw(gid); 3] && gid != 0, "the group"),
        (groups.iter().all(|group| group.as_raw() == gid), "the supplementary groups"),
        (has_capabilities().is_ok_and(|has| !has), "the capabilities"),
        (bounding_set_is_empty(), "the capability bounding set"),
        (prctl::get_no_new_privs().is_ok_and(|set| set), "no_new_privs"),
    ];
    checks.into_iter().find(|(holds, _)| !holds).map_or(Ok(()), |(_, what)| Err(what))
}

/// The mode of the filter of system calls of this process.
#[must_use]
pub fn filter_mode() -> u32 {
    // SAFETY: integers.
    let mode = unsafe { libc::prctl(libc::PR_GET_SECCOMP, 0, 0, 0, 0) };
    u32::try_from(mode).unwrap_or(0)
}

/// Nobody of the same user may look into this process.
///
/// # Errors
/// When the kernel refuses.
pub fn hide() -> io::Result<()> {
    Ok(prctl::set_dumpable(false)?)
}

/// Puts descriptors where the other side expects them, open across `exec`, and closes all others from 3 up across it.
///
/// # Errors
/// When one cannot be had.
pub fn hand_on(descriptors: &[(BorrowedFd<'_>, RawFd)]) -> io::Result<()> {
    const OUT_OF_THE_WAY: RawFd = 256;
    close_all_on_exec()?;
    // First up, then down, so that none is overwritten before it was taken.
    let mut raised = Vec::new();
    for (from, to) in descriptors {
        raised.push((fcntl(from, FcntlArg::F_DUPFD_CLOEXEC(OUT_OF_THE_WAY))?, *to));
    }
    for (from, to) in raised {
        // SAFETY: integers. What was open at `to` is not used any more: this process is about to execute another
        // program, or to use nothing but these descriptors.
        if unsafe { libc::dup2(from, to) } < 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(())
}

/// No descriptor from 3 up survives `exec`.
///
/// # Errors
/// When the kernel refuses.
pub fn close_all_on_exec() -> io::Result<()> {
    const ON_EXEC: u32 = 4;
    // SAFETY: integers; nothing is closed yet.
    let done = unsafe { libc::syscall(libc::SYS_close_range, 3u32, u32::MAX, ON_EXEC) };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// The descriptor that the program before this one left open at a place, which ours is from now on.
///
/// # Errors
/// When nothing is open there.
pub fn inherited(at: RawFd) -> io::Result<OwnedFd> {
    // SAFETY: an integer that is looked at first; the duplicate is a descriptor of its own.
    let borrowed = unsafe { BorrowedFd::borrow_raw(at) };
    let copy = fcntl(borrowed, FcntlArg::F_DUPFD_CLOEXEC(3))?;
    // SAFETY: the kernel has just made this descriptor, and nothing else owns it.
    Ok(unsafe { std::os::fd::FromRawFd::from_raw_fd(copy) })
}

/// Nothing to read and nowhere to write: this process has the outputs of what it looks after no longer open.
///
/// # Errors
/// When `/dev/null` cannot be had.
pub fn let_go_of_output() -> io::Result<()> {
    let null = open("/dev/null", OFlag::O_RDWR | OFlag::O_CLOEXEC, Mode::empty())?;
    for at in 0..3 {
        // SAFETY: integers; what was open there stays open in the child that uses it.
        if unsafe { libc::dup2(null.as_raw_fd(), at) } < 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(())
}

/// A file in memory with this content, to be read from its start by whoever has the descriptor.
///
/// # Errors
/// When there can be none.
pub fn file_in_memory(content: &[u8]) -> io::Result<OwnedFd> {
    use std::io::{Seek, Write};
    // SAFETY: a string that ends in zero, and an integer.
    let fd = unsafe { libc::memfd_create(c"order".as_ptr(), libc::MFD_CLOEXEC) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel has just made this descriptor, and nothing else owns it.
    let mut file = unsafe { <std::fs::File as std::os::fd::FromRawFd>::from_raw_fd(fd) };
    file.write_all(content)?;
    file.rewind()?;
    Ok(file.into())
}

/// This content and then its end, to be read by this user: from a pipe. What is written to a file in memory could be run, however
/// the mounts are; a pipe can neither be run nor mapped.
///
/// # Errors
/// When there can be none that holds all of it.
pub fn input(content: &[u8], user: &User) -> io::Result<OwnedFd> {
    use std::io::Write;
    let (out, into) = pipe2(OFlag::O_CLOEXEC)?;
    let room = fcntl(&into, FcntlArg::F_GETPIPE_SZ)?;
    let wanted = i32::try_from(content.len()).map_err(io::Error::other)?;
    if room < wanted {
        fcntl(&into, FcntlArg::F_SETPIPE_SZ(wanted))?;
    }
    // Nobody reads yet: what has no room is an error.
    fcntl(&into, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
    std::fs::File::from(into).write_all(content)?;
    // Some programs open their input anew, by `/dev/stdin`.
    fchmod(&out, Mode::S_IRUSR)?;
    fchown(&out, Some(Uid::from_raw(user.uid)), Some(Gid::from_raw(user.gid)))?;
    Ok(out)
}

/// Becomes the program that a descriptor stands for; by its path where an interpreter has to open it again.
///
/// # Errors
/// Why not.
pub fn become_program(
    program: &impl AsFd,
    script: Option<&str>,
    (args, environment): (&[CString], &[CString]),
) -> io::Result<std::convert::Infallible> {
    super::exec::ready(program)?;
    Err(match script {
        Some(path) => match execve(&CString::new(path)?, args, environment) {
            Ok(never) => match never {},
            Err(errno) => errno.into(),
        },
        None => match execveat(program, c"", args, environment, nix::fcntl::AtFlags::AT_EMPTY_PATH) {
            Ok(never) => match never {},
            Err(errno) => errno.into(),
        },
    })
}

/// Becomes the program at a path.
///
/// # Errors
/// Why not.
pub fn execute(program: &str, args: &[CString]) -> io::Result<std::convert::Infallible> {
    let nothing: [CString; 0] = [];
    Ok(execve(&CString::new(program)?, args, &nothing)?)
}

/// What becomes readable when a child has ended.
///
/// # Errors
/// When the kernel refuses.
pub fn exit_of(child: Pid) -> io::Result<OwnedFd> {
    super::pidfd::pidfd(child)
}
