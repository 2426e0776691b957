//! How a process of ours gives up everything but one socket, its memory and its time, before it reads its first byte.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsFd, AsRawFd, RawFd};

use landlock::{ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, RestrictionStatus, Ruleset};
use landlock::{LandlockStatus, RulesetAttr, RulesetStatus, Scope};
use nix::sys::prctl;
use nix::sys::resource::{Resource, setrlimit};
use nix::sys::signal::Signal;
use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};
use nix::unistd::getppid;
use seccompiler::{BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition};
use seccompiler::{SeccompFilter, SeccompRule};

/// What Landlock does for a confined process. The system call filter is there in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Landlock {
    /// No file, no TCP port, no signal or abstract socket outside.
    Full,
    /// The kernel knows only a part of it.
    Partial,
    /// The kernel has none, or has it switched off.
    Absent,
}

/// Why a process could not be confined; it must not go on then.
#[derive(Debug, thiserror::Error)]
pub enum ConfineError {
    /// A limit or a process attribute could not be set.
    #[error("a limit could not be set")]
    Limit(#[from] nix::Error),
    /// The process that started this one is gone, and with it whoever would end this one.
    #[error("the parent process has ended")]
    Orphan,
    /// Landlock is there and refused.
    #[error("landlock could not be applied")]
    Landlock(#[source] Box<landlock::RulesetError>),
    /// Landlock is there and did nothing.
    #[error("landlock is on in this kernel and was not enforced")]
    NotEnforced,
    /// The system call filter could not be made or applied.
    #[error("the system call filter could not be applied")]
    Seccomp(#[source] Box<seccompiler::Error>),
    /// This is no architecture that a filter can be made for.
    #[error("there is no system call filter for this architecture")]
    Architecture,
}

impl From<seccompiler::Error> for ConfineError {
    fn from(error: seccompiler::Error) -> Self {
        Self::Seccomp(Box::new(error))
    }
}

/// Leaves this process, which must have one thread only, nothing but reading and writing `socket` (one end of a socket
/// pair that the parent made) and at most `memory` bytes. Any other system call kills it, and so does the end of the
/// *thread* that started it.
///
/// # Errors
/// When any part cannot be had. Landlock is an error only where the kernel has it.
pub fn to_socket(socket: &impl AsFd, memory: u64) -> Result<Landlock, ConfineError> {
    setrlimit(Resource::RLIMIT_AS, memory, memory)?;
    super::harden::no_core()?;
    setrlimit(Resource::RLIMIT_FSIZE, 0, 0)?;
    let fd = socket.as_fd().as_raw_fd();
    // Landlock opens one descriptor; no call that the filter lets through opens any.
    let descriptors = u64::try_from(fd).unwrap_or(0) + 2;
    setrlimit(Resource::RLIMIT_NOFILE, descriptors, descriptors)?;
    die_with_parent(socket)?;
    prctl::set_dumpable(false)?;
    prctl::set_no_new_privs()?;
    let landlock = landlock()?;
    seccompiler::apply_filter(&filter(fd)?)?;
    Ok(landlock)
}

/// CPU time of this thread so far, which a busy host does not stretch as it does wall time.
///
/// # Errors
/// When the kernel has no such clock.
pub fn thread_cpu_time() -> io::Result<std::time::Duration> {
    let time = nix::time::clock_gettime(nix::time::ClockId::CLOCK_THREAD_CPUTIME_ID)?;
    Ok(time.into())
}

fn die_with_parent(socket: &impl AsFd) -> Result<(), ConfineError> {
    prctl::set_pdeathsig(Some(Signal::SIGKILL))?;
    // The parent may have died before that took hold. The socket remembers who made it.
    let maker = getsockopt(socket, PeerCredentials)?.pid();
    if getppid().as_raw() != maker {
        return Err(ConfineError::Orphan);
    }
    Ok(())
}

fn landlock() -> Result<Landlock, ConfineError> {
    let status = restrict().map_err(|error| ConfineError::Landlock(Box::new(error)))?;
    match (status.ruleset, status.landlock) {
        (RulesetStatus::FullyEnforced, _) => Ok(Landlock::Full),
        (RulesetStatus::PartiallyEnforced, _) => Ok(Landlock::Partial),
        (RulesetStatus::NotEnforced, LandlockStatus::NotEnabled | LandlockStatus::NotImplemented) => {
            Ok(Landlock::Absent)
        }
        (RulesetStatus::NotEnforced, LandlockStatus::Available { .. }) => Err(ConfineError::NotEnforced),
    }
}

/// Handles every right there is and grants none.
fn restrict() -> Result<RestrictionStatus, landlock::RulesetError> {
    Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(ABI::V6))?
        .handle_access(AccessNet::from_all(ABI::V6))?
        .scope(Scope::from_all(ABI::V6))?
        .create()?
        .restrict_self()
}

fn filter(fd: RawFd) -> Result<BpfProgram, ConfineError> {
    let architecture = std::env::consts::ARCH.try_into().map_err(|_unknown| ConfineError::Architecture)?;
    let filter =
        SeccompFilter::new(allowed(fd)?, SeccompAction::KillProcess, SeccompAction::Allow, architecture)
            .map_err(seccompiler::Error::Backend)?;
    Ok(filter.try_into().map_err(seccompiler::Error::Backend)?)
}

/// Every system call that a confined process may make, and what for.
fn allowed(fd: RawFd) -> Result<BTreeMap<i64, Vec<SeccompRule>>, seccompiler::Error> {
    let mut calls = BTreeMap::new();
    let always = [
        // Memory: the allocator gets, grows and returns it.
        libc::SYS_brk,
        libc::SYS_munmap,
        libc::SYS_mremap,
        libc::SYS_madvise,
        // Locks of std that are contended: never with one thread, but std asks the kernel when in doubt.
        libc::SYS_futex,
        // The seeds of hash maps.
        libc::SYS_getrandom,
        // The CPU clock of the thread is no vDSO call; the others are not either in some virtual machines.
        libc::SYS_clock_gettime,
        // The end, and std's stack of its overflow handler on the way there.
        libc::SYS_exit,
        libc::SYS_exit_group,
        libc::SYS_sigaltstack,
        libc::SYS_rt_sigreturn,
        // A call that a stop signal interrupted goes on.
        libc::SYS_restart_syscall,
    ];
    calls.extend(always.map(|call| (call, Vec::new())));
    for call in [libc::SYS_read, libc::SYS_write, libc::SYS_recvfrom, libc::SYS_sendto] {
        calls.insert(call, vec![on_descriptor(fd)?]);
    }
    // Memory that can be executed is never needed, so no data can become code.
    for call in [libc::SYS_mmap, libc::SYS_mprotect] {
        calls.insert(call, vec![without_execution()?]);
    }
    Ok(calls)
}

fn on_descriptor(fd: RawFd) -> Result<SeccompRule, seccompiler::Error> {
    let fd = u64::try_from(fd).unwrap_or(u64::MAX);
    rule(SeccompCondition::new(0, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, fd))
}

fn without_execution() -> Result<SeccompRule, seccompiler::Error> {
    let execute = libc::PROT_EXEC.unsigned_abs().into();
    rule(SeccompCondition::new(2, SeccompCmpArgLen::Qword, SeccompCmpOp::MaskedEq(execute), 0))
}

fn rule(
    condition: Result<SeccompCondition, seccompiler::BackendError>,
) -> Result<SeccompRule, seccompiler::Error> {
    condition.and_then(|condition| SeccompRule::new(vec![condition])).map_err(seccompiler::Error::Backend)
}

#[cfg(test)]
mod tests;
