//! `GET /health`: what the gate said a second ago at most. Answering it asks nobody and touches no disk.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::Bytes;
use serde_json::{Value, json};

use super::server::Shared;
use crate::gate::protocol::{Answer, Call, Status};
use crate::sys::host;

/// How often the gate is asked, and how long it has to answer.
const EVERY: Duration = Duration::from_secs(1);
const PATIENCE: Duration = Duration::from_secs(2);

/// The answer, ready to be sent.
pub(super) struct Health {
    body: ArcSwap<Bytes>,
}

impl Health {
    /// Degraded, until the gate was asked.
    pub(super) fn new() -> Self {
        Self { body: ArcSwap::from_pointee(render(None)) }
    }

    /// The answer.
    pub(super) fn body(&self) -> Bytes {
        Bytes::clone(&self.body.load())
    }

    /// Asks the gate once a second, for ever.
    pub(super) async fn poll(&self, shared: &Shared) {
        loop {
            let asked = shared.gate.call(None, Call::Status);
            let status = match tokio::time::timeout(PATIENCE, asked).await {
                Ok(Ok(Answer::Status(status))) => Some(status),
                Ok(Ok(_) | Err(_)) | Err(_) => None,
            };
            self.body.store(Arc::new(render(status.as_ref())));
            tokio::time::sleep(EVERY).await;
        }
    }
}

/// What could not be asked is null, never a pass.
fn render(status: Option<&Status>) -> Bytes {
    let value = match status {
        Some(status) => {
            let well = status.audit && status.approvals != "down";
            json!({
                "status": if well { "ok" } else { "degraded" },
                "version": env!("CARGO_PKG_VERSION"),
                "host": status.host,
                "audit": status.audit,
                "approvals": status.approvals,
                "sudoers_warnings": status.sudoers_warnings,
            })
        }
        None => json!({
            "status": "degraded",
            "version": env!("CARGO_PKG_VERSION"),
            "host": host::hostname().ok(),
            "audit": Value::Null,
            "approvals": Value::Null,
            "sudoers_warnings": Value::Null,
        }),
    };
    value.to_string().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(audit: bool, approvals: &str) -> Status {
        Status {
            host: "host01".to_owned(),
            audit,
            approvals: approvals.to_owned(),
            sudoers_warnings: Some(0),
            principals: Vec::new(),
        }
    }

    fn word(status: Option<&Status>) -> String {
        let value: Value = serde_json::from_slice(&render(status)).unwrap();
        value["status"].as_str().unwrap().to_owned()
    }

    #[test]
    fn all_is_well_only_when_the_gate_says_so() {
        assert_eq!(word(Some(&status(true, "up"))), "ok");
        assert_eq!(word(Some(&status(true, "none"))), "ok");
        assert_eq!(word(Some(&status(true, "down"))), "degraded");
        assert_eq!(word(Some(&status(false, "up"))), "degraded");
        assert_eq!(word(None), "degraded");
    }

    #[test]
    fn the_answer_has_what_the_contract_names_and_no_principals() {
        let value: Value = serde_json::from_slice(&render(Some(&status(true, "up")))).unwrap();
        assert_eq!(
            value,
            json!({"status": "ok", "version": env!("CARGO_PKG_VERSION"), "host": "host01", "audit": true,
                   "approvals": "up", "sudoers_warnings": 0})
        );
    }
}
