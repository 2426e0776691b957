//! Whether a message reached its person. The daemon's "success" alone does not say so.

use serde::Deserialize;
use uuid::Uuid;

use super::rpc::CallError;
use super::wire::{RecipientResult, RpcError, SendResult};
use crate::approval::identity::IdentityTrouble;
use crate::approval::people::Approver;

/// A message that reached its person's account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SentMessage {
    /// Its identity: what quotes and reactions refer to.
    pub timestamp: u64,
}

/// A message that a reply refers to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quote {
    /// The quoted message's timestamp.
    pub timestamp: u64,
    /// Who wrote it: `None` for us.
    pub author: Option<Uuid>,
    /// What is shown of it. Not the token: a quotation is seen again in notifications.
    pub text: String,
}

/// Why a message did not reach its person.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// No daemon.
    #[error("the Signal daemon is not connected")]
    Down,
    /// No answer in time, or the connection broke. The message may have arrived all the same.
    #[error("the Signal daemon did not answer; the message may have been sent")]
    Timeout,
    /// The account's identity key does not hold: whoever has the account now is not known to us.
    #[error("the recipient's identity does not hold")]
    Identity(#[source] IdentityTrouble),
    /// The server asks for patience.
    #[error("the Signal server limits the rate of messages")]
    RateLimited {
        /// How long, in seconds, when it says so.
        retry_after: Option<u64>,
    },
    /// The server wants a human to solve a captcha first.
    #[error("the Signal server wants a captcha solved")]
    NeedsCaptcha {
        /// The challenge, to be handed back with the solution.
        challenge: String,
    },
    /// The account is gone.
    #[error("the recipient has no Signal account any more")]
    Unregistered,
    /// The daemon cannot reach the server.
    #[error("the Signal server cannot be reached")]
    Network,
    /// The daemon says yes, and names nobody whom the message reached.
    #[error("the message reached nobody")]
    NoOneReached,
    /// Too many messages wait to be sent, and this one was given up.
    #[error("too many messages wait to be sent")]
    Dropped,
    /// Anything else.
    #[error("the Signal daemon refused to send (code {code})")]
    Refused {
        /// The JSON-RPC error code, or 0.
        code: i64,
    },
}

impl SendError {
    /// The metric's label.
    #[must_use]
    pub fn label(&self) -> &'static str {
        match self {
            Self::Down => "down",
            Self::Timeout => "timeout",
            Self::Identity(_) => "identity",
            Self::RateLimited { .. } => "rate_limited",
            Self::NeedsCaptcha { .. } => "captcha",
            Self::Unregistered => "unregistered",
            Self::Network => "network",
            Self::NoOneReached => "nobody",
            Self::Dropped => "dropped",
            Self::Refused { .. } => "refused",
        }
    }
}

/// What the answer to `send` means for the one recipient.
pub(super) fn judge(
    answer: Result<serde_json::Value, CallError>,
    approver: &Approver,
) -> Result<SentMessage, SendError> {
    judge_for(answer, approver.uuid)
}

/// The same, for an account.
pub(super) fn judge_for(
    answer: Result<serde_json::Value, CallError>,
    account: Uuid,
) -> Result<SentMessage, SendError> {
    match answer {
        Ok(result) => {
            let result: SendResult =
                serde_json::from_value(result).map_err(|_| SendError::Refused { code: 0 })?;
            reached(&result.results, account)?;
            result.timestamp.map(|timestamp| SentMessage { timestamp }).ok_or(SendError::Refused { code: 0 })
        }
        Err(CallError::Refused(error)) => Err(refused(&error, account)),
        Err(CallError::Timeout | CallError::Lost) => Err(SendError::Timeout),
        Err(CallError::Down) => Err(SendError::Down),
    }
}

fn reached(results: &[RecipientResult], account: Uuid) -> Result<(), SendError> {
    let mut own = results.iter().filter(|result| is_for(result, account)).peekable();
    if own.peek().is_none() {
        return Err(SendError::NoOneReached);
    }
    own.try_for_each(one_result)
}

fn is_for(result: &RecipientResult, account: Uuid) -> bool {
    let uuid = result.recipient_address.as_ref().and_then(|address| address.uuid.as_deref());
    uuid.and_then(|uuid| Uuid::try_parse(uuid).ok()) == Some(account)
}

fn one_result(result: &RecipientResult) -> Result<(), SendError> {
    // Older daemons report a wanted captcha as another failure, but always with the challenge.
    if let Some(challenge) = &result.token {
        return Err(SendError::NeedsCaptcha { challenge: challenge.clone() });
    }
    match result.kind.as_str() {
        "SUCCESS" => Ok(()),
        "IDENTITY_FAILURE" => Err(SendError::Identity(IdentityTrouble::Changed)),
        "RATE_LIMIT_FAILURE" => {
            let said = result.retry_after_seconds.and_then(|said| u64::try_from(said).ok());
            Err(SendError::RateLimited { retry_after: said })
        }
        "UNREGISTERED_FAILURE" => Err(SendError::Unregistered),
        "NETWORK_FAILURE" => Err(SendError::Network),
        _ => Err(SendError::Refused { code: 0 }),
    }
}

