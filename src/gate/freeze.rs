//! Freezing: nothing more is done for a principal, or on the whole host, until a person thaws it.
//!
//! To freeze is always safe, so that it takes effect before anything else, needs one person, and needs no recording to
//! hold. To thaw is not: it is recorded first, and by who the channel has just checked.

use std::collections::BTreeMap;
use std::sync::{Arc, MutexGuard};

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::noted::Noted;
use super::protocol::{Answer as GateAnswer, Problem, ProblemKind};
use super::record::Unrecorded;
use super::{Gate, from_millis};
use crate::approval::inbound::Inbound;
use crate::approval::order::{Order, Whom};
use crate::approval::people::Approver;
use crate::approval::prompt::{Answer, Notice, Outcome};
use crate::audit::{Event, EventKind};
use crate::job::{Job, State, Store, StoreError};
use crate::policy::PolicyDecision;
use crate::principal::{PrincipalName, Role};

/// Where the store keeps who is frozen.
const NOTE: &str = "frozen";

/// Who is frozen now.
pub(super) struct Frozen(Noted<BTreeMap<String, Since>>);

/// By whom, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Since {
    by: String,
    why: Option<String>,
    at: u64,
    #[serde(default)]
    holds: Holds,
}

/// Until who lets it go. What comes over the network undoes only what came over the network.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
enum Holds {
    #[default]
    UntilPeople,
    UntilAnyAdmin,
}

/// Names of principals are in lower case, so this is none.
const HOST: &str = "HOST";

fn key(whom: &Whom) -> &str {
    match whom {
        Whom::Host => HOST,
        Whom::Principal(name) => name,
    }
}

impl Frozen {
    pub(super) fn load(store: &Store) -> Result<Self, StoreError> {
        Ok(Self(Noted::new(NOTE, store.note(NOTE)?.unwrap_or_default())))
    }

    fn all(&self) -> MutexGuard<'_, BTreeMap<String, Since>> {
        self.0.now()
    }

    /// Who froze the principal or the host, in words for the caller: no name of a person, who would be asked next.
    pub(super) fn reason(&self, principal: &PrincipalName) -> Option<&'static str> {
        let all = self.all();
        if all.contains_key(HOST) {
            return Some("the host is frozen until a person thaws it");
        }
        all.contains_key(principal.as_str()).then_some("the caller is frozen until a person thaws it")
    }

    /// Freezes; whether that is news. What people froze stays theirs to thaw.
    fn put(&self, key: &str, since: Since) -> bool {
        let mut all = self.all();
        if let Some(there) = all.get_mut(key)
            && (there.holds, since.holds) == (Holds::UntilPeople, Holds::UntilAnyAdmin)
        {
            // No thaw that was said before this undoes it.
            there.at = there.at.max(since.at);
            return false;
        }
        all.insert(key.to_owned(), since).is_none()
    }

    /// Thaws what is frozen since then. What was frozen anew meanwhile stays frozen.
    fn take(&self, key: &str, since: &Since) -> bool {
        let mut all = self.all();
        let is_it = all.get(key) == Some(since);
        if is_it {
            all.remove(key);
        }
        is_it
    }
}

