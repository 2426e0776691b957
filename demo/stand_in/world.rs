//! The account, the people, and what has been sent to them.

use std::collections::VecDeque;
use std::sync::mpsc::Sender;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use reeve::sys::clock::{Clock, SystemClock};
use serde_json::{Value, json};

use super::faults::Faults;

use super::trouble::Trouble;

/// How late a slow answer comes.
const SLOW: Duration = Duration::from_millis(400);

/// Somebody with a phone.
#[derive(Debug, Clone)]
pub(crate) struct Person {
    pub(crate) name: String,
    pub(crate) uuid: String,
    pub(crate) fingerprint: String,
}

/// What a person was sent.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    pub(crate) to: String,
    pub(crate) timestamp: u64,
    pub(crate) text: String,
    pub(crate) quote: Option<u64>,
    /// What the phone shows in its place since it was edited.
    pub(crate) edited: Option<String>,
}

pub(super) struct State {
    pub(super) account: String,
    pub(super) own_uuid: String,
    pub(super) people: Vec<Person>,
    /// `listIdentities` entries.
    pub(super) identities: Vec<Value>,
    pub(super) sent: Vec<Sent>,
    pub(super) faults: Faults,
    pub(super) trouble: Trouble,
    /// Who receives, by a number of their own.
    pub(super) clients: Vec<(u64, Sender<Option<String>>)>,
    /// What the server keeps while nobody receives.
    pub(super) kept: VecDeque<Value>,
    /// What was delivered, for a daemon that forgets that it was.
    pub(super) delivered: Vec<Value>,
    /// What is under way and does not arrive yet.
    pub(super) held: Option<Vec<Value>>,
    /// Whether it keeps what comes under a key that nobody trusts.
    pub(super) unread: bool,
    /// What the daemon cannot read until somebody trusts its sender's key, by the sender.
    pub(super) unreadable: Vec<(String, Value)>,
    /// Whether it does: signal-cli-rest-api takes messages from it when nobody receives, and they are gone.
    pub(super) keeps: bool,
    last_timestamp: u64,
}

/// Shared by the daemon's side and the people's side.
#[derive(Clone)]
pub(crate) struct World(Arc<(Mutex<State>, Condvar)>);

impl World {
    pub(crate) fn new(account: &str, own_uuid: &str, people: Vec<Person>) -> Self {
        let identities = people
            .iter()
            .map(|person| identity(&person.uuid, &person.fingerprint, "TRUSTED_VERIFIED", 1_700_000_000_000))
            .collect();
        let state = State {
            account: account.to_owned(),
            own_uuid: own_uuid.to_owned(),
            people,
            identities,
            sent: Vec::new(),
            faults: Faults::default(),
            trouble: Trouble::default(),
            clients: Vec::new(),
            kept: VecDeque::new(),
            delivered: Vec::new(),
            held: None,
            unread: false,
            unreadable: Vec::new(),
            keeps: true,
            last_timestamp: 0,
        };
        Self(Arc::new((Mutex::new(state), Condvar::new())))
    }

    /// Somebody receives from now on, first of all what was kept. Gives the number by which they hang up.
    pub(super) fn receives(&self, lines: Sender<Option<String>>) -> u64 {
        let mut state = self.state();
        let number = state.new_timestamp();
        state.clients.push((number, lines));
        let kept: Vec<Value> = state.kept.drain(..).collect();
        kept.into_iter().for_each(|params| state.deliver(params));
        number
    }

    /// A client is gone: what comes now is kept for the next.
    pub(super) fn hung_up(&self, number: u64) {
        self.state().clients.retain(|(other, _)| *other != number);
    }

