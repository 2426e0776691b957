//! How old a signal-cli is: Signal refuses clients that are older than about three months.

use std::time::{Duration, SystemTime};

use time::macros::date;
use time::{Date, OffsetDateTime};

/// From this age on it is said.
pub const OLD: Duration = Duration::from_secs(60 * 86_400);
/// From this age on Signal may refuse it.
pub const REFUSED: Duration = Duration::from_secs(90 * 86_400);

/// Versions, and a day on which each was there. Newer ones are as old as this host has known them.
const KNOWN: [((u32, u32, u32), Date); 4] = [
    ((0, 12, 8), date!(2024 - 02 - 06)),
    ((0, 13, 16), date!(2025 - 06 - 07)),
    ((0, 13, 19), date!(2025 - 12 - 28)),
    ((0, 14, 6), date!(2026 - 07 - 13)),
];

/// A version of three numbers; anything else is none that is known.
#[must_use]
pub fn parse(version: &str) -> Option<(u32, u32, u32)> {
    let mut parts = version.split('.').map(|part| part.parse::<u32>().ok());
    let numbers = (parts.next()??, parts.next()??, parts.next()??);
    parts.next().is_none().then_some(numbers)
}

/// How old a version is at least, as far as that follows from it alone.
#[must_use]
pub fn least_age(version: &str, now: SystemTime) -> Option<Duration> {
    let version = parse(version)?;
    let (_, day) = KNOWN.iter().find(|(known, _)| *known >= version)?;
    let there = SystemTime::from(OffsetDateTime::new_utc(*day, time::Time::MIDNIGHT));
    Some(now.duration_since(there).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_as_old_as_the_next_one_that_is_known_at_least() {
        let now = SystemTime::from(OffsetDateTime::new_utc(date!(2026 - 08 - 12), time::Time::MIDNIGHT));
        let days = |version: &str| least_age(version, now).map(|age| age.as_secs() / 86_400);
        assert_eq!([days("0.14.6"), days("0.14.0")], [Some(30), Some(30)]);
        assert_eq!(days("0.13.19"), Some(227));
        assert!(days("0.11.0") > days("0.13.16"));
        for unknown in ["0.14.7", "0.15.0", "1.0.0", "0.14", "0.14.6.1", "0.14.x", "", "unknown"] {
            assert_eq!(days(unknown), None, "{unknown}");
        }
        assert_eq!(least_age("0.14.6", SystemTime::UNIX_EPOCH), Some(Duration::ZERO));
    }
}
