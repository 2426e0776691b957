//! The one-use token that a person sends back: 80 random bits, shown to people only, kept only as a hash.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::sys::random;

/// Crockford's base32: no I, L, O (read as digits) and no U.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const SYMBOLS: usize = 16;
const RANDOM_BYTES: usize = SYMBOLS * 5 / 8;
const GROUP: usize = 4;

/// A token in the clear. It exists from its making to its prompt, and from a person's reply to its comparison.
///
/// It has no `Debug`, `Display` or `Serialize`: what cannot be printed does not reach a log.
///
/// ```compile_fail,E0277
/// fn printed(it: impl std::fmt::Debug) {}
/// printed(reeve::approval::token::Token::generate().unwrap());
/// ```
/// ```compile_fail,E0277
/// fn printed(it: impl std::fmt::Display) {}
/// printed(reeve::approval::token::Token::generate().unwrap());
/// ```
#[derive(ZeroizeOnDrop)]
pub struct Token {
    symbols: [u8; SYMBOLS],
}

/// The text is not sixteen symbols of the alphabet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a token is sixteen letters and digits")]
pub struct NotAToken;

impl Token {
    /// A new token from the kernel's random generator.
    pub fn generate() -> Result<Self, std::io::Error> {
        let mut bytes = [0_u8; RANDOM_BYTES];
        random::fill(&mut bytes)?;
        let mut bits = bytes.iter().fold(0_u128, |bits, byte| (bits << 8) | u128::from(*byte));
        bytes.zeroize();
        let mut symbols = [0_u8; SYMBOLS];
        for symbol in &mut symbols {
            *symbol = ALPHABET.get((bits & 31) as usize).copied().unwrap_or(b'0');
            bits >>= 5;
        }
        Ok(Self { symbols })
    }

    /// Reads what a person typed. Case, blanks, dashes, O for 0 and I or L for 1 are forgiven, nothing else.
    pub fn parse(text: &str) -> Result<Self, NotAToken> {
        let mut token = Self { symbols: [0; SYMBOLS] };
        let mut places = token.symbols.iter_mut();
        for symbol in text.chars().filter(|c| !is_separator(*c)) {
            *places.next().ok_or(NotAToken)? = canonical(symbol)?;
        }
        match places.next() {
            Some(_) => Err(NotAToken),
            None => Ok(token),
        }
    }

    /// What is stored, and the only thing that may be logged.
    pub fn hash(&self) -> TokenHash {
        TokenHash(Sha256::digest(self.symbols).into())
    }

    /// The token as people read it. Only the prompt's renderer may ask.
    pub(super) fn reveal(&self) -> Zeroizing<String> {
        let mut shown = Zeroizing::new(String::with_capacity(SYMBOLS + SYMBOLS / GROUP));
        for (place, symbol) in self.symbols.iter().enumerate() {
            if place > 0 && place % GROUP == 0 {
                shown.push('-');
            }
            shown.push(char::from(*symbol));
        }
        shown
    }
}

/// The part of a text that could be a token, up to its sixteenth symbol, and what follows.
pub(super) fn lead(text: &str) -> (&str, &str) {
    let symbols = text.char_indices().filter(|(_, c)| !is_separator(*c));
    let end = symbols.skip(SYMBOLS - 1).map(|(at, c)| at + c.len_utf8()).next().unwrap_or(text.len());
    text.split_at(end)
}

/// Phones turn hyphens into typographic dashes, so those count as dashes too.
fn is_separator(c: char) -> bool {
    c.is_whitespace() || matches!(c, '-' | '\u{2010}'..='\u{2015}' | '\u{2212}')
}

fn canonical(symbol: char) -> Result<u8, NotAToken> {
    let upper = symbol.to_ascii_uppercase();
    let read = match upper {
        'O' => '0',
        'I' | 'L' => '1',
        other => other,
    };
    let byte = u8::try_from(read).map_err(|_| NotAToken)?;
    if ALPHABET.contains(&byte) { Ok(byte) } else { Err(NotAToken) }
}

/// SHA-256 of a token: what the state file and the audit log hold.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TokenHash([u8; 32]);

impl TokenHash {
    /// Whether `candidate` is the token that was hashed, in constant time.
    pub fn matches(&self, candidate: &Token) -> bool {
        self.0.ct_eq(&candidate.hash().0).into()
    }
}

