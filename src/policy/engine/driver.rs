//! Who asks the worker, in which order, and what becomes of questions when it dies.
//!
//! The worker answers in order, and many questions are with it at once. When it dies, all that it has not answered are asked
//! again, one at a time, so that the one which kills it dies alone and the others are decided as if nothing had been.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, Sleep, sleep, sleep_until};

use super::live::{Live, Moved};
use super::nursery::Nursery;
use super::{Shared, WorkerProgram};
use crate::operation::Digest;
use crate::policy::source::PolicySource;
use crate::policy::verdict::PolicyDecision;
use crate::policy::wire::{Matched, WorkerReport};

/// Wall time of one decision. The interpreter's own limits are well below.
const DEADLINE: Duration = Duration::from_millis(500);

/// How many questions may be with the worker.
const WINDOW: usize = 256;

/// How many workers may be started within [`PERIOD`].
const STARTS: usize = 20;
const PERIOD: Duration = Duration::from_secs(1);

/// A decision, with what was returned, in order, when that was wanted.
pub(super) type Answer = (PolicyDecision, Vec<Matched>);

/// A question and who waits for its answer.
#[derive(Debug)]
pub(super) struct Job {
    id: u64,
    frame: Vec<u8>,
    reply: oneshot::Sender<Answer>,
    /// How many workers have died with it unanswered.
    deaths: u8,
}

impl Job {
    pub(super) fn new(id: u64, frame: Vec<u8>, reply: oneshot::Sender<Answer>) -> Self {
        Self { id, frame, reply, deaths: 0 }
    }

    fn is_suspect(&self) -> bool {
        self.deaths > 0
    }

    fn answer(self, answer: Answer) {
        // Whoever has stopped waiting has its refusal already.
        drop(self.reply.send(answer));
    }

    fn deny(self, rule: &str, reason: &str, revision: &Digest) {
        self.answer((PolicyDecision::deny(rule, reason, revision.clone()), Vec::new()));
    }
}

/// What the engine wants done.
#[derive(Debug)]
pub(super) enum Order {
    Decide(Job),
    Swap { live: Box<Live>, source: PolicySource, report: Box<WorkerReport>, done: oneshot::Sender<()> },
}

/// How a worker came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Death {
    Itself,
    OverTime,
}

enum Event {
    Order(Option<Order>),
    Moved(Moved),
    Alarm,
}

pub(super) struct Driver {
    inbox: mpsc::Receiver<Order>,
    live: Option<Live>,
    /// Not yet with the worker, in order.
    waiting: VecDeque<Job>,
    /// With the worker, in order.
    asked: VecDeque<Job>,
    /// When the first of `asked` became the first.
    head_since: Instant,
    alarm: Pin<Box<Sleep>>,
    is_armed: bool,
    /// Whether to start a worker before anybody asks.
    is_eager: bool,
    starts: VecDeque<Instant>,
    source: PolicySource,
    revision: Digest,
    program: WorkerProgram,
    nursery: Arc<Nursery>,
    shared: Arc<Shared>,
}

impl Driver {
    pub(super) fn new(
        inbox: mpsc::Receiver<Order>,
        live: Live,
        source: PolicySource,
        program: WorkerProgram,
        nursery: Arc<Nursery>,
        shared: Arc<Shared>,
    ) -> Self {
        Self {
            inbox,
            live: Some(live),
            waiting: VecDeque::new(),
            asked: VecDeque::new(),
            head_since: Instant::now(),
            alarm: Box::pin(sleep(Duration::ZERO)),
            is_armed: false,
            is_eager: false,
            starts: VecDeque::new(),
            revision: source.revision(),
            source,
            program,
            nursery,
            shared,
        }
    }

    /// Until the engine is dropped.
    pub(super) async fn run(mut self) {
        loop {
            if self.live.is_none() && (self.is_eager || !self.waiting.is_empty()) {
                self.revive().await;
            }
            self.feed();
            match self.event().await {
                Event::Order(Some(order)) => self.take_all(order),
                Event::Order(None) => break,
                Event::Moved(Moved::Received) => self.hear(),
                Event::Moved(Moved::Sent) => {}
                Event::Moved(Moved::Ended) => self.died(Death::Itself),
                Event::Alarm => self.look_at_the_clock(),
            }
        }
        if let Some(live) = self.live.take() {
            live.end(&self.nursery);
        }
    }

