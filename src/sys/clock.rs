//! Time as a parameter: the wall clock for records that people read, the boot clock for everything that expires.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use nix::time::{ClockId, clock_gettime};

/// The two clocks of a host.
pub trait Clock: Send + Sync {
    /// The wall clock. People and NTP may set it, so nothing expires by it alone.
    fn now(&self) -> SystemTime;

    /// Time since boot (`CLOCK_BOOTTIME`): never set back, and it goes on while the host sleeps.
    fn boot(&self) -> Duration;
}

/// The clocks of this host.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[allow(clippy::disallowed_methods, reason = "the one place that reads the wall clock")]
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }

    fn boot(&self) -> Duration {
        // The call cannot fail with a constant clock on a kernel that has pidfds. Were it to fail all the same,
        // the end of time is the safe answer: every grant and approval has then expired.
        clock_gettime(ClockId::CLOCK_BOOTTIME).map_or(Duration::MAX, Duration::from)
    }
}

/// Clocks that stand still until they are moved: for tests, ours and those of whoever builds on this crate.
#[derive(Debug)]
pub struct ManualClock {
    times: Mutex<(SystemTime, Duration)>,
}

impl ManualClock {
    /// Both clocks at the given times.
    #[must_use]
    pub fn new(now: SystemTime, boot: Duration) -> ManualClock {
        ManualClock { times: Mutex::new((now, boot)) }
    }

    /// Moves both clocks forward.
    pub fn advance(&self, by: Duration) {
        let mut times = self.times();
        times.0 += by;
        times.1 += by;
    }

    /// Sets the wall clock alone, as an operator or NTP might.
    pub fn set_now(&self, now: SystemTime) {
        self.times().0 = now;
    }

    /// Sets the boot clock alone.
    pub fn set_boot(&self, boot: Duration) {
        self.times().1 = boot;
    }

    fn times(&self) -> MutexGuard<'_, (SystemTime, Duration)> {
        self.times.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for ManualClock {
    /// 2023-11-14 22:13:20 UTC, one hour after boot.
    fn default() -> ManualClock {
        ManualClock::new(
            SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000),
            Duration::from_secs(3600),
        )
    }
}

impl Clock for ManualClock {
    fn now(&self) -> SystemTime {
        self.times().0
    }

    fn boot(&self) -> Duration {
        self.times().1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_boot_clock_moves_and_agrees_with_proc_uptime() {
        let uptime = std::fs::read_to_string("/proc/uptime").unwrap();
        let uptime: f64 = uptime.split(' ').next().unwrap().parse().unwrap();
        let first = SystemClock.boot();
        assert!((first.as_secs_f64() - uptime).abs() < 5.0, "{first:?} against {uptime}");
        assert!(SystemClock.boot() >= first);
    }

    #[test]
    fn a_manual_clock_stands_still_until_it_is_moved() {
        let clock = ManualClock::default();
        let (now, boot) = (clock.now(), clock.boot());
        clock.advance(Duration::from_secs(7));
        assert_eq!(
            (clock.now(), clock.boot()),
            (now + Duration::from_secs(7), boot + Duration::from_secs(7))
        );
    }
}
