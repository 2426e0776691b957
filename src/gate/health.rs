//! How the channel to people is: what is counted, what root sees and does about it, and what is told before somebody has to
//! be asked.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Gate;
use super::envelope::rfc3339;
use super::preflight::Status as Checked;
use super::protocol::{Answer, Problem, ProblemKind, SignalStep};
use super::record::Unrecorded;
use crate::alarm::What;
use crate::approval::Channel;
use crate::approval::signal::{CaptchaError, Status, Worth, version};
use crate::audit::{Event, EventKind};

/// Where it is kept since when the daemon's version is known.
const NOTE: &str = "signal_version";
/// How often it is looked.
const LOOK: Duration = Duration::from_secs(1);
/// How often it is told that the daemon is old.
const OLD_EVERY_MS: u64 = 7 * 86_400_000;

/// What is known of the channel.
#[derive(Default)]
pub(super) struct Health(Mutex<Known>);

#[derive(Debug, Clone, Default)]
struct Known {
    version: Option<Seen>,
    told_old_at: Option<u64>,
    /// Whether a captcha that is wanted was told.
    told_captcha: bool,
    canary: Canary,
}

/// The daemon's version, and since when it is known here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Seen {
    version: String,
    since: u64,
}

/// What came of notes to ourselves.
#[derive(Debug, Clone, Default)]
pub(super) struct Canary {
    pub(super) taken_at: Option<u64>,
    pub(super) came_back_at: Option<u64>,
    /// Why the last one was not taken.
    pub(super) trouble: Option<String>,
}

impl Health {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn canary<T>(&self, change: impl FnOnce(&mut Canary) -> T) -> T {
        change(&mut self.known().canary)
    }
}

/// Looks at the channel for as long as the gate lives.
pub(super) async fn keep(gate: Arc<Gate>) {
    loop {
        if let Err(error) = gate.look_at_channel().await {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "the channel's health is not on record"
            );
        }
        tokio::time::sleep(LOOK).await;
    }
}

impl Gate {
    async fn look_at_channel(self: &Arc<Self>) -> Result<(), Unrecorded> {
        self.note_version().await?;
        self.tell_of_captcha().await?;
        let now = self.now_ms();
        let Some((daemon, age)) = self.daemon_age().filter(|(_, age)| *age >= version::OLD) else {
            return Ok(());
        };
        let is_quiet = |at: u64| now.saturating_sub(at) < OLD_EVERY_MS;
        if self.health.known().told_old_at.is_some_and(is_quiet) {
            return Ok(());
        }
        self.health.known().told_old_at = Some(now);
        let days = age.as_secs() / 86_400;
        tracing::warn!(version = daemon, days, "signal-cli is old; Signal refuses it after about 90 days");
        self.alarm(What::OldDaemon { version: daemon, days });
        Ok(())
    }

    /// Keeps since when the daemon is of its version.
    async fn note_version(self: &Arc<Self>) -> Result<(), Unrecorded> {
        let Channel::Signal(link) = &self.channel else { return Ok(()) };
        let Status::Up { version, reachable: _ } = link.status() else { return Ok(()) };
        if self.health.known().version.as_ref().is_some_and(|seen| seen.version == version) {
            return Ok(());
        }
        let (store, now) = (Arc::clone(&self.store), self.now_ms());
        let noted = tokio::task::spawn_blocking(move || {
            let kept: Option<Seen> = store.note(NOTE)?;
            let seen = kept.filter(|kept| kept.version == version && kept.since <= now);
            let seen = seen.unwrap_or(Seen { version, since: now });
            store.put_note(NOTE, &seen)?;
            Ok::<_, crate::job::StoreError>(seen)
        });
        let seen = noted.await.map_err(|_panicked| Unrecorded::Thread)??;
        self.health.known().version = Some(seen);
        Ok(())
    }

    /// The daemon's version in numbers, and how old it is at least.
    pub(super) fn daemon_age(&self) -> Option<(String, Duration)> {
        let seen = self.health.known().version.clone()?;
        let known_for = Duration::from_millis(self.now_ms().saturating_sub(seen.since));
        let age = version::least_age(&seen.version, self.clock.now()).unwrap_or_default().max(known_for);
        let shown = match version::parse(&seen.version) {
            Some((major, minor, patch)) => format!("{major}.{minor}.{patch}"),
            None => "of an unknown version".to_owned(),
        };
        Some((shown, age))
    }

