//! What the link's handle and its task share.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use arc_swap::{ArcSwap, ArcSwapOption};
use serde_json::{Value, json};
use tokio::sync::{Notify, mpsc, watch};
use uuid::Uuid;

use super::SignalConfig;
use super::dedupe::Seen;
use super::identities;
use super::receive::{self, Dropped, Heard, Ourselves, Receipt};
use super::rpc::{CallError, RECEIVE, Rpc};
use super::status::{Down, Status};
use super::wire::IdentityEntry;
use crate::approval::identity::IdentityTrouble;
use crate::approval::inbound::Inbound;
use crate::approval::people::{Approver, People};
use crate::sys::clock::Clock;

/// Probes that somebody asks for are not nearer to each other than this.
const SOONEST_PROBE: Duration = Duration::from_secs(1);

pub(super) struct Hub {
    pub(super) config: SignalConfig,
    pub(super) ourselves: Ourselves,
    people: ArcSwap<People>,
    clock: Arc<dyn Clock>,
    rpc: ArcSwapOption<Rpc>,
    status: watch::Sender<Status>,
    inbox: mpsc::Sender<Inbound>,
    receipts: mpsc::Sender<Receipt>,
    received: Mutex<Received>,
    last_heard_ms: AtomicU64,
    look_again: Notify,
    /// Whether each approver's key is the enrolled one, as it was last seen.
    keys: watch::Sender<BTreeMap<String, bool>>,
}

#[derive(Default)]
struct Received {
    seen: Seen,
    dropped: BTreeMap<Dropped, u64>,
    /// The last note to ourselves that came back.
    note: Option<String>,
}

impl Hub {
    pub(super) fn new(
        config: SignalConfig,
        people: Arc<People>,
        clock: Arc<dyn Clock>,
        (inbox, receipts): (mpsc::Sender<Inbound>, mpsc::Sender<Receipt>),
    ) -> Self {
        Self {
            ourselves: Ourselves { account: config.account.clone(), uuid: config.own_uuid },
            config,
            people: ArcSwap::new(people),
            clock,
            rpc: ArcSwapOption::empty(),
            status: watch::Sender::new(Status::Down(Down::Starting)),
            inbox,
            receipts,
            received: Mutex::default(),
            last_heard_ms: AtomicU64::new(0),
            look_again: Notify::new(),
            keys: watch::Sender::default(),
        }
    }

    pub(super) fn status(&self) -> watch::Receiver<Status> {
        self.status.subscribe()
    }

    pub(super) fn keys(&self) -> watch::Receiver<BTreeMap<String, bool>> {
        self.keys.subscribe()
    }

    /// The connection, while it is up.
    pub(super) fn rpc(&self) -> Option<Arc<Rpc>> {
        self.rpc.load_full()
    }

    pub(super) fn came_up(&self, rpc: &Arc<Rpc>, version: String, reachable: Vec<String>) {
        self.rpc.store(Some(Arc::clone(rpc)));
        let up = Status::Up { version, reachable };
        if self.status.borrow().is_down() {
            tracing::info!("the Signal link is up");
        }
        self.touch();
        self.status.send_if_modified(|status| std::mem::replace(status, up.clone()) != up);
    }

    pub(super) fn went_down(&self, why: Down) {
        self.rpc.store(None);
        let down = Status::Down(why);
        if self.status.send_if_modified(|status| std::mem::replace(status, down.clone()) != down) {
            tracing::warn!(why = why.describe(), "the Signal link is down");
        }
    }

    /// One notification. Never blocks: the reader must go on.
    pub(super) fn heard(&self, method: &str, params: Option<Value>) {
        self.touch();
        if method != RECEIVE {
            return;
        }
        let read = params.ok_or(Dropped::Malformed).and_then(|params| receive::read(params, &self.ourselves));
        let queued = read.and_then(|heard| self.queue(heard));
        if let Err(reason) = queued {
            *self.received().dropped.entry(reason).or_insert(0) += 1;
        }
    }

    fn queue(&self, heard: Heard) -> Result<(), Dropped> {
        match heard {
            Heard::Message(inbound) if self.received().seen.is_new(&inbound) => {
                self.inbox.try_send(*inbound).map_err(|_| Dropped::QueueFull)
            }
            Heard::Message(_) => Err(Dropped::Duplicate),
            Heard::Receipt(receipt) => self.receipts.try_send(receipt).map_err(|_| Dropped::QueueFull),
            Heard::Own(why, text) => {
                if text.is_some() {
                    self.received().note = text;
                }
                Err(why)
            }
        }
    }

