//! The last act of a wrapper: to become the program it was granted.

use std::ffi::{CString, NulError};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Duration;

use nix::fcntl::{FcntlArg, FdFlag, OFlag, fcntl, open};
use nix::sys::signal::{SigHandler, Signal, signal};
use nix::sys::stat::{Mode, umask};
use nix::unistd::{alarm, dup2_stdin, execve};

/// All that a program started by Reeve sees of an environment.
pub const ENVIRONMENT: [(&str, &str); 2] = [("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"), ("LC_ALL", "C")];

/// Ends this process by SIGALRM after that many seconds, whatever it has become by then: the timer survives `exec`.
pub fn end_after(limit: Duration) {
    let seconds = u32::try_from(limit.as_secs()).unwrap_or(u32::MAX).max(1);
    alarm::set(seconds);
}

/// Becomes the program, with nothing on stdin and only [`ENVIRONMENT`] and these around it. Returns only to say why not.
#[must_use]
pub fn replace(program: &Path, args: &[String], environment: &[(&str, &str)]) -> io::Error {
    match try_replace(program, args, environment) {
        Ok(never) => match never {},
        Err(error) => error,
    }
}

fn try_replace(
    program: &Path,
    args: &[String],
    environment: &[(&str, &str)],
) -> io::Result<std::convert::Infallible> {
    let path = CString::new(program.as_os_str().as_bytes())?;
    let mut argv = vec![path.clone()];
    argv.extend(args.iter().map(|arg| CString::new(arg.as_str())).collect::<Result<Vec<_>, NulError>>()?);
    let environment: Vec<CString> = ENVIRONMENT
        .iter()
        // Of two of one name a program sees the first: what the table says counts.
        .filter(|(name, _)| environment.iter().all(|(own, _)| own != name))
        .chain(environment)
        .map(|(name, value)| CString::new(format!("{name}={value}")))
        .collect::<Result<_, NulError>>()?;
    dup2_stdin(open("/dev/null", OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty())?)?;
    // A mount point that zfs makes must be open to those who use it, and `exec` would hand an ignored SIGPIPE on.
    umask(Mode::from_bits_truncate(0o022));
    // SAFETY: the default disposition is not code of ours, so nothing can run inside a signal.
    unsafe { signal(Signal::SIGPIPE, SigHandler::SigDfl) }?;
    Ok(execve(&path, &argv, &environment)?)
}

/// Signals as a program expects them, and its own descriptor closed once it runs.
pub(super) fn ready(program: &impl AsFd) -> io::Result<()> {
    default_signals();
    fcntl(program, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC))?;
    Ok(())
}

/// Every signal is as a program expects it. libc keeps two of them to itself, and `sudo` leaves these ignored.
fn default_signals() {
    let default = [0_usize; 4];
    for number in 1..=64_i32 {
        // SAFETY: a pointer to what is the kernel's struct for "as is the default", in which all is zero, and integers. The
        // kernel refuses for the two that are fixed.
        unsafe {
            libc::syscall(
                libc::SYS_rt_sigaction,
                number,
                &raw const default,
                std::ptr::null::<libc::c_void>(),
                8usize,
            )
        };
    }
}
