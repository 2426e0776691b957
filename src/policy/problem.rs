//! What is wrong with a policy file, shown where it is.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One thing that is wrong in a policy, with its place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Problem {
    /// The file's name.
    pub file: String,
    /// Where in it, when that is known.
    pub place: Option<Place>,
    /// What is wrong.
    pub message: String,
}

/// A place in a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// The line, from 1.
    pub line: usize,
    /// The character in the line, from 1.
    pub column: usize,
    /// How many characters it spans, at least 1.
    pub width: usize,
    /// The line's text.
    pub text: String,
}

impl Problem {
    /// Something wrong with a file as a whole.
    pub(super) fn in_file(file: &str, message: impl Into<String>) -> Self {
        Self { file: file.to_owned(), place: None, message: message.into() }
    }
}

impl fmt::Display for Problem {
    /// `policy.star:3:5: message`, and below it the line with carets under what is meant.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(place) = &self.place else { return write!(f, "{}: {}", self.file, self.message) };
        writeln!(f, "{}:{}:{}: {}", self.file, place.line, place.column, self.message)?;
        let number = place.line.to_string();
        writeln!(f, "  {number} | {}", place.text)?;
        // Tabs stay tabs, so that the caret stands where the terminal puts the text.
        let before = place.text.chars().take(place.column.saturating_sub(1));
        let indent: String = before.map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
        let gutter = " ".repeat(number.len());
        write!(f, "  {gutter} | {indent}{}", "^".repeat(place.width.max(1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_shown_with_its_line_and_a_caret() {
        let place = Place { line: 12, column: 5, width: 3, text: "    foo(1)".to_owned() };
        let problem = Problem {
            file: "policy.star".to_owned(),
            place: Some(place),
            message: "no such name".to_owned(),
        };
        assert_eq!(problem.to_string(), "policy.star:12:5: no such name\n  12 |     foo(1)\n     |     ^^^");
        assert_eq!(Problem::in_file("policy.star", "is empty").to_string(), "policy.star: is empty");
    }
}
