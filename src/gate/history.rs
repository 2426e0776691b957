//! How often callers asked lately: an input of rules, kept here so that rules need no memory of their own.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use crate::policy::{HOURS, Recent};
use crate::principal::PrincipalName;

const MINUTE_MS: u64 = 60_000;
const HOUR_MS: u64 = 60 * MINUTE_MS;

/// Who asked when, for what.
#[derive(Default)]
pub(super) struct History {
    asked: Mutex<HashMap<PrincipalName, BTreeMap<String, VecDeque<u64>>>>,
}

/// The most that is counted of one caller for one operation. For each by itself: what is asked often must not have what is
/// asked seldom forgotten.
const MOST_COUNTED: usize = 10_000;

impl History {
    /// The caller asks for an operation.
    pub(super) fn note(&self, caller: &PrincipalName, tool: String, now_ms: u64) {
        let back = u64::from(HOURS.unsigned_abs()) * HOUR_MS;
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let times = asked.entry(caller.clone()).or_default().entry(tool).or_default();
        // Never before the last one: a clock that is set back makes the caller's past younger, not shorter.
        times.push_back(times.back().copied().unwrap_or_default().max(now_ms));
        while times.len() > MOST_COUNTED || times.front().is_some_and(|first| first + back < now_ms) {
            times.pop_front();
        }
    }

    /// What rules may know of it.
    pub(super) fn of(&self, caller: &PrincipalName, now_ms: u64) -> Recent {
        let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let mut recent = Recent { hours: vec![0; HOURS.unsigned_abs() as usize], ..Recent::default() };
        for (tool, times) in asked.get(caller).into_iter().flatten() {
            let last_hour = within(times, now_ms, HOUR_MS);
            recent.minute += within(times, now_ms, MINUTE_MS);
            recent.hour += last_hour;
            if last_hour > 0 {
                recent.tools.insert(tool.clone(), last_hour);
            }
            for (hours, count) in (1..).zip(&mut recent.hours) {
                *count += within(times, now_ms, hours * HOUR_MS);
            }
        }
        recent
    }
}

/// How many are no longer ago than that, of times in order.
fn within(times: &VecDeque<u64>, now_ms: u64, ago: u64) -> u64 {
    let before = times.partition_point(|at| now_ms.saturating_sub(*at) > ago);
    u64::try_from(times.len() - before).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> PrincipalName {
        PrincipalName::try_from(text.to_owned()).unwrap()
    }

    #[test]
    fn what_a_caller_asked_is_counted_by_time_and_operation_and_for_nobody_else() {
        let history = History::default();
        let now = 100 * HOUR_MS;
        for (ago, tool) in [
            (23 * HOUR_MS, "zfs.list"),
            (2 * HOUR_MS, "zfs.list"),
            (30 * MINUTE_MS, "zfs.destroy"),
            (0, "zfs.list"),
        ] {
            history.note(&name("librarian"), tool.to_owned(), now - ago);
        }
        let recent = history.of(&name("librarian"), now);
        assert_eq!((recent.minute, recent.hour), (1, 2));
        assert_eq!([0, 1, 22, 23].map(|hour| recent.hours[hour]), [2, 3, 4, 4]);
        assert_eq!(recent.tools, BTreeMap::from([("zfs.destroy".to_owned(), 1), ("zfs.list".to_owned(), 1)]));
        assert_eq!(history.of(&name("keeper"), now).hours, vec![0; 24]);
        history.note(&name("librarian"), "zfs.list".to_owned(), now + 2 * HOUR_MS);
        assert_eq!(history.of(&name("librarian"), now + 2 * HOUR_MS).hours[23], 4);
    }

    #[test]
    fn a_clock_that_is_set_back_has_nothing_forgotten() {
        let history = History::default();
        for at in [50 * HOUR_MS, 10 * HOUR_MS, 10 * HOUR_MS] {
            history.note(&name("librarian"), "zfs.list".to_owned(), at);
        }
        let recent = history.of(&name("librarian"), 10 * HOUR_MS);
        assert_eq!((recent.minute, recent.hour, recent.hours[23]), (3, 3, 3));
    }

    #[test]
    fn a_caller_that_asks_very_often_has_nothing_else_forgotten() {
        let history = History::default();
        history.note(&name("librarian"), "zfs.destroy".to_owned(), HOUR_MS);
        for _ in 0..MOST_COUNTED + 5 {
            history.note(&name("librarian"), "zfs.list".to_owned(), HOUR_MS);
        }
        let recent = history.of(&name("librarian"), HOUR_MS);
        assert_eq!((recent.hour, recent.tools["zfs.destroy"]), (10_001, 1));
    }
}
