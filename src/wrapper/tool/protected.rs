//! What is protected of a workspace that stays: where it lies when a run begins, and the directories above it, which are mount
//! points as well. A mount point cannot be renamed, and a directory that has one further down can: with it what is protected
//! would lie elsewhere, and its old path be free.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::OwnedFd;

use nix::errno::Errno;
use nix::sys::stat::{SFlag, fstat};

use crate::sandbox::carving::is_name;
use crate::sys::beneath::{Directory, Kind};

/// As many places as a run may have bound, these directories included; as many entries as are looked through for them, and
/// how deep.
pub(super) const MOST_FOUND: usize = 64;
const MOST_SEEN: usize = 50_000;
const MOST_DEPTH: u32 = 32;

/// What becomes of a place in the workspace.
#[derive(Debug)]
pub(super) enum Found {
    /// It is read, and not written.
    Protected(OwnedFd),
    /// It is written as before, and stays where it is.
    Above(OwnedFd),
}

/// Everything that is protected, and the directories above it, each by its path in the workspace. A path is protected where it
/// is, and a name wherever it is; neither can be made by the tool where there is none, since an empty directory is there then.
///
/// # Errors
/// What cannot be protected, by its path.
pub(super) fn find(workspace: &Directory, protected: &[String]) -> io::Result<BTreeMap<String, Found>> {
    let mut search = Search::default();
    for one in protected {
        search.protect(workspace, one).map_err(|error| named(one, &error))?;
    }
    let names: Vec<&str> = protected.iter().map(String::as_str).filter(|one| is_name(one)).collect();
    if !names.is_empty() {
        search.below(workspace, (&names, ""), 0)?;
    }
    let mut all = BTreeMap::new();
    // Below what is protected everything is, and what lies above it is above both.
    for (path, opened) in search.places {
        if above(&path).any(|above| matches!(all.get(above), Some(Found::Protected(_)))) {
            continue;
        }
        for above in above(&path) {
            let opened = workspace.entry(OsStr::new(above)).map_err(|error| named(above, &error))?;
            all.insert(above.to_owned(), Found::Above(opened));
        }
        all.insert(path, Found::Protected(opened));
    }
    Ok(all)
}

/// The error with what it is about.
pub(super) fn named(path: &str, error: &io::Error) -> io::Error {
    let error = match error.raw_os_error().map(Errno::from_raw) {
        Some(errno) => errno.desc().to_owned(),
        None => error.to_string(),
    };
    io::Error::other(format!("{path}: {error}"))
}

/// The directories between the workspace and a path in it.
fn above(path: &str) -> impl Iterator<Item = &str> {
    path.match_indices('/').filter_map(|(end, _)| path.get(..end))
}

#[derive(Default)]
struct Search {
    places: BTreeMap<String, OwnedFd>,
    seen: usize,
}

impl Search {
    fn protect(&mut self, workspace: &Directory, one: &str) -> io::Result<()> {
        let opened = match workspace.entry(OsStr::new(one)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                workspace.make_directories(OsStr::new(one))?;
                workspace.entry(OsStr::new(one))?
            }
            other => other?,
        };
        self.found(one, opened)
    }

    /// Looks for all of the names below, in one go, and not in what is protected already.
    fn below(
        &mut self,
        directory: &Directory,
        (names, above): (&[&str], &str),
        depth: u32,
    ) -> io::Result<()> {
        let here = |error: io::Error| named(if above.is_empty() { "." } else { above }, &error);
        let (entries, has_more) = directory.names(MOST_SEEN - self.seen).map_err(here)?;
        self.seen += entries.len();
        if has_more || depth == MOST_DEPTH {
            let too_much = "has too much in it, or too deep, to look through it for what is protected";
            return Err(here(io::Error::other(too_much)));
        }
        for entry in entries {
            let path = below_text(above, &entry);
            if path.as_ref().is_some_and(|path| self.places.contains_key(path)) {
                continue;
            }
            let is_directory = match directory.look(&entry) {
                Ok((Kind::Directory, _)) => true,
                Ok((Kind::File | Kind::Link | Kind::Other, _)) => false,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(here(error)),
            };
            if names.iter().any(|name| entry == *name) {
                let path =
                    path.ok_or_else(|| here(io::Error::other("its name, or one above it, is no text")))?;
                let opened = directory.entry(&entry).map_err(|error| named(&path, &error))?;
                self.found(&path, opened).map_err(|error| named(&path, &error))?;
            } else if is_directory {
                // Below what is no text nothing can be named, and so nothing be protected: it is found when it is met.
                let path = path.unwrap_or_else(|| "\u{fffd}".to_owned());
                let below = directory.directory(&entry).map_err(|error| named(&path, &error))?;
                self.below(&below, (names, &path), depth + 1)?;
            }
        }
        Ok(())
    }

    fn found(&mut self, path: &str, opened: OwnedFd) -> io::Result<()> {
        let found = fstat(&opened)?;
        let is_file = found.st_mode & SFlag::S_IFMT.bits() == SFlag::S_IFREG.bits();
        if is_file && found.st_nlink > 1 {
            return Err(io::Error::other(
                "is a file with more names than this, and could be written by another",
            ));
        }
        self.places.insert(path.to_owned(), opened);
        if self.places.len() > MOST_FOUND { Err(too_many()) } else { Ok(()) }
    }
}

