//! A list in memory: names one after the other in one block of bytes, found by a table of places, so that 500 000 of them take some
//! fifteen megabytes and a look-up takes well under two microseconds.

use std::hash::{BuildHasher, RandomState};

use hashbrown::HashTable;
use regex::bytes::{RegexSet, RegexSetBuilder};

use super::line::{self, Line, Reach};
use super::name::Domain;

/// A list that is looked up.
pub struct DomainList {
    names: Names,
    patterns: RegexSet,
}

/// What a list may be at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// How many entries.
    pub entries: usize,
    /// How many patterns among them.
    pub patterns: usize,
}

impl Limits {
    /// Patterns, unless it is said otherwise.
    pub const PATTERNS: usize = 1000;
}

/// A line that was skipped.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct BadLine {
    /// Which, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub problem: String,
}

/// A list as it was read.
#[derive(Debug)]
pub struct Read {
    /// The list.
    pub list: DomainList,
    /// The first of the lines that were skipped.
    pub bad: Vec<BadLine>,
    /// How many those are.
    pub bad_count: usize,
}

/// Why there is no list in what was read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ListError {
    /// There is nothing in it.
    #[error("it has no entry")]
    Empty,
    /// It is something else, such as the page of an error.
    #[error("{bad} of its lines are none of a list, and {good} are; line {line} {problem}")]
    NoList {
        /// Lines that are not.
        bad: usize,
        /// Entries.
        good: usize,
        /// The first of those that are not.
        line: usize,
        /// What is wrong with it.
        problem: String,
    },
    /// It has more entries than it may have.
    #[error("it has more than {0} entries")]
    TooMany(usize),
    /// Its patterns take too much memory together.
    #[error("its patterns are too many or too large together")]
    Patterns,
}

/// How many of the lines that were skipped are told of.
const MOST_TOLD: usize = 20;
/// The most memory that all patterns may take together.
const PATTERNS_SIZE: usize = 16 << 20;

impl DomainList {
    /// Reads a list. A line that is none is skipped; when most are none, it is no list.
    ///
    /// # Errors
    /// When there is no list in it, or more than there may be.
    pub fn read(text: &[u8], limits: Limits) -> Result<Read, ListError> {
        let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
        let (mut names, mut patterns) = (Names::default(), Vec::new());
        let (mut bad, mut bad_count) = (Vec::new(), 0);
        for (number, line) in (1..).zip(text.split(|byte| *byte == b'\n')) {
            match line::read(line) {
                Ok(Line::Names(found)) => found.iter().for_each(|(domain, reach)| names.add(domain, *reach)),
                Ok(Line::Pattern(pattern)) => patterns.push(pattern),
                Err(problem) => {
                    bad_count += 1;
                    if bad.len() < MOST_TOLD {
                        bad.push(BadLine { line: number, problem });
                    }
                }
            }
            if names.count() + patterns.len() > limits.entries {
                return Err(ListError::TooMany(limits.entries));
            }
        }
        let good = names.count() + patterns.len();
        match bad.first() {
            Some(first) if bad_count > good => {
                let (line, problem) = (first.line, first.problem.clone());
                return Err(ListError::NoList { bad: bad_count, good, line, problem });
            }
            Some(_) | None if good == 0 => return Err(ListError::Empty),
            Some(_) | None => {}
        }
        if patterns.len() > limits.patterns {
            return Err(ListError::Patterns);
        }
        let patterns = RegexSetBuilder::new(patterns)
            .case_insensitive(true)
            .unicode(false)
            .size_limit(PATTERNS_SIZE)
            .build()
            .map_err(|_error| ListError::Patterns)?;
        names.shrink();
        Ok(Read { list: Self { names, patterns }, bad, bad_count })
    }

    /// How many entries there are.
    #[must_use]
    pub fn entries(&self) -> usize {
        self.names.count() + self.patterns.len()
    }

    /// Whether the name or one that it lies below is in it, or a pattern is found in the name.
    #[must_use]
    pub fn has(&self, domain: &Domain) -> bool {
        self.names.has(domain)
            || (!self.patterns.is_empty() && self.patterns.is_match(domain.as_str().as_bytes()))
    }
}

/// Seen from a name below which somebody may reach all.
impl DomainList {
    /// Whether all that lies below a name is in it, by a name and not by a pattern.
    #[must_use]
    pub fn has_all_below(&self, top: &Domain) -> bool {
        top.and_above().any(|name| self.names.bits(name).is_some_and(|bits| bits & BELOW != 0))
    }

