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
/// How long a count may take before a run, whose directories nobody may have looked at since the host began; and while the tool's
/// output waits for it. With what ends a tree they are within the time that the wrapper has beyond its tool's.
pub(super) const FIRST: Duration = Duration::from_secs(3);
const LATER: Duration = Duration::from_secs(2);

/// A workspace that stays, and what it may come to.
#[derive(Debug)]
pub(super) struct Kept {
    path: PathBuf,
    most: Usage,
    is_full: bool,
    /// Whether the count before this one took too long: once may be the disk.
    is_late: bool,
    next: Instant,
}

impl Kept {
    /// The one of a run that may write to it.
    ///
    /// # Errors
    /// When it cannot be counted, or not in time.
    pub(super) fn of(confinement: &Confinement, clock: impl Fn() -> Instant) -> io::Result<Option<Kept>> {
        match (confinement.tier, &confinement.workspace) {
            (Tier::A | Tier::W, _) | (Tier::B | Tier::C, Workspace::Fresh) => return Ok(None),
            (Tier::B | Tier::C, Workspace::Principal(_) | Workspace::Named(_)) => {}
        }
        let path = PathBuf::from(confinement.workspace.path());
        let most = Usage { bytes: confinement.limits.workspace, inodes: confinement.limits.inodes };
        let until = clock() + FIRST;
        let found = usage::of(&path, most, || clock() >= until)?.ok_or_else(|| {
            let path = path.display();
            io::Error::other(format!(
                "{path}: took longer than {FIRST:?}: the next run may find it in memory"
            ))
        })?;
        let is_full = beyond(found, most).is_some();
        Ok(Some(Kept { path, most, is_full, is_late: false, next: clock() + OFTEN }))
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
        let was_late = self.is_late;
        let counted = self.counted(&clock);
        self.is_late = counted.is_none();
        // What takes that long to count, and again, is too many.
        let reached = counted.unwrap_or_else(|| was_late.then_some(Limit::Inodes));
        let ended = clock();
        self.next = ended + OFTEN.max(ended.saturating_duration_since(began) * PART);
        reached
    }

    /// The limit that it is beyond at the end. Of what was too large before, only a run that failed is told: by that, most likely.
    pub(super) fn limit_at_the_end(&self, how: Option<How>, clock: impl Fn() -> Instant) -> Option<Limit> {
        let has_failed = matches!(how, Some(How::Exit(status)) if status != 0);
        // What cannot be counted in time is counted before the next run.
        if self.is_full && !has_failed { None } else { self.counted(&clock).flatten() }
    }

    /// The limit that it is beyond, if any; nothing when the time is over before that is known.
    fn counted(&self, clock: &impl Fn() -> Instant) -> Option<Option<Limit>> {
        let until = clock() + LATER;
        match usage::of(&self.path, self.most, || clock() >= until) {
            Ok(Some(found)) => Some(beyond(found, self.most)),
            Ok(None) => None,
            // What cannot be counted any more is not bounded any more.
            Err(_) => Some(Some(Limit::Workspace)),
        }
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
    use super::super::supervisor::now;
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
            is_late: false,
            next: now(),
        };
        for how in [None, Some(How::Signal(9)), Some(How::Exit(0))] {
            assert_eq!(kept(1, true).limit_at_the_end(how, now), None, "{how:?}");
            assert_eq!(kept(1, false).limit_at_the_end(how, now), Some(Limit::Workspace), "{how:?}");
        }
        assert_eq!(kept(1, true).limit_at_the_end(Some(How::Exit(1)), now), Some(Limit::Workspace));
        assert_eq!(kept(1 << 20, true).limit_at_the_end(Some(How::Exit(1)), now), None, "it became smaller");
    }

    #[test]
    fn what_takes_too_long_to_count_twice_is_too_many_files_and_once_is_the_disk() {
        let scratch = Scratch::new();
        for number in 0..50 {
            std::fs::write(scratch.path(&number.to_string()), "").unwrap();
        }
        let began = now();
        let most = Usage { bytes: u64::MAX, inodes: 50 };
        let mut kept =
            Kept { path: scratch.root().to_owned(), most, is_full: false, is_late: false, next: began };
        let time = std::cell::Cell::new(began);
        // Each look at the clock is so many milliseconds later.
        let later = |step| {
            time.set(time.get() + Duration::from_millis(step));
            time.get()
        };
        assert_eq!(kept.limit_reached(|| later(1)), None);
        assert!(kept.next >= time.get() + OFTEN, "counting is a part of the time");
        for (step, reached) in [(100, None), (1, None), (100, None), (100, Some(Limit::Inodes))] {
            time.set(kept.next);
            assert_eq!(kept.limit_reached(|| later(step)), reached, "{step} ms");
        }
        assert_eq!(kept.limit_at_the_end(Some(How::Exit(0)), || later(100)), None, "it has ended well");
    }
}
