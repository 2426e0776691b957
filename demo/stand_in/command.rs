//! The people's side: read, answer, break. One JSON object a line, as `{"do": "say", "as": "alice", "text": "hello"}`.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use super::faults::Faults;
use super::trouble::Change;
use super::world::{World, identity};

/// What a test, a demo or a person at the terminal wants done.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Command {
    /// What a person was sent; waits until there are `count` messages, for at most `patience_ms`.
    Messages {
        of: String,
        #[serde(default)]
        count: usize,
        /// How many of the first ones are known already and left out.
        #[serde(default)]
        known: usize,
        #[serde(default)]
        patience_ms: u64,
    },
    /// A person writes, or reacts.
    Say(Box<Say>),
    /// A person's account gets a new identity key, as after a new phone or a stolen number.
    NewIdentity {
        of: String,
        fingerprint: String,
        trust: String,
        /// Whether what they send with it is kept from readers until somebody trusts it, as the daemon does that never
        /// trusts a new key by itself.
        #[serde(default)]
        unread: bool,
    },
    /// The server, the phones or the daemon behave otherwise from now on.
    Change { to: Change },
    /// From now on this goes wrong; what is left out goes right again.
    Fault(Faults),
    /// What is sent from now on is under way until it is released.
    Hold,
    /// What was held arrives, the last first if so wished.
    Release {
        #[serde(default)]
        reversed: bool,
    },
    /// Everything that was delivered comes again, as after a crash of the daemon.
    Redeliver,
    /// Every connection is dropped.
    Drop,
    /// How many receive.
    Listeners,
    /// Any notification, as it is.
    Raw { params: Value },
}

/// One message of a person.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Say {
    /// Who.
    #[serde(rename = "as")]
    pub(crate) who: String,
    /// The text.
    pub(crate) text: Option<String>,
    /// The emoji of a reaction to the message `quote`.
    pub(crate) emoji: Option<String>,
    /// The timestamp of the message that is quoted or reacted to.
    pub(crate) quote: Option<u64>,
    /// Whose message that is said to be: ours unless told otherwise.
    pub(crate) quote_author: Option<String>,
    /// Another sender than the person.
    pub(crate) sender: Option<String>,
    /// 1 is the phone.
    pub(crate) device: Option<u32>,
    /// When the server took it, in milliseconds.
    pub(crate) server_ms: Option<u64>,
    /// Whether it is an edit of an older message.
    pub(crate) edit: bool,
    /// The group it is sent to.
    pub(crate) group: Option<String>,
    /// How often it is delivered beyond the first time.
    pub(crate) again: u32,
    /// How many days ago it was sent and the server took it.
    pub(crate) late_days: u64,
    /// Whether it never arrives.
    pub(crate) lost: bool,
    /// Whether it takes the reaction back.
    pub(crate) removed: bool,
    /// The daemon's complaint about it.
    pub(crate) exception: Option<String>,
}

/// A day, in the clock of messages.
const DAY_MS: u64 = 86_400_000;

impl World {
    /// Does it, and tells what there is to tell.
    pub(crate) fn command(&self, command: Command) -> Value {
        match command {
            Command::Messages { of, count, known, patience_ms } => {
                let patience = Duration::from_millis(patience_ms);
                let sent = self.wait_for_messages_after(&of, (known, count), patience);
                let shown = |m: &super::world::Sent| json!({"timestamp": m.timestamp, "text": m.text, "quote": m.quote, "edited": m.edited});
                json!({"messages": sent.iter().map(shown).collect::<Vec<_>>()})
            }
            Command::Say(say) => self.say(&say),
            Command::NewIdentity { of, fingerprint, trust, unread } => {
                let mut state = self.state();
                let Some(person) = state.person(&of) else { return json!({"error": "nobody has this name"}) };
                let added = state.new_timestamp();
                state.unread = unread;
                state.identities.push(identity(&person.uuid, &fingerprint, &trust, added));
                json!({})
            }
            Command::Fault(faults) => {
                self.state().faults = faults;
                json!({})
            }
            Command::Hold => {
                self.state().held = Some(Vec::new());
                json!({})
            }
            Command::Release { reversed } => {
                let mut state = self.state();
                let mut held = state.held.take().unwrap_or_default();
                if reversed {
                    held.reverse();
                }
                held.into_iter().for_each(|params| state.deliver(params));
                json!({})
            }
            Command::Redeliver => {
                let mut state = self.state();
                let delivered = std::mem::take(&mut state.delivered);
                delivered.into_iter().for_each(|params| state.deliver(params));
                json!({})
            }
            Command::Change { to } => self.change(to),
            Command::Drop => {
                self.drop_clients();
                json!({})
            }
            Command::Listeners => json!({"listeners": self.state().clients.len()}),
            Command::Raw { params } => {
                self.state().deliver(params);
                json!({})
            }
        }
    }

