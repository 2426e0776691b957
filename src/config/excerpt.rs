//! A line of a file with carets under what is meant, and below it what to do about it, as rustc shows them.

use std::fmt;

/// How much of a long line is shown, and how much of that before what is meant.
const LONGEST: usize = 160;
const BEFORE: usize = 60;

/// Where in a line something is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Excerpt<'a> {
    /// The line's number, from 1.
    pub line: usize,
    /// The character in the line, from 1.
    pub column: usize,
    /// How many characters are meant, at least 1.
    pub width: usize,
    /// The line's text.
    pub text: &'a str,
}

impl Excerpt<'_> {
    /// Writes `  12 | the line`, carets below it, and `= help: …` where there is any help.
    ///
    /// # Errors
    /// As the formatter.
    pub fn write(&self, f: &mut fmt::Formatter<'_>, help: Option<&str>) -> fmt::Result {
        let number = self.line.to_string();
        let gutter = " ".repeat(number.len());
        let (text, column) = self.shown();
        let length = text.chars().count();
        let width = self.width.clamp(1, (length + 1).saturating_sub(column).max(1));
        writeln!(f, "\n  {number} | {text}")?;
        write!(f, "  {gutter} | {}{}", " ".repeat(column.saturating_sub(1)), "^".repeat(width))?;
        help.map_or(Ok(()), |help| write!(f, "\n  {gutter} = help: {help}"))
    }

    /// The part of the line that is shown, and where in it the place is. Each character takes one column.
    fn shown(&self) -> (String, usize) {
        let plain = |c: char| if c.is_control() { ' ' } else { c };
        let count = self.text.chars().count();
        // Whoever made the excerpt may have cut the line before the place in it.
        let column = self.column.min(count + 1);
        if count <= LONGEST {
            return (self.text.chars().map(plain).collect(), column);
        }
        let skipped = column.saturating_sub(BEFORE + 1).min(count - LONGEST);
        let mut text: String = self.text.chars().skip(skipped).take(LONGEST).map(plain).collect();
        if skipped + LONGEST < count {
            text.push('…');
        }
        if skipped == 0 {
            return (text, column);
        }
        (format!("…{text}"), column - skipped + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Shown<'a>(Excerpt<'a>, Option<&'a str>);

    impl fmt::Display for Shown<'_> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            self.0.write(f, self.1)
        }
    }

    fn shown(column: usize, width: usize, text: &str) -> String {
        Shown(Excerpt { line: 7, column, width, text }, None).to_string()
    }

    #[test]
    fn what_is_meant_has_carets_below_it_and_help_below_them() {
        assert_eq!(shown(5, 3, "a = foo"), "\n  7 | a = foo\n    |     ^^^");
        let excerpt = Excerpt { line: 12, column: 1, width: 1, text: "x" };
        assert_eq!(Shown(excerpt, Some("write y")).to_string(), "\n  12 | x\n     | ^\n     = help: write y");
    }

    #[test]
    fn carets_end_with_their_line_and_a_tab_or_an_escape_moves_none() {
        assert_eq!(shown(3, 90, "a = 1"), "\n  7 | a = 1\n    |   ^^^");
        assert_eq!(shown(6, 4, "a = 1"), "\n  7 | a = 1\n    |      ^", "behind the end");
        assert_eq!(shown(2, 1, "\tb\u{1b}[2J"), "\n  7 |  b [2J\n    |  ^");
    }

    #[test]
    fn of_a_long_line_the_part_around_the_place_is_shown() {
        let line = format!("{}HERE{}", "a".repeat(500), "b".repeat(500));
        let text = shown(501, 4, &line);
        let mut lines = text.lines().skip(1);
        let (line, carets) = (lines.next().unwrap(), lines.next().unwrap());
        assert!(line.starts_with("  7 | …") && line.ends_with('…') && line.chars().count() < 180, "{line}");
        let here = line.chars().position(|c| c == 'H').unwrap();
        assert_eq!(carets.find('^'), Some(here));
        assert!(shown(900_000, 7, "a line that was cut").len() < 100, "nobody waits for that many blanks");
        let end = shown(1000, 1, &format!("{}x", "a".repeat(999)));
        assert!(end.ends_with(&format!("{}^", " ".repeat(LONGEST))), "{end}");
    }
}
