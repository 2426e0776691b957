//! What a reader does not see and a model does: invisible and direction-turning characters, letters of two alphabets in one word, text
//! that a style, a colour or a terminal's sequence hides, and pictures that carry something away.

use std::sync::LazyLock;

use regex::Regex;

use super::fold::{is_unseen, twin};
use super::{Hit, Rating};

/// Finds what is hidden.
pub(super) fn find(text: &str) -> Vec<Hit> {
    let mut hits = if text.is_ascii() { Vec::new() } else { characters(text) };
    for (rule, pattern) in PATTERNS.iter() {
        hits.extend(
            pattern.find_iter(text).map(|found| hit(rule, Rating::Review, found.start(), found.end())),
        );
    }
    hits
}

static PATTERNS: LazyLock<Vec<(&str, Regex)>> = LazyLock::new(|| {
    let style = r#"<[a-z][^<>]*\bstyle\s*=\s*["']?[^"'<>]*?"#;
    let unseen = "(?:display\\s*:\\s*none|visibility\\s*:\\s*hidden|font-size\\s*:\\s*0(?:px|pt|em|rem|%)?\\s*[;\"'!]|opacity\\s*:\\s*0(?:\\.0+)?\\s*[;\"'!]\
                  |(?:^|[^-])color\\s*:\\s*(?:white|transparent|#fff(?:fff)?|rgba\\([^)]*,\\s*0\\s*\\))\\s*[;\"'!]|text-indent\\s*:\\s*-\\d{3,}|left\\s*:\\s*-\\d{3,}|clip\\s*:\\s*rect\\(0)";
    let written = [
        ("hidden-text", format!("(?i){style}{unseen}")),
        (
            "hidden-text",
            r"(?i)<[a-z][a-z0-9]*(?:\s[^<>]*)?\s(?:hidden|aria-hidden\s*=\s*.?true.?)(?:\s[^<>]*)?>"
                .to_owned(),
        ),
        // Conceal, and text that is written over itself.
        ("hidden-text", "\u{1b}\\[(?:[0-9]{1,3};){0,8}8(?:;[0-9]{1,3}){0,8}m|\u{8}{4,}".to_owned()),
        ("remote-picture", r"!\[[^\]\n]*\]\(\s*https?://[^)\s]+\?[^)\s]*=[^)\s]*\)".to_owned()),
    ];
    let compiled = written.into_iter().filter_map(|(rule, pattern)| Some((rule, Regex::new(&pattern).ok()?)));
    compiled.collect()
});

/// How many invisible characters in a row no honest text has.
const RUN: usize = 3;

fn characters(text: &str) -> Vec<Hit> {
    let mut hits = Vec::new();
    let (mut before, mut run, mut run_start) = (None, 0, 0);
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let (end, next) = (at + c.len_utf8(), chars.peek().map(|(_, next)| *next));
        match c {
            // Letters that only a machine reads, but for the flags that are made of them.
            '\u{e0000}'..='\u{e007f}' if before != Some(FLAG) => {
                hits.push(hit("invisible-letters", Rating::Unsafe, at, end))
            }
            '\u{202d}' | '\u{202e}' => hits.push(hit("direction", Rating::Unsafe, at, end)),
            '\u{202a}' | '\u{202b}' | '\u{2066}'..='\u{2069}' => {
                hits.push(hit("direction", Rating::Review, at, end))
            }
            _ => {}
        }
        if is_unseen(c) {
            if run == 0 {
                run_start = at;
            }
            run += 1;
            if run == RUN && before != Some(FLAG) {
                hits.push(hit("invisible", Rating::Review, run_start, end));
            } else if run == 1 && splits_a_word(before, c, next) {
                hits.push(hit("invisible", Rating::Review, at, end));
            }
            continue;
        }
        (before, run) = (Some(c), 0);
    }
    hits.extend(mixed_words(text));
    merged(hits)
}

/// The flag whose regions are told by invisible letters.
const FLAG: char = '\u{1f3f4}';

/// Something invisible within a word of ASCII, where no language puts it; a soft hyphen may stand there.
fn splits_a_word(before: Option<char>, c: char, next: Option<char>) -> bool {
    let is_letter = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    c != '\u{ad}' && is_letter(before) && is_letter(next)
}

/// Words in which a letter of another alphabet stands for one of ASCII.
fn mixed_words(text: &str) -> Vec<Hit> {
    let mut hits = Vec::new();
    for word in text.split(|c: char| !c.is_alphanumeric() && !is_unseen(c)) {
        let twins = word.chars().filter(|c| twin(*c).is_some()).count();
        let letters = word.chars().filter(char::is_ascii_alphabetic).count();
        if twins > 0 && letters >= 2 && twins + letters >= 4 {
            let start = (word.as_ptr() as usize).saturating_sub(text.as_ptr() as usize);
            hits.push(hit("mixed-letters", Rating::Review, start, start + word.len()));
        }
    }
    hits
}

/// Findings of one kind that touch are one finding.
fn merged(hits: Vec<Hit>) -> Vec<Hit> {
    let mut merged: Vec<Hit> = Vec::new();
    for hit in hits {
        match merged
            .last_mut()
            .filter(|last| last.rule == hit.rule && last.rating == hit.rating && last.end >= hit.start)
        {
            Some(last) => last.end = last.end.max(hit.end),
            None => merged.push(hit),
        }
    }
    merged
}

fn hit(rule: &str, rating: Rating, start: usize, end: usize) -> Hit {
    Hit { rule: rule.to_owned(), rating, start, end, is_hint: false }
}