    /// Hangs up on every client.
    pub(crate) fn drop_clients(&self) {
        for (_, client) in self.state().clients.drain(..) {
            // A client that is gone already needs no hanging up.
            drop(client.send(None));
        }
    }

    fn say(&self, say: &Say) -> Value {
        let mut state = self.state();
        let Some(person) = state.person(&say.who) else { return json!({"error": "nobody has this name"}) };
        let timestamp = state.new_timestamp().saturating_sub(say.late_days.saturating_mul(DAY_MS));
        let mut params = json!({"account": state.account, "envelope": envelope(say, &person.uuid, timestamp, &state.own_uuid)});
        let mut exception = say.exception.clone();
        if state.unread && say.sender.is_none() && !state.newest_key_is_trusted(&person.uuid) {
            // It stays as it came, and is read when somebody trusts the key.
            state.unreadable.push((person.uuid.clone(), params.clone()));
            exception = Some("UntrustedIdentityException".to_owned());
            if let Some(envelope) = params.pointer_mut("/envelope").and_then(Value::as_object_mut) {
                envelope.retain(|name, _| name != "dataMessage" && name != "editMessage");
            }
        }
        if let (Some(kind), Some(params)) = (&exception, params.as_object_mut()) {
            params.insert("exception".to_owned(), json!({"type": kind, "message": "as told"}));
        }
        let times = if say.lost { 0 } else { say.again.saturating_add(1) };
        for _ in 0..times {
            state.deliver(params.clone());
        }
        json!({"timestamp": timestamp})
    }
}

fn envelope(say: &Say, uuid: &str, timestamp: u64, own_uuid: &str) -> Value {
    let sender = say.sender.as_deref().unwrap_or(uuid);
    let author = say.quote_author.as_deref().unwrap_or(own_uuid);
    let mut data =
        json!({"timestamp": timestamp, "message": say.text, "expiresInSeconds": 0, "viewOnce": false});
    let mut put =
        |key: &str, value: Value| data.as_object_mut().and_then(|data| data.insert(key.to_owned(), value));
    match (&say.emoji, say.quote) {
        (Some(emoji), target) => put(
            "reaction",
            json!({"emoji": emoji, "targetAuthor": author, "targetAuthorNumber": null, "targetAuthorUuid": author,
                "targetSentTimestamp": target.unwrap_or(0), "isRemove": say.removed}),
        ),
        (None, Some(quote)) => put(
            "quote",
            json!({"id": quote, "author": author, "authorNumber": null, "authorUuid": author,
                "text": "what the sender's phone says was quoted", "attachments": []}),
        ),
        (None, None) => None,
    };
    if let Some(group) = &say.group {
        put("groupInfo", json!({"groupId": group, "groupName": "Ops", "revision": 1, "type": "DELIVER"}));
    }
    let (kind, content) = if say.edit {
        ("editMessage", json!({"targetSentTimestamp": timestamp.saturating_sub(5000), "dataMessage": data}))
    } else {
        ("dataMessage", data)
    };
    json!({"source": sender, "sourceNumber": null, "sourceUuid": sender, "sourceName": say.who,
        "sourceDevice": say.device.unwrap_or(1), "timestamp": timestamp,
        "serverReceivedTimestamp": say.server_ms.unwrap_or(timestamp), "serverDeliveredTimestamp": timestamp, kind: content})
}
