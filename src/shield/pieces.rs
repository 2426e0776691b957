//! Texts in pieces that Azure takes, of which none of their letters is left out.

use serde_json::Value;

/// Azure takes 10 000 characters. UTF-16 units are counted, of which a character has one or two, so that however Azure counts it is not more.
const LONGEST: usize = 10_000;
/// So much of a piece stands in the one before it, too: an attack that is not longer is never cut in two.
const OVERLAP: usize = 1_000;

/// Whether the keys of a value are somebody's words, or ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keys {
    /// They are looked at.
    Theirs,
    /// They say nothing.
    Ours,
}

/// Every text in a value, one behind the other.
pub(super) fn text_of(value: &Value, keys: Keys) -> String {
    let mut text = String::new();
    gather(value, keys, &mut text);
    text
}

fn gather(value: &Value, keys: Keys, text: &mut String) {
    match value {
        Value::String(found) => add(found, text),
        Value::Array(items) => items.iter().for_each(|item| gather(item, keys, text)),
        Value::Object(fields) => {
            for (key, value) in fields {
                if keys == Keys::Theirs {
                    add(key, text);
                }
                gather(value, keys, text);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn add(found: &str, text: &mut String) {
    if found.is_empty() {
        return;
    }
    if !text.is_empty() {
        text.push('\n');
    }
    text.push_str(found);
}

/// The pieces of a text, in order. They overlap, and there is at least one.
pub(super) fn pieces(text: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut rest = text;
    loop {
        let (piece, behind) = rest.split_at(end_of(rest, LONGEST));
        pieces.push(piece);
        if behind.is_empty() {
            return pieces;
        }
        // From the front, so that what is left gets shorter whatever the letters are.
        rest = rest.split_at(end_of(rest, LONGEST - OVERLAP)).1;
    }
}

/// Behind the last letter that is within so many units.
fn end_of(text: &str, units: usize) -> usize {
    let mut left = units;
    for (at, letter) in text.char_indices() {
        match left.checked_sub(letter.len_utf16()) {
            Some(fewer) => left = fewer,
            None => return at,
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn every_text_of_a_value_is_in_it_and_keys_where_they_are_somebodys() {
        let value = json!({"a": ["one", {"b": "two"}], "n": 7, "none": null, "empty": ""});
        assert_eq!(text_of(&value, Keys::Ours), "one\ntwo");
        assert_eq!(text_of(&value, Keys::Theirs), "a\none\nb\ntwo\nempty\nn\nnone");
    }

    #[test]
    fn a_text_that_is_taken_whole_is_one_piece() {
        assert_eq!(pieces("short"), ["short"]);
        assert_eq!(pieces(&"x".repeat(LONGEST)).len(), 1);
        assert_eq!(pieces(&"x".repeat(LONGEST + 1)).len(), 2);
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]
        #[test]
        fn pieces_leave_no_letter_out_are_never_too_long_and_cut_nothing_short_in_two(
            words in proptest::collection::vec("[a-zäж漢😀\u{200b} ]{0,4000}", 0..12),
            at in 0.0..1.0_f64,
        ) {
            let text: String = words.concat();
            let pieces = pieces(&text);
            // Each begins before the one before it ends, and the last ends with the text.
            let base = text.as_ptr().addr();
            let mut seen = 0;
            for piece in &pieces {
                let begins = piece.as_ptr().addr() - base;
                prop_assert!(begins <= seen);
                seen = begins + piece.len();
                prop_assert!(piece.encode_utf16().count() <= LONGEST);
            }
            prop_assert_eq!(seen, text.len());
            // Whatever is shorter than what two pieces share stands in one of them whole.
            let letters: Vec<char> = text.chars().collect();
            let from = (letters.len() as f64 * at) as usize;
            let short: String = letters.iter().skip(from).take(OVERLAP / 2).collect();
            prop_assert!(pieces.iter().any(|piece| piece.contains(&short)));
        }
    }
}
