//! The link to people over signal-cli's JSON-RPC on a Unix socket.
//!
//! Delivery is treated as what it is: at most once, late, twice, out of order. So every vote is answered in the chat,
//! and nothing here decides anything but whether a message is authentic and its sender still the enrolled person.

mod dedupe;
mod hub;
mod identities;
mod outbox;
mod receive;
mod rpc;
mod sending;
mod session;
mod status;
pub mod version;
mod wire;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use uuid::Uuid;

pub use outbox::{Traffic, Worth};
pub use receive::{Dropped, Receipt};
pub use sending::{Quote, SendError, SentMessage};
pub use status::{Down, Status};

use super::identity::{IdentityHeld, IdentityTrouble, Seen};
use super::inbound::Inbound;
use super::people::{Approver, People};
use crate::sys::clock::Clock;
use hub::Hub;
use outbox::Outbox;
use rpc::{CallError, Rpc};

/// How many messages may wait for the gate.
const INBOX: usize = 1024;
/// How long a daemon that is there takes to say so.
const AWAKE: Duration = Duration::from_millis(500);

/// What the daemon says of a solution that the server does not take, and of a call that it does not know.
const CAPTCHA_REJECTED: i64 = -6;
const NO_METHOD: i64 = -32601;

/// Where the daemon is, who we are to it, and how patient we are.
#[derive(Debug, Clone)]
pub struct SignalConfig {
    /// The daemon's socket.
    pub socket: PathBuf,
    /// Our account: the number, as the daemon knows it.
    pub account: String,
    /// Our account's ACI.
    pub own_uuid: Uuid,
    /// The Unix user whom the daemon runs as. Nobody else is believed.
    pub daemon_uid: u32,
    /// How long sending one message may take.
    pub send_timeout: Duration,
    /// How often the daemon is asked whether it is there.
    pub probe_every: Duration,
    /// How long its answer may take.
    pub probe_timeout: Duration,
    /// How long nothing is sent when the server limits messages and does not say for how long.
    pub pause: Duration,
    /// How long nothing is sent while the server wants a captcha solved.
    pub captcha_pause: Duration,
    /// How long a question waits for the server: beyond it, somebody who is not asked in time is not asked at all.
    pub question_patience: Duration,
    /// The first and the longest pause before connecting again; the actual one is drawn below them.
    pub backoff: (Duration, Duration),
}

impl SignalConfig {
    /// With the times that fit a daemon on the same host.
    pub fn new(socket: PathBuf, account: String, own_uuid: Uuid, daemon_uid: u32) -> Self {
        Self {
            socket,
            account,
            own_uuid,
            daemon_uid,
            send_timeout: Duration::from_secs(30),
            probe_every: Duration::from_secs(30),
            probe_timeout: Duration::from_secs(10),
            pause: Duration::from_secs(30),
            captcha_pause: Duration::from_secs(600),
            question_patience: Duration::from_secs(60),
            backoff: (Duration::from_millis(250), Duration::from_secs(30)),
        }
    }
}

/// Why a captcha is not solved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CaptchaError {
    /// The server wants none.
    #[error("the Signal server wants no captcha solved")]
    NotWanted,
    /// It does not take this one.
    #[error(
        "the Signal server does not take this solution: solve a new one, from this host's address, and be quick"
    )]
    Rejected,
    /// By this way no solution can be handed over.
    #[error(
        "what speaks for signal-cli takes no solutions: solve it there, by its own means, and messages go on within some minutes"
    )]
    NotHere,
    /// Something else went wrong.
    #[error("the solution was not handed over (code {code}): it may be tried again")]
    Failed {
        /// The JSON-RPC error code.
        code: i64,
    },
    /// The daemon does not answer.
    #[error("the Signal daemon does not answer")]
    Down,
}

/// The link. Clones share one connection, which ends with the last of them.
#[derive(Clone)]
pub struct Link {
    hub: Arc<Hub>,
    /// One message at a time: the daemon loses messages that are sent side by side.
    outbox: Arc<Outbox>,
    receipts: Arc<Mutex<Option<mpsc::Receiver<Receipt>>>>,
    _task: Arc<Supervisor>,
}

struct Supervisor(JoinHandle<()>);

impl Drop for Supervisor {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Link {
    /// Begins to connect, in the background of the current tokio runtime. Messages arrive at the receiver.
    pub fn start(
        config: SignalConfig,
        people: Arc<People>,
        clock: Arc<dyn Clock>,
    ) -> (Self, mpsc::Receiver<Inbound>) {
        let (inbox, messages) = mpsc::channel(INBOX);
        let (delivered, receipts) = mpsc::channel(INBOX);
        let outbox = Arc::new(Outbox::new(config.pause, config.captcha_pause));
        let hub = Arc::new(Hub::new(config, people, clock, (inbox, delivered)));
        let task = Arc::new(Supervisor(tokio::spawn(session::supervise(Arc::clone(&hub)))));
        let receipts = Arc::new(Mutex::new(Some(receipts)));
        (Self { hub, outbox, receipts, _task: task }, messages)
    }