    /// Whether this is the daemon's account, by its number or its ACI.
    pub(super) fn has_account(&self, name: &str) -> bool {
        let state = self.state();
        state.account == name || state.own_uuid == name
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The messages sent to `name` once there are `count`, or those that there are when patience ends.
    pub(crate) fn wait_for_messages(&self, name: &str, count: usize, patience: Duration) -> Vec<Sent> {
        self.wait_for_messages_after(name, (0, count), patience)
    }

    /// The same, without the first `known` of them.
    pub(crate) fn wait_for_messages_after(
        &self,
        name: &str,
        (known, count): (usize, usize),
        patience: Duration,
    ) -> Vec<Sent> {
        let is_own = |sent: &&Sent| sent.to == name;
        let few = |state: &mut State| state.sent.iter().filter(is_own).count() < count;
        let waited = self.0.1.wait_timeout_while(self.state(), patience, few);
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        state.sent.iter().filter(is_own).skip(known).cloned().collect()
    }

    /// Everything sent after the first `known` messages, waiting for one.
    pub(crate) fn wait_for_any_after(&self, known: usize) -> Vec<Sent> {
        let waited = self.0.1.wait_while(self.state(), |state| state.sent.len() <= known);
        waited.unwrap_or_else(PoisonError::into_inner).sent.iter().skip(known).cloned().collect()
    }

    /// Answers one call; `None` when the answer is to be withheld.
    pub(super) fn call(&self, method: &str, params: &Value) -> Option<Result<Value, Value>> {
        if self.is_slow(method) {
            std::thread::sleep(SLOW);
        }
        let mut state = self.state();
        if state.faults.stall || state.trouble.withheld.as_deref() == Some(method) {
            return None;
        }
        let account = params.get("account").and_then(Value::as_str);
        if account.is_some_and(|account| account != state.account && account != state.own_uuid) {
            return Some(Err(
                json!({"code": -32602, "message": "Specified account does not exist", "data": null}),
            ));
        }
        let answer = match method {
            "version" => Ok(json!({"version": state.trouble.version})),
            "listAccounts" => Ok(json!([{"number": state.account}])),
            "subscribeReceive" if state.faults.manual => Ok(json!(0)),
            "listIdentities" => Ok(state.identities_of(params.get("number").and_then(Value::as_str))),
            "trust" => state.trust(params),
            "submitRateLimitChallenge" => state.solve(params),
            "send" if params.get("noteToSelf") == Some(&Value::Bool(true)) => state.note(params),
            "send" | "sendReaction" => state.send(params),
            _ => Err(json!({"code": -32601, "message": "Method not implemented", "data": null})),
        };
        let is_lost = method == "send" && state.faults.lose_answer;
        drop(state);
        self.0.1.notify_all();
        (!is_lost).then_some(answer)
    }

    /// Whether answers to it come late, so that others overtake them.
    pub(super) fn is_slow(&self, method: &str) -> bool {
        self.state().faults.slow.as_deref() == Some(method)
    }
}

impl State {
    /// A message's timestamp: the time, by a clock that may be set back, and another one than the last.
    pub(super) fn new_timestamp(&mut self) -> u64 {
        let since = SystemClock.now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let now = u64::try_from(since.as_millis()).unwrap_or(0);
        let is_of_the_same_moment = (now..now + 1000).contains(&self.last_timestamp);
        self.last_timestamp = if is_of_the_same_moment { self.last_timestamp + 1 } else { now };
        self.last_timestamp
    }

    pub(super) fn person(&self, key: &str) -> Option<Person> {
        self.people.iter().find(|person| person.name == key || person.uuid == key).cloned()
    }

    /// Hands a notification to every client, or keeps it until one comes.
    pub(super) fn deliver(&mut self, params: Value) {
        if let Some(held) = &mut self.held {
            held.push(params);
            return;
        }
        self.delivered.push(params.clone());
        let shown =
            if self.faults.manual { json!({"subscription": 0, "result": params}) } else { params.clone() };
        let line = json!({"jsonrpc": "2.0", "method": "receive", "params": shown}).to_string();
        self.clients.retain(|(_, client)| client.send(Some(line.clone())).is_ok());
        if self.clients.is_empty() && self.keeps {
            self.kept.push_back(params);
        }
    }

    fn identities_of(&self, uuid: Option<&str>) -> Value {
        let is_wanted = |entry: &&Value| uuid.is_none() || entry.get("uuid").and_then(Value::as_str) == uuid;
        Value::Array(self.identities.iter().filter(is_wanted).cloned().collect())
    }

    /// signal-cli encrypts for the newest key it knows of; older ones only stay in the list.
    pub(super) fn newest_key_is_trusted(&self, uuid: &str) -> bool {
        let own =
            self.identities.iter().filter(|entry| entry.get("uuid").and_then(Value::as_str) == Some(uuid));
        let newest = own.max_by_key(|entry| entry.get("addedTimestamp").and_then(Value::as_u64));
        newest.and_then(|entry| entry.get("trustLevel")).and_then(Value::as_str) != Some("UNTRUSTED")
    }

