//! What an execution came to: the state, what the caller reads, what people are told, what the log holds.

use serde_json::{Value, json};

use crate::adapter::{self, Happened, Ran, Verification};
use crate::approval::prompt::Outcome as Told;
use crate::audit::Event;
use crate::job::{Outcome, State};

/// What an execution came to.
pub(super) struct End {
    pub(super) state: State,
    pub(super) outcome: Outcome,
    pub(super) told: Told,
    pub(super) detail: Value,
    /// What was found in the result that is made to mislead, for the log.
    pub(super) screened: Option<Value>,
}

impl End {
    pub(super) fn succeeded(result: Option<Value>, exit_code: Option<i32>) -> Self {
        let outcome = Outcome { result, exit_code, ..Outcome::default() };
        Self { state: State::Succeeded, outcome, told: Told::Verified, detail: Value::Null, screened: None }
    }

    pub(super) fn read(result: Result<Value, adapter::Garbled>, is_cut: bool) -> Self {
        match result {
            Ok(mut result) => {
                // The adapter sees what came, and not always that more would have.
                if let (true, Some(map)) = (is_cut, result.as_object_mut()) {
                    map.insert("truncated".to_owned(), Value::Bool(true));
                }
                Self::succeeded(Some(result), Some(0))
            }
            Err(_garbled) => Self::failed("the tool's output was not understood".to_owned()),
        }
    }

    /// A tool ended, and its end is the answer.
    pub(super) fn ran(ran: Result<Ran, adapter::Garbled>) -> Self {
        let Ok(Ran { result, output, exit_code, error }) = ran else {
            return Self::failed("the tool's output was not understood".to_owned());
        };
        let (state, told) = match error {
            None => (State::Succeeded, Told::Verified),
            Some(_) => (State::Failed, Told::Failed { exit_code }),
        };
        let seen = Verification { output: Some(output), ..Verification::ended(result) };
        let outcome = Outcome {
            result: Some(shown(&seen)),
            exit_code,
            verified: Some(error.is_none()),
            error,
            ..Outcome::default()
        };
        Self { state, outcome, told, detail: seen.result, screened: None }
    }

    /// Every step ended well; the host says whether that is so.
    pub(super) fn verified(verification: Verification) -> Self {
        let outcome = Outcome {
            result: Some(shown(&verification)),
            exit_code: Some(0),
            verified: Some(verification.verified),
            error: verification.reason,
            ..Outcome::default()
        };
        let told = if verification.verified { Told::Verified } else { Told::NotVerified };
        Self { state: State::Succeeded, outcome, told, detail: verification.result, screened: None }
    }

    /// Nobody saw the end; only the host knows.
    pub(super) fn reconciled(verification: Verification, why: &str) -> Self {
        let (state, told) = match verification.happened {
            Happened::Wholly => (State::Succeeded, Told::Verified),
            Happened::NotAtAll | Happened::Ended => (State::Failed, Told::Failed { exit_code: None }),
            Happened::Partly | Happened::CannotTell => (State::Unknown, Told::Unknown),
        };
        let error = (state != State::Succeeded).then(|| match &verification.reason {
            Some(reason) => format!("{why}; {reason}"),
            None => why.to_owned(),
        });
        let outcome = Outcome {
            result: Some(shown(&verification)),
            verified: Some(verification.verified),
            error,
            ..Outcome::default()
        };
        Self { state, outcome, told, detail: verification.result, screened: None }
    }

    pub(super) fn unknown(why: String) -> Self {
        let outcome = Outcome { error: Some(why), verified: Some(false), ..Outcome::default() };
        Self { state: State::Unknown, outcome, told: Told::Unknown, detail: Value::Null, screened: None }
    }

    pub(super) fn nothing_left() -> Self {
        let result = json!({"nothing_left": true});
        let outcome = Outcome { result: Some(result), verified: Some(true), ..Outcome::default() };
        Self {
            state: State::Succeeded,
            outcome,
            told: Told::NothingLeft,
            detail: Value::Null,
            screened: None,
        }
    }

    /// Whoever asked for it was frozen before it began.
    pub(super) fn frozen() -> Self {
        let error = Some("frozen before it began; nothing ran".to_owned());
        let outcome = Outcome { error, ..Outcome::default() };
        Self { state: State::Cancelled, outcome, told: Told::Frozen, detail: Value::Null, screened: None }
    }

    /// It was approved, and its time was over before it could begin.
    pub(super) fn too_late() -> Self {
        let error = Some("approved, but it could not begin in its time; nothing ran. Ask again".to_owned());
        let outcome = Outcome { error, ..Outcome::default() };
        Self { state: State::Expired, outcome, told: Told::TooLate, detail: Value::Null, screened: None }
    }

    /// It did not do what was asked, for a reason that the caller may read.
    pub(super) fn failed(why: String) -> Self {
        Self::failed_with(why, None)
    }

    /// The same, with the tool's exit status.
    pub(super) fn failed_with(why: String, exit_code: Option<i32>) -> Self {
        let outcome = Outcome { error: Some(why), exit_code, ..Outcome::default() };
        Self {
            state: State::Failed,
            outcome,
            told: Told::Failed { exit_code },
            detail: Value::Null,
            screened: None,
        }
    }
}

/// What was found, with what programs wrote about it, which the caller reads and the audit log never holds.
fn shown(verification: &Verification) -> Value {
    let mut result = verification.result.clone();
    if let (Some(output), Some(found)) = (&verification.output, result.as_object_mut()) {
        found.insert("output".to_owned(), output.clone());
    }
    result
}

/// Puts an end into its audit record.
pub(super) fn end_event(event: Event, end: &End) -> Event {
    let event = event
        .with("exit_code", json!(end.outcome.exit_code))
        .with("verified", json!(end.outcome.verified))
        .with("error", json!(end.outcome.error))
        .with("found", end.detail.clone());
    match &end.screened {
        Some(screened) => event.with("screening", screened.clone()),
        None => event,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_answer_of_which_a_part_is_missing_says_so() {
        let answer =
            |is_cut| End::read(Ok(json!({"lines": [1], "truncated": false})), is_cut).outcome.result.unwrap();
        assert_eq!(answer(true), json!({"lines": [1], "truncated": true}));
        assert_eq!(answer(false), json!({"lines": [1], "truncated": false}));
    }
}
