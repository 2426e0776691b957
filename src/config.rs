//! Configuration files as people write them: whatever is wrong is named by file, line, column and the key that was probably meant.

pub mod difference;
pub mod excerpt;
mod journal;
pub mod key_place;
pub mod logging;
pub mod value;
pub mod written;

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

use crate::sys::trusted_file::{self, TrustedFileError};
use excerpt::Excerpt;

/// No configuration of ours comes near this.
const MAX_BYTES: usize = 1 << 20;

/// Reads a configuration file that only root or this process's user can have written.
///
/// # Errors
/// As [`parse`], and when the file is missing or not to be trusted.
pub fn read<T: DeserializeOwned>(path: &Path) -> Result<T, ConfigError> {
    let text = read_text(path)?;
    parse(&path.display().to_string(), &text)
}

/// What a file stands for that may be left out: nothing then.
///
/// # Errors
/// As [`read_text`], but for a file that is not there, and as `parse`.
pub fn read_if_there<T>(
    path: &Path,
    parse: impl FnOnce(&str, &str) -> Result<T, ConfigError>,
) -> Result<Option<T>, ConfigError> {
    match read_text(path) {
        Ok(text) => parse(&path.display().to_string(), &text).map(Some),
        Err(ConfigError::Untrusted(error)) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}

/// The text of a configuration file that only root or this process's user can have written.
///
/// # Errors
/// When the file is missing, not to be trusted, larger than 1 MiB or not UTF-8.
pub fn read_text(path: &Path) -> Result<String, ConfigError> {
    let bytes = trusted_file::read(path, MAX_BYTES)?;
    String::from_utf8(bytes).map_err(|error| {
        let good = error.utf8_error().valid_up_to();
        let line = 1 + error.as_bytes().iter().take(good).filter(|byte| **byte == b'\n').count();
        ConfigError::in_file(&format!("{}:{line}", path.display()), "is not UTF-8")
    })
}

/// Reads configuration from text; `label` is what errors call the file. Types want `#[serde(deny_unknown_fields)]`.
///
/// # Errors
/// Says where the text is no TOML, has an unknown key (and which is nearest), lacks one, or has a value of the wrong type.
pub fn parse<T: DeserializeOwned>(label: &str, text: &str) -> Result<T, ConfigError> {
    toml::from_str(text).map_err(|error| {
        let (problem, help) = worded(error.message());
        let wrong = match error.span() {
            Some(span) => ConfigError::at(label, text, span, problem),
            None => ConfigError::in_file(label, problem),
        };
        match help {
            Some(help) => wrong.help(help),
            None => wrong,
        }
    })
}

/// Begins the problem of a value that may be a secret: the line that it stands in is shown without it.
pub const NOT_SHOWN: &str = "(not shown) ";

/// A configuration that cannot be used as it stands.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file is missing or others could have written it.
    #[error(transparent)]
    Untrusted(#[from] TrustedFileError),
    /// A directory of configuration files cannot be listed.
    #[error("{path}: cannot be listed", path = .path.display())]
    Directory {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Something in it is wrong.
    #[error(transparent)]
    Written(Mistake),
}

impl ConfigError {
    /// Something is wrong at a place in a file, given as the bytes that [`toml::Spanned`] knows.
    #[must_use]
    pub fn at(label: &str, text: &str, span: Range<usize>, problem: impl Into<String>) -> Self {
        let before = text.get(..span.start).unwrap_or(text);
        let line = before.split('\n').count();
        let start = before.rsplit('\n').next().unwrap_or_default();
        let column = 1 + start.chars().count();
        let whole = text.get(before.len() - start.len()..).unwrap_or_default();
        let whole = whole.split('\n').next().unwrap_or_default().trim_end().to_owned();
        let problem = problem.into();
        if let Some(problem) = problem.strip_prefix(NOT_SHOWN) {
            let place = Place { line, column, width: 1, text: format!("{start}(not shown)") };
            let (file, problem) = (label.to_owned(), problem.to_owned());
            return Self::Written(Mistake { file, place: Some(place), problem, help: None });
        }
        let width =
            text.get(span).map_or(1, |meant| meant.split('\n').next().unwrap_or_default().chars().count());
        let place = Place { line, column, width, text: whole };
        Self::Written(Mistake { file: label.to_owned(), place: Some(place), problem, help: None })
    }

    /// Something is wrong with a file as a whole.
    #[must_use]
    pub fn in_file(label: &str, problem: impl Into<String>) -> Self {
        Self::Written(Mistake { file: label.to_owned(), place: None, problem: problem.into(), help: None })
    }

    /// With what would put it right.
    #[must_use]
    pub fn help(self, help: impl Into<String>) -> Self {
        match self {
            Self::Written(mistake) => Self::Written(Mistake { help: Some(help.into()), ..mistake }),
            other @ (Self::Untrusted(_) | Self::Directory { .. }) => other,
        }
    }
}

/// What is wrong in a file, where, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    file: String,
    place: Option<Place>,
    problem: String,
    help: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    line: usize,
    column: usize,
    width: usize,
    text: String,
}

impl fmt::Display for Mistake {
    /// `contract.toml:3:5: problem`, below it the line with carets under what is meant, and then what to do about it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (file, problem, help) = (&self.file, &self.problem, self.help.as_deref());
        let Some(Place { line, column, width, text }) = &self.place else {
            write!(f, "{file}: {problem}")?;
            return help.map_or(Ok(()), |help| write!(f, "\n  = help: {help}"));
        };
        write!(f, "{file}:{line}:{column}: {problem}")?;
        Excerpt { line: *line, column: *column, width: *width, text }.write(f, help)
    }
}

