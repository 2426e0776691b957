//! Text that somebody else wrote, on its way into an answer.

use serde_json::Value;

/// The same answer, in which every text is harmless.
pub(super) fn all_harmless(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(harmless(&text)),
        Value::Array(items) => items.into_iter().map(all_harmless).collect(),
        Value::Object(map) => map.into_iter().map(|(key, value)| (key, all_harmless(value))).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) => value,
    }
}

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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn whatever_depth_a_text_lies_in_it_steers_nothing() {
        let foreign = json!({"a": [{"b": "\u{9b}31m red\u{202e}\tx\ny"}, 1, null, true], "c": "plain ä"});
        let shown = json!({"a": [{"b": "\\u{9b}31m red\\u{202e}\tx\ny"}, 1, null, true], "c": "plain ä"});
        assert_eq!(all_harmless(foreign), shown);
    }
}