    fn trust(&mut self, params: &Value) -> Result<Value, Value> {
        let (uuid, number) = (params.get("recipient"), params.get("verifiedSafetyNumber"));
        let is_meant = |entry: &&mut Value| entry.get("uuid") == uuid && entry.get("safetyNumber") == number;
        let mut meant = self.identities.iter_mut().filter(is_meant).peekable();
        if meant.peek().is_none() {
            return Err(json!({"code": -1, "message": "Failed to set the trust", "data": null}));
        }
        for entry in meant {
            if let Some(entry) = entry.as_object_mut() {
                entry.insert("trustLevel".to_owned(), json!("TRUSTED_VERIFIED"));
            }
        }
        // What could not be read before can be now, however old it is.
        let sender = uuid.and_then(Value::as_str).unwrap_or_default().to_owned();
        let (read, still) =
            std::mem::take(&mut self.unreadable).into_iter().partition(|(of, _)| *of == sender);
        self.unreadable = still;
        let read: Vec<(String, Value)> = read;
        read.into_iter().for_each(|(_, params)| self.deliver(params));
        Ok(json!({}))
    }

    fn send(&mut self, params: &Value) -> Result<Value, Value> {
        let key = params.pointer("/recipient/0").and_then(Value::as_str).unwrap_or_default();
        let timestamp = self.new_timestamp();
        let address = json!({"uuid": key, "number": null, "username": null});
        let (token, retry) = (self.faults.token.clone(), self.faults.retry_after);
        let result = |kind: &str| {
            let mut result = json!({"recipientAddress": address, "type": kind});
            if kind != "SUCCESS"
                && let Some(result) = result.as_object_mut()
            {
                result.extend(token.iter().map(|token| ("token".to_owned(), json!(token))));
                result.extend(retry.iter().map(|retry| ("retryAfterSeconds".to_owned(), json!(retry))));
            }
            result
        };
        let failed = |code: i64, kind: &str| {
            let response = json!({"timestamp": timestamp, "results": [result(kind)]});
            Err(json!({"code": code, "message": "Failed to send message", "data": {"response": response}}))
        };
        let Some(person) = self.person(key) else { return failed(-1, "UNREGISTERED_FAILURE") };
        match self.faults.error_code {
            Some(-5) if token.is_some() || retry.is_some() => return failed(-5, "RATE_LIMIT_FAILURE"),
            Some(code) => return Err(json!({"code": code, "message": "as told", "data": null})),
            None => {}
        }
        if let Some(not_taken) = self.not_taken(&address) {
            return Err(not_taken);
        }
        if self.faults.empty_results {
            return Ok(json!({"timestamp": timestamp, "results": []}));
        }
        if self.faults.others_only {
            let other =
                json!({"uuid": "00000000-0000-4000-8000-0000000000ff", "number": null, "username": null});
            return Ok(
                json!({"timestamp": timestamp, "results": [{"recipientAddress": other, "type": "SUCCESS"}]}),
            );
        }
        if !self.newest_key_is_trusted(&person.uuid) {
            return failed(-4, "IDENTITY_FAILURE");
        }
        let partial: Vec<Value> = self.faults.results.iter().map(|kind| result(kind)).collect();
        let text = params.get("message").and_then(Value::as_str);
        let edits = params.get("editTimestamp").and_then(Value::as_u64);
        if let (Some(text), Some(edits)) = (text, edits) {
            let own = self.sent.iter_mut().find(|sent| sent.to == person.name && sent.timestamp == edits);
            let Some(own) = own else { return failed(-1, "NOT_FOUND") };
            own.edited = Some(text.to_owned());
        } else if let Some(text) = text {
            let quote = params.get("quoteTimestamp").and_then(Value::as_u64);
            self.sent.push(Sent { to: person.name, timestamp, text: text.to_owned(), quote, edited: None });
            self.receipt(&person.uuid, &[timestamp], false);
        }
        let results = if partial.is_empty() { vec![result("SUCCESS")] } else { partial };
        Ok(json!({"timestamp": timestamp, "results": results}))
    }
}

/// One entry of `listIdentities`.
pub(super) fn identity(uuid: &str, fingerprint: &str, trust_level: &str, added: u64) -> Value {
    // Sixty digits that follow from the key, as the real ones follow from both.
    let digits: String = fingerprint
        .chars()
        .filter_map(|c| c.to_digit(16))
        .map(|d| char::from(b'0' + (d % 10) as u8))
        .take(60)
        .collect();
    json!({"number": null, "uuid": uuid, "fingerprint": fingerprint, "safetyNumber": digits,
        "trustLevel": trust_level, "addedTimestamp": added})
}
