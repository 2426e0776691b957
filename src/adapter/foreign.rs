//! Text that somebody else wrote, on its way into an answer.

/// The same text, in which nothing steers a reader's terminal or hides what stands beside it: whoever may write into the
/// journal, or makes a commit, chooses it. Ends of lines and tabs stay.
pub(super) fn harmless(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        let is_line_end = matches!(character, '\n' | '\t');
        if (character.is_control() && !is_line_end) || is_formatting(character) {
            shown.extend(character.escape_unicode());
        } else {
            shown.push(character);
        }
    }
    shown
}

fn is_formatting(character: char) -> bool {
    matches!(character,
        '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}
