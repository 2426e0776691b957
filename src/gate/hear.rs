//! What people say, as the gate hears it. What can be done at once is done in the order in which it came; what has to ask
//! somebody first, as a confirmation does, waits beside it. So nothing that is slow keeps a refusal, a freeze or a stop waiting.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};

use tokio::sync::{Mutex, OwnedMutexGuard, OwnedSemaphorePermit, Semaphore};
use uuid::Uuid;

use super::Gate;
use super::freeze::{Ordered, Thaw};
use super::vote::{Heard, Via, unrecorded};
use crate::approval::inbound::Inbound;
use crate::approval::people::Approver;
use crate::approval::prompt::Answer;
use crate::approval::vote::{Candidate, Judged, NotCounted, Pending, judge};
use crate::approval::{order, reply};

/// How many messages of one person, by one way, wait for somebody else's word; one more is answered at once. Far more than anybody sends who
/// answers what has come up over night.
const AT_ONCE: usize = 256;

/// A message that meant something.
pub(super) struct Understood {
    /// Whose it was.
    pub(super) sender: Approver,
    /// What came of it.
    pub(super) heard: Heard,
    /// What the request is about that it was about.
    about: Option<String>,
}

impl Understood {
    fn of(sender: &Approver, heard: Heard) -> Self {
        Self { sender: sender.clone(), heard, about: None }
    }

    /// What its sender reads in the chat.
    pub(super) fn text(&self) -> String {
        let (Ok(answer) | Err(answer)) = &self.heard;
        self.about.as_ref().map_or_else(|| answer.text(), |about| answer.about(about))
    }
}

/// How far a message was taken.
enum Taken {
    /// All the way.
    Wholly(Understood),
    /// Somebody has to be asked first.
    Asks(Asks),
}

/// A message of which nothing comes before somebody was asked.
struct Asks {
    sender: Approver,
    about: Option<String>,
    what: What,
}

enum What {
    /// The daemon, whether its sender is still who was enrolled, and the identity hook.
    Confirmation(Candidate),
    /// The daemon.
    Thaw(Thaw),
    /// The hosts that watch the log.
    Checkpoint,
}

/// The messages that wait: each person's by each way in their order, one at a time. So no key or phone in other hands has more of
/// the identity hook's time than another has, and it keeps not even its owner's other ways waiting.
#[derive(Default)]
pub(super) struct Waiting(std::sync::Mutex<BTreeMap<(Uuid, Via), Lane>>);

#[derive(Clone)]
struct Lane {
    places: Arc<Semaphore>,
    turn: Arc<Mutex<()>>,
}

impl Waiting {
    /// A place behind what the same person has sent before, when there is one left.
    pub(super) fn place(&self, of: Uuid, via: Via) -> Option<Place> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let lane = all
            .entry((of, via))
            .or_insert_with(|| Lane { places: Arc::new(Semaphore::new(AT_ONCE)), turn: Arc::default() });
        let place = Arc::clone(&lane.places).try_acquire_owned().ok()?;
        Some(Place { turn: Arc::clone(&lane.turn), _place: place })
    }
}

pub(super) struct Place {
    turn: Arc<Mutex<()>>,
    _place: OwnedSemaphorePermit,
}

impl Place {
    pub(super) async fn turn(&self) -> OwnedMutexGuard<()> {
        Arc::clone(&self.turn).lock_owned().await
    }
}

impl Gate {
    /// Takes one message from the channel, and keeps the next one waiting for nobody.
    pub(super) async fn hear(self: &Arc<Self>, inbound: Inbound) {
        // Of an account that is nobody's yet, perhaps.
        if inbound.text.as_deref().and_then(reply::enrolment).is_some() {
            return self.hear_enrolment(&inbound).await;
        }
        let asks = match self.taken(&inbound, Via::Signal).await {
            None => return,
            Some(Taken::Wholly(understood)) => return self.reply_with(understood, &inbound),
            Some(Taken::Asks(asks)) => asks,
        };
        let Some(place) = self.waiting.place(inbound.sender_uuid, Via::Signal) else {
            let understood = self.too_many(asks, Via::Signal).await;
            return self.reply_with(understood, &inbound);
        };
        let gate = Arc::clone(self);
        tokio::spawn(async move {
            let _turn = place.turn().await;
            let understood = gate.asked(asks, Via::Signal).await;
            gate.reply_with(understood, &inbound);
        });
    }

