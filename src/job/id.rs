//! Ids that sort by time: a prefix, ten characters of milliseconds and sixteen of randomness, in Crockford's base32 as a ULID has them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// A new id: `op_01JD…`. `random` is 80 bits that nobody can guess.
pub fn new_id(prefix: &str, now: SystemTime, random: [u8; 10]) -> String {
    let millis = now.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO).as_millis();
    let mut bits = (millis & 0xffff_ffff_ffff) << 80;
    bits |= random.iter().fold(0u128, |bits, byte| (bits << 8) | u128::from(*byte));
    let digits = (0..26).rev().map(|place| digit(bits >> (place * 5)));
    format!("{prefix}_{}", digits.collect::<String>())
}

fn digit(bits: u128) -> char {
    let place = usize::try_from(bits & 31).unwrap_or_default();
    ALPHABET.get(place).map_or('0', |byte| char::from(*byte))
}

/// Whether a text has the form of an id with that prefix, so that nothing else reaches the store.
pub fn is_id(prefix: &str, text: &str) -> bool {
    let digits = text.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('_'));
    digits.is_some_and(|digits| digits.len() == 26 && digits.bytes().all(|byte| ALPHABET.contains(&byte)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_sort_by_time_and_then_differ() {
        let at = |millis| UNIX_EPOCH + Duration::from_millis(millis);
        let earlier = new_id("op", at(1_000), [255; 10]);
        let later = new_id("op", at(1_001), [0; 10]);
        assert!(earlier < later);
        assert_ne!(new_id("op", at(5), [1; 10]), new_id("op", at(5), [2; 10]));
        assert_eq!(later, "op_00000000Z90000000000000000");
        assert!(is_id("op", &later) && !is_id("ap", &later));
        assert!(!is_id("op", "op_../../etc/passwd") && !is_id("op", "op_"));
    }
}
