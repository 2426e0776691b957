//! A workspace that stays has a size, too: it is counted while a tool runs that may write to it.

use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::sandbox::report::Limit;
use crate::sandbox::{Confinement, MOST_INODES, Tier, Workspace};
use crate::sys::usage::{self, Usage};

/// How often it is counted at most, and how much of the time counting may take.
const OFTEN: Duration = Duration::from_millis(200);
const PART: u32 = 10;
/// More than this nobody counts.
const MOST: Usage = Usage { bytes: u64::MAX, inodes: MOST_INODES };

/// A workspace that stays, and what it may come to.
#[derive(Debug)]
pub(super) struct Kept {
    path: PathBuf,
    most: Usage,
    next: Instant,
}

impl Kept {
    /// The one of a run that may write to it. What is too large already may stay so and become smaller, and no larger.
    ///
    /// # Errors
    /// When it cannot be counted.
    pub(super) fn of(confinement: &Confinement, now: Instant) -> io::Result<Option<Kept>> {
        match (confinement.tier, &confinement.workspace) {
            (Tier::A | Tier::W, _) | (Tier::B | Tier::C, Workspace::Fresh) => return Ok(None),
            (Tier::B | Tier::C, Workspace::Principal(_) | Workspace::Named(_)) => {}
        }
        let path = PathBuf::from(confinement.workspace.path());
        let (found, limits) = (usage::of(&path, MOST)?, &confinement.limits);
        if found.inodes > MOST.inodes {
            let many = format!(
                "{} has more in it than is counted, or lies too deep: root has to tidy it up",
                path.display()
            );
            return Err(io::Error::other(many));
        }
        let most =
            Usage { bytes: found.bytes.max(limits.workspace), inodes: found.inodes.max(limits.inodes) };
        Ok(Some(Kept { path, most, next: now + OFTEN }))
    }

    /// The limit that it has come to, when it is time to look.
    pub(super) fn limit_reached(&mut self, clock: impl Fn() -> Instant) -> Option<Limit> {
        let began = clock();
        if began < self.next {
            return None;
        }
        let reached = self.counted();
        let ended = clock();
        self.next = ended + OFTEN.max(ended.saturating_duration_since(began) * PART);
        reached
    }

    /// The limit that it is beyond.
    pub(super) fn counted(&self) -> Option<Limit> {
        // What cannot be counted any more is not bounded any more.
        let Ok(found) = usage::of(&self.path, self.most) else { return Some(Limit::Workspace) };
        if found.inodes > self.most.inodes {
            return Some(Limit::Inodes);
        }
        (found.bytes > self.most.bytes).then_some(Limit::Workspace)
    }
}