/// What is said where there are more places than can be bound.
pub(super) fn too_many() -> io::Error {
    io::Error::other("what is protected is in more places than can be")
}

/// The path of an entry, where it is text and all above it is.
fn below_text(above: &str, entry: &OsString) -> Option<String> {
    let entry = entry.to_str().filter(|_| !above.contains('\u{fffd}'))?;
    Some(if above.is_empty() { entry.to_owned() } else { format!("{above}/{entry}") })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::scratch::Scratch;

    fn protecting(scratch: &Scratch, protected: &[&str]) -> io::Result<Vec<(String, bool)>> {
        let workspace = Directory::at(scratch.root()).unwrap();
        let protected: Vec<String> = protected.iter().map(|&one| one.to_owned()).collect();
        let is_protected = |found: &Found| matches!(found, Found::Protected(_));
        find(&workspace, &protected)
            .map(|all| all.iter().map(|(path, found)| (path.clone(), is_protected(found))).collect())
    }

    fn made(paths: &[&str]) -> Scratch {
        let scratch = Scratch::new();
        for path in paths {
            std::fs::create_dir_all(scratch.path(path)).unwrap();
        }
        scratch
    }

    fn all(paths: &[(&str, bool)]) -> Vec<(String, bool)> {
        paths.iter().map(|(path, is_protected)| ((*path).to_owned(), *is_protected)).collect()
    }

    #[test]
    fn every_directory_above_what_is_protected_stays_where_it_is_and_is_written_as_before() {
        let scratch = made(&["vendor/x/.git/hooks", "vendor/y", ".git", "ci"]);
        std::fs::write(scratch.path("ci/release.sh"), "").unwrap();
        assert_eq!(
            protecting(&scratch, &[".git", "ci/release.sh", "new/rc"]).unwrap(),
            all(&[
                (".git", true),
                ("ci", false),
                ("ci/release.sh", true),
                ("new", false),
                ("new/rc", true),
                ("vendor", false),
                ("vendor/x", false),
                ("vendor/x/.git", true),
            ])
        );
    }

    #[test]
    fn nothing_below_what_is_protected_is_made_writable_again() {
        let scratch = made(&["ci/x/y/.git", "ci-old"]);
        for protected in [&["ci", "ci/x/y", "ci-old/z", ".git"][..], &["ci/x/y", ".git", "ci-old/z", "ci"]] {
            assert_eq!(
                protecting(&scratch, protected).unwrap(),
                all(&[(".git", true), ("ci", true), ("ci-old", false), ("ci-old/z", true)])
            );
        }
    }

    #[test]
    fn a_file_with_another_name_by_which_it_could_be_written_is_not_protected() {
        let scratch = made(&["ci"]);
        std::fs::write(scratch.path("ci/release.sh"), "").unwrap();
        assert!(protecting(&scratch, &["ci/release.sh"]).is_ok());
        std::fs::hard_link(scratch.path("ci/release.sh"), scratch.path("other")).unwrap();
        for protected in ["ci/release.sh", "release.sh"] {
            let error = protecting(&scratch, &[protected]).unwrap_err().to_string();
            assert!(error.contains("with more names than this"), "{error}");
        }
    }

    #[test]
    fn all_names_are_looked_for_in_one_go_and_nothing_in_what_is_protected_already() {
        let scratch = made(&["a", "b/.git/objects"]);
        for number in 0..MOST_SEEN / 2 + 1 {
            std::fs::write(scratch.path(&format!("a/{number}")), "").unwrap();
        }
        for number in 0..MOST_SEEN / 2 {
            std::fs::write(scratch.path(&format!("b/.git/objects/{number}")), "").unwrap();
        }
        let names = [".git", ".envrc", ".agent"];
        let paths: Vec<_> = protecting(&scratch, &names).unwrap().into_iter().map(|(path, _)| path).collect();
        assert_eq!(paths, [".agent", ".envrc", ".git", "b", "b/.git"]);
        // What is looked through is too much now.
        std::fs::rename(scratch.path("b/.git/objects"), scratch.path("b/objects")).unwrap();
        let error = protecting(&scratch, &names).unwrap_err().to_string();
        assert!(error.contains("b/objects: has too much in it"), "{error}");
    }
}
