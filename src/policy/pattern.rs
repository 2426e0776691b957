//! Patterns over whole texts, in time that grows with the text and with nothing else.

use std::cell::RefCell;
use std::collections::HashMap;

use regex::{Regex, RegexBuilder};

/// The most memory that one pattern may take when it is compiled.
const SIZE: usize = 256 << 10;
/// The longest pattern.
const LENGTH: usize = 1000;
/// How many patterns are kept compiled.
const KEPT: usize = 256;

thread_local! {
    static COMPILED: RefCell<HashMap<String, Regex>> = RefCell::default();
}

/// Compiles a pattern that has to match a text as a whole. There are no back-references and no look-around, so nothing
/// that is matched against it can take long.
pub(super) fn whole(pattern: &str) -> Result<Regex, String> {
    if pattern.len() > LENGTH {
        return Err(format!("a pattern is at most {LENGTH} bytes long"));
    }
    let compile = |text: &str| RegexBuilder::new(text).size_limit(SIZE).dfa_size_limit(SIZE).build();
    let explain = |error: regex::Error| {
        // The library draws the pattern over several lines; its last one says what is wrong.
        let text = error.to_string();
        let last = text.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
        format!("{pattern:?} is no pattern: {last}")
    };
    // By itself first: what closes a group that it never opened must not get out of ours.
    compile(pattern).map_err(explain)?;
    compile(&format!(r"\A(?:{pattern})\z")).map_err(explain)
}

/// Whether a text as a whole is what a pattern says. Patterns stay compiled.
pub(super) fn matches(text: &str, pattern: &str) -> Result<bool, String> {
    COMPILED.with_borrow_mut(|compiled| {
        if let Some(known) = compiled.get(pattern) {
            return Ok(known.is_match(text));
        }
        let new = whole(pattern)?;
        let is_match = new.is_match(text);
        if compiled.len() >= KEPT {
            compiled.clear();
        }
        compiled.insert(pattern.to_owned(), new);
        Ok(is_match)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_about_the_whole_text() {
        for (pattern, text, is_match) in [
            ("daily-.*", "daily-2026", true),
            ("daily-.*", "x-daily-2026", false),
            ("a|b", "a", true),
            ("a|b", "ab", false),
            ("daily", "daily\n", false),
            ("(?i)daily", "DAILY", true),
            ("ä+", "ää", true),
        ] {
            assert_eq!(matches(text, pattern), Ok(is_match), "{pattern} {text:?}");
        }
    }

    #[test]
    fn a_pattern_cannot_leave_its_bounds() {
        for pattern in ["a)|(b", "(", "(?=a)", r"(a)\1", "a{1000}{1000}{1000}", &"a".repeat(1001)] {
            assert!(matches("xb", pattern).is_err(), "{pattern}");
        }
    }

    #[test]
    fn a_pattern_that_takes_others_for_ever_is_matched_at_once() {
        let text = format!("{}b", "a".repeat(100_000));
        assert_eq!(matches(&text, "(a+)+"), Ok(false));
        assert_eq!(matches(&text, "(a|aa)*b"), Ok(true));
    }

    #[test]
    fn more_patterns_than_are_kept_still_match() {
        for number in 0..=KEPT {
            assert_eq!(matches(&number.to_string(), &format!("{number}")), Ok(true));
        }
    }
}
