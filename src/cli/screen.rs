//! What is printed, and how: tables and colours for a terminal, tab-separated lines for a pipe, JSON when asked. Text that
//! came from elsewhere cannot move the cursor, whatever it holds.

use std::io::{self, IsTerminal, Write};

use comfy_table::{ContentArrangement, Table, presets};
use owo_colors::{OwoColorize, Style};
use serde_json::Value;

use super::exit::Failure;
use crate::approval::is_invisible;

/// Where a command prints.
#[derive(Debug, Clone, Copy)]
pub(super) struct Screen {
    json: bool,
    terminal: bool,
}

/// What a word means, from which its colour follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tone {
    /// As it should be.
    Good,
    /// Look at it.
    Warning,
    /// Not as it should be.
    Bad,
    /// Beside the point.
    Faint,
    /// The point.
    Strong,
}

impl Screen {
    /// A screen for this process's standard output.
    pub(super) fn new(json: bool) -> Self {
        Self { json, terminal: io::stdout().is_terminal() }
    }

    /// Whether JSON was asked for.
    pub(super) fn is_json(self) -> bool {
        self.json
    }

    /// Whether a person reads along.
    pub(super) fn is_terminal(self) -> bool {
        self.terminal
    }

    /// Says something beside the result, on standard error, when a person reads along.
    pub(super) fn note(self, text: &str) {
        if self.terminal && !self.json {
            // A remark that cannot be made is not missed.
            drop(writeln!(anstream::stderr().lock(), "{}", paint(text, Tone::Faint)));
        }
    }

    /// Prints a JSON document on one line, as one of several.
    pub(super) fn compact(self, document: &Value) -> Result<(), Failure> {
        self.raw(&escaped_json(&document.to_string()))
    }

    /// Prints a JSON document: indented for a terminal, on one line for a program.
    pub(super) fn document(self, document: &Value) -> Result<(), Failure> {
        let text = if self.terminal { format!("{document:#}") } else { document.to_string() };
        self.raw(&escaped_json(&text))
    }

    /// Prints a line. Foreign text in it has been through [`harmless`].
    pub(super) fn line(self, text: &str) -> Result<(), Failure> {
        self.raw(text)
    }

    /// Prints names with values, the values in one column; what has no value is left out.
    pub(super) fn facts(self, facts: &[(&str, Option<String>)]) -> Result<(), Failure> {
        let width = facts.iter().filter(|(_, value)| value.is_some()).map(|(name, _)| name.len()).max();
        for (name, value) in facts {
            if let Some(value) = value {
                let pad = width.unwrap_or(0).saturating_sub(name.len());
                self.raw(&format!("  {}{}  {value}", paint(name, Tone::Faint), " ".repeat(pad)))?;
            }
        }
        Ok(())
    }

    /// Prints rows: a table with a header for a terminal, else tab-separated lines without one.
    pub(super) fn table(self, header: &[&str], rows: &[Vec<String>]) -> Result<(), Failure> {
        if !self.terminal {
            for row in rows {
                self.raw(&row.join("\t"))?;
            }
            return Ok(());
        }
        let mut table = Table::new();
        table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
        table.set_header(header.iter().map(|name| name.to_uppercase()));
        for row in rows {
            table.add_row(row);
        }
        for (number, line) in table.lines().enumerate() {
            let line = line.trim_end();
            self.raw(&if number == 0 { paint(line, Tone::Faint) } else { line.to_owned() })?;
        }
        Ok(())
    }

    fn raw(self, line: &str) -> Result<(), Failure> {
        let mut out = anstream::stdout().lock();
        writeln!(out, "{line}")?;
        Ok(out.flush()?)
    }
}

/// Tells a failure: as JSON on standard output, else in words on standard error.
pub(super) fn tell(screen: Screen, failure: &Failure) {
    if failure.silent {
        return;
    }
    if screen.json && screen.document(&failure.to_json()).is_ok() {
        return;
    }
    let mut err = anstream::stderr().lock();
    // What shows a line of a file has several; none but the first begins where a line of ours does.
    let message: Vec<String> = failure.message.lines().map(harmless).collect();
    let mut text = format!("{} {}\n", paint("reeve:", Tone::Bad), message.join("\n  "));
    for hint in &failure.hints {
        text.push_str(&format!("  {} {}\n", paint("→", Tone::Faint), harmless(hint)));
    }
    // There is nowhere left to say that even this failed.
    drop(err.write_all(text.as_bytes()));
}

/// A word in the colour of what it means. Colours reach terminals only.
pub(super) fn paint(text: &str, tone: Tone) -> String {
    let style = match tone {
        Tone::Good => Style::new().green(),
        Tone::Warning => Style::new().yellow(),
        Tone::Bad => Style::new().red(),
        Tone::Faint => Style::new().dimmed(),
        Tone::Strong => Style::new().bold(),
    };
    text.style(style).to_string()
}

/// Foreign text as a terminal may have it: what cannot be seen is written out, as `\u{1b}`.
pub(super) fn harmless(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut out, c| {
        if is_invisible(c) {
            out.extend(c.escape_unicode());
        } else {
            out.push(c);
        }
        out
    })
}

/// JSON of the same value, in which nothing reaches a terminal unseen. Outside of strings JSON has no such characters
/// but line ends.
fn escaped_json(text: &str) -> String {
    let mut units = [0; 2];
    text.chars().fold(String::with_capacity(text.len()), |mut out, c| {
        if is_invisible(c) && c != '\n' {
            for unit in c.encode_utf16(&mut units) {
                out.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            out.push(c);
        }
        out
    })
}

/// Bytes as people read them: `1.2 GiB`.
pub(super) fn bytes(count: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    let mut size = count;
    let mut tenths = 0;
    let mut unit = "B";
    for next in UNITS {
        if size < 1024 {
            break;
        }
        tenths = (size % 1024) * 10 / 1024;
        size /= 1024;
        unit = next;
    }
    if unit == "B" || size >= 100 { format!("{size} {unit}") } else { format!("{size}.{tenths} {unit}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_cannot_move_the_cursor() {
        let hostile = "a\u{1b}[2Jb\rc\u{9b}31md\u{202e}e\u{200b}\nf\u{7}";
        let seen = harmless(hostile);
        assert_eq!(seen, "a\\u{1b}[2Jb\\u{d}c\\u{9b}31md\\u{202e}e\\u{200b}\\u{a}f\\u{7}");
        assert_eq!(harmless("tank/media@daily — größer"), "tank/media@daily — größer");
    }

    #[test]
    fn json_keeps_its_value_and_shows_what_is_hidden() {
        let value = serde_json::json!({"a\u{202e}": "x\u{1b}[2J\u{9b}\u{e0041}\n"});
        let text = escaped_json(&format!("{value:#}"));
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
        assert!(text.chars().all(|c| c == '\n' || !is_invisible(c)), "{text}");
    }

    #[test]
    fn bytes_are_rounded_down_to_what_a_person_compares() {
        for (count, text) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (1_288_490_188, "1.1 GiB"),
            (105 << 20, "105 MiB"),
        ] {
            assert_eq!(bytes(count), text);
        }
        assert_eq!(bytes(u64::MAX), "15.9 EiB");
    }
}