    /// Whether it has patterns, which say of no name beforehand what lies below it.
    #[must_use]
    pub fn has_patterns(&self) -> bool {
        !self.patterns.is_empty()
    }

    /// Its names that lie below another, each with its reach. It goes through the whole list.
    pub fn below<'a>(&'a self, top: &Domain) -> impl Iterator<Item = (&'a str, Reach)> {
        let end = format!(".{}", top.as_str()).into_bytes();
        let is_name = !top.is_address();
        let below = self.names.iter().filter(move |(name, _)| is_name && name.ends_with(&end));
        below.filter_map(|(name, bits)| {
            let reach = match (bits & ITSELF != 0, bits & BELOW != 0) {
                (true, true) => Reach::AndBelow,
                (true, false) => Reach::Itself,
                (false, true) => Reach::Below,
                (false, false) => return None,
            };
            Some((std::str::from_utf8(name).ok()?, reach))
        })
    }
}

impl std::fmt::Debug for DomainList {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DomainList").field("entries", &self.entries()).finish_non_exhaustive()
    }
}

/// Names with their reach: each a byte of reach, a byte of length and the name, and where each begins by its hash. The hash has a key
/// of this process, so that nobody can write a list whose names all fall together.
#[derive(Default)]
struct Names {
    bytes: Vec<u8>,
    places: HashTable<u32>,
    hasher: RandomState,
    /// The most labels that a name has: a longer one is not looked for.
    deepest: usize,
}

const ITSELF: u8 = 1;
const BELOW: u8 = 2;

impl Names {
    fn count(&self) -> usize {
        self.places.len()
    }

    fn add(&mut self, domain: &Domain, reach: Reach) {
        let bits = match reach {
            Reach::Itself => ITSELF,
            Reach::Below => BELOW,
            Reach::AndBelow => ITSELF | BELOW,
        };
        let name = domain.as_str();
        if let Some(place) = self.find(name) {
            if let Some(there) = self.bytes.get_mut(place) {
                *there |= bits;
            }
            return;
        }
        // Names are 253 bytes at most, and a list is bounded far below what a u32 can count.
        let (Ok(place), Ok(length)) = (u32::try_from(self.bytes.len()), u8::try_from(name.len())) else {
            return;
        };
        self.deepest = self.deepest.max(domain.labels());
        self.bytes.extend([bits, length]);
        self.bytes.extend(name.as_bytes());
        let (bytes, hasher) = (&self.bytes, &self.hasher);
        let hash = |place: &u32| hasher.hash_one(name_at(bytes, *place));
        self.places.insert_unique(hasher.hash_one(name.as_bytes()), place, hash);
    }

    fn has(&self, domain: &Domain) -> bool {
        let labels = domain.labels();
        domain.and_above().enumerate().any(|(above, name)| {
            let wanted = if above == 0 { ITSELF } else { BELOW };
            let may_be_there = labels - above <= self.deepest;
            may_be_there && self.bits(name).is_some_and(|bits| bits & wanted != 0)
        })
    }

    fn bits(&self, name: &str) -> Option<u8> {
        self.bytes.get(self.find(name)?).copied()
    }

    /// Every name with its reach, in the order in which they were added.
    fn iter(&self) -> impl Iterator<Item = (&[u8], u8)> {
        let mut rest = self.bytes.as_slice();
        std::iter::from_fn(move || {
            let ([bits, length], after) = rest.split_first_chunk::<2>()?;
            let (name, after) = after.split_at_checked(usize::from(*length))?;
            rest = after;
            Some((name, *bits))
        })
    }

    fn find(&self, name: &str) -> Option<usize> {
        let name = name.as_bytes();
        let place =
            self.places.find(self.hasher.hash_one(name), |place| name_at(&self.bytes, *place) == name)?;
        usize::try_from(*place).ok()
    }

    fn shrink(&mut self) {
        self.bytes.shrink_to_fit();
        let (bytes, hasher) = (&self.bytes, &self.hasher);
        self.places.shrink_to_fit(|place| hasher.hash_one(name_at(bytes, *place)));
    }
}

