//! How many people of which groups have to say yes, and when what they said yes to may run.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::verdict::TermsError;

const MOST_APPROVALS: u32 = 16;
/// Every set of groups is looked at, so there are few of them.
const MOST_GROUPS: usize = 6;
const DAY_MS: u64 = 24 * 60 * MINUTE_MS;
const MINUTE_MS: u64 = 60_000;

/// So many different people, of whom each group has its own number. A person counts once, for one group only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quorum {
    approvals: u32,
    groups: BTreeMap<String, u32>,
}

impl Quorum {
    /// So many people in all, and so many of each group. Without groups, of anybody who may approve.
    pub(super) fn new(approvals: i64, groups: BTreeMap<String, u32>) -> Result<Self, TermsError> {
        if let Some(group) = groups.keys().find(|group| !is_group(group)) {
            return Err(TermsError::Group(group.clone()));
        }
        let of_groups: i64 = groups.values().map(|number| i64::from(*number)).sum();
        let number = approvals.max(of_groups);
        let number = u32::try_from(number).ok().filter(|number| (1..=MOST_APPROVALS).contains(number));
        let is_whole = approvals >= 1 && groups.values().all(|number| *number > 0);
        match number {
            Some(_) if groups.len() > MOST_GROUPS => Err(TermsError::Groups),
            Some(approvals) if is_whole => Ok(Self { approvals, groups }),
            Some(_) | None => {
                Err(TermsError::Approvals(if approvals < 1 { approvals } else { approvals.max(of_groups) }))
            }
        }
    }

    /// One, of anybody who may approve.
    pub(super) fn anybody() -> Self {
        Self { approvals: 1, groups: BTreeMap::new() }
    }

    /// How many different people have to say yes.
    #[must_use]
    pub fn needed(&self) -> u32 {
        self.approvals
    }

    /// How many of each group.
    #[must_use]
    pub fn groups(&self) -> &BTreeMap<String, u32> {
        &self.groups
    }

    /// Whether somebody who is in these groups may vote.
    #[must_use]
    pub fn admits(&self, own: &[String]) -> bool {
        self.groups.is_empty() || own.iter().any(|group| self.groups.contains_key(group))
    }

    /// How many more people have to say yes, when people of these groups have.
    ///
    /// By Hall's theorem: people can be told off to the groups when no set of groups needs more people than are in one of them.
    #[must_use]
    pub fn missing<'a>(&self, people: impl IntoIterator<Item = &'a [String]>) -> u32 {
        let may_vote: Vec<&[String]> = people.into_iter().filter(|own| self.admits(own)).collect();
        let mut missing = self.approvals.saturating_sub(count(may_vote.len()));
        for set in 0_u32..(1 << self.groups.len()) {
            let chosen = || self.groups.iter().zip(0..).filter(move |(_, bit)| set & (1 << bit) != 0);
            let needed: u32 = chosen().map(|((_, number), _)| number).sum();
            let is_in_one = |own: &&&[String]| chosen().any(|((group, _), _)| own.contains(group));
            missing = missing.max(needed.saturating_sub(count(may_vote.iter().filter(is_in_one).count())));
        }
        missing
    }

    /// What satisfies both; nothing when that is more than any review may ask for.
    pub(super) fn both(self, other: Self) -> Option<Self> {
        let mut groups = self.groups;
        for (group, number) in other.groups {
            let own = groups.entry(group).or_insert(number);
            *own = (*own).max(number);
        }
        Self::new(i64::from(self.approvals.max(other.approvals)), groups).ok()
    }
}

fn count(people: usize) -> u32 {
    u32::try_from(people).unwrap_or(u32::MAX)
}

fn is_group(name: &str) -> bool {
    let first_is_fine = name.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
    let rest_is_fine =
        name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'_' | b'-'));
    first_is_fine && rest_is_fine && name.len() <= 64
}

/// A time of each day, in UTC, in which what was approved may begin: `02:00-04:00`. It may go past midnight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Window {
    from: u16,
    to: u16,
}

impl Window {
    /// Reads `02:00-04:00`.
    pub(super) fn parse(text: &str) -> Result<Self, TermsError> {
        let minutes = |text: &str| -> Option<u16> {
            let (hours, minutes) = text.split_once(':').filter(|(h, m)| h.len() == 2 && m.len() == 2)?;
            let plain = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b':');
            let (hours, minutes): (u16, u16) = (hours.parse().ok()?, minutes.parse().ok()?);
            (plain && hours < 24 && minutes < 60).then_some(hours * 60 + minutes)
        };
        let read = text.split_once('-').and_then(|(from, to)| Some((minutes(from)?, minutes(to)?)));
        match read {
            Some((from, to)) if from != to => Ok(Self { from, to }),
            Some(_) | None => Err(TermsError::Window(text.to_owned())),
        }
    }

    /// When it is open next, seen from a moment, in milliseconds since 1970: from that moment on when it is open.
    #[must_use]
    pub fn after(self, moment: u64) -> (u64, u64) {
        let (from, to) = (u64::from(self.from) * MINUTE_MS, u64::from(self.to) * MINUTE_MS);
        let open_for = (to + DAY_MS - from) % DAY_MS;
        let today = moment - moment % DAY_MS;
        // The one that began yesterday may still be open.
        let days = [today.saturating_sub(DAY_MS), today, today + DAY_MS];
        let opened = days.map(|day| day + from).into_iter().find(|open| open + open_for > moment);
        let open = opened.unwrap_or(moment);
        (open.max(moment), open + open_for)
    }
}

