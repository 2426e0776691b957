//! Reads a request's body: JSON, at most 64 KiB, in its time.

use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, EXPECT};
use http::{HeaderMap, Request};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Incoming;

use super::status::Fault;

/// The longest body, in bytes.
pub(super) const MAX_BODY: usize = 64 << 10;

/// How much of a body that nobody wanted is thrown away, and how long an answer waits for that.
const MAX_THROWN_AWAY: usize = 1 << 20;
const THROWING_AWAY: Duration = Duration::from_secs(2);

/// Reads it whole.
pub(super) async fn read(request: Request<&mut Incoming>, patience: Duration) -> Result<Bytes, Fault> {
    check_length(request.headers())?;
    check_type(request.headers())?;
    whole(request, patience).await
}

/// Reads it whole, whatever type it says it is: a text for which no type was agreed.
pub(super) async fn read_text(request: Request<&mut Incoming>, patience: Duration) -> Result<Bytes, Fault> {
    check_length(request.headers())?;
    whole(request, patience).await
}

async fn whole(request: Request<&mut Incoming>, patience: Duration) -> Result<Bytes, Fault> {
    let body = Limited::new(request.into_body(), MAX_BODY).collect();
    match tokio::time::timeout(patience, body).await {
        Err(_) => Err(Fault::SlowBody),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(Fault::TooLarge),
        Ok(Err(_)) => Err(Fault::BrokenBody),
        Ok(Ok(body)) => Ok(body.to_bytes()),
    }
}

/// Whether the caller waits for leave to send its body. Asking for the body would give it leave.
pub(super) fn waits_for_leave(headers: &HeaderMap) -> bool {
    headers.contains_key(EXPECT)
}

/// Throws away what was not read, so that an answer reaches a caller that is still sending: closing on bytes that nobody
/// has read resets the connection, and HTTP/2 the stream.
pub(super) async fn finish(body: &mut Incoming) {
    let throwing = async {
        let mut left = MAX_THROWN_AWAY;
        while let Some(Ok(frame)) = body.frame().await {
            left = left.saturating_sub(frame.data_ref().map_or(0, Bytes::len));
            if left == 0 {
                return;
            }
        }
    };
    // Whatever has not come by then is not waited for.
    tokio::time::timeout(THROWING_AWAY, throwing).await.unwrap_or_default();
}

fn check_length(headers: &HeaderMap) -> Result<(), Fault> {
    let length = headers
        .get(CONTENT_LENGTH)
        .map(|length| length.to_str().ok().and_then(|text| text.parse::<usize>().ok()));
    match length {
        Some(Some(length)) if length > MAX_BODY => return Err(Fault::TooLarge),
        // hyper refuses a length that is no number; one that does not fit is too long.
        Some(None) => return Err(Fault::TooLarge),
        Some(Some(_)) | None => {}
    }
    Ok(())
}

fn check_type(headers: &HeaderMap) -> Result<(), Fault> {
    let json = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).is_some_and(is_json);
    if json { Ok(()) } else { Err(Fault::MediaType) }
}

/// `application/json`, with UTF-8 or nothing said about its characters.
fn is_json(kind: &str) -> bool {
    let (kind, parameters) = kind.split_once(';').unwrap_or((kind, ""));
    let parameters = parameters.trim();
    let utf8 = parameters.is_empty()
        || parameters.eq_ignore_ascii_case("charset=utf-8")
        || parameters.eq_ignore_ascii_case("charset=\"utf-8\"");
    kind.trim().eq_ignore_ascii_case("application/json") && utf8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_json_is_json() {
        for good in [
            "application/json",
            "Application/JSON",
            "application/json; charset=utf-8",
            "application/json ;charset=UTF-8",
        ] {
            assert!(is_json(good), "{good}");
        }
        for bad in [
            "",
            "text/plain",
            "application/jsonx",
            "application/problem+json",
            "application/json; charset=latin1",
            "application/x-www-form-urlencoded",
        ] {
            assert!(!is_json(bad), "{bad}");
        }
    }
}
