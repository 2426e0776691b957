//! A text as a reader takes it in: letters that look alike are one letter, what cannot be seen is not there, and what stands between
//! words is one space. Each byte knows where in the text it comes from.

use unicode_normalization::char::{decompose_compatible, is_combining_mark};

/// A folded text: lower-case letters of ASCII and single spaces.
#[derive(Debug, Default)]
pub(super) struct Folded {
    pub(super) text: String,
    /// For each byte, where the character that it stands for begins and ends.
    places: Vec<(u32, u32)>,
}

impl Folded {
    pub(super) fn of(text: &str) -> Self {
        let mut folded =
            Self { text: String::with_capacity(text.len()), places: Vec::with_capacity(text.len()) };
        for (start, c) in text.char_indices() {
            let place = (narrow(start), narrow(start + c.len_utf8()));
            if c.is_ascii() {
                folded.push(c, place);
            } else if !is_unseen(c) {
                decompose_compatible(c, |part| {
                    if !is_combining_mark(part) && !is_unseen(part) {
                        folded.push(twin(part).unwrap_or(part), place);
                    }
                });
            }
        }
        folded
    }

    /// The same without spaces, for words that are spelt out or run together.
    pub(super) fn squashed(&self) -> Self {
        let kept = self.text.bytes().zip(&self.places).filter(|(byte, _)| *byte != b' ');
        let (text, places): (Vec<u8>, Vec<(u32, u32)>) = kept.map(|(byte, place)| (byte, *place)).unzip();
        Self { text: String::from_utf8(text).unwrap_or_default(), places }
    }

    /// Where in the text these bytes come from.
    pub(super) fn place(&self, start: usize, end: usize) -> (usize, usize) {
        let at = |index: usize| self.places.get(index).copied().unwrap_or_default();
        (wide(at(start).0), wide(at(end.saturating_sub(1)).1))
    }

    fn push(&mut self, c: char, place: (u32, u32)) {
        let letter = match c {
            'a'..='z' => c,
            'A'..='Z' => c.to_ascii_lowercase(),
            // What stands for a letter among people who do not want to be read.
            '0' => 'o',
            '1' => 'i',
            '3' => 'e',
            '4' | '@' => 'a',
            '5' | '$' => 's',
            '7' => 't',
            // An apostrophe belongs to its word.
            '\'' | '’' => return,
            c if c.is_alphanumeric() => 'x',
            _ => ' ',
        };
        if letter == ' ' && self.text.ends_with(' ') {
            return;
        }
        self.text.push(letter);
        self.places.push(place);
    }
}

/// Whether a character takes no place on a screen.
pub(super) const fn is_unseen(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{e0000}'..='\u{e0fff}')
}

/// The letter of ASCII that a letter of another alphabet looks like.
pub(super) const fn twin(c: char) -> Option<char> {
    Some(match c {
        'а' | 'А' | 'Α' | 'ɑ' => 'a',
        'В' | 'Β' | 'Ь' | 'ь' => 'b',
        'с' | 'С' | 'ϲ' => 'c',
        'ԁ' => 'd',
        'е' | 'Е' | 'Ε' | 'ё' | 'є' => 'e',
        'ɡ' => 'g',
        'һ' | 'Н' | 'Η' | 'հ' => 'h',
        'і' | 'І' | 'Ι' | 'ι' | 'ı' | 'ӏ' | 'Ӏ' => 'i',
        'ј' | 'Ј' => 'j',
        'К' | 'к' | 'Κ' | 'κ' => 'k',
        'М' | 'Μ' => 'm',
        'Ν' | 'ո' => 'n',
        'о' | 'О' | 'Ο' | 'ο' | 'օ' => 'o',
        'р' | 'Р' | 'Ρ' | 'ρ' => 'p',
        'ԛ' => 'q',
        'ѕ' | 'Ѕ' => 's',
        'Т' | 'т' | 'Τ' | 'τ' => 't',
        'υ' | 'ս' => 'u',
        'ν' | 'ѵ' => 'v',
        'ԝ' | 'ѡ' => 'w',
        'х' | 'Х' | 'Χ' | 'χ' => 'x',
        'у' | 'У' | 'Υ' | 'γ' => 'y',
        'Ζ' => 'z',
        _ => return None,
    })
}

fn narrow(place: usize) -> u32 {
    u32::try_from(place).unwrap_or(u32::MAX)
}

fn wide(place: u32) -> usize {
    usize::try_from(place).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_the_same_is_the_same_and_knows_where_it_was() {
        for text in [
            "Ignore all",
            "ＩＧＮＯＲＥ　ＡＬＬ",
            "іgnоrе аll",
            "ig\u{200b}no\u{ad}re a\u{2060}ll",
            "1gn0r3 4ll",
            "ígnòre — äll",
            "ignore...\n\tall",
            "𝐢𝐠𝐧𝐨𝐫𝐞 𝒂𝒍𝒍",
        ] {
            let folded = Folded::of(text);
            assert_eq!(folded.text, "ignore all", "{text:?}");
            assert_eq!(folded.place(0, 10), (0, text.len()), "{text:?}");
        }
        let spelt = Folded::of("i g n o r e").squashed();
        assert_eq!((spelt.text.as_str(), spelt.place(1, 3)), ("ignore", (2, 5)));
    }
}
