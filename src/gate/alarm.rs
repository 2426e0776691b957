//! Raises alarms: what is wrong with the way to people is told by another way, which the gate itself does not go.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use serde_json::json;
use tokio::sync::mpsc;

use super::Gate;
use super::ask::{excluded, terms_of};
use super::record::Unrecorded;
use crate::alarm::config::AlarmsConfig;
use crate::alarm::spool::{PutError, Spool, Told};
use crate::alarm::{Alarm, What};
use crate::approval::Channel;
use crate::audit::{Event, EventKind};
use crate::job::{Job, State};

/// How often the way to people is looked at, and what came of alarms.
const LOOK: Duration = Duration::from_secs(1);
/// How many alarms may be on their way to the folder.
const PENDING: usize = 64;
/// How many different things are remembered as told a moment ago.
const REMEMBERED: usize = 1_024;

/// What alarms go by.
pub(super) struct Alarms {
    in_force: ArcSwapOption<InForce>,
    raise: mpsc::Sender<What>,
}

struct InForce {
    config: AlarmsConfig,
    spool: Spool,
}

impl Alarms {
    /// By this configuration, if there is one; what is raised comes out of the receiver.
    pub(super) fn new(config: Option<AlarmsConfig>) -> (Self, mpsc::Receiver<What>) {
        let (raise, raised) = mpsc::channel(PENDING);
        let alarms = Self { in_force: ArcSwapOption::empty(), raise };
        alarms.set(config);
        (alarms, raised)
    }

    /// By another configuration from now on.
    pub(super) fn set(&self, config: Option<AlarmsConfig>) {
        let in_force = config.map(|config| Arc::new(InForce { spool: Spool::of(&config), config }));
        self.in_force.store(in_force);
    }
}

/// What was told of the way to people, so that it is told once and taken back.
#[derive(Default)]
struct Watch {
    told_at: BTreeMap<String, u64>,
    down_since: Option<Duration>,
    few_since: Option<Duration>,
    told_down: bool,
    told_few: bool,
    reachable: Option<Vec<String>>,
    reachable_since: Duration,
    in_vain: BTreeSet<String>,
}

impl Watch {
    /// Whether the same was told a moment ago.
    fn is_quiet(&self, what: &What, now: u64, quiet_for: Duration) -> bool {
        let quiet_for = u64::try_from(quiet_for.as_millis()).unwrap_or(u64::MAX);
        self.told_at.get(&what.key()).is_some_and(|at| now.saturating_sub(*at) < quiet_for)
    }

    fn note(&mut self, what: &What, now: u64) {
        if self.told_at.len() >= REMEMBERED {
            self.told_at.clear();
        }
        self.told_at.insert(what.key(), now);
    }
}

/// Raises what is raised, and looks for what is to be, for as long as the gate lives.
pub(super) async fn keep(gate: Arc<Gate>, mut raised: mpsc::Receiver<What>) {
    let (mut watch, mut look) = (Watch::default(), tokio::time::interval(LOOK));
    look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        let what = tokio::select! {
            what = raised.recv() => what,
            _ = look.tick() => None,
        };
        let Some(now) = gate.alarms.in_force.load_full() else { continue };
        if let Some(what) = what {
            gate.raise_once(&now, &mut watch, what).await;
        } else {
            gate.look_for_alarms(&now, &mut watch).await;
            gate.hear_of_alarms(&now).await;
        }
    }
}

impl Gate {
    /// Something is to be told. It never waits: what is refused is refused at once.
    pub(super) fn alarm(&self, what: What) {
        let name = what.name();
        if self.alarms.in_force.load().is_some() && self.alarms.raise.try_send(what).is_err() {
            self.metrics.alarm_raised(name, "dropped");
        }
    }

    /// Something that needs people was refused, because they cannot be asked.
    pub(super) fn alarm_of_refusal(&self, job: &Job, why: &str) {
        self.alarm(What::NotAsked {
            principal: job.principal.clone(),
            operation: job.submission.operation.tool(),
            why: why.to_owned(),
        });
    }

    /// Raises it, unless the same was raised a moment ago. An agent that asks again and again wakes nobody again and again.
    async fn raise_once(&self, by: &InForce, watch: &mut Watch, what: What) {
        if watch.is_quiet(&what, self.now_ms(), by.config.quiet_for) {
            return self.metrics.alarm_raised(what.name(), "quiet");
        }
        watch.note(&what, self.now_ms());
        self.raise(by, &what).await;
    }

    async fn raise(&self, by: &InForce, what: &What) {
        let outcome = match self.hand_over(by, what).await {
            Ok(()) => "waits",
            Err(error) => {
                tracing::error!(error, what = what.name(), "an alarm is not told");
                "dropped"
            }
        };
        self.metrics.alarm_raised(what.name(), outcome);
    }

    /// Recorded, then put where the one who delivers finds it.
    async fn hand_over(&self, by: &InForce, what: &What) -> Result<(), String> {
        let id = self.new_id("al").map_err(|problem| problem.detail)?;
        let at = self.now_ms();
        let lasts = u64::try_from(by.config.expires_after.as_millis()).unwrap_or(u64::MAX);
        let alarm = Alarm {
            id,
            host: self.identity.name.clone(),
            what: what.name().to_owned(),
            text: what.text(&self.identity.name),
            at,
            expires_at: at.saturating_add(lasts),
        };
        let event = Event::new(EventKind::Alarm)
            .with("alarm", alarm.id.as_str())
            .with("state", "raised")
            .with("what", alarm.what.as_str())
            .with("text", alarm.text.as_str());
        self.record(event).await.map_err(|error| super::causes(&error))?;
        let spool = by.spool.clone();
        let put = tokio::task::spawn_blocking(move || spool.put(&alarm)).await;
        put.unwrap_or_else(|_ended| Err(PutError::Io(std::io::Error::other("the thread that writes ended"))))
            .map_err(|error| super::causes(&error))
    }

