//! A checkpoint as somebody pastes it out of a chat: with the rest of the message around it, lines broken or joined, blanks
//! of other kinds, another dash, marks of a quotation, characters that nobody sees.
//!
//! Only the words are taken from it. The note is put together anew from them, and the signature is over that: so
//! nothing that is forgiven here is anything that the signature would have to cover.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use thiserror::Error;

use super::key::ID;
use super::{Cosignature, Signature, SignedCheckpoint};
use crate::audit::tree::NodeHash;

/// How many characters a root has, and a signature with its key's id.
const ROOT: usize = 44;
const SIGNED: usize = 92;
/// How many a cosignature has, with its key's id and its time.
const COSIGNED: usize = 104;

/// There is no checkpoint in the text.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error(
    "there is no whole checkpoint in this text: want the name, the number, the root and the line with the signature, as the message has them"
)]
pub struct NoCheckpoint;

/// The first whole checkpoint among the words of a text.
pub(super) fn find(text: &str) -> Result<SignedCheckpoint, NoCheckpoint> {
    let visible: String = text.chars().filter(|character| !is_unseen(*character)).collect();
    let words: Vec<&str> = visible.split_whitespace().filter(|word| !is_mark(word)).collect();
    (0..words.len()).find_map(|at| read(words.get(at..)?)).ok_or(NoCheckpoint)
}

fn read(words: &[&str]) -> Option<SignedCheckpoint> {
    let (origin, words) = words.split_first()?;
    let (number, words) = words.split_first()?;
    let is_plain = !number.starts_with('0') && number.bytes().all(|digit| digit.is_ascii_digit());
    let size = number.parse().ok().filter(|_| is_plain)?;
    let (root, words) = joined(words, ROOT)?;
    let (again, words) = words.split_first()?;
    let (signed, words) = joined(words, SIGNED)?;
    let signed = STANDARD.decode(signed).ok()?;
    let (key, bytes) = signed.split_first_chunk::<ID>()?;
    let signature = Signature { key: *key, bytes: bytes.to_vec() };
    let root = NodeHash::from_base64(&root)?;
    // A dash that a phone has joined to the name.
    let again = again.trim_start_matches(is_dash);
    let (mut cosignatures, mut rest) = (Vec::new(), words);
    while let Some((word, behind)) = cosignature(rest) {
        cosignatures.push(word);
        rest = behind;
    }
    let origin = (*origin == again).then(|| again.to_owned())?;
    Some(SignedCheckpoint { origin, size, root, signature, cosignatures })
}

/// What a witness says, right behind what the log says.
fn cosignature<'a>(words: &'a [&'a str]) -> Option<(Cosignature, &'a [&'a str])> {
    let (name, words) = words.split_first()?;
    let (signed, words) = joined(words, COSIGNED)?;
    Some((Cosignature::from_parts(name.trim_start_matches(is_dash), &signed)?, words))
}

/// Words joined to so many characters: a line that was broken in two.
fn joined<'a>(words: &'a [&'a str], wanted: usize) -> Option<(String, &'a [&'a str])> {
    let mut text = String::new();
    for (at, word) in words.iter().enumerate() {
        text.push_str(word);
        if text.len() >= wanted {
            return (text.len() == wanted).then(|| (text, words.get(at + 1..).unwrap_or_default()));
        }
    }
    None
}

/// A word that is no part of a note: a dash, a bullet, the mark of a quotation.
fn is_mark(word: &str) -> bool {
    word.chars().all(|character| is_dash(character) || matches!(character, '>' | '|' | '•' | '*' | '·' | '`'))
}

fn is_dash(character: char) -> bool {
    matches!(character, '-' | '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{fe58}' | '\u{ff0d}')
}

/// Zero-width characters, marks of direction, variation selectors, soft hyphens.
fn is_unseen(character: char) -> bool {
    matches!(
        character,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{fffc}'
    )
}
