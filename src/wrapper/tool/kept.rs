//! A workspace that stays has a size, too: it is counted before a tool runs that may write to it, and meanwhile. In what is too
//! large already a tool removes, and adds nothing: that is up to the kernel, since each run would add a little before a count.

use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::sandbox::report::{How, Limit};
use crate::sandbox::{Confinement, Tier, Workspace};
use crate::sys::usage::{self, Usage};

/// How often it is counted at most, and how much of the time counting may take.
const OFTEN: Duration = Duration::from_millis(200);
const PART: u32 = 10;

/// A workspace that stays, and what it may come to.
#[derive(Debug)]
pub(super) struct Kept {
    path: PathBuf,
    most: Usage,
    is_full: bool,
    next: Instant,
}

impl Kept {
    /// The one of a run that may write to it.
    ///
    /// # Errors
    /// When it cannot be counted.
    pub(super) fn of(confinement: &Confinement, now: Instant) -> io::Result<Option<Kept>> {
        match (confinement.tier, &confinement.workspace) {
            (Tier::A | Tier::W, _) | (Tier::B | Tier::C, Workspace::Fresh) => return Ok(None),
            (Tier::B | Tier::C, Workspace::Principal(_) | Workspace::Named(_)) => {}
        }
        let path = PathBuf::from(confinement.workspace.path());
        let most = Usage { bytes: confinement.limits.workspace, inodes: confinement.limits.inodes };
        let is_full = beyond(usage::of(&path, most)?, most).is_some();
        Ok(Some(Kept { path, most, is_full, next: now + OFTEN }))
    }

    /// Whether it was too large when the run began, which then may add nothing.
    pub(super) fn is_full(&self) -> bool {
        self.is_full
    }

    /// The limit that it has come to, when it is time to look.
    pub(super) fn limit_reached(&mut self, clock: impl Fn() -> Instant) -> Option<Limit> {
        let began = clock();
        if self.is_full || began < self.next {
            return None;
        }
        let reached = self.counted();
        let ended = clock();
        self.next = ended + OFTEN.max(ended.saturating_duration_since(began) * PART);
        reached
    }

    /// The limit that it is beyond at the end. Of what was too large before, only a run that failed is told: by that, most likely.
    pub(super) fn limit_at_the_end(&self, how: Option<How>) -> Option<Limit> {
        let has_failed = matches!(how, Some(How::Exit(status)) if status != 0);
        if self.is_full && !has_failed { None } else { self.counted() }
    }

    fn counted(&self) -> Option<Limit> {
        // What cannot be counted any more is not bounded any more.
        usage::of(&self.path, self.most).map_or(Some(Limit::Workspace), |found| beyond(found, self.most))
    }
}

fn beyond(found: Usage, most: Usage) -> Option<Limit> {
    if found.inodes > most.inodes {
        return Some(Limit::Inodes);
    }
    (found.bytes > most.bytes).then_some(Limit::Workspace)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::scratch::Scratch;

    #[test]
    fn of_what_was_too_large_before_only_a_run_that_failed_is_told() {
        let scratch = Scratch::new();
        std::fs::write(scratch.path("x"), vec![1; 64 << 10]).unwrap();
        let kept = |bytes, is_full| Kept {
            path: scratch.root().to_owned(),
            most: Usage { bytes, inodes: 1 },
            is_full,
            next: crate::wrapper::tool::supervisor::now(),
        };
        for how in [None, Some(How::Signal(9)), Some(How::Exit(0))] {
            assert_eq!(kept(1, true).limit_at_the_end(how), None, "{how:?}");
            assert_eq!(kept(1, false).limit_at_the_end(how), Some(Limit::Workspace), "{how:?}");
        }
        assert_eq!(kept(1, true).limit_at_the_end(Some(How::Exit(1))), Some(Limit::Workspace));
        assert_eq!(kept(1 << 20, true).limit_at_the_end(Some(How::Exit(1))), None, "it became smaller");
    }
}