    /// Looks whether people can be asked, and raises what has been wrong for long enough.
    async fn look_for_alarms(&self, by: &InForce, watch: &mut Watch) {
        let (now, now_ms) = (self.clock.boot(), self.now_ms());
        let lasts = |since: Duration| now.saturating_sub(since) >= by.config.down_for;
        let mut what = Vec::new();
        match self.channel.trouble() {
            None if matches!(self.channel, Channel::None) => {}
            Some(why) => {
                let since = *watch.down_since.get_or_insert(now);
                if !watch.told_down && lasts(since) {
                    what.push(What::ChannelDown { why: why.to_owned() });
                }
            }
            None => {
                watch.down_since = None;
                if watch.told_down {
                    what.push(What::ChannelUp);
                }
                let (reachable, wanted) = (self.channel.reachable().len(), by.config.least_reachable);
                if reachable >= wanted {
                    watch.few_since = None;
                    if watch.told_few {
                        what.push(What::EnoughReachable { reachable });
                    }
                } else if !watch.told_few && lasts(*watch.few_since.get_or_insert(now)) {
                    what.push(What::TooFewReachable { reachable, wanted });
                }
            }
        }
        what.extend(self.waits_in_vain(watch, lasts).await);
        for what in what {
            match &what {
                What::ChannelUp => watch.told_down = false,
                What::EnoughReachable { .. } => watch.told_few = false,
                other if watch.is_quiet(other, now_ms, by.config.quiet_for) => continue,
                What::ChannelDown { .. } => watch.told_down = true,
                What::TooFewReachable { .. } => watch.told_few = true,
                What::NotAsked { .. }
                | What::WaitsInVain { .. }
                | What::NotDelivered { .. }
                | What::CaptchaWanted
                | What::OldDaemon { .. }
                | What::CanaryLost { .. }
                | What::CanaryBack
                | What::Test => {}
            }
            watch.note(&what, now_ms);
            self.raise(by, &what).await;
        }
    }

    /// What waits for people and will not get enough of them, looked at once after who can be reached has changed.
    async fn waits_in_vain(&self, watch: &mut Watch, lasts: impl Fn(Duration) -> bool) -> Vec<What> {
        let names = self.channel.reachable();
        if watch.reachable.as_ref() != Some(&names) {
            watch.reachable = Some(names);
            watch.reachable_since = self.clock.boot();
            watch.in_vain.clear();
        }
        let (Some(names), true) = (&watch.reachable, lasts(watch.reachable_since)) else { return Vec::new() };
        let people = self.people.load_full();
        let mut found = Vec::new();
        for cell in self.live.all() {
            let job = cell.job.lock().await;
            let Some(approval) = job.approval.as_ref().filter(|_| job.state == State::Pending) else {
                continue;
            };
            let (terms, excluded) = (terms_of(&job), excluded(&job));
            let quorum = terms.quorum();
            let can_say = |name: &String| names.contains(name) || approval.confirmed_by.contains(name);
            let able = people.eligible(quorum, &excluded).filter(|person| can_say(&person.name));
            let missing = quorum.missing(able.map(|person| person.groups.as_slice()));
            if missing > 0 && watch.in_vain.insert(job.id.clone()) {
                found.push(What::WaitsInVain { operation: job.id.clone(), missing });
            }
        }
        found
    }

    /// Takes to the log and the metrics what became of alarms, then takes them out.
    async fn hear_of_alarms(&self, by: &InForce) {
        let (spool, now) = (by.spool.clone(), self.now_ms());
        let looked = tokio::task::spawn_blocking(move || (spool.count(), spool.ended(now))).await;
        let (count, ended) = match looked {
            Ok((Ok(count), Ok(ended))) => (count, ended),
            Ok((Err(error), _) | (_, Err(error))) => {
                return tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "alarms cannot be looked at"
                );
            }
            Err(_ended) => return,
        };
        self.metrics.alarms_waiting.set(i64::try_from(count).unwrap_or(i64::MAX));
        for (id, ways) in ended {
            if let Err(error) = self.record_told(by, &id, &ways).await {
                return tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "what became of an alarm is not recorded"
                );
            }
            if let Err(error) = by.spool.remove(&id) {
                return tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "an alarm cannot be taken out"
                );
            }
        }
    }

    async fn record_told(&self, by: &InForce, id: &str, ways: &[(String, Told)]) -> Result<(), Unrecorded> {
        for (name, told) in ways {
            let kind = by.config.ways.iter().find(|way| way.name == *name).map_or("", |way| way.by.name());
            let event = Event::new(EventKind::Alarm)
                .with("alarm", id)
                .with("state", told.outcome.name())
                .with("way", name.as_str())
                .with("by", kind)
                .with("tries", told.tries)
                .with("why", json!(told.why));
            self.record(event).await?;
            self.metrics.alarm_ended(kind, told.outcome.name(), told.tries);
        }
        Ok(())
    }
}