    pub(super) fn came_back(&self) -> Option<String> {
        self.received().note.clone()
    }

    pub(super) fn dropped(&self) -> BTreeMap<Dropped, u64> {
        self.received().dropped.clone()
    }

    pub(super) fn last_heard(&self) -> Option<SystemTime> {
        match self.last_heard_ms.load(Ordering::Relaxed) {
            0 => None,
            ms => SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(ms)),
        }
    }

    pub(super) fn set_people(&self, people: Arc<People>) {
        self.people.store(people);
    }

    /// The names of the approvers whose identity holds now.
    pub(super) async fn whose_identity_holds(&self, rpc: &Rpc) -> Vec<String> {
        let mut names = Vec::new();
        for approver in self.people.load_full().iter() {
            match self.look_at_identity(rpc, approver).await {
                Ok(()) => names.push(approver.name.clone()),
                Err(trouble) => {
                    tracing::warn!(approver = approver.name, %trouble, "an approver cannot be reached")
                }
            }
        }
        names
    }

    /// Somebody is missed: the next probe need not wait for its time.
    pub(super) fn look_again(&self) {
        self.look_again.notify_one();
    }

    /// Waits until the next probe is due.
    pub(super) async fn next_probe(&self) {
        let every = self.config.probe_every;
        let soonest = every.min(SOONEST_PROBE);
        tokio::time::sleep(soonest).await;
        tokio::select! {
            () = tokio::time::sleep(every.saturating_sub(soonest)) => {}
            () = self.look_again.notified() => {}
        }
    }

    /// Asks the daemon for the approver's keys, and knows from then on whether that person can be reached.
    pub(super) async fn check_identity(&self, rpc: &Rpc, approver: &Approver) -> Result<(), IdentityTrouble> {
        let found = self.look_at_identity(rpc, approver).await;
        if !self.is_enrolled(approver) {
            return found;
        }
        match found {
            Ok(()) => self.noticed(&approver.name, true),
            Err(IdentityTrouble::Changed | IdentityTrouble::Unknown) => self.noticed(&approver.name, false),
            Err(IdentityTrouble::Unchecked) => {}
        }
        found
    }

    /// Somebody who is only about to be enrolled is no approver who can be reached.
    fn is_enrolled(&self, approver: &Approver) -> bool {
        self.people.load().iter().any(|own| own == approver)
    }

    fn noticed(&self, name: &str, holds: bool) {
        self.status.send_if_modified(|status| match status {
            Status::Down(_) => false,
            Status::Up { version: _, reachable } => {
                let before = reachable.len();
                reachable.retain(|other| holds || other != name);
                if holds && !reachable.iter().any(|other| other == name) {
                    reachable.push(name.to_owned());
                }
                reachable.len() != before
            }
        });
    }

    async fn look_at_identity(&self, rpc: &Rpc, approver: &Approver) -> Result<(), IdentityTrouble> {
        let entries = self.identities(rpc, approver.uuid).await?;
        let found = identities::judge(&entries, approver);
        let holds = match found {
            Ok(()) => true,
            Err(IdentityTrouble::Changed) => false,
            Err(IdentityTrouble::Unknown | IdentityTrouble::Unchecked) => return found,
        };
        if self.is_enrolled(approver) {
            self.keys.send_if_modified(|keys| keys.insert(approver.name.clone(), holds) != Some(holds));
        }
        found
    }

    /// The keys that an account has had, as the daemon knows them.
    pub(super) async fn identities(
        &self,
        rpc: &Rpc,
        account: Uuid,
    ) -> Result<Vec<IdentityEntry>, IdentityTrouble> {
        let params = json!({"account": self.config.account, "number": account});
        let answer = rpc.call("listIdentities", params, self.config.probe_timeout).await;
        let entries = answer.map_err(|error| match error {
            CallError::Refused(_) => IdentityTrouble::Unknown,
            CallError::Down | CallError::Lost | CallError::Timeout => IdentityTrouble::Unchecked,
        })?;
        serde_json::from_value(entries).map_err(|_| IdentityTrouble::Unchecked)
    }

    fn touch(&self) {
        let since = self.clock.now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        self.last_heard_ms.store(u64::try_from(since.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    fn received(&self) -> MutexGuard<'_, Received> {
        self.received.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Status {
    fn is_down(&self) -> bool {
        match self {
            Self::Up { version: _, reachable: _ } => false,
            Self::Down(_) => true,
        }
    }
}
