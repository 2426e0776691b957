//! Votes that come by `POST /webhook/signal`: whose they are is said by the key that signed them, and by nothing in them.
//!
//! `reeved` hands the bytes on and has no key, so whoever takes it over can hold a vote back and cannot make one.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use serde::Deserialize;

use super::Gate;
use super::config::WebhookSettings;
use super::protocol::{Answer as GateAnswer, Problem, ProblemKind, SignedMessage};
use super::vote::Via;
use crate::approval::inbound::Inbound;
use crate::approval::people::{Approver, People};
use crate::approval::prompt::by_webhook;
use crate::audit::{Event, EventKind};
use crate::operation::Digest;
use crate::principal::PrincipalName;
use crate::webhook::{Key, is_id};

/// How many messages are remembered. An approver who sends more in so short a time is asked to wait.
const REMEMBERED: usize = 1_024;

/// Where such votes come in.
pub(super) struct Posted {
    keys: ArcSwap<Keys>,
    seen: Mutex<BTreeMap<(String, String), u64>>,
    /// In seconds since 1970: what was signed before is not known to be new.
    begun: u64,
}

/// The approvers' keys; none when no vote is taken this way.
#[derive(Debug, Default)]
pub(super) struct Keys {
    of: Vec<(String, Key)>,
    skew: Duration,
}

impl Keys {
    /// Reads the folder. Each file is an approver's, and no two approvers share a key.
    pub(super) fn load(settings: Option<&WebhookSettings>, people: &People) -> Result<Self, KeysError> {
        let Some(settings) = settings else { return Ok(Self::default()) };
        let mut of: Vec<(String, Key)> = Vec::new();
        for name in names(&settings.keys)? {
            if people.named(&name).is_none() {
                return Err(KeysError::Nobody { name });
            }
            let key = Key::read(&settings.keys.join(format!("{name}.key")))?;
            if let Some((other, _)) = of.iter().find(|(_, known)| known.is(&key)) {
                return Err(KeysError::Shared { name, other: other.clone() });
            }
            of.push((name, key));
        }
        Ok(Self { of, skew: settings.skew })
    }

    /// Whose keys there are, each with a digest that tells it from another and not what it is.
    pub(super) fn told(&self) -> BTreeMap<String, Digest> {
        self.of.iter().map(|(name, key)| (name.clone(), Digest::of_bytes(&key.mark()))).collect()
    }

    /// Whose key signed it. All are tried, so that the time taken does not tell which.
    fn signer(&self, message: &SignedMessage) -> Option<&str> {
        let SignedMessage { id, timestamp, signature, body } = message;
        let signed = |key: &Key| key.has_signed(id, *timestamp, body.as_bytes(), signature);
        self.of.iter().fold(None, |found, (name, key)| if signed(key) { Some(name.as_str()) } else { found })
    }
}

/// The approvers' keys cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// The folder cannot be listed.
    #[error("{path}: cannot be listed")]
    Folder {
        /// Which.
        path: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// One of them is none.
    #[error(transparent)]
    Key(#[from] crate::webhook::KeyError),
    /// A file is nobody's.
    #[error("webhook.keys: {name}.key: no approver is called so: remove the file, or enrol them")]
    Nobody {
        /// The name.
        name: String,
    },
    /// Two would be one voter.
    #[error("webhook.keys: {name} and {other} have the same key: make one for each")]
    Shared {
        /// The one.
        name: String,
        /// The other.
        other: String,
    },
}

fn names(folder: &Path) -> Result<Vec<String>, KeysError> {
    let failed = |source| KeysError::Folder { path: folder.display().to_string(), source };
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name().to_string_lossy().into_owned();
        // What an editor or an administrator keeps beside is no key.
        names.extend(name.strip_suffix(".key").map(str::to_owned));
    }
    names.sort_unstable();
    Ok(names)
}

/// What is posted. That it has no field for who votes is the point of it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    text: String,
}

impl Posted {
    /// With these keys, from now on, in milliseconds since 1970.
    pub(super) fn new(keys: Keys, now: u64) -> Self {
        Self { keys: ArcSwap::from_pointee(keys), seen: Mutex::default(), begun: now / 1000 }
    }

    /// With other keys from now on.
    pub(super) fn set(&self, keys: Keys) {
        self.keys.store(Arc::new(keys));
    }

    /// What is in force.
    pub(super) fn told(&self) -> BTreeMap<String, Digest> {
        self.keys.load().told()
    }

