//! Looks for text that is meant for a language model instead of for what it is given as: in reasons, in arguments, in what tools print.
//! It looks at all bytes, in time that grows with them and with nothing else, and what it says can only tighten.

mod encoded;
mod fold;
mod hidden;
mod phrases;
pub mod settings;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use phrases::Phrases;
use settings::{ScreeningSettings, Stage};

/// What a text looks like. The greater is the worse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rating {
    /// Nothing was found.
    Clean,
    /// A person should look.
    Review,
    /// It is made to mislead.
    Unsafe,
}

impl Rating {
    /// The word in records and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Clean => "clean",
            Self::Review => "review",
            Self::Unsafe => "unsafe",
        }
    }
}

/// What was found, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// What kind of thing it is: `override-instructions`.
    pub rule: String,
    /// How bad that is.
    pub rating: Rating,
    /// In which text, as a JSON Pointer; empty for a text by itself.
    pub pointer: String,
    /// The first byte in that text.
    pub start: usize,
    /// The byte behind the last one.
    pub end: usize,
}

/// What came of looking at something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Screened {
    /// The worst of what was found.
    pub rating: Rating,
    /// The first findings.
    pub findings: Vec<Finding>,
    /// How many there are.
    pub count: usize,
    /// How many bytes of text were looked at, which is all of them.
    pub bytes: usize,
}

impl Default for Screened {
    fn default() -> Self {
        Self { rating: Rating::Clean, findings: Vec::new(), count: 0, bytes: 0 }
    }
}

/// How many findings are told of.
const MOST_TOLD: usize = 20;
/// How many encodings within each other are taken off.
const DEPTH: usize = 3;
/// Hints that would each have a person look are, so many of them in one text, no accident.
const TOO_MANY_HINTS: usize = 2;

impl Screened {
    fn add(&mut self, finding: Finding) {
        self.rating = self.rating.max(finding.rating);
        self.count += 1;
        // The worst are told of first, whatever comes before them.
        let at = self
            .findings
            .iter()
            .position(|there| there.rating < finding.rating)
            .unwrap_or(self.findings.len());
        self.findings.insert(at, finding);
        self.findings.truncate(MOST_TOLD);
    }

    /// Both together.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        let (count, bytes) = (self.count + other.count, self.bytes + other.bytes);
        other.findings.into_iter().for_each(|finding| self.add(finding));
        Self { rating: self.rating.max(other.rating), count, bytes, ..self }
    }
}

/// What was found in one text, before it is known where that text stands.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Hit {
    rule: String,
    rating: Rating,
    start: usize,
    end: usize,
    /// Whether it is a wording, of which several together are worse.
    is_hint: bool,
}

/// The scanner, with how far each stage goes.
pub struct Screening {
    settings: ScreeningSettings,
    phrases: Phrases,
}

impl Default for Screening {
    fn default() -> Self {
        Self::new(ScreeningSettings::default())
    }
}

impl std::fmt::Debug for Screening {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Screening").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl Screening {
    /// A scanner that goes so far.
    #[must_use]
    pub fn new(settings: ScreeningSettings) -> Self {
        Self { settings, phrases: Phrases::new() }
    }

    /// How far each stage goes.
    #[must_use]
    pub fn settings(&self) -> &ScreeningSettings {
        &self.settings
    }

    /// How far a stage goes.
    #[must_use]
    pub fn mode(&self, stage: Stage) -> settings::Mode {
        self.settings.mode(stage)
    }

    /// Looks at every text in a value, keys as well as values.
    #[must_use]
    pub fn look_at(&self, value: &Value, pointer: &str) -> Screened {
        let mut screened = Screened::default();
        self.value(value, pointer, &mut screened);
        screened
    }

    fn value(&self, value: &Value, pointer: &str, screened: &mut Screened) {
        match value {
            Value::String(text) => self.text(text, pointer, screened),
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.value(item, &format!("{pointer}/{index}"), screened);
                }
                // What is cut into lines or words is read as one text, too.
                let texts: Vec<&str> = items.iter().filter_map(Value::as_str).collect();
                if texts.len() > 1 {
                    self.joined(&texts.join(" "), pointer, screened);
                }
            }
            Value::Object(fields) => {
                for (key, value) in fields {
                    let pointer = format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1"));
                    self.text(key, &pointer, screened);
                    self.value(value, &pointer, screened);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    fn text(&self, text: &str, pointer: &str, screened: &mut Screened) {
        screened.bytes += text.len();
        self.hits(text, DEPTH).into_iter().for_each(|hit| screened.add(placed(hit, pointer)));
    }

    /// Only when nothing stands in one of the parts: the place of what was found there is the better one.
    fn joined(&self, text: &str, pointer: &str, screened: &mut Screened) {
        let below = format!("{pointer}/");
        if screened.findings.iter().any(|finding| finding.pointer.starts_with(&below)) {
            return;
        }
        let wordings =
            self.hits(text, 0).into_iter().filter(|hit| hit.is_hint || hit.rating == Rating::Unsafe);
        wordings.for_each(|hit| screened.add(placed(hit, pointer)));
    }

    fn hits(&self, text: &str, depth: usize) -> Vec<Hit> {
        let mut hits = self.phrases.find(text);
        let hints: std::collections::BTreeSet<&str> =
            hits.iter().filter(|hit| hit.is_hint).map(|hit| hit.rule.as_str()).collect();
        if hints.len() >= TOO_MANY_HINTS {
            hits.iter_mut().filter(|hit| hit.is_hint).for_each(|hit| hit.rating = Rating::Unsafe);
        }
        hits.extend(hidden::find(text));
        if let Some(deeper) = depth.checked_sub(1) {
            for encoded::Decoded { start, end, text, is_readable } in encoded::find(text) {
                let within = if is_readable { self.hits(&text, deeper) } else { self.phrases.find(&text) };
                let Some(worst) = within.into_iter().max_by_key(|hit| hit.rating) else { continue };
                let rule = format!("encoded-{}", worst.rule.trim_start_matches("encoded-"));
                hits.push(Hit { rule, rating: worst.rating, start, end, is_hint: false });
            }
        }
        hits.extend(encoded::opaque(text));
        hits
    }
}

fn placed(hit: Hit, pointer: &str) -> Finding {
    Finding {
        rule: hit.rule,
        rating: hit.rating,
        pointer: pointer.to_owned(),
        start: hit.start,
        end: hit.end,
    }
}

#[cfg(test)]
mod tests;
