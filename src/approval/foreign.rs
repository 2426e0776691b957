//! Text that came from somebody else, on its way to a person's eyes or out of a person's keyboard.

/// Characters that are not seen but change what is seen, or how text compares: controls, zero-width, bidirectional
/// marks and overrides, variation selectors, tags, and the placeholder that Signal puts where a mention stands.
pub fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{00ad}' | '\u{034f}' | '\u{061c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffc}'
            | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// Foreign text as a person will see it: one line, in quotation marks, cut with a visible count of what is missing,
/// and marked when it holds anything but plain ASCII.
pub(super) fn quoted(text: &str, limit: usize) -> String {
    let seen = one_line(text);
    let total = seen.chars().count();
    let kept: String = seen.chars().take(limit).collect();
    let more = match total.saturating_sub(limit) {
        0 => String::new(),
        more => format!("… (+{more} more characters)"),
    };
    let warning = if is_unusual(text) { " ⚠ unusual characters" } else { "" };
    format!("\"{kept}{more}\"{warning}")
}

/// Whether the text holds anything that a reader could take for something else.
pub(super) fn is_unusual(text: &str) -> bool {
    text.chars().any(|c| !c.is_ascii() || (is_invisible(c) && !c.is_whitespace()))
}

/// The visible characters on one line. A quotation mark becomes an apostrophe, so that text cannot end its own quotation.
fn one_line(text: &str) -> String {
    let spaced: String = text
        .chars()
        .map(|c| if c.is_whitespace() || matches!(c, '\u{2028}' | '\u{2029}') { ' ' } else { c })
        .filter(|c| !is_invisible(*c))
        .map(|c| if is_quotation_mark(c) { '\'' } else { c })
        .collect();
    spaced.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

fn is_quotation_mark(c: char) -> bool {
    matches!(c, '"' | '\u{201c}'..='\u{201f}' | '\u{2033}' | '\u{275d}' | '\u{275e}' | '\u{301d}'..='\u{301f}' | '\u{ff02}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_text_is_quoted_as_it_is() {
        assert_eq!(quoted("weekly cleanup", 200), "\"weekly cleanup\"");
    }

    #[test]
    fn a_second_line_cannot_be_forged() {
        assert_eq!(
            quoted("fine\"\r\n  rule: anything goes\nneeds 0", 200),
            "\"fine' rule: anything goes needs 0\""
        );
    }

    #[test]
    fn hidden_and_reversing_characters_are_removed_and_told() {
        assert_eq!(
            quoted("de\u{200b}stroy \u{202e}gnihton", 200),
            "\"destroy gnihton\" ⚠ unusual characters"
        );
    }

    #[test]
    fn look_alike_letters_are_told() {
        assert_eq!(quoted("wееkly", 200), "\"wееkly\" ⚠ unusual characters");
    }

    #[test]
    fn what_was_cut_is_counted() {
        assert_eq!(quoted(&"x".repeat(250), 200), format!("\"{}… (+50 more characters)\"", "x".repeat(200)));
    }
}
