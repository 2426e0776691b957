//! Which trace something belongs to, as W3C Trace Context writes it: `00-TRACE-SPAN-FLAGS`.
//!
//! It comes from callers, so only its exact form is taken; what is anything else is as good as none.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::sys::random;

/// The header that carries it.
pub const HEADER: &str = "traceparent";

/// The length of the form of version 00; later versions may have more behind it.
const LENGTH: usize = 55;
const SAMPLED: u8 = 1;

/// A trace: 16 bytes, not all zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TraceId([u8; 16]);

/// A span in it: 8 bytes, not all zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SpanId([u8; 8]);

/// A place in a trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Context {
    /// The trace.
    pub trace: TraceId,
    /// The span that what follows belongs under.
    pub span: SpanId,
    /// Whether the trace is kept anywhere.
    pub sampled: bool,
}

/// No id, or no context.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not of the form of W3C Trace Context")]
pub struct NotAContext;

impl TraceId {
    /// A new one; none where the host gives no randomness.
    #[must_use]
    pub fn random() -> Option<Self> {
        drawn().map(Self)
    }

    /// Whether it is among this share of all traces: always the same answer for the same trace.
    #[must_use]
    pub fn is_within(self, share: f64) -> bool {
        let [.., a, b, c, d] = self.0;
        f64::from(u32::from_be_bytes([a, b, c, d])) < share * (f64::from(u32::MAX) + 1.0)
    }
}

impl SpanId {
    /// A new one; none where the host gives no randomness.
    #[must_use]
    pub fn random() -> Option<Self> {
        drawn().map(Self)
    }
}

impl Context {
    /// What a header says.
    ///
    /// # Errors
    /// When it is not of the form.
    pub fn parse(text: &str) -> Result<Self, NotAContext> {
        let (whole, rest) = text.split_at_checked(LENGTH).ok_or(NotAContext)?;
        let mut parts = whole.split('-');
        let parts = [parts.next(), parts.next(), parts.next(), parts.next(), parts.next()];
        let [Some(version), Some(trace), Some(span), Some(flags), None] = parts else {
            return Err(NotAContext);
        };
        let [version] = bytes(version).ok_or(NotAContext)?;
        if version == 0xff || !(rest.is_empty() || (version > 0 && rest.starts_with('-'))) {
            return Err(NotAContext);
        }
        let [flags] = bytes(flags).ok_or(NotAContext)?;
        Ok(Self { trace: trace.parse()?, span: span.parse()?, sampled: flags & SAMPLED != 0 })
    }

    /// The same for what happens under another span of it.
    #[must_use]
    pub fn under(self, span: SpanId) -> Self {
        Self { span, ..self }
    }
}

/// Random bytes that are not all zero.
fn drawn<const N: usize>() -> Option<[u8; N]> {
    let mut bytes = [0; N];
    random::fill(&mut bytes).ok()?;
    bytes.iter().any(|byte| *byte != 0).then_some(bytes)
}

/// Bytes in hexadecimal digits, small letters only.
fn bytes<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _other => None,
    };
    let mut bytes = [0; N];
    let (pairs, odd) = text.as_bytes().as_chunks::<2>();
    if pairs.len() != N || !odd.is_empty() {
        return None;
    }
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = (digit(*high)? << 4) | digit(*low)?;
    }
    Some(bytes)
}

fn id<const N: usize>(text: &str) -> Result<[u8; N], NotAContext> {
    bytes(text).filter(|bytes: &[u8; N]| bytes.iter().any(|byte| *byte != 0)).ok_or(NotAContext)
}

impl std::str::FromStr for TraceId {
    type Err = NotAContext;

    fn from_str(text: &str) -> Result<Self, NotAContext> {
        id(text).map(Self)
    }
}

impl std::str::FromStr for SpanId {
    type Err = NotAContext;

    fn from_str(text: &str) -> Result<Self, NotAContext> {
        id(text).map(Self)
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Display for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{}-{}-{:02x}", self.trace, self.span, u8::from(self.sampled))
    }
}

impl TryFrom<String> for TraceId {
    type Error = NotAContext;

    fn try_from(text: String) -> Result<Self, NotAContext> {
        text.parse()
    }
}

impl TryFrom<String> for SpanId {
    type Error = NotAContext;

    fn try_from(text: String) -> Result<Self, NotAContext> {
        text.parse()
    }
}

impl TryFrom<String> for Context {
    type Error = NotAContext;

    fn try_from(text: String) -> Result<Self, NotAContext> {
        Self::parse(&text)
    }
}

impl From<TraceId> for String {
    fn from(id: TraceId) -> Self {
        id.to_string()
    }
}

impl From<SpanId> for String {
    fn from(id: SpanId) -> Self {
        id.to_string()
    }
}

impl From<Context> for String {
    fn from(context: Context) -> Self {
        context.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn a_context_survives_its_text_and_later_versions_may_say_more() {
        let context = Context::parse(GOOD).unwrap();
        assert_eq!(context.to_string(), GOOD);
        assert!(context.sampled);
        assert!(!Context::parse(&GOOD.replace("-01", "-00")).unwrap().sampled);
        // Other flags than the one that is known say nothing to us.
        assert!(Context::parse(&GOOD.replace("-01", "-03")).unwrap().sampled);
        let later = format!("cc{}-what-ever", &GOOD[2..]);
        assert_eq!(Context::parse(&later).unwrap(), context);
    }

    #[test]
    fn what_is_not_of_the_form_is_no_context() {
        for bad in [
            "",
            "00",
            &GOOD.to_uppercase(),
            &GOOD[..54],
            &format!("{GOOD}-more"),
            &format!("{GOOD}x"),
            &format!("ff{}", &GOOD[2..]),
            &format!("cc{}x", &GOOD[2..]),
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4bf92f3577b34da6a3ce929d0e0e473-600f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0g",
            "00-4bf92f3577b34da6a3ce929d0e0e4736\n00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e47ä-00f067aa0ba902b7-01",
        ] {
            assert_eq!(Context::parse(bad), Err(NotAContext), "{bad:?}");
        }
    }

    #[test]
    fn a_share_of_all_traces_is_chosen_by_their_ids_alone() {
        let traces: Vec<TraceId> = (0..2000).map(|_| TraceId::random().unwrap()).collect();
        let within = |share: f64| traces.iter().filter(|trace| trace.is_within(share)).count();
        assert_eq!((within(0.0), within(1.0)), (0, 2000));
        assert!((800..1200).contains(&within(0.5)), "{}", within(0.5));
        assert!(traces.iter().all(|trace| !trace.is_within(0.2) || trace.is_within(0.6)));
    }
}