    fn reply_with(&self, understood: Understood, inbound: &Inbound) {
        let text = understood.text();
        self.reply(understood.sender, text, inbound);
    }

    /// Does what a message means, and says what its sender is to be told; nothing where it means nothing.
    pub(super) async fn understood(self: &Arc<Self>, inbound: &Inbound, via: Via) -> Option<Understood> {
        match self.taken(inbound, via).await? {
            Taken::Wholly(understood) => Some(understood),
            Taken::Asks(asks) => {
                let Some(place) = self.waiting.place(inbound.sender_uuid, via) else {
                    return Some(self.too_many(asks, via).await);
                };
                let _turn = place.turn().await;
                Some(self.asked(asks, via).await)
            }
        }
    }

    /// Does what can be done without asking anybody.
    async fn taken(self: &Arc<Self>, inbound: &Inbound, via: Via) -> Option<Taken> {
        let people = self.people.load_full();
        let sender = people.with_uuid(inbound.sender_uuid)?;
        let wholly = |heard| Some(Taken::Wholly(Understood::of(sender, heard)));
        let asks = |about, what| Some(Taken::Asks(Asks { sender: sender.clone(), about, what }));
        if let Some(name) = inbound.text.as_deref().and_then(order::stop) {
            let answer = self.stop_recovery(&name, &sender.name).await;
            return wholly(Ok(answer.unwrap_or_else(|error| unrecorded(&error))));
        }
        if let Some(order) = inbound.text.as_deref().and_then(order::parse) {
            return match self.ordered(order, sender, inbound).await {
                Ordered::Done(answer) => wholly(Ok(answer)),
                Ordered::Thaw(thaw) => asks(None, What::Thaw(thaw)),
                Ordered::Checkpoint => asks(None, What::Checkpoint),
            };
        }
        let pendings = self.pendings().await;
        let judged = judge(inbound, &pendings, &people, self.clock.now());
        let is_meant = |pending: &&Pending| judged.approval_id() == Some(&pending.approval_id);
        let about = pendings.iter().find(is_meant).map(|pending| pending.about.clone());
        let heard = match judged {
            Judged::Nothing(_) => return None,
            Judged::Confirm(candidate) => return asks(about, What::Confirmation(candidate)),
            Judged::Refuse(refusal) => self.refused(&refusal, via).await,
            Judged::NotCounted(not_counted) => self.not_counted(&not_counted, via).await,
        };
        Some(Taken::Wholly(Understood { about, ..Understood::of(sender, heard) }))
    }

    /// Asks, and does the rest. What was said meanwhile holds: it is judged anew against what is so by then.
    async fn asked(self: &Arc<Self>, Asks { sender, about, what }: Asks, via: Via) -> Understood {
        let heard = match what {
            What::Confirmation(candidate) => self.confirmed(candidate, via).await,
            What::Thaw(thaw) => Ok(self.thawed_by(&sender, thaw).await),
            What::Checkpoint => Ok(Answer::Checkpoint { checkpoint: self.checkpoint_seen().await }),
        };
        Understood { sender, heard, about }
    }

    /// One phone, in whoever's hands, does not fill the house.
    async fn too_many(self: &Arc<Self>, Asks { sender, about, what }: Asks, via: Via) -> Understood {
        let answer = Answer::TooManyAtOnce;
        let heard = match what {
            What::Confirmation(candidate) => {
                let approval_id = Some(candidate.approval_id().to_owned());
                let by = sender.name.clone();
                self.not_counted(&NotCounted { approval_id, by, answer }, via).await
            }
            What::Thaw(_) | What::Checkpoint => Err(answer),
        };
        Understood { sender, heard, about }
    }
}
