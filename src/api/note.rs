//! What goes into the audit log about callers that never reach the gate: counted for a second, then told in one note each,
//! so that no stranger can fill the log.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::refusal::Refusal;
use crate::config::difference::Difference;
use crate::gate::client::Client;
use crate::gate::protocol::{Call, NetworkEvent};
use crate::principal::PrincipalName;

/// How often notes are told.
const EVERY: Duration = Duration::from_secs(1);
/// How long the gate may take for one.
const PATIENCE: Duration = Duration::from_secs(5);
/// How many reloads are told of in one second.
const MOST_RELOADS: usize = 16;

/// What was seen since the last telling.
#[derive(Default)]
pub(super) struct Notes(Mutex<Seen>);

#[derive(Default)]
struct Seen {
    failures: HashMap<Refusal, Failures>,
    limited: HashMap<PrincipalName, u64>,
    reloads: Vec<NetworkEvent>,
}

/// Failures for one reason: whose, while they are all one peer's.
struct Failures {
    peer: Option<IpAddr>,
    certificate: Option<String>,
    count: u64,
}

impl Notes {
    /// A caller was refused for its certificate, or in its handshake.
    pub(super) fn failure(&self, reason: Refusal, peer: IpAddr, certificate: Option<&str>) {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let failures = seen.failures.entry(reason).or_insert_with(|| Failures {
            peer: Some(peer),
            certificate: certificate.map(str::to_owned),
            count: 0,
        });
        failures.count += 1;
        if failures.peer != Some(peer) {
            failures.peer = None;
        }
        if failures.certificate.as_deref() != certificate {
            failures.certificate = None;
        }
    }

    /// A request was refused for its caller's rate.
    pub(super) fn limited(&self, principal: &PrincipalName) {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match seen.limited.get_mut(principal) {
            Some(count) => *count += 1,
            None => {
                seen.limited.insert(principal.clone(), 1);
            }
        }
    }

    /// Configuration was read again: what has become another, or why nothing has.
    pub(super) fn reloaded(&self, why: Option<String>, changed: Vec<Difference>) {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.reloads.len() < MOST_RELOADS {
            seen.reloads.push(NetworkEvent::Reloaded { why, changed });
        }
    }

    /// Tells the gate once a second, for ever.
    pub(super) async fn tell(&self, gate: &Client) {
        loop {
            tokio::time::sleep(EVERY).await;
            self.tell_once(gate).await;
        }
    }

    /// Tells the gate what has been seen. What cannot be told is in the journal.
    pub(super) async fn tell_once(&self, gate: &Client) {
        for event in self.events() {
            let told = gate.call(None, Call::Note(event.clone()));
            match tokio::time::timeout(PATIENCE, told).await {
                Ok(Ok(_)) => {}
                Ok(Err(_)) | Err(_) => {
                    tracing::warn!(?event, "not in the audit log: the gate did not take it")
                }
            }
        }
    }

    fn events(&self) -> Vec<NetworkEvent> {
        let seen = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        let failures = seen.failures.into_iter().map(|(reason, failures)| NetworkEvent::AuthFailure {
            reason: reason.as_str().to_owned(),
            certificate: failures.certificate,
            peer: failures.peer.map_or_else(|| "several".to_owned(), |peer| peer.to_string()),
            count: failures.count,
        });
        let limited = seen.limited.into_iter();
        failures
            .chain(limited.map(|(principal, count)| NetworkEvent::RateLimited { principal, count }))
            .chain(seen.reloads)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_of_one_reason_are_one_note_and_name_the_peer_while_there_is_one() {
        let (one, two) = (IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2]));
        let event = |peer: &str, certificate: Option<&str>, count| NetworkEvent::AuthFailure {
            reason: "revoked".to_owned(),
            certificate: certificate.map(str::to_owned),
            peer: peer.to_owned(),
            count,
        };
        let notes = Notes::default();
        notes.failure(Refusal::Revoked, one, Some("ab"));
        notes.failure(Refusal::Revoked, one, Some("ab"));
        assert_eq!(notes.events(), [event("192.0.2.1", Some("ab"), 2)]);
        assert_eq!(notes.events(), []);
        notes.failure(Refusal::Revoked, one, Some("ab"));
        notes.failure(Refusal::Revoked, two, Some("cd"));
        notes.failure(Refusal::Revoked, one, Some("ab"));
        assert_eq!(notes.events(), [event("several", None, 3)]);
    }
}
