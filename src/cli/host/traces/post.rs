//! One request to the collector, and what its answer means.

use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use http::{Method, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use zeroize::Zeroizing;

use crate::cli::host::https;
use crate::trace::config::TracesConfig;
use crate::trace::{Span, otlp};

/// How long one attempt may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// How much of an answer is read.
const MOST_ANSWER: usize = 64 << 10;
/// The longest pause that a collector may ask for.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// What became of a request.
pub(super) enum Answer {
    /// The collector has it, but for so many spans.
    Taken { refused: u64 },
    /// It will not have it.
    Refused(String),
    /// It may have it later; not before that, where it says so.
    Later(String, Option<Duration>),
}

/// Sends these spans.
pub(super) async fn send(config: &TracesConfig, spans: &[Span], host: &str) -> Answer {
    match tokio::time::timeout(PATIENCE, attempt(config, spans, host)).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(problem)) => Answer::Later(problem, None),
        Err(_elapsed) => Answer::Later(format!("no answer within {} s", PATIENCE.as_secs()), None),
    }
}

async fn attempt(config: &TracesConfig, spans: &[Span], host: &str) -> Result<Answer, String> {
    let mut request = https::request(Method::POST, &config.endpoint).header(CONTENT_TYPE, "application/json");
    if let Some(reference) = &config.token {
        let token = super::token(reference)?;
        let none = || format!("{reference}: holds no token");
        let text =
            Zeroizing::new(format!("Bearer {}", token.expose_text().map_err(|_not_text| none())?.trim()));
        let mut value = HeaderValue::from_str(&text).map_err(|_not_text| none())?;
        value.set_sensitive(true);
        request = request.header(AUTHORIZATION, value);
    }
    let body = otlp::request(spans, host).to_string();
    let request = request.body(Full::new(Bytes::from(body))).map_err(|error| error.to_string())?;
    let tls = https::client(&config.ca)?;
    let answer = https::send(&tls, &config.endpoint, request).await?;
    let status = answer.status();
    let pause = answer.headers().get(RETRY_AFTER).and_then(seconds);
    if status.is_success() {
        let body = Limited::new(answer.into_body(), MOST_ANSWER).collect().await;
        let body = body.map(http_body_util::Collected::to_bytes).unwrap_or_default();
        return Ok(Answer::Taken { refused: otlp::refused(&body) });
    }
    let said = format!("the collector answers {status}");
    Ok(if may_pass(status) { Answer::Later(said, pause) } else { Answer::Refused(said) })
}

/// As the specification of OTLP lists them; everything else is not tried again.
fn may_pass(status: StatusCode) -> bool {
    [
        StatusCode::TOO_MANY_REQUESTS,
        StatusCode::BAD_GATEWAY,
        StatusCode::SERVICE_UNAVAILABLE,
        StatusCode::GATEWAY_TIMEOUT,
    ]
    .contains(&status)
}

/// `Retry-After` in seconds; a date is left to our own pauses.
fn seconds(value: &HeaderValue) -> Option<Duration> {
    let seconds = value.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds).min(LONGEST_PAUSE))
}
