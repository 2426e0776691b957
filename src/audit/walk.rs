//! The lines of a whole log, oldest first, across its files, while it may be written to and rotated.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::directory::archives;
use super::lines::{Lines, Step, start_of_last};

/// A place in a log, moving forward.
#[derive(Debug)]
pub(super) struct Walk {
    current: PathBuf,
    scope: Scope,
    at: Option<At>,
}

#[derive(Clone, Copy, Debug)]
enum Scope {
    /// Every file of the log.
    Log,
    /// This one.
    File,
}

#[derive(Debug)]
struct At {
    path: PathBuf,
    file: File,
    lines: Lines,
    place: Place,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// A full file, with the number in its name.
    Full(u64),
    /// The file that is written to.
    Current,
}

impl Walk {
    /// All files of the log whose current file this is.
    pub(super) fn log(current: &Path) -> Walk {
        Walk { current: current.to_owned(), scope: Scope::Log, at: None }
    }

    /// One file and no other.
    pub(super) fn file(path: &Path) -> Walk {
        Walk { current: path.to_owned(), scope: Scope::File, at: None }
    }

    /// The log from its last lines on.
    pub(super) fn last(current: &Path, wanted: usize) -> io::Result<Walk> {
        let mut walk = Walk::log(current);
        let mut missing = wanted;
        let full = archives(current)?.into_iter().rev().map(|(first, path)| (path, Place::Full(first)));
        for (path, place) in std::iter::once((current.to_owned(), Place::Current)).chain(full) {
            let Some(mut at) = At::open(path, place)? else { continue };
            let start = start_of_last(&at.file, missing)?;
            at.lines = Lines::from_offset(at.file.try_clone()?, start.offset)?;
            walk.at = Some(at);
            missing -= start.lines;
            if missing == 0 {
                break;
            }
        }
        Ok(walk)
    }

    /// Goes on to the next line, into the next file if need be. `End` is the end as it is now.
    pub(super) fn step(&mut self) -> io::Result<Step> {
        loop {
            let Some(at) = &mut self.at else {
                if self.begin()? {
                    continue;
                }
                return Ok(Step::End(0));
            };
            match at.lines.read()? {
                Step::End(torn) if !self.moves_on(torn)? => return Ok(Step::End(torn)),
                Step::End(_) => {}
                step @ (Step::Line | Step::TooLong) => return Ok(step),
            }
        }
    }

    /// The line just read, without its newline.
    pub(super) fn line(&self) -> &[u8] {
        self.at.as_ref().map_or(&[], |at| at.lines.line())
    }

    /// Its number in its file, from 1.
    pub(super) fn number(&self) -> u64 {
        self.at.as_ref().map_or(0, |at| at.lines.number())
    }

    /// The name of its file.
    pub(super) fn file_name(&self) -> String {
        let path = self.at.as_ref().map_or(&self.current, |at| &at.path);
        path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
    }

    /// The number in the file's name, when it is a full file of a log.
    pub(super) fn promised_first(&self) -> Option<u64> {
        match self.at.as_ref()?.place {
            Place::Full(first) => Some(first),
            Place::Current => None,
        }
    }

    fn begin(&mut self) -> io::Result<bool> {
        let oldest = match self.scope {
            Scope::Log => archives(&self.current)?.into_iter().next(),
            Scope::File => None,
        };
        self.at = match oldest {
            Some((first, path)) => At::open(path, Place::Full(first))?,
            None => At::open(self.current.clone(), Place::Current)?,
        };
        Ok(self.at.is_some())
    }

    fn moves_on(&mut self, torn: u64) -> io::Result<bool> {
        let Some(at) = &mut self.at else { return Ok(false) };
        match (self.scope, at.place) {
            (Scope::File, _) => Ok(false),
            (Scope::Log, Place::Full(_)) if torn > 0 => Ok(false),
            (Scope::Log, Place::Full(first)) => self.open_after(first),
            (Scope::Log, Place::Current) => match at.renamed_to(&self.current)? {
                // What was written between our last read and the rename still has to be read.
                Some((first, path)) => {
                    at.place = Place::Full(first);
                    at.path = path;
                    Ok(true)
                }
                None => Ok(false),
            },
        }
    }

    fn open_after(&mut self, first: u64) -> io::Result<bool> {
        let next = |archives: Vec<(u64, PathBuf)>| archives.into_iter().find(|(number, _)| *number > first);
        let found = match next(archives(&self.current)?) {
            Some((number, path)) => At::open(path, Place::Full(number))?,
            None => {
                let current = At::open(self.current.clone(), Place::Current)?;
                // The log may have been rotated between the look at the directory and the open.
                match next(archives(&self.current)?) {
                    Some((number, path)) => At::open(path, Place::Full(number))?,
                    None => current,
                }
            }
        };
        let moved = found.is_some();
        if moved {
            self.at = found;
        }
        Ok(moved)
    }
}

impl At {
    fn open(path: PathBuf, place: Place) -> io::Result<Option<At>> {
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let lines = Lines::new(file.try_clone()?);
        Ok(Some(At { path, file, lines, place }))
    }

    /// The name the file has been given since it was opened as the current one, if it has.
    fn renamed_to(&self, current: &Path) -> io::Result<Option<(u64, PathBuf)>> {
        let ours = self.file.metadata()?;
        let same = |path: &Path| {
            fs::symlink_metadata(path)
                .is_ok_and(|found| (found.dev(), found.ino()) == (ours.dev(), ours.ino()))
        };
        if same(current) {
            return Ok(None);
        }
        Ok(archives(current)?.into_iter().find(|(_, path)| same(path)))
    }
}