fn refused(error: &RpcError, account: Uuid) -> SendError {
    let response = error.data.as_ref().and_then(|data| SendResult::deserialize(data.get("response")?).ok());
    let detail = response.and_then(|response| reached(&response.results, account).err());
    match (detail, error.code) {
        (Some(SendError::NoOneReached) | None, -4) => SendError::Identity(IdentityTrouble::Changed),
        (Some(SendError::NoOneReached) | None, -5) => SendError::RateLimited { retry_after: None },
        (Some(SendError::NoOneReached) | None, -3) => SendError::Network,
        (Some(SendError::NoOneReached) | None, code) => SendError::Refused { code },
        (Some(detail), _) => detail,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::approval::people::tests::people;

    fn alice() -> Approver {
        people().named("alice").unwrap().clone()
    }

    fn entry(kind: &str) -> Value {
        json!({"recipientAddress": {"uuid": alice().uuid, "number": null}, "type": kind})
    }

    fn answered(results: Value) -> Result<SentMessage, SendError> {
        judge(Ok(json!({"timestamp": 42, "results": results})), &alice())
    }

    fn failed(code: i64, data: Value) -> SendError {
        let error = serde_json::from_value(json!({"code": code, "message": "…", "data": data})).unwrap();
        judge(Err(CallError::Refused(error)), &alice()).unwrap_err()
    }

    #[test]
    fn success_is_a_success_entry_for_the_very_recipient() {
        assert_eq!(answered(json!([entry("SUCCESS")])), Ok(SentMessage { timestamp: 42 }));
        let other =
            json!({"recipientAddress": {"uuid": people().named("bob").unwrap().uuid}, "type": "SUCCESS"});
        assert_eq!(answered(json!([other])), Err(SendError::NoOneReached));
    }

    #[test]
    fn empty_results_reached_nobody() {
        assert_eq!(answered(json!([])), Err(SendError::NoOneReached));
        assert_eq!(judge(Ok(json!({"timestamp": 42})), &alice()), Err(SendError::NoOneReached));
    }

    #[test]
    fn each_failure_has_its_name() {
        assert_eq!(
            answered(json!([entry("IDENTITY_FAILURE")])),
            Err(SendError::Identity(IdentityTrouble::Changed))
        );
        assert_eq!(answered(json!([entry("UNREGISTERED_FAILURE")])), Err(SendError::Unregistered));
        assert_eq!(answered(json!([entry("NETWORK_FAILURE")])), Err(SendError::Network));
        assert_eq!(answered(json!([entry("INVALID_PRE_KEY_FAILURE")])), Err(SendError::Refused { code: 0 }));
        assert_eq!(answered(json!([entry("SUCCESS"), entry("NETWORK_FAILURE")])), Err(SendError::Network));
    }

    #[test]
    fn a_captcha_is_known_by_its_challenge_whatever_the_type_says() {
        let mut wanted = entry("NETWORK_FAILURE");
        wanted["token"] = json!("ch-1");
        let captcha = SendError::NeedsCaptcha { challenge: "ch-1".into() };
        assert_eq!(answered(json!([wanted.clone()])), Err(captcha.clone()));
        assert_eq!(failed(-1, json!({"response": {"results": [wanted.clone()]}})), captcha);
        // The server has left out when to come again.
        wanted["retryAfterSeconds"] = json!(-1);
        assert_eq!(answered(json!([wanted.clone()])), Err(captcha.clone()));
        assert_eq!(failed(-5, json!({"response": {"results": [wanted]}})), captcha);
    }

    #[test]
    fn an_error_is_read_by_its_results_first_and_by_its_code_otherwise() {
        let mut limited = entry("RATE_LIMIT_FAILURE");
        limited["retryAfterSeconds"] = json!(86_400);
        let data = json!({"response": {"timestamp": 42, "results": [limited.clone()]}});
        assert_eq!(failed(-5, data), SendError::RateLimited { retry_after: Some(86_400) });
        limited["retryAfterSeconds"] = json!(-1);
        let data = json!({"response": {"timestamp": 42, "results": [limited]}});
        assert_eq!(failed(-5, data), SendError::RateLimited { retry_after: None });
        assert_eq!(failed(-5, json!(null)), SendError::RateLimited { retry_after: None });
        assert_eq!(failed(-4, json!(null)), SendError::Identity(IdentityTrouble::Changed));
        assert_eq!(failed(-3, json!(null)), SendError::Network);
        assert_eq!(failed(-32602, json!(null)), SendError::Refused { code: -32602 });
    }
}
