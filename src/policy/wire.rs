//! What the gate and the policy worker say to each other: frames of a little-endian u32 length and JSON, first the policy, then questions.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::language::Ruling;
use super::problem::Problem;
use super::verdict::Verdict;

/// The longest question and answer. The worker's memory is bounded, and nothing honest comes near this.
pub(super) const MAX_FRAME: usize = 1 << 20;

/// The longest frame with a policy: as JSON a text is up to six times as long.
pub(super) const MAX_POLICY_FRAME: usize = 8 << 20;

/// One thing to decide.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Question<'a> {
    pub(super) id: u64,
    pub(super) tool: Cow<'a, str>,
    pub(super) args: Value,
    pub(super) context: Value,
    /// Whether to say, besides, what was returned and where it stands.
    #[serde(default)]
    pub(super) explain: bool,
}

/// As [`Question`], of what somebody else owns.
#[derive(Debug, Serialize)]
pub(super) struct QuestionRef<'a> {
    pub(super) id: u64,
    pub(super) tool: &'a str,
    pub(super) args: &'a Value,
    pub(super) context: &'a Value,
    pub(super) explain: bool,
}

/// What was decided.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Reply {
    pub(super) id: u64,
    pub(super) ruling: Ruling,
    /// What was returned, in order, for a question that wants to know.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) matched: Vec<Matched>,
}

/// One verdict among those that made a decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Matched {
    /// Where it comes from.
    pub within: MatchedIn,
    /// What it says.
    pub verdict: Verdict,
    /// The rule's name.
    pub rule: String,
    /// Why.
    pub reason: String,
    /// Where the rule stands, as a problem without words; nothing where it was written out as a dict or a word.
    pub stands: Option<Problem>,
}

/// Where a verdict comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MatchedIn {
    /// From `evaluate`.
    Policy,
    /// From the caller's profile.
    Profile,
}

/// The worker's first frame, once it is confined and has read the policy.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub(super) enum Startup {
    /// It is ready.
    Ready(WorkerReport),
    /// The policy has mistakes.
    Rejected(Vec<Problem>),
    /// It could not confine itself.
    Unconfined(String),
}

/// What a worker says about itself and the policy that it loaded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorkerReport {
    /// `full`, `partial` or `absent`: what this kernel's Landlock adds to the system call filter, which always holds.
    pub landlock: String,
    /// How many examples came out as expected.
    pub examples: usize,
    /// How many rules there are: calls of `allow`, `deny` and `review`.
    pub rules: usize,
    /// What looks wrong without being an error; the first of them.
    pub warnings: Vec<Problem>,
    /// Rules that no example comes to; the first of them.
    pub untried: Vec<Problem>,
    /// How many those are.
    pub untried_count: usize,
    /// The principals that have a profile.
    pub profiles: Vec<String>,
}

/// A message is larger than a frame may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TooLarge;

/// A message as a frame.
pub(super) fn frame(message: &impl Serialize) -> Result<Vec<u8>, TooLarge> {
    frame_up_to(MAX_FRAME, message)
}

/// The same, of at most so many bytes.
pub(super) fn frame_up_to(most: usize, message: &impl Serialize) -> Result<Vec<u8>, TooLarge> {
    let mut bytes = vec![0; 4];
    serde_json::to_writer(&mut bytes, message).map_err(|_unwritable| TooLarge)?;
    let length = bytes.len() - 4;
    let header = u32::try_from(length).ok().filter(|_| length <= most).ok_or(TooLarge)?;
    bytes.splice(..4, header.to_le_bytes());
    Ok(bytes)
}

/// Cuts bytes as they come into frames.
#[derive(Debug)]
pub(super) struct Frames {
    bytes: Vec<u8>,
    read: usize,
    most: usize,
}

impl Default for Frames {
    fn default() -> Self {
        Self::up_to(MAX_FRAME)
    }
}

impl Frames {
    /// Frames of at most so many bytes.
    pub(super) fn up_to(most: usize) -> Self {
        Self { bytes: Vec::new(), read: 0, most }
    }

    /// More bytes.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        if self.read > 0 {
            self.bytes.drain(..self.read);
            self.read = 0;
        }
        self.bytes.extend_from_slice(bytes);
    }

    /// The next whole frame's JSON, if it is there.
    pub(super) fn next(&mut self) -> Result<Option<&[u8]>, TooLarge> {
        let rest = self.bytes.get(self.read..).unwrap_or_default();
        let Some((header, rest)) = rest.split_first_chunk::<4>() else { return Ok(None) };
        let length = usize::try_from(u32::from_le_bytes(*header)).map_err(|_narrow| TooLarge)?;
        if length > self.most {
            return Err(TooLarge);
        }
        let Some(frame) = rest.get(..length) else { return Ok(None) };
        self.read += 4 + length;
        Ok(Some(frame))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_come_out_as_they_went_in_however_the_bytes_are_cut() {
        let messages = ["one".to_owned(), String::new(), "x".repeat(5000)];
        let bytes: Vec<u8> = messages.iter().flat_map(|text| frame(text).unwrap()).collect();
        for size in [1, 3, 7, 4096, bytes.len()] {
            let mut frames = Frames::default();
            let mut found: Vec<String> = Vec::new();
            for chunk in bytes.chunks(size) {
                frames.push(chunk);
                while let Some(json) = frames.next().unwrap() {
                    found.push(serde_json::from_slice(json).unwrap());
                }
            }
            assert_eq!(found, messages);
        }
    }

    #[test]
    fn a_frame_that_is_too_long_is_refused_on_both_sides() {
        assert_eq!(frame(&"x".repeat(MAX_FRAME)), Err(TooLarge));
        let mut frames = Frames::default();
        frames.push(&u32::MAX.to_le_bytes());
        assert_eq!(frames.next(), Err(TooLarge));
    }
}