    async fn event(&mut self) -> Event {
        let has_room = self.waiting.len() < WINDOW;
        let moved = async {
            match &mut self.live {
                Some(live) => live.moved().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            order = self.inbox.recv(), if has_room => Event::Order(order),
            moved = moved => Event::Moved(moved),
            () = &mut self.alarm, if self.is_armed => Event::Alarm,
        }
    }

    /// Takes an order and those that have come meanwhile, so that their frames go out together.
    fn take_all(&mut self, first: Order) {
        self.take(first);
        while self.waiting.len() < WINDOW {
            let Ok(order) = self.inbox.try_recv() else { return };
            self.take(order);
        }
    }

    fn take(&mut self, order: Order) {
        match order {
            Order::Decide(job) => self.waiting.push_back(job),
            Order::Swap { live, source, report, done } => {
                // What the old policy has not answered, the new one will.
                self.take_back();
                if let Some(old) = self.live.replace(*live) {
                    old.end(&self.nursery);
                }
                self.revision = source.revision();
                self.source = source;
                self.shared.set(self.revision.clone(), *report);
                // Whoever reloads may have stopped waiting; the new policy decides all the same.
                let _ = done.send(());
            }
        }
    }

    /// Gives the worker what it may have: many at once, but a suspect alone.
    fn feed(&mut self) {
        let Some(live) = &mut self.live else { return };
        while let Some(job) = self.waiting.pop_front() {
            if job.reply.is_closed() {
                continue;
            }
            let with_suspect = job.is_suspect() || self.asked.front().is_some_and(Job::is_suspect);
            if self.asked.len() >= WINDOW || (with_suspect && !self.asked.is_empty()) {
                self.waiting.push_front(job);
                break;
            }
            if self.asked.is_empty() {
                self.head_since = Instant::now();
            }
            live.send(&job.frame);
            self.asked.push_back(job);
        }
        if !self.asked.is_empty() && !self.is_armed {
            self.alarm.as_mut().reset(self.head_since + DEADLINE);
            self.is_armed = true;
        }
    }

    fn hear(&mut self) {
        while let Some(live) = &mut self.live {
            match live.reply() {
                Ok(None) => return,
                Ok(Some(reply)) if self.asked.front().is_some_and(|job| job.id == reply.id) => {
                    let decision = reply.ruling.under(self.revision.clone());
                    if let Some(job) = self.asked.pop_front() {
                        job.answer((decision, reply.matched));
                    }
                    self.head_since = Instant::now();
                }
                // An answer to nothing that was asked: whatever it is, it is no policy worker any more.
                Ok(Some(_)) | Err(_) => return self.died(Death::Itself),
            }
        }
    }

    /// The alarm is not moved with each answer, which would cost more than the answer; it is looked at when it rings.
    fn look_at_the_clock(&mut self) {
        self.is_armed = false;
        if !self.asked.is_empty() && self.head_since.elapsed() >= DEADLINE {
            self.died(Death::OverTime);
        }
    }

    fn died(&mut self, death: Death) {
        if let Some(live) = self.live.take() {
            live.end(&self.nursery);
        }
        self.is_eager = true;
        self.is_armed = false;
        let was_alone = self.asked.len() == 1;
        for job in &mut self.asked {
            job.deaths = job.deaths.saturating_add(1);
        }
        tracing::warn!(?death, unanswered = self.asked.len(), "the policy worker died");
        // One death alone proves nothing: the worker may have been killed from outside just then.
        let is_proven = |job: &Job| was_alone && (death == Death::OverTime || job.deaths > 1);
        if let Some(culprit) = self.asked.pop_front_if(|job| is_proven(job)) {
            let (rule, reason) = match death {
                Death::Itself => ("policy-worker-died", "deciding this ended the policy worker"),
                Death::OverTime => ("policy-timeout", "deciding this took too long"),
            };
            culprit.deny(rule, reason, &self.revision);
        }
        self.take_back();
    }

    /// Everything unanswered is first in line again, in its order.
    fn take_back(&mut self) {
        while let Some(job) = self.asked.pop_back() {
            self.waiting.push_front(job);
        }
        self.is_armed = false;
    }

    /// A new worker, unless there have been too many just now.
    async fn revive(&mut self) {
        let are_many = self.starts.len() >= STARTS;
        if let Some(oldest) = self.starts.pop_front_if(|_| are_many) {
            sleep_until(oldest + PERIOD).await;
        }
        self.starts.push_back(Instant::now());
        match Live::start(&self.nursery, &self.program, &self.source).await {
            Ok((live, _same_as_before)) => self.live = Some(live),
            Err(error) => {
                tracing::error!(%error, "no new policy worker");
                for job in self.waiting.drain(..) {
                    job.deny("policy-worker-died", "the policy worker cannot be started", &self.revision);
                }
            }
        }
        self.is_eager = false;
    }
}
