//! How much a directory holds that somebody else fills: what it takes on the disk, and how many files it has. Nothing in it is
//! opened but directories, no link is followed, and no other file system is entered, whatever is done to the names meanwhile. Bytes are
//! blocks, and not lengths, of which a file has as many as it likes: OpenZFS tells the blocks of what was just written some seconds later.

use std::collections::HashSet;
use std::ffi::CString;
use std::io;
use std::ops::ControlFlow;
use std::os::fd::OwnedFd;
use std::path::Path;

use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, open, openat};
use nix::sys::stat::{Mode, SFlag, fstat, fstatat};

/// Deeper than this nothing is counted: it is too much, whatever it is. Each step down holds a descriptor.
const MOST_DEPTH: usize = 256;
/// A file takes so many bytes for each of its blocks, whatever the file system's own are.
const BLOCK: u64 = 512;
const DIRECTORY: OFlag =
    OFlag::O_RDONLY.union(OFlag::O_DIRECTORY).union(OFlag::O_NOFOLLOW).union(OFlag::O_CLOEXEC);

/// What a directory holds, or may hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Bytes on the disk.
    pub bytes: u64,
    /// Files, directories, links and whatever else has a name.
    pub inodes: u64,
}

impl Usage {
    fn is_beyond(self, most: Usage) -> bool {
        self.bytes > most.bytes || self.inodes > most.inodes
    }
}

/// What lies below a directory. When it is more than `most`, it may be more still. Nothing, when time is over before that is known.
///
/// # Errors
/// When it cannot be read.
pub fn of(directory: &Path, most: Usage, is_over: impl Fn() -> bool) -> io::Result<Option<Usage>> {
    let top = open(directory, DIRECTORY, Mode::empty())?;
    let device = fstat(&top)?.st_dev;
    let mut count = Count { found: Usage::default(), most, device, seen: HashSet::new(), is_over };
    Ok(match count.add(top, 0)? {
        ControlFlow::Continue(()) | ControlFlow::Break(Over::TooMuch) => Some(count.found),
        ControlFlow::Break(Over::TooLong) => None,
    })
}

/// Why counting is over before its end.
enum Over {
    TooMuch,
    TooLong,
}

struct Count<F> {
    found: Usage,
    most: Usage,
    device: libc::dev_t,
    /// Files that have several names, and whose bytes count once.
    seen: HashSet<libc::ino_t>,
    is_over: F,
}

impl<F: Fn() -> bool> Count<F> {
    fn add(&mut self, directory: OwnedFd, depth: usize) -> io::Result<ControlFlow<Over>> {
        if depth == MOST_DEPTH {
            self.found.inodes = u64::MAX;
            return Ok(ControlFlow::Break(Over::TooMuch));
        }
        let mut listed = Dir::from_fd(directory)?;
        let names = names(&mut listed, self.most.inodes.saturating_sub(self.found.inodes))?;
        for name in names {
            if (self.is_over)() {
                return Ok(ControlFlow::Break(Over::TooLong));
            }
            let found = match fstatat(&listed, name.as_c_str(), AtFlags::AT_SYMLINK_NOFOLLOW) {
                // Somebody took it away meanwhile.
                Err(Errno::ENOENT) => continue,
                other => other?,
            };
            let is_directory = found.st_mode & SFlag::S_IFMT.bits() == SFlag::S_IFDIR.bits();
            // It is not known what is in there: a subvolume is made by whoever writes here, and what root mounts no tool sees. Of an
            // overlay, only directories say which file system they are of.
            if is_directory && found.st_dev != self.device {
                self.found.bytes = u64::MAX;
                return Ok(ControlFlow::Break(Over::TooMuch));
            }
            // Each name counts, or names of one file would be room in which others are not looked for.
            self.found.inodes = self.found.inodes.saturating_add(1);
            let is_known = !is_directory && found.st_nlink > 1 && !self.seen.insert(found.st_ino);
            if !is_known {
                let blocks = u64::try_from(found.st_blocks).unwrap_or(u64::MAX);
                self.found.bytes = self.found.bytes.saturating_add(blocks.saturating_mul(BLOCK));
            }
            if self.found.is_beyond(self.most) {
                return Ok(ControlFlow::Break(Over::TooMuch));
            }
            if is_directory {
                match openat(&listed, name.as_c_str(), DIRECTORY, Mode::empty()) {
                    Ok(below) => match self.add(below, depth + 1)? {
                        ControlFlow::Continue(()) => {}
                        over @ ControlFlow::Break(_) => return Ok(over),
                    },
                    // Gone meanwhile, or another thing by now.
                    Err(Errno::ENOENT | Errno::ELOOP | Errno::ENOTDIR) => {}
                    Err(errno) => return Err(errno.into()),
                }
            }
        }
        Ok(ControlFlow::Continue(()))
    }
}