    /// Sends a text to one person and waits until Signal has taken it for that person's account.
    ///
    /// The identity is checked first: a prompt holds a token, which is for nobody who has only taken over the number.
    /// After [`SendError::Timeout`] the text may have arrived; sending it again is right, and either copy can be
    /// answered by its token. For its turn and for the server it waits until [`Link::patient_until`].
    pub async fn send(
        &self,
        to: &Approver,
        text: &str,
        quote: Option<Quote>,
    ) -> Result<SentMessage, SendError> {
        let until = self.patient_until();
        self.send_with(to, Some(until), self.send_params(to, text, quote)).await
    }

    /// The same for one of several people who are asked the same: they share the time.
    pub async fn ask(&self, to: &Approver, text: &str, until: Instant) -> Result<SentMessage, SendError> {
        self.send_with(to, Some(until), self.send_params(to, text, None)).await
    }

    /// Until when a question of now waits: beyond it, somebody who is not asked in time is not asked at all.
    pub fn patient_until(&self) -> Instant {
        Instant::now() + self.hub.config.question_patience
    }

    /// The same for what may wait, and is given up first when too much does.
    pub async fn tell(
        &self,
        to: &Approver,
        text: &str,
        quote: Option<Quote>,
    ) -> Result<SentMessage, SendError> {
        self.send_with(to, None, self.send_params(to, text, quote)).await
    }

    /// Puts another text in the place of one that was sent. The edit is a message with an identity of its own.
    pub async fn edit(&self, to: &Approver, timestamp: u64, text: &str) -> Result<SentMessage, SendError> {
        let account = &self.hub.config.account;
        let params =
            json!({"account": account, "recipient": [to.uuid], "message": text, "editTimestamp": timestamp});
        self.send_with(to, None, params).await
    }

    /// A note of our own account to itself: whether the server takes anything from us.
    pub async fn note_to_self(&self, text: &str) -> Result<SentMessage, SendError> {
        let params = json!({"account": self.hub.config.account, "noteToSelf": true, "message": text});
        if let Some(left) = self.traffic().held_for {
            return Err(SendError::RateLimited { retry_after: Some(left.as_secs()) });
        }
        let _turn = self.outbox.turn(None).await?;
        let rpc = self.hub.rpc().ok_or(SendError::Down)?;
        let answer = rpc.call("send", params, self.hub.config.send_timeout).await;
        let sent = sending::judge_for(answer, self.hub.config.own_uuid);
        self.outbox.came_out(&sent);
        sent
    }

    /// The last note to ourselves that came back.
    pub fn came_back(&self) -> Option<String> {
        self.hub.came_back()
    }

    async fn send_with(
        &self,
        to: &Approver,
        until: Option<Instant>,
        params: Value,
    ) -> Result<SentMessage, SendError> {
        let _turn = self.outbox.turn(until).await?;
        loop {
            self.outbox.until_free(until).await?;
            let sent = self.send_once(to, params.clone()).await;
            // What the server does not want yet stays the next that it gets.
            if !self.outbox.came_out(&sent) || !self.outbox.is_in_time(until) {
                return sent;
            }
        }
    }

    async fn send_once(&self, to: &Approver, params: Value) -> Result<SentMessage, SendError> {
        let rpc = self.hub.rpc().ok_or(SendError::Down)?;
        self.hub.check_identity(&rpc, to).await.map_err(|trouble| match trouble {
            IdentityTrouble::Unchecked => SendError::Down,
            IdentityTrouble::Changed | IdentityTrouble::Unknown => SendError::Identity(trouble),
        })?;
        sending::judge(rpc.call("send", params, self.hub.config.send_timeout).await, to)
    }

    /// Checks, with the daemon and now, that the person's identity is the enrolled one.
    pub async fn identity_holds(&self, approver: &Approver) -> Result<IdentityHeld, IdentityTrouble> {
        let rpc: Arc<Rpc> = self.hub.rpc().ok_or(IdentityTrouble::Unchecked)?;
        self.hub.check_identity(&rpc, approver).await?;
        Ok(IdentityHeld::of(&approver.name))
    }

    /// The identity key that an account has now, whoever it is.
    pub async fn newest_identity(&self, account: Uuid) -> Result<Seen, IdentityTrouble> {
        let rpc: Arc<Rpc> = self.hub.rpc().ok_or(IdentityTrouble::Unchecked)?;
        identities::newest(&self.hub.identities(&rpc, account).await?, account)
    }

