//! What the server and the phones do besides carrying messages: limits, captchas, receipts, notes to ourselves, and how old
//! the daemon is.

use serde_json::{Value, json};

use super::world::{State, World};

/// The version that the stand-in says it is, unless it is told otherwise: none that grows old.
const VERSION: &str = "0.99.0";
/// The solution that the server takes.
const SOLUTION: &str = "signalcaptcha://solved";

/// What is so until it is set otherwise.
#[derive(Debug, Clone)]
pub(super) struct Trouble {
    pub(super) version: String,
    /// So many messages are not taken, for so many seconds.
    limit: Option<(u32, u64)>,
    /// Before this challenge is solved.
    challenge: Option<String>,
    /// Whether phones say what they got.
    pub(super) receipts: bool,
    /// This call is not answered.
    pub(super) withheld: Option<String>,
    /// Whether the server takes notes to ourselves, and whether they come back.
    notes: (bool, bool),
}

impl Default for Trouble {
    fn default() -> Self {
        let version = VERSION.to_owned();
        Self { version, limit: None, challenge: None, receipts: true, withheld: None, notes: (true, false) }
    }
}

/// What is to be otherwise.
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Change {
    /// The next messages are not taken for some seconds.
    Limit { times: u32, retry_after: u64 },
    /// No message is taken before this challenge is solved; an empty one is none.
    Captcha(String),
    /// Whether phones say what they got.
    Receipts(bool),
    /// Whether notes to ourselves are taken, and come back.
    Notes { taken: bool, back: bool },
    /// Calls of this name are not answered; an empty name is none.
    Withhold(String),
    /// The daemon is of another version.
    Version(String),
    /// Somebody reads all that they were sent.
    Read(String),
}

impl World {
    pub(super) fn change(&self, change: Change) -> Value {
        let mut state = self.state();
        match change {
            Change::Limit { times, retry_after } => state.trouble.limit = Some((times, retry_after)),
            Change::Captcha(challenge) => {
                state.trouble.challenge = Some(challenge).filter(|challenge| !challenge.is_empty());
            }
            Change::Receipts(receipts) => state.trouble.receipts = receipts,
            Change::Notes { taken, back } => state.trouble.notes = (taken, back),
            Change::Withhold(method) => state.trouble.withheld = Some(method),
            Change::Version(version) => state.trouble.version = version,
            Change::Read(who) => {
                let Some(person) = state.person(&who) else {
                    return json!({"error": "nobody has this name"});
                };
                let all: Vec<u64> =
                    state.sent.iter().filter(|sent| sent.to == who).map(|sent| sent.timestamp).collect();
                state.receipt(&person.uuid, &all, true);
            }
        }
        json!({})
    }
}

impl State {
    /// Why the server does not take a message now.
    pub(super) fn not_taken(&mut self, address: &Value) -> Option<Value> {
        let timestamp = self.new_timestamp();
        let trouble = &mut self.trouble;
        let mut result = json!({"recipientAddress": address, "type": "RATE_LIMIT_FAILURE"});
        let result_map = result.as_object_mut()?;
        if let Some(challenge) = &trouble.challenge {
            result_map.insert("token".to_owned(), json!(challenge));
            result_map.insert("retryAfterSeconds".to_owned(), json!(86_400));
        } else {
            let (times, retry_after) = trouble.limit.filter(|(times, _)| *times > 0)?;
            trouble.limit = Some((times - 1, retry_after));
            result_map.insert("retryAfterSeconds".to_owned(), json!(retry_after));
        }
        let response = json!({"timestamp": timestamp, "results": [result]});
        Some(json!({"code": -5, "message": "Failed to send message", "data": {"response": response}}))
    }

    /// A phone says what it got, or what was read on it.
    pub(super) fn receipt(&mut self, from: &str, of: &[u64], is_read: bool) {
        if !self.trouble.receipts {
            return;
        }
        let now = self.new_timestamp();
        let params = json!({"account": self.account, "envelope": {
            "source": from, "sourceNumber": null, "sourceUuid": from, "sourceDevice": 1, "timestamp": now,
            "receiptMessage": {"when": now, "isDelivery": !is_read, "isRead": is_read, "isViewed": false, "timestamps": of},
        }});
        self.deliver(params);
    }

    /// A note of the account to itself.
    pub(super) fn note(&mut self, params: &Value) -> Result<Value, Value> {
        let (taken, back) = self.trouble.notes;
        let timestamp = self.new_timestamp();
        let own = self.own_uuid.clone();
        let address = json!({"uuid": own, "number": self.account, "username": null});
        if !taken {
            let result = json!({"recipientAddress": address, "type": "NETWORK_FAILURE"});
            let response = json!({"timestamp": timestamp, "results": [result]});
            return Err(
                json!({"code": -3, "message": "Failed to send message", "data": {"response": response}}),
            );
        }
        if back {
            let params = json!({"account": self.account, "envelope": {
                "source": own, "sourceUuid": own, "sourceDevice": 1, "timestamp": timestamp,
                "syncMessage": {"sentMessage": {"message": params.get("message"), "timestamp": timestamp}},
            }});
            self.deliver(params);
        }
        Ok(json!({"timestamp": timestamp, "results": [{"recipientAddress": address, "type": "SUCCESS"}]}))
    }

    /// Takes the solution of a challenge.
    pub(super) fn solve(&mut self, params: &Value) -> Result<Value, Value> {
        let challenge = params.get("challenge").and_then(Value::as_str);
        let is_solved = challenge.is_some()
            && challenge == self.trouble.challenge.as_deref()
            && params.get("captcha").and_then(Value::as_str) == Some(SOLUTION);
        if !is_solved {
            return Err(json!({"code": -6, "message": "Captcha rejected", "data": null}));
        }
        self.trouble.challenge = None;
        Ok(json!({}))
    }
}
