//! The requests that are made, and what an answer that is none of signal-cli's means.

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{Method, Request, StatusCode};
use http_body_util::Full;
use serde_json::{Value, json};
use url::Url;

use crate::cli::host::https;

/// What a call of the gate's comes to: its result, or a JSON-RPC error.
pub(super) type Answer = Result<Value, Value>;

/// signal-cli's code for what went wrong inside.
const INTERNAL: i64 = -32603;
/// How much of a server's own words goes to the log.
const WORDS: usize = 200;

pub(super) fn get(url: &Url) -> Result<Request<Full<Bytes>>, String> {
    https::request(Method::GET, url).body(Full::default()).map_err(|error| error.to_string())
}

pub(super) fn with_json(method: Method, url: &Url, body: &Value) -> Result<Request<Full<Bytes>>, String> {
    let bytes = serde_json::to_vec(body).map_err(|error| error.to_string())?;
    https::request(method, url)
        .header(CONTENT_TYPE, "application/json")
        .body(Full::new(bytes.into()))
        .map_err(|error| error.to_string())
}

/// A JSON-RPC error.
pub(super) fn error(code: i64, message: &str) -> Value {
    json!({"code": code, "message": message})
}

/// For a status below 500 the server has done nothing, and the gate may hear that; after any other nobody knows, and the
/// connection ends, which the gate takes for "may have been done".
pub(super) fn not_done(status: StatusCode, body: &Bytes) -> Result<Answer, String> {
    let hint = match status.as_u16() {
        421 => {
            "; it is reached by a name that it does not know: let `url` be the address that it was given with --http"
        }
        401 | 403 => "; it wants to know who asks: give it a certificate",
        300..=399 => "; it leads elsewhere, where nobody goes: let `url` be the place itself",
        404 | 405 => "; is it what `transport` says?",
        _ => "",
    };
    let words: String = String::from_utf8_lossy(body).chars().take(WORDS).collect();
    let said = format!("the server answers {status}{hint} {words}");
    if status.is_client_error() || status.is_redirection() {
        super::said(&said);
        return Ok(Err(error(INTERNAL, &format!("the server answers {status}"))));
    }
    Err(said)
}
