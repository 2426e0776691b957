//! What bubblewrap lays over the root beside the workspace: paths to read, what is hidden of them, and what is protected of the
//! workspace. Root looks at each path; what is bound is that very file, opened as the tool's user, who must be able to get there.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::{AsFd, OwnedFd, RawFd};
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::sys::stat::{Mode, SFlag, fstat};

use crate::sandbox::carving::is_name;
use crate::sandbox::{Bind, Bound, Confinement};
use crate::sys::beneath::{Directory, Kind};
use crate::sys::jail;
use crate::sys::trusted_file::{self, TrustedFileError};

/// As many protected places as a workspace may have, as many entries as are looked through for them, and how deep.
const MOST_FOUND: usize = 64;
const MOST_SEEN: usize = 50_000;
const MOST_DEPTH: u32 = 32;

/// A path that a confinement names, as root found it.
#[derive(Debug)]
pub(super) struct Place {
    path: String,
    found: OwnedFd,
    is_hidden: bool,
}

/// Looks at every path, as root: nobody else can put something in the place of one.
///
/// # Errors
/// The first that is not so.
pub(super) fn look(confinement: &Confinement) -> Result<Vec<Place>, TrustedFileError> {
    let Confinement { read_only, hidden, .. } = confinement;
    let place = |path: &String, is_hidden| {
        let found = trusted_file::open_place(Path::new(path))?;
        Ok(Place { path: path.clone(), found, is_hidden })
    };
    read_only
        .iter()
        .map(|path| place(path, false))
        .chain(hidden.iter().map(|path| place(path, true)))
        .collect()
}

/// Everything that is bound, each with the descriptor that is handed on for it.
#[derive(Debug, Default)]
pub(super) struct Laid {
    pub(super) bound: Vec<Bound>,
    descriptors: Vec<OwnedFd>,
    first: RawFd,
}

impl Laid {
    /// Opens all of it, as the tool's user. Descriptors are numbered from `first` on.
    ///
    /// # Errors
    /// What the user cannot get to, what is another file than root saw, or what cannot be protected.
    pub(super) fn new(confinement: &Confinement, places: &[Place], first: RawFd) -> io::Result<Laid> {
        let mut laid = Laid { first, ..Laid::default() };
        for place in places {
            laid.place(place).map_err(|error| named(&place.path, &error))?;
        }
        if !confinement.protected.is_empty() {
            let workspace = Directory::at(Path::new(&confinement.workspace.path()))?;
            let mut seen = 0;
            for one in &confinement.protected {
                laid.protect(&workspace, one, &mut seen).map_err(|error| named(one, &error))?;
            }
        }
        Ok(laid)
    }

    /// What is handed on, with its number.
    pub(super) fn handed(&self) -> impl Iterator<Item = (std::os::fd::BorrowedFd<'_>, RawFd)> {
        self.descriptors.iter().map(AsFd::as_fd).zip(self.first..)
    }

    fn place(&mut self, Place { path, found, is_hidden }: &Place) -> io::Result<()> {
        let seen = fstat(found)?;
        if *is_hidden {
            let is_directory = seen.st_mode & SFlag::S_IFMT.bits() == SFlag::S_IFDIR.bits();
            let how = if is_directory {
                Bind::Empty
            } else {
                Bind::EmptyFile(self.hold(jail::file_in_memory(b"")?)?)
            };
            self.bound.push(Bound { path: path.clone(), how });
            return Ok(());
        }
        let flags = OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let opened = open(Path::new(path), flags, Mode::empty())?;
        let own = fstat(&opened)?;
        if (own.st_dev, own.st_ino) != (seen.st_dev, seen.st_ino) {
            return Err(io::Error::other("is another file than the one that was looked at"));
        }
        self.read_only(path.clone(), opened)
    }

    fn read_only(&mut self, path: String, opened: OwnedFd) -> io::Result<()> {
        let how = Bind::ReadOnly(self.hold(opened)?);
        self.bound.push(Bound { path, how });
        Ok(())
    }

    fn hold(&mut self, descriptor: OwnedFd) -> io::Result<RawFd> {
        let number = i32::try_from(self.descriptors.len()).map_err(io::Error::other)?;
        self.descriptors.push(descriptor);
        Ok(self.first + number)
    }

    /// A path is protected where it is, and a name wherever it is; neither can be made by the tool where there is none, since
    /// an empty directory is there then.
    fn protect(&mut self, workspace: &Directory, one: &str, seen: &mut usize) -> io::Result<()> {
        let opened = match workspace.entry(OsStr::new(one)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                workspace.make_directories(OsStr::new(one))?;
                workspace.entry(OsStr::new(one))?
            }
            other => other?,
        };
        self.protected(one, opened)?;
        if is_name(one) { self.below(workspace, (one, ""), (0, seen)) } else { Ok(()) }
    }

    /// Looks for a name below.
    fn below(
        &mut self,
        directory: &Directory,
        (name, above): (&str, &str),
        (depth, seen): (u32, &mut usize),
    ) -> io::Result<()> {
        let too_much =
            || io::Error::other("has too much in it, or too deep, to look through it for what is protected");
        let (entries, has_more) = directory.names(MOST_SEEN - *seen)?;
        *seen += entries.len();
        if has_more || depth == MOST_DEPTH {
            return Err(too_much());
        }
        for entry in entries {
            if entry == name && above.is_empty() {
                continue;
            }
            let is_directory = match directory.look(&entry) {
                Ok((Kind::Directory, _)) => true,
                Ok((Kind::File | Kind::Link | Kind::Other, _)) => false,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            };
            let path = below_text(above, &entry);
            if entry == name {
                let path = path.ok_or_else(|| io::Error::other("lies below a name that is no text"))?;
                self.protected(&path, directory.entry(&entry)?)?;
            } else if is_directory {
                // Below what is no text nothing can be named, and so nothing be protected: it is found when it is met.
                let path = path.unwrap_or_else(|| "\u{fffd}".to_owned());
                self.below(&directory.directory(&entry)?, (name, &path), (depth + 1, &mut *seen))?;
            }
        }
        Ok(())
    }

    fn protected(&mut self, path: &str, opened: OwnedFd) -> io::Result<()> {
        if self.descriptors.len() >= MOST_FOUND {
            return Err(io::Error::other("is in more places than can be protected"));
        }
        self.read_only(format!("/workspace/{path}"), opened)
    }
}

/// The path of an entry, where it is text and all above it is.
fn below_text(above: &str, entry: &OsString) -> Option<String> {
    let entry = entry.to_str().filter(|_| !above.contains('\u{fffd}'))?;
    Some(if above.is_empty() { entry.to_owned() } else { format!("{above}/{entry}") })
}

fn named(path: &str, error: &io::Error) -> io::Error {
    let error = match error.raw_os_error().map(Errno::from_raw) {
        Some(errno) => errno.desc().to_owned(),
        None => error.to_string(),
    };
    io::Error::other(format!("{path}: {error}"))
}