/// Who freezes or thaws.
pub(super) enum By<'a> {
    /// A person in the chat.
    Person(&'a Approver),
    /// Somebody on the host, by their Unix user.
    Here(&'a str),
    /// A budget that was used up.
    Budget,
    /// A principal with the role admin, over the network.
    Admin(&'a PrincipalName),
}

impl By<'_> {
    fn name(&self) -> String {
        match self {
            Self::Person(person) => person.name.clone(),
            Self::Here(user) => format!("{user} on the host"),
            Self::Budget => "a budget that was used up".to_owned(),
            Self::Admin(name) => format!("the admin {name} over the network"),
        }
    }

    fn holds(&self) -> Holds {
        match self {
            Self::Person(_) | Self::Here(_) | Self::Budget => Holds::UntilPeople,
            Self::Admin(_) => Holds::UntilAnyAdmin,
        }
    }
}

/// How far an order was taken.
pub(super) enum Ordered {
    /// All the way.
    Done(Answer),
    /// It is known what is to be thawed, and its sender is to be looked at.
    Thaw(Thaw),
    /// Those who watch the log are to be asked.
    Checkpoint,
}

/// What somebody wants thawed, as it was frozen when they said so.
pub(super) struct Thaw {
    whom: Whom,
    since: Since,
}

impl Gate {
    /// The refusal that a frozen principal gets.
    pub(super) fn frozen(&self, principal: &PrincipalName) -> Option<PolicyDecision> {
        let reason = self.frozen.reason(principal)?;
        let rules = self.rules.load();
        let contract = rules.contracts.get(principal).map(|contract| contract.digest().clone());
        Some(PolicyDecision { contract, ..PolicyDecision::deny("frozen", reason, rules.revision.clone()) })
    }

    /// Takes an order from the chat, as far as that can be done without asking anybody.
    pub(super) async fn ordered(
        self: &Arc<Self>,
        order: Order,
        sender: &Approver,
        inbound: &Inbound,
    ) -> Ordered {
        Ordered::Done(match order {
            Order::Freeze(whom) => match self.known_as(whom) {
                Ok(whom) => {
                    self.freeze(&whom, &By::Person(sender), None).await;
                    Answer::Frozen { who: whom.as_str().to_owned() }
                }
                Err(unknown) => unknown,
            },
            // No secret, and it changes nothing: whoever gets it learns how many records there are.
            Order::Checkpoint => return Ordered::Checkpoint,
            Order::Thaw(whom) => {
                let whom = self.meant(whom);
                let since = self.frozen.all().get(key(&whom)).cloned();
                match since {
                    None => Answer::NotFrozen,
                    Some(_) if inbound.group.is_some() => Answer::InGroup,
                    Some(_) if inbound.edited => Answer::Edited,
                    // Signal delivers late: an old word does not undo what was said since.
                    Some(since) if inbound.sent_at() < since.at => Answer::OlderThanQuestion,
                    Some(since) => return Ordered::Thaw(Thaw { whom, since }),
                }
            }
        })
    }

    /// Thaws what was frozen when the order came, once its sender is known to be who was enrolled.
    pub(super) async fn thawed_by(self: &Arc<Self>, sender: &Approver, thaw: Thaw) -> Answer {
        if let Err(answer) = self.is_still(sender).await {
            return answer;
        }
        match self.thaw_since(&thaw.whom, &By::Person(sender), thaw.since).await {
            Ok(true) => Answer::Thawed { who: thaw.whom.as_str().to_owned() },
            Ok(false) if self.frozen.all().contains_key(key(&thaw.whom)) => Answer::FrozenAnew,
            Ok(false) => Answer::NotFrozen,
            Err(_unrecorded) => Answer::NotRecorded,
        }
    }

    /// The same from somebody on the host. To thaw takes an enrolled approver, or root.
    pub(super) async fn ordered_here(
        self: &Arc<Self>,
        user: &str,
        order: Order,
        why: Option<String>,
    ) -> Result<GateAnswer, Problem> {
        let said = match order {
            Order::Checkpoint => return Ok(GateAnswer::Text(self.checkpoint_seen().await)),
            Order::Freeze(whom) => {
                let whom = self
                    .known_as(whom)
                    .map_err(|unknown| Problem::new(ProblemKind::NotFound, unknown.text()))?;
                self.freeze(&whom, &By::Here(user), why).await;
                Answer::Frozen { who: whom.as_str().to_owned() }
            }
            Order::Thaw(_) if user != "root" && self.people.load().with_unix_user(user).is_none() => {
                return Err(Problem::new(ProblemKind::Forbidden, "no approver is this Unix user"));
            }
            Order::Thaw(whom) => {
                let whom = self.meant(whom);
                match self.thaw(&whom, &By::Here(user)).await? {
                    true => Answer::Thawed { who: whom.as_str().to_owned() },
                    false => return Err(Problem::new(ProblemKind::NotFound, Answer::NotFrozen.text())),
                }
            }
        };
        Ok(GateAnswer::Done(said.text()))
    }

    /// The same over the network, for admins. Whoever took over what speaks for them there can freeze, which is safe, and
    /// thaw what was frozen there, but nothing that a person or a budget froze.
    pub(super) async fn ordered_by_admin(
        self: &Arc<Self>,
        caller: &PrincipalName,
        order: Order,
        why: Option<String>,
    ) -> Result<GateAnswer, Problem> {
        self.admits_admin(caller, "freezing")?;
        let nobody = |what| Problem::new(ProblemKind::NotFound, format!("nobody of that name {what}"));
        match order {
            Order::Checkpoint => {
                Err(Problem::new(ProblemKind::Forbidden, "checkpoints are given to people on the host"))
            }
            Order::Freeze(whom) => {
                let whom = self.known_as(whom).map_err(|_names| nobody("may ask for anything here"))?;
                self.freeze(&whom, &By::Admin(caller), why).await;
                Ok(GateAnswer::Document(json!({"who": whom.as_str(), "frozen": true})))
            }
            Order::Thaw(whom) => {
                let whom = self.meant(whom);
                let holds = self.frozen.all().get(key(&whom)).map(|since| since.holds);
                if holds == Some(Holds::UntilPeople) {
                    let why = "it was not frozen over the network, so that only people thaw it";
                    return Err(Problem::new(ProblemKind::Forbidden, why));
                }
                if !self.thaw(&whom, &By::Admin(caller)).await? {
                    return Err(nobody("is frozen"));
                }
                Ok(GateAnswer::Document(json!({"who": whom.as_str(), "frozen": false})))
            }
        }
    }

    /// Whether the caller may look after the host over the network. One that is frozen may nothing, and one that has
    /// frozen the host still may.
    pub(super) fn admits_admin(&self, caller: &PrincipalName, what: &str) -> Result<(), Problem> {
        if !self.has_role(caller, Role::Admin) {
            return Err(Problem::new(ProblemKind::Forbidden, format!("{what} is for the role admin")));
        }
        if self.frozen.all().contains_key(caller.as_str()) {
            return Err(Problem::new(ProblemKind::Forbidden, "the caller is frozen until a person thaws it"));
        }
        Ok(())
    }

    /// The host also goes by its name.
    fn meant(&self, whom: Whom) -> Whom {
        let is_host = matches!(&whom, Whom::Principal(name) if *name == self.identity.name.to_lowercase());
        if is_host { Whom::Host } else { whom }
    }

    /// The principal that is meant, when there is one.
    fn known_as(&self, whom: Whom) -> Result<Whom, Answer> {
        let whom = self.meant(whom);
        let Whom::Principal(name) = &whom else { return Ok(whom) };
        let rules = self.rules.load();
        if rules.contracts.names().any(|known| known.as_str() == name) {
            return Ok(whom);
        }
        Err(Answer::NobodyCalled { names: rules.contracts.names().map(ToString::to_string).collect() })
    }

    /// Freezes, ends what has not begun, and tells everybody.
    pub(super) async fn freeze(self: &Arc<Self>, whom: &Whom, by: &By<'_>, why: Option<String>) {
        let since = Since { by: by.name(), why, at: self.now_ms(), holds: by.holds() };
        let is_news = self.frozen.put(key(whom), since.clone());
        let event = Event::new(EventKind::Frozen)
            .with("who", whom.as_str())
            .with("by", since.by.as_str())
            .with("why", json!(since.why));
        if let Err(error) = self.kept(event).await {
            tracing::error!(error = &error as &dyn std::error::Error, "a freeze holds, and is not recorded");
        }
        self.end_what_waits(whom, &since.by).await;
        if is_news {
            let who = match whom {
                Whom::Host => None,
                Whom::Principal(name) => Some(name.clone()),
            };
            let at = from_millis(since.at);
            self.announce(Notice::Frozen { who, by: since.by, why: since.why, at }, None);
        }
    }

    /// Thaws; false when nothing was frozen.
    async fn thaw(self: &Arc<Self>, whom: &Whom, by: &By<'_>) -> Result<bool, Unrecorded> {
        let Some(since) = self.frozen.all().get(key(whom)).cloned() else { return Ok(false) };
        self.thaw_since(whom, by, since).await
    }

    /// The same of what is frozen since then: whoever is frozen anew meanwhile stays so.
    async fn thaw_since(
        self: &Arc<Self>,
        whom: &Whom,
        by: &By<'_>,
        since: Since,
    ) -> Result<bool, Unrecorded> {
        if self.frozen.all().get(key(whom)) != Some(&since) {
            return Ok(false);
        }
        // Whom people have frozen since it was looked is theirs.
        if since.holds == Holds::UntilPeople && by.holds() == Holds::UntilAnyAdmin {
            return Ok(false);
        }
        let event = Event::new(EventKind::Thawed).with("who", whom.as_str()).with("by", by.name());
        self.record(event).await?;
        let was_spent = since.by == By::Budget.name();
        if let Whom::Principal(name) = whom
            && was_spent
        {
            // Its budget begins anew, or the next operation would freeze it again at once.
            let (gate, name) = (Arc::clone(self), name.clone());
            let kept = tokio::task::spawn_blocking(move || gate.keep_forgiven(&name)).await;
            kept.map_err(|_panicked| Unrecorded::Thread)??;
        }
        if !self.frozen.take(key(whom), &since) {
            return Ok(false);
        }
        if let Err(error) = self.frozen.0.keep(&self.store).await {
            self.frozen.put(key(whom), since);
            return Err(error);
        }
        let who = match whom {
            Whom::Host => None,
            Whom::Principal(name) => Some(name.clone()),
        };
        self.announce(Notice::Thawed { who, by: by.name() }, None);
        Ok(true)
    }

    async fn kept(&self, event: Event) -> Result<(), Unrecorded> {
        // The store first: a freeze that is on record but forgotten at the next start would be worse.
        self.frozen.0.keep(&self.store).await?;
        self.record(event).await.map(drop)
    }

    async fn end_what_waits(&self, whom: &Whom, by: &str) {
        for cell in self.live.all() {
            let mut job = cell.job.lock().await;
            let is_meant = match whom {
                Whom::Host => true,
                Whom::Principal(name) => job.principal.as_str() == name,
            };
            if !is_meant || !matches!(job.state, State::Pending | State::Approved) {
                continue;
            }
            let was_pending = job.state == State::Pending;
            let event = self.event(EventKind::Cancelled, &job).with("by", by).with("why", "frozen");
            let mut ended = Job::clone(&job);
            ended.outcome.error = Some("frozen before it began; nothing ran".to_owned());
            let before = std::mem::replace(&mut *job, ended);
            if let Err(error) = self.advance(&cell, &mut job, State::Cancelled, event).await {
                // It is looked at again before it begins.
                tracing::error!(error = &error as &dyn std::error::Error, "what was frozen is not ended yet");
                *job = before;
                continue;
            }
            if was_pending {
                self.approval_closed(&job, "frozen");
            }
            self.tell(&job, &Outcome::Frozen).await;
        }
    }
}
