//! Leave to become one program, once: the filter of system calls lets `exec` through with exactly these three addresses, which
//! are drawn at random, and nothing of them outlives the `exec`. What the process has become by then would have to guess them all.

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::ptr;

use super::{exec, random};

/// Where a process may have memory, as pages: half of what the smallest address space of the architecture has.
#[cfg(target_arch = "x86_64")]
const PLACES: u64 = 0x3fff_ffff_f000;
#[cfg(not(target_arch = "x86_64"))]
const PLACES: u64 = 0x3f_ffff_f000;
/// Below lies what programs that were made long ago take for theirs.
const LOWEST: u64 = 1 << 32;
/// How often another place is drawn when something lies at the first.
const TRIES: u32 = 16;

/// A path, arguments and an environment, each at a place of its own.
#[derive(Debug)]
pub struct Ticket {
    path: u64,
    args: u64,
    environment: u64,
    /// What the arguments and the environment point to.
    _strings: Vec<CString>,
}

impl Ticket {
    /// For the program at this path, or for the one of a descriptor where the path is empty.
    ///
    /// # Errors
    /// When there is no memory, or no randomness.
    pub fn new(path: &CStr, args: &[CString], environment: &[CString]) -> io::Result<Ticket> {
        let strings: Vec<CString> = args.iter().chain(environment).cloned().collect();
        let (first, rest) = strings.split_at(args.len());
        let pointers = |all: &[CString]| {
            let addresses = all.iter().map(|one| one.as_ptr().addr());
            addresses.chain([0]).flat_map(usize::to_ne_bytes).collect::<Vec<u8>>()
        };
        Ok(Ticket {
            path: placed(path.to_bytes_with_nul())?,
            args: placed(&pointers(first))?,
            environment: placed(&pointers(rest))?,
            _strings: strings,
        })
    }

    /// The three addresses: of the path, the arguments and the environment.
    #[must_use]
    pub fn addresses(&self) -> [u64; 3] {
        [self.path, self.args, self.environment]
    }

    /// Becomes the program of a descriptor, or the one at the path. Returns only to say why not.
    ///
    /// # Errors
    /// Why not.
    pub fn spend(&self, program: &impl AsFd, by_path: bool) -> io::Result<std::convert::Infallible> {
        exec::ready(program)?;
        let [path, args, environment] = self.addresses();
        let flags = libc::AT_EMPTY_PATH;
        // SAFETY: the three addresses are of pages that `placed` made and filled and that are never taken away: a string that
        // ends in zero, and two lists of pointers to strings that this struct keeps, each ending in a null pointer.
        unsafe {
            if by_path {
                libc::syscall(libc::SYS_execve, path, args, environment);
            } else {
                let program = program.as_fd().as_raw_fd();
                libc::syscall(libc::SYS_execveat, program, path, args, environment, flags);
            }
        }
        Err(io::Error::last_os_error())
    }
}

/// Memory at a place that nobody can guess, with these bytes at its beginning.
fn placed(bytes: &[u8]) -> io::Result<u64> {
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED_NOREPLACE;
    let mut drawn = [0; 8];
    for _try in 0..TRIES {
        random::fill(&mut drawn)?;
        let place = u64::from_ne_bytes(drawn) & PLACES;
        if place < LOWEST {
            continue;
        }
        let wanted = usize::try_from(place).map_err(io::Error::other)?;
        // SAFETY: anonymous memory at an address where nothing lies: with MAP_FIXED_NOREPLACE the kernel refuses otherwise.
        let made = unsafe {
            libc::mmap(
                ptr::without_provenance_mut(wanted),
                bytes.len(),
                libc::PROT_READ | libc::PROT_WRITE,
                flags,
                -1,
                0,
            )
        };
        if made == libc::MAP_FAILED {
            let error = io::Error::last_os_error();
            if error.raw_os_error() == Some(libc::EEXIST) {
                continue;
            }
            return Err(error);
        }
        // SAFETY: the kernel has just made at least that many bytes there, which nobody else knows of.
        unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), made.cast::<u8>(), bytes.len()) };
        return u64::try_from(made.addr()).map_err(io::Error::other);
    }
    Err(io::Error::other("there is no place in memory"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_tickets_have_an_address_in_common_and_none_is_near_another() {
        let all: Vec<u64> =
            (0..50).flat_map(|_| Ticket::new(c"", &[c"a".to_owned()], &[]).unwrap().addresses()).collect();
        let mut pages: Vec<u64> = all.iter().map(|address| address >> 24).collect();
        pages.sort_unstable();
        pages.dedup();
        assert!(pages.len() > 140, "{} of 150", pages.len());
        assert!(all.iter().all(|address| *address >= LOWEST && address % 4096 == 0));
    }

    #[test]
    fn what_lies_there_is_what_exec_reads() {
        let ticket = Ticket::new(c"/x", &[c"a".to_owned(), c"b".to_owned()], &[c"E=1".to_owned()]).unwrap();
        let [path, args, environment] = ticket.addresses().map(|address| usize::try_from(address).unwrap());
        // SAFETY: addresses that the ticket made, of a string and of lists of pointers that end in a null pointer.
        unsafe {
            assert_eq!(CStr::from_ptr(ptr::with_exposed_provenance(path)), c"/x");
            let args: *const *const libc::c_char = ptr::with_exposed_provenance(args);
            assert_eq!((CStr::from_ptr(*args), CStr::from_ptr(*args.add(1))), (c"a", c"b"));
            assert!((*args.add(2)).is_null());
            let environment: *const *const libc::c_char = ptr::with_exposed_provenance(environment);
            assert_eq!(CStr::from_ptr(*environment), c"E=1");
            assert!((*environment.add(1)).is_null());
        }
    }
}
