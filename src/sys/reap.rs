//! Children that have ended, whatever ended them: a real-time signal has no name that a library knows, and ends a process
//! all the same.

use std::io;

/// A child that has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    /// Its number.
    pub pid: i32,
    /// Its status, or the signal that ended it.
    pub by: Result<i32, i32>,
}

/// Waits for whatever child ends next; nothing when there is none.
///
/// # Errors
/// When the kernel refuses.
pub fn next_end() -> io::Result<Option<Ended>> {
    loop {
        let mut status = 0;
        // SAFETY: a pointer to an integer of ours, which the kernel writes.
        let pid = unsafe { libc::waitpid(-1, &raw mut status, 0) };
        if pid < 0 {
            let error = io::Error::last_os_error();
            if error.raw_os_error() == Some(libc::ECHILD) {
                return Ok(None);
            }
            if error.kind() != io::ErrorKind::Interrupted {
                return Err(error);
            }
        } else if let Some(by) = ended(status) {
            return Ok(Some(Ended { pid, by }));
        }
    }
}

/// What a status says; nothing when it says that the child goes on.
fn ended(status: i32) -> Option<Result<i32, i32>> {
    if libc::WIFEXITED(status) {
        Some(Ok(libc::WEXITSTATUS(status)))
    } else if libc::WIFSIGNALED(status) {
        Some(Err(libc::WTERMSIG(status)))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_an_exit_a_signal_of_any_number_or_no_end() {
        assert_eq!(ended(3 << 8), Some(Ok(3)));
        for signal in [1, 9, 31, 34, 64] {
            assert_eq!(ended(signal), Some(Err(signal)));
        }
        assert_eq!((ended(0x137f), ended(0xffff)), (None, None), "stopped, and gone on");
    }
}
