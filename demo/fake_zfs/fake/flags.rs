//! Options as getopt reads them: single letters, together or apart, before or after names.

use super::Fail;

/// The options and names of one call.
#[derive(Debug, Default)]
pub(super) struct Flags {
    switches: String,
    values: Vec<(char, String)>,
    /// Whether `--json-int` was there.
    pub(super) json_int: bool,
    /// What is no option.
    pub(super) names: Vec<String>,
}

impl Flags {
    /// Reads arguments: `switches` take no value, `valued` do.
    pub(super) fn read(args: &[String], switches: &str, valued: &str, command: &str) -> Result<Self, Fail> {
        let mut flags = Self::default();
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            let Some(letters) = arg.strip_prefix('-').filter(|letters| !letters.is_empty()) else {
                flags.names.push(arg.clone());
                continue;
            };
            match letters {
                "-" => {
                    flags.names.extend(args.by_ref().cloned());
                    continue;
                }
                "-json-int" => {
                    flags.json_int = true;
                    continue;
                }
                _letters => {}
            }
            let mut letters = letters.chars();
            while let Some(letter) = letters.next() {
                if valued.contains(letter) {
                    let attached: String = letters.by_ref().collect();
                    let value = if attached.is_empty() { args.next().cloned() } else { Some(attached) };
                    let missing = || Fail::usage(&format!("missing argument for '{letter}' option"), command);
                    flags.values.push((letter, value.ok_or_else(missing)?));
                } else if switches.contains(letter) {
                    flags.switches.push(letter);
                } else {
                    return Err(Fail::usage(&format!("invalid option '{letter}'"), command));
                }
            }
        }
        Ok(flags)
    }

    /// The same options with other names.
    pub(super) fn about(&self, names: &[String]) -> Self {
        Self {
            switches: self.switches.clone(),
            values: self.values.clone(),
            json_int: self.json_int,
            names: names.to_vec(),
        }
    }

    pub(super) fn has(&self, letter: char) -> bool {
        self.switches.contains(letter)
    }

    pub(super) fn value(&self, letter: char) -> Option<&str> {
        self.all(letter).last()
    }

    pub(super) fn all(&self, letter: char) -> impl Iterator<Item = &str> {
        self.values.iter().filter(move |(known, _)| *known == letter).map(|(_, value)| value.as_str())
    }

    pub(super) fn name(&self, position: usize) -> Option<&str> {
        self.names.get(position).map(String::as_str)
    }
}
