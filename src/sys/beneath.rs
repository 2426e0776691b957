//! Files below a directory that is held by its descriptor: no link is followed, nothing above it is reached, and no other file
//! system, whatever somebody does to the names meanwhile.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, OpenHow, ResolveFlag, open, openat2};
use nix::sys::stat::{Mode, SFlag, fstat, fstatat, mkdirat};

/// A directory.
#[derive(Debug)]
pub struct Directory(OwnedFd);

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Link,
    /// A pipe, a socket or a device.
    Other,
}

impl Directory {
    /// The one at a path; `.` is the one that this process is in.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn at(path: &Path) -> io::Result<Directory> {
        Ok(Directory(open(path, OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty())?))
    }

    /// A directory below.
    ///
    /// # Errors
    /// When there is none, or a link or another file system stands in the way.
    pub fn directory(&self, path: &OsStr) -> io::Result<Directory> {
        self.open(path, OFlag::O_PATH | OFlag::O_DIRECTORY).map(Directory)
    }

    /// A regular file below, to be read.
    ///
    /// # Errors
    /// When it is none, or a link or another file system stands in the way.
    pub fn file(&self, path: &OsStr) -> io::Result<File> {
        // Without O_NONBLOCK a FIFO would hold us here for ever.
        let file = self.open(path, OFlag::O_RDONLY | OFlag::O_NONBLOCK | OFlag::O_NOCTTY)?;
        match kind(fstat(&file)?.st_mode) {
            Kind::File => Ok(file.into()),
            Kind::Directory | Kind::Link | Kind::Other => Err(io::Error::other("is no regular file")),
        }
    }

    /// Whatever has this name below, by a descriptor that only says which it is. A link is refused.
    ///
    /// # Errors
    /// When there is none, or a link or another file system stands in the way.
    pub fn entry(&self, path: &OsStr) -> io::Result<OwnedFd> {
        self.open(path, OFlag::O_PATH)
    }

    /// Makes a directory below, and those above it that are not there.
    ///
    /// # Errors
    /// When one cannot be made, or a link or another file system stands in the way.
    pub fn make_directories(&self, path: &OsStr) -> io::Result<()> {
        let mut above = self.directory(OsStr::new("."))?;
        for name in Path::new(path).iter() {
            match mkdirat(&above.0, name, Mode::from_bits_truncate(0o755)) {
                Ok(()) | Err(Errno::EEXIST) => {}
                Err(errno) => return Err(errno.into()),
            }
            above = above.directory(name)?;
        }
        Ok(())
    }

    /// At most so many of the names in it, in order, and whether there are more.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn names(&self, most: usize) -> io::Result<(Vec<OsString>, bool)> {
        let mut listed = Dir::from_fd(self.open(OsStr::new("."), OFlag::O_RDONLY | OFlag::O_DIRECTORY)?)?;
        let (mut names, mut has_more) = (Vec::new(), false);
        for entry in listed.iter() {
            let entry = entry?;
            let name = OsStr::from_bytes(entry.file_name().to_bytes());
            if name == "." || name == ".." {
                continue;
            }
            if names.len() == most {
                has_more = true;
                break;
            }
            names.push(name.to_owned());
        }
        names.sort();
        Ok((names, has_more))
    }

    /// What a name in it stands for, and how many bytes that has.
    ///
    /// # Errors
    /// When nothing has that name.
    pub fn look(&self, name: &OsStr) -> io::Result<(Kind, u64)> {
        let found = fstatat(&self.0, name, AtFlags::AT_SYMLINK_NOFOLLOW)?;
        Ok((kind(found.st_mode), u64::try_from(found.st_size).unwrap_or(0)))
    }

    fn open(&self, path: &OsStr, flags: OFlag) -> io::Result<OwnedFd> {
        let resolve = ResolveFlag::RESOLVE_BENEATH
            | ResolveFlag::RESOLVE_NO_SYMLINKS
            | ResolveFlag::RESOLVE_NO_MAGICLINKS
            | ResolveFlag::RESOLVE_NO_XDEV;
        let how = OpenHow::new().flags(flags | OFlag::O_CLOEXEC).resolve(resolve);
        openat2(&self.0, path, how).map_err(|errno| {
            if errno == Errno::ELOOP {
                io::Error::other("a symbolic link stands in the way, and none is followed")
            } else if errno == Errno::EXDEV {
                io::Error::other("leads out of the workspace, or to another file system")
            } else {
                errno.into()
            }
        })
    }
}