    /// Tells whoever looks after the host that a captcha is wanted, once, with what to do.
    async fn tell_of_captcha(&self) -> Result<(), Unrecorded> {
        let is_wanted = self.channel.traffic().captcha.is_some();
        if std::mem::replace(&mut self.health.known().told_captcha, is_wanted) == is_wanted {
            return Ok(());
        }
        let why =
            if is_wanted { "Signal wants a captcha solved" } else { "Signal wants no captcha any more" };
        if is_wanted {
            tracing::error!("{}", What::CaptchaWanted.text(&self.identity.name));
            self.alarm(What::CaptchaWanted);
        }
        let event = Event::new(EventKind::ChannelState).with("up", self.channel.is_up()).with("why", why);
        self.record(event).await?;
        Ok(())
    }

    /// How the daemon's age is judged, in words.
    pub(super) fn daemon_judged(&self) -> (Checked, String) {
        match self.daemon_age() {
            None => (Checked::CouldNotCheck, "the daemon has not said its version yet".to_owned()),
            Some((version, age)) => {
                let days = age.as_secs() / 86_400;
                let said = format!("signal-cli {version}, {days} days old or older");
                let status = match age {
                    age if age >= version::REFUSED => Checked::Fail,
                    age if age >= version::OLD => Checked::Warn,
                    _ => Checked::Pass,
                };
                (status, said)
            }
        }
    }

    /// Takes one step, for root.
    pub(super) async fn look_after_signal(self: &Arc<Self>, step: SignalStep) -> Result<Answer, Problem> {
        match step {
            SignalStep::Status => Ok(Answer::Document(self.channel_shown())),
            SignalStep::Captcha { solution } => {
                self.channel.solve_captcha(&solution).await.map_err(|error| match error {
                    CaptchaError::NotWanted => Problem::new(ProblemKind::NotFound, error.to_string()),
                    CaptchaError::Rejected => Problem::new(ProblemKind::Denied, error.to_string()),
                    CaptchaError::NotHere | CaptchaError::Failed { .. } => {
                        Problem::new(ProblemKind::Unavailable, error.to_string())
                    }
                    CaptchaError::Down => Problem::new(ProblemKind::NoChannel, error.to_string()),
                })?;
                Ok(Answer::Done("the server has taken it; what waited is sent now".to_owned()))
            }
        }
    }

    /// All that is known of the channel, for root.
    fn channel_shown(&self) -> Value {
        let traffic = self.channel.traffic();
        let (canary, version) = {
            let known = self.health.known();
            (known.canary.clone(), known.version.clone())
        };
        let heard = match &self.channel {
            Channel::Signal(link) => link.last_heard(),
            Channel::None => None,
        };
        let (judged, said) = self.daemon_judged();
        let dropped: serde_json::Map<String, Value> =
            traffic.dropped.iter().map(|(worth, count)| (worth.label().to_owned(), json!(count))).collect();
        json!({
            "up": self.channel.is_up(), "why": self.channel.trouble(), "reachable": self.channel.reachable(),
            "version": version.map(|seen| seen.version), "age": said, "age_status": judged.as_str(),
            "last_heard_at": heard.map(|at| rfc3339(super::millis(at))),
            "waiting": traffic.waiting, "given_up": dropped, "held_seconds": traffic.held_for.map(|left| left.as_secs()),
            "captcha_wanted": traffic.captcha.is_some(), "sends": traffic.results,
            "canary": {
                "taken_at": canary.taken_at.map(rfc3339), "came_back_at": canary.came_back_at.map(rfc3339),
                "trouble": canary.trouble,
            },
        })
    }

    /// Brings what is counted elsewhere into the metrics.
    pub(super) fn refresh_signal_metrics(&self) {
        let metrics = &self.metrics.signal;
        let traffic = self.channel.traffic();
        let number = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        metrics.queue.set(number(traffic.waiting));
        metrics
            .held
            .set(traffic.held_for.map_or(0, |left| i64::try_from(left.as_secs()).unwrap_or(i64::MAX)));
        metrics.captcha.set(i64::from(traffic.captcha.is_some()));
        metrics.sends_are(&traffic.results);
        let given_up =
            |worth| (Worth::label(worth), traffic.dropped.get(&worth).copied().unwrap_or_default());
        metrics.given_up_are([Worth::News, Worth::Question].into_iter().map(given_up));
        if let Some((version, age)) = self.daemon_age() {
            metrics.daemon_is(&version, i64::try_from(age.as_secs()).unwrap_or(i64::MAX));
        }
        if let Some(at) = self.health.known().canary.taken_at {
            metrics.canary_at(i64::try_from(at / 1000).unwrap_or(i64::MAX));
        }
        let Channel::Signal(link) = &self.channel else { return };
        metrics.dropped_are(link.dropped().into_iter().map(|(reason, count)| (reason.label(), count)));
        metrics.identities_are(&link.keys().borrow());
        let heard = link.last_heard().and_then(|at| at.duration_since(UNIX_EPOCH).ok());
        if let Some(heard) = heard {
            metrics.heard_at(i64::try_from(heard.as_secs()).unwrap_or(i64::MAX));
        }
    }
}