    /// Tells the daemon that somebody has compared this safety number, so that it sends to that key.
    pub async fn trust(&self, account: Uuid, safety_number: &str) -> Result<(), SendError> {
        let rpc = self.hub.rpc().ok_or(SendError::Down)?;
        let own = &self.hub.config.account;
        let params = json!({"account": own, "recipient": account, "verifiedSafetyNumber": safety_number});
        match rpc.call("trust", params, self.hub.config.probe_timeout).await {
            Ok(_) => Ok(()),
            Err(rpc::CallError::Refused(error)) => Err(SendError::Refused { code: error.code }),
            Err(rpc::CallError::Timeout | rpc::CallError::Lost) => Err(SendError::Timeout),
            Err(rpc::CallError::Down) => Err(SendError::Down),
        }
    }

    /// Hands the server the solution of its captcha; what waits goes on then.
    pub async fn solve_captcha(&self, solution: &str) -> Result<(), CaptchaError> {
        let challenge = self.outbox.captcha().ok_or(CaptchaError::NotWanted)?;
        let rpc = self.hub.rpc().ok_or(CaptchaError::Down)?;
        let params = json!({"account": self.hub.config.account, "challenge": challenge, "captcha": solution});
        match rpc.call("submitRateLimitChallenge", params, self.hub.config.send_timeout).await {
            Ok(_) => {
                self.outbox.release();
                Ok(())
            }
            Err(CallError::Refused(error)) => Err(match error.code {
                CAPTCHA_REJECTED => CaptchaError::Rejected,
                NO_METHOD => CaptchaError::NotHere,
                code => CaptchaError::Failed { code },
            }),
            Err(CallError::Down | CallError::Lost | CallError::Timeout) => Err(CaptchaError::Down),
        }
    }

    /// Whether the server wants nothing for longer than a question waits.
    pub fn is_held(&self) -> bool {
        self.traffic().held_for.is_some_and(|left| left > self.hub.config.question_patience)
    }

    /// How sending goes.
    pub fn traffic(&self) -> Traffic {
        self.outbox.traffic()
    }

    /// Whether the daemon answers at this moment; if not, the next probe need not wait for its time.
    pub async fn is_awake(&self) -> bool {
        let Some(rpc) = self.hub.rpc() else { return false };
        let is_awake = match rpc.call("version", json!({}), AWAKE).await {
            Ok(_) | Err(CallError::Refused(_)) => true,
            Err(CallError::Down | CallError::Lost | CallError::Timeout) => false,
        };
        if !is_awake {
            self.hub.look_again();
        }
        is_awake
    }

    /// What phones say of messages that they got; for the one who asks first.
    pub fn receipts(&self) -> Option<mpsc::Receiver<Receipt>> {
        self.receipts.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Other people may approve from now on. Who of them can be reached is known after the next probe.
    pub fn set_people(&self, people: Arc<People>) {
        self.hub.set_people(people);
    }

    /// The state of the link now.
    pub fn status(&self) -> Status {
        self.hub.status().borrow().clone()
    }

    /// The state of the link as it changes.
    pub fn watch(&self) -> watch::Receiver<Status> {
        self.hub.status()
    }

    /// Whether each approver's identity key is the enrolled one, as far as it is known, as it changes.
    pub fn keys(&self) -> watch::Receiver<BTreeMap<String, bool>> {
        self.hub.keys()
    }

    /// Whether the daemon is connected and answers.
    pub fn is_up(&self) -> bool {
        self.hub.rpc().is_some()
    }

    /// The names of those who can be asked: their identity held when it was last looked at.
    pub fn reachable(&self) -> Vec<String> {
        match self.status() {
            Status::Up { version: _, reachable } => reachable,
            Status::Down(_) => Vec::new(),
        }
    }

    /// Looks at everybody's identity again without waiting for the next probe: somebody was missed.
    pub fn look_again(&self) {
        self.hub.look_again();
    }

    /// How many notifications were dropped, by reason.
    pub fn dropped(&self) -> BTreeMap<Dropped, u64> {
        self.hub.dropped()
    }

    /// When the daemon was last heard.
    pub fn last_heard(&self) -> Option<SystemTime> {
        self.hub.last_heard()
    }

    fn send_params(&self, to: &Approver, text: &str, quote: Option<Quote>) -> Value {
        let account = &self.hub.config.account;
        let Some(quote) = quote else {
            return json!({"account": account, "recipient": [to.uuid], "message": text});
        };
        json!({"account": account, "recipient": [to.uuid], "message": text, "quoteTimestamp": quote.timestamp,
            "quoteAuthor": quote.author.unwrap_or(self.hub.config.own_uuid), "quoteMessage": quote.text})
    }
}
