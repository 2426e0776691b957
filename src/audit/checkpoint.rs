//! Where the log stood, in a form that fits a message to people and can be typed back months later.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};
use thiserror::Error;

use super::hash::RecordHash;
use super::record::Receipt;

/// 64 bits: nobody can make a record whose hash begins like this one and who already holds the message.
const SHORTEST: usize = 16;

/// How a message to people names where the log stands: `log 48213 · 9f86d081884c7d65`.
#[must_use]
pub fn checkpoint_line(receipt: &Receipt) -> String {
    let hex = receipt.hash.hex();
    format!("log {} · {}", receipt.seq, hex.get(..SHORTEST).unwrap_or(&hex))
}

/// A record somebody remembers from outside the host: its number and at least the first 16 digits of its hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    seq: u64,
    prefix: String,
}

/// Not `SEQ:HASH` with 16 to 64 hex digits.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("a checkpoint is SEQ:HASH, with at least the first {SHORTEST} hex digits of the hash")]
pub struct NotACheckpoint;

impl Checkpoint {
    /// The number of the record.
    #[must_use]
    pub fn seq(&self) -> u64 {
        self.seq
    }

    /// Whether a record with this hash can be the one that was remembered.
    #[must_use]
    pub fn agrees_with(&self, hash: &RecordHash) -> bool {
        hash.hex().starts_with(&self.prefix)
    }
}

impl From<Receipt> for Checkpoint {
    fn from(receipt: Receipt) -> Checkpoint {
        Checkpoint { seq: receipt.seq, prefix: receipt.hash.hex() }
    }
}

impl FromStr for Checkpoint {
    type Err = NotACheckpoint;

    fn from_str(text: &str) -> Result<Checkpoint, NotACheckpoint> {
        let (seq, hash) = text.split_once(':').ok_or(NotACheckpoint)?;
        let digits = hash.strip_prefix("sha256:").unwrap_or(hash).to_ascii_lowercase();
        let known_length = (SHORTEST..=64).contains(&digits.len());
        if !known_length || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) || seq.starts_with('+') {
            return Err(NotACheckpoint);
        }
        match seq.parse() {
            Ok(0) | Err(_) => Err(NotACheckpoint),
            Ok(seq) => Ok(Checkpoint { seq, prefix: digits }),
        }
    }
}

impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.seq, self.prefix)
    }
}

impl Serialize for Checkpoint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn receipt() -> Receipt {
        Receipt { seq: 48213, hash: RecordHash::of(b"abc") }
    }

    #[test]
    fn the_line_in_a_message_is_short_and_can_be_typed_back() {
        assert_eq!(checkpoint_line(&receipt()), "log 48213 · ba7816bf8f01cfea");
        let checkpoint: Checkpoint = "48213:BA7816bf8f01cfea".parse().unwrap();
        assert_eq!(checkpoint.seq(), 48213);
        assert!(checkpoint.agrees_with(&receipt().hash));
        assert!(!checkpoint.agrees_with(&RecordHash::of(b"abd")));
    }

    #[test]
    fn a_whole_hash_is_a_checkpoint_too() {
        let text = format!("48213:{}", receipt().hash);
        assert_eq!(text.parse(), Ok(Checkpoint::from(receipt())));
    }

    #[test]
    fn too_few_digits_and_what_is_no_number_are_refused() {
        for text in [
            "",
            "48213",
            "48213:ba7816bf8f01cfe",
            "0:ba7816bf8f01cfea",
            "+1:ba7816bf8f01cfea",
            "1:ba7816bf8f01cfeg",
        ] {
            assert_eq!(text.parse::<Checkpoint>(), Err(NotACheckpoint), "{text}");
        }
    }
}