impl AsFd for Directory {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

fn kind(mode: u32) -> Kind {
    match SFlag::from_bits_truncate(mode) & SFlag::S_IFMT {
        SFlag::S_IFREG => Kind::File,
        SFlag::S_IFDIR => Kind::Directory,
        SFlag::S_IFLNK => Kind::Link,
        _ => Kind::Other,
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::os::unix::fs::symlink;

    use super::*;

    /// A directory with a file, one inside of another, a pipe, and links to all that one should not get to.
    fn place() -> (tempfile::TempDir, Directory) {
        let place = tempfile::tempdir().unwrap();
        let at = |name: &str| place.path().join(name);
        std::fs::create_dir_all(at("top/in")).unwrap();
        std::fs::write(at("secret"), "s3cret").unwrap();
        std::fs::write(at("top/in/file"), "text").unwrap();
        nix::unistd::mkfifo(&at("top/pipe"), Mode::S_IRWXU).unwrap();
        symlink("in", at("top/to-in")).unwrap();
        symlink("in/file", at("top/to-file")).unwrap();
        symlink("../secret", at("top/to-secret")).unwrap();
        symlink("/", at("top/to-root")).unwrap();
        let directory = Directory::at(&at("top")).unwrap();
        (place, directory)
    }

    #[test]
    fn what_lies_below_is_read_and_no_path_leads_elsewhere() {
        let (_place, directory) = place();
        let mut text = String::new();
        directory.file(OsStr::new("in/../in/file")).unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(text, "text");
        for path in [
            "../secret",
            "/etc/passwd",
            "/",
            "to-file",
            "to-in/file",
            "to-secret",
            "to-root/etc/passwd",
            "in/../../secret",
            "in",
            "pipe",
            "",
            "none",
            "in/file/",
            "to-in/",
            "in/file/x",
        ] {
            assert!(directory.file(OsStr::new(path)).is_err(), "{path}");
        }
        for path in ["..", "/", "to-in", "to-in/", "to-root", "in/file", "pipe", "in/../.."] {
            assert!(directory.directory(OsStr::new(path)).is_err(), "{path}");
        }
    }

    #[test]
    fn a_directory_stays_the_one_it_was_whatever_takes_its_name() {
        let (place, directory) = place();
        let below = directory.directory(OsStr::new("in")).unwrap();
        std::fs::rename(place.path().join("top/in"), place.path().join("top/away")).unwrap();
        symlink("/etc", place.path().join("top/in")).unwrap();
        assert_eq!(below.names(9).unwrap(), (vec![OsString::from("file")], false));
        assert!(directory.directory(OsStr::new("in")).is_err());
    }

    #[test]
    fn directories_are_made_below_and_through_no_link() {
        let (place, directory) = place();
        directory.make_directories(OsStr::new("in/new/deep")).unwrap();
        directory.make_directories(OsStr::new("in/new/deep")).unwrap();
        assert!(place.path().join("top/in/new/deep").is_dir());
        assert!(directory.entry(OsStr::new("in/new")).is_ok() && directory.entry(OsStr::new("pipe")).is_ok());
        for path in ["to-root/x", "to-in/x", "../x", "pipe/x"] {
            assert!(directory.make_directories(OsStr::new(path)).is_err(), "{path}");
            assert!(directory.entry(OsStr::new(path)).is_err(), "{path}");
        }
        assert!(directory.entry(OsStr::new("to-in")).is_err());
        assert!(!place.path().join("x").exists());
    }

    #[test]
    fn names_are_in_order_with_their_kinds_and_as_many_as_are_wanted() {
        let (_place, directory) = place();
        let (names, has_more) = directory.names(6).unwrap();
        assert_eq!(
            (names, has_more),
            (["in", "pipe", "to-file", "to-in", "to-root", "to-secret"].map(OsString::from).to_vec(), false)
        );
        assert!(directory.names(5).unwrap().1);
        for (name, kind) in [("in", Kind::Directory), ("pipe", Kind::Other), ("to-file", Kind::Link)] {
            assert_eq!(directory.look(OsStr::new(name)).unwrap().0, kind, "{name}");
        }
        let below = directory.directory(OsStr::new("in")).unwrap();
        assert_eq!(below.look(OsStr::new("file")).unwrap(), (Kind::File, 4));
    }
}
