//! The hash of one record: SHA-256 of the bytes of its line, written `sha256:` and 64 lower-case hex digits.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};
use sha2::{Digest, Sha256};
use thiserror::Error;

const PREFIX: &str = "sha256:";

/// SHA-256 of a line of the log, without its newline.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, std::hash::Hash)]
pub struct RecordHash([u8; 32]);

/// Not `sha256:` and 64 lower-case hex digits.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("not a hash of the form sha256:<64 lower-case hex digits>")]
pub struct NotAHash;

impl RecordHash {
    /// What the first record of a log names as the hash before it.
    pub const ZERO: RecordHash = RecordHash([0; 32]);

    /// The hash of these bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> RecordHash {
        RecordHash(Sha256::digest(bytes).into())
    }

    /// The 64 hex digits, without `sha256:`.
    #[must_use]
    pub fn hex(&self) -> String {
        let mut digits = Vec::with_capacity(64);
        self.push_hex(&mut digits);
        digits.into_iter().map(char::from).collect()
    }

    /// Appends the 64 hex digits; the writer's hot path, so without `fmt`.
    pub(super) fn push_hex(&self, out: &mut Vec<u8>) {
        for byte in self.0 {
            out.push(digit(byte >> 4));
            out.push(digit(byte & 15));
        }
    }
}

fn digit(nibble: u8) -> u8 {
    if nibble < 10 { b'0' + nibble } else { b'a' + (nibble - 10) }
}

impl FromStr for RecordHash {
    type Err = NotAHash;

    fn from_str(text: &str) -> Result<RecordHash, NotAHash> {
        let digits = text.strip_prefix(PREFIX).ok_or(NotAHash)?.as_bytes();
        let (pairs, rest) = digits.as_chunks::<2>();
        let mut bytes = [0; 32];
        if pairs.len() != bytes.len() || !rest.is_empty() {
            return Err(NotAHash);
        }
        for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
            *byte = (nibble(*high)? << 4) | nibble(*low)?;
        }
        Ok(RecordHash(bytes))
    }
}

fn nibble(digit: u8) -> Result<u8, NotAHash> {
    match digit {
        b'0'..=b'9' => Ok(digit - b'0'),
        b'a'..=b'f' => Ok(digit - b'a' + 10),
        _ => Err(NotAHash),
    }
}

impl fmt::Display for RecordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}", self.hex())
    }
}

impl fmt::Debug for RecordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for RecordHash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_reads_back_as_it_was_written() {
        let hash = RecordHash::of(b"abc");
        let text = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(hash.to_string(), text);
        assert_eq!(text.parse(), Ok(hash));
    }

    #[test]
    fn what_is_not_exactly_a_hash_is_refused() {
        let good = RecordHash::of(b"abc").to_string();
        let upper = good.replace("sha256:b", "sha256:B");
        for text in
            ["", "sha256:", good.trim_start_matches("sha256:"), &good[..70], &format!("{good}0"), &upper]
        {
            assert_eq!(text.parse::<RecordHash>(), Err(NotAHash), "{text}");
        }
    }
}
