//! `POST /webhook/signal`: handed on as it is. Whether somebody signed it is for the gate to say; here is no key.

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde_json::json;

use super::answer::{self, Answer as Reply};
use super::endpoint::{Asked, Failure, SOON, mismatch};
use crate::gate::protocol::{Answer, Call, SignedMessage};
use crate::operation::Invalid;

/// The longest header that is handed on.
const MOST_HEADER: usize = 1024;

/// Hands a signed message on.
pub(super) async fn hand_on(asked: &Asked<'_>, headers: &HeaderMap, body: Bytes) -> Result<Reply, Failure> {
    let body = String::from_utf8(body.to_vec()).map_err(|_other| wrong("", "is not UTF-8"))?;
    let timestamp = header(headers, "webhook-timestamp")?
        .parse()
        .map_err(|_other| wrong("webhook-timestamp", "is the seconds since 1970"))?;
    let message = SignedMessage {
        id: header(headers, "webhook-id")?,
        timestamp,
        signature: header(headers, "webhook-signature")?,
        body,
    };
    let Answer::Done(said) = asked.gate(Call::Post(message), SOON).await? else { return Err(mismatch()) };
    Ok(answer::json(StatusCode::OK, &json!({"answer": said})))
}

/// One value, in letters that can be seen.
fn header(headers: &HeaderMap, name: &'static str) -> Result<String, Failure> {
    let mut all = headers.get_all(name).iter();
    let (Some(value), None) = (all.next(), all.next()) else { return Err(wrong(name, "is needed, once")) };
    match value.to_str() {
        Ok(text) if text.len() <= MOST_HEADER => Ok(text.to_owned()),
        Ok(_) | Err(_) => Err(wrong(name, "is too long, or not plain text")),
    }
}

fn wrong(name: &str, problem: &str) -> Failure {
    let what = if name.is_empty() { "the body".to_owned() } else { format!("the header {name}") };
    Failure::from(crate::gate::protocol::Problem::from(Invalid::here(format!("{what} {problem}"))))
}