/// The names in a directory; one more than may be is enough to know that there are too many.
fn names(listed: &mut Dir, most: u64) -> io::Result<Vec<CString>> {
    let most = usize::try_from(most).unwrap_or(usize::MAX).saturating_add(1);
    let is_below = |name: &CString| !matches!(name.as_bytes(), b"." | b"..");
    let names = listed.iter().map(|entry| entry.map(|entry| entry.file_name().to_owned()));
    Ok(names.filter(|name| name.as_ref().map_or(true, is_below)).take(most).collect::<Result<_, _>>()?)
}

#[cfg(test)]
mod tests {
    use super::super::scratch::Scratch;
    use super::*;

    const ALL: Usage = Usage { bytes: u64::MAX, inodes: u64::MAX };

    fn of(directory: &Path, most: Usage) -> io::Result<Usage> {
        super::of(directory, most, || false).map(Option::unwrap)
    }

    #[test]
    fn counting_ends_when_its_time_is_over_and_says_nothing_then() {
        let scratch = Scratch::new();
        for number in 0..50 {
            std::fs::create_dir_all(scratch.path(&format!("a/{number}/b"))).unwrap();
        }
        let looks = std::cell::Cell::new(0);
        let after = |most| {
            looks.set(0);
            super::of(scratch.root(), ALL, || looks.replace(looks.get() + 1) >= most).unwrap()
        };
        assert_eq!((after(20), looks.get()), (None, 21));
        assert_eq!(after(101).unwrap().inodes, 101);
    }

    #[test]
    fn bytes_and_names_are_counted_through_no_link_and_the_bytes_of_two_names_once() {
        let scratch = Scratch::new();
        let at = |name: &str| scratch.path(name);
        let outside = scratch.path("outside");
        std::fs::create_dir(&outside).unwrap();
        std::fs::write(outside.join("x"), vec![1; 1 << 20]).unwrap();
        std::fs::create_dir_all(at("top/a/b")).unwrap();
        assert_eq!(of(&at("top"), ALL).unwrap().inodes, 2);
        let before = of(&at("top"), ALL).unwrap().bytes;
        std::fs::write(at("top/a/b/f"), vec![1; 64 << 10]).unwrap();
        std::fs::hard_link(at("top/a/b/f"), at("top/g")).unwrap();
        std::os::unix::fs::symlink(&outside, at("top/l")).unwrap();
        let found = of(&at("top"), ALL).unwrap();
        assert_eq!(found.inodes, 5);
        assert!((64 << 10..128 << 10).contains(&(found.bytes - before)), "{found:?}");
        assert!(of(&at("top/l"), ALL).is_err(), "nor is it one itself");
    }

    #[test]
    fn another_file_system_or_subvolume_below_is_too_much_whatever_is_in_it() {
        let scratch = Scratch::new();
        std::fs::create_dir_all(scratch.path("a/b")).unwrap();
        let counted = |other: u64| {
            let top = open(scratch.root(), DIRECTORY, Mode::empty()).unwrap();
            let device = fstat(&top).unwrap().st_dev + other;
            let (found, seen) = (Usage::default(), HashSet::new());
            let mut count = Count { found, most: ALL, device, seen, is_over: || false };
            (count.add(top, 0).unwrap().is_break(), count.found.bytes == u64::MAX)
        };
        assert_eq!((counted(0), counted(1)), ((false, false), (true, true)));
    }

    #[test]
    fn many_names_of_one_file_are_too_many_names() {
        let scratch = Scratch::new();
        std::fs::write(scratch.path("0"), "").unwrap();
        for number in 1..50 {
            std::fs::hard_link(scratch.path("0"), scratch.path(&number.to_string())).unwrap();
        }
        let most = Usage { inodes: 10, ..ALL };
        assert_eq!(of(scratch.root(), most).unwrap().inodes, 11);
    }

    #[test]
    fn counting_ends_where_it_is_too_much_and_deeper_than_one_counts_is_too_much() {
        let scratch = Scratch::new();
        for number in 0..50 {
            std::fs::write(scratch.path(&number.to_string()), "").unwrap();
        }
        let most = Usage { inodes: 10, ..ALL };
        assert_eq!(of(scratch.root(), most).unwrap().inodes, 11);
        let deep = scratch.path("top").join(["d"; 300].join("/"));
        std::fs::create_dir_all(&deep).unwrap();
        assert_eq!(of(scratch.root(), ALL).unwrap().inodes, u64::MAX);
    }
}
