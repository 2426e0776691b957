//! What bubblewrap lays over the root beside the workspace: paths to read, what is hidden of them, and what is protected of the
//! workspace. Root looks at each path; what is bound is that very file, opened as the tool's user, who must be able to get there.

use std::io;
use std::os::fd::{AsFd, OwnedFd, RawFd};
use std::path::Path;

use nix::fcntl::{OFlag, open};
use nix::sys::stat::{Mode, SFlag, fstat};

use super::protected::{self, Found, MOST_FOUND, named};
use crate::sandbox::{Bind, Bound, Confinement};
use crate::sys::beneath::Directory;
use crate::sys::jail;
use crate::sys::trusted_file::{self, TrustedFileError};

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
            let found = protected::find(&workspace, &confinement.protected)?;
            if laid.descriptors.len() + found.len() > MOST_FOUND {
                return Err(protected::too_many());
            }
            for (path, found) in found {
                let how = match found {
                    Found::Protected(opened) => Bind::ReadOnly(laid.hold(opened)?),
                    Found::Above(opened) => Bind::Same(laid.hold(opened)?),
                };
                laid.bound.push(Bound { path: format!("/workspace/{path}"), how });
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
        let how = Bind::ReadOnly(self.hold(opened)?);
        self.bound.push(Bound { path: path.clone(), how });
        Ok(())
    }

    fn hold(&mut self, descriptor: OwnedFd) -> io::Result<RawFd> {
        let number = i32::try_from(self.descriptors.len()).map_err(io::Error::other)?;
        self.descriptors.push(descriptor);
        Ok(self.first + number)
    }
}