impl fmt::Display for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TokenHash({self})")
    }
}

impl Serialize for TokenHash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for TokenHash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        read_hex(&text)
            .map(Self)
            .ok_or_else(|| serde::de::Error::custom("a token hash is 64 hexadecimal digits"))
    }
}

fn read_hex(text: &str) -> Option<[u8; 32]> {
    let digits: Vec<u8> =
        text.chars().map(|c| c.to_digit(16).and_then(|d| u8::try_from(d).ok())).collect::<Option<_>>()?;
    let bytes: Vec<u8> =
        digits.chunks_exact(2).filter_map(|pair| Some((pair.first()? << 4) | pair.get(1)?)).collect();
    if digits.len() == 64 { bytes.try_into().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn token(text: &str) -> Token {
        Token::parse(text).unwrap_or_else(|_| panic!("{text} should be a token"))
    }

    #[test]
    fn a_token_is_shown_in_four_groups_and_reads_back() {
        let made = Token::generate().unwrap();
        let shown = made.reveal();
        assert_eq!(shown.len(), 19);
        assert_eq!(shown.split('-').map(str::len).collect::<Vec<_>>(), [4, 4, 4, 4]);
        assert!(made.hash().matches(&token(&shown)));
    }

    #[test]
    fn two_tokens_differ() {
        assert_ne!(Token::generate().unwrap().hash(), Token::generate().unwrap().hash());
    }

    #[test]
    fn case_blanks_dashes_and_look_alikes_are_forgiven() {
        let meant = token("K7QF-92M4-0XTR-1B3D").hash();
        for typed in
            ["k7qf92m4oxtrlb3d", " K7QF 92M4 OXTR IB3D ", "k7qf—92m4‑0xtr–ib3d", "K 7 Q F-92M4--0XTR1B3D\n"]
        {
            assert!(meant.matches(&token(typed)), "{typed}");
        }
    }

    #[test]
    fn nothing_else_is_forgiven() {
        for typed in [
            "",
            "K7QF-92M4-0XTR-1B3",
            "K7QF-92M4-0XTR-1B3D0",
            "U7QF-92M4-0XTR-1B3D",
            "K7QF.92M4.0XTR.1B3D",
            "К7QF-92M4-0XTR-1B3D",
            "＊7QF-92M4-0XTR-1B3D",
        ] {
            assert!(Token::parse(typed).is_err(), "{typed}");
        }
    }

    #[test]
    fn a_hash_is_written_as_hex_and_reads_back() {
        let hash = token("K7QF-92M4-0XTR-8B3D").hash();
        let written = serde_json::to_string(&hash).unwrap();
        assert_eq!(written.len(), 66);
        assert_eq!(serde_json::from_str::<TokenHash>(&written).unwrap(), hash);
        assert!(serde_json::from_str::<TokenHash>("\"zz\"").is_err());
        assert!(!format!("{hash:?}").contains("K7QF"));
    }

    proptest! {
        #[test]
        fn whatever_parses_is_made_of_the_same_sixteen_symbols(text in "[0-9A-Za-z \\-uUé–]{0,24}") {
            let folded: String = text.chars().filter(|c| !is_separator(*c))
                .map(|c| match c.to_ascii_uppercase() { 'O' => '0', 'I' | 'L' => '1', other => other }).collect();
            let accepted = folded.len() == 16 && folded.bytes().all(|b| ALPHABET.contains(&b));
            let parsed = Token::parse(&text);
            prop_assert_eq!(parsed.is_ok(), accepted);
            if let Ok(token) = parsed {
                prop_assert_eq!(token.reveal().replace('-', ""), folded);
            }
        }

        #[test]
        fn one_changed_symbol_never_matches(place in 0_usize..16, other in 0_usize..32) {
            let made = token("K7QF92M40XTR8B3D");
            let mut symbols = *b"K7QF92M40XTR8B3D";
            let changed = symbols[place] != ALPHABET[other];
            symbols[place] = ALPHABET[other];
            let candidate = token(std::str::from_utf8(&symbols).unwrap());
            prop_assert_eq!(made.hash().matches(&candidate), !changed);
        }
    }
}