impl std::fmt::Display for Window {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { from, to } = self;
        write!(f, "{:02}:{:02}-{:02}:{:02}", from / 60, from % 60, to / 60, to % 60)
    }
}

impl TryFrom<String> for Window {
    type Error = TermsError;

    fn try_from(text: String) -> Result<Self, TermsError> {
        Self::parse(&text)
    }
}

impl From<Window> for String {
    fn from(window: Window) -> Self {
        window.to_string()
    }
}

/// How long after the last yes anybody may still say no, and in which time of the day it may run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Timing {
    /// So long.
    pub hold: Duration,
    /// In it; at any time when there is none.
    pub window: Option<Window>,
}

impl Timing {
    const LONGEST_HOLD: Duration = Duration::from_secs(24 * 60 * 60);

    /// A timing within the bounds: a hold of at most a day.
    ///
    /// # Errors
    /// Says which is out of bounds.
    pub fn new(hold: Duration, window: Option<Window>) -> Result<Self, TermsError> {
        if hold > Self::LONGEST_HOLD { Err(TermsError::Hold) } else { Ok(Self { hold, window }) }
    }

    /// When it may begin and until when, seen from the last yes: in milliseconds since 1970.
    #[must_use]
    pub fn after(self, approved_at: u64, execute_within: Duration) -> (u64, u64) {
        let held_until = approved_at.saturating_add(millis(self.hold));
        match self.window {
            Some(window) => window.after(held_until),
            None => (held_until, held_until.saturating_add(millis(execute_within))),
        }
    }

