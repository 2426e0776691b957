//! Alarms over HTTP: to a webhook, signed, and to an ntfy server.

use std::path::Path;
use std::time::SystemTime;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use http::{Method, Request, request};
use http_body_util::Full;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use url::Url;
use zeroize::Zeroizing;

use super::millis;
use crate::alarm::Alarm;
use crate::cli::host::https;
use crate::secret::Secret;
use crate::webhook::{HEADERS, Key};

/// A server, and the authorities that its certificate may be from.
type Server<'a> = (&'a Url, &'a Path);

/// POSTs it as JSON, with the signature of the key over id, time and body.
pub(super) async fn webhook(
    server: Server<'_>,
    key: &Key,
    alarm: &Alarm,
    now: SystemTime,
) -> Result<(), String> {
    let body = json!({"type": "reeve.alarm", "id": alarm.id, "host": alarm.host, "what": alarm.what,
        "text": alarm.text, "time": rfc3339(alarm.at)});
    let body = Bytes::from(body.to_string());
    let timestamp = millis(now) / 1000;
    let signature = key.sign(&alarm.id, timestamp, &body);
    let [id_header, time_header, signature_header] = HEADERS;
    let request = https::request(Method::POST, server.0)
        .header(id_header, &alarm.id)
        .header(time_header, timestamp)
        .header(signature_header, signature);
    post(server, request, body).await
}

/// POSTs it as ntfy's JSON, which names the topic in the body.
pub(super) async fn ntfy(
    server: Server<'_>,
    topic: &str,
    token: Option<&Secret>,
    alarm: &Alarm,
) -> Result<(), String> {
    let body: Value = json!({"topic": topic, "title": format!("reeve · {}", alarm.host), "message": alarm.text,
        "priority": 5, "tags": ["rotating_light"]});
    let mut request = https::request(Method::POST, server.0);
    if let Some(token) = token {
        let text = token.expose_text().map_err(|error| error.to_string())?;
        let bearer = Zeroizing::new(format!("Bearer {}", text.trim()));
        let mut value = HeaderValue::from_str(&bearer).map_err(|_not_text| "the token is none")?;
        value.set_sensitive(true);
        request = request.header(AUTHORIZATION, value);
    }
    post(server, request, Bytes::from(body.to_string())).await
}

/// What counts is that the server says that it has it. Where it points to, nobody goes.
async fn post((url, ca): Server<'_>, request: request::Builder, body: Bytes) -> Result<(), String> {
    let request: Request<Full<Bytes>> = request
        .header(CONTENT_TYPE, "application/json")
        .body(Full::new(body))
        .map_err(|error| error.to_string())?;
    let tls = https::client(ca)?;
    let status = https::send(&tls, url, request).await?.status();
    if status.is_success() { Ok(()) } else { Err(format!("the server answers {status}")) }
}

fn rfc3339(millis: u64) -> String {
    let seconds = i64::try_from(millis / 1000).unwrap_or_default();
    let time = OffsetDateTime::from_unix_timestamp(seconds).ok().and_then(|time| time.format(&Rfc3339).ok());
    time.unwrap_or_default()
}
