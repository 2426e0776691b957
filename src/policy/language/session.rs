//! What builtins know of the evaluation in which they are called: what is asked, and what to write down.
//!
//! The interpreter lends builtins one value, and lets through only types of its own and of the standard library: one of
//! ours would need an unsafe marker trait. So what belongs together here is kept as texts, and read back at once.

use std::cell::RefCell;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use starlark::eval::Evaluator;

use super::examples::Example;
use crate::policy::Verdict;
use crate::policy::problem::Problem;
use crate::policy::wire::Question;

/// What the interpreter lends. First what is asked: the resource, the time, and as JSON how often the caller has asked in the
/// last hour, two hours, … (nothing of it while files load). Then, where something is to be written down, what was.
type Lent = Vec<RefCell<Vec<String>>>;

const ASKED: usize = 0;
const WRITTEN: usize = 1;
/// Where things are in what is asked.
const RESOURCE: usize = 0;
const NOW: usize = 1;
const HOURS: usize = 2;

/// One evaluation: of a file's top level, or of a question.
pub(super) struct Session {
    lent: Lent,
}

/// That a rule was come to: a call of `allow`, `deny` or `review`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct RuleCall {
    pub(super) verdict: Verdict,
    pub(super) reason: Option<String>,
    pub(super) rule: Option<String>,
    /// Where, as a problem without words.
    pub(super) stands: Problem,
}

impl Session {
    /// While files load: examples are written down.
    pub(super) fn loading() -> Self {
        Self { lent: vec![RefCell::default(), RefCell::default()] }
    }

    /// While a question is decided. The rules that are come to are written down when that is wanted.
    pub(super) fn asking(question: &Question<'_>) -> Self {
        let resource = question.args.get("resource").and_then(Json::as_str).unwrap_or_default().to_owned();
        let now = question.context.get("now").map(Json::to_string).unwrap_or_default();
        let hours = question.context.get("recent").and_then(|recent| recent.get("hours"));
        let hours = hours.map(Json::to_string).unwrap_or_default();
        let mut lent = vec![RefCell::new(vec![resource, now, hours])];
        lent.extend(question.explain.then(RefCell::default));
        Self { lent }
    }

    /// What to lend to the interpreter.
    pub(super) fn lent(&self) -> &Lent {
        &self.lent
    }

    /// The examples that were written down while files loaded.
    pub(super) fn examples(self) -> Result<Vec<Example>, serde_json::Error> {
        self.written()
    }

    /// The rules that were come to, in order.
    pub(super) fn calls(self) -> Vec<RuleCall> {
        self.written().unwrap_or_default()
    }

    fn written<T: DeserializeOwned>(self) -> Result<Vec<T>, serde_json::Error> {
        let texts = self.lent.into_iter().nth(WRITTEN).map(RefCell::into_inner).unwrap_or_default();
        texts.iter().map(|text| serde_json::from_str(text)).collect()
    }
}

/// The evaluation that a builtin is called in.
#[derive(Clone, Copy)]
pub(super) struct Current<'a>(&'a Lent);

impl<'a> Current<'a> {
    pub(super) fn of(evaluator: &Evaluator<'_, 'a, '_>) -> Option<Self> {
        evaluator.extra.and_then(|extra| extra.downcast_ref::<Lent>()).map(Self)
    }

    /// Where examples are written down: while files load, and nowhere else.
    pub(super) fn examples(self) -> Option<Notes<'a>> {
        self.asked(|asked| asked.is_empty()).then(|| self.notes()).flatten()
    }

    /// Where rules that are come to are written down, when somebody wants to know.
    pub(super) fn calls(self) -> Option<Notes<'a>> {
        (!self.asked(|asked| asked.is_empty())).then(|| self.notes()).flatten()
    }

    fn notes(self) -> Option<Notes<'a>> {
        self.0.get(WRITTEN).map(Notes)
    }

    /// What the question acts on.
    pub(super) fn resource(self) -> Option<String> {
        self.asked(|asked| asked.get(RESOURCE).filter(|text| !text.is_empty()).cloned())
    }

    /// The time of the question, in seconds since 1970.
    pub(super) fn now(self) -> Option<u64> {
        self.asked(|asked| asked.get(NOW)?.parse().ok())
    }

    /// How often the caller has asked in the last so many hours.
    pub(super) fn recent(self, hours: usize) -> Option<u64> {
        let counts: Vec<u64> = self.asked(|asked| serde_json::from_str(asked.get(HOURS)?).ok())?;
        counts.get(hours.checked_sub(1)?).copied()
    }

    fn asked<T: Default>(self, read: impl FnOnce(&[String]) -> T) -> T {
        self.0.get(ASKED).map(|asked| read(&asked.borrow())).unwrap_or_default()
    }
}

/// Where something is written down.
#[derive(Clone, Copy)]
pub(super) struct Notes<'a>(&'a RefCell<Vec<String>>);

impl Notes<'_> {
    pub(super) fn add(self, note: &impl Serialize) -> Result<(), serde_json::Error> {
        self.0.borrow_mut().push(serde_json::to_string(note)?);
        Ok(())
    }
}