    /// What satisfies both; nothing for two different windows.
    pub(super) fn both(self, other: Self) -> Option<Self> {
        let window = match (self.window, other.window) {
            (Some(one), Some(two)) if one != two => return None,
            (one, two) => one.or(two),
        };
        Some(Self { hold: self.hold.max(other.hold), window })
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn quorum(approvals: i64, groups: &[(&str, u32)]) -> Quorum {
        let groups = groups.iter().map(|(name, number)| ((*name).to_owned(), *number)).collect();
        Quorum::new(approvals, groups).unwrap()
    }

    fn missing(quorum: &Quorum, people: &[&[&str]]) -> u32 {
        let people: Vec<Vec<String>> =
            people.iter().map(|own| own.iter().map(|group| (*group).to_owned()).collect()).collect();
        quorum.missing(people.iter().map(Vec::as_slice))
    }

    #[test]
    fn somebody_in_two_groups_fills_one_place() {
        let both = quorum(1, &[("owners", 1), ("storage", 1)]);
        assert_eq!(both.needed(), 2);
        assert_eq!(missing(&both, &[&["owners", "storage"]]), 1);
        assert_eq!(missing(&both, &[&["owners", "storage"], &["storage"]]), 0);
        assert_eq!(missing(&both, &[&["owners", "storage"], &["owners"]]), 0);
    }

    #[test]
    fn many_of_one_group_do_not_make_up_for_the_other() {
        let both = quorum(1, &[("owners", 1), ("storage", 1)]);
        assert_eq!(missing(&both, &[&["storage"], &["storage"], &["storage"]]), 1);
        assert_eq!(
            missing(&both, &[&["network"], &[]]),
            2,
            "who is in no group that is asked does not count"
        );
    }

    #[test]
    fn a_number_in_all_is_of_people_in_one_of_the_groups() {
        let three = quorum(3, &[("owners", 1), ("storage", 1)]);
        assert_eq!(missing(&three, &[&["storage"], &["owners"]]), 1);
        assert_eq!(missing(&three, &[&["storage"], &["owners"], &["storage"]]), 0);
        assert_eq!(missing(&quorum(2, &[]), &[&[], &["storage"]]), 0);
    }

    #[test]
    fn both_of_two_quorums_is_the_stricter_of_each_number() {
        let both = quorum(2, &[("storage", 2)]).both(quorum(1, &[("owners", 1)])).unwrap();
        assert_eq!(both, quorum(3, &[("owners", 1), ("storage", 2)]));
        assert_eq!(quorum(16, &[("storage", 16)]).both(quorum(1, &[("owners", 1)])), None);
    }

    #[test]
    fn what_no_review_may_ask_for_is_refused() {
        let groups =
            |all: &[(&str, u32)]| all.iter().map(|(name, number)| ((*name).to_owned(), *number)).collect();
        assert!(Quorum::new(1, groups(&[("storage", 0)])).is_err());
        assert!(Quorum::new(0, groups(&[("storage", 1)])).is_err());
        assert!(Quorum::new(1, groups(&[("Storage", 1)])).is_err());
        assert!(Quorum::new(17, groups(&[])).is_err());
        let many: Vec<String> = (0..7).map(|n| format!("g{n}")).collect();
        let many: Vec<(&str, u32)> = many.iter().map(|name| (name.as_str(), 1)).collect();
        assert_eq!(Quorum::new(1, groups(&many)), Err(TermsError::Groups));
    }

    const HOUR: u64 = 3_600_000;

    #[test]
    fn a_window_is_the_one_that_is_open_or_the_next() {
        let night = Window::parse("02:00-04:00").unwrap();
        assert_eq!(night.after(10 * DAY_MS + HOUR), (10 * DAY_MS + 2 * HOUR, 10 * DAY_MS + 4 * HOUR));
        assert_eq!(night.after(10 * DAY_MS + 3 * HOUR), (10 * DAY_MS + 3 * HOUR, 10 * DAY_MS + 4 * HOUR));
        assert_eq!(night.after(10 * DAY_MS + 4 * HOUR), (11 * DAY_MS + 2 * HOUR, 11 * DAY_MS + 4 * HOUR));
        let midnight = Window::parse("23:00-01:30").unwrap();
        assert_eq!(midnight.after(10 * DAY_MS + HOUR), (10 * DAY_MS + HOUR, 10 * DAY_MS + 90 * MINUTE_MS));
        assert_eq!(midnight.after(10 * DAY_MS + 2 * HOUR).0, 10 * DAY_MS + 23 * HOUR);
    }

    #[test]
    fn what_is_no_window_is_refused_and_a_window_reads_back() {
        for text in [
            "",
            "02:00",
            "2:00-4:00",
            "02:00-02:00",
            "24:00-01:00",
            "02:60-03:00",
            "+2:00-03:00",
            "02:00–04:00",
        ] {
            assert!(Window::parse(text).is_err(), "{text:?}");
        }
        let window = Window::parse("02:05-23:59").unwrap();
        assert_eq!(serde_json::to_string(&window).unwrap(), "\"02:05-23:59\"");
        assert_eq!(serde_json::from_str::<Window>("\"02:05-23:59\"").unwrap(), window);
    }

    #[test]
    fn a_window_is_looked_for_when_the_hold_is_over() {
        let timing = Timing::new(Duration::from_secs(3600), Window::parse("02:00-04:00").ok()).unwrap();
        let day = 10 * DAY_MS;
        assert_eq!(timing.after(day + 2 * HOUR, Duration::ZERO), (day + 3 * HOUR, day + 4 * HOUR));
        assert_eq!(timing.after(day + 3 * HOUR, Duration::ZERO).0, day + DAY_MS + 2 * HOUR);
        let held = Timing::new(Duration::from_secs(60), None).unwrap();
        assert_eq!(held.after(1000, Duration::from_secs(300)), (61_000, 361_000));
        assert_eq!(Timing::new(Duration::from_secs(86_401), None), Err(TermsError::Hold));
    }

    /// Whether the people can be told off to the groups, by trying.
    fn can_be_told_off(left: &mut BTreeMap<String, u32>, people: &[Vec<String>]) -> bool {
        let Some((first, rest)) = people.split_first() else {
            return left.values().all(|number| *number == 0);
        };
        let ways: Vec<String> =
            first.iter().filter(|own| left.get(*own).is_some_and(|n| *n > 0)).cloned().collect();
        ways.into_iter().any(|group| {
            *left.get_mut(&group).unwrap() -= 1;
            let can = can_be_told_off(left, rest);
            *left.get_mut(&group).unwrap() += 1;
            can
        }) || can_be_told_off(left, rest)
    }

    proptest! {
        #[test]
        fn nothing_is_missing_exactly_when_the_people_can_be_told_off(
            needs in prop::collection::btree_map("[abc]", 1_u32..3, 1..4),
            people in prop::collection::vec(prop::collection::btree_set("[abcd]", 0..3), 0..6),
            approvals in 1_i64..5,
        ) {
            let quorum = Quorum::new(approvals, needs.clone()).unwrap();
            let people: Vec<Vec<String>> = people.into_iter().map(|own| own.into_iter().collect()).collect();
            let admitted = people.iter().filter(|own| quorum.admits(own)).count();
            let whole = admitted >= usize::try_from(approvals).unwrap() && can_be_told_off(&mut needs.clone(), &people);
            prop_assert_eq!(quorum.missing(people.iter().map(Vec::as_slice)) == 0, whole);
        }
    }
}