    /// Who signed it, if it is of now and was not here before.
    fn author(&self, message: &SignedMessage, now: u64) -> Result<String, Refused> {
        let keys = self.keys.load();
        if keys.of.is_empty() {
            return Err(Refused::Off);
        }
        let name = keys.signer(message).filter(|_| is_id(&message.id)).ok_or(Refused::Unsigned)?;
        let (now, skew) = (now / 1000, keys.skew.as_secs());
        if message.timestamp.abs_diff(now) > skew || message.timestamp <= self.begun {
            return Err(Refused::Time);
        }
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.retain(|_, at| at.saturating_add(skew) >= now);
        let own = seen.keys().filter(|(who, _)| who == name).count();
        let key = (name.to_owned(), message.id.clone());
        if seen.contains_key(&key) {
            return Err(Refused::Again);
        }
        if own >= REMEMBERED {
            return Err(Refused::TooMany);
        }
        seen.insert(key, message.timestamp);
        Ok(name.to_owned())
    }
}

/// Why a posted message is not heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refused {
    Off,
    Unsigned,
    Time,
    Again,
    TooMany,
}

impl Refused {
    /// The word in the record.
    fn reason(self) -> &'static str {
        match self {
            Self::Off => "webhook_off",
            Self::Unsigned => "webhook_signature",
            Self::Time => "webhook_time",
            Self::Again => "webhook_replay",
            Self::TooMany => "webhook_rate",
        }
    }

    fn problem(self) -> Problem {
        let (kind, detail) = match self {
            Self::Off => (ProblemKind::NotFound, "no vote is taken this way on this host"),
            Self::Unsigned => (ProblemKind::Forbidden, "no approver's key signed this"),
            Self::Time => (
                ProblemKind::Forbidden,
                "it was signed too long ago, before the gate began, or by a clock that is wrong; sign it anew",
            ),
            Self::Again => (ProblemKind::Forbidden, "a message of this id was here already"),
            Self::TooMany => (ProblemKind::Busy, "too many messages of this approver; wait a minute"),
        };
        Problem::new(kind, detail)
    }
}

impl Gate {
    /// Takes a message as if its signer had sent it on Signal: the same is judged, checked, recorded and answered.
    pub(super) async fn posted(
        self: &Arc<Self>,
        caller: &PrincipalName,
        message: SignedMessage,
    ) -> Result<GateAnswer, Problem> {
        let name = match self.posted.author(&message, self.now_ms()) {
            Ok(name) => name,
            Err(Refused::Off) => return Err(Refused::Off.problem()),
            Err(refused) => {
                let event = Event::new(EventKind::AuthFailure)
                    .principal(caller.as_str())
                    .with("reason", refused.reason());
                self.record(event).await?;
                return Err(refused.problem());
            }
        };
        // A list would be read as the fields in their order.
        let object = message.body.trim_start().starts_with('{').then_some(message.body.as_str());
        let body: Body = serde_json::from_str(object.unwrap_or_default()).map_err(|_other| Problem {
            pointer: Some("/text".to_owned()),
            ..Problem::new(
                ProblemKind::Invalid,
                "the body is {\"text\": \"…\"} and nothing else; who votes is said by the key that signs",
            )
        })?;
        let people = self.people.load_full();
        let signer = people.named(&name).ok_or_else(|| Refused::Unsigned.problem())?;
        let inbound = Inbound {
            sender_uuid: signer.uuid,
            device: 0,
            timestamp: message.timestamp.saturating_mul(1000),
            server_received: None,
            quote_of: None,
            text: Some(body.text),
            reaction: None,
            edited: false,
            group: None,
        };
        let Some(understood) = self.understood(&inbound, Via::Webhook).await else {
            return Err(Problem {
                pointer: Some("/text".to_owned()),
                ..Problem::new(
                    ProblemKind::Invalid,
                    "is neither CONFIRM nor DENY with a token, nor FREEZE or THAW",
                )
            });
        };
        let text = understood.text();
        self.tell_of_posted(understood.sender, text);
        match understood.heard {
            Ok(counts) => Ok(GateAnswer::Done(counts.text())),
            Err(does_not) => Err(Problem::new(ProblemKind::TooLate, does_not.text())),
        }
    }

    /// Who signs hears of it in the chat, so that a key in other hands is noticed.
    fn tell_of_posted(&self, signer: Approver, answer: String) {
        let channel = self.channel.clone();
        tokio::spawn(async move {
            let text = by_webhook(&answer);
            if let Err(error) = channel.tell(&signer, &text, None).await {
                tracing::warn!(
                    approver = signer.name,
                    error = &error as &dyn std::error::Error,
                    "who signed a vote was not told of it"
                );
            }
        });
    }
}