fn name_at(bytes: &[u8], place: u32) -> &[u8] {
    let start = usize::try_from(place).unwrap_or(usize::MAX);
    let length = bytes.get(start.saturating_add(1)).copied().map_or(0, usize::from);
    bytes.get(start.saturating_add(2)..).and_then(|rest| rest.get(..length)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { entries: 100, patterns: 10 };

    fn read(text: &str) -> Result<Read, ListError> {
        DomainList::read(text.as_bytes(), LIMITS)
    }

    fn has(list: &DomainList, name: &str) -> bool {
        list.has(&Domain::parse(name).unwrap())
    }

    #[test]
    fn names_are_found_with_what_lies_below_them_as_far_as_each_reaches() {
        let list = read("example.org\n=only.example\n*.below.example\n192.0.2.7\nhttps://bücher.example/x\n")
            .unwrap()
            .list;
        assert_eq!(list.entries(), 5);
        for name in [
            "example.org",
            "EXAMPLE.org.",
            "a.b.example.org",
            "only.example",
            "a.below.example",
            "192.0.2.7",
            "3221225991",
            "BÜCHER.example",
        ] {
            assert!(has(&list, name), "{name}");
        }
        for name in [
            "badexample.org",
            "org",
            "a.only.example",
            "below.example",
            "192.0.2.70",
            "7",
            "0.2.7",
            "example.org.evil.example",
        ] {
            assert!(!has(&list, name), "{name}");
        }
    }

    #[test]
    fn what_lies_below_a_name_is_listed_with_its_reach() {
        let list = read("example.org\n=a.example.org\n*.b.example.org\nc.example.org\nnotexample.org\n")
            .unwrap()
            .list;
        let top = Domain::parse("example.org").unwrap();
        let below: Vec<_> = list.below(&top).collect();
        assert_eq!(
            below,
            [
                ("a.example.org", Reach::Itself),
                ("b.example.org", Reach::Below),
                ("c.example.org", Reach::AndBelow)
            ]
        );
        let has_all = |name: &str| list.has_all_below(&Domain::parse(name).unwrap());
        assert!(has_all("example.org") && has_all("x.a.example.org") && has_all("b.example.org"));
        assert!(!has_all("org") && !has_all("notexample.com"));
        assert_eq!(list.below(&Domain::parse("192.0.2.7").unwrap()).count(), 0);
        assert!(!list.has_patterns());
    }

    #[test]
    fn two_lines_about_one_name_reach_as_far_as_both() {
        let list = read("=a.example\n*.a.example\n").unwrap().list;
        assert_eq!(list.entries(), 1);
        assert!(has(&list, "a.example") && has(&list, "x.a.example"));
    }

    #[test]
    fn a_pattern_is_found_anywhere_in_a_name_unless_it_says_where() {
        let list = read("~^ads[0-9]+\\.\n~\\.evil\\.example$\n").unwrap().list;
        for (name, is_there) in [
            ("ads7.example.org", true),
            ("ADS7.example.org", true),
            ("x.evil.example", true),
            ("bads7.example.org", false),
            ("x.evil.example.org", false),
        ] {
            assert_eq!(has(&list, name), is_there, "{name}");
        }
    }

    #[test]
    fn one_bad_line_is_skipped_and_named_and_the_rest_is_there() {
        let read = read("\u{feff}one.example\r\nnot a name\r\n\r\ntwo.example").unwrap();
        assert!(has(&read.list, "one.example") && has(&read.list, "two.example"));
        assert_eq!((read.bad_count, read.bad[0].line), (1, 2));
    }

    #[test]
    fn what_is_no_list_or_too_much_of_one_is_refused() {
        assert_eq!(read("").unwrap_err(), ListError::Empty);
        assert_eq!(read("# nothing\n127.0.0.1 localhost\n").unwrap_err(), ListError::Empty);
        let page = read("<html>\n<body>not found</body>\nexample.org\n").unwrap_err();
        assert!(matches!(page, ListError::NoList { bad: 2, good: 1, line: 1, .. }), "{page}");
        let many: String = (0..101).map(|number| format!("n{number}.example\n")).collect();
        assert_eq!(read(&many).unwrap_err(), ListError::TooMany(100));
        let patterns: String = (0..11).map(|number| format!("~x{number}\n")).collect();
        assert_eq!(read(&patterns).unwrap_err(), ListError::Patterns);
    }

    #[test]
    fn patterns_that_swell_are_kept_out_and_take_no_time_where_they_are_not() {
        let swell = read("~(a{90}){90}\nexample.org\n").unwrap();
        assert_eq!(swell.bad_count, 1);
        let slow = read("~(a+)+$\nexample.org\n").unwrap().list;
        assert!(!has(&slow, &format!("{}.{}.example", "a".repeat(60), "a".repeat(60))));
    }
}
