//! Looking at operations: one, as long as the caller likes to wait for it, and many.

use std::time::Duration;

use http::StatusCode;
use serde_json::json;

use super::answer::{self, Answer as Reply};
use super::endpoint::{Asked, Failure, SOON, mismatch};
use super::query::Query;
use super::status::{self, Fault};
use crate::gate::protocol::{Answer, Call, Envelope, State};

/// How long a caller may wait, in seconds.
const LONGEST_WAIT: u64 = 300;
/// How many operations a page has, when nothing else is asked for, and at most.
const PAGE: u32 = 50;
const LONGEST_PAGE: u32 = 200;

/// `GET /host/op/{id}`: at once, or when the operation is final, or when the wait is over.
pub(super) async fn one(asked: &Asked<'_>, id: String, mut query: Query) -> Result<Reply, Failure> {
    let wait = wait(query.take("wait"))?;
    query.finish()?;
    let clock = &asked.shared.clock;
    let deadline = clock.boot() + wait;
    let mut envelope = get(asked, &id, Duration::ZERO, 0).await?;
    loop {
        let left = deadline.saturating_sub(clock.boot());
        if envelope.is_final || left.is_zero() {
            return Ok(status::operation(&envelope));
        }
        let seen = envelope.version;
        envelope = tokio::select! {
            // A server that ends answers with what is known; the caller comes back to the next one.
            () = asked.shared.stop.cancelled() => return Ok(status::operation(&envelope)),
            next = get(asked, &id, left, seen) => next?,
        };
        if envelope.version == seen {
            return Ok(status::operation(&envelope));
        }
    }
}

/// An operation's envelope, once its version is past `seen` or the wait is over.
pub(super) async fn get(asked: &Asked<'_>, id: &str, wait: Duration, seen: u64) -> Result<Envelope, Failure> {
    let wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
    let call = Call::Get { op: id.to_owned(), wait_ms, seen };
    envelope(asked.gate(call, wait + SOON).await?)
}

/// `GET /host/op`: a page of operations.
pub(super) async fn list(asked: &Asked<'_>, mut query: Query) -> Result<Reply, Failure> {
    let call = Call::List {
        state: query.take("state").map(|word| state(&word)).transpose()?,
        kind: query.take("kind"),
        cursor: query.take("cursor"),
        limit: query.take("limit").map_or(Ok(PAGE), |text| limit(&text))?,
    };
    query.finish()?;
    let listed = asked.gate(call, SOON).await?;
    let Answer::Operations { operations, next } = listed else { return Err(mismatch()) };
    Ok(answer::json(StatusCode::OK, &json!({"operations": operations, "next": next})))
}

/// The envelope in the gate's answer.
pub(super) fn envelope(answer: Answer) -> Result<Envelope, Failure> {
    let Answer::Operation(envelope) = answer else { return Err(mismatch()) };
    Ok(*envelope)
}

fn wait(text: Option<String>) -> Result<Duration, Fault> {
    let Some(text) = text else { return Ok(Duration::ZERO) };
    match whole(&text) {
        Some(seconds) if seconds <= LONGEST_WAIT => Ok(Duration::from_secs(seconds)),
        Some(_) | None => Err(Fault::Wait),
    }
}

fn limit(text: &str) -> Result<u32, Fault> {
    let number = whole(text).and_then(|number| u32::try_from(number).ok());
    number.filter(|number| (1..=LONGEST_PAGE).contains(number)).ok_or(Fault::Query)
}

/// A whole number in digits alone.
fn whole(text: &str) -> Option<u64> {
    let digits = (1..=9).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    if digits { text.parse().ok() } else { None }
}

fn state(word: &str) -> Result<State, Fault> {
    State::ALL.into_iter().find(|state| state.as_str() == word).ok_or(Fault::Query)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_whole_seconds_up_to_five_minutes() {
        for (text, wanted) in [("0", 0), ("17", 17), ("300", 300)] {
            assert_eq!(wait(Some(text.to_owned())), Ok(Duration::from_secs(wanted)));
        }
        assert_eq!(wait(None), Ok(Duration::ZERO));
        for bad in ["", "301", "-1", "+1", "1.5", "1s", " 1", "NaN", "99999999999999999999"] {
            assert_eq!(wait(Some(bad.to_owned())), Err(Fault::Wait), "{bad}");
        }
    }

    #[test]
    fn a_page_has_one_to_two_hundred_and_a_state_is_one_of_ours() {
        assert_eq!((limit("1"), limit("200")), (Ok(1), Ok(200)));
        for bad in ["0", "201", "x"] {
            assert_eq!(limit(bad), Err(Fault::Query), "{bad}");
        }
        assert_eq!(state("pending"), Ok(State::Pending));
        assert_eq!(state("Pending"), Err(Fault::Query));
    }
}
