//! Azure AI Content Safety itself: each piece is asked about as a prompt and as a document, and only what says no twice is harmless.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::StatusCode;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::Response;
use serde::Deserialize;
use serde_json::json;
use tokio::time::Instant;
use url::Url;

use super::config::ShieldsConfig;
use super::look::Judge;
use super::wire::Why;
use crate::vault::{CredentialKind, Identity};

/// What the token is for.
const SCOPE: &str = "https://cognitiveservices.azure.com/.default";
const PATH: &str = "/contentsafety/text:shieldPrompt?api-version=2024-09-01";
/// No answer of Azure's comes near this.
const LONGEST_ANSWER: usize = 64 << 10;
/// How long to wait where Azure does not say how long.
const PAUSE: Duration = Duration::from_secs(1);
/// For so long at most nobody asks, whatever Azure says: without an answer every text is in doubt.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// A resource of Azure AI Content Safety, asked as this host.
pub(super) struct ContentSafety {
    identity: Arc<Identity>,
    url: Url,
    /// Until when nobody is to ask, for all pieces alike.
    rests_until: Mutex<Option<Instant>>,
}

/// What of an answer counts. Whatever is missing, it does not say it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Said {
    user_prompt_analysis: Analysis,
    documents_analysis: [Analysis; 1],
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Analysis {
    attack_detected: bool,
}

impl ContentSafety {
    /// Begins to find out who the host is.
    pub(super) fn new(
        config: &ShieldsConfig,
        environment: impl Fn(&str) -> Option<String> + Send + Sync + 'static,
    ) -> Result<Self, String> {
        let identity = Arc::new(Identity::new(&config.azure, environment)?);
        let url = config.endpoint.join(PATH).map_err(|error| format!("endpoint: {error}"))?;
        let early = Arc::clone(&identity);
        tokio::spawn(async move { early.token(SCOPE).await });
        Ok(Self { identity, url, rests_until: Mutex::default() })
    }

    /// Waits until one may ask.
    async fn turn(&self, until: Instant) -> Result<(), Why> {
        let rests = *self.rests_until.lock().unwrap_or_else(PoisonError::into_inner);
        match rests {
            Some(rests) if rests >= until => Err(Why::Throttled),
            Some(rests) => {
                tokio::time::sleep_until(rests).await;
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn rest(&self, answer: &Response) {
        let header = answer.headers().get(RETRY_AFTER);
        let rests = Instant::now() + pause(header.and_then(|value| value.to_str().ok()));
        let mut until = self.rests_until.lock().unwrap_or_else(PoisonError::into_inner);
        *until = Some(until.map_or(rests, |known| known.max(rests)));
    }

    async fn ask(&self, body: Vec<u8>) -> Result<Response, Why> {
        let token = self.identity.token(SCOPE).await.map_err(|_told| Why::NoToken)?;
        let asked = self.identity.http().post(self.url.clone()).bearer_auth(token);
        let sent = asked.header(CONTENT_TYPE, "application/json").body(body).send().await;
        sent.map_err(|error| {
            tracing::warn!(error = &error.without_url() as &dyn std::error::Error, "Azure cannot be asked");
            Why::Unreachable
        })
    }
}

impl Judge for ContentSafety {
    fn credential(&self) -> Option<CredentialKind> {
        self.identity.answered()
    }

    async fn judge(&self, piece: &str, until: Instant) -> Result<bool, Why> {
        let body = json!({ "userPrompt": piece, "documents": [piece] }).to_string().into_bytes();
        let mut is_renewed = false;
        loop {
            self.turn(until).await?;
            let answer = self.ask(body.clone()).await?;
            match answer.status() {
                StatusCode::OK => return said(&read(answer).await?),
                StatusCode::TOO_MANY_REQUESTS => self.rest(&answer),
                StatusCode::SERVICE_UNAVAILABLE if answer.headers().contains_key(RETRY_AFTER) => {
                    self.rest(&answer);
                }
                // A token may end between its look at the clock and Azure's, or be from before a role was given.
                StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN if !is_renewed => {
                    is_renewed = true;
                    self.identity.forget();
                }
                status => {
                    tracing::warn!(%status, "Azure refuses to say what a text is");
                    return Err(Why::Refused);
                }
            }
        }
    }
}

/// How long to rest, by what Azure says of it.
fn pause(said: Option<&str>) -> Duration {
    let seconds: Option<u64> = said.and_then(|value| value.trim().parse().ok());
    seconds.map_or(PAUSE, |seconds| Duration::from_secs(seconds).clamp(PAUSE, LONGEST_PAUSE))
}

async fn read(mut answer: Response) -> Result<Vec<u8>, Why> {
    let mut body = Vec::new();
    while let Some(part) = answer.chunk().await.map_err(|_broken| Why::Unreachable)? {
        body.extend_from_slice(&part);
        if body.len() > LONGEST_ANSWER {
            return Err(Why::Unreadable);
        }
    }
    Ok(body)
}

fn said(body: &[u8]) -> Result<bool, Why> {
    let said: Said = serde_json::from_slice(body).map_err(|_error| {
        tracing::warn!("Azure's answer does not say what the text is");
        Why::Unreadable
    })?;
    let [document] = said.documents_analysis;
    Ok(said.user_prompt_analysis.attack_detected || document.attack_detected)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_harmless_as_a_prompt_and_as_a_document_is_harmless() {
        let answer = |prompt: &str, document: &str| {
            let text = format!(
                r#"{{"userPromptAnalysis":{{"attackDetected":{prompt}}},"documentsAnalysis":[{{"attackDetected":{document}}}]}}"#
            );
            said(text.as_bytes())
        };
        assert_eq!(answer("false", "false"), Ok(false));
        for (prompt, document) in [("true", "false"), ("false", "true"), ("true", "true")] {
            assert_eq!(answer(prompt, document), Ok(true));
        }
        assert_eq!(answer("null", "false"), Err(Why::Unreadable));
        assert_eq!(answer("\"false\"", "false"), Err(Why::Unreadable));
    }

    #[test]
    fn azure_says_how_long_to_rest_and_neither_not_at_all_nor_for_ever() {
        assert_eq!(pause(Some("7")), Duration::from_secs(7));
        for (said, rests) in
            [(Some("0"), PAUSE), (Some("4000000000"), LONGEST_PAUSE), (Some("-1"), PAUSE), (None, PAUSE)]
        {
            assert_eq!(pause(said), rests, "{said:?}");
        }
    }

    #[test]
    fn an_answer_in_which_a_field_is_missing_is_none() {
        for text in [
            "{}",
            "",
            "null",
            r#"{"userPromptAnalysis":{"attackDetected":false}}"#,
            r#"{"documentsAnalysis":[{"attackDetected":false}]}"#,
            r#"{"userPromptAnalysis":{},"documentsAnalysis":[{"attackDetected":false}]}"#,
            r#"{"userPromptAnalysis":{"attackDetected":false},"documentsAnalysis":[]}"#,
            r#"{"userPromptAnalysis":{"attackDetected":false},"documentsAnalysis":[{}]}"#,
            r#"{"userPromptAnalysis":{"attackDetected":false},"documentsAnalysis":[{"attackDetected":false},{"attackDetected":true}]}"#,
        ] {
            assert_eq!(said(text.as_bytes()), Err(Why::Unreadable), "{text}");
        }
    }
}
