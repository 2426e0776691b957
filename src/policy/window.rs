//! Times of the week, as rules and contracts write them: `mon-fri 08:00-18:00 +01:00`.

use std::fmt;

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
/// The first of January 1970 was a Thursday.
const FIRST_DAY: i64 = 3;
const DAY: i64 = 24 * 60 * 60;

/// Hours of some days of the week, at a fixed distance from UTC. A window that ends before it begins ends on the next day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TimeWindow {
    written: String,
    days: [bool; 7],
    /// Seconds of the day.
    begin: i64,
    end: i64,
    /// Seconds to the east of UTC.
    offset: i64,
}

/// A text that is no window, and what would be one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NoWindow(String);

impl fmt::Display for NoWindow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}; write it as \"mon-fri 08:00-18:00\" or \"22:00-06:00 +01:00\", in UTC by default",
            self.0
        )
    }
}

impl TimeWindow {
    /// Reads `[DAYS] HH:MM-HH:MM [+HH:MM]`.
    pub(super) fn parse(text: &str) -> Result<Self, NoWindow> {
        let wrong = |what: String| NoWindow(format!("{text:?} is no time window: {what}"));
        let mut words: Vec<&str> = text.split_whitespace().collect();
        let offset = match words.pop_if(|word| word.starts_with(['+', '-'])) {
            Some(word) => offset(word).ok_or_else(|| wrong(format!("{word:?} is no distance from UTC")))?,
            None => 0,
        };
        let hours = words.pop().ok_or_else(|| wrong("it has no hours".to_owned()))?;
        let (begin, end) = hours
            .split_once('-')
            .and_then(|(begin, end)| Some((time(begin)?, time(end)?)))
            .filter(|(begin, _)| *begin < DAY)
            .ok_or_else(|| wrong(format!("{hours:?} are no hours")))?;
        if begin == end {
            return Err(wrong("it is empty; a whole day is 00:00-24:00".to_owned()));
        }
        let mut on = [true; 7];
        if let Some(word) = words.pop() {
            on = days(word).ok_or_else(|| wrong(format!("{word:?} are no days")))?;
        }
        if let Some(word) = words.pop() {
            return Err(wrong(format!("{word:?} has no place in it")));
        }
        Ok(Self { written: text.to_owned(), days: on, begin, end, offset })
    }

    /// As it was written.
    pub(super) fn as_str(&self) -> &str {
        &self.written
    }

    /// Whether a moment lies in it, given in seconds since 1970.
    pub(super) fn contains(&self, now: u64) -> bool {
        let Some(local) = i64::try_from(now).ok().and_then(|now| now.checked_add(self.offset)) else {
            return false;
        };
        let (day, second) = (local.div_euclid(DAY), local.rem_euclid(DAY));
        let has = |day: i64| {
            let weekday = usize::try_from((day + FIRST_DAY).rem_euclid(7)).unwrap_or_default();
            self.days.get(weekday).is_some_and(|on| *on)
        };
        if self.begin < self.end {
            return has(day) && second >= self.begin && second < self.end;
        }
        (has(day) && second >= self.begin) || (has(day - 1) && second < self.end)
    }
}

/// `mon`, `mon-fri`, `sat,sun`, `fri-mon`.
fn days(text: &str) -> Option<[bool; 7]> {
    let number = |word: &str| DAYS.iter().position(|day| *day == word);
    let mut on = [false; 7];
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (number(first)?, number(last)?);
        let span = (last + 7 - first) % 7;
        for day in first..=first + span {
            *on.get_mut(day % 7)? = true;
        }
    }
    Some(on)
}

/// `08:00` in seconds; `24:00` is the end of a day.
fn time(text: &str) -> Option<i64> {
    let (hours, minutes) = text.split_once(':')?;
    let (hours, minutes) = (two_digits(hours)?, two_digits(minutes)?);
    let seconds = (hours * 60 + minutes) * 60;
    (minutes < 60 && seconds <= DAY).then_some(seconds)
}

fn two_digits(text: &str) -> Option<i64> {
    (text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok()).flatten()
}

/// `+01:00` in seconds; nobody lives more than 14 hours away.
fn offset(text: &str) -> Option<i64> {
    let (sign, rest) = match text.split_at_checked(1)? {
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => return None,
    };
    time(rest).filter(|seconds| *seconds <= 14 * 60 * 60).map(|seconds| sign * seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-20, a Friday, at this time.
    fn friday(hours: u64, minutes: u64) -> u64 {
        1_795_132_800 + hours * 3600 + minutes * 60
    }

    fn has(window: &str, now: u64) -> bool {
        TimeWindow::parse(window).unwrap().contains(now)
    }

    #[test]
    fn a_window_begins_with_its_first_minute_and_ends_before_its_last() {
        for (window, time, is_in) in [
            ("08:00-18:00", friday(8, 0), true),
            ("08:00-18:00", friday(7, 59), false),
            ("08:00-18:00", friday(18, 0), false),
            ("mon-fri 08:00-18:00", friday(12, 0), true),
            ("sat,sun 08:00-18:00", friday(12, 0), false),
            ("fri-mon 08:00-18:00", friday(12, 0), true),
            ("tue-thu 08:00-18:00", friday(12, 0), false),
            ("fri 00:00-24:00", friday(23, 59), true),
            ("fri 00:00-24:00", friday(24, 0), false),
            ("08:00-18:00 +01:00", friday(7, 0), true),
            ("08:00-18:00 -05:30", friday(8, 0), false),
            ("sat 00:00-01:00 +02:00", friday(22, 30), true),
        ] {
            assert_eq!(has(window, time), is_in, "{window} at {time}");
        }
    }

    #[test]
    fn a_window_over_midnight_belongs_to_the_day_on_which_it_begins() {
        for (time, is_in) in [
            (friday(21, 59), false),
            (friday(22, 0), true),
            (friday(24 + 5, 59), true),
            (friday(24 + 6, 0), false),
            (friday(5, 0), false),
            (friday(24 + 22, 0), false),
        ] {
            assert_eq!(has("fri 22:00-06:00", time), is_in, "{time}");
        }
    }

    #[test]
    fn what_is_no_window_is_refused_with_what_would_be_one() {
        for text in [
            "",
            "always",
            "8:00-18:00",
            "08:00",
            "08:00-08:00",
            "24:00-06:00",
            "08:00-24:01",
            "08:60-09:00",
            "Mon 08:00-18:00",
            "mon- 08:00-18:00",
            "mon fri 08:00-18:00",
            "08:00-18:00 +15:00",
            "08:00-18:00 01:00",
            "08:00-18:00 +01:00 x",
        ] {
            let refused = TimeWindow::parse(text).unwrap_err().to_string();
            assert!(
                refused.contains("is no time window") && refused.contains("mon-fri 08:00-18:00"),
                "{refused}"
            );
        }
    }

    #[test]
    fn times_that_no_clock_shows_are_in_no_window() {
        assert!(!has("00:00-24:00", u64::MAX));
        assert!(has("00:00-24:00 -14:00", 0));
    }
}
