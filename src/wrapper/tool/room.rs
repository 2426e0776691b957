//! The directories in memory that a tool has for itself: whoever writes to a full one is told inside, by the kernel alone. So that the
//! outcome can say so, the wrapper has their descriptors, by which it sees how full they are, and nothing of what is in them.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;

use nix::fcntl::{OFlag, open};
use nix::sys::stat::Mode;
use nix::sys::statvfs::fstatvfs;

use crate::sandbox::report::Limit;
use crate::sandbox::{Confinement, Tier, Workspace};
use crate::sys::handover;

/// Those of one run.
#[derive(Debug, Default)]
pub(super) struct Rooms(Vec<OwnedFd>);

/// Gives the wrapper those that have just been mounted in the namespace of this process.
///
/// # Errors
/// When one cannot be opened.
pub(super) fn give(confinement: &Confinement, wrapper: &UnixStream) -> io::Result<()> {
    const PLACE: OFlag =
        OFlag::O_PATH.union(OFlag::O_DIRECTORY).union(OFlag::O_NOFOLLOW).union(OFlag::O_CLOEXEC);
    for path in paths(confinement) {
        handover::give(wrapper, &open(Path::new(&path), PLACE, Mode::empty())?)?;
    }
    Ok(())
}

/// Takes them, which were given before the tool began.
///
/// # Errors
/// When they were not.
pub(super) fn take(confinement: &Confinement, tree: &UnixStream) -> io::Result<Rooms> {
    paths(confinement).iter().map(|_path| handover::take(tree)).collect::<io::Result<_>>().map(Rooms)
}

/// Where they are mounted before anything else is.
fn paths(confinement: &Confinement) -> Vec<String> {
    let mut paths = match confinement.tier {
        // They write nothing.
        Tier::A | Tier::W => return Vec::new(),
        Tier::B => vec!["/tmp".to_owned()],
        Tier::C => vec!["/tmp".to_owned(), "/dev/shm".to_owned()],
    };
    match confinement.workspace {
        Workspace::Fresh => paths.push(confinement.workspace.path()),
        // What stays is counted.
        Workspace::Principal(_) | Workspace::Named(_) => {}
    }
    paths
}

impl Rooms {
    /// The limits that one of them is at now.
    pub(super) fn reached(&self) -> Vec<Limit> {
        let found: Vec<_> = self.0.iter().filter_map(|room| fstatvfs(room).ok()).collect();
        let no_bytes = found.iter().any(|room| room.blocks_free() == 0);
        let no_files = found.iter().any(|room| room.files_free() == 0);
        let all = [(no_bytes, Limit::Workspace), (no_files, Limit::Inodes)];
        all.into_iter().filter(|(is_reached, _)| *is_reached).map(|(_, limit)| limit).collect()
    }
}
