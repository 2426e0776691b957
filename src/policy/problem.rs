//! What is wrong with a policy file, shown where it is.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::config::excerpt::Excerpt;

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
    /// What would put it right, when that can be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
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
        Self { file: file.to_owned(), place: None, message: message.into(), help: None }
    }

    /// With what would put it right.
    #[must_use]
    pub(super) fn help(self, help: impl Into<String>) -> Self {
        Self { help: Some(help.into()), ..self }
    }
}

impl fmt::Display for Problem {
    /// `policy.star:3:5: message`, below it the line with carets under what is meant, and then what to do about it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let help = self.help.as_deref();
        let Some(place) = &self.place else {
            write!(f, "{}: {}", self.file, self.message)?;
            return help.map_or(Ok(()), |help| write!(f, "\n  = help: {help}"));
        };
        write!(f, "{}:{}:{}: {}", self.file, place.line, place.column, self.message)?;
        let Place { line, column, width, text } = place;
        Excerpt { line: *line, column: *column, width: *width, text }.write(f, help)
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
            help: None,
        };
        let shown = "policy.star:12:5: no such name\n  12 |     foo(1)\n     |     ^^^";
        assert_eq!(problem.to_string(), shown);
        assert_eq!(problem.help("write bar").to_string(), format!("{shown}\n     = help: write bar"));
        let empty = Problem::in_file("policy.star", "is empty");
        assert_eq!(empty.to_string(), "policy.star: is empty");
        assert_eq!(empty.help("write one").to_string(), "policy.star: is empty\n  = help: write one");
    }
}