impl std::error::Error for Mistake {}

/// `; did you mean …?` with the word that is nearest to the one written, or nothing when none is near.
#[must_use]
pub fn did_you_mean<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let nearest = known
        .into_iter()
        .map(|word| (strsim::jaro_winkler(written, word), word))
        .max_by(|one, two| one.0.total_cmp(&two.0));
    match nearest {
        Some((likeness, word)) if likeness > 0.75 => format!("; did you mean `{word}`?"),
        Some(_) | None => String::new(),
    }
}

/// The words of serde and toml, in ours: "key" for "field", and the nearest known key for an unknown one; and what to do.
fn worded(message: &str) -> (String, Option<String>) {
    let message = message.lines().collect::<Vec<_>>().join("; ");
    for (theirs, ours) in [("unknown field `", "key"), ("unknown variant `", "word")] {
        let Some(rest) = message.strip_prefix(theirs) else { continue };
        let Some((written, rest)) = rest.split_once('`') else { continue };
        let known: Vec<&str> = rest.split('`').skip(1).step_by(2).collect();
        let nearest = did_you_mean(written, known.iter().copied());
        let help = format!("the {ours}s here are {}", known.join(", "));
        return (format!("unknown {ours} `{written}`{nearest}"), Some(help));
    }
    if let Some(key) = message.strip_prefix("missing field `").and_then(|rest| rest.strip_suffix('`')) {
        return (format!("missing key `{key}`"), Some(format!("write {key} = …")));
    }
    (message.replace("duplicate field", "the same key twice:"), None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Shape {
        listen: String,
        #[serde(default)]
        limits: Limits,
        #[serde(default)]
        verdict: Option<Word>,
    }

    #[derive(Debug, serde::Deserialize, PartialEq)]
    #[serde(rename_all = "snake_case")]
    enum Word {
        Allow,
        Review,
    }

    #[derive(Debug, Default, serde::Deserialize, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Limits {
        body_bytes: Option<u32>,
        connections: Option<u32>,
    }

    fn refusal(text: &str) -> String {
        parse::<Shape>("reeved.toml", text).unwrap_err().to_string()
    }

    #[test]
    fn an_unknown_key_is_refused_with_its_place_and_the_nearest_known_key() {
        assert_eq!(
            refusal("listen = \"[::]:8443\"\n\n[limits]\n  body_byte = 5\n"),
            "reeved.toml:4:3: unknown key `body_byte`; did you mean `body_bytes`?\n  4 |   body_byte = 5\n    |   ^^^^^^^^^\n    \
             = help: the keys here are body_bytes, connections"
        );
    }

    #[test]
    fn a_key_like_no_other_is_refused_without_a_guess() {
        assert_eq!(
            refusal("zzz = 1\nlisten = \"x\""),
            "reeved.toml:1:1: unknown key `zzz`\n  1 | zzz = 1\n    | ^^^\n    = help: the keys here are listen, limits, verdict"
        );
    }

    #[test]
    fn a_wrong_type_a_missing_key_and_broken_toml_are_refused_with_their_place() {
        assert_eq!(
            refusal("listen = 5\n"),
            "reeved.toml:1:10: invalid type: integer `5`, expected a string\n  1 | listen = 5\n    |          ^"
        );
        assert!(refusal("[limits]\n").starts_with("reeved.toml:1:1: missing key `listen`\n"));
        assert_eq!(
            refusal(""),
            "reeved.toml:1:1: missing key `listen`\n  1 | \n    | ^\n    = help: write listen = …"
        );
        assert!(
            refusal("listen = \"x\nlimits = 1").starts_with("reeved.toml:1:12: "),
            "{}",
            refusal("listen = \"x\nlimits = 1")
        );
        assert!(refusal("listen = \"x\"\nlisten = \"y\"\n").starts_with("reeved.toml:2:1: duplicate key"));
    }

    #[test]
    fn an_unknown_word_is_refused_with_the_words_there_are() {
        assert_eq!(
            refusal("listen = \"x\"\nverdict = \"Review\"\n"),
            "reeved.toml:2:11: unknown word `Review`; did you mean `review`?\n  2 | verdict = \"Review\"\n    |           ^^^^^^^^\n    \
             = help: the words here are allow, review"
        );
    }

    #[test]
    fn columns_count_characters_and_not_bytes() {
        assert!(
            refusal("listen = \"ä\", \n").starts_with("reeved.toml:1:13: "),
            "{}",
            refusal("listen = \"ä\", \n")
        );
    }

    #[test]
    fn a_file_that_others_may_write_is_not_read() {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("gate.toml");
        std::fs::write(&path, "listen = \"x\"").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert_eq!(read::<Shape>(&path).unwrap().listen, "x");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o664)).unwrap();
        assert!(read::<Shape>(&path).unwrap_err().to_string().contains("others may write it (mode 0664)"));
    }
}
