//! What is written so that only a machine reads it: base64, hexadecimal, percent signs, entities, escapes. It is decoded, and what
//! comes out is looked at as well.

use std::sync::LazyLock;

use base64::Engine;
use base64::alphabet;
use base64::engine::general_purpose::GeneralPurpose;
use base64::engine::{DecodePaddingMode, GeneralPurposeConfig};
use regex::Regex;

use super::{Hit, Rating};

/// So many escapes make a text that is written in them.
const FEWEST_ESCAPES: usize = 3;
/// A run of letters without a break that is longer is nothing that people read.
const OPAQUE: usize = 2048;

static BASE64: LazyLock<Option<Regex>> = LazyLock::new(|| {
    // Over several lines, as mail and PEM wrap it.
    Regex::new(r"[A-Za-z0-9+/_-]{24,}(?:\r?\n[ \t]*[A-Za-z0-9+/_-]{4,})*={0,2}").ok()
});
static HEX: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"(?i)(?:[0-9a-f]{2}[ :]?){24,}").ok());
static ESCAPES: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"(?i)(?:%[0-9a-f]{2}|&#x?[0-9a-f]{1,6};?|\\u\{?[0-9a-f]{4,6}\}?|\\x[0-9a-f]{2}|[a-z0-9 ,.]){12,}",
    )
    .ok()
});
static ESCAPE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"(?i)%([0-9a-f]{2})|&#x([0-9a-f]{1,6});?|&#([0-9]{1,7});?|\\u\{?([0-9a-f]{4,6})\}?|\\x([0-9a-f]{2})",
    )
    .ok()
});

const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);

/// What a run of a text decodes to.
pub(super) struct Decoded {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) text: String,
    /// Whether it is text as a whole. If it is not, a text may still be within: who hides one adds what is none.
    pub(super) is_readable: bool,
}

/// Each run, with what it decodes to.
pub(super) fn find(text: &str) -> Vec<Decoded> {
    let mut found = Vec::new();
    for (pattern, decode) in
        [(&BASE64, of_base64 as fn(&str) -> Vec<Vec<u8>>), (&HEX, of_hex), (&ESCAPES, of_escapes)]
    {
        for run in pattern.iter().flat_map(|pattern| pattern.find_iter(text)) {
            let (start, end) = (run.start(), run.end());
            found.extend(decode(run.as_str()).into_iter().map(|bytes| read(bytes, start, end)));
        }
    }
    found
}

/// Long runs that are nothing to read, whatever they hold.
pub(super) fn opaque(text: &str) -> Vec<Hit> {
    let is_break = |c: char| !(c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '_' | '-' | '='));
    let runs = text.split(is_break).filter(|run| run.len() >= OPAQUE);
    let place = |run: &str| (run.as_ptr() as usize).saturating_sub(text.as_ptr() as usize);
    let hit = |run: &str| Hit {
        rule: "opaque".to_owned(),
        rating: Rating::Review,
        start: place(run),
        end: place(run) + run.len(),
        is_hint: false,
    };
    runs.map(hit).collect()
}

/// From each of the four places where a group of letters may begin: what stands before it may be no part of it.
fn of_base64(run: &str) -> Vec<Vec<u8>> {
    let plain = |c: char| match c {
        '-' => '+',
        '_' => '/',
        c => c,
    };
    let letters: String = run.chars().filter(|c| !c.is_ascii_whitespace() && *c != '=').map(plain).collect();
    let decode = |skip: usize| {
        let rest = letters.get(skip..)?;
        let whole = rest.get(..rest.len() - usize::from(rest.len() % 4 == 1))?;
        STANDARD.decode(whole).ok()
    };
    // One that is text as it stands begins where it seems to.
    match decode(0) {
        Some(bytes) if is_text(&bytes) => vec![bytes],
        first => first.into_iter().chain((1..4).filter_map(decode)).collect(),
    }
}

fn of_hex(run: &str) -> Vec<Vec<u8>> {
    let digits: Vec<u32> = run.chars().filter_map(|c| c.to_digit(16)).collect();
    let byte = |pair: &[u32]| match pair {
        [high, low] => u8::try_from(high * 16 + low).unwrap_or_default(),
        _ => 0,
    };
    let from = |skip: usize| digits.get(skip..).unwrap_or_default().chunks_exact(2).map(byte).collect();
    vec![from(0), from(1)]
}

fn of_escapes(run: &str) -> Vec<Vec<u8>> {
    let Some(pattern) = ESCAPE.as_ref() else { return Vec::new() };
    let (mut bytes, mut at, mut escapes) = (Vec::new(), 0, 0);
    for found in pattern.captures_iter(run) {
        let Some(whole) = found.get(0) else { continue };
        bytes.extend(run.get(at..whole.start()).unwrap_or_default().as_bytes());
        at = whole.end();
        escapes += 1;
        let number = |group: usize, radix: u32| {
            found.get(group).and_then(|digits| u32::from_str_radix(digits.as_str(), radix).ok())
        };
        match number(1, 16).or_else(|| number(5, 16)) {
            Some(byte) => bytes.extend(u8::try_from(byte)),
            None => {
                let c = number(2, 16)
                    .or_else(|| number(3, 10))
                    .or_else(|| number(4, 16))
                    .and_then(char::from_u32);
                bytes.extend(c.unwrap_or('\u{fffd}').to_string().as_bytes());
            }
        }
    }
    bytes.extend(run.get(at..).unwrap_or_default().as_bytes());
    if escapes < FEWEST_ESCAPES { Vec::new() } else { vec![bytes] }
}

fn read(bytes: Vec<u8>, start: usize, end: usize) -> Decoded {
    // Two bytes a letter, as Windows writes it.
    let zeros = bytes.iter().filter(|byte| **byte == 0).count();
    let bytes =
        if zeros * 3 > bytes.len() { bytes.into_iter().filter(|byte| *byte != 0).collect() } else { bytes };
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let is_readable = is_text(text.as_bytes());
    Decoded { start, end, text, is_readable }
}

fn is_text(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let odd = text.chars().filter(|c| *c == '\u{fffd}' || (c.is_control() && !c.is_whitespace())).count();
    odd * 10 <= text.chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_compiles() {
        for pattern in [&BASE64, &HEX, &ESCAPES, &ESCAPE] {
            assert!(pattern.is_some());
        }
    }

    #[test]
    fn what_is_encoded_is_read_wherever_it_begins() {
        for text in [
            "aGVsbG8gd29ybGQsIGhvdyBhcmUgeW91IHRvZGF5Pw==",
            "xyaGVsbG8gd29ybGQsIGhvdyBhcmUgeW91IHRvZGF5Pw",
            "aGVsbG8gd29ybGQsIGhvdyBh\ncmUgeW91IHRvZGF5Pw==",
            "68656c6c6f20776f726c642c20686f772061726520796f7520746f6461793f",
            "68:65:6c:6c:6f:20:77:6f:72:6c:64:2c:20:68:6f:77:20:61:72:65:20:79:6f:75:20:74:6f:64:61:79:3f",
            "%68%65%6c%6c%6f%20world%2c%20how%20are%20you%20today%3f",
            "&#104;&#101;&#108;&#108;&#x6f; world, how are you today&#63;",
            "\\u0068\\u0065\\u006c\\u006c\\u006f world, how are you today\\x3f",
        ] {
            let found = find(text);
            assert!(
                found.iter().any(|decoded| decoded.text.contains("hello world, how are you today?")),
                "{text}"
            );
        }
    }
}
